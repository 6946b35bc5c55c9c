//! Whether an attribute has a value.

use std::collections::BTreeSet;

use crate::corpus::{Fact, Kind};
use crate::generate::Shape;
use crate::generate::identity_key::identity_key;
use crate::generate::notation::Notation;
use crate::generate::templates::Class;

use super::groups::{Groups, Statement};
use super::subject::{Asked, Subject};

/// Other facts that a false value is looked for in.
const TRIED: usize = 32;

/// One question for each fact whose attribute has other values too: true and false in turn, so that there are as many of
/// one as of the other.
pub(super) fn questions(facts: &[Fact], groups: &Groups, seed: u64, out: &mut Vec<Subject>) {
    let mut right = true;
    for list in &groups.attributes {
        let mut asked: Vec<_> = groups.informative(list, facts).filter(|(_, fact)| can_be_asked(fact)).collect();
        let values: BTreeSet<String> =
            asked.iter().flat_map(|(_, fact)| &fact.values).map(|v| identity_key(v)).collect();
        if values.len() < 2 {
            continue;
        }
        asked.sort_by_key(|(statement, _)| groups.keys.get(statement.first()).map(|key| key.draw(seed, "truth")));
        let all: Vec<_> = asked.iter().map(|(statement, fact)| (statement.first(), *fact)).collect();
        let others = Others { all: &all, seed };
        for (statement, fact) in &asked {
            let subject = if right {
                right_value(groups, statement, fact, seed)
            } else {
                wrong_value(groups, statement, fact, &others)
            };
            right ^= subject.is_some();
            out.extend(subject);
        }
    }
}

fn can_be_asked(fact: &Fact) -> bool {
    let kind = !matches!(fact.kind, Kind::Boolean | Kind::Url | Kind::Contact | Kind::Definition);
    kind && !fact.is_question() && matches!(Class::of(fact), Class::Plain | Class::List)
}

fn right_value(groups: &Groups, statement: &Statement, fact: &Fact, seed: u64) -> Option<Subject> {
    let first = statement.first();
    let value = groups.keys.get(first)?.below(fact.values.len(), seed, "right");
    let asked = Asked::Truth { fact: first, value, right: true };
    Some(Subject::new(&groups.keys, Shape::Boolean, vec![first], asked))
}

/// Where a false value may come from.
struct Others<'a> {
    /// Index of the fact, and the fact.
    all: &'a [(usize, &'a Fact)],
    seed: u64,
}

fn wrong_value(groups: &Groups, statement: &Statement, fact: &Fact, others: &Others<'_>) -> Option<Subject> {
    let first = statement.first();
    let key = groups.keys.get(first)?;
    let own: Vec<Notation> = fact.values.iter().map(|value| Notation::of(value, fact.kind)).collect();
    let from = key.below(others.all.len(), others.seed, "wrong");
    for (other, of) in others.all.iter().cycle().skip(from).take(TRIED.min(others.all.len())) {
        let value = key.below(of.values.len(), others.seed, "wrong value");
        let Some(wrong) = of.values.get(value).map(|value| Notation::of(value, of.kind)) else { continue };
        // What is no quantity would not fit the sentence (`has a cost of free`).
        let is_quantity = |fact: &Fact| matches!(fact.kind, Kind::Number | Kind::Money);
        let is_alike = of.measure == fact.measure && is_quantity(of) == is_quantity(fact);
        if is_alike && !own.iter().any(|own| own.may_be(&wrong)) {
            let asked = Asked::Truth { fact: *other, value, right: false };
            return Some(Subject::new(&groups.keys, Shape::Boolean, vec![first, *other], asked));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{ItemOptions, Templates, items};
    use crate::store::Digest;

    #[test]
    fn no_value_is_denied_in_another_notation() {
        let fact = |(entity, attribute, kind, value): &(&str, &str, Kind, &str)| Fact {
            id: Digest::of_bytes(format!("{entity}{attribute}").as_bytes()),
            entity: (*entity).to_owned(),
            attribute: (*attribute).to_owned(),
            values: vec![(*value).to_owned()],
            kind: *kind,
            measure: None,
            language: None,
            unit: 0,
            source: "a.md".into(),
            spans: Vec::new(),
            low_information: false,
        };
        let stated = [
            ("Cero", "Price", Kind::Money, "EUR 10"),
            ("Dolo", "Price", Kind::Money, "10 EUR"),
            ("Cero", "Released", Kind::Date, "2020-01-05"),
            ("Dolo", "Released", Kind::Date, "5 January 2020"),
            ("Cero", "Host", Kind::Organisation, "O.V.H."),
            ("Dolo", "Host", Kind::Organisation, "OVH"),
        ];
        let facts: Vec<Fact> = stated.iter().map(fact).collect();
        let templates = Templates::builtin().unwrap();
        let options = ItemOptions { shapes: vec![Shape::Boolean], ..ItemOptions::new(&templates) };
        let denied = |item: &crate::generate::Item| item.facts.len() > 1;
        assert!(!items(&facts, &options).iter().any(denied));
    }
}
