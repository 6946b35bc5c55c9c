//! The adapter as data: rank, alpha, targets; initialisation; ΔW; PEFT's layout on disk.

mod config;
mod delta;
mod disk;
mod init;
mod mlx;
mod order;
mod origin;
mod pattern;
mod peft;
mod targets;
#[cfg(test)]
pub(crate) mod tests;

pub use disk::{Floats, base_name, save_floats};
pub use order::{b_in_hf, ggml_row_of_hf, hf_row_of_ggml, permute_rows, unpermute_rows};
pub use origin::{ORIGIN, Origin, weights_in_manifest};
pub use pattern::Pattern;
pub use targets::{TargetModules, module};

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::weights::{LinearId, Site};

/// Hugging Face row order: PEFT's, the disk's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hf;
/// The row order of the base the engine computes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored;
/// The row order of a GGUF: llama's q and k rows permuted, every other family's as in Hugging Face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ggml;

/// What an adapter is made with, in PEFT's words. [`LoraConfig::scale_of`] turns alpha into a factor.
#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    /// Probability that an input of A is dropped in training.
    pub dropout: f64,
    pub targets: TargetModules,
    /// Only these layers; None: all.
    pub layers_to_transform: Option<Vec<usize>>,
    /// Ranks of some modules that differ from `rank`.
    pub rank_pattern: Pattern,
    /// Alphas of some modules that differ from `alpha`.
    pub alpha_pattern: Pattern,
    /// The scale is alpha / √rank.
    pub rslora: bool,
}

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

#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file of the adapter that is torn, of the wrong shape, or not finite.
    #[error("{path}: {reason}")]
    Bad { path: String, reason: String },
    /// A feature of PEFT that would change the arithmetic and that tunesmith does not compute.
    #[error("{path}: the adapter uses {field}: tunesmith trains and exports plain LoRA; {remedy}")]
    Unsupported { path: String, field: String, remedy: &'static str },
    /// A name that was asked for and that the base does not have; `known` are the paths that it could have matched.
    #[error("{key}: {said:?} matches no linear layer{}: use \"all-linear\" or {}", of(key), short(known))]
    NoTarget { key: &'static str, said: String, known: Vec<String> },
    /// What was asked for makes no adapter.
    #[error("{0}")]
    Config(String),
}

fn of(key: &str) -> &'static str {
    if key == "target_modules" { " of the base's blocks" } else { " that target_modules chose" }
}

/// The last names of the paths, each once.
fn short(paths: &[String]) -> String {
    let known = Site::ALL.iter().map(|s| s.module());
    known.filter(|name| paths.iter().any(|p| targets::names(name, p))).collect::<Vec<_>>().join(", ")
}

impl<O> Adapter<O> {
    pub(crate) fn from_pairs(config: LoraConfig, pairs: BTreeMap<LinearId, Pair>) -> Self {
        Self { config, pairs, order: PhantomData }
    }

    /// Elements of every A and B.
    pub fn trainable_params(&self) -> u64 {
        self.pairs.values().map(|p| (p.a.len() + p.b.len()) as u64).sum()
    }

    /// Whether the adapter changes nothing: every B is zero.
    pub fn is_zero(&self) -> bool {
        self.pairs.values().all(|p| p.b.iter().all(|v| *v == 0.0))
    }
}
