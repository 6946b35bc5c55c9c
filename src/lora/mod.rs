//! The adapter as data: rank, alpha, targets; initialisation; ΔW; PEFT's layout on disk.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::path::Path;

use crate::weights::{LinearId, ModelConfig, Site, Weights};

/// Hugging Face row order: PEFT's, the disk's.
#[derive(Clone, Copy, Debug)]
pub struct Hf;
/// The row order of the base the engine computes on.
#[derive(Clone, Copy, Debug)]
pub struct Stored;

#[derive(Clone, Debug, PartialEq)]
pub struct LoraConfig {
    pub rank: usize,
    pub alpha: f64,
    pub dropout: f64,
    pub targets: Vec<Site>,
    pub rslora: bool,
}

impl LoraConfig {
    /// alpha / rank, or alpha / √rank with rsLoRA: the only place it is computed.
    pub fn scale(&self) -> f64 {
        todo!()
    }
}

/// A: `r × in`, B: `out × r`, row-major (PEFT's lora_A.weight, lora_B.weight).
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    pub a: Vec<f32>,
    pub b: Vec<f32>,
}

/// An adapter whose q/k rows lie in the order `O`: the two can't be mixed.
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
    #[error("{path}: {reason}")]
    Bad { path: String, reason: String },
}

impl Adapter<Hf> {
    /// A: Kaiming-uniform (a = √5) as PEFT, from `seed`; B: zero.
    pub fn fresh(_config: LoraConfig, _model: &ModelConfig, _seed: u64) -> Result<Self, LoraError> {
        todo!()
    }
    /// `adapter_config.json` + `adapter_model.safetensors`; shapes checked against the model.
    pub fn load(_folder: &Path, _model: &ModelConfig) -> Result<Self, LoraError> {
        todo!()
    }
    /// PEFT's layout; `base_name` is `base_model_name_or_path`.
    pub fn save(&self, _folder: &Path, _base_name: &str) -> Result<(), LoraError> {
        todo!()
    }
    /// B rows of q and k as the base's weights lie.
    pub fn to_stored(&self, _weights: &Weights) -> Adapter<Stored> {
        todo!()
    }
    /// B rows of q and k as ggml's llama architecture wants them (unchanged for other families): for export.
    pub fn to_ggml_rows(&self, _model: &ModelConfig) -> BTreeMap<LinearId, Pair> {
        todo!()
    }
}

impl Adapter<Stored> {
    pub fn to_hf(&self, _weights: &Weights) -> Adapter<Hf> {
        todo!()
    }
    /// scale · B · A for one linear, `out × in`, rows in the stored order. `None` where there is no pair.
    pub fn delta(&self, _id: LinearId) -> Option<Vec<f32>> {
        todo!()
    }
}

impl<O> Adapter<O> {
    pub fn trainable_params(&self) -> u64 {
        self.pairs.values().map(|p| (p.a.len() + p.b.len()) as u64).sum()
    }
}

/// HF rows of a q/k weight (`heads` of them, `cols` columns) to ggml's llama order, in place of `reshape(h,2,d/2).swapaxes(1,2)`.
pub fn permute_rows(_rows: &[f32], _heads: usize, _cols: usize) -> Vec<f32> {
    todo!()
}
/// The inverse of [`permute_rows`].
pub fn unpermute_rows(_rows: &[f32], _heads: usize, _cols: usize) -> Vec<f32> {
    todo!()
}
