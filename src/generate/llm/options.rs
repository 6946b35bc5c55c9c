//! What is asked for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};
use serde::{Deserialize, Serialize};

use crate::corpus::Language;
use crate::generate::Family;
use crate::store::Digest;

/// What a model of some size can write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Below 1 billion parameters: it only rates what others wrote.
    RatesOnly,
    /// Below 3 billion: it words given facts.
    WordsFacts,
    /// It finds facts in prose, too.
    FindsFacts,
}

/// A model that is sold as "1B" has from .99 billion parameters, one sold as "3B" from 2.8.
const ONE_BILLION: u64 = 950_000_000;
const THREE_BILLION: u64 = 2_800_000_000;

/// What a model with so many parameters can write.
pub fn tier(parameters: u64) -> Tier {
    match parameters {
        0..ONE_BILLION => Tier::RatesOnly,
        ONE_BILLION..THREE_BILLION => Tier::WordsFacts,
        THREE_BILLION.. => Tier::FindsFacts,
    }
}

/// Checks that cost calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckOptions {
    /// c6: the judge answers the question from the unit alone.
    pub round_trip: bool,
    /// c7: the judge answers the question from nothing.
    pub closed_book: bool,
    /// c8: three sampled answers of the judge agree with the reply.
    pub self_consistency: bool,
    /// c9: the judge says whether the unit supports the reply.
    pub yes_no: bool,
}

impl Default for CheckOptions {
    fn default() -> Self {
        Self { round_trip: true, closed_book: true, self_consistency: false, yes_no: false }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct LlmOptions {
    pub seed: u64,
    /// How many examples are wanted; None: as many as the plan gives.
    pub count: Option<usize>,
    /// Of the questions; empty: the unit's own (English where that is not known).
    pub languages: Vec<Language>,
    /// Rounds over the units of prose.
    pub questions_per_unit: usize,
    /// New wordings of each given item.
    pub wordings_per_item: usize,
    /// Of the writer; None: not known, then it is taken for a large one.
    pub parameters: Option<u64>,
    /// Lets a model write that is too small for it.
    pub force: bool,
    /// Refuses to run without a check of grounding that can be used.
    pub strict: bool,
    pub num_ctx: u64,
    pub temperature: f64,
    /// Calls in flight.
    pub parallel: usize,
    pub checks: CheckOptions,
    /// Stops after so many entries of the plan (for the estimate of a dry run).
    pub most_entries: Option<usize>,
}

impl Default for LlmOptions {
    fn default() -> Self {
        Self {
            seed: 42,
            count: None,
            languages: Vec::new(),
            questions_per_unit: 1,
            wordings_per_item: 1,
            parameters: None,
            force: false,
            strict: false,
            num_ctx: 4096,
            temperature: 0.7,
            parallel: 1,
            checks: CheckOptions::default(),
            most_entries: None,
        }
    }
}

/// What kind of question is asked of prose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum QuestionType {
    Factual,
    Definition,
    HowTo,
    Reason,
    Condition,
    Comparison,
    List,
    YesNo,
}

/// Whom the question comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::IntoStaticStr, strum::VariantArray)]
#[strum(serialize_all = "kebab-case")]
pub(super) enum Audience {
    Beginner,
    User,
    Expert,
}

/// What one question of prose shall be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct QuestionStyle {
    pub(super) kind: QuestionType,
    pub(super) audience: Audience,
    pub(super) language: Language,
    pub(super) family: Family,
}

impl QuestionStyle {
    /// Drawn for an item, independent of all others.
    pub(super) fn draw(item: &Digest, languages: &[Language]) -> Self {
        use strum::VariantArray as _;
        let mut draw = Draw::of(item, "style");
        Self {
            kind: draw.one_of(QuestionType::VARIANTS, QuestionType::Factual),
            audience: draw.one_of(Audience::VARIANTS, Audience::User),
            language: draw.one_of(languages, Language::En),
            family: draw.one_of(&Family::ALL, Family::Direct),
        }
    }

    /// `prose/reason/expert/fr/direct`.
    pub(super) fn name(self) -> String {
        let (kind, audience): (&str, &str) = (self.kind.into(), self.audience.into());
        format!("prose/{kind}/{audience}/{}/{}", self.language.code(), self.family.name())
    }
}

/// The random choices of one item.
pub(super) struct Draw(ChaCha8Rng);

impl Draw {
    pub(super) fn of(item: &Digest, purpose: &str) -> Self {
        Self(ChaCha8Rng::from_seed(*blake3::hash(format!("{item} {purpose}").as_bytes()).as_bytes()))
    }

    pub(super) fn one_of<T: Copy>(&mut self, choices: &[T], default: T) -> T {
        let at = self.0.next_u64() % (choices.len().max(1) as u64);
        choices.get(at as usize).copied().unwrap_or(default)
    }
}

/// The seed of a call: another for each attempt.
pub(super) fn call_seed(item: &Digest, attempt: u32) -> u32 {
    let hash = blake3::hash(format!("{item} attempt {attempt}").as_bytes());
    let bytes = hash.as_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn tiers_follow_the_sizes_that_models_are_sold_by() {
        for (parameters, expected) in [
            (134_515_008, Tier::RatesOnly),
            // gemma3:1b, llama3.2:1b, gemma2:2b.
            (999_885_952, Tier::WordsFacts),
            (1_235_814_432, Tier::WordsFacts),
            (2_614_341_888, Tier::WordsFacts),
            // qwen2.5:3b.
            (3_085_938_688, Tier::FindsFacts),
            (u64::MAX, Tier::FindsFacts),
        ] {
            assert_eq!(tier(parameters), expected, "{parameters}");
        }
    }

    #[test]
    fn styles_are_drawn_by_item_and_reach_every_choice() {
        let style = |i: u32| QuestionStyle::draw(&Digest::of_bytes(&i.to_le_bytes()), &Language::ALL);
        assert_eq!(style(3), style(3));
        let names: BTreeSet<String> = (0..4000).map(|i| style(i).name()).collect();
        assert_eq!(names.len(), 8 * 3 * 2 * 4);
        let item = Digest::of_bytes(b"x");
        assert_ne!(call_seed(&item, 0), call_seed(&item, 1));
        assert_eq!(QuestionStyle::draw(&item, &[]).language, Language::En);
    }
}
