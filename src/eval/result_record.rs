//! One answered question as it stands in a result file.

use serde::{Deserialize, Serialize};

use super::answer_metrics::{AnswerScores, grounding, score_answer, texts_answer};
use super::answerer::Reply;
use super::question_record::TestQuestion;
use super::thought::without_thoughts;

/// Citations in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Citations {
    pub cited: u64,
    /// Those that name a text that was given and supports the answer.
    pub right: u64,
}

/// What was given with a question, best first.
#[derive(Clone, Debug, Default)]
pub struct Retrieval<'a> {
    pub ids: Vec<String>,
    pub scores: Vec<f64>,
    pub texts: Vec<&'a str>,
    /// Whether the unit that answers is among them; None: it is told by the texts.
    pub hit: Option<bool>,
    /// Of retrieval and embedding; no part of the reply's seconds.
    pub seconds: f64,
    /// Texts that did not fit the prompt.
    pub left_out: usize,
    pub citations: Option<Citations>,
}

/// An answer with what it cost and what it is worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerRecord {
    pub id: String,
    /// Questions that are not independent share one.
    pub cluster: String,
    pub category: String,
    pub question: String,
    pub answerable: bool,
    pub answer: String,
    /// Why there is no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(flatten)]
    pub measures: AnswerScores,
    /// Whether what was retrieved holds the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hit: Option<bool>,
    /// Whether the answer rests on what was retrieved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounded: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub citations: Option<Citations>,
    /// Of the units that were retrieved, best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Of each unit, by the retriever.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scores: Vec<f64>,
    /// Retrieval, embedding and generation, without loading the model.
    pub seconds: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retrieval_seconds: Option<f64>,
    /// Texts among the first k that did not fit the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<usize>,
    /// Prompt and answer.
    pub tokens: u64,
    pub prompt_tokens: u64,
    pub answer_tokens: u64,
}

impl AnswerRecord {
    /// Scores `reply`.
    pub fn new(question: &TestQuestion, reply: &Reply, retrieval: Option<&Retrieval<'_>>) -> Self {
        let measures = score_answer(question, reply);
        let (cost, error) = match reply {
            Reply::Answer(answer) => (Some(answer), None),
            Reply::Failed(what) => (None, Some(what.clone())),
        };
        let (prompt_tokens, answer_tokens) = cost.map_or((0, 0), |c| (c.prompt_tokens, c.tokens));
        let given = retrieval.filter(|r| !r.texts.is_empty());
        // A refusal rests on nothing.
        let grounded = given
            .filter(|_| error.is_none() && !measures.refused)
            .map(|retrieval| grounding(question, &without_thoughts(reply.text()).text, &retrieval.texts).is_grounded());
        Self {
            id: question.id.clone(),
            cluster: question.cluster.clone(),
            category: question.category.clone(),
            question: question.asked().to_owned(),
            answerable: question.answerable,
            answer: reply.text().to_owned(),
            error,
            measures,
            hit: retrieval.and_then(|r| r.hit.or_else(|| texts_answer(question, &r.texts))),
            grounded,
            citations: retrieval.and_then(|r| r.citations),
            ids: retrieval.map(|r| r.ids.clone()).unwrap_or_default(),
            scores: retrieval.map(|r| r.scores.clone()).unwrap_or_default(),
            seconds: cost.map_or(0.0, |c| c.seconds + retrieval.map_or(0.0, |r| r.seconds)),
            retrieval_seconds: retrieval.map(|r| r.seconds),
            left_out: retrieval.map(|r| r.left_out).filter(|left_out| *left_out > 0),
            tokens: prompt_tokens.saturating_add(answer_tokens),
            prompt_tokens,
            answer_tokens,
        }
    }

    /// Right although what was retrieved does not hold the answer.
    pub(super) fn is_self_knowledge(&self) -> bool {
        self.hit == Some(false) && self.measures.pass == Some(true)
    }
}
