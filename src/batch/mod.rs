//! Record + template to ids and mask; batches. No tensors here.

use crate::chat::ChatTemplate;
use crate::dataset::Record;
use crate::tokenizer::Tokenizer;

/// One sequence: `mask[i]` says whether token `i` is a target of the loss (predicted from the tokens before it).
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    pub ids: Vec<u32>,
    pub mask: Vec<bool>,
    /// The record's line, for messages.
    pub line: usize,
    /// Tokens cut off at the end by `max_seq_len`.
    pub cut: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("line {line}: {reason}")]
    Record { line: usize, reason: String },
    #[error("no token of the dataset is trained: every example was cut before the assistant's words")]
    NothingTrained,
}

/// BOS by the tokenizer's rule; the mask covers assistant content and its end-of-turn token.
pub fn encode(
    _records: &[Record],
    _template: &ChatTemplate,
    _tokenizer: &Tokenizer,
    _max_seq_len: usize,
) -> Result<Vec<Example>, BatchError> {
    todo!()
}

/// The order of one epoch: indices of examples, shuffled by (seed, epoch) or as they are.
pub fn epoch_order(_n: usize, _seed: u64, _epoch: usize, _shuffle: bool) -> Vec<usize> {
    todo!()
}
