//! Numbers and dates as text writes them, in every reading that French and English allow.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::corpus::month_named;

use super::text::words;

/// A number's place in the text and its readings: `1,024` is 1024 or 1.024.
#[derive(Debug)]
pub(super) struct FoundNumber {
    pub(super) place: Range<usize>,
    pub(super) readings: Vec<String>,
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '\u{2009}' | '\'' | '’')
}

/// All numbers of a text; `inside_words`: those that follow a letter (`v2.5`), too.
pub(super) fn numbers(chars: &[char], inside_words: bool) -> Vec<FoundNumber> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let Some(end) = number_end(chars, at) else {
            at += 1;
            continue;
        };
        let before = at.checked_sub(1).and_then(|i| chars.get(i)).copied();
        if inside_words || !before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            let run = chars.get(at..end).unwrap_or_default();
            let sign = at.checked_sub(2).and_then(|i| chars.get(i)).copied();
            let negative = matches!(before, Some('-' | '−')) && !sign.is_some_and(|c| !c.is_whitespace() && c != '(');
            found.push(FoundNumber { place: at..end, readings: readings(run, negative) });
        }
        at = end;
    }
    found
}

fn digit(chars: &[char], at: usize) -> bool {
    chars.get(at).is_some_and(char::is_ascii_digit)
}

/// The end of the number that begins at `at`; a space or an apostrophe belongs to it only between groups of thousands.
fn number_end(chars: &[char], at: usize) -> Option<usize> {
    if !digit(chars, at) {
        return None;
    }
    let digits_from = |from: usize| (from..).take_while(|i| digit(chars, *i)).count();
    let mut length = digits_from(at);
    let mut end = at + length;
    while let Some(separator) = chars.get(end).filter(|_| digit(chars, end + 1)) {
        let next = digits_from(end + 1);
        let thousands = length <= 3 && next == 3;
        match separator {
            '.' | ',' => {}
            c if is_space(*c) && thousands => {}
            _ => break,
        }
        length = if is_space(*separator) { 3 } else { next };
        end += 1 + next;
    }
    Some(end)
}

/// Canonical forms: `1 024,5` is `1024.5`; `1,024` is `1024` and `1.024`; `1.2.3` stays.
fn readings(run: &[char], negative: bool) -> Vec<String> {
    let text: String = run.iter().filter(|c| !is_space(**c)).collect();
    let marks: Vec<char> = text.chars().filter(|c| matches!(c, '.' | ',')).collect();
    let groups: Vec<&str> = text.split(['.', ',']).collect();
    let thousands =
        groups.first().is_some_and(|g| (1..=3).contains(&g.len())) && groups.iter().skip(1).all(|g| g.len() == 3);
    let mut forms = Vec::new();
    match marks.as_slice() {
        [] => forms.push(text.clone()),
        [_] => {
            forms.push(decimal(&text.replace(',', ".")));
            if thousands {
                forms.push(groups.concat());
            }
        }
        [first, .., last] if first != last && marks.iter().filter(|m| *m == last).count() == 1 => {
            let (whole, part) = text.rsplit_once(*last).unwrap_or((&text, ""));
            forms.push(decimal(&format!("{}.{part}", whole.replace(['.', ','], ""))));
        }
        _ if thousands => forms.extend([groups.concat(), text.clone()]),
        _ => forms.push(text.clone()),
    }
    let zero = |form: &str| form.chars().all(|c| c == '0');
    forms.into_iter().map(|form| if negative && !zero(&form) { format!("-{form}") } else { form }).collect()
}

/// Without zeros at the end of the part behind the point.
fn decimal(text: &str) -> String {
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Every reading of every number of a text, the parts of grouped numbers and numbers in words included.
pub(super) fn stated_numbers(text: &str) -> BTreeSet<String> {
    let chars: Vec<char> = text.chars().collect();
    let mut stated = BTreeSet::new();
    for number in numbers(&chars, true) {
        let run: String = chars.get(number.place.clone()).unwrap_or_default().iter().collect();
        stated.extend(run.split(is_space).map(decimal_of_part));
        stated.extend(number.readings);
    }
    let spoken = |word: String| NUMBER_WORDS.iter().find(|(w, _)| *w == word).map(|(_, n)| n.to_string());
    stated.extend(words(text).into_iter().filter_map(spoken));
    stated
}

fn decimal_of_part(part: &str) -> String {
    if part.contains(['.', ',']) { decimal(&part.replace(',', ".")) } else { part.to_owned() }
}

const NUMBER_WORDS: &[(&str, u32)] = &[
    ("zero", 0),
    ("one", 1),
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("ten", 10),
    ("eleven", 11),
    ("twelve", 12),
    ("un", 1),
    ("une", 1),
    ("deux", 2),
    ("trois", 3),
    ("quatre", 4),
    ("cinq", 5),
    ("sept", 7),
    ("huit", 8),
    ("neuf", 9),
    ("dix", 10),
    ("onze", 11),
    ("douze", 12),
];

/// A date's place in the text and its readings, `2024-12-28`: `3/4/2024` is the 3rd of April or the 4th of March.
#[derive(Debug)]
pub(super) struct FoundDate {
    pub(super) place: Range<usize>,
    pub(super) readings: Vec<String>,
}

/// All dates with day, month and year.
pub(super) fn dates(chars: &[char]) -> Vec<FoundDate> {
    let runs = runs(chars);
    let mut found = Vec::new();
    let mut skip = 0;
    for (i, window) in runs.windows(3).enumerate() {
        let [a, b, c] = window else { continue };
        if i < skip {
            continue;
        }
        let readings = date_readings(chars, [a, b, c]);
        if !readings.is_empty() {
            found.push(FoundDate { place: a.start..c.end, readings });
            skip = i + 3;
        }
    }
    found
}

/// Runs of letters or digits; `T10` behind a day is one of its own.
fn runs(chars: &[char]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, c) in chars.iter().enumerate().filter(|(_, c)| c.is_alphanumeric()) {
        let kind = c.is_ascii_digit();
        match found.last_mut() {
            Some(last) if last.end == at && digit(chars, at - 1) == kind => last.end += 1,
            _ => found.push(at..at + 1),
        }
    }
    // `1er`, `2nd`: the ending belongs to the number.
    let text = |range: &Range<usize>| -> String { chars.get(range.clone()).unwrap_or_default().iter().collect() };
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in found {
        let is_ending = matches!(text(&range).as_str(), "er" | "st" | "nd" | "rd" | "th");
        match joined.last_mut() {
            Some(last) if is_ending && last.end == range.start => last.end = range.end,
            _ => joined.push(range),
        }
    }
    joined
}

fn date_readings(chars: &[char], parts: [&Range<usize>; 3]) -> Vec<String> {
    let [a, b, c] = parts.map(|r| chars.get(r.clone()).unwrap_or_default().iter().collect::<String>());
    let between = |x: &Range<usize>, y: &Range<usize>| chars.get(x.end..y.start).unwrap_or_default();
    let (first, second) = (between(parts[0], parts[1]), between(parts[1], parts[2]));
    let number = |s: &str| s.trim_end_matches(|c: char| c.is_alphabetic()).parse::<u32>().ok();
    let month = |s: &str| month_named(&words(s).concat());
    let spaced = |gap: &[char]| !gap.is_empty() && gap.iter().all(|c| c.is_whitespace() || matches!(c, ',' | '.'));
    let candidates: Vec<[Option<u32>; 3]> = if first == second && matches!(first, ['-' | '/' | '.']) {
        if a.len() == 4 {
            vec![[number(&a), number(&b), number(&c)]]
        } else if c.len() == 4 {
            vec![[number(&c), number(&b), number(&a)], [number(&c), number(&a), number(&b)]]
        } else {
            Vec::new()
        }
    } else if spaced(first) && spaced(second) && c.len() == 4 {
        vec![[number(&c), month(&b), number(&a)], [number(&c), month(&a), number(&b)]]
    } else {
        Vec::new()
    };
    candidates.into_iter().filter_map(iso).collect()
}

fn iso(parts: [Option<u32>; 3]) -> Option<String> {
    let [year, month, day] = parts;
    let (year, month, day) = (year?, month?, day?);
    let valid = (1000..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    valid.then(|| format!("{year:04}-{month:02}-{day:02}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Vec<Vec<String>> {
        let chars: Vec<char> = text.chars().collect();
        numbers(&chars, false).into_iter().map(|n| n.readings).collect()
    }

    #[test]
    fn numbers_have_every_reading_of_both_languages() {
        for (text, expected) in [
            ("1 024,5", &["1024.5"][..]),
            ("1,024.5", &["1024.5"]),
            ("1\u{202f}024", &["1024"]),
            ("1,024", &["1.024", "1024"]),
            ("3.50", &["3.5"]),
            ("1.2.3", &["1.2.3"]),
            ("1.234.567", &["1234567", "1.234.567"]),
            ("(-5)", &["-5"]),
            ("10", &["10"]),
        ] {
            assert_eq!(of(text), [expected.to_vec()], "{text}");
        }
        assert_eq!(of("10-20, v2.5 et 2024 120"), [vec!["10"], vec!["20"], vec!["2024"], vec!["120"]]);
        let stated = stated_numbers("v2.5, three, 10 000 users");
        for number in ["2.5", "3", "10000", "10"] {
            assert!(stated.contains(number), "{number}");
        }
    }

    #[test]
    fn dates_are_the_same_in_every_notation() {
        for text in [
            "2024-12-28",
            "28/12/2024",
            "28.12.2024",
            "28 décembre 2024",
            "December 28, 2024",
            "28th Dec 2024",
            "2024-12-28T10:00",
        ] {
            let chars: Vec<char> = text.chars().collect();
            let found = dates(&chars);
            assert!(found.len() == 1 && found[0].readings.contains(&"2024-12-28".to_owned()), "{text}: {found:?}");
        }
        let chars: Vec<char> = "1er mars 2025 et 3/4/2025".chars().collect();
        let readings: Vec<_> = dates(&chars).into_iter().map(|d| d.readings).collect();
        assert_eq!(readings, [vec!["2025-03-01"], vec!["2025-04-03", "2025-03-04"]]);
        let none: Vec<char> = "1.2.3, 10/20, 2024-13-45".chars().collect();
        assert!(dates(&none).is_empty());
    }
}
