//! Families as rows of data; the one HF and GGUF name table; tensors mapped from safetensors or GGUF.

mod check_gguf;
mod config;
mod config_gguf;
mod config_hf;
mod family;
mod finite;
mod layout;
mod open;
mod rope;
mod safetensors;
mod spec;

pub use check_gguf::check_gguf;
pub use config::ModelConfig;
pub use family::{Activation, Family, LinearId, Norm, Site, families};
pub use layout::{gguf_name, hf_name, linear_of};
pub use open::Weights;
pub use rope::RopeScaling;
pub use spec::{AttentionSpec, BlockSpec, FeedForwardSpec, LinearSpec, ModelSpec, NormSpec, RopeSpec};

use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error("{}: the file was cut or extended while it was in use; restore it, then start again", path.display())]
    Changed { path: PathBuf },
    #[error("{}: {reason}", path.display())]
    Bad { path: PathBuf, reason: String },
    #[error("{}: the architecture {found:?} is not one tunesmith can train: {known}", path.display())]
    UnknownArchitecture { path: PathBuf, found: String, known: String },
    /// A known architecture with a feature that is not computed.
    #[error("{}: {feature}, which tunesmith can't train; {remedy}", path.display())]
    Unsupported { path: PathBuf, feature: String, remedy: String },
}

impl WeightsError {
    fn bad(path: &Path, reason: impl Into<String>) -> Self {
        Self::Bad { path: path.to_path_buf(), reason: reason.into() }
    }
}
