//! The adapter: a pair of matrices for each linear layer that it reaches.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use super::LoraConfig;
use crate::weights::LinearId;

/// Hugging Face row order: PEFT's, the disk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hf;

/// The row order of the base the engine computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored;

/// The row order of a GGUF: llama's q and k rows permuted, every other family's as in Hugging Face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ggml;

/// The linears that an adapter reaches, with the rank of each one's pair.
pub type Ranks = BTreeMap<LinearId, usize>;

/// A: `r × in`, B: `out × r`, row-major (PEFT's `lora_A.weight`, `lora_B.weight`).
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub a: Vec<f32>,
    pub b: Vec<f32>,
}

/// An adapter whose q/k rows lie in the order `O`: orders can't be mixed.
#[derive(Clone, Debug, PartialEq)]
pub struct Adapter<O> {
    pub config: LoraConfig,
    pub pairs: BTreeMap<LinearId, Pair>,
    pub order: PhantomData<O>,
}

impl<O> Adapter<O> {
    pub(crate) fn from_pairs(config: LoraConfig, pairs: BTreeMap<LinearId, Pair>) -> Self {
        Self { config, pairs, order: PhantomData }
    }

    /// Elements of every A and B.
    pub fn trainable_params(&self) -> u64 {
        self.pairs.values().map(|p| (p.a.len() + p.b.len()) as u64).sum()
    }

    /// Whether the adapter changes nothing: of each pair A or B is zero.
    pub fn is_zero(&self) -> bool {
        let zero = |values: &[f32]| values.iter().all(|v| *v == 0.0);
        self.pairs.values().all(|p| zero(&p.a) || zero(&p.b))
    }

    pub fn ranks(&self) -> Ranks {
        self.pairs.keys().map(|id| (*id, self.rank_of(*id))).collect()
    }

    /// The rank of one pair.
    pub fn rank_of(&self, id: LinearId) -> usize {
        self.config.rank_of(id)
    }
}
