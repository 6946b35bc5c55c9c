//! The measures of one answer.

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::f1::token_f1;
use super::refusal::is_refusal;
use super::values::Forms;
use crate::eval::{Reply, TestQuestion, degenerate, without_thoughts};

/// What one answer is worth. The measures of correctness are of answerable questions only; a degenerate answer has none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AnswerScores {
    /// Ended by itself with a proper answer; not correctness.
    pub success: bool,
    /// Equal to an expected text after NFKC, case folding and white space (value or sentence); of a list, all items and nothing
    /// else. None where no text is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exact_match: Option<bool>,
    /// All expected values are found, or one of the alternatives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pass: Option<bool>,
    /// The share of the expected values that are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fact_coverage: Option<f64>,
    /// Token F1 with the nearest expected text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub f1: Option<f64>,
    /// The answer says that it can't be given.
    pub refused: bool,
    /// An unanswerable question, properly answered and not refused.
    pub fabricated: bool,
    /// An answerable question, refused and not answered.
    pub falsely_refused: bool,
}

/// Scores a reply to a question.
pub fn score_answer(question: &TestQuestion, reply: &Reply) -> AnswerScores {
    let broken = degenerate(reply).is_some();
    let cut = matches!(reply, Reply::Answer(answer) if answer.done_reason == "length");
    let answer = if broken { String::new() } else { without_thoughts(reply.text()).text };
    let refused = !broken && refuses(question, &answer);
    let scores = AnswerScores { success: !broken && !cut, refused, ..AnswerScores::default() };
    if !question.answerable {
        return AnswerScores { fabricated: !broken && !refused, ..scores };
    }
    let (expectation, forms) = (Expectation::of(question), Forms::of(&answer));
    let coverage = expectation.coverage(&forms);
    let pass = coverage >= 1.0;
    let expected = question.expected.iter().cloned().chain(expectation.listed());
    AnswerScores {
        exact_match: (!question.expected.is_empty()).then(|| expectation.is_met(&answer, &forms)),
        pass: Some(pass),
        fact_coverage: Some(coverage),
        f1: expected.map(|text| token_f1(&answer, &text)).reduce(f64::max),
        falsely_refused: refused && !pass,
        ..scores
    }
}

/// By the shipped patterns, or in the words that the file expects of a refusal.
fn refuses(question: &TestQuestion, answer: &str) -> bool {
    let forms = (!question.answerable).then(|| Forms::of(answer));
    is_refusal(answer) || forms.is_some_and(|forms| question.expected.iter().any(|text| forms.holds(text)))
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
