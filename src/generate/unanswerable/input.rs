//! What unanswerable questions are made of.

use std::sync::Arc;

use crate::corpus::{Facts, Language, Unit};
use crate::generate::Family;
use crate::generate::noise::fold;

/// A question without its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct QuestionWording {
    pub family: Family,
    /// Names the template.
    pub template: Arc<str>,
    pub question: String,
}

/// Words questions: the template engine.
pub trait Questions {
    /// The wordings of the question for an attribute's value; the attribute is as a document writes it.
    fn wordings(&self, entity: &str, attribute: &str, language: Language) -> Vec<QuestionWording>;

    /// What the attribute means: equal for synonyms, also of two languages, so that a value that is stated under another
    /// name does not count as missing.
    fn concept(&self, attribute: &str) -> String {
        fold(attribute)
    }

    /// Other names of the attribute, which a text may state it under.
    fn names(&self, _attribute: &str) -> Vec<String> {
        Vec::new()
    }
}

#[derive(Clone, Copy, Debug)]
pub struct UnansweredCorpus<'a> {
    pub facts: &'a Facts,
    pub units: &'a [Unit],
    /// In which questions are asked.
    pub languages: &'a [Language],
    pub seed: u64,
}
