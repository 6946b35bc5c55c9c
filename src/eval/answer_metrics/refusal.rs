//! Whether an answer is a refusal: it says that the answer is not known or not in the sources. French and English.
//!
//! The steps: 1. quotations are taken out; 2. the text is divided into sentences, and these into words without accents;
//! 3. a sentence that matches a pattern is a refusal, unless it says that there is no *more* to tell, speaks of a condition, or
//! is followed by a contrast that answers (`I am not sure, but it is version 3`); 4. one such sentence makes the answer a refusal.

use std::sync::OnceLock;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::refusal_patterns::{CLASSES, CONDITION, CONTRAST, HELP, MORE, NO_SOURCE, PATTERNS};

/// Characters of an answer that are read: a refusal stands at the beginning.
const MAX_READ: usize = 4000;

/// Whether the answer, its thoughts taken off, says that it can't be given.
pub fn is_refusal(answer: &str) -> bool {
    let sentences = sentences(answer);
    let patterns = compiled();
    sentences.iter().enumerate().any(|(i, words)| {
        let Some(found) = patterns.refusals.iter().find_map(|p| p.find(words)) else { return false };
        let next = sentences.get(i + 1).map_or(&[][..], Vec::as_slice);
        !(patterns.more.iter().any(|p| p.find(words).is_some())
            || found.start.checked_sub(1).and_then(|at| words.get(at)).is_some_and(|w| NO_SOURCE.contains(&w.as_str()))
            || words.iter().take(found.start).any(|w| CONDITION.contains(&w.as_str()))
            || answers_after(words.get(found.end..).unwrap_or_default(), true)
            || answers_after(next, false))
    })
}

/// Whether an answer follows a contrast: in the rest of the sentence, or at the beginning of the next one.
fn answers_after(words: &[String], anywhere: bool) -> bool {
    let is_contrast = |word: &String| CONTRAST.contains(&word.as_str());
    let at =
        if anywhere { words.iter().position(is_contrast) } else { words.first().is_some_and(is_contrast).then_some(0) };
    let after = at.and_then(|at| words.get(at + 1));
    after.is_some_and(|word| !HELP.contains(&word.as_str()))
}

/// The words of each sentence.
fn sentences(text: &str) -> Vec<Vec<String>> {
    let mut sentences = vec![Vec::new()];
    let mut word = String::new();
    let mut quoted = None;
    let mut chars = text.chars().take(MAX_READ).flat_map(plain).peekable();
    while let Some(c) = chars.next() {
        if let Some(end) = quoted {
            if c == end {
                quoted = None;
            }
            continue;
        }
        if c.is_alphanumeric() {
            word.push(c);
            continue;
        }
        if !word.is_empty() {
            sentences.last_mut().into_iter().for_each(|s| s.push(std::mem::take(&mut word)));
        }
        match c {
            '«' => quoted = Some('»'),
            '“' => quoted = Some('”'),
            '"' => quoted = Some('"'),
            '.' | '!' | '?' | '\n' | ';' if chars.peek().is_none_or(|next| !next.is_alphanumeric()) => {
                sentences.push(Vec::new());
            }
            '\n' => sentences.push(Vec::new()),
            _ => {}
        }
    }
    sentences.last_mut().into_iter().for_each(|s| s.push(std::mem::take(&mut word)));
    sentences.iter_mut().for_each(|words| words.retain(|word| !word.is_empty()));
    sentences.retain(|words| !words.is_empty());
    sentences
}

/// In lower case, without accents.
pub(super) fn unaccented(text: &str) -> String {
    text.chars().flat_map(plain).collect()
}

/// As [`unaccented`].
fn plain(c: char) -> impl Iterator<Item = char> {
    c.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase)
}

#[derive(Debug)]
enum Element {
    /// One of these words; `true`: what begins with it.
    Word(Vec<Stem>),
    Any(usize),
    Start,
}

#[derive(Debug)]
struct Stem {
    text: &'static str,
    prefix: bool,
    /// Stands for the end of the sentence.
    end: bool,
}

#[derive(Debug)]
struct Pattern(Vec<Element>);

struct Found {
    start: usize,
    end: usize,
}

struct Compiled {
    refusals: Vec<Pattern>,
    more: Vec<Pattern>,
}

fn compiled() -> &'static Compiled {
    static COMPILED: OnceLock<Compiled> = OnceLock::new();
    COMPILED.get_or_init(|| {
        let all = |list: &[&'static str]| list.iter().map(|text| Pattern::new(text)).collect();
        Compiled { refusals: all(PATTERNS), more: all(MORE) }
    })
}

impl Pattern {
    fn new(text: &'static str) -> Self {
        Self(text.split(' ').map(Element::new).collect())
    }

    fn find(&self, words: &[String]) -> Option<Found> {
        let starts = if matches!(self.0.first(), Some(Element::Start)) { 1 } else { words.len() };
        (0..starts).find_map(|start| Some(Found { start, end: matches_at(&self.0, words, start)? }))
    }
}

impl Element {
    fn new(text: &'static str) -> Self {
        match (text, text.strip_prefix('*')) {
            ("^", _) => Self::Start,
            (_, Some(n)) => Self::Any(n.parse().unwrap_or(0)),
            _ => Self::Word(text.split('|').flat_map(stems).collect()),
        }
    }
}

/// A word of a pattern, or those of a class.
fn stems(word: &'static str) -> Vec<Stem> {
    match CLASSES.iter().find(|(name, _)| *name == word) {
        Some((_, list)) => list.split('|').flat_map(stems).collect(),
        None => {
            let prefix = word.strip_suffix('~');
            vec![Stem { text: prefix.unwrap_or(word), prefix: prefix.is_some(), end: word == "$" }]
        }
    }
}

/// Where the elements end that match from `at` on.
fn matches_at(elements: &[Element], words: &[String], at: usize) -> Option<usize> {
    let Some((first, rest)) = elements.split_first() else { return Some(at) };
    match first {
        Element::Start => matches_at(rest, words, at),
        Element::Any(most) => (0..=*most).find_map(|n| matches_at(rest, words, at + n)),
        Element::Word(stems) => {
            let word = words.get(at);
            let is = |stem: &Stem| match word {
                Some(word) if stem.prefix => word.starts_with(stem.text),
                Some(word) => word == stem.text,
                None => stem.end && at == words.len(),
            };
            stems.iter().any(is).then(|| matches_at(rest, words, at + 1)).flatten()
        }
    }
}

#[cfg(test)]
#[path = "refusal_tests.rs"]
mod tests;
