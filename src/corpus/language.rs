//! The language of each unit.

use std::collections::BTreeSet;

use super::names::{Names, name_key};
use super::{Corpus, Language, Unit};
use crate::store::Interrupt;

/// Fewer letters do not tell.
const MIN_LETTERS: usize = 60;
/// Characters of a unit or a document that are looked at.
const MAX_CHARS: usize = 300;
/// Letters that French has and English has not.
const ACCENTED: &str = "àâçèéêëîïôùûœÀÂÇÈÉÊËÎÏÔÙÛŒ";
/// Spaced colons of a document that is French, at least.
const FEW: usize = 3;
const FEW_WITH_ACCENTS: usize = 1;

/// Sets the language of every unit: its own, or its document's commonest where it is too short to tell. Records are in the
/// language of their fields' names, where these tell: names and numbers in cells do not.
///
/// Of a single candidate, it is that of all documents but those that are surely in the other language: their words do not fit
/// into sentences of the candidate.
pub(super) fn assign(corpus: &mut Corpus, candidates: &[Language], interrupt: &Interrupt) {
    let candidates = if candidates.is_empty() { &Language::ALL } else { candidates };
    if let [only] = candidates {
        of_all(corpus, &Language::ALL, interrupt);
        let others = surely_other(corpus, *only);
        let units = corpus.units.iter_mut().filter(|unit| !others.contains(&unit.document));
        units.for_each(|unit| unit.language = Some(*only));
        return;
    }
    of_all(corpus, candidates, interrupt);
}

/// Documents all of whose units are in another language, which the words of their texts or their keys tell.
fn surely_other(corpus: &Corpus, only: Language) -> BTreeSet<usize> {
    let detector = whatlang::Detector::with_allowlist(Language::ALL.map(code).to_vec());
    let mut keys = vec![BTreeSet::new(); corpus.documents.len()];
    let mut others: BTreeSet<usize> = (0..corpus.documents.len()).collect();
    for unit in &corpus.units {
        if unit.language.is_none_or(|language| language == only) {
            others.remove(&unit.document);
        }
        if let Some(keys) = keys.get_mut(unit.document) {
            keys.extend(unit.fields.iter().map(|field| folded_words(&field.key)));
        }
    }
    others.retain(|at| {
        let is_of_text = || {
            let text = corpus.documents.get(*at).and_then(|document| beginning(&document.text)).unwrap_or_default();
            let letters = text.chars().filter(|c| c.is_alphabetic()).count();
            let found = detector.detect(text).filter(|found| letters >= MIN_LETTERS && found.is_reliable());
            found.is_some_and(|found| found.lang() != code(only))
        };
        keys.get(*at).and_then(language_of_keys).map_or_else(is_of_text, |language| language != only)
    });
    others
}

fn of_all(corpus: &mut Corpus, candidates: &[Language], interrupt: &Interrupt) {
    detect_all(&mut corpus.units, candidates, interrupt);
    of_records(corpus, candidates);
    let mut counts = vec![[0_usize; Language::ALL.len()]; corpus.documents.len()];
    for unit in &corpus.units {
        if let (Some(language), Some(counts)) = (unit.language, counts.get_mut(unit.document)) {
            for (count, of) in counts.iter_mut().zip(Language::ALL) {
                *count += usize::from(of == language);
            }
        }
    }
    let whole = whole_documents(corpus, candidates, &counts);
    for unit in corpus.units.iter_mut().filter(|unit| unit.language.is_none()) {
        let counts = counts.get(unit.document).into_iter().flatten();
        let commonest = counts.zip(Language::ALL).filter(|(count, _)| **count > 0).max_by_key(|(count, _)| **count);
        unit.language = commonest.map(|(_, language)| language).or(whole.get(unit.document).copied().flatten());
    }
}

/// Units with fields whose text does not tell reliably: in the language of the names of their document's fields.
fn of_records(corpus: &mut Corpus, candidates: &[Language]) {
    let detector = whatlang::Detector::with_allowlist(candidates.iter().map(|language| code(*language)).collect());
    let mut keys = vec![BTreeSet::new(); corpus.documents.len()];
    let mut signs = vec![Signs::default(); corpus.documents.len()];
    for unit in &corpus.units {
        if let Some(keys) = keys.get_mut(unit.document) {
            keys.extend(unit.fields.iter().map(|field| folded_words(&field.key)));
        }
        if let Some(signs) = signs.get_mut(unit.document) {
            signs.add(unit);
        }
    }
    let french =
        |signs: &Signs| signs.are_french().then_some(Language::Fr).filter(|french| candidates.contains(french));
    let told: Vec<Option<Language>> =
        keys.iter().zip(&signs).map(|(keys, signs)| language_of_keys(keys).or_else(|| french(signs))).collect();
    for unit in corpus.units.iter_mut().filter(|unit| !unit.fields.is_empty()) {
        let Some(language) = told.get(unit.document).copied().flatten() else { continue };
        let is_certain = || {
            let text = beginning(&unit.text).unwrap_or_default();
            has_common_words(text) && detector.detect(text).is_some_and(|found| found.is_reliable())
        };
        if unit.language.is_none() || (unit.language != Some(language) && !is_certain()) {
            unit.language = Some(language);
        }
    }
}

/// Words that sentences of the two languages have, and names have not.
const COMMON_WORDS: &[&str] = &[
    "le", "la", "les", "des", "du", "une", "est", "sont", "dans", "pour", "par", "avec", "sur", "qui", "que", "et",
    "au", "aux", "ce", "cette", "the", "of", "and", "is", "are", "to", "for", "with", "by", "from", "that", "this",
    "which", "has", "it", "be", "was",
];
/// So many of them are in a text, at least, whose letters tell its language: rows of names look like any.
const FEWEST_COMMON: usize = 2;

fn has_common_words(text: &str) -> bool {
    let words = text.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase);
    words.filter(|word| COMMON_WORDS.contains(&word.as_str())).nth(FEWEST_COMMON - 1).is_some()
}

/// The words of a key, each folded.
fn folded_words(key: &str) -> Vec<String> {
    key.split([' ', '_', '-', '.', '\'', '’', '\u{a0}']).map(name_key).filter(|word| !word.is_empty()).collect()
}

/// None: the names are of both languages alike, or of neither.
fn language_of_keys(keys: &BTreeSet<Vec<String>>) -> Option<Language> {
    let is_of = |names: Names, key: &[String]| names.has(&key.concat()) || key.iter().any(|word| names.has(word));
    let count = |names: Names| keys.iter().filter(|key| is_of(names, key)).count();
    match (count(Names::French), count(Names::English)) {
        (french, english) if french > english => Some(Language::Fr),
        (french, english) if english > french => Some(Language::En),
        _ => None,
    }
}

/// What the typography of a document's text tells.
#[derive(Clone, Copy, Debug, Default)]
struct Signs {
    /// Colons after a word, with a space before and behind them, as French alone has them.
    spaced: usize,
    /// Colons right after a word.
    tight: usize,
    /// Letters with the accents of French.
    accents: usize,
}

impl Signs {
    fn add(&mut self, unit: &Unit) {
        let Some(text) = beginning(&unit.text) else { return };
        for (at, colon) in text.match_indices(':') {
            let before = text.get(..at).unwrap_or_default().trim_end_matches(['*', '_']);
            let is_mark = text.get(at + colon.len()..).is_some_and(|rest| {
                let rest = rest.trim_start_matches(['*', '_']);
                rest.is_empty() || rest.starts_with(char::is_whitespace)
            });
            let spaced = before.strip_suffix([' ', '\u{a0}', '\u{202f}']);
            match spaced {
                Some(word) if is_mark && word.ends_with(|c: char| c.is_alphanumeric() || c == '*') => self.spaced += 1,
                None if is_mark && before.ends_with(char::is_alphanumeric) => self.tight += 1,
                _ => {}
            }
        }
        let texts = unit.path.iter().map(String::as_str).chain([text]);
        self.accents += texts.flat_map(str::chars).filter(|c| ACCENTED.contains(*c)).count();
    }

    fn are_french(&self) -> bool {
        let few = if self.accents > 0 { FEW_WITH_ACCENTS } else { FEW };
        self.spaced >= few && self.tight == 0
    }
}

/// Of each document whose units are all too short to tell, such as a table: the language of its beginning as one text.
fn whole_documents(
    corpus: &Corpus,
    candidates: &[Language],
    counts: &[[usize; Language::ALL.len()]],
) -> Vec<Option<Language>> {
    let detector = whatlang::Detector::with_allowlist(candidates.iter().map(|language| code(*language)).collect());
    let is_open = |counts: &[usize; Language::ALL.len()]| counts.iter().all(|count| *count == 0);
    let documents = corpus.documents.iter().zip(counts);
    documents.map(|(document, counts)| is_open(counts).then(|| detect(&detector, &document.text))?).collect()
}

/// Each unit's own language, on all cores: this takes a third of a reading's time. An interruption leaves some without.
fn detect_all(units: &mut [Unit], candidates: &[Language], interrupt: &Interrupt) {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = units.len().div_ceil(threads).max(1);
    let allowed: Vec<whatlang::Lang> = candidates.iter().map(|language| code(*language)).collect();
    std::thread::scope(|scope| {
        for units in units.chunks_mut(share) {
            let detector = whatlang::Detector::with_allowlist(allowed.clone());
            scope.spawn(move || {
                let units = units.iter_mut().take_while(|_| !interrupt.raised());
                units.for_each(|unit| unit.language = detect(&detector, &unit.text));
            });
        }
    });
}

/// The language that most of the texts are written in; None: none of them tells.
pub fn commonest_language<'t>(texts: impl Iterator<Item = &'t str>) -> Option<Language> {
    let detector = whatlang::Detector::with_allowlist(Language::ALL.map(code).to_vec());
    let mut counts = Language::ALL.map(|_| 0_usize);
    for language in texts.filter_map(|text| detect(&detector, text)) {
        counts.iter_mut().zip(Language::ALL).filter(|(_, of)| *of == language).for_each(|(count, _)| *count += 1);
    }
    let counted = counts.into_iter().zip(Language::ALL).filter(|(count, _)| *count > 0);
    counted.rev().max_by_key(|(count, _)| *count).map(|(_, language)| language)
}

/// Names that both languages have, or that one has from the other.
const COMMON: &[&str] = &["role", "office", "label", "staff"];

/// The language that alone has the name of an attribute; None: both or neither are known to have it.
pub fn language_of_name(name: &str) -> Option<Language> {
    let name = name_key(name);
    if COMMON.contains(&name.as_str()) {
        return None;
    }
    match (Names::French.has(&name), Names::English.has(&name)) {
        (true, false) => Some(Language::Fr),
        (false, true) => Some(Language::En),
        _ => None,
    }
}

/// Characters of a document by which a language is told that is neither French nor English, and letters at least.
const SAMPLE: usize = 2000;
const SAMPLE_LETTERS: usize = 100;

/// Of each document the language that its text is surely written in, in English, where it is neither French nor English.
pub fn other_languages(corpus: &Corpus) -> Vec<Option<&'static str>> {
    let mut samples = vec![(String::new(), BTreeSet::new()); corpus.documents.len()];
    for unit in &corpus.units {
        let Some((text, keys)) = samples.get_mut(unit.document) else { continue };
        if text.len() < SAMPLE {
            text.push_str(beginning(&unit.text).unwrap_or_default());
            text.push('\n');
            keys.extend(unit.fields.iter().map(|field| name_key(&field.key)));
        }
    }
    let detector = whatlang::Detector::new();
    let other = |(text, keys): &(String, BTreeSet<String>)| {
        let is_long = text.chars().filter(|c| c.is_alphabetic()).count() >= SAMPLE_LETTERS;
        // A table of names looks like any language.
        let is_known = || keys.iter().any(|key| Names::French.has(key) || Names::English.has(key));
        let found = detector.detect(text).filter(|found| is_long && found.is_reliable() && !is_known())?;
        let is_other = !matches!(found.lang(), whatlang::Lang::Fra | whatlang::Lang::Eng);
        is_other.then(|| found.lang().eng_name())
    };
    samples.iter().map(other).collect()
}

fn code(language: Language) -> whatlang::Lang {
    match language {
        Language::Fr => whatlang::Lang::Fra,
        Language::En => whatlang::Lang::Eng,
    }
}

/// What is looked at of a text.
fn beginning(text: &str) -> Option<&str> {
    text.get(..text.char_indices().nth(MAX_CHARS).map_or(text.len(), |(at, _)| at))
}

fn detect(detector: &whatlang::Detector, text: &str) -> Option<Language> {
    let text = beginning(text)?;
    if text.chars().filter(|c| c.is_alphabetic()).count() < MIN_LETTERS {
        return None;
    }
    match detector.detect_lang(text)? {
        whatlang::Lang::Fra => Some(Language::Fr),
        whatlang::Lang::Eng => Some(Language::En),
        _ => None,
    }
}
