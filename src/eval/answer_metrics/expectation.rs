//! What an answer to a question is compared with.

use super::values::{Forms, representative};
use crate::eval::TestQuestion;
use crate::eval::assertion::{EXPECTED, Wanted};
use crate::eval::text::Normaliser;

/// The expected texts of a question, told apart.
pub(super) struct Expectation<'q> {
    /// What is looked for in an answer; each may be `a|b`.
    looked_for: Vec<Vec<&'q str>>,
    /// Whether all of it has to be found; else one is enough.
    all: bool,
    /// Of a question whose answer is a list, its items.
    items: Vec<&'q str>,
    /// What an answer may equal: values and sentences, of a list the sentence alone.
    equals: &'q [String],
}

impl<'q> Expectation<'q> {
    /// Where the last expected text holds all those before it, it is the sentence and they are the values; else the texts are
    /// alternatives. Keywords say themselves what is looked for.
    pub(super) fn of(question: &'q TestQuestion) -> Self {
        let expected = question.expected.as_slice();
        let values = match expected.split_last() {
            Some((sentence, values)) if !values.is_empty() => {
                let forms = Forms::of(sentence);
                values.iter().all(|value| forms.holds(value)).then_some(values)
            }
            _ => None,
        };
        let items = distinct(values.unwrap_or_default());
        let is_list = items.len() > 1;
        let one = |text: &'q String| vec![text.as_str()];
        let (looked_for, all) = match (question.keywords.as_slice(), values) {
            ([], None) => (expected.iter().map(one).collect(), false),
            ([], Some(_)) => (items.iter().map(|item| vec![*item]).collect(), true),
            (keywords, _) => (keywords.iter().map(|keyword| keyword.split('|').collect()).collect(), true),
        };
        let equals = if is_list { expected.get(expected.len() - 1..).unwrap_or_default() } else { expected };
        Self { looked_for, all, items: if is_list { items } else { Vec::new() }, equals }
    }

    /// The share of the values that the answer holds; of alternatives 1 if it holds one.
    pub(super) fn coverage(&self, answer: &Forms) -> f64 {
        let holds = |alternatives: &&Vec<&str>| alternatives.iter().any(|value| answer.holds(value));
        let found = self.looked_for.iter().filter(holds).count();
        match self.all {
            true if self.looked_for.is_empty() => 0.0,
            true => found as f64 / self.looked_for.len() as f64,
            false => f64::from(u8::from(found > 0)),
        }
    }

    /// Whether the answer is one of the expected texts, or the list of all items and nothing else.
    pub(super) fn is_met(&self, answer: &str, forms: &Forms) -> bool {
        let wanted = Wanted { texts: self.equals, normaliser: Normaliser::default() };
        (EXPECTED.holds)(&wanted, answer) || (!self.items.is_empty() && forms.lists(&self.items))
    }

    /// The items of a list as one text.
    pub(super) fn listed(&self) -> Option<String> {
        (!self.items.is_empty()).then(|| self.items.join(", "))
    }
}

/// One of each value, whatever its notation.
fn distinct(values: &[String]) -> Vec<&str> {
    let mut seen = std::collections::BTreeSet::new();
    values.iter().filter(|value| seen.insert(representative(value))).map(String::as_str).collect()
}
