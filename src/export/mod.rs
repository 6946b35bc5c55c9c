//! Adapter to LoRA GGUF; base + adapter to merged GGUF or safetensors; requantised; a plan before the first byte.

use std::path::{Path, PathBuf};

use crate::lora::{Adapter, Hf};
use crate::store::Digest;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quant {
    /// The base's own types; below 8 bit touched tensors become Q8_0 unless the floor is `Same`.
    Keep,
    F16,
    Bf16,
    Q8_0,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    #[default]
    Q8_0,
    Same,
}

#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Ops(#[from] crate::ops::OpsError),
    #[error("not enough room in {}: {needed} bytes are needed, {free} are free", folder.display())]
    Disk { folder: PathBuf, needed: u64, free: u64 },
    #[error("{0}")]
    Other(String),
}

/// One touched tensor: slope of the realised on the intended ΔW, its standard error, and the residual over the type's rounding noise.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Survival {
    pub tensor: String,
    pub from: String,
    pub to: String,
    pub dithered: bool,
    pub slope: f64,
    pub standard_error: f64,
    pub relative_delta: f64,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Exported {
    pub path: PathBuf,
    pub digest: Digest,
    pub bytes: u64,
    pub survival: Vec<Survival>,
}

#[allow(missing_debug_implementations)]
pub struct Request<'a> {
    pub weights: &'a Weights,
    pub tokenizer: &'a Tokenizer,
    pub chat_template: Option<&'a str>,
    pub adapter: &'a Adapter<Hf>,
    /// `tunesmith.*` keys.
    pub lineage: &'a [(String, String)],
    pub seed: u64,
    pub output: &'a Path,
}

pub fn merged_gguf(_request: &Request<'_>, _quant: Quant, _floor: Floor, _progress: &mut dyn FnMut(usize, usize)) -> Result<Exported, ExportError> {
    todo!()
}

pub fn adapter_gguf(_request: &Request<'_>) -> Result<Exported, ExportError> {
    todo!()
}

/// `config.json`, safetensors shards, tokenizer files.
pub fn merged_hf(_request: &Request<'_>, _progress: &mut dyn FnMut(usize, usize)) -> Result<Exported, ExportError> {
    todo!()
}
