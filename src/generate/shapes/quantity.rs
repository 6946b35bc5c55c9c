//! Dates and numbers that can be compared.

use crate::corpus::{Fact, Kind, Language};
use crate::generate::grammar::folded;

/// What two values are compared by.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(super) enum Quantity {
    /// Year, month, day; a part that is not given is 0. Dates are compared with those that give the same parts.
    Date {
        year: i32,
        month: u32,
        day: u32,
    },
    Number(f64),
}

impl Quantity {
    /// None: not a quantity, or one that can be read in two ways (`1,024`, `03/04/2021`).
    pub(super) fn of(fact: &Fact) -> Option<Self> {
        let [value] = fact.values.as_slice() else { return None };
        match fact.kind {
            Kind::Date => date(value, fact.language),
            Kind::Number | Kind::Money => number(without_measure(value, fact.measure.as_deref()), fact.language),
            _ => None,
        }
    }

    /// Whether the two can be compared, and are not the same.
    pub(super) fn differs(self, other: Self) -> bool {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => (a - b).abs() > f64::EPSILON * a.abs().max(b.abs()),
            (Self::Date { month: am, day: ad, .. }, Self::Date { month: bm, day: bd, .. }) => {
                (am == 0) == (bm == 0) && (ad == 0) == (bd == 0) && self != other
            }
            _ => false,
        }
    }
}

fn without_measure<'v>(value: &'v str, measure: Option<&str>) -> &'v str {
    let value = value.trim();
    let Some(measure) = measure else { return value };
    value.strip_suffix(measure).or_else(|| value.strip_prefix(measure)).unwrap_or(value).trim()
}

fn number(text: &str, language: Option<Language>) -> Option<Quantity> {
    let negative = text.starts_with(['-', '−']);
    let text = text.trim_start_matches(['-', '−', '+']);
    let digits: String = text.chars().filter(|c| !matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\'' | '_')).collect();
    if !digits.starts_with(|c: char| c.is_ascii_digit())
        || !digits.chars().all(|c| c.is_ascii_digit() || ".,".contains(c))
    {
        return None;
    }
    let plain = match (digits.matches('.').count(), digits.matches(',').count()) {
        (0, 0) => digits,
        (1, 0) if !is_grouped(&digits, '.') || language == Some(Language::En) => digits,
        (0, 1) if !is_grouped(&digits, ',') || language == Some(Language::Fr) => digits.replace(',', "."),
        (0, 1) if language == Some(Language::En) => digits.replace(',', ""),
        (0, 2..) if is_grouped(&digits, ',') => digits.replace(',', ""),
        (2.., 0) if is_grouped(&digits, '.') => digits.replace('.', ""),
        (1, 1..) if digits.rfind('.') > digits.rfind(',') => digits.replace(',', ""),
        (1.., 1) if digits.rfind(',') > digits.rfind('.') => digits.replace('.', "").replace(',', "."),
        _ => return None,
    };
    let number: f64 = plain.parse().ok()?;
    number.is_finite().then_some(Quantity::Number(if negative { -number } else { number }))
}

/// Whether three digits stand behind each separator, as between thousands.
fn is_grouped(digits: &str, separator: char) -> bool {
    let mut parts = digits.split(separator);
    parts.next().is_some_and(|first| (1..=3).contains(&first.len()) && first != "0")
        && parts.all(|part| part.len() == 3)
}

#[rustfmt::skip]
const MONTHS: &[(&str, u32)] = &[
    ("janvier", 1), ("janv", 1), ("january", 1), ("jan", 1), ("fevrier", 2), ("fevr", 2), ("fev", 2), ("february", 2), ("feb", 2),
    ("mars", 3), ("march", 3), ("mar", 3), ("avril", 4), ("avr", 4), ("april", 4), ("apr", 4), ("mai", 5), ("may", 5),
    ("juin", 6), ("june", 6), ("jun", 6), ("juillet", 7), ("juil", 7), ("july", 7), ("jul", 7), ("aout", 8), ("august", 8),
    ("aug", 8), ("septembre", 9), ("september", 9), ("sept", 9), ("sep", 9), ("octobre", 10), ("october", 10), ("oct", 10),
    ("novembre", 11), ("november", 11), ("nov", 11), ("decembre", 12), ("december", 12), ("dec", 12),
];

/// `2021`, `2021-03`, `2021-03-12`, `12/03/2021`, `12 mars 2021`, `March 12, 2021`, `mars 2021`; a time of day behind an ISO
/// date is left out.
fn date(text: &str, language: Option<Language>) -> Option<Quantity> {
    let fold = folded(text.trim());
    let mut words: Vec<&str> = fold.split(' ').collect();
    if words.first() == Some(&"le") {
        words.remove(0);
    }
    // `2021-03-12T08:00:00Z`: the day is what stands before the t.
    let day_of_iso = words.get(2).and_then(|w| w.split_once('t')).filter(|(day, _)| day.len() == 2).map(|(day, _)| day);
    if let (Some(day), true) = (day_of_iso, text.contains('-')) {
        words.truncate(2);
        words.push(day);
    }
    let month = |word: &str| MONTHS.iter().find(|(name, _)| *name == word).map(|(_, month)| *month);
    let plain = |word: &str| -> Option<u32> {
        let digits = word.strip_suffix("er").or_else(|| word.strip_suffix("th")).unwrap_or(word);
        (digits.len() <= 2 && digits.chars().all(|c| c.is_ascii_digit())).then(|| digits.parse().ok())?
    };
    let year = |word: &str| (word.len() == 4).then(|| word.parse::<i32>().ok())?;
    let (year, month, day) = match words.as_slice() {
        [y] => (year(y)?, 0, 0),
        [m, y] if month(m).is_some() => (year(y)?, month(m)?, 0),
        [y, m] if year(y).is_some() => (year(y)?, plain(m)?, 0),
        [m, y] => (year(y)?, plain(m)?, 0),
        [y, m, d] if year(y).is_some() => (year(y)?, plain(m)?, plain(d)?),
        [d, m, y] if month(m).is_some() => (year(y)?, month(m)?, plain(d)?),
        [m, d, y] if month(m).is_some() => (year(y)?, month(m)?, plain(d)?),
        [a, b, y] => {
            let (a, b) = (plain(a)?, plain(b)?);
            let (day, month) = match language {
                _ if a > 12 => (a, b),
                _ if b > 12 => (b, a),
                Some(Language::Fr) => (a, b),
                _ if a == b => (a, b),
                _ => return None,
            };
            (year(y)?, month, day)
        }
        _ => return None,
    };
    let given = words.len() > 1;
    let real = (!given || (1..=12).contains(&month)) && (words.len() < 3 || (1..=31).contains(&day));
    real.then_some(Quantity::Date { year, month, day })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_in_the_usual_notations() {
        let fr = Some(Language::Fr);
        for text in [
            "2021-03-12",
            "12/03/2021",
            "12 mars 2021",
            "le 12 mars 2021",
            "March 12, 2021",
            "12.03.2021",
            "2021-03-12T08:00:00Z",
        ] {
            assert_eq!(date(text, fr), Some(Quantity::Date { year: 2021, month: 3, day: 12 }), "{text}");
        }
        for text in ["mars 2021", "2021-03", "03/2021"] {
            assert_eq!(date(text, fr), Some(Quantity::Date { year: 2021, month: 3, day: 0 }), "{text}");
        }
        assert_eq!(date("2021", None), Some(Quantity::Date { year: 2021, month: 0, day: 0 }));
        assert_eq!(date("25/12/2021", None), Some(Quantity::Date { year: 2021, month: 12, day: 25 }));
        assert_eq!(date("1er août 2020", fr), Some(Quantity::Date { year: 2020, month: 8, day: 1 }));
        for text in ["03/04/2021", "2021-13-01", "2021-00-10", "T2 2021", "hier", "", "12/2021/03"] {
            assert_eq!(date(text, Some(Language::En)), None, "{text}");
        }
    }

    #[test]
    fn numbers_with_two_readings_are_left_out() {
        let n = |text, language| match number(text, language) {
            Some(Quantity::Number(n)) => Some(n),
            _ => None,
        };
        let (fr, en) = (Some(Language::Fr), Some(Language::En));
        assert_eq!(n("1\u{202f}024,5", fr), Some(1024.5));
        assert_eq!(n("1 024", None), Some(1024.0));
        assert_eq!(n("1,024.5", None), Some(1024.5));
        assert_eq!(n("1.024,5", None), Some(1024.5));
        assert_eq!(n("1,024", en), Some(1024.0));
        assert_eq!(n("1,024", fr), Some(1.024));
        assert_eq!(n("1,024", None), None);
        assert_eq!(n("1,024,000", None), Some(1_024_000.0));
        assert_eq!(n("0,125", None), Some(0.125));
        assert_eq!(n("-3.5", en), Some(-3.5));
        for text in ["1.2.3", "12a", "", ".", "1e5", "1,02,4"] {
            assert_eq!(n(text, fr), None, "{text}");
        }
        assert_eq!(without_measure("120 MiB", Some("MiB")), "120");
        assert_eq!(without_measure("€ 12", Some("€")), "12");
    }

    #[test]
    fn only_quantities_of_one_precision_differ() {
        let day = Quantity::Date { year: 2021, month: 3, day: 12 };
        let year = Quantity::Date { year: 2020, month: 0, day: 0 };
        assert!(!day.differs(year) && !day.differs(day));
        assert!(day.differs(Quantity::Date { year: 2021, month: 3, day: 13 }));
        assert!(!Quantity::Number(1.0).differs(Quantity::Number(1.0)));
        assert!(!Quantity::Number(2021.0).differs(year));
    }
}
