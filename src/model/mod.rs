//! One decoder over `Ops` whose families differ by data: forward, backward, generation with a KV cache.

use crate::lora::{Adapter, Stored};
use crate::weights::Weights;

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("token id {id} is outside the vocabulary of {vocab}")]
    BadToken { id: u32, vocab: usize },
    #[error("{tokens} tokens, but the base's context holds {context}")]
    TooLong { tokens: usize, context: usize },
    #[error("the weights need {needed} bytes in f32, but only {available} are free")]
    Memory { needed: u64, available: u64 },
    #[error("{0}")]
    Other(String),
}

/// Gradients of an adapter, the same shapes as its pairs.
pub type Grads = std::collections::BTreeMap<crate::weights::LinearId, crate::lora::Pair>;

/// One sequence of a step: `targets[i]` is the id that position `i` must predict, or None where the loss is not taken.
#[derive(Clone, Debug)]
pub struct Sequence<'a> {
    pub ids: &'a [u32],
    pub targets: &'a [Option<u32>],
}

/// Sums over the trained tokens of a forward pass (divide by `tokens` for means).
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LossSums {
    pub nll: f64,
    pub correct: u64,
    pub entropy: f64,
    pub tokens: u64,
}

/// LoRA dropout for one forward and backward: the mask depends on (seed, step, linear, element) only.
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    pub p: f64,
    pub seed: u64,
    pub step: u64,
}

#[derive(Clone, Debug)]
pub struct Sampling {
    pub temperature: f64,
    pub top_p: Option<f64>,
    pub max_tokens: usize,
    pub seed: u64,
}

/// The decoder, resident for computing. `threads` 0 = all cores.
#[derive(Debug)]
pub struct Model(());

impl Model {
    pub fn new(_weights: &Weights, _threads: usize) -> Result<Self, ModelError> {
        todo!()
    }

    /// Logits of every position, `ids.len() × vocab`.
    pub fn logits(&self, _adapter: Option<&Adapter<Stored>>, _ids: &[u32]) -> Result<Vec<f32>, ModelError> {
        todo!()
    }

    /// Log-softmax rows at the chosen positions only, `positions.len() × vocab`.
    pub fn log_probs_at(&self, _adapter: Option<&Adapter<Stored>>, _ids: &[u32], _positions: &[usize]) -> Result<Vec<f32>, ModelError> {
        todo!()
    }

    /// Forward only.
    pub fn loss(&self, _adapter: Option<&Adapter<Stored>>, _sequences: &[Sequence<'_>]) -> Result<LossSums, ModelError> {
        todo!()
    }

    /// Forward and backward of one micro-batch; *adds* to `grads` the gradient of `weight · Σ nll`
    /// (`weight` = 1 / trained tokens of the whole optimiser step).
    pub fn loss_and_grads(
        &self,
        _adapter: &Adapter<Stored>,
        _sequences: &[Sequence<'_>],
        _weight: f32,
        _dropout: Option<Dropout>,
        _grads: &mut Grads,
    ) -> Result<LossSums, ModelError> {
        todo!()
    }

    /// Greedy (temperature 0) or sampled; stops at `is_end` or max_tokens. `on_token` returning false stops. Returns the new ids (the end token left out).
    pub fn generate(
        &self,
        _adapter: Option<&Adapter<Stored>>,
        _prompt: &[u32],
        _sampling: &Sampling,
        _is_end: &dyn Fn(u32) -> bool,
        _on_token: &mut dyn FnMut(u32) -> bool,
    ) -> Result<Vec<u32>, ModelError> {
        todo!()
    }

    /// Threads it computes with, all cores counted out.
    pub fn threads(&self) -> usize {
        todo!()
    }

    /// How it computes, in one short line without the number of threads ("cpu avx512, f32 weights"): written into each
    /// checkpoint, because another route rounds differently.
    pub fn route(&self) -> String {
        todo!()
    }

    /// Peak bytes held by weights.
    pub fn resident_bytes(&self) -> u64 {
        todo!()
    }
}
