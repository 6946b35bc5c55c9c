//! One prompt of a suite, and what is asserted of its answer.

use super::assertion::{Asserted, Assertion, AssertionKey, KEYWORDS, Wanted};
use super::fault::SuitePlace;
use super::text::Normaliser;
use crate::chat::{Message, Role};

/// One prompt and what is asserted of its answer. Its JSON form leaves out what is not said, so that a new field does not change
/// the digests of suites that do not use it.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Case {
    /// In its file.
    #[serde(skip)]
    pub(super) place: SuitePlace,
    pub id: String,
    /// The conversation up to the answer; the last turn is the user's.
    pub messages: Vec<Message>,
    /// Descriptions of the tools that the answer may call.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<serde_json::Value>,
    #[serde(flatten)]
    pub(super) asserted: Asserted,
    #[serde(rename = "assert", skip_serializing_if = "Vec::is_empty")]
    pub(super) assertions: Vec<Assertion>,
    /// The answers that may be given, where there are only these; one is expected. Not asserted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<String>,
    /// A good answer to compare with, not asserted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Words of the domain: their share in an answer is its relevance; they are not demanded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domain_terms: Vec<String>,
    pub category: String,
    /// Prompts that are not independent (paraphrases) share one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<String>,
    /// If the present model passes it, the new one must.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub must_pass: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub normaliser: Normaliser,
}

fn is_default(normaliser: &Normaliser) -> bool {
    *normaliser == Normaliser::default()
}

impl Case {
    /// Whether anything is demanded of an answer.
    pub(super) fn asserts(&self) -> bool {
        !self.asserted.is_empty() || self.assertions.iter().any(|assertion| assertion.weight() > 0.0)
    }

    /// The texts that an answer is compared with by the vectors of an embedding model.
    pub(super) fn similar_texts(&self) -> Vec<&str> {
        self.assertions.iter().flat_map(Assertion::similar_texts).collect()
    }

    /// The texts of `assertion`; none where the case does not assert it.
    pub(super) fn texts(&self, assertion: &AssertionKey) -> &[String] {
        self.asserted.get(assertion.key).map_or(&[], Vec::as_slice)
    }

    /// The texts that an answer may equal.
    pub fn expected(&self) -> &[String] {
        self.asserted.get("expected").map_or(&[], Vec::as_slice)
    }

    /// The texts that the whole answer may be, by `expected` or else by the assertions `equals`.
    pub(super) fn wanted_texts(&self) -> Vec<&str> {
        match self.expected() {
            [] => self.assertions.iter().flat_map(Assertion::equal_texts).collect(),
            texts => texts.iter().map(String::as_str).collect(),
        }
    }

    /// The texts that an answer has to hold, every alternative of its own.
    pub fn keywords(&self) -> Vec<String> {
        let alternatives = self.texts(&KEYWORDS).iter().flat_map(|keyword| keyword.split('|'));
        alternatives.map(str::to_owned).collect()
    }

    /// Whether `answer` meets `assertion`; None where the case does not assert it.
    pub(super) fn holds(&self, assertion: &AssertionKey, answer: &str) -> Option<bool> {
        let texts = self.texts(assertion);
        (!texts.is_empty()).then(|| (assertion.holds)(&Wanted { texts, normaliser: self.normaliser }, answer))
    }

    /// The last user turn.
    pub fn prompt(&self) -> &str {
        self.messages.iter().rev().find(|m| m.role == Role::User).map_or("", |m| &m.content)
    }
}
