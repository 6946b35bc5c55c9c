//! Which of two entities comes first by a date or a number.

use std::collections::BTreeMap;

use crate::corpus::Fact;
use crate::generate::Shape;
use crate::generate::templates::Frame;

use super::groups::Groups;
use super::quantity::{Measure, Quantity};
use super::subject::{Asked, Subject};

struct Measured {
    fact: usize,
    quantity: Quantity,
}

/// The facts of an attribute in a drawn order, each with the next: every fact is in two questions at most.
pub(super) fn questions(facts: &[Fact], groups: &Groups, seed: u64, out: &mut Vec<Subject>) {
    for list in &groups.attributes {
        let mut by_unit: BTreeMap<(bool, String), Vec<Measured>> = BTreeMap::new();
        for (statement, fact) in groups.informative(list, facts).filter(|(_, fact)| !fact.is_question()) {
            if let Some(Measure { quantity, unit }) = Measure::of(fact) {
                let is_date = matches!(quantity, Quantity::Date { .. });
                by_unit.entry((is_date, unit)).or_default().push(Measured { fact: statement.first(), quantity });
            }
        }
        for measured in by_unit.values_mut() {
            measured.sort_by_key(|of| groups.keys.get(of.fact).map(|key| key.draw(seed, "pair")));
            for pair in measured.windows(2) {
                if let [a, b] = pair
                    && a.quantity.differs(b.quantity)
                {
                    out.extend(question(groups, a, b, seed));
                }
            }
        }
    }
}

fn question(groups: &Groups, a: &Measured, b: &Measured, seed: u64) -> Option<Subject> {
    let most = groups.keys.get(a.fact)?.below(2, seed, "direction") == 0;
    let frame = match (a.quantity, most) {
        (Quantity::Date { .. }, true) => Frame::Latest,
        (Quantity::Date { .. }, false) => Frame::Earliest,
        (Quantity::Number(_), true) => Frame::Highest,
        (Quantity::Number(_), false) => Frame::Lowest,
    };
    let second = if most { b.quantity > a.quantity } else { b.quantity < a.quantity };
    Some(Subject::new(&groups.keys, Shape::Comparison, vec![a.fact, b.fact], Asked::Order { frame, second }))
}
