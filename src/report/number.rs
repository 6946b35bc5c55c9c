//! Numbers as people read them.

/// A share as percent: `63.6 %`.
pub(super) fn percent(share: f64) -> String {
    if share.is_finite() { format!("{} %", trimmed(100.0 * share)) } else { NONE.to_owned() }
}

/// A difference of shares in points, with its sign: `+53.5`, `−5.1`, `0`.
pub(super) fn points(difference: f64) -> String {
    if !difference.is_finite() {
        return NONE.to_owned();
    }
    let text = trimmed(100.0 * difference.abs());
    match text.as_str() {
        "0" => text,
        _ if difference < 0.0 => format!("−{text}"),
        _ => format!("+{text}"),
    }
}

/// What a table has where a number is missing.
pub(super) const NONE: &str = "–";

/// One decimal, none where it is a zero.
fn trimmed(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned).replace("-0", "0")
}

/// Four significant digits; very large and very small numbers with an exponent.
pub(super) fn significant(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..9).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let decimals = usize::try_from(3 - magnitude).unwrap_or_default();
    let text = format!("{value:.decimals$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `74.7 s`, `12 min 5 s`, `3 h 4 min`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    let whole = seconds.round() as u64;
    match whole {
        0..=99 => format!("{seconds:.1} s"),
        100..=3599 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `860 MiB`.
pub(super) fn bytes(n: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    if !n.is_finite() || n < 0.0 {
        return NONE.to_owned();
    }
    let mut unit = 0;
    let mut left = n;
    while left >= 1024.0 && unit + 1 < UNITS.len() {
        (left, unit) = (left / 1024.0, unit + 1);
    }
    let text = if left < 10.0 && unit > 0 { format!("{left:.1}") } else { format!("{left:.0}") };
    format!("{text} {}", UNITS[unit])
}

/// `2026-12-02 06:43:58 UTC` of a time as RFC 3339 writes it; any other text as it is.
pub(super) fn time(text: &str) -> String {
    match (text.get(..10), text.get(10..11), text.get(11..19)) {
        (Some(date), Some("T"), Some(clock)) if text.ends_with('Z') => format!("{date} {clock} UTC"),
        _ => text.to_owned(),
    }
}

/// `1 prompt`, `66 prompts`.
pub(super) fn counted(n: usize, thing: &str) -> String {
    if n == 1 { format!("{n} {thing}") } else { format!("{n} {thing}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_differences() {
        assert_eq!([percent(0.6363), percent(1.0), percent(f64::NAN)], ["63.6 %", "100 %", "–"]);
        assert_eq!([points(0.535), points(-0.0514), points(-0.0), points(-0.0001)], ["+53.5", "−5.1", "0", "0"]);
    }

    #[test]
    fn four_digits_are_enough() {
        let text = [0.0, 2.2131996, 0.0005, 63592.0, 1_234_567.8, 3.7e-6, -0.25, 1e300, f64::INFINITY].map(significant);
        assert_eq!(text, ["0", "2.213", "0.0005", "63592", "1234568", "3.700e-6", "-0.25", "1.000e300", "–"]);
    }

    #[test]
    fn times_and_sizes() {
        assert_eq!([duration(74.73), duration(725.0), duration(11_040.0)], ["74.7 s", "12 min 5 s", "3 h 4 min"]);
        assert_eq!([bytes(901_578_752.0), bytes(512.0), bytes(3.5 * 1024.0)], ["860 MiB", "512 B", "3.5 KiB"]);
        assert_eq!(time("2026-12-02T06:43:58.575946054Z"), "2026-12-02 06:43:58 UTC");
        assert_eq!([time("yesterday"), time("été 2026, à midi, Z")], ["yesterday", "été 2026, à midi, Z"]);
        assert_eq!([counted(1, "prompt"), counted(0, "prompt")], ["1 prompt", "0 prompts"]);
    }
}
