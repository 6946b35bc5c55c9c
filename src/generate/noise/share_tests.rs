use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::chat::Message;
use crate::corpus::Language;
use crate::generate::Family;
use crate::generate::noise::EntityNames;
use crate::store::Digest;

fn draft(i: usize, language: Language) -> Draft {
    let question = match language {
        Language::Fr => format!("Quelle est la version du référentiel {i} ?"),
        Language::En => format!("Which version has the catalogue {i}?"),
    };
    let answer = format!("La version est 1.{i}, s'il vous plaît.");
    Draft {
        item: Digest::of_bytes(format!("item {i}").as_bytes()),
        group: Digest::of_bytes(format!("group {i}").as_bytes()),
        facts: vec![i],
        source: Arc::from("a.md"),
        shape: Shape::Value,
        language,
        family: Family::Direct,
        template: "version/direct/1".into(),
        turns: vec![Message::new(Role::User, question), Message::new(Role::Assistant, answer)],
        expected: vec![format!("1.{i}")],
        noise: Vec::new(),
        method: Method::RuleBased,
        record: None,
    }
}

fn drafts(n: usize) -> Vec<Draft> {
    (0..n).map(|i| draft(i, Language::ALL[i % 2])).collect()
}

#[test]
fn the_share_is_exact_and_only_questions_change() {
    let entities = EntityNames::new(["GIDAF"]);
    let context = NoiseContext { language: Language::Fr, entities: &entities, glossary: &[] };
    let clean = drafts(200);
    let mut noised = clean.clone();
    assert_eq!(add_noise(&mut noised, 0.1, &context, 7), 20);
    let mut changed = 0;
    for (old, new) in clean.iter().zip(&noised) {
        assert_eq!(
            (old.group, old.item, &old.expected, &old.turns[1]),
            (new.group, new.item, &new.expected, &new.turns[1])
        );
        assert_eq!(new.noise.is_empty(), old.turns[0] == new.turns[0]);
        assert_eq!(new.method == Method::Augmented, !new.noise.is_empty());
        changed += usize::from(old != new);
    }
    assert_eq!(changed, 20);
    assert_eq!(add_noise(&mut noised, 0.0, &context, 7), 0);
    assert_eq!(add_noise(&mut noised, f64::NAN, &context, 7), 0);
    assert_eq!(add_noise(&mut noised, 5.0, &context, 7), 180, "those with noise keep it");
}

#[test]
fn order_does_not_matter() {
    let entities = EntityNames::new(["GIDAF"]);
    let context = NoiseContext { language: Language::Fr, entities: &entities, glossary: &[] };
    let mut forwards = drafts(120);
    let mut backwards: Vec<Draft> = drafts(120).into_iter().rev().collect();
    add_noise(&mut forwards, 0.4, &context, 11);
    add_noise(&mut backwards, 0.4, &context, 11);
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let mut other = drafts(120);
    add_noise(&mut other, 0.4, &context, 12);
    assert_ne!(forwards, other, "another seed");
}

#[test]
fn an_invented_name_comes_near_no_real_one() {
    let entities = EntityNames::new(["GIDAF"]);
    let context = NoiseContext { language: Language::Fr, entities: &entities, glossary: &[] };
    for seed in 0..200 {
        let mut refused = draft(1, Language::Fr);
        refused.shape = Shape::Unanswerable;
        refused.turns[0].content = "Quelle est la version de GIDEO ?".to_owned();
        add_noise(std::slice::from_mut(&mut refused), 1.0, &context, seed);
        let folded = crate::generate::noise::fold(&refused.turns[0].content);
        assert!(folded.contains("gideo"), "{folded}");
    }
}

/// A seed by which four draws of kinds find nothing to change in one of the sentences.
#[test]
fn a_sentence_that_can_be_changed_is_changed() {
    let entities = EntityNames::new(["GIDAF", "catalogue"]);
    let context = NoiseContext { language: Language::Fr, entities: &entities, glossary: &[] };
    for seed in (0..500).chain([3_151_059_351_550_884_406]) {
        assert_eq!(add_noise(&mut drafts(24), 1.0, &context, seed), 24, "{seed}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn answers_stay_whatever_seed_share_and_order(seed: u64, percent in 0u32..=100, by in 0usize..24) {
        let entities = EntityNames::new(["GIDAF", "catalogue"]);
        let context = NoiseContext { language: Language::Fr, entities: &entities, glossary: &[] };
        let clean = drafts(24);
        let (mut noised, mut rotated) = (clean.clone(), clean.clone());
        let share = f64::from(percent) / 100.0;
        prop_assert_eq!(add_noise(&mut noised, share, &context, seed), (24.0 * share).round() as usize);
        for (old, new) in clean.iter().zip(&noised) {
            prop_assert_eq!((&old.turns[1], &old.expected, old.group), (&new.turns[1], &new.expected, new.group));
            prop_assert_eq!(old.turns[0] == new.turns[0], new.noise.is_empty());
        }
        rotated.rotate_left(by);
        add_noise(&mut rotated, share, &context, seed);
        rotated.rotate_right(by);
        prop_assert_eq!(noised, rotated);
    }
}
