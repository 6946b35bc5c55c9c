//! Questions about one entity: a value, a list, an attribute of what a value names, everything.

use std::collections::BTreeMap;

use crate::corpus::{Fact, Kind, Unit};
use crate::generate::Shape;
use crate::generate::identity_key::identity_key;
use crate::generate::templates::Class;

use super::groups::{Groups, Statement};
use super::options::ItemOptions;
use super::subject::{Asked, Subject};

/// Facts of one entity that are told at once, at most.
const MAX_FACTS: usize = 6;
/// Characters of their values together, at most.
const MAX_TOLD: usize = 1200;
/// Attributes of an entity that are asked over one link, at most.
const MAX_HOPS: usize = 3;

pub(super) fn values(facts: &[Fact], groups: &Groups, options: &ItemOptions<'_>, out: &mut Vec<Subject>) {
    for statement in &groups.statements {
        let Some(fact) = facts.get(statement.first()) else { continue };
        let shape = if Class::of(fact) == Class::List { Shape::List } else { Shape::Value };
        if options.wants(shape) {
            out.push(Subject::new(&groups.keys, shape, statement.facts.clone(), Asked::Facts));
        }
    }
}

/// An account is whole or is not asked for: it tells all that is stated of the entity, the guessable too.
pub(super) fn everything(facts: &[Fact], groups: &Groups, units: &[Unit], out: &mut Vec<Subject>) {
    let mut stated: BTreeMap<&str, usize> = BTreeMap::new();
    facts.iter().for_each(|fact| *stated.entry(&fact.entity).or_default() += 1);
    let items = ListItems::new(facts, units);
    for list in &groups.entities {
        let told: Vec<(&Statement, &Fact)> = groups.all(list, facts).collect();
        let Some((_, first)) = told.first() else { continue };
        // Those that one attribute has several of are in no statement.
        let counted: usize = told.iter().map(|(statement, _)| statement.facts.len()).sum();
        let is_whole = stated.get(first.entity.as_str()) == Some(&counted)
            // The answer to a question says nothing without it.
            && told.iter().all(|(_, fact)| !fact.is_question() && items.are_stated(fact.unit));
        let chars: usize = told.iter().flat_map(|(_, fact)| &fact.values).map(|value| value.chars().count()).sum();
        let informs = groups.informative(list, facts).nth(1).is_some();
        if is_whole && informs && (2..=MAX_FACTS).contains(&told.len()) && chars <= MAX_TOLD {
            let firsts = told.iter().map(|(statement, _)| statement.first()).collect();
            out.push(Subject::new(&groups.keys, Shape::Everything, firsts, Asked::Facts));
        }
    }
}

/// The items of lists in the units' texts, and the values that the units' facts state.
struct ListItems<'f> {
    units: &'f [Unit],
    values: BTreeMap<usize, Vec<&'f str>>,
}

impl<'f> ListItems<'f> {
    fn new(facts: &'f [Fact], units: &'f [Unit]) -> Self {
        let mut values: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        for fact in facts {
            values.entry(fact.unit).or_default().extend(fact.values.iter().map(String::as_str));
        }
        Self { units, values }
    }

    /// Whether the unit's facts state each item of its lists.
    fn are_stated(&self, unit: usize) -> bool {
        let values = self.values.get(&unit).map_or(&[][..], Vec::as_slice);
        let text = self.units.get(unit).map_or("", |unit| unit.text.as_str());
        let mut items = text.lines().filter_map(list_item);
        items.all(|item| values.iter().any(|value| item.contains(value) || value.contains(item)))
    }
}

/// What follows the mark of a list's item: `- `, `* `, `3. `.
fn list_item(line: &str) -> Option<&str> {
    let line = line.trim();
    let numbered = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let item = match line.strip_prefix(['-', '*', '+', '•', '–']) {
        None if numbered.len() < line.len() => numbered.strip_prefix(['.', ')']),
        item => item,
    };
    item?.strip_prefix([' ', '\t', '\u{a0}']).map(str::trim).filter(|item| !item.is_empty())
}

/// Where the one value of an attribute names another entity, that entity's attributes are asked.
pub(super) fn two_hops(facts: &[Fact], groups: &Groups, seed: u64, out: &mut Vec<Subject>) {
    let mut by_name: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (i, list) in groups.entities.iter().enumerate() {
        if let Some((_, fact)) = groups.informative(list, facts).next() {
            by_name.entry(identity_key(&fact.entity)).or_default().push(i);
        }
    }
    for (i, list) in groups.entities.iter().enumerate() {
        for (link, from) in groups.informative(list, facts) {
            let ([value], false) = (from.values.as_slice(), from.is_question()) else { continue };
            // Two entities with one key: the value may mean either.
            let Some(&[named]) = by_name.get(&identity_key(value)).map(Vec::as_slice) else { continue };
            let Some(of_named) = groups.entities.get(named).filter(|_| named != i && can_lead(from.kind)) else {
                continue;
            };
            let mut targets: Vec<_> = groups.informative(of_named, facts).filter(|(_, to)| is_short(to)).collect();
            targets.sort_by_key(|(to, _)| groups.keys.get(to.first()).map(|key| key.draw(seed, "hop")));
            for (to, _) in targets.into_iter().take(MAX_HOPS) {
                out.push(Subject::new(&groups.keys, Shape::TwoHop, vec![link.first(), to.first()], Asked::Facts));
            }
        }
    }
}

fn can_lead(kind: Kind) -> bool {
    !matches!(kind, Kind::Date | Kind::Version | Kind::Number | Kind::Money | Kind::Boolean | Kind::Url | Kind::Contact)
}

fn is_short(fact: &Fact) -> bool {
    !fact.is_question() && matches!(Class::of(fact), Class::Plain | Class::List)
}
