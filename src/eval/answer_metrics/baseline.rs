//! What the commonest answer alone would reach: a score means little that is not above it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::values::representative;
use crate::eval::TestQuestion;

/// The expected text that most questions share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommonestAnswer {
    pub answer: String,
    /// The exact matches of a model that always gives it, in percent of the questions with an expected text.
    pub exact_match_rate: f64,
}

/// None where no answerable question expects a text. Of equally common answers the one first in the order of their letters.
pub fn commonest_answer(questions: &[TestQuestion]) -> Option<CommonestAnswer> {
    let mut counts: BTreeMap<String, (usize, &str)> = BTreeMap::new();
    let asked = questions.iter().filter(|q| q.answerable && !q.expected.is_empty());
    let mut n = 0;
    for question in asked {
        n += 1;
        let mut seen = BTreeSet::new();
        // One item of a list is not an answer to its question.
        let single = question.expected.len() < 3;
        for text in question.expected.iter().filter(|_| single) {
            let key = representative(text);
            if seen.insert(key.clone()) {
                counts.entry(key).or_insert((0, text)).0 += 1;
            }
        }
    }
    let most = counts.values().map(|(count, _)| *count).max()?;
    let (_, answer) = counts.values().find(|(count, _)| *count == most)?;
    Some(CommonestAnswer { answer: (*answer).to_owned(), exact_match_rate: 100.0 * most as f64 / n as f64 })
}
