//! A type of assertion, as it is declared.

use serde_json::Value;

use super::given::Given;
use super::value::ValueForm;
use crate::eval::text::Normaliser;

/// A type that an entry of `assert` may have.
pub(super) struct AssertionType {
    /// promptfoo's name, where it has the type.
    pub name: &'static str,
    pub value: ValueForm,
    pub judgement: Judgement,
    /// When an answer meets it, in the words of the documents.
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference page, which a test makes"))]
    pub meaning: &'static str,
    pub example: Example,
}

/// How an answer is judged.
#[derive(Clone, Copy)]
pub(super) enum Judgement {
    /// Met or not; there is no threshold.
    Holds(fn(&Checked<'_>) -> bool),
    /// A score from 0 to 1, met from the threshold on; `default` where none is given.
    AtLeast { default: f64, score: fn(&Checked<'_>) -> f64 },
    /// Something that is measured, met up to the threshold, which must be given where there is no `default`. Not met where there
    /// is nothing to measure.
    AtMost { default: Option<f64>, unit: &'static str, measure: fn(&Checked<'_>) -> Option<f64> },
}

/// A value and the answer that is held against it.
pub(super) struct Checked<'a> {
    pub value: &'a Value,
    pub given: &'a Given<'a>,
    /// How the line has its expected texts compared.
    pub normaliser: Normaliser,
}

/// An assertion in JSON with an answer that meets it and one that does not: shown in the documents, and tested.
pub(super) struct Example {
    pub assertion: &'static str,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference page, which a test makes"))]
    pub meets: Given<'static>,
    #[cfg_attr(not(test), expect(dead_code, reason = "for the reference page, which a test makes"))]
    pub fails: Given<'static>,
}
