//! Does the daemon serve what was trained? Three legs, each gates: prompt, exported ≡ trained, served ≡ exported.
//!
//! The limits are those of DESIGN §7, measured with SmolLM2-135M-Instruct under Ollama 0.34.4; `docs/parity.md` has
//! our own measurements.

mod divergence;
mod exported;
mod probes;
mod prompt;
mod served;
mod vocabulary;

use std::path::Path;

use crate::base::Base;
use crate::chat::Message;
use crate::lora::{Adapter, Hf};
use crate::model::Model;
use crate::ollama::{Client, SECOND_ENGINE};
use crate::store::{Digest, Interrupt};

/// One leg of a proof.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Leg {
    pub name: String,
    pub passed: bool,
    /// What was measured, one line.
    pub summary: String,
    /// What failed: the tensor or probe, and its numbers.
    pub faults: Vec<String>,
    pub numbers: serde_json::Map<String, serde_json::Value>,
}

impl Leg {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            passed: true,
            summary: String::new(),
            faults: Vec::new(),
            numbers: serde_json::Map::new(),
        }
    }

    fn fault(&mut self, what: String) {
        self.passed = false;
        self.faults.push(what);
    }

    fn number(&mut self, name: &str, value: f64) {
        self.numbers.insert(name.to_owned(), serde_json::json!(value));
    }
}

/// What `proof.json` holds.
#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Proof {
    pub model: String,
    /// `proved`, or `self-check` against the embedded server, which is no Ollama.
    pub kind: String,
    pub passed: bool,
    pub legs: Vec<Leg>,
    pub daemon_version: String,
    pub exported: Digest,
    pub probes: usize,
    pub seed: u64,
}

impl Proof {
    /// The first fault, for the line that ends a failed way.
    pub fn first_fault(&self) -> Option<String> {
        let leg = self.legs.iter().find(|l| !l.passed)?;
        Some(format!("leg {}: {}", leg.name, leg.faults.first().map_or(leg.summary.as_str(), String::as_str)))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    #[error(transparent)]
    Ollama(#[from] crate::ollama::OllamaError),
    #[error(transparent)]
    Chat(#[from] crate::chat::ChatError),
    #[error(transparent)]
    Tokenizer(#[from] crate::tokenizer::TokenizerError),
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    #[error(transparent)]
    Weights(#[from] crate::weights::WeightsError),
    #[error(transparent)]
    Gguf(#[from] crate::gguf::GgufError),
    #[error(transparent)]
    Export(#[from] crate::export::ExportError),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("interrupted")]
    Interrupted,
    #[error(
        "the embedded server computed the probes by {found:?}, not by {SECOND_ENGINE}: a self-check needs another implementation than the native engine; end that server and start the one of this version"
    )]
    NoSecondOpinion { found: String },
    #[error("{0} is not registered: register it before proving it")]
    NotRegistered(String),
}

/// What is to be proved.
#[derive(Debug)]
pub struct Request<'a> {
    pub client: &'a Client,
    /// The registered candidate.
    pub model: &'a str,
    pub base: &'a Base,
    pub adapter: &'a Adapter<Hf>,
    /// The merged GGUF (or adapter GGUF) that was uploaded.
    pub exported: &'a Path,
    /// SYSTEM of the registered model, which the daemon puts before conversations that have none.
    pub system: Option<&'a str>,
    /// Conversations of the training set: their rendering is compared, and their prompts are among the probes.
    pub sample: &'a [Vec<Message>],
    pub probes: usize,
    /// `num_thread` as the user set it.
    pub num_thread: Option<u64>,
    /// Threads of the native forward; 0 = all cores.
    pub threads: usize,
    pub seed: u64,
    /// Context of the registered model: longer conversations are not put to it.
    pub num_ctx: usize,
    pub interrupt: Interrupt,
}

impl Request<'_> {
    fn check_interrupt(&self) -> Result<(), ProofError> {
        if self.interrupt.raised() { Err(ProofError::Interrupted) } else { Ok(()) }
    }
}

/// Runs the three legs; a leg that fails does not stop the others. `progress(leg, done, total)`.
pub fn prove(request: &Request<'_>, progress: &mut dyn FnMut(&str, usize, usize)) -> Result<Proof, ProofError> {
    let version = request.client.capabilities()?.version;
    let digest = Digest::of_file(request.exported)?;
    let show =
        request.client.show(request.model)?.ok_or_else(|| ProofError::NotRegistered(request.model.to_owned()))?;
    let mut legs = vec![prompt::leg(request, progress)?];

    let probes = probes::make(request)?;
    let embedded = version.is_embedded_server();
    let answers = served::ask(request, &probes, embedded, progress)?;
    request.check_interrupt()?;

    // One resident model at a time: the exported one first, then the base with and without the adapter.
    let file = exported::open(request.exported)?;
    let adapter = request.adapter.to_stored(&request.base.weights);
    let exported_rows = match &file {
        exported::File::Merged(weights) => {
            let model = Model::new(weights, request.threads)?;
            Some(served::forward(&model, None, &answers)?)
        }
        exported::File::Adapter => None,
    };
    request.check_interrupt()?;
    let (tuned_rows, base_rows) = {
        let model = Model::new(&request.base.weights, request.threads)?;
        let tuned = served::forward(&model, Some(&adapter), &answers)?;
        request.check_interrupt()?;
        (tuned, served::forward(&model, None, &answers)?)
    };

    let reference = exported_rows.as_ref().unwrap_or(&tuned_rows);
    let rows = exported::Distributions { tuned: &tuned_rows, exported: reference, base: &base_rows };
    legs.push(exported::leg(request, &file, rows)?);
    let by = if embedded { format!("; its log-probabilities are {SECOND_ENGINE}'s") } else { String::new() };
    let served = served::Served { show: &show, digest, answers: &answers, reference, by: &by };
    legs.push(served::leg(request, &file, &served)?);
    let kind = if embedded { "self-check" } else { "proved" };
    Ok(Proof {
        model: request.model.to_owned(),
        kind: kind.to_owned(),
        passed: legs.iter().all(|l| l.passed),
        legs,
        daemon_version: version.text,
        exported: digest,
        probes: probes.len(),
        seed: request.seed,
    })
}
