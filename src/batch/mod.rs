//! Record + template to ids and mask; the order of an epoch. No tensors here.

mod encode;
mod order;
mod preview;

pub use encode::encode;
pub use order::{epoch_order, group_by_length};
pub use preview::{Piece, preview};

use crate::dataset::{FaultList, RecordPlace};

/// One sequence, which ends with its last trained token: `mask[i]` says whether token `i` is a target of the loss (predicted from the tokens before it).
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    pub ids: Vec<u32>,
    pub mask: Vec<bool>,
    /// The record's line, for messages.
    pub line: usize,
    /// Tokens cut off at the end by `max_seq_len`.
    pub cut: usize,
    /// Holds the base's own answer: its whole distribution is to stay at the trained tokens, not only the text.
    pub distilled: bool,
}

impl Example {
    /// How many of its tokens are targets.
    pub fn trained(&self) -> usize {
        self.mask.iter().filter(|m| **m).count()
    }
}

/// What a dataset became.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Encoded {
    /// In the records' order; each has a trained token. A record whose template writes history differently (without
    /// earlier reasoning, say) gives one for each of its answers.
    pub examples: Vec<Example>,
    /// What did not fit, in the records' order.
    pub cuts: Vec<Cut>,
}

/// What `max_seq_len` took from one sequence.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Cut {
    /// The record's.
    pub place: RecordPlace,
    pub tokens: usize,
    /// Of these tokens.
    pub trained: usize,
    /// Turns that were to be trained and whose end is lost.
    pub ends: usize,
    /// Nothing that is trained is left: it is no example.
    pub left_out: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Display lists every fault with its line.
    #[error("{} of the dataset cannot be trained on:{}", count(.0), .0)]
    Records(FaultList),
    #[error(
        "no token of the dataset is trained: every example was cut before the assistant's words (raise max_seq_len)"
    )]
    NothingTrained,
}

fn count(faults: &FaultList) -> String {
    if faults.total() == 1 { "1 example".into() } else { format!("{} examples", faults.total()) }
}
