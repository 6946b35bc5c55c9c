//! The memory that the values for the backward take, and how many layers keep theirs.

use crate::model::ModelError;
use crate::model::cost::Cost;
use crate::model::decoder::Decoder;
use crate::model::memory_budget::widened_bytes;
use crate::model::packed::Packed;
use crate::ops::{CODES_BYTES, Cpu, Ops};

/// Codes in eight bits take at most one part in so many of the free memory.
const CODES_SHARE: u64 = 4;

impl Decoder<Cpu> {
    /// Keeps the weights' codes in eight bits once they were made, where all of them take a small part of what is free and
    /// nobody set a limit. The numbers are the same; they cost memory, and time to touch it, that only many steps of few rows
    /// are worth.
    pub(super) fn keep_codes(&mut self) {
        let bytes = (widened_bytes(self.weights()) as f64 / 4.0 * CODES_BYTES) as u64;
        if !self.budget().is_limited() && self.budget().left().is_some_and(|left| bytes <= left / CODES_SHARE) {
            self.hold_codes(bytes);
        }
    }
}

impl<O: Ops> Decoder<O> {
    /// Floats per row that the backward of one layer reads.
    pub(super) fn kept_width(&self) -> usize {
        let c = self.config();
        2 * c.hidden + 2 * c.heads * c.head_dim + 2 * c.kv_heads * c.head_dim + 2 * c.ff + 7 * 64
    }

    /// Bytes that a pass takes at least, and those of each layer whose inner values are kept.
    pub(super) fn held(&self, packed: &Packed) -> (u64, u64) {
        let (c, rows) = (self.config(), packed.ids.len());
        let layer = 4 * (rows * self.kept_width()) as u64;
        let inputs = 4 * (rows * self.layer_count() * c.hidden) as u64;
        // The gradients of keys and values that each of several segments adds to.
        let seen: usize = packed.segments.iter().flat_map(|s| &s.before).map(ExactSizeIterator::len).sum();
        let shares = 8 * (seen * c.kv_heads * c.head_dim) as u64;
        (inputs + 3 * layer + self.logits_bytes(packed) + shares, layer)
    }

    /// How many layers' inner values may be kept for the backward of a pass that takes this; the others' are computed
    /// again. Nothing of the result depends on it.
    ///
    /// # Errors
    /// The pass fits in no way.
    pub(super) fn kept_layers(&self, cost: &Cost) -> Result<usize, ModelError> {
        let layers = self.layer_count();
        let Some(available) = self.budget().left() else { return Ok(layers) };
        let (least, layer) = (cost.least, (cost.kept - cost.least) / layers as u64);
        if least > available {
            let remedy = match self.budget().is_limited() {
                true => {
                    "raise --max-memory, or train fewer or shorter examples a step (`tunesmith plan` says which fit)"
                }
                false => {
                    "train fewer or shorter examples a step: `tunesmith plan` says which batch_size and max_seq_len fit"
                }
            };
            return Err(ModelError::Memory { what: "a step of this size", needed: least, available, remedy });
        }
        Ok(usize::try_from((available - least) / layer.max(1)).unwrap_or(layers).min(layers))
    }
}
