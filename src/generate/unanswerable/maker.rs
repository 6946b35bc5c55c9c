//! What the kinds of unanswerable questions have in common.

use std::sync::Arc;

use rand_chacha::ChaCha8Rng;

use crate::corpus::Language;
use crate::generate::noise::seeded;

use super::input::{QuestionWording, Questions};
use super::knowledge::Knowledge;

/// What all kinds of questions are made with.
pub(super) struct Maker<'a> {
    pub(super) knowledge: Knowledge<'a>,
    pub(super) questions: &'a dyn Questions,
    pub(super) languages: &'a [Language],
    pub(super) seed: u64,
}

impl Maker<'_> {
    pub(super) fn random(&self, parts: &[&str]) -> ChaCha8Rng {
        seeded(self.seed, parts)
    }

    /// Orders candidates as the seed decides.
    pub(super) fn rank(&self, parts: &[&str]) -> [u8; 32] {
        *blake3::hash(format!("{} {}", self.seed, parts.join("\u{1f}")).as_bytes()).as_bytes()
    }
}

/// A question with its refusal.
pub(super) struct Asked {
    /// What tells it from other questions, whatever the wording.
    pub(super) identity: Vec<String>,
    pub(super) wording: QuestionWording,
    pub(super) answer: String,
    /// What the answer states.
    pub(super) facts: Vec<usize>,
    pub(super) source: Arc<str>,
    pub(super) language: Language,
}
