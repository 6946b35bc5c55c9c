//! Tables of questions: documents that hold frequently asked ones, and files that are made for models.

use super::heading_parts::is_question;
use super::path_statistics::PathStatistics;
use super::record::Table;

/// Of the records, that a path is common to.
const COMMON: f64 = 0.5;
/// Folded names of the columns of frequently asked questions.
const QUESTION: &[&str] = &["question", "q", "faq"];
const ANSWER: &[&str] = &["answer", "a", "reponse", "r", "reply"];
/// Records whose question is looked at.
const LOOKED_AT: usize = 200;

/// The paths that at least half of the records have.
#[derive(Clone, Copy)]
pub(super) struct Common<'a> {
    pub(super) table: &'a Table,
    pub(super) statistics: &'a [PathStatistics],
}

impl Common<'_> {
    /// Of a path, or of one below it.
    fn has(self, path: &str) -> bool {
        let is_it = |known: &str| known.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let mut found = self.table.paths.iter().zip(self.statistics);
        found.any(|(known, of)| is_it(known) && of.share >= COMMON)
    }

    /// The path of texts whose key is one of the names.
    fn named(self, names: &[&str]) -> Option<usize> {
        let fits = |of: &PathStatistics| of.share >= COMMON && of.single_text >= COMMON && names.contains(&of.name());
        self.statistics.iter().position(fits)
    }
}

/// The key by which a file is training data, or questions for an evaluation, and no document.
pub(super) fn asked_of_models(common: Common<'_>) -> Option<&'static str> {
    let turns = |key: &str, role: &str| common.has(&format!("{key}.{role}"));
    let is_conversation = |key: &&str| turns(key, "role") || turns(key, "from");
    let conversations = ["messages", "conversations"].into_iter().find(is_conversation);
    let asked = || ["instruction", "prompt"].into_iter().find(|key| common.has(key));
    let expected = || {
        let keys = ["expected", "expected_answer", "choices", "answers"];
        keys.into_iter().find(|key| common.has("question") && common.has(key))
    };
    conversations.or_else(asked).or_else(expected)
}

/// Paths of questions and of their answers.
#[derive(Clone, Copy)]
pub(super) struct AnsweredQuestions {
    pub(super) question: usize,
    pub(super) answer: usize,
}

/// Of a table of frequently asked questions.
pub(super) fn answered_questions(common: Common<'_>) -> Option<AnsweredQuestions> {
    let (question, answer) = (common.named(QUESTION)?, common.named(ANSWER)?);
    let asked = common.table.records.iter().take(LOOKED_AT).filter_map(|record| record.single(question));
    let (all, asking) =
        asked.fold((0, 0), |(all, asking), value| (all + 1, asking + usize::from(is_question(&value.text))));
    (2 * asking >= all).then_some(AnsweredQuestions { question, answer })
}
