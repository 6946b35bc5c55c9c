//! Planned examples, varied: further turns and noise, or corrections instead of answers.

use super::material::Material;
use super::request::Variations;
use crate::commands::Failure;
use crate::corpus::{Fact, Language};
use crate::generate::{self, DialogueContext, Draft, EntityNames, Item, NoiseContext, Part, Plan, Planned};

/// Further turns and noise, in training examples alone: what tests ask stays as it was planned.
pub(super) fn vary(plan: &mut Plan, material: &Material, items: &[Item], seed: u64, variations: Variations) {
    let facts = &material.facts.facts;
    let taught = plan.examples.iter_mut().filter(|example| example.part == Part::Train);
    let mut drafts: Vec<&mut Draft> = taught.map(|example| &mut example.draft).collect();
    if variations.multi_turn > 0.0 {
        let is_asked = |item: &&Item| item.facts.iter().any(|fact| plan.asked_facts.contains(fact));
        let items: Vec<&Item> = items.iter().filter(|item| !is_asked(item)).collect();
        let entities = EntityNames::new(facts.iter().map(|fact| fact.entity.as_str()));
        let gender = |noun: &str| material.templates.gender(noun);
        let context = DialogueContext { facts, entities: &entities, gender: &gender };
        generate::add_dialogues(&mut drafts, variations.multi_turn, &items, &context, seed);
    }
    if variations.noise > 0.0 {
        let said = said_names(facts);
        let context = NoiseContext { language: Language::En, entities: &said, glossary: &[] };
        generate::add_noise(&mut drafts, variations.noise, &context, seed);
    }
}

/// Characters of a value that a question says, at most.
const SAID: usize = 40;

/// What questions say that must not turn into something else: entities, and values (`Is GIDAF hosted by Azure?`).
fn said_names(facts: &[Fact]) -> EntityNames {
    let values = facts.iter().flat_map(|fact| &fact.values).map(String::as_str);
    let short = values.filter(|value| value.chars().count() <= SAID);
    EntityNames::new(facts.iter().map(|fact| fact.entity.as_str()).chain(short))
}

/// Draws of noise for a question, until one of them changes it.
const ATTEMPTS: u64 = 32;

/// Each example becomes the correction of its question with noise.
pub(super) fn correct(plan: &mut Plan, material: &Material, seed: u64) -> Result<(), Failure> {
    let facts = &material.facts.facts;
    let said = said_names(facts);
    let noise = NoiseContext { language: Language::En, entities: &said, glossary: &[] };
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
    Ok(())
}
