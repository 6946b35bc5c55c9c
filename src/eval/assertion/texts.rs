//! Assertions on the words of an answer, and on its likeness to texts.

use super::assertion_type::Checked;
use super::key::{Wanted, is_expected};
use super::value::texts_of;
use crate::eval::reference_scores::ReferenceScore;
use crate::eval::text::fold;

/// Whether a text of the value stands in the answer, letter by letter or folded.
pub(super) struct Contained<'a> {
    checked: &'a Checked<'a>,
    answer: String,
    folded: bool,
}

impl<'a> Contained<'a> {
    pub(super) fn exact(checked: &'a Checked<'a>) -> Self {
        Self { checked, answer: checked.given.text.to_owned(), folded: false }
    }

    pub(super) fn folded(checked: &'a Checked<'a>) -> Self {
        Self { checked, answer: fold(checked.given.text), folded: true }
    }

    pub(super) fn any(&self) -> bool {
        texts_of(self.checked.value).into_iter().any(|text| self.holds(text))
    }

    pub(super) fn all(&self) -> bool {
        texts_of(self.checked.value).into_iter().all(|text| self.holds(text))
    }

    fn holds(&self, text: &str) -> bool {
        if self.folded { self.answer.contains(&fold(text)) } else { self.answer.contains(text) }
    }
}

/// As the key `expected`.
pub(super) fn equals(checked: &Checked<'_>) -> bool {
    let texts: Vec<String> = texts_of(checked.value).into_iter().map(str::to_owned).collect();
    is_expected(&Wanted { texts: &texts, normaliser: checked.normaliser }, checked.given.text)
}

pub(super) fn starts_with(checked: &Checked<'_>) -> bool {
    let answer = checked.given.text.trim_start();
    texts_of(checked.value).into_iter().any(|text| answer.starts_with(text))
}

/// A score of the answer by the texts of the value.
pub(super) fn likeness(checked: &Checked<'_>, score: &ReferenceScore) -> f64 {
    score.share(checked.given.text, &texts_of(checked.value))
}
