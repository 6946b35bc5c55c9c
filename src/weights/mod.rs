//! Families as rows of data; the one HF and GGUF name table; tensors mapped from safetensors or GGUF.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::gguf::Gguf;
use crate::ops::WeightRef;

/// The seven linear layers of a decoder block, in PEFT's names (`q_proj` …).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Site {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Site {
    pub const ALL: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// `q_proj` …
    pub fn module(self) -> &'static str {
        todo!()
    }
    pub fn from_module(_name: &str) -> Option<Self> {
        todo!()
    }
    /// `self_attn.q_proj` … inside `model.layers.N.`
    pub fn hf(self) -> &'static str {
        todo!()
    }
    /// `attn_q` … inside `blk.N.`
    pub fn gguf(self) -> &'static str {
        todo!()
    }
}

/// One linear layer of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinearId {
    pub layer: usize,
    pub site: Site,
}

/// What distinguishes an architecture, as data.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// `general.architecture`
    pub gguf: &'static str,
    /// `architectures[0]` of config.json
    pub hf: &'static [&'static str],
    pub qkv_bias: bool,
    pub qk_norm: bool,
    /// ggml stores q/k rows permuted.
    pub permuted_qk: bool,
}

/// The shape of one model. All lengths in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub family: &'static Family,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub ff: usize,
    pub vocab: usize,
    pub rms_eps: f32,
    pub rope_theta: f32,
    /// Divisors of the rotary frequencies, head_dim/2 of them (Llama 3's scaling), if any.
    pub rope_factors: Option<Vec<f32>>,
    pub context: usize,
    /// The head is the embedding.
    pub tied: bool,
}

impl ModelConfig {
    /// (rows = out, cols = in) of a linear layer.
    pub fn shape(&self, _site: Site) -> (usize, usize) {
        todo!()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error("{}: {reason}", path.display())]
    Bad { path: PathBuf, reason: String },
    #[error("{}: the architecture {found:?} is not one tunesmith can train: {known}", path.display())]
    UnknownArchitecture { path: PathBuf, found: String, known: String },
}

/// The norms of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Norm {
    Attn,
    Ffn,
    Q,
    K,
    Output,
}

/// A model's tensors, mapped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Weights(Arc<()>);

impl Weights {
    pub fn from_gguf(_gguf: Gguf) -> Result<Self, WeightsError> {
        todo!()
    }
    /// `config.json` + `model.safetensors` or its shards.
    pub fn from_hf(_folder: &Path) -> Result<Self, WeightsError> {
        todo!()
    }
    pub fn config(&self) -> &ModelConfig {
        todo!()
    }
    /// The GGUF the tensors lie in, if they do.
    pub fn gguf(&self) -> Option<&Gguf> {
        todo!()
    }
    pub fn linear(&self, _id: LinearId) -> WeightRef<'_> {
        todo!()
    }
    /// f32, in the order of the linear's rows.
    pub fn bias(&self, _id: LinearId) -> Option<Vec<f32>> {
        todo!()
    }
    /// f32; `layer` is ignored for `Output`.
    pub fn norm(&self, _layer: usize, _norm: Norm) -> Option<Vec<f32>> {
        todo!()
    }
    pub fn embedding(&self) -> WeightRef<'_> {
        todo!()
    }
    /// The embedding when tied.
    pub fn head(&self) -> WeightRef<'_> {
        todo!()
    }
    /// Every tensor of the file in GGUF names, with its bytes: what export copies.
    pub fn tensor_names(&self) -> Vec<String> {
        todo!()
    }
    pub fn parameters(&self) -> u64 {
        todo!()
    }
    /// Refuses NaN and Inf, naming tensor and index; reads everything once.
    pub fn check_finite(&self) -> Result<(), WeightsError> {
        todo!()
    }
}
