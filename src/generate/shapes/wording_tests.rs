//! Which templates items are worded by, and how values stand in them.

use std::collections::BTreeSet;
use std::path::Path;

use super::tests::{facts, one};
use crate::generate::{Family, ItemOptions, Shape, Templates, items};

const COST: &str = "
- match: {attribute: [coût]}
  fr:
    direct: [\"Ça coûte combien, {entity} ?\", \"Il faut payer quoi pour {entity} ?\"]
    search: [\"combien {entity}\", \"payer {entity}\"]
    answer: [\"Pour {entity}, il faut payer {value}.\"]
";

#[test]
fn a_users_questions_stand_before_shipped_ones() {
    let templates = Templates::with_user(Path::new("mine.yaml"), COST).unwrap();
    let facts = facts("Passeport | Coût | money | 86 €\nPermis | Coût | money | 25 €");
    let wordings = |max_wordings: usize, seed: u64| {
        let options = ItemOptions { max_wordings, seed, ..ItemOptions::new(&templates) };
        one(&items(&facts, &options), Shape::Value, "Passeport", "Coût").wordings.clone()
    };
    for seed in 0..8 {
        for most in 1..=4 {
            let few = wordings(most, seed);
            assert_eq!(few.len(), most);
            assert!(few.iter().all(|w| w.template.starts_with("user-cout/")), "{few:#?}");
        }
        for most in [6, 9, usize::MAX] {
            let all = wordings(most, seed);
            assert!(all[..4].iter().all(|w| w.template.starts_with("user-cout/")), "{all:#?}");
            let others: Vec<Family> = all[4..].iter().map(|w| w.family).collect();
            assert_eq!(others, [Family::Polite, Family::Indirect]);
            assert!(all.iter().all(|w| w.answer == "Pour Passeport, il faut payer 86 €."));
        }
    }
    let polite: BTreeSet<String> = (0..8).map(|seed| wordings(9, seed)[4].question.clone()).collect();
    assert_eq!(polite.len(), 2, "the shipped one is drawn");
}
