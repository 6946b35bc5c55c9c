//! Dates as French and English write them, as ISO 8601.

use super::kind_fold::folded;

/// Folded names of the months, French and English, full and short.
const MONTHS: &[(&str, u32)] = &[
    ("janvier", 1),
    ("january", 1),
    ("janv", 1),
    ("jan", 1),
    ("fevrier", 2),
    ("february", 2),
    ("fevr", 2),
    ("fev", 2),
    ("feb", 2),
    ("mars", 3),
    ("march", 3),
    ("mar", 3),
    ("avril", 4),
    ("april", 4),
    ("avr", 4),
    ("apr", 4),
    ("mai", 5),
    ("may", 5),
    ("juin", 6),
    ("june", 6),
    ("jun", 6),
    ("juillet", 7),
    ("july", 7),
    ("juil", 7),
    ("jul", 7),
    ("aout", 8),
    ("august", 8),
    ("aug", 8),
    ("septembre", 9),
    ("september", 9),
    ("sept", 9),
    ("sep", 9),
    ("octobre", 10),
    ("october", 10),
    ("oct", 10),
    ("novembre", 11),
    ("november", 11),
    ("nov", 11),
    ("decembre", 12),
    ("december", 12),
    ("dec", 12),
];

/// Folded names of the days of the week, French and English.
const WEEKDAYS: &[&str] = &[
    "lundi",
    "mardi",
    "mercredi",
    "jeudi",
    "vendredi",
    "samedi",
    "dimanche",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Folded words that may stand before a date, besides days of the week.
const LEADING: &[&str] = &["le", "on", "the", "depuis", "since", "en", "in"];

/// Whether a folded word is the name of a day of the week.
pub fn is_weekday(word: &str) -> bool {
    WEEKDAYS.contains(&word)
}

/// No date is longer, in bytes.
const LONGEST: usize = 48;

/// `2024-12-28` of the whole text, or `2024-12` where it names no day; None: the text is no date.
///
/// Of `05/06/2024` the day is first; `12/28/2024` has one reading.
pub(super) fn iso_date(text: &str) -> Option<String> {
    let text = text.trim();
    if text.len() > LONGEST || !text.bytes().any(|b| b.is_ascii_digit()) {
        return None;
    }
    numeric(without_time(text)).or_else(|| written(text))
}

/// A year alone: a date only where the attribute says so.
pub fn is_year(text: &str) -> bool {
    text.len() == 4 && text.parse::<u32>().is_ok_and(|y| (1800..2200).contains(&y))
}

/// `2024-12-28T10:00:00Z` and `2024-12-28 10:00` are their day.
fn without_time(text: &str) -> &str {
    match text.find(['T', ' ']) {
        Some(at) if at >= 8 && text[at + 1..].starts_with(|c: char| c.is_ascii_digit()) && text[at..].contains(':') => {
            &text[..at]
        }
        _ => text,
    }
}

fn numeric(text: &str) -> Option<String> {
    let separator = text.chars().find(|c| !c.is_ascii_digit()).filter(|c| matches!(c, '-' | '/' | '.'))?;
    let parts = text.split(separator).map(number).collect::<Option<Vec<_>>>()?;
    let lengths = text.split(separator).map(str::len).collect::<Vec<_>>();
    match (parts.as_slice(), lengths.as_slice()) {
        ([year, month, day], [4, 1..=2, 1..=2]) => date(*year, *month, *day),
        ([day, month, year], [1..=2, 1..=2, 4]) => date(*year, *month, *day).or_else(|| date(*year, *day, *month)),
        ([year, month], [4, 2]) if separator != '.' => month_of(*year, *month),
        ([month, year], [1..=2, 4]) if separator != '.' => month_of(*year, *month),
        _ => None,
    }
}

fn written(text: &str) -> Option<String> {
    let folded = folded(text).replace(',', " ");
    let words =
        folded.split_whitespace().map(|w| w.trim_end_matches('.')).skip_while(|w| LEADING.contains(w) || is_weekday(w));
    let words = words.filter(|w| !matches!(*w, "de" | "of")).collect::<Vec<_>>();
    match words.as_slice() {
        [day, month, year] if month_named(month).is_some() => {
            date(long_year(year)?, month_named(month)?, ordinal(day)?)
        }
        [month, day, year] => date(long_year(year)?, month_named(month)?, ordinal(day)?),
        [month, year] => month_of(long_year(year)?, month_named(month)?),
        _ => None,
    }
}

/// The number of a month by its folded name, French or English, full or short.
pub fn month_named(word: &str) -> Option<u32> {
    MONTHS.iter().find(|(name, _)| *name == word).map(|(_, month)| *month)
}

/// `28`, `1er`, `28th`.
fn ordinal(word: &str) -> Option<u32> {
    let end = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let (digits, ending) = word.split_at_checked(end)?;
    matches!(ending, "" | "er" | "st" | "nd" | "rd" | "th").then(|| number(digits))?
}

fn long_year(word: &str) -> Option<u32> {
    (word.len() == 4).then(|| number(word))?
}

fn number(digits: &str) -> Option<u32> {
    let all = !digits.is_empty() && digits.len() <= 4 && digits.bytes().all(|b| b.is_ascii_digit());
    all.then(|| digits.parse().ok())?
}

fn month_of(year: u32, month: u32) -> Option<String> {
    ((1000..=9999).contains(&year) && (1..=12).contains(&month)).then(|| format!("{year:04}-{month:02}"))
}

fn date(year: u32, month: u32, day: u32) -> Option<String> {
    let is_leap = (year.is_multiple_of(4) && !year.is_multiple_of(100)) || year.is_multiple_of(400);
    let days = match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let month = month_of(year, month)?;
    (1..=days).contains(&day).then(|| format!("{month}-{day:02}"))
}
