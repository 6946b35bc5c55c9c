//! Multiple choice: suites whose answers are one of a few, how often the likeliest is the expected one, and how far a model's
//! probabilities can be trusted. Numbers that are shown; no verdict follows from them.
//!
//! The way: [`Suite::choice_set`](super::Suite::choice_set) → log-likelihoods of each choice, computed elsewhere →
//! [`choice_suite`] → [`MultipleChoice`], and [`choices_markdown`] of it.

mod calibration;
mod choices;
mod result;
#[cfg(test)]
mod tests;
mod words;

pub use calibration::{CALIBRATION_BINS, CalibrationBin, ChoiceCalibration, Prediction, choice_calibration};
pub use choices::{ChoiceCase, ChoiceSet, ChoiceSource};
pub(super) use choices::{MOST_CHOICES, fault};
pub use result::{ChoiceModel, ChoicePrompt, ChoiceScores, ChoiceSuite, MultipleChoice, ScoredChoices, choice_suite};
pub use words::choices_markdown;
