//! How likely two models find the same texts, token by token: bits per byte, KL divergence over the whole vocabulary, agreement
//! of their likeliest tokens. Numbers that are shown; no verdict follows from them.
//!
//! How likely each of a few answers is after its prompt: [`choices`] → [`choice_log_likelihoods`].
//!
//! The way: texts to [`Passages`] ([`general`], [`answers`]) → [`compare`] → [`Likelihood`], and [`markdown`] of it.

mod choices;
mod compare;
mod error;
mod passages;
mod result;
mod sums;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use choices::{ChoicePassages, ChoiceQuestion, choice_log_likelihoods, choices};
pub use compare::{Subject, compare};
pub use error::LikelihoodError;
pub use passages::{Exchange, Passage, Passages, answers, general};
pub use result::{Likelihood, Measured, TextLikelihood, markdown};
pub use vocabulary::{Vocabulary, check_same};
