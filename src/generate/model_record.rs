//! How a model's example was made, for its line of provenance.

use serde::{Deserialize, Serialize};

use crate::store::Digest;

/// How an example was made and what its checks found, for its line of provenance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelRecord {
    /// Index of the unit that supports it.
    #[serde(skip)]
    pub unit: usize,
    /// The part of the unit's text that it asks about; None: a wording of a given fact.
    #[serde(skip)]
    pub quotation: Option<String>,
    /// SHA-256 of the messages that the question was written to.
    pub prompt_sha256: Digest,
    pub seed: u32,
    pub attempt: u32,
    /// None: a wording of a given fact, whose reply is a rule's.
    pub scores: Option<Scores>,
    /// The judge answers it without the unit; None: not asked.
    pub known: Option<bool>,
}

/// What the checks with a threshold found; None: the check is not wanted or not possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// c4: share of the reply's content words that are in the unit.
    pub overlap: f64,
    /// c5: per token or per byte, see [`LikelihoodMeasure`](crate::generate::llm::LikelihoodMeasure).
    pub likelihood: Option<f64>,
    /// c9: P(yes) / (P(yes) + P(no)).
    pub yes: Option<f64>,
}
