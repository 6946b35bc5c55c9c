//! What a role demands of a model, by words of models.yaml.

/// Whether `builtin:general` guards the gate.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, strum::Display, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum General {
    On,
    Off,
}

/// What is demanded of the candidate on a suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, strum::EnumString, strum::VariantNames)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Goal {
    /// Better beyond doubt.
    Improve,
    /// Not worse by more than the margin.
    Hold,
}

/// The score a suite is judged by, 0 to 1 a prompt.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Metric {
    /// All that the case asserts holds: an expected text is met, every keyword found, no forbidden one.
    Pass,
    ExactMatch,
    /// Found keywords over all.
    KeywordMatch,
    /// Overlap of words with the best expected (or reference) text: F1 over multisets of folded words.
    TokenF1,
    /// The weighted mean of the scores of all that the case asserts.
    AssertionScore,
}
