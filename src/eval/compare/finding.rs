//! What a rule found.

use serde::Serialize;

/// What a finding rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    TooFewQuestions,
    TaughtTooLittle,
    NeedsSources,
    HybridBest,
    TuneUnlearnedReading,
    RetrievalBest,
    RetrievalLoses,
    TunedAsGoodAndCheaper,
    TunedInvents,
    BaseKnows,
    AllTies,
}

/// What a rule found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleFinding {
    pub rule: Rule,
    /// None: what it needs was not measured.
    pub applies: Option<bool>,
    /// Why, with the numbers; or what is missing.
    pub says: String,
}
