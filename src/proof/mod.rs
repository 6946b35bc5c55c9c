//! Does the daemon serve what was trained? Three legs: prompt, exported ≡ trained, served ≡ exported (DESIGN §7).

use crate::base::Base;
use crate::lora::{Adapter, Hf};
use crate::ollama::Client;

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    pub name: String,
    pub passed: bool,
    /// What failed or what was measured, one line.
    pub summary: String,
    /// Faults: the tensor or probe and its numbers.
    pub faults: Vec<String>,
    pub numbers: serde_json::Map<String, serde_json::Value>,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    pub model: String,
    /// `proved` or `self-check` (embedded server).
    pub kind: String,
    pub passed: bool,
    pub legs: Vec<Leg>,
    pub daemon_version: String,
    pub seed: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error(transparent)]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error("{0}")]
    Other(String),
}

#[allow(missing_debug_implementations)]
pub struct Request<'a> {
    pub client: &'a Client,
    /// The registered candidate.
    pub model: &'a str,
    pub base: &'a Base,
    pub adapter: &'a Adapter<Hf>,
    /// The exported merged GGUF (or adapter GGUF) that was uploaded.
    pub exported: &'a std::path::Path,
    pub go_template: &'a str,
    /// Conversations of the training set whose rendering is compared too.
    pub sample: &'a [Vec<crate::chat::Message>],
    pub probes: usize,
    pub num_thread: Option<u64>,
    pub threads: usize,
    pub seed: u64,
    pub embedded: bool,
    pub interrupt: crate::store::Interrupt,
}

pub fn prove(_request: &Request<'_>, _progress: &mut dyn FnMut(&str, usize, usize)) -> Result<Proof, ProofError> {
    todo!()
}
