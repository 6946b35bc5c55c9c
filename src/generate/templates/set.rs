//! The shipped and the user's templates, and which of them a fact is worded by.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::corpus::{Fact, Kind, Language};
use crate::generate::Family;
use crate::generate::fault::{TemplateError, TemplateFault};
use crate::generate::grammar::{EnglishNoun, Gender, Lexicon, Noun, english_plural, folded, joined, shown};

use super::entry::{Class, Entry, Frame, Template, is_remark};
use super::read::{Owner, Read, entries};
use super::slot::Argument;
use super::write::{Agreement, Term, Terms};

const FRENCH: &str = include_str!("../../../templates/questions.fr.yaml");
const ENGLISH: &str = include_str!("../../../templates/questions.en.yaml");
const NOUNS: &str = include_str!("../../../templates/nouns.fr.yaml");

/// Wordings that a fact has at least: where an entry has fewer, its frame's follow.
const FEWEST_WORDINGS: usize = 6;
const FEWEST_FAMILIES: usize = 3;

/// Wordings of attributes and shapes, in every language.
#[derive(Clone, Debug)]
pub struct Templates {
    lexicon: Lexicon,
    french: Set,
    english: Set,
}

/// Of one language. A user's entries stand before the shipped ones.
#[derive(Clone, Debug, Default)]
pub(super) struct Set {
    pub(super) entries: Vec<Entry>,
    /// Of those, how many are the user's.
    pub(super) users: usize,
    /// Folded attribute name to entries, in their order.
    by_name: BTreeMap<String, Vec<usize>>,
    frames: BTreeMap<(Frame, Class), usize>,
}

impl Set {
    fn new(entries: Vec<Entry>, users: usize) -> Self {
        let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        let mut frames = BTreeMap::new();
        for (i, entry) in entries.iter().enumerate() {
            for name in &entry.attributes {
                by_name.entry(name.clone()).or_default().push(i);
            }
            if let Some(frame) = entry.frame {
                frames.entry(frame).or_insert(i);
            }
        }
        Self { entries, users, by_name, frames }
    }
}

/// How a fact is worded in one language.
#[derive(Clone, Debug)]
pub(in crate::generate) struct Speech<'t> {
    pub(super) language: Language,
    entry: Option<&'t Entry>,
    /// Of attributes in general.
    frame: Option<&'t Entry>,
    /// Of the entry, for values of this kind.
    answers: &'t [Template],
    term: Term,
}

impl Templates {
    /// The shipped ones.
    pub fn builtin() -> Result<Self, TemplateError> {
        Self::with(Vec::new())
    }

    /// The shipped ones and a user's, which win. `path` names the text in errors.
    pub fn with_user(path: &Path, text: &str) -> Result<Self, TemplateError> {
        let place = path.display().to_string();
        let read = entries(text, &place, Owner::User)?;
        let mut seen = BTreeSet::new();
        let mut faults = Vec::new();
        for Read { language, entry, line } in &read {
            for key in keys(entry) {
                if !seen.insert((*language, key.clone())) {
                    let what = format!("a second entry for {key} in {}; each has one", language.code());
                    faults.push(TemplateFault { line: *line, what });
                }
            }
        }
        if faults.is_empty() { Self::with(read) } else { Err(TemplateError::Templates { place, faults }) }
    }

    fn with(user: Vec<Read>) -> Result<Self, TemplateError> {
        let set = |language: Language, text, place| {
            let user = user.iter().filter(|read| read.language == language).map(|read| read.entry.clone());
            let mut all: Vec<Entry> = user.collect();
            let users = all.len();
            all.extend(entries(text, place, Owner::Shipped(language))?.into_iter().map(|read| read.entry));
            Ok::<_, TemplateError>(Set::new(all, users))
        };
        Ok(Self {
            lexicon: Lexicon::parse(NOUNS)?,
            french: set(Language::Fr, FRENCH, "questions.fr.yaml")?,
            english: set(Language::En, ENGLISH, "questions.en.yaml")?,
        })
    }

    /// Writes each question of an entry on a fact that it is for.
    pub(super) fn try_entry(&self, entry: &Entry, fact: &Fact, language: Language) -> Result<(), TemplateError> {
        let speech = self.speech(fact, language);
        let terms = speech.terms(fact);
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for template in &entry.questions {
            let question = template.render(&terms).unwrap_or_default();
            if let Some(first) = seen.insert(folded(&question), &template.name) {
                let (first, second) = (first.to_owned(), template.name.to_string());
                return Err(TemplateError::TemplateTwice { first, second, question });
            }
        }
        Ok(())
    }

    /// The entry for a fact, by its attribute's folded name.
    pub(in crate::generate) fn entry_of(&self, fact: &Fact, name: &str, language: Language) -> Option<usize> {
        let set = self.set(language);
        let found = set.by_name.get(name)?;
        found.iter().copied().find(|i| set.entries.get(*i).is_some_and(|entry| entry.takes(fact)))
    }

    /// Of a French noun of the lexicon.
    pub fn gender(&self, noun: &str) -> Option<Gender> {
        self.lexicon.noun(noun).map(|noun| noun.gender)
    }

    /// What attributes with the same entry have in common: the entry's name. Of a folded name of an attribute.
    pub(in crate::generate) fn group_of(&self, name: &str) -> Option<String> {
        Language::ALL.into_iter().find_map(|language| {
            let set = self.set(language);
            let entry = set.entries.get(*set.by_name.get(name)?.first()?)?;
            Some(format!("{}/{}", entry.name, language.code()))
        })
    }

    /// What the attribute means: equal for synonyms, also of two languages.
    pub(in crate::generate) fn concept(&self, attribute: &str) -> String {
        let name = folded(&shown(attribute));
        self.group_of(&name).unwrap_or(name)
    }

    /// The folded names of attributes that have an entry with this one.
    pub(in crate::generate) fn names(&self, attribute: &str) -> Vec<String> {
        let name = folded(&shown(attribute));
        let entries = Language::ALL.into_iter().filter_map(|language| {
            let set = self.set(language);
            set.entries.get(*set.by_name.get(&name)?.first()?)
        });
        entries.flat_map(|entry| entry.attributes.iter().cloned()).collect()
    }

    /// How a fact is worded.
    pub(in crate::generate) fn speech(&self, fact: &Fact, language: Language) -> Speech<'_> {
        let entry = self.entry_of(fact, &folded(&shown(&fact.attribute)), language);
        self.speech_by(fact, language, entry.and_then(|i| self.set(language).entries.get(i)))
    }

    /// As [`Self::speech`], of a fact whose entity has another fact that the same entry is for: both are called by their
    /// own names.
    pub(in crate::generate) fn own_speech(&self, fact: &Fact, language: Language) -> Speech<'_> {
        self.speech_by(fact, language, None)
    }

    fn speech_by<'t>(&'t self, fact: &Fact, language: Language, entry: Option<&'t Entry>) -> Speech<'t> {
        let class = Class::of(fact);
        if fact.is_question() && entry.is_none() {
            let term = Term { words: fact.attribute.clone(), agreement: Agreement::Unknown };
            let frame = self.frame(language, Frame::Question, Class::Plain);
            return Speech { language, entry, frame, answers: &[], term };
        }
        let term = self.term(fact, language, entry.and_then(|entry| entry.noun.as_deref()));
        let class = match entry {
            None if is_remark(fact) => Class::Remark,
            None if is_count(fact) && term.agreement == PLURAL => Class::Quantity,
            _ => class,
        };
        let known = term.agreement != Agreement::Unknown && class != Class::Boolean;
        let frame = self.frame(language, if known { Frame::Noun } else { Frame::Neutral }, class);
        let answers = entry.map_or(&[][..], |entry| entry.answers_for(fact));
        Speech { language, entry, frame, answers, term }
    }

    /// Whether a fact can be asked in a language without words of another one in the question or the answer.
    pub fn can_ask(&self, fact: &Fact, language: Language) -> bool {
        !self.speech(fact, language).mixes_languages(fact)
    }

    /// The frame for a class of values, else the one for all.
    pub(in crate::generate) fn frame(&self, language: Language, frame: Frame, class: Class) -> Option<&Entry> {
        let set = self.set(language);
        let i = set.frames.get(&(frame, class)).or_else(|| set.frames.get(&(frame, Class::Plain)))?;
        set.entries.get(*i)
    }

    /// What a fact's attribute is called. `noun`: what its entry calls it.
    fn term(&self, fact: &Fact, language: Language, noun: Option<&str>) -> Term {
        let words = noun.map_or_else(|| shown(&fact.attribute), str::to_owned);
        let foreign = noun.is_none() && fact.language.is_some_and(|of| of != language);
        let several = Class::of(fact) == Class::List;
        let found = match language {
            Language::Fr => {
                let compound = noun.is_none() && is_compound(&fact.attribute) && !Lexicon::has_complement(&words);
                let skipped = words.contains(' ') && (compound || foreign);
                if skipped { None } else { self.french_term(&words, several) }
            }
            Language::En => {
                if foreign {
                    None
                } else {
                    english_term(&words, several)
                }
            }
        };
        found.unwrap_or(Term { words, agreement: Agreement::Unknown })
    }

    fn french_term(&self, words: &str, several: bool) -> Option<Term> {
        let noun = self.lexicon.noun(words)?;
        if !several || noun.plural {
            return Some(Term { words: self.lexicon.spelt(words), agreement: Agreement::French(noun) });
        }
        let words = self.lexicon.plural(words)?;
        Some(Term { words, agreement: Agreement::French(Noun { plural: true, ..noun }) })
    }

    pub(super) fn set(&self, language: Language) -> &Set {
        match language {
            Language::Fr => &self.french,
            Language::En => &self.english,
        }
    }
}

fn english_term(words: &str, several: bool) -> Option<Term> {
    let noun = EnglishNoun::of(words)?;
    if !several || noun.plural {
        return Some(Term { words: words.to_owned(), agreement: Agreement::English(noun) });
    }
    Some(Term { words: english_plural(words)?, agreement: Agreement::English(EnglishNoun { plural: true }) })
}

/// Whether a fact's value is a number of things.
fn is_count(fact: &Fact) -> bool {
    let is_bare = matches!(fact.values.as_slice(), [value] if is_bare_number(value));
    fact.kind == Kind::Number && fact.measure.is_none() && is_bare
}

/// Of an English noun in the plural, which a number can stand before.
const PLURAL: Agreement = Agreement::English(EnglishNoun { plural: true });

/// Whether the words of a name are joined as keys of records join them: `date_creation`, `dateCreation`.
fn is_compound(attribute: &str) -> bool {
    let small_then_capital =
        attribute.chars().zip(attribute.chars().skip(1)).any(|(a, b)| a.is_lowercase() && b.is_uppercase());
    small_then_capital || attribute.contains(['_', '.'])
}

/// A fact's values as a sentence writes them: joined, a number with its measure.
pub(in crate::generate) fn measured(fact: &Fact, language: Language) -> String {
    with_measure(joined(&fact.values, language), fact)
}

/// One of a fact's values.
pub(in crate::generate) fn measured_value(fact: &Fact, value: usize) -> Option<String> {
    fact.values.get(value).map(|value| with_measure(value.clone(), fact))
}

fn with_measure(text: String, fact: &Fact) -> String {
    match &fact.measure {
        Some(measure) if is_bare_number(&text) => format!("{text} {measure}"),
        _ => text,
    }
}

/// Whether a value is a number without its measure, which another text gives: `2,9`. `$800k` holds its own.
fn is_bare_number(text: &str) -> bool {
    let sign = |c: char| c.is_whitespace() || matches!(c, '.' | ',' | '\'' | '’' | '-' | '−' | '–' | '+');
    text.contains(|c: char| c.is_ascii_digit()) && text.chars().all(|c| c.is_ascii_digit() || sign(c))
}

impl<'t> Speech<'t> {
    pub(in crate::generate) fn terms<'a>(&'a self, fact: &'a Fact) -> Terms<'a> {
        let mut terms = Terms::new(self.language);
        terms.attr = Some(&self.term);
        terms.is_date = fact.kind == Kind::Date && Class::of(fact) == Class::Plain;
        let terms = if fact.is_question() { terms.with(Argument::Question, fact.attribute.trim()) } else { terms };
        terms.with(Argument::Entity, fact.entity.as_str()).with(Argument::Value, measured(fact, self.language))
    }

    /// Of two hops, with this attribute as the one that leads on.
    pub(in crate::generate) fn leading<'a>(&'a self, mut terms: Terms<'a>) -> Terms<'a> {
        terms.link = Some(&self.term);
        terms
    }

    /// The entry's, and, where these are few, the frame's. Behind a user's entry the frame has only families that the user
    /// gives no question for.
    pub(in crate::generate) fn questions(&self) -> Vec<&'t Template> {
        let mut all: Vec<&Template> = self.entry.map_or_else(Vec::new, |entry| entry.questions.iter().collect());
        let families: BTreeSet<Family> = all.iter().map(|template| template.family).collect();
        let frame = self.frame.iter().flat_map(|frame| &frame.questions);
        if all.iter().any(|template| template.is_users) {
            all.extend(frame.filter(|template| !families.contains(&template.family)));
        } else if all.len() < FEWEST_WORDINGS || families.len() < FEWEST_FAMILIES {
            all.extend(frame);
        }
        all
    }

    /// Answers that statements are made of: the entry's, then the frame's, for an entry that has labels alone.
    pub(in crate::generate) fn statements(&self) -> impl Iterator<Item = &'t [Template]> {
        [self.answers].into_iter().chain(self.frame.map(|frame| frame.answers.as_slice()))
    }

    /// Whether the attribute has an entry of its own.
    pub(in crate::generate) fn has_entry(&self) -> bool {
        self.entry.is_some()
    }

    pub(in crate::generate) fn answers(&self) -> &'t [Template] {
        if self.entry.is_some() { self.answers } else { self.frame.map_or(&[], |frame| &frame.answers) }
    }
}

/// What an entry is for: each may be named once in a file.
fn keys(entry: &Entry) -> Vec<String> {
    if entry.frame.is_some() {
        return vec![entry.name.clone()];
    }
    let kinds: Vec<_> = match entry.kinds.as_slice() {
        [] => vec![String::new()],
        kinds => kinds.iter().map(|kind| format!(" of kind {kind}")).collect(),
    };
    entry.attributes.iter().flat_map(|name| kinds.iter().map(move |kind| format!("{name:?}{kind}"))).collect()
}
