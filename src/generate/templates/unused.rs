//! A user's entries, tried on the facts.

use std::collections::BTreeSet;

use crate::corpus::{Fact, Kind, Language};
use crate::generate::fault::TemplateError;
use crate::generate::grammar::{folded, shown};

use super::entry::Entry;
use super::set::Templates;

/// Facts that each entry is tried on, at most.
const TRIED: usize = 3;

/// A user's entry that is for none of the facts.
#[derive(Clone, Debug, PartialEq)]
pub struct UnusedEntry {
    /// The entry and its language: `user-hebergeur/fr`.
    pub name: String,
    pub cause: UnusedCause,
}

/// Why an entry is for none of the facts.
#[derive(Clone, Debug, PartialEq)]
pub enum UnusedCause {
    /// No fact has one of its attributes.
    NoAttribute,
    /// The facts with its attributes are of other kinds.
    OtherKinds {
        /// Empty: the entry names no kind, and is for all but booleans and free texts.
        asked: Vec<Kind>,
        found: Vec<Kind>,
    },
    /// Other entries of the file, which stand before it, are for its facts.
    OtherEntry,
}

impl Templates {
    /// Tries each of the user's templates on facts that it is for, three at most. Returns the entries that are for none of
    /// the facts.
    pub fn check(&self, facts: &[Fact]) -> Result<Vec<UnusedEntry>, TemplateError> {
        let mut unused = Vec::new();
        for language in Language::ALL {
            let set = self.set(language);
            let mut tried = vec![0; set.users];
            for fact in facts {
                if tried.iter().all(|n| *n >= TRIED) {
                    break;
                }
                let Some(i) =
                    self.entry_of(fact, &folded(&shown(&fact.attribute)), language).filter(|i| *i < set.users)
                else {
                    continue;
                };
                let (Some(entry), Some(n)) = (set.entries.get(i), tried.get_mut(i)) else { continue };
                if *n < TRIED {
                    *n += 1;
                    self.try_entry(entry, fact, language)?;
                }
            }
            let named = set.entries.iter().zip(&tried).filter(|(entry, n)| **n == 0 && entry.frame.is_none());
            unused.extend(named.map(|(entry, _)| UnusedEntry {
                name: format!("{}/{}", entry.name, language.code()),
                cause: cause(entry, facts),
            }));
        }
        Ok(unused)
    }
}

fn cause(entry: &Entry, facts: &[Fact]) -> UnusedCause {
    let is_named = |fact: &&Fact| entry.attributes.contains(&folded(&shown(&fact.attribute)));
    let named: Vec<&Fact> = facts.iter().filter(is_named).collect();
    if named.is_empty() {
        return UnusedCause::NoAttribute;
    }
    if named.iter().any(|fact| entry.takes(fact)) {
        return UnusedCause::OtherEntry;
    }
    let found: BTreeSet<Kind> = named.iter().map(|fact| fact.kind).collect();
    UnusedCause::OtherKinds { asked: entry.kinds.clone(), found: found.into_iter().collect() }
}

impl std::fmt::Display for UnusedEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: ", self.name)?;
        match &self.cause {
            UnusedCause::NoAttribute => f.write_str("no fact of the documents has this attribute")?,
            UnusedCause::OtherKinds { asked, found } => {
                let asked =
                    if asked.is_empty() { "a kind that is no boolean and no free text".into() } else { kinds(asked) };
                write!(
                    f,
                    "the entry is for {asked}, but the documents' values of this attribute are of {}",
                    kinds(found)
                )?;
            }
            UnusedCause::OtherEntry => f.write_str("other entries of the file are for the same facts")?,
        }
        f.write_str("; the template is not used")
    }
}

/// `kind number or money`
fn kinds(kinds: &[Kind]) -> String {
    let names: Vec<String> = kinds.iter().map(Kind::to_string).collect();
    format!("kind {}", names.join(" or "))
}
