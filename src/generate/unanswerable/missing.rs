//! Attributes that other entities have and one lacks.

use crate::corpus::Language;
use crate::generate::noise::choose;

use super::maker::{Asked, Maker};
use super::texts::refusals;

/// So many other entities must have the attribute.
const LEAST_HOLDERS: usize = 2;

/// Entity and concept, with the language to ask in.
pub(super) struct Candidate<'k> {
    rank: [u8; 32],
    entity: &'k str,
    concept: &'k str,
    language: Language,
}

/// All pairs that the facts do not join, in the order that the seed decides.
pub(super) fn candidates<'k>(maker: &'k Maker<'_>) -> Vec<Candidate<'k>> {
    let mut found = Vec::new();
    let concepts = maker.knowledge.concepts.iter().filter(|(_, c)| c.entities.len() >= LEAST_HOLDERS && !c.is_prose());
    for (concept, known) in concepts {
        let others = maker.knowledge.entities.keys().filter(|e| !known.entities.contains(**e));
        for entity in others {
            for language in maker.languages {
                let rank = maker.rank(&["missing", entity, concept, language.code()]);
                found.push(Candidate { rank, entity, concept, language: *language });
            }
        }
    }
    found.sort_by_key(|c| c.rank);
    found
}

/// None: the corpus may state it, or nothing words the question.
pub(super) fn ask(maker: &Maker<'_>, candidate: &Candidate<'_>) -> Option<Asked> {
    let Candidate { entity, concept, language, .. } = *candidate;
    if !maker.knowledge.lacks(entity, concept) {
        return None;
    }
    let mut rng = maker.random(&["missing", entity, concept, language.code()]);
    let attribute = maker.knowledge.concepts.get(concept)?.spelling(language);
    let wording = choose(&mut rng, &maker.questions.wordings(entity, attribute, language))?.clone();
    Some(Asked {
        identity: ["missing", entity, concept].map(str::to_owned).to_vec(),
        answer: (*choose(&mut rng, refusals(language))?).to_owned(),
        facts: Vec::new(),
        source: maker.knowledge.entities.get(entity)?.source.clone(),
        language,
        wording,
    })
}
