//! `**Key** : value` and `Key: value` lines.

use std::ops::Range;

use super::Span;
use super::error::slice;
use super::markup::{said, value};

const MAX_KEY: usize = 60;
const MAX_KEY_WORDS: usize = 6;
/// Words of the key and of the value of a single line, at most.
const MAX_SINGLE_KEY: usize = 4;
const MAX_SINGLE_VALUE: usize = 12;
/// Characters of a line that may have been wrapped, at least.
const LEAST_WRAPPED: usize = 50;
/// Words that introduce a sentence and name no attribute.
const INTRODUCTIONS: &[&str] = &[
    "attention",
    "avertissement",
    "caution",
    "e.g",
    "example",
    "exemple",
    "http",
    "https",
    "important",
    "info",
    "mailto",
    "nb",
    "note",
    "nota",
    "p.s",
    "ps",
    "remarque",
    "tip",
    "todo",
    "voir",
    "warning",
    "astuce",
    "file",
    "ftp",
    "answer",
    "réponse",
    "q",
    "question",
];
/// What parts two pairs of one line.
const PARTING: &[char] = &['.', '!', '?', ';', ',', '|', '–', '—', '•', '·'];
/// What marks a question, and the answer below it.
const QUESTIONS: &[&str] = &["q", "question"];
const ANSWERS: &[&str] = &["a", "r"];

/// A key with the place of its value, which may be empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: Span,
    /// Whether the key is marked as one: `**Key**`.
    pub(super) marked: bool,
}

/// The pairs that the lines of `span` are; a line that is none goes on with the value before it, unless it is a remark
/// (`Warning: …`) or comes after one.
pub(super) fn pairs(text: &str, span: Span) -> Vec<Pair> {
    let mut found: Vec<Pair> = Vec::new();
    // Whether lines can go on with the last value.
    let mut open = false;
    let mut is_asked = false;
    let mut at = span.start;
    for line in slice(text, span).split_inclusive('\n').flat_map(cut) {
        match pair(text, at..at + line.len()).map(|pair| within_line(text, pair, at + line.len())) {
            Some(pair) if is_asked && ANSWERS.contains(&pair.key.to_lowercase().as_str()) => open = false,
            Some(pair) => {
                open = pair.value.start < pair.value.end;
                found.push(pair);
            }
            // The value before ends here, or the mark would make it one that is not plain.
            // What a footnote says is no part of the value either.
            None if line.trim_start().starts_with("[^") || remark(line).is_some() || marked(line.trim()).is_some() => {
                open = false
            }
            None => {
                let end = at + line.trim_end().len();
                let before = text.get(span.start..at).and_then(|before| before.lines().last());
                open &= before.is_none_or(|before| goes_on(before, line));
                if let Some(last) = found.last_mut().filter(|_| open && end > at) {
                    last.value.end = end;
                }
            }
        }
        is_asked = remark(line).is_some_and(|word| QUESTIONS.contains(&word.as_str()));
        at += line.len();
    }
    found
}

/// Whether a line goes on with the value in the line before: that one is as long as a line that was wrapped, or is not at an
/// end, or the line is set in, or begins within a sentence. `Reste à engager : 52 000 €` has no more to it.
fn goes_on(before: &str, line: &str) -> bool {
    let set_in = |line: &str| line.len() - line.trim_start().len();
    let is_wrapped = before.trim_end().chars().count() >= LEAST_WRAPPED || before.trim_end().ends_with([',', ';', '-']);
    let begins = line.trim_start().chars().next();
    is_wrapped || set_in(line) > set_in(before) || begins.is_none_or(|first| !first.is_uppercase())
}

/// The parts of a line that states several marked pairs: `**Approval**: the manager. **Equipment**: a screen.`
fn cut(line: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    if marked(line.trim()).is_some() {
        let marks = line.match_indices("**").chain(line.match_indices("__")).map(|(at, _)| at);
        let begins = |at: &usize| {
            let (before, rest) = line.split_at(*at);
            let parted = before.ends_with(char::is_whitespace) && before.trim_end().ends_with(PARTING);
            parted && marked(rest).is_some_and(|of| is_key(of.key.trim()))
        };
        let mut begins: Vec<usize> = marks.filter(begins).collect();
        begins.sort_unstable();
        for at in begins {
            parts.extend(line.get(start..at));
            start = at;
        }
    }
    parts.extend(line.get(start..));
    parts
}

/// Without the mark that parts its value from the next pair of its line; a full stop ends the value as at a line's end.
/// `end`: of the pair's part of the line.
fn within_line(text: &str, mut pair: Pair, end: usize) -> Pair {
    let rest = text.get(end..).unwrap_or_default();
    let is_cut = text.get(..end).is_some_and(|before| !before.ends_with('\n')) && rest.starts_with(['*', '_']);
    if is_cut {
        let marks = |c: char| c != '.' && c != '!' && c != '?' && PARTING.contains(&c);
        let value = slice(text, pair.value).trim_end().trim_end_matches(marks).trim_end();
        pair.value.end = pair.value.start + value.len();
    }
    pair
}

/// The pair that a line is.
pub(super) fn pair(text: &str, line: Range<usize>) -> Option<Pair> {
    let raw = text.get(line.clone())?;
    let start = line.start + (raw.len() - raw.trim_start().len());
    let raw = raw.trim();
    let (key, rest, marked) = match marked(raw) {
        Some(Marked { key, rest }) => (key, rest, true),
        None => {
            let (key, rest) = raw.split_once(':')?;
            if !rest.is_empty() && !rest.starts_with(char::is_whitespace) {
                return None;
            }
            (key, rest, false)
        }
    };
    // `**Qui peut demander ?**`
    let key = if marked { key.trim().trim_end_matches('?') } else { key }.trim();
    if !is_key(key) || (!marked && (INTRODUCTIONS.contains(&key.to_lowercase().as_str()) || key.contains("**"))) {
        return None;
    }
    let value = rest.trim();
    let begin = start + (raw.len() - rest.len()) + (rest.len() - rest.trim_start().len());
    Some(Pair { key: key.to_owned(), value: Span { start: begin, end: begin + value.len() }, marked })
}

/// A line whose beginning is marked as a key.
struct Marked<'a> {
    key: &'a str,
    /// What follows the colon.
    rest: &'a str,
}

/// `**Key** : rest`, `**Key :** rest`
fn marked(line: &str) -> Option<Marked<'_>> {
    let (inner, mark) = ["**", "__"].iter().find_map(|mark| Some((line.strip_prefix(mark)?, mark)))?;
    let (key, rest) = inner.split_once(mark)?;
    match key.trim_end().strip_suffix(':') {
        Some(key) => Some(Marked { key, rest }),
        None => Some(Marked { key, rest: rest.trim_start().strip_prefix(':')? }),
    }
}

/// The word that introduces a line, such as `Warning:`.
fn remark(line: &str) -> Option<String> {
    let (key, rest) = line.trim_start_matches(['*', '_', ' ', '\t']).split_once(':')?;
    let key = key.trim_end_matches(['*', '_', ' ', '\u{a0}', '\u{202f}']).to_lowercase();
    let is_introduction =
        INTRODUCTIONS.contains(&key.as_str()) && rest.starts_with(|c: char| c.is_whitespace() || c == '*');
    is_introduction.then_some(key)
}

fn is_key(key: &str) -> bool {
    key.starts_with(char::is_alphabetic)
        && key.chars().count() <= MAX_KEY
        && key.split_whitespace().count() <= MAX_KEY_WORDS
        && !key
            .contains(['.', ',', ';', '!', '?', '"', '«', '»', '|', '<', '>', '`', '*', '[', ']', '{', '}', '\\', '='])
}

/// The values that stand for a fact, out of a block's pairs: marked ones, and runs of two or more.
pub(super) fn stated(text: &str, pairs: Vec<Pair>) -> Vec<Pair> {
    let run = pairs.len() >= 2;
    all_plain(text, pairs.into_iter().filter(|pair| pair.marked || run).collect())
}

/// The only pair of a block, where it may stand for a fact: a short key, and a value that is no sentence.
pub(super) fn single(text: &str, pairs: &[Pair]) -> Option<Pair> {
    let [pair] = pairs else { return None };
    let span = value(text, &pair.key, pair.value).filter(|_| !pair.marked)?;
    let value = said(text, span);
    let short =
        pair.key.split_whitespace().count() <= MAX_SINGLE_KEY && value.split_whitespace().count() <= MAX_SINGLE_VALUE;
    let sentence = value.contains('\n') || value.ends_with(['.', '!', '?', '…', ';', ',']);
    (short && !sentence).then(|| Pair { value: span, ..pair.clone() })
}

/// The pairs whose value is text without marks.
pub(super) fn all_plain(text: &str, pairs: Vec<Pair>) -> Vec<Pair> {
    pairs.into_iter().filter_map(|pair| Some(Pair { value: value(text, &pair.key, pair.value)?, ..pair })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Vec<(String, String, bool)> {
        let pairs = pairs(text, Span { start: 0, end: text.len() });
        pairs.into_iter().map(|p| (p.key, text[p.value.start..p.value.end].to_owned(), p.marked)).collect()
    }

    fn one(line: &str) -> Option<(String, String)> {
        found(line).pop().map(|(key, value, _)| (key, value))
    }

    #[test]
    fn keys_are_marked_or_plain() {
        let pair = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(one("**Responsable** : Jean Petit"), pair("Responsable", "Jean Petit"));
        assert_eq!(one("  **Responsable\u{a0}:** Jean  "), pair("Responsable", "Jean"));
        assert_eq!(one("__Version__: 2.1"), pair("Version", "2.1"));
        assert_eq!(one("Date de mise en service\u{a0}: 2024-01-02"), pair("Date de mise en service", "2024-01-02"));
        assert_eq!(one("Technologies :"), pair("Technologies", ""));
        for no in [
            "http://example.org",
            "Note: this is one",
            "14:30",
            "It ends. Then: so",
            "plain words",
            "a, b: c",
            "**bold** text",
            "**bold",
            "one two three four five six seven: x",
            "x::y",
        ] {
            assert_eq!(one(no), None, "{no}");
        }
    }

    #[test]
    fn a_line_can_state_several_marked_pairs() {
        let text = "**Approval**: your line manager. **Equipment**: a second screen;  **Délai :** 10 jours, __Form__: A7\nand more\n";
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned(), true);
        let expected = [
            pair("Approval", "your line manager."),
            pair("Equipment", "a second screen"),
            pair("Délai", "10 jours"),
            pair("Form", "A7\nand more"),
        ];
        assert_eq!(found(text), expected);
        // Stress within a value is none, nor is what follows plain text.
        assert_eq!(found("**A**: see **B**: b"), [pair("A", "see **B**: b")]);
        assert_eq!(found("**A**: one. **two** three"), [pair("A", "one. **two** three")]);
        assert_eq!(found("Plain text. **B**: b"), []);
        assert_eq!(found("**A**: 1; 2; "), [pair("A", "1; 2;")]);
    }

    #[test]
    fn values_go_on_over_lines() {
        let text = "**A** : one\n  and more\n**B** : two\n";
        assert_eq!(found(text), [("A".into(), "one\n  and more".into(), true), ("B".into(), "two".into(), true)]);
        for (after, value) in [
            ("Tout est dit.", "52 000 €"),
            ("de plus", "52 000 €\nde plus"),
            ("  (hors taxes)", "52 000 €\n  (hors taxes)"),
        ] {
            let text = format!("Budget : 9 €\nReste à engager : 52 000 €\n{after}\n");
            assert_eq!(found(&text)[1].1, value, "{after}");
        }
        let wrapped =
            "Address: the second building behind the harbour of the\nOld Town, Norvik\nAccess: Alice Martin,\nBob\n";
        let values: Vec<String> = found(wrapped).into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, ["the second building behind the harbour of the\nOld Town, Norvik", "Alice Martin,\nBob"]);
        assert_eq!(found("Key :\nmore"), [("Key".into(), String::new(), false)]);
        let text = "**Délai** : 10 jours\n**Qui peut demander ?** : tous\n**Pièces, copies** : deux\nde plus\n";
        let two = [("Délai".into(), "10 jours".into(), true), ("Qui peut demander".into(), "tous".into(), true)];
        assert_eq!(found(text), two);
        let text = "Time: 12:30\nWarning: do not touch\nat all\n**Note** : none\n";
        assert_eq!(found(text)[0], ("Time".into(), "12:30".into(), false));
    }

    #[test]
    fn a_single_plain_line_states_nothing() {
        let text = "Remark on it: fine";
        assert!(stated(text, pairs(text, Span { start: 0, end: text.len() })).is_empty());
        let text = "A: fine\nB: `code`";
        let stated = stated(text, pairs(text, Span { start: 0, end: text.len() }));
        assert_eq!(stated.iter().map(|p| &text[p.value.start..p.value.end]).collect::<Vec<_>>(), ["fine", "code"]);
    }
}
