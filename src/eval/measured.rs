//! The scores of a suite's answers, before any statistics.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::degenerate::Degenerate;
use super::reference_scores::Scale;
use super::score::{KeywordMatch, NamedScore};

/// One arm's answer(s) to one case.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ArmScores {
    /// Of the suite's metric, mean over samples.
    pub score: Option<f64>,
    /// The first sample's.
    pub text: String,
    pub exact: Option<bool>,
    pub pass: Option<bool>,
    /// What the first sample does not meet of all that is demanded.
    pub unmet: Vec<String>,
    /// Of the first sample's assertions that have a `metric`.
    pub named_scores: Vec<NamedScore>,
    /// Of the first sample with the texts of `similar` assertions, by the text.
    pub similarities: BTreeMap<String, f64>,
    pub keywords: Option<KeywordMatch>,
    /// 0–1; see [`Measured::relevance_signature`].
    pub relevance: Option<f64>,
    pub degenerate: Option<Degenerate>,
    /// What failed, when the request did.
    pub error: Option<String>,
    /// Ended by the token limit, not by itself.
    pub cut: bool,
    pub seconds: Option<f64>,
    pub prompt_tokens: u64,
    pub tokens: u64,
    pub tokens_per_second: Option<f64>,
}

impl ArmScores {
    /// Ended by itself with a proper answer; not correctness.
    pub fn success(&self) -> bool {
        self.degenerate.is_none() && !self.cut
    }

    /// What a `must_pass` prompt demands: all assertions hold; of a prompt without any, the whole score.
    pub fn holds(&self) -> bool {
        self.pass.unwrap_or(self.score.is_some_and(|score| score >= 1.0))
    }

    /// The request failed, or its stream ended without `done`: this says nothing of what the model knows.
    pub fn failed(&self) -> bool {
        self.degenerate.is_some_and(Degenerate::is_failure)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct CaseScores {
    pub id: String,
    pub category: String,
    pub prompt: String,
    /// The texts that an answer may equal; the reference where there is none.
    pub expected: Vec<String>,
    pub keywords_expected: Vec<String>,
    pub cluster: Option<String>,
    pub must_pass: bool,
    pub base: ArmScores,
    pub tuned: ArmScores,
    /// Of the two answers' embeddings.
    pub cosine: Option<f64>,
    /// Every sample of both arms is the same text.
    pub identical: bool,
}

/// A suite, scored.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    pub suite: String,
    pub digest: String,
    pub samples: usize,
    pub cases: Vec<CaseScores>,
    /// How like the suite's texts the answers are, by the name of the score.
    pub likeness: BTreeMap<&'static str, Likeness>,
    /// How `relevance` was computed.
    pub relevance_signature: String,
    /// How `cosine` was computed, or why it is null.
    pub cosine_signature: String,
}

impl Measured {
    /// Prompts that v1 gave no answer to: they have no score of v1's, and no part in the comparison.
    pub fn base_failed(&self) -> Vec<&str> {
        self.cases.iter().filter(|c| c.base.failed()).map(|c| c.id.as_str()).collect()
    }
}

/// A score of both arms, over the prompts that have a reference and an answer of each arm.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Likeness {
    /// How it is computed; two numbers compare only under one signature.
    pub signature: Cow<'static, str>,
    pub scale: Scale,
    pub base: f64,
    pub finetuned: f64,
    pub prompts: usize,
}
