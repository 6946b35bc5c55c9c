//! What items are wanted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::corpus::{Language, Unit};
use crate::generate::{Shape, Templates};
use crate::store::Interrupt;

/// How an answer is written.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum AnswerStyle {
    /// `GIDAF is hosted by OVH.`
    #[default]
    Sentence,
    /// `OVH`; nothing is asked whose answer has to be sentences.
    Value,
    /// Half of the wordings in one style, half in the other.
    Mixed,
}

#[derive(Clone, Debug)]
pub struct ItemOptions<'t> {
    pub languages: Vec<Language>,
    /// Further languages, in which only facts of documents in the same language are asked.
    pub own_languages: Vec<Language>,
    pub seed: u64,
    /// Empty: all of them.
    pub shapes: Vec<Shape>,
    pub templates: &'t Templates,
    /// The corpus' units, which the facts name by their indices: an account of a thing is whole where it tells all items of
    /// their lists.
    pub units: &'t [Unit],
    pub answer_style: AnswerStyle,
    /// Attributes, as documents write them, some of whose facts are in conflict: who has a value, and how many, is not known.
    pub disputed: BTreeSet<String>,
    /// Of an item, at most; they are drawn from all families in turn.
    pub max_wordings: usize,
    /// Ends the work early: what is made then is to be dropped.
    pub interrupt: Interrupt,
}

impl<'t> ItemOptions<'t> {
    /// Every shape in both languages, with all wordings.
    pub fn new(templates: &'t Templates) -> Self {
        Self {
            languages: Language::ALL.to_vec(),
            own_languages: Vec::new(),
            seed: 0,
            shapes: Vec::new(),
            templates,
            units: &[],
            answer_style: AnswerStyle::default(),
            disputed: BTreeSet::new(),
            max_wordings: usize::MAX,
            interrupt: Interrupt::default(),
        }
    }

    pub(super) fn wants(&self, shape: Shape) -> bool {
        !self.interrupt.raised() && (self.shapes.is_empty() || self.shapes.contains(&shape))
    }
}
