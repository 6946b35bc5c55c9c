//! Numbers and amounts of money as French and English write them, in one notation.

use super::kind_fold::folded;

/// A number at the beginning of a text.
#[derive(Debug, PartialEq)]
pub(super) struct Leading<'a> {
    /// `1024.5`
    pub(super) number: String,
    pub(super) rest: &'a str,
}

/// A number with its unit, or an amount of money with its currency.
#[derive(Debug, PartialEq)]
pub(super) struct Quantity {
    pub(super) number: String,
    /// As written: what follows the number, or a currency before it.
    pub(super) measure: Option<String>,
    /// ISO 4217; None: not money.
    pub(super) currency: Option<&'static str>,
    /// What follows a currency: `par an`, `HT`.
    pub(super) remark: String,
}

/// Folded names of currencies, and their codes.
const CURRENCIES: &[(&str, &str)] = &[
    ("€", "EUR"),
    ("eur", "EUR"),
    ("euro", "EUR"),
    ("euros", "EUR"),
    ("$", "USD"),
    ("usd", "USD"),
    ("us$", "USD"),
    ("dollar", "USD"),
    ("dollars", "USD"),
    ("£", "GBP"),
    ("gbp", "GBP"),
    ("pounds", "GBP"),
    ("chf", "CHF"),
    ("cad", "CAD"),
    ("¥", "JPY"),
    ("jpy", "JPY"),
    ("yen", "JPY"),
];

/// Folded names of powers of ten, and the power.
const POWERS: &[(&str, usize)] = &[
    ("k", 3),
    ("m", 6),
    ("md", 9),
    ("bn", 9),
    ("mille", 3),
    ("milliers", 3),
    ("thousand", 3),
    ("million", 6),
    ("millions", 6),
    ("milliard", 9),
    ("milliards", 9),
    ("billion", 9),
];

/// Folded units that may follow a number without a space.
const JOINED: &[&str] = &[
    "%", "‰", "o", "ko", "mo", "go", "to", "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "s", "ms", "min",
    "h", "j", "d", "km", "m", "cm", "mm", "kg", "g", "mg", "t", "l", "ml", "w", "kw", "kwh", "hz", "mhz", "ghz", "px",
    "°c", "°", "k",
];

/// Folded units that stand in brackets behind a name, besides [`JOINED`].
const BRACKETED: &[&str] = &[
    "jours", "jour", "days", "day", "heures", "hours", "minutes", "secondes", "seconds", "ans", "annees", "years",
    "mois", "months", "semaines", "weeks", "m2", "m²", "m3", "m³", "cm2", "cm3", "ha", "cl", "hl", "v", "a", "mah",
    "wh", "mwh", "kj", "kcal", "db", "nm", "bar", "dpi", "lumens", "khz", "fps", "pixels", "n", "kn",
];

/// Words of a unit at most: `fois par semaine`.
const MEASURE_WORDS: usize = 3;

/// The whole text as a number with its unit, or as money.
pub(super) fn quantity(text: &str) -> Option<Quantity> {
    let text = text.trim();
    if let Some(money) = money(text) {
        return Some(money);
    }
    let Leading { number, rest } = leading_number(text)?;
    let measure = rest.trim();
    let quantity = |measure| Quantity { number, measure, currency: None, remark: String::new() };
    if measure.is_empty() {
        return Some(quantity(None));
    }
    let joined = rest.chars().next().is_some_and(|c| !c.is_whitespace());
    let fits = if joined { JOINED.contains(&lower(measure).as_str()) } else { is_measure(measure) };
    fits.then(|| quantity(Some(measure.to_owned())))
}

/// One notation: `1024.5`, `512 mo`, `120000 EUR`; None: the text is no quantity.
pub(super) fn normalised_quantity(text: &str) -> Option<String> {
    let q = quantity(text)?;
    Some(match (q.currency, q.measure) {
        (Some(code), _) if q.remark.is_empty() => format!("{} {code}", q.number),
        (Some(code), _) => format!("{} {code} {}", q.number, folded(&q.remark)),
        (None, Some(measure)) => format!("{} {}", q.number, folded(&measure)),
        (None, None) => q.number,
    })
}

fn is_measure(text: &str) -> bool {
    let words = text.split_whitespace().collect::<Vec<_>>();
    let is_word = |w: &&str| w.chars().all(|c| c.is_alphabetic() || "/%‰°²³'’-.".contains(c));
    // `24 Avenue Foch` is no number, `512 MiB` is.
    let is_unit = |w: &&str| w.chars().next().is_some_and(|c| !c.is_uppercase()) || w.chars().count() <= 4;
    words.len() <= MEASURE_WORDS && words.iter().all(is_word) && words.iter().all(is_unit)
}

/// Whether a word is a unit or a currency, with a power of ten or without: `kg`, `k€`.
pub(super) fn is_unit(word: &str) -> bool {
    let name = lower(word);
    let money = || quantity(&format!("1 {word}")).is_some_and(|quantity| quantity.currency.is_some());
    !name.is_empty() && (JOINED.contains(&name.as_str()) || BRACKETED.contains(&folded(word).as_str()) || money())
}

/// Whether a word is a currency's name, in lower case.
pub(super) fn is_currency(word: &str) -> bool {
    currency(word).is_some()
}

fn lower(text: &str) -> String {
    text.trim_end_matches('.').to_lowercase()
}

fn money(text: &str) -> Option<Quantity> {
    let before = text.find(|c: char| c.is_ascii_digit())?;
    let (head, tail) = text.split_at_checked(before)?;
    let prefix = head.trim_matches(|c: char| matches!(c, '-' | '−') || c.is_whitespace());
    let sign = if head.contains(['-', '−']) { "-" } else { "" };
    let Leading { number, rest } = leading_number(tail)?;
    let number = format!("{sign}{number}");
    if !prefix.is_empty() {
        let currency = currency(prefix)?;
        let (power, used) = power(rest);
        let remark = rest.get(used..)?.trim().to_owned();
        let remark_is_short = remark.split_whitespace().count() <= 4 && !remark.contains(|c: char| c.is_ascii_digit());
        let measure = format!("{prefix} {}", rest.trim());
        return remark_is_short.then(|| Quantity {
            number: shifted(&number, power),
            measure: Some(measure.trim().to_owned()),
            currency: Some(currency),
            remark,
        });
    }
    let (power, used) = power(rest);
    let after = rest.get(used..)?.trim_start();
    let after = after
        .strip_prefix("de ")
        .or_else(|| after.strip_prefix("d'"))
        .or_else(|| after.strip_prefix("d’"))
        .unwrap_or(after);
    let end = after.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(after.len());
    let (name, remark) = after.split_at_checked(end)?;
    let currency = currency(name)?;
    let is_short = remark.split_whitespace().count() <= 4 && !remark.contains(|c: char| c.is_ascii_digit());
    is_short.then(|| Quantity {
        number: shifted(&number, power),
        measure: Some(rest.trim().to_owned()),
        currency: Some(currency),
        remark: remark.trim().to_owned(),
    })
}

/// Whether a text names a currency in a word or by its sign.
pub fn has_currency(text: &str) -> bool {
    let signs = CURRENCIES.iter().filter(|(name, _)| !name.contains(char::is_alphanumeric));
    signs.into_iter().any(|(sign, _)| text.contains(sign))
        || text.split_whitespace().any(|word| currency(word).is_some())
}

fn currency(name: &str) -> Option<&'static str> {
    let name = name.trim_end_matches(['.', ',']).to_lowercase();
    CURRENCIES.iter().find(|(n, _)| *n == name).map(|(_, code)| *code)
}

/// The power of ten that a text begins with, and its length in bytes: `k€` → 3 and 1.
fn power(text: &str) -> (usize, usize) {
    let start = text.len() - text.trim_start().len();
    let rest = &text[start..];
    let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
    let word = rest[..end].to_lowercase();
    if let Some((_, power)) = POWERS.iter().find(|(n, _)| *n == word) {
        return (*power, start + end);
    }
    // `kEUR`
    let joined =
        POWERS.iter().find(|(n, _)| n.len() <= 2 && word.strip_prefix(n).is_some_and(|c| currency(c).is_some()));
    joined.map_or((0, 0), |(n, power)| (*power, start + n.len()))
}

/// A number in its one notation times ten to `power`.
fn shifted(number: &str, power: usize) -> String {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let moved: String = fraction.chars().chain(std::iter::repeat('0')).take(power).collect();
    let left: String = fraction.chars().skip(power).collect();
    let (sign, digits) = whole.strip_prefix('-').map_or(("", whole), |d| ("-", d));
    let joined = format!("{digits}{moved}");
    let trimmed = joined.trim_start_matches('0');
    let whole = if trimmed.is_empty() { "0" } else { trimmed };
    let left = left.trim_end_matches('0');
    if left.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{left}") }
}

/// The number that a text begins with; None: it begins with none, with a code (`007`), or with parts of several (`1.2.3`).
pub(super) fn leading_number(text: &str) -> Option<Leading<'_>> {
    let unsigned = text.strip_prefix(['-', '−', '–', '+']).unwrap_or(text);
    let negative = unsigned.len() < text.len() && !text.starts_with('+');
    let mut groups = vec![digits(unsigned)];
    let mut separators = Vec::new();
    let mut at = groups[0].len();
    while let Some(separator) = unsigned[at..].chars().next() {
        let after = &unsigned[at + separator.len_utf8()..];
        let group = digits(after);
        let joins = match separator {
            '.' | ',' => !group.is_empty(),
            ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’' => group.len() == 3 && groups[0].len() <= 3,
            _ => false,
        };
        if !joins {
            break;
        }
        separators.push(if separator == '.' || separator == ',' { separator } else { ' ' });
        groups.push(group);
        at += separator.len_utf8() + group.len();
    }
    let number = canonical(&groups, &separators)?;
    let number = if negative && number != "0" { format!("-{number}") } else { number };
    Some(Leading { number, rest: &unsigned[at..] })
}

fn digits(text: &str) -> &str {
    &text[..text.bytes().take_while(u8::is_ascii_digit).count()]
}

/// A single comma before three digits stands for thousands (English), a single point for decimals; French decimals of three
/// digits below 1000 cannot be told from the former.
fn canonical(groups: &[&str], separators: &[char]) -> Option<String> {
    let (first, others) = groups.split_first()?;
    let is_code = first.is_empty() || (first.len() > 1 && first.starts_with('0'));
    if is_code {
        return None;
    }
    let grouped = |groups: &[&str]| first.len() <= 3 && *first != "0" && groups.iter().all(|g| g.len() == 3);
    let Some((last, inner)) = others.split_last() else { return Some((*first).to_owned()) };
    let (point, before) = separators.split_last()?;
    if before.is_empty() {
        return Some(match point {
            ',' | ' ' if grouped(others) => groups.concat(),
            _ => decimal(first, last),
        });
    }
    let same = before.iter().all(|s| *s == before[0]);
    if same && *point == before[0] {
        return (*point != '.' || first.len() <= 3).then(|| groups.concat()).filter(|_| grouped(others));
    }
    (same && *point != ' ' && grouped(inner)).then(|| decimal(&format!("{first}{}", inner.concat()), last))
}

fn decimal(whole: &str, fraction: &str) -> String {
    match fraction.trim_end_matches('0') {
        "" => whole.to_owned(),
        fraction => format!("{whole}.{fraction}"),
    }
}
