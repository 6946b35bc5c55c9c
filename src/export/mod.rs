//! Adapter to LoRA GGUF; base + adapter to merged GGUF or safetensors; requantised; a plan before the first byte.

mod adapter;
mod carried;
mod control;
mod folder;
mod gain;
mod item;
mod merged;
mod metadata;
mod plan;
mod rounding;
mod rows;
mod shards;
mod statistics;
mod survival;
mod tensor;
#[cfg(test)]
mod tests;
mod types;
mod verify;

pub use adapter::adapter_gguf;
pub use control::{TuneFile, control_adapter, control_gguf};
pub use folder::{is_written, merged_hf};
pub use merged::{merged_gguf, plan_gguf};
pub use plan::free_disk;
pub use survival::{Rounding, Survival};
pub use verify::{Verification, verify};

use std::path::{Path, PathBuf};

use crate::lora::{Adapter, Hf};
use crate::store::{Digest, Interrupt};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// The version of the rounding rule: a file of another one is exported anew.
pub const ROUNDING: u32 = 2;

/// The type of what is written.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Quant {
    /// The base's own types; below 8 bit touched tensors become Q8_0 unless the floor is `Same`.
    Keep,
    F32,
    F16,
    Bf16,
    Q8_0,
}

/// The narrowest type that `Quant::Keep` gives to a touched tensor.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Default,
    serde::Serialize,
    serde::Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// Not transparent: the error stays in the chain, with its remedy.
    #[error("{0}")]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Overwrite(#[from] crate::store::OverwriteError),
    /// A value that the target type can't hold, or a shape that it can't.
    #[error("{tensor}: {source}")]
    Encode { tensor: String, source: crate::ops::OpsError },
    #[error("{tensor}: {what} holds {value} at row {row}, column {column}: {remedy}")]
    NotFinite { tensor: String, what: &'static str, value: f32, row: usize, column: usize, remedy: &'static str },
    #[error("not enough room in {}: {needed} bytes are needed, {free} are free; free some, or give another --output", folder.display())]
    Disk { folder: PathBuf, needed: u64, free: u64 },
    #[error("interrupted; nothing was left behind")]
    Interrupted,
    #[error("{0}")]
    Other(String),
}

/// One tensor of an exported file, held against base + adapter.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Check {
    pub tensor: String,
    /// Where the adapter touches it.
    pub survival: Option<Survival>,
    /// What is wrong, in words with the tensor's name and the numbers.
    pub fault: Option<String>,
}

/// A file (or folder) that was written whole.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Exported {
    pub path: PathBuf,
    /// Of the file; of the weight files' digests in order for a folder.
    pub digest: Digest,
    pub bytes: u64,
    pub survival: Vec<Survival>,
}

/// What to export, and where to.
#[derive(Debug)]
pub struct Request<'a> {
    pub weights: &'a Weights,
    pub tokenizer: &'a Tokenizer,
    pub chat_template: Option<&'a str>,
    pub adapter: &'a Adapter<Hf>,
    /// `tunesmith.*` keys.
    pub lineage: &'a [(String, String)],
    pub seed: u64,
    /// The file; the folder for [`merged_hf`].
    pub output: &'a Path,
    pub interrupt: Interrupt,
}

impl Request<'_> {
    /// The base that is mapped for reading is not written over, whoever calls.
    fn check_output(&self) -> Result<(), ExportError> {
        let mut inputs = crate::store::Inputs::default();
        self.weights.files().iter().for_each(|(path, _)| {
            inputs.add("the base", path);
        });
        inputs.add("the base", self.weights.path());
        Ok(inputs.refuse_overwrite(self.output)?)
    }
}

/// What an export will take, said before its first byte.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Plan {
    /// Of the finished file or folder.
    pub bytes: u64,
    /// The most memory it takes beside the mapped base.
    pub memory: u64,
}
