//! Attributes that other entities have and one lacks.

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;
use crate::generate::noise::{below, choose};

use super::knowledge::Entity;
use super::maker::{Asked, Maker};
use super::texts::refusals;

/// So many other entities must have the attribute.
const LEAST_HOLDERS: usize = 2;

/// So many pairs are all looked at, however few questions are wanted.
const FEW: usize = 100_000;
/// Beyond that, pairs that are looked at for each question that is wanted.
const TRIES: usize = 64;

/// Entity and concept, with the language to ask in.
pub(super) struct Candidate<'k> {
    entity: &'k str,
    concept: &'k str,
    language: Language,
}

/// Pairs that the facts do not join, in an order that the seed decides; of very many, as many as `count` questions may need.
/// None is kept, so that a corpus of many entities with many rare attributes takes no more memory than one of few.
pub(super) fn candidates<'k>(maker: &'k Maker<'_>, count: usize) -> impl Iterator<Item = Candidate<'k>> {
    // What a section lacks, its page may have; a record that has its file's name has none of its own.
    let is_whole =
        |entity: &Entity| !entity.is_section && !entity.is_of_file && !maker.knowledge.is_told_in_prose(entity);
    let whole = maker.knowledge.entities.iter().filter(|(_, entity)| is_whole(entity));
    let entities: Vec<&str> = whole.map(|(name, _)| *name).collect();
    let concepts = maker.knowledge.concepts.iter().filter(|(_, c)| c.entities.len() >= LEAST_HOLDERS && !c.is_prose());
    let concepts: Vec<_> = concepts.collect();
    let languages = maker.languages;
    let pairs = entities.len() * concepts.len() * languages.len();
    let most = pairs.min(count.saturating_mul(TRIES).max(FEW));
    let mut rng = maker.random(&["missing"]);
    let order = Shuffled::new(pairs, &mut rng);
    (0..most).filter_map(move |k| {
        let place = order.place(k);
        let language = *languages.get(place % languages.len())?;
        let place = place / languages.len();
        let entity = *entities.get(place % entities.len())?;
        let (concept, known) = *concepts.get(place / entities.len())?;
        (!known.entities.contains(entity)).then_some(Candidate { entity, concept, language })
    })
}

/// The numbers below a bound, each once, in an order that looks drawn: `k × step + from`, with a step that has no divisor in
/// common with the bound.
struct Shuffled {
    bound: usize,
    step: usize,
    from: usize,
}

impl Shuffled {
    fn new(bound: usize, rng: &mut ChaCha8Rng) -> Self {
        let from = below(rng, bound.max(1));
        let first = below(rng, bound.max(1));
        let step = (first..first + bound).find(|step| common_divisor(*step, bound) == 1).unwrap_or(1);
        Self { bound, step, from }
    }

    fn place(&self, k: usize) -> usize {
        let product = k as u128 * self.step as u128 + self.from as u128;
        (product % self.bound.max(1) as u128) as usize
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// None: the corpus may state it, it is asked of things of another kind (`What is the stock of Saturday?`), or nothing words the
/// question.
pub(super) fn ask(maker: &Maker<'_>, candidate: &Candidate<'_>) -> Option<Asked> {
    let Candidate { entity, concept, language, .. } = *candidate;
    let known = maker.knowledge.concepts.get(concept)?;
    if !maker.knowledge.is_alike(entity, &known.entities) || !maker.knowledge.lacks(entity, concept) {
        return None;
    }
    let mut rng = maker.random(&["missing", entity, concept, language.code()]);
    let attribute = known.spelling(language);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::noise::seeded;

    #[test]
    fn a_shuffled_order_holds_every_number_once() {
        for bound in [0, 1, 2, 12, 97, 1000] {
            let order = Shuffled::new(bound, &mut seeded(1, &["order"]));
            let mut places: Vec<usize> = (0..bound).map(|k| order.place(k)).collect();
            places.sort_unstable();
            assert!(places.into_iter().eq(0..bound), "{bound}");
        }
    }
}
