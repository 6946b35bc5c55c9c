//! Statements of one attribute of one entity: repeated ones become one fact, contradictions are listed.

use std::collections::{BTreeMap, BTreeSet};

use super::facts_statement::Statement;
use super::{Conflict, Corpus, Kind, Language};

/// What is left of all statements.
#[derive(Default)]
pub(super) struct Merged<'a> {
    pub(super) kept: Vec<Named<'a>>,
    pub(super) conflicts: Vec<Conflict>,
}

/// A statement with the unique name of its entity.
#[derive(Clone, Copy)]
pub(super) struct Named<'a> {
    pub(super) entity: &'a str,
    pub(super) statement: &'a Statement,
}

/// In an order that does not depend on the order of the units.
pub(super) fn merged<'a>(corpus: &Corpus, statements: impl IntoIterator<Item = Named<'a>>) -> Merged<'a> {
    let mut groups: BTreeMap<(&str, &str), Vec<&'a Statement>> = BTreeMap::new();
    for Named { entity, statement } in statements {
        groups.entry((entity, &statement.key)).or_default().push(statement);
    }
    let mut merged = Merged::default();
    for ((entity, _), mut group) in groups {
        if group.len() > 1 {
            group.sort_by(|a, b| a.by_place(b, corpus));
        }
        match resolve(&group) {
            Outcome::Facts(facts) => {
                merged.kept.extend(facts.into_iter().map(|statement| Named { entity, statement }));
            }
            Outcome::Conflict => merged.conflicts.push(conflict(entity, &group)),
        }
    }
    merged.kept.sort_by(|a, b| a.statement.by_place(b.statement, corpus));
    merged
}

enum Outcome<'a> {
    /// None: the attribute names the record and not the entity.
    Facts(Vec<&'a Statement>),
    Conflict,
}

/// `group`: in the order of places.
fn resolve<'a>(group: &[&'a Statement]) -> Outcome<'a> {
    let Some(first) = group.first() else { return Outcome::Facts(Vec::new()) };
    if group.iter().all(|s| s.sorted_normal() == first.sorted_normal()) {
        return Outcome::Facts(vec![first]);
    }
    let all = |kind: Kind| group.iter().all(|s| s.kind == kind);
    if all(Kind::Identifier) {
        return Outcome::Facts(Vec::new());
    }
    if all(Kind::Definition) {
        return Outcome::Facts(firsts(group, |s| s.language));
    }
    if group.iter().all(|s| is_quantity(s.kind)) && one_quantity(group) {
        return Outcome::Facts(group.iter().find(|s| s.measure.is_some()).copied().into_iter().collect());
    }
    // Long texts about one thing do not contradict each other.
    if group.iter().all(|s| s.kind == Kind::Text && s.values.iter().any(|v| super::kind::is_long(v))) {
        return Outcome::Facts(firsts(group, |s| s.normal.clone()));
    }
    if group.iter().all(|s| is_of_a_language(s.kind)) {
        return by_language(group);
    }
    Outcome::Conflict
}

fn is_quantity(kind: Kind) -> bool {
    matches!(kind, Kind::Number | Kind::Money)
}

/// Whether the quantities have one number and one measure, which some places may leave out.
fn one_quantity(group: &[&Statement]) -> bool {
    let parts = || group.iter().flat_map(|s| &s.normal).map(|n| n.split_once(' ').unwrap_or((n, "")));
    let numbers: BTreeSet<&str> = parts().map(|(number, _)| number).collect();
    let measures: BTreeSet<&str> = parts().map(|(_, measure)| measure).filter(|measure| !measure.is_empty()).collect();
    numbers.len() == 1 && measures.len() == 1
}

/// The first statement for each key.
fn firsts<'a, K: Ord>(group: &[&'a Statement], key: impl Fn(&Statement) -> K) -> Vec<&'a Statement> {
    let mut seen = BTreeSet::new();
    group.iter().filter(|s| seen.insert(key(s))).copied().collect()
}

/// Kinds whose value is another in another language.
fn is_of_a_language(kind: Kind) -> bool {
    matches!(kind, Kind::Text | Kind::List | Kind::Organisation)
}

/// One value in each language; a statement of unknown language counts in both.
fn by_language<'a>(group: &[&'a Statement]) -> Outcome<'a> {
    let mut facts = Vec::new();
    for language in Language::ALL {
        let of: Vec<&Statement> = group.iter().filter(|s| s.language.is_none_or(|l| l == language)).copied().collect();
        let Some(first) = of.first() else { continue };
        if of.iter().any(|s| s.sorted_normal() != first.sorted_normal()) {
            return Outcome::Conflict;
        }
        let known = of.iter().find(|s| s.language.is_some()).unwrap_or(first);
        if !facts.iter().any(|f: &&Statement| std::ptr::eq(*f, *known)) {
            facts.push(*known);
        }
    }
    Outcome::Facts(facts)
}

fn conflict(entity: &str, group: &[&Statement]) -> Conflict {
    let mut seen = BTreeSet::new();
    let distinct = group.iter().filter(|s| seen.insert((s.source.clone(), s.sorted_normal())));
    let stated = distinct.map(|s| (s.source.clone(), s.values.join(", "))).collect();
    let attribute = group.first().map(|s| s.attribute.clone()).unwrap_or_default();
    Conflict { entity: entity.to_owned(), attribute, stated }
}
