//! The memory that the values for the backward take, and how many layers keep theirs.

use crate::model::ModelError;
use crate::model::cost::Cost;
use crate::model::decoder::Decoder;
use crate::model::memory_budget::{MemoryBudget, widened_bytes};
use crate::ops::{CODES_BYTES, Cpu};

/// Codes in eight bits take at most one part in so many of the free memory.
const CODES_SHARE: u64 = 4;

impl Decoder<Cpu> {
    /// Keeps the weights' codes in eight bits once they were made, where all of them take a small part of what is free and
    /// nobody set a limit. The numbers are the same; they cost memory, and time to touch it, that only many steps of few rows
    /// are worth.
    pub(super) fn keep_codes(&mut self) {
        let bytes = (widened_bytes(self.spec()) as f64 / 4.0 * CODES_BYTES) as u64;
        if !self.budget().is_limited() && self.budget().left().is_some_and(|left| bytes <= left / CODES_SHARE) {
            self.hold_codes(bytes);
        }
    }
}

/// How many layers' inner values may be kept for the backward of a pass that takes this; the others' are computed again.
/// Nothing of the result depends on it.
///
/// # Errors
/// The pass fits in no way.
pub(super) fn kept_layers(budget: MemoryBudget, cost: &Cost) -> Result<usize, ModelError> {
    let Some(available) = budget.left() else { return Ok(cost.layers) };
    if cost.least > available {
        let remedy = match budget.is_limited() {
            true => "raise --max-memory, or train fewer or shorter examples a step (`tunesmith plan` says which fit)",
            false => {
                "train fewer or shorter examples a step: `tunesmith plan` says which batch_size and max_seq_len fit"
            }
        };
        return Err(ModelError::Memory { what: "a step of this size", needed: cost.least, available, remedy });
    }
    if cost.kept <= available {
        return Ok(cost.layers);
    }
    let fitting = (available - cost.least) / cost.layer.max(1);
    Ok(usize::try_from(fitting).unwrap_or(cost.layers).min(cost.layers))
}
