//! The answers that a prompt may have: said by the line (`choices`), or taken from what the suite expects.

use std::collections::BTreeMap;

use crate::eval::case::Case;
use crate::eval::suite::Suite;

/// Answers of one prompt, at most.
pub(in crate::eval) const MOST_CHOICES: usize = 100;
/// Bytes of one of them, at most.
const MOST_OF_A_CHOICE: usize = 1000;
/// Answers that a suite without `choices` may expect, at most, to be a classification.
const MOST_DERIVED: usize = 20;
/// Lines for each such answer, at least, in the mean.
const LEAST_LINES: usize = 4;
/// Lines of each such answer, at least.
const LEAST_OF_A_LABEL: usize = 2;
/// Bytes of such an answer, at most: a label, not a text.
const MOST_OF_A_LABEL: usize = 100;

/// Where the choices of a suite come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceSource {
    /// Its lines say them.
    Given,
    /// They are what its lines expect.
    Derived,
}

/// The prompts of a suite that have choices.
#[derive(Clone, Debug)]
pub struct ChoiceSet<'a> {
    pub source: ChoiceSource,
    pub cases: Vec<ChoiceCase<'a>>,
}

/// A prompt with the answers that it may have.
#[derive(Clone, Debug)]
pub struct ChoiceCase<'a> {
    pub case: &'a Case,
    pub choices: Vec<&'a str>,
    /// Index in `choices`.
    pub expected: usize,
}

impl Suite {
    /// The prompts with choices: those whose lines say some. Where no line does, and the suite is evidently a classification, each
    /// has the answers that all its lines expect. None where there is neither.
    pub fn choice_set(&self) -> Option<ChoiceSet<'_>> {
        if self.says_choices() {
            let cases = self.cases.iter().filter_map(given).collect();
            return Some(ChoiceSet { source: ChoiceSource::Given, cases });
        }
        let choices = self.labels()?;
        let cases = self.cases.iter().filter_map(|case| {
            let wanted = label(case)?;
            let expected = choices.iter().position(|choice| *choice == wanted)?;
            Some(ChoiceCase { case, choices: choices.clone(), expected })
        });
        Some(ChoiceSet { source: ChoiceSource::Derived, cases: cases.collect() })
    }

    fn says_choices(&self) -> bool {
        self.cases.iter().any(|case| !case.choices.is_empty())
    }

    /// The answers of a classification, sorted: at most 20 different ones, each of at least two lines and in the mean of four. Of a
    /// suite that was limited, those that it had before.
    pub(in crate::eval) fn labels(&self) -> Option<Vec<&str>> {
        if let Some(labels) = &self.labels_before_limit {
            return Some(labels.iter().map(String::as_str).collect());
        }
        // What a model should know is no classification, however few its answers are.
        if self.says_choices() || self.name.starts_with("builtin:") {
            return None;
        }
        let labels = self.cases.iter().map(label).collect::<Option<Vec<_>>>()?;
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        labels.iter().for_each(|label| *counts.entry(label).or_default() += 1);
        let few = (2..=MOST_DERIVED).contains(&counts.len()) && labels.len() >= LEAST_LINES * counts.len();
        let often = counts.values().all(|lines| *lines >= LEAST_OF_A_LABEL);
        (few && often).then(|| counts.into_keys().collect())
    }
}

fn given(case: &Case) -> Option<ChoiceCase<'_>> {
    let wanted = case.wanted_texts();
    let expected = case.choices.iter().position(|choice| wanted.contains(&choice.as_str()))?;
    Some(ChoiceCase { case, choices: case.choices.iter().map(String::as_str).collect(), expected })
}

/// The one short text that a line expects.
fn label(case: &Case) -> Option<&str> {
    match case.wanted_texts().as_slice() {
        [one] if one.len() <= MOST_OF_A_LABEL => Some(one),
        _ => None,
    }
}

/// What is wrong with the choices of a line.
pub(in crate::eval) fn fault(case: &Case) -> Option<String> {
    let choices = &case.choices;
    let count = choices.len();
    if count == 0 {
        return None;
    }
    if !(2..=MOST_CHOICES).contains(&count) {
        let answers = if count == 1 { "answer" } else { "answers" };
        return Some(format!("\"choices\" has {count} {answers}; give 2 to {MOST_CHOICES}"));
    }
    if let Some(long) = choices.iter().find(|choice| choice.len() > MOST_OF_A_CHOICE) {
        return Some(format!("an answer of \"choices\" has {} bytes, more than {MOST_OF_A_CHOICE}", long.len()));
    }
    // Some templates cut the spaces around a text.
    let is_earlier = |i: usize| choices[..i].iter().any(|earlier| earlier.trim() == choices[i].trim());
    if let Some(twice) = (1..count).find(|&i| is_earlier(i)) {
        return Some(format!("\"choices\" has {:?} twice; spaces around a text do not count", choices[twice].trim()));
    }
    let wanted = case.wanted_texts();
    match choices.iter().filter(|choice| wanted.contains(&choice.as_str())).count() {
        1 => None,
        0 => Some(
            "none of \"choices\" is the expected answer; one of them must be a text of \"expected\", or of an \"equals\" in \"assert\", letter by letter"
                .to_owned(),
        ),
        several => Some(format!("{several} of \"choices\" are expected; exactly one must be")),
    }
}
