//! How similar answers are to the texts of a suite's `similar` assertions: the cosine of their vectors.

use std::collections::{BTreeSet, HashMap};

use super::answerer::Embedder;
use super::ask::CaseAnswers;
use super::assertion::TextSimilarity;
use super::case::Case;
use super::fault::EvalError;
use super::relevance::{cosine, embed};
use super::suite::Suite;
use super::thought::without_thoughts;

/// The vectors of a suite's answers and texts, as far as they are compared.
#[derive(Default)]
pub(super) struct Similarities {
    vectors: HashMap<String, Vec<f32>>,
}

impl Similarities {
    /// Asks nothing where no line compares vectors.
    pub(super) fn of(
        suite: &Suite,
        answers: &[CaseAnswers],
        embedder: Option<&mut dyn Embedder>,
    ) -> Result<Self, EvalError> {
        let mut texts: BTreeSet<String> = BTreeSet::new();
        for (case, answers) in suite.cases.iter().zip(answers) {
            let wanted = case.similar_texts();
            if wanted.is_empty() {
                continue;
            }
            texts.extend(wanted.into_iter().map(str::to_owned));
            let replies = answers.base.iter().chain(&answers.tuned);
            texts.extend(replies.map(|reply| without_thoughts(reply.text()).text));
        }
        if texts.is_empty() {
            return Ok(Self::default());
        }
        let Some(embedder) = embedder else { return Err(suite.no_embedder()) };
        let texts: Vec<String> = texts.into_iter().collect();
        let asked: Vec<&str> = texts.iter().map(String::as_str).collect();
        let vectors = embed(embedder, &asked)?;
        Ok(Self { vectors: texts.into_iter().zip(vectors).filter_map(|(text, v)| Some((text, v?))).collect() })
    }

    /// Of an answer, its thoughts taken off, with every text that the case compares it with. Silence has none.
    pub(super) fn of_answer<'a>(&self, case: &'a Case, spoken: &str) -> Vec<TextSimilarity<'a>> {
        let Some(answer) = self.vectors.get(spoken) else { return Vec::new() };
        let known = |text: &'a str| {
            self.vectors.get(text).map(|vector| TextSimilarity { text, cosine: cosine(answer, vector) })
        };
        case.similar_texts().into_iter().filter_map(known).collect()
    }
}
