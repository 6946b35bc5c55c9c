//! The memory that computing may take, and what of it the values for the backward get.

use crate::model::ModelError;
use crate::model::decoder::Decoder;
use crate::ops::{CODES_BYTES, Cpu, Ops, available_memory, held_memory};
use crate::weights::{Site, Weights};

/// Codes in eight bits take one part of the room in so many, at most.
const CODES_SHARE: u64 = 16;

/// What linears and head take in f32; the embedding stays where it is.
pub(super) fn widened_bytes(weights: &Weights) -> u64 {
    let c = weights.config();
    let of = |site| c.shape(site).0 * c.shape(site).1;
    4 * (c.layers * Site::ALL.into_iter().map(of).sum::<usize>() + c.vocab * c.hidden) as u64
}

/// Bytes of values that may be held at once; None where the system does not say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Room {
    left: Option<u64>,
    limited: bool,
}

impl Room {
    /// Of `max_memory` bytes for the whole process what is left beside what it holds, the base's map and `reserved`; without
    /// a limit four fifths of what is free.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn new(weights: &Weights, max_memory: Option<u64>, reserved: u64) -> Result<Self, ModelError> {
        let Some(most) = max_memory else {
            return Ok(Self { left: available_memory().map(|a| a / 5 * 4), limited: false });
        };
        // Whether or not the base's pages were touched already.
        let (all, own) = held_memory().unwrap_or_default();
        let needed = all.max(own + weights.stored_bytes()) + reserved;
        if needed >= most {
            let remedy = "raise --max-memory, or lower the rank or choose a smaller base";
            return Err(ModelError::Memory { what: "the base with its adapter", needed, available: most, remedy });
        }
        Ok(Self { left: Some(most - needed), limited: true })
    }

    /// Of `max_memory` bytes of a device what is left beside the widened weights; without a limit it is not known yet
    /// ([`Room::of_free`]), and where the device does not say either, not before it is full.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn on_device(weights: &Weights, max_memory: Option<u64>) -> Result<Self, ModelError> {
        let Some(most) = max_memory else { return Ok(Self::default()) };
        let needed = widened_bytes(weights);
        if needed >= most {
            let remedy = "raise --max-memory (on a device it is the device's), choose a smaller base, or --device cpu";
            return Err(ModelError::Memory { what: "the base on the device", needed, available: most, remedy });
        }
        Ok(Self { left: Some(most - needed), limited: true })
    }

    /// Four fifths of what a device has free.
    pub(super) fn of_free(free: u64) -> Self {
        Self { left: Some(free / 5 * 4), limited: false }
    }

    /// For tests: so much is left.
    #[cfg(test)]
    pub(crate) fn of(bytes: u64) -> Self {
        Self { left: Some(bytes), limited: true }
    }

    /// Bytes; None where the system does not say.
    pub fn left(&self) -> Option<u64> {
        self.left
    }
}

impl Decoder<Cpu> {
    /// Keeps the weights' codes in eight bits once they were made, where all of them take a small part of what is free and
    /// nobody set a limit. The numbers are the same; they cost memory, and time to touch it, that only many steps of few rows
    /// are worth.
    pub fn keep_codes(&mut self) {
        let bytes = (widened_bytes(&self.weights) as f64 / 4.0 * CODES_BYTES) as u64;
        if !self.room.limited && self.room.left.is_some_and(|left| bytes <= left / CODES_SHARE) {
            self.ops.keep_codes();
            self.room.left = self.room.left.map(|left| left - bytes);
            self.codes = bytes;
        }
    }
}

impl<O: Ops> Decoder<O> {
    /// Floats per row that the backward of one layer reads.
    pub fn kept_width(&self) -> usize {
        let c = self.config();
        2 * c.hidden + 2 * c.heads * c.head_dim + 2 * c.kv_heads * c.head_dim + 2 * c.ff + 7 * 64
    }

    /// Bytes that a pass of so many rows takes at least, and those of each layer whose inner values are kept.
    pub fn held(&self, rows: usize) -> (u64, u64) {
        let layer = 4 * (rows * self.kept_width()) as u64;
        let inputs = 4 * (rows * self.layers.len() * self.config().hidden) as u64;
        (inputs + 3 * layer + self.logits_bytes(), layer)
    }

    /// How many layers' inner values may be kept for the backward of a pass of so many rows; the others' are computed
    /// again. Nothing of the result depends on it.
    ///
    /// # Errors
    /// The pass fits in no way.
    pub fn kept_layers(&self, rows: usize) -> Result<usize, ModelError> {
        let layers = self.layers.len();
        let Some(available) = self.room.left else { return Ok(layers) };
        let (least, layer) = self.held(rows);
        if least > available {
            let remedy = match self.room.limited {
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
