//! c3: what has to be exact in a reply: numbers, dates, URLs, identifiers, quoted words, names.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::corpus::Unit;

use super::numbers::{dates, numbers, stated_numbers};
use super::phrases::is_function_word;
use super::text::{padded, words};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueKind {
    Number,
    Date,
    Url,
    /// Letters with digits or underscores, or with capitals inside.
    Identifier,
    Quoted,
    /// Words with a capital that no sentence's start explains.
    Name,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ExactValue {
    pub(super) kind: ValueKind,
    /// As written.
    pub(super) text: String,
    /// Comparable; one of them has to be stated.
    forms: Vec<String>,
}

/// Words that the corpus writes with a capital within sentences and never without: at a sentence's start they are names.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    pub(super) fn of<'a>(units: impl IntoIterator<Item = &'a Unit>) -> Self {
        let (mut capital, mut small) = (BTreeSet::new(), BTreeSet::new());
        for unit in units {
            // A field's value stands alone: its first word is a name as within a sentence.
            let fields = unit.fields.iter().flat_map(|f| &f.values).map(|v| format!("x {v}"));
            for text in std::iter::once(unit.text.clone()).chain(fields) {
                for word in capital_words(&text.chars().collect::<Vec<_>>()) {
                    match word.class {
                        Class::Small => drop(small.insert(word.folded)),
                        Class::Capital { first: false } => drop(capital.insert(word.folded)),
                        Class::Capital { first: true } | Class::Marked => {}
                    }
                }
            }
        }
        Self(capital.difference(&small).filter(|w| !is_function_word(w)).cloned().collect())
    }

    fn has(&self, folded_word: &str) -> bool {
        self.0.contains(folded_word)
    }
}

/// All values of a text that have to be exact.
pub(super) fn exact_values(text: &str, names: &Names) -> Vec<ExactValue> {
    let mut chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    for place in urls(&chars) {
        let text = take(&mut chars, place);
        found.push(ExactValue { kind: ValueKind::Url, forms: vec![plain_url(&text)], text });
    }
    found.extend(quoted(&chars));
    for date in dates(&chars) {
        let text = take(&mut chars, date.place);
        found.push(ExactValue { kind: ValueKind::Date, text, forms: date.readings });
    }
    for place in identifiers(&chars) {
        let text = take(&mut chars, place);
        found.push(ExactValue { kind: ValueKind::Identifier, forms: vec![padded(&text)], text });
    }
    for number in numbers(&chars, false) {
        let text = chars.get(number.place).unwrap_or_default().iter().collect();
        found.push(ExactValue { kind: ValueKind::Number, text, forms: number.readings });
    }
    found.extend(name_runs(&chars, names));
    found
}

/// The text of a place, which is blank afterwards.
fn take(chars: &mut [char], place: Range<usize>) -> String {
    let text = chars.get(place.clone()).unwrap_or_default().iter().collect();
    chars.get_mut(place).into_iter().flatten().for_each(|c| *c = ' ');
    text
}

/// Places between white space, without punctuation at the ends.
fn tokens(chars: &[char]) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in chars.iter().enumerate().filter(|(_, c)| !c.is_whitespace()) {
        match found.last_mut() {
            Some(last) if last.end == at => last.end += 1,
            _ => found.push(at..at + 1),
        }
    }
    found.into_iter().filter_map(|range| trimmed(chars, range)).collect()
}

fn trimmed(chars: &[char], range: Range<usize>) -> Option<Range<usize>> {
    let inside = |at: &usize| chars.get(*at).is_some_and(|c| c.is_alphanumeric() || *c == '_');
    let start = range.clone().find(inside)?;
    let end = range.rev().find(inside)?;
    Some(start..end + 1)
}

fn urls(chars: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for token in tokens(chars) {
        let part = chars.get(token.clone()).unwrap_or_default();
        let scheme = part.windows(3).position(|w| w == [':', '/', '/']);
        let www = part.windows(4).position(|w| w == ['w', 'w', 'w', '.']);
        let mail = part.iter().position(|c| *c == '@');
        let start = match (scheme, www, mail) {
            (Some(at), _, _) => {
                part.get(..at).unwrap_or_default().iter().rposition(|c| !c.is_alphabetic()).map_or(0, |i| i + 1)
            }
            (None, Some(at), _) => at,
            (None, None, Some(at)) if part.iter().skip(at).any(|c| *c == '.') => 0,
            _ => continue,
        };
        let end = part
            .iter()
            .skip(start)
            .position(|c| matches!(c, ')' | ']' | '>' | '"' | '<'))
            .map_or(part.len(), |i| start + i);
        found.extend(trimmed(chars, token.start + start..token.start + end));
    }
    found
}

fn plain_url(text: &str) -> String {
    let text = text.to_lowercase();
    let text = text.split_once("://").map_or(text.as_str(), |(_, rest)| rest);
    text.strip_prefix("www.").unwrap_or(text).to_owned()
}

/// What stands in quotes, at most eight words; single quotes are apostrophes too often.
fn quoted(chars: &[char]) -> Vec<ExactValue> {
    let mut found = Vec::new();
    let mut open: Option<(char, usize)> = None;
    for (at, c) in chars.iter().enumerate() {
        match (open, *c) {
            (Some((close, from)), c) if c == close => {
                let text: String = chars.get(from..at).unwrap_or_default().iter().collect();
                let count = words(&text).len();
                if (1..=8).contains(&count) {
                    found.push(ExactValue { kind: ValueKind::Quoted, forms: vec![padded(&text)], text });
                }
                open = None;
            }
            (None, '«') => open = Some(('»', at + 1)),
            (None, '“') => open = Some(('”', at + 1)),
            (None, '"') => open = Some(('"', at + 1)),
            _ => {}
        }
    }
    found
}

fn identifiers(chars: &[char]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for token in tokens(chars) {
        let part = chars.get(token.clone()).unwrap_or_default();
        // `l'API2`, `d’ERP3`.
        let from = part.iter().rposition(|c| matches!(c, '\'' | '’')).map_or(0, |i| i + 1);
        let part = part.get(from..).unwrap_or_default();
        if is_identifier(part) {
            found.push(token.start + from..token.end);
        }
    }
    found
}

/// Measures, which numbers are compared without.
const MEASURES: &[&str] = &[
    "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "Ko", "Mo", "Go", "To", "Kio", "Mio", "Gio", "Hz", "kHz",
    "MHz", "GHz", "EUR", "USD", "CHF", "GBP", "Mbit", "Gbit",
];

fn is_measure(part: &[char]) -> bool {
    MEASURES.iter().any(|m| m.chars().eq(part.iter().copied()))
}

fn is_identifier(part: &[char]) -> bool {
    if is_measure(part) {
        return false;
    }
    let letters = part.iter().any(|c| c.is_alphabetic());
    let digits = part.iter().any(char::is_ascii_digit);
    let leading = part.iter().take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ',')).count();
    // `5km`, `2nd`, `1er`: a number.
    let measure = leading > 0 && part.iter().skip(leading).all(|c| c.is_alphabetic());
    let inner_capital = part.windows(2).any(|w| w[0].is_lowercase() && w[1].is_uppercase());
    (letters && digits && !measure) || (letters && part.contains(&'_')) || inner_capital
}

/// How a word is written.
enum Class {
    Small,
    /// `first`: of a sentence, which alone may be the reason.
    Capital {
        first: bool,
    },
    /// All capitals.
    Marked,
}

struct Word {
    place: Range<usize>,
    folded: String,
    class: Class,
}

fn capital_words(chars: &[char]) -> Vec<Word> {
    let mut found = Vec::new();
    let (mut first, mut at) = (true, 0);
    while let Some(c) = chars.get(at).copied() {
        if !c.is_alphanumeric() {
            let before_space = chars.get(at + 1).is_none_or(|c| c.is_whitespace());
            first |= c == '\n' || c == '•' || (matches!(c, '.' | '!' | '?' | ':' | '…' | '|') && before_space);
            at += 1;
            continue;
        }
        let length = chars.get(at..).unwrap_or_default().iter().take_while(|c| c.is_alphanumeric()).count();
        let part = chars.get(at..at + length).unwrap_or_default();
        let capitals = part.iter().filter(|c| c.is_uppercase()).count();
        let class = match c.is_uppercase() {
            _ if capitals >= 2 && part.iter().all(|c| !c.is_lowercase()) => Class::Marked,
            // A single letter is an elision, a pronoun or a label.
            true if length > 1 => Class::Capital { first },
            _ => Class::Small,
        };
        let folded = words(&part.iter().collect::<String>()).concat();
        found.push(Word { place: at..at + length, folded, class });
        // `L'Insee`: the name follows the elision.
        let elision = length == 1 && matches!(chars.get(at + 1), Some('\'' | '’'));
        first &= elision;
        at += length;
    }
    found
}

/// Names that follow each other, with one character between them, are one name.
fn name_runs(chars: &[char], names: &Names) -> Vec<ExactValue> {
    let mut places: Vec<Range<usize>> = Vec::new();
    for word in capital_words(chars) {
        let is_name = match word.class {
            Class::Small => false,
            Class::Marked => true,
            Class::Capital { first } => !is_function_word(&word.folded) && (!first || names.has(&word.folded)),
        };
        if !is_name || is_measure(chars.get(word.place.clone()).unwrap_or_default()) {
            continue;
        }
        let joins =
            |last: &Range<usize>| chars.get(last.end..word.place.start).is_some_and(|gap| matches!(gap, [' ' | '-']));
        match places.last_mut() {
            Some(last) if joins(last) => last.end = word.place.end,
            _ => places.push(word.place),
        }
    }
    let value = |place: Range<usize>| {
        let text: String = chars.get(place).unwrap_or_default().iter().collect();
        ExactValue { kind: ValueKind::Name, forms: vec![padded(&text)], text }
    };
    places.into_iter().map(value).collect()
}

/// What texts state, made ready for [`Stated::holds`].
#[derive(Debug)]
pub(super) struct Stated {
    numbers: BTreeSet<String>,
    dates: BTreeSet<String>,
    urls: BTreeSet<String>,
    words: String,
}

impl Stated {
    pub(super) fn of(texts: &[&str]) -> Self {
        let mut stated =
            Self { numbers: BTreeSet::new(), dates: BTreeSet::new(), urls: BTreeSet::new(), words: String::new() };
        for text in texts {
            let chars: Vec<char> = text.chars().collect();
            stated.numbers.extend(stated_numbers(text));
            stated.dates.extend(dates(&chars).into_iter().flat_map(|d| d.readings));
            let url = |place: Range<usize>| plain_url(&chars.get(place).unwrap_or_default().iter().collect::<String>());
            stated.urls.extend(urls(&chars).into_iter().map(url));
            stated.words.push_str(&padded(text));
            stated.words.push('|');
        }
        stated
    }

    pub(super) fn holds(&self, value: &ExactValue) -> bool {
        value.forms.iter().any(|form| match value.kind {
            ValueKind::Number => self.numbers.contains(form),
            ValueKind::Date => self.dates.contains(form),
            ValueKind::Url => self.urls.contains(form),
            ValueKind::Identifier | ValueKind::Quoted | ValueKind::Name => self.words.contains(form.as_str()),
        })
    }

    /// The first value of a text that is not stated.
    pub(super) fn first_missing(&self, text: &str, names: &Names) -> Option<ExactValue> {
        exact_values(text, names).into_iter().find(|value| !self.holds(value))
    }
}

/// Token F1 of two texts, as SQuAD's: of the words they share, with their counts.
pub(super) fn token_f1(a: &str, b: &str) -> f64 {
    let (a, b) = (words(a), words(b));
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    a.iter().for_each(|w| *counts.entry(w).or_default() += 1);
    let shared =
        b.iter().filter(|w| counts.get_mut(w.as_str()).is_some_and(|n| n.checked_sub(1).map(|m| *n = m).is_some()));
    let shared = shared.count() as f64;
    if shared == 0.0 { 0.0 } else { 2.0 * shared / (a.len() + b.len()) as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: &str = "GIDAF est hébergé par OVH Cloud depuis le 28/12/2024. Responsable : Jean Dupont, adjoint de Paul Martin. \
        Il a 1 024,5 Mo, trois modes, la version 2.5.1 et l'adresse https://gidaf.example.fr/accueil. Paquet : libpng16-16 \
        (variable MAX_SIZE, mode « lecture seule »).";

    fn names() -> Names {
        let units = ["Le site de Scaleway est lent.", "Un site chez Outscale."]
            .map(|text| crate::generate::llm::tests::unit("s", None, text));
        Names::of(&units)
    }

    fn missing(reply: &str) -> Option<String> {
        Stated::of(&[UNIT]).first_missing(reply, &names()).map(|v| v.text)
    }

    #[test]
    fn right_values_are_found_in_whatever_notation() {
        for reply in [
            "GIDAF est hébergé par OVH Cloud.",
            "It has been hosted since December 28, 2024 (2024-12-28).",
            "The size is 1,024.5 MB, with 3 modes, version 2.5.1.",
            "Son adresse est « https://gidaf.example.fr/accueil/ ».",
            "Le responsable s'appelle Jean Dupont.",
            "The package is libpng16-16; MAX_SIZE is \"lecture seule\".",
            "L'OVH Cloud héberge GIDAF. Cliquez ensuite.",
        ] {
            assert_eq!(missing(reply), None, "{reply}");
        }
    }

    #[test]
    fn values_of_another_entity_are_not() {
        for (reply, expected) in [
            ("GIDAF est hébergé par Scaleway.", "Scaleway"),
            ("Scaleway héberge GIDAF.", "Scaleway"),
            ("Outscale.", "Outscale"),
            ("AWS", "AWS"),
            ("Depuis le 29 décembre 2024.", "29 décembre 2024"),
            ("La taille est 1 024,6 Mo.", "1 024,6"),
            ("La version 2.5.2.", "2.5.2"),
            ("Voir https://gidaf.example.fr", "https://gidaf.example.fr"),
            ("Le paquet libpng16-17.", "libpng16-17"),
            ("Le mode « écriture ».", " écriture "),
            ("Il s'agit de Jean Martin.", "Jean Martin"),
            ("Il a -3 modes.", "3"),
            ("It sets MIN_SIZE.", "MIN_SIZE"),
            ("Write to a@example.org.", "a@example.org"),
        ] {
            assert_eq!(missing(reply).as_deref(), Some(expected), "{reply}");
        }
    }

    #[test]
    fn f1_counts_shared_words() {
        assert_eq!(token_f1("a b b", "b b c"), 2.0 / 3.0);
        assert_eq!((token_f1("", "x"), token_f1("Été", "ete")), (0.0, 1.0));
    }
}
