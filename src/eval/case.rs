//! One prompt of a suite, and what is asserted of its answer.

use super::text::Normaliser;
use crate::chat::{Message, Role};

/// One prompt and what is asserted of its answer.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Case {
    pub id: String,
    /// The conversation up to the answer; the last turn is the user's.
    pub messages: Vec<Message>,
    /// The answer is one of these (after `normaliser`); empty: not asserted.
    pub expected: Vec<String>,
    /// All are found in the answer; each a list of alternatives (`a|b`).
    pub keywords: Vec<String>,
    /// None of these is found.
    pub not_keywords: Vec<String>,
    /// A good answer to compare with, not asserted.
    pub reference: Option<String>,
    pub category: String,
    /// Prompts that are not independent (paraphrases) share one.
    pub cluster: Option<String>,
    /// If the present model passes it, the new one must.
    pub must_pass: bool,
    pub normaliser: Normaliser,
}

impl Case {
    /// The last user turn.
    pub fn prompt(&self) -> &str {
        self.messages.iter().rev().find(|m| m.role == Role::User).map_or("", |m| &m.content)
    }
}
