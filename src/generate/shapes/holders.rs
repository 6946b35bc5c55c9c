//! Which entities, and how many, have a value.

use std::collections::{BTreeMap, BTreeSet};

use crate::corpus::{Fact, Kind, normalised};
use crate::generate::Shape;
use crate::generate::templates::{Class, is_remark};

use super::groups::Groups;
use super::options::ItemOptions;
use super::subject::{Asked, Subject};

/// Entities that an answer lists, at most.
const MAX_LISTED: usize = 12;
/// Characters of a value that is asked about, at most.
const MAX_CHARS: usize = 80;

/// A value of a fact.
#[derive(Clone, Copy)]
struct Held {
    fact: usize,
    value: usize,
}

pub(super) fn questions(facts: &[Fact], groups: &Groups, options: &ItemOptions<'_>, out: &mut Vec<Subject>) {
    let concepts = options.disputed.iter().map(|attribute| options.templates.concept(attribute));
    let disputed: BTreeSet<String> = concepts.collect();
    let is_disputed = |fact: &Fact| disputed.contains(&options.templates.concept(&fact.attribute));
    let disputed =
        |list: &[usize]| !disputed.is_empty() && groups.informative(list, facts).any(|(_, fact)| is_disputed(fact));
    for list in groups.attributes.iter().filter(|list| !disputed(list)) {
        // A number is the same only with the same measure.
        let mut holders: BTreeMap<(String, Option<&str>), Vec<Held>> = BTreeMap::new();
        for (statement, fact) in groups.informative(list, facts).filter(|(_, fact)| can_be_held(fact)) {
            for (value, text) in fact.values.iter().enumerate() {
                let of_value = holders.entry((normalised(text, fact.kind), fact.measure.as_deref())).or_default();
                // A list may name a value twice.
                if text.chars().count() <= MAX_CHARS
                    && of_value.last().is_none_or(|held| held.fact != statement.first())
                {
                    of_value.push(Held { fact: statement.first(), value });
                }
            }
        }
        for held in holders.values_mut() {
            held.sort_by_key(|held| groups.keys.get(held.fact).copied());
            let Some(first) = held.first().copied() else { continue };
            let asked = Asked::Holders { value: first.value };
            let holding: Vec<usize> = held.iter().map(|held| held.fact).collect();
            if options.wants(Shape::Count) && holding.len() > 1 {
                out.push(Subject::new(&groups.keys, Shape::Count, holding.clone(), asked));
            }
            if options.wants(Shape::Reverse) && holding.len() <= MAX_LISTED {
                out.push(Subject::new(&groups.keys, Shape::Reverse, holding, asked));
            }
        }
    }
}

fn can_be_held(fact: &Fact) -> bool {
    let kind =
        !matches!(fact.kind, Kind::Boolean | Kind::Url | Kind::Contact | Kind::Definition | Kind::Number | Kind::Money);
    kind && !fact.is_question() && !is_remark(fact) && matches!(Class::of(fact), Class::Plain | Class::List)
}
