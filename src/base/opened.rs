//! A base, opened: everything a run needs of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::chat::{ChatError, ChatTemplate};
use crate::store::{Digest, Identity, Inputs};
use crate::tokenizer::Tokenizer;
use crate::weights::Weights;

/// What Ollama uses for a base instead of the chat template of its file.
#[derive(Debug)]
pub enum ServedOtherwise {
    /// A renderer of its own, which can't be compared.
    Renderer(String),
    /// A TEMPLATE that renders another prompt.
    Differs(ChatError),
}

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

/// A base, opened: everything a run needs of it.
#[derive(Debug)]
pub struct Base {
    pub name: String,
    /// The Hugging Face id, where the base is a snapshot of the hub's cache.
    pub hub_id: Option<String>,
    pub source: Source,
    pub weights: Weights,
    pub tokenizer: Tokenizer,
    pub template: ChatTemplate,
    /// Digest of the GGUF file, or of the folder's weight files.
    pub(super) weights_digest: Arc<OnceLock<Digest>>,
    /// The parts of the identity that were read from files when the base was opened.
    pub(super) files: Identity,
    /// What the store's model says beside its weights (Go template, parameters, system, licence).
    pub go_template: Option<String>,
    pub parameters: Vec<(String, String)>,
    pub system: Option<String>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
    /// Turns that Ollama puts before every conversation (MESSAGE): role and content.
    pub messages: Vec<(String, String)>,
}

impl Base {
    /// How to name this base so that it is found from any working folder: its Hugging Face id, its name in Ollama, or
    /// its absolute path.
    pub fn reference(&self) -> String {
        match (&self.hub_id, &self.source) {
            (Some(id), _) => id.clone(),
            (None, Source::Ollama { name, .. }) => name.clone(),
            (None, Source::HfFolder(path) | Source::GgufFile(path)) => {
                let absolute = std::fs::canonicalize(path).or_else(|_| std::path::absolute(path));
                absolute.unwrap_or_else(|_| path.clone()).display().to_string()
            }
        }
    }

    /// The files that it was opened from, for commands that write: none of them may be the output.
    pub fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::default();
        let (Source::HfFolder(path) | Source::GgufFile(path) | Source::Ollama { gguf: path, .. }) = &self.source;
        inputs.add("the base", path);
        inputs
    }

    /// Whether Ollama renders this base's own TEMPLATE as training renders examples; true where there is none.
    pub fn is_served_as_trained(&self) -> bool {
        self.served_otherwise().is_none()
    }

    /// What Ollama uses for this base instead of the chat template of its file, which the tune is trained and served with.
    pub fn served_otherwise(&self) -> Option<ServedOtherwise> {
        if let Some(renderer) = &self.renderer {
            return Some(ServedOtherwise::Renderer(renderer.clone()));
        }
        self.template.verify_go(self.go_template.as_ref()?).err().map(ServedOtherwise::Differs)
    }

    /// SHA-256 of the GGUF file (the name of its blob in Ollama's store), or [`Digest::of_parts`] of the folder's weight
    /// files: known from the store, or computed at the first call.
    pub fn weights_digest(&self) -> Digest {
        *self.weights_digest.get_or_init(|| files_digest(&self.weights))
    }
}

/// Starts to compute the digest on a thread of its own.
pub(super) fn begin_digest(digest: &Arc<OnceLock<Digest>>, weights: &Weights) {
    if digest.get().is_none() {
        let (digest, weights) = (digest.clone(), weights.clone());
        let compute = move || {
            digest.get_or_init(|| files_digest(&weights));
        };
        // Where no thread can be started it is computed when it is asked for.
        drop(std::thread::Builder::new().name("digest".to_owned()).spawn(compute));
    }
}

/// Of a GGUF the file's own digest, by which Ollama's store knows it; of a folder that of its parts.
fn files_digest(weights: &Weights) -> Digest {
    if let Some(gguf) = weights.gguf() {
        return Digest::of_bytes(gguf.file());
    }
    let named = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files: Vec<_> = weights.files().into_iter().map(|(path, bytes)| (named(path), bytes)).collect();
    Digest::of_parts(files.iter().map(|(name, bytes)| (name.as_str(), *bytes)))
}
