//! One model's answer to a prompt, scored.

use crate::eval::answerer::Reply;
use crate::eval::case::Case;
use crate::eval::score::{KeywordMatch, domain_share, keywords};
use crate::eval::thought::without_thoughts;

/// What one model answered.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BenchmarkArm {
    /// None: the request failed.
    pub response: Option<String>,
    /// None where the request failed, or the prompt names no keyword.
    pub keywords: Option<KeywordMatch>,
    /// The share of the domain's words that are in the answer, 0 to 1; None as for `keywords`.
    pub relevance: Option<f64>,
}

impl BenchmarkArm {
    /// Thoughts are shown, and not scored.
    pub fn new(case: &Case, reply: &Reply) -> Self {
        let Reply::Answer(answer) = reply else { return Self::default() };
        let spoken = without_thoughts(&answer.text).text;
        Self {
            response: Some(answer.text.clone()),
            keywords: keywords(case, &spoken),
            relevance: domain_share(case, &spoken),
        }
    }

    /// What is compared with another answer: the text without its thoughts, empty where there is none.
    pub fn spoken(&self) -> String {
        self.response.as_deref().map(|text| without_thoughts(text).text).unwrap_or_default()
    }
}

/// What was answered to one prompt.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BenchmarkAnswers {
    pub base: BenchmarkArm,
    /// None: the base is asked alone.
    pub finetuned: Option<BenchmarkArm>,
    /// Of both answers' vectors; None where one of them is missing or empty, or nothing embeds them.
    pub cosine: Option<f64>,
}
