//! Planned examples, varied: further turns and noise, or corrections instead of answers.

use super::material::Material;
use super::request::Variations;
use crate::commands::Failure;
use crate::corpus::Language;
use crate::generate::{self, DialogueContext, Draft, EntityNames, Item, NoiseContext, Part, Plan, Planned};

/// Further turns and noise, in training examples alone: what tests ask stays as it was planned.
pub(super) fn vary(plan: &mut Plan, material: &Material, items: &[Item], seed: u64, variations: Variations) {
    let facts = &material.facts.facts;
    let names: Vec<&str> = facts.iter().map(|fact| fact.entity.as_str()).collect();
    let entities = EntityNames::new(names);
    let gender = |noun: &str| material.templates.gender(noun);
    let dialogues = DialogueContext { facts, entities: &entities, gender: &gender };
    let noise = NoiseContext { language: Language::En, entities: &entities, glossary: &[] };
    let taught = plan.examples.iter_mut().filter(|example| example.part == Part::Train);
    let mut drafts: Vec<&mut Draft> = taught.map(|example| &mut example.draft).collect();
    generate::add_dialogues(&mut drafts, variations.multi_turn, items, &dialogues, seed);
    generate::add_noise(&mut drafts, variations.noise, &noise, seed);
}

/// Draws of noise for a question, until one of them changes it.
const ATTEMPTS: u64 = 32;

/// Each example becomes the correction of its question with noise.
pub(super) fn correct(plan: &mut Plan, material: &Material, seed: u64) -> Result<(), Failure> {
    let facts = &material.facts.facts;
    let entities = EntityNames::new(facts.iter().map(|fact| fact.entity.as_str()));
    let noise = NoiseContext { language: Language::En, entities: &entities, glossary: &[] };
    let corrected = |example: &Planned| {
        let draft = std::slice::from_ref(&example.draft);
        let made = (0..ATTEMPTS).find_map(|n| generate::corrections(draft, &noise, seed.wrapping_add(n)).pop())?;
        Some(Planned { draft: made, ..example.clone() })
    };
    let examples: Vec<Planned> = plan.examples.iter().filter_map(corrected).collect();
    let unchanged = plan.examples.len() - examples.len();
    if unchanged > 0 {
        let all = plan.examples.len();
        return Err(Failure::input(format!("{unchanged} of {all} questions have no word that a mistake can change"))
            .hint("ask for fewer examples: --count"));
    }
    plan.examples = examples;
    plan.coverage = plan.coverage.of_corrections();
    Ok(())
}
