//! Entities that do not exist, with names like those that do.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;

use crate::generate::noise::{below, choose, fold, words_of};

use super::maker::{Asked, Maker};
use super::texts::refusals;

/// Edits between an invented name and every real one, at least.
const DISTANCE: usize = 3;
/// Attempts to draw a name that is far from all others.
const ATTEMPTS: usize = 60;
/// Letters of an invented name.
const LENGTHS: std::ops::RangeInclusive<usize> = 4..=40;

/// Which character follows two others in the names, and which one; the end is None.
pub(super) struct Chain {
    /// By two characters before, and by one.
    pairs: BTreeMap<[char; 2], Vec<Option<char>>>,
    singles: BTreeMap<char, Vec<Option<char>>>,
}

/// Stands before the first character.
const START: char = '\u{0}';

impl Chain {
    pub(super) fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut chain = Self { pairs: BTreeMap::new(), singles: BTreeMap::new() };
        for name in names {
            let mut before = [START, START];
            for next in name.chars().map(Some).chain([None]) {
                chain.pairs.entry(before).or_default().push(next);
                chain.singles.entry(before[1]).or_default().push(next);
                before = [before[1], next.unwrap_or(START)];
            }
        }
        chain
    }

    /// With `loose`, only one character decides the next: few names are enough for new ones.
    fn name(&self, loose: bool, rng: &mut ChaCha8Rng) -> String {
        let mut name = String::new();
        let mut before = [START, START];
        for _ in 0..*LENGTHS.end() {
            let pairs = self.pairs.get(&before).filter(|_| !loose);
            let next = pairs.or_else(|| self.singles.get(&before[1])).and_then(|all| choose(rng, all));
            let Some(Some(next)) = next else { break };
            name.push(*next);
            before = [before[1], *next];
        }
        name.trim().to_owned()
    }
}

/// The question number `k` on an entity that does not exist; None: no name was found, or nothing words the question.
pub(super) fn ask(maker: &Maker<'_>, chain: &Chain, k: usize) -> Option<Asked> {
    let mut rng = maker.random(&["invented", &k.to_string()]);
    let entity = (0..ATTEMPTS).map(|i| chain.name(i >= ATTEMPTS / 2, &mut rng)).find(|name| is_new(maker, name))?;
    let language = *choose(&mut rng, maker.languages)?;
    // Facts of all attributes are drawn as often as they occur; the question belongs where the attribute comes from.
    let fact = below(&mut rng, maker.knowledge.facts.len());
    let concept = maker.knowledge.concepts.get(maker.knowledge.fact_concepts.get(fact)?)?;
    let wordings = maker.questions.wordings(&entity, concept.spelling(language), language);
    let wording = choose(&mut rng, &wordings)?.clone();
    Some(Asked {
        identity: vec!["invented".to_owned(), entity],
        answer: (*choose(&mut rng, refusals(language))?).to_owned(),
        facts: Vec::new(),
        source: maker.knowledge.facts.get(fact)?.source.clone(),
        language,
        wording,
    })
}

/// Whether a name is far from every real one and holds a word that no document holds.
fn is_new(maker: &Maker<'_>, name: &str) -> bool {
    let folded = fold(name);
    let is_unknown = |word: &str| word.chars().count() >= DISTANCE && !maker.knowledge.words.contains(word);
    LENGTHS.contains(&name.chars().count())
        && words_of(&folded).any(is_unknown)
        && !maker.knowledge.names.is_near(name, DISTANCE - 1)
}
