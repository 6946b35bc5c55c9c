//! The facts of a corpus: fields and definitions, with unique entities, typed values, and without contradictions.

use std::collections::{BTreeMap, BTreeSet};

use super::facts_answer::answers;
use super::facts_definition::definitions;
use super::facts_entity::names;
use super::facts_merge::{Named, merged};
use super::facts_statement::{Statement, statements};
use super::facts_table::tell_apart;
use super::heading_parts::is_question;
use super::kind::is_long;
use super::{Corpus, Fact, Facts, Kind};
use crate::store::{Digest, Interrupt};

/// What is taken for a fact.
#[derive(Clone, Debug, Default)]
pub struct FactOptions {
    /// E-mail addresses and telephone numbers too.
    pub contacts: bool,
    /// Ends the work early: what is found then is to be dropped.
    pub interrupt: Interrupt,
}

impl Fact {
    /// Whether a question can ask for it and get its values as the answer: an identifier says nothing, free text is too
    /// long.
    pub fn is_asked(&self) -> bool {
        self.kind != Kind::Identifier && (self.is_question() || !self.values.iter().any(|v| is_long(v)))
    }

    /// Whether its attribute is a question of the document's own, which its value answers.
    pub fn is_question(&self) -> bool {
        is_question(&self.attribute)
    }
}

/// An attribute has at least as many records before its commonest value makes it of low information.
const FEWEST_RECORDS: usize = 10;
/// In percent of the records: a commonest value beyond can be guessed.
const COMMONEST: usize = 60;
/// An enumeration: as many records at least, as many values at most, each no longer than this (in characters).
const ENUMERATION_RECORDS: usize = 5;
const ENUMERATION_VALUES: usize = 12;
const ENUMERATION_LENGTH: usize = 40;

/// All that the fields and first sentences of the units state.
///
/// The facts and their ids do not depend on the order of the units. What is stated several times is one fact, with the place
/// that is first by source, document and position. An attribute of an entity with several values is no fact but a conflict,
/// in one source or in several: a question about it has no one answer.
pub fn facts(corpus: &Corpus, options: &FactOptions) -> Facts {
    let mut stated = statements(corpus, &options.interrupt);
    stated.extend(definitions(corpus));
    stated.extend(answers(corpus, &options.interrupt));
    let mut names = names(corpus, &stated);
    tell_apart(corpus, &stated, &mut names.of);
    let named = || stated.iter().zip(&names.of).map(|(statement, entity)| Named { entity, statement });
    let is_contact = |n: &Named<'_>| n.statement.kind == Kind::Contact;
    let mut merged_facts = merged(corpus, named().filter(|n| options.contacts || !is_contact(n)));
    let contacts = if options.contacts {
        0
    } else {
        let merged = merged(corpus, named().filter(is_contact));
        merged.kept.len() + merged.conflicts.len()
    };
    let mut facts: Vec<Fact> = merged_facts.kept.iter().map(|n| fact(n.entity, n.statement)).collect();
    mark(&mut facts, &merged_facts.kept);
    merged_facts.conflicts.sort_by(|a, b| (&a.entity, &a.attribute).cmp(&(&b.entity, &b.attribute)));
    Facts { facts, conflicts: merged_facts.conflicts, contacts, spellings: names.spellings }
}

fn fact(entity: &str, statement: &Statement) -> Fact {
    Fact {
        id: id(entity, statement),
        entity: entity.to_owned(),
        attribute: statement.attribute.clone(),
        values: statement.values.clone(),
        kind: statement.kind,
        measure: statement.measure.clone(),
        language: statement.language,
        unit: statement.unit,
        source: statement.source.clone(),
        spans: statement.spans.clone(),
        low_information: false,
    }
}

/// SHA-256 of source, entity, folded attribute and normalised values, each with its length before it.
fn id(entity: &str, statement: &Statement) -> Digest {
    let mut bytes = Vec::with_capacity(128);
    let values = statement.sorted_normal();
    for part in [&*statement.source, entity, &statement.key].into_iter().chain(values) {
        bytes.extend((part.len() as u64).to_le_bytes());
        bytes.extend(part.as_bytes());
    }
    Digest::of_bytes(&bytes)
}

/// Marks enumerations and attributes of low information; `kept`: of each fact.
fn mark(facts: &mut [Fact], kept: &[Named<'_>]) {
    let mut attributes: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, named) in kept.iter().enumerate() {
        attributes.entry(&named.statement.key).or_default().push(at);
    }
    for of_attribute in attributes.into_values() {
        let stated: Vec<&Statement> = of_attribute.iter().filter_map(|at| Some(kept.get(*at)?.statement)).collect();
        let low_information = is_guessable(&stated);
        let enumeration = is_enumeration(&stated);
        for at in of_attribute {
            if let Some(fact) = facts.get_mut(at) {
                fact.low_information = low_information;
                if enumeration && fact.kind == Kind::Text {
                    fact.kind = Kind::Enumeration;
                }
            }
        }
    }
}

fn is_guessable(stated: &[&Statement]) -> bool {
    if stated.len() < FEWEST_RECORDS {
        return false;
    }
    let mut counts: BTreeMap<Vec<&str>, usize> = BTreeMap::new();
    for statement in stated {
        *counts.entry(statement.sorted_normal()).or_default() += 1;
    }
    counts.values().max().is_some_and(|most| most * 100 > stated.len() * COMMONEST)
}

/// Whether the texts of an attribute are few and short, each for two records on average.
fn is_enumeration(stated: &[&Statement]) -> bool {
    let texts: Vec<&&Statement> = stated.iter().filter(|s| s.kind == Kind::Text).collect();
    let values: BTreeSet<&str> = texts.iter().flat_map(|s| s.sorted_normal()).collect();
    let short = values.iter().all(|v| v.chars().count() <= ENUMERATION_LENGTH);
    texts.len() >= ENUMERATION_RECORDS && values.len() <= ENUMERATION_VALUES && values.len() * 2 <= texts.len() && short
}

#[cfg(test)]
#[path = "facts_tests.rs"]
mod tests;
