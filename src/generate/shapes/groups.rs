//! Facts that say the same, made one; facts of one entity and of one attribute, together.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::{Fact, Language};
use crate::generate::Templates;
use crate::generate::grammar::{folded, shown};
use crate::generate::identity_key::identity_key;

use super::subject::Key;

/// Indices of facts, by the keys of their values.
type FactsByValue = BTreeMap<Vec<String>, Vec<usize>>;

/// Facts with one entity, attribute and value.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    /// Indices of facts, in the order of their keys; never empty.
    pub(super) facts: Vec<usize>,
    pub(super) low_information: bool,
}

impl Statement {
    /// The fact that it is worded by.
    pub(super) fn first(&self) -> usize {
        self.facts.first().copied().unwrap_or(0)
    }
}

/// Every list is in an order that the order of the facts has no part in.
#[derive(Clone, Debug)]
pub(super) struct Groups {
    /// Of every fact, by its index.
    pub(super) keys: Vec<Key>,
    pub(super) statements: Vec<Statement>,
    /// Statements of each entity.
    pub(super) entities: Vec<Vec<usize>>,
    /// Statements of each attribute; attributes with the same entry of the templates are one where no entity has two of
    /// them.
    pub(super) attributes: Vec<Vec<usize>>,
    /// Facts whose entity has another fact that the same entry is for, by language.
    own: BTreeSet<(Language, usize)>,
}

impl Groups {
    /// Entities with several values of one attribute in several facts are left out: a question for one is a question for
    /// all.
    pub(super) fn new(facts: &[Fact], templates: &Templates) -> Self {
        let keys: Vec<Key> = facts.iter().map(|fact| Key::new(fact.id.to_string().as_bytes())).collect();
        let names = Names::new(facts);
        let own = names.clashes(facts, templates);
        let mut said: BTreeMap<(&str, &str), FactsByValue> = BTreeMap::new();
        for (i, fact) in facts.iter().enumerate() {
            let values = fact.values.iter().map(|value| identity_key(value)).collect();
            let of_attribute = said.entry((fact.entity.as_str(), names.of(fact))).or_default();
            of_attribute.entry(values).or_default().push(i);
        }
        let grouped = names.grouped(facts, templates, &own);
        let mut groups = Self { keys, statements: Vec::new(), entities: Vec::new(), attributes: Vec::new(), own };
        let mut attributes: BTreeMap<&str, usize> = BTreeMap::new();
        let mut entity_before = None;
        for ((entity, attribute), mut values) in said {
            let (Some((_, mut same)), true) = (values.pop_first(), values.is_empty()) else { continue };
            same.sort_by_key(|i| groups.keys.get(*i).copied());
            if entity_before != Some(entity) {
                groups.entities.push(Vec::new());
                entity_before = Some(entity);
            }
            let group = grouped.get(attribute).map_or(attribute, String::as_str);
            let attribute = *attributes.entry(group).or_insert_with(|| {
                groups.attributes.push(Vec::new());
                groups.attributes.len() - 1
            });
            groups.push(same, attribute, facts);
        }
        groups
    }

    fn push(&mut self, same: Vec<usize>, attribute: usize, facts: &[Fact]) {
        let low_information = same.iter().filter_map(|i| facts.get(*i)).any(|fact| fact.low_information);
        let n = self.statements.len();
        self.entities.last_mut().into_iter().for_each(|of| of.push(n));
        self.attributes.get_mut(attribute).into_iter().for_each(|of| of.push(n));
        self.statements.push(Statement { facts: same, low_information });
    }

    /// Whether a fact is called by its own attribute's name in this language.
    pub(super) fn is_own(&self, language: Language, fact: usize) -> bool {
        self.own.contains(&(language, fact))
    }

    /// The statements of a list with their facts.
    pub(super) fn all<'a>(
        &'a self,
        list: &'a [usize],
        facts: &'a [Fact],
    ) -> impl Iterator<Item = (&'a Statement, &'a Fact)> {
        let statements = list.iter().filter_map(|i| self.statements.get(*i));
        statements.filter_map(|of| Some((of, facts.get(of.first())?)))
    }

    /// As [`Self::all`], low-information ones left out.
    pub(super) fn informative<'a>(
        &'a self,
        list: &'a [usize],
        facts: &'a [Fact],
    ) -> impl Iterator<Item = (&'a Statement, &'a Fact)> {
        self.all(list, facts).filter(|(of, _)| !of.low_information)
    }
}

/// Attributes' names, folded once.
struct Names<'f> {
    folded: BTreeMap<&'f str, String>,
}

impl<'f> Names<'f> {
    fn new(facts: &'f [Fact]) -> Self {
        let mut names: BTreeMap<&str, String> = BTreeMap::new();
        for fact in facts {
            names.entry(&fact.attribute).or_insert_with(|| folded(&shown(&fact.attribute)));
        }
        Self { folded: names }
    }

    fn of(&self, fact: &Fact) -> &str {
        self.folded.get(fact.attribute.as_str()).map_or("", String::as_str)
    }

    /// Facts whose entity has another attribute with the same entry.
    fn clashes(&self, facts: &[Fact], templates: &Templates) -> BTreeSet<(Language, usize)> {
        let mut own = BTreeSet::new();
        for language in Language::ALL {
            let mut by_entry: BTreeMap<(&str, usize), Vec<usize>> = BTreeMap::new();
            for (i, fact) in facts.iter().enumerate() {
                if let Some(entry) = templates.entry_of(fact, self.of(fact), language) {
                    by_entry.entry((&fact.entity, entry)).or_default().push(i);
                }
            }
            for same in by_entry.values().filter(|same| same.len() > 1) {
                let names: BTreeSet<_> = same.iter().filter_map(|i| facts.get(*i)).map(|fact| self.of(fact)).collect();
                if names.len() > 1 {
                    own.extend(same.iter().map(|i| (language, *i)));
                }
            }
        }
        own
    }

    /// Folded name to the name of its group.
    fn grouped(
        &self,
        facts: &[Fact],
        templates: &Templates,
        own: &BTreeSet<(Language, usize)>,
    ) -> BTreeMap<String, String> {
        let alone: BTreeSet<&str> = own.iter().filter_map(|(_, i)| facts.get(*i)).map(|fact| self.of(fact)).collect();
        let mut grouped = BTreeMap::new();
        for name in self.folded.values().filter(|name| !alone.contains(name.as_str())) {
            if let Some(group) = templates.group_of(name) {
                grouped.insert(name.clone(), group);
            }
        }
        grouped
    }
}
