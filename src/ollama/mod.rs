//! The client: one `call`, one `stream`; wire types; capabilities by version; the on-disk store (read only).

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chat::Message;
use crate::store::{Digest, Interrupt};

#[derive(Debug, thiserror::Error)]
pub enum OllamaError {
    #[error("no Ollama daemon answers at {host}: {reason}\n  start it with `ollama serve`, or give --ollama-host")]
    Unreachable { host: String, reason: String },
    #[error("Ollama {found} at {host} is too old: 0.12.11 or newer is needed (its log-probabilities are the proof)")]
    TooOld { host: String, found: String },
    /// The daemon's own words, with the request they answer and the HTTP status (200 for an error line of a stream).
    #[error("{request}: Ollama said ({status}): {message}")]
    Said { request: String, status: u16, message: String },
    #[error("{request}: the answer broke off: {reason}")]
    Torn { request: String, reason: String },
    #[error("the model {0:?} is not in the daemon's store: `ollama pull {0}` gets it")]
    NoModel(String),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error("{0}")]
    Other(String),
}

/// Where the daemon is: `--ollama-host`, else `OLLAMA_HOST`, parsed as Ollama's `envconfig.Host` does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    pub scheme: String,
    pub host: String,
    pub port: u16,
}

impl Host {
    pub fn parse(_text: &str) -> Result<Self, OllamaError> {
        todo!()
    }
    pub fn is_loopback(&self) -> bool {
        todo!()
    }
}

/// Options of generate and chat; every one explicit. Serialised under Ollama's names.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    pub temperature: f64,
    pub seed: i64,
    pub top_k: i64,
    pub top_p: f64,
    pub min_p: f64,
    pub repeat_penalty: f64,
    pub num_predict: i64,
    pub num_ctx: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_thread: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stop: Vec<String>,
}

#[derive(Clone, Debug)]
pub enum Prompt {
    /// `/api/generate`, `raw: true`.
    Raw(String),
    /// `/api/generate` through the model's template.
    Templated(String),
    /// `/api/chat`.
    Chat(Vec<Message>),
}

#[derive(Clone, Debug)]
pub struct Ask {
    pub model: String,
    pub prompt: Prompt,
    pub options: Options,
    /// 0 = no log-probabilities, else top_logprobs ≤ 20.
    pub top_logprobs: u8,
    pub format: Option<serde_json::Value>,
    pub keep_alive: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    pub token: String,
    pub bytes: Vec<u8>,
    pub logprob: f64,
    pub top: Vec<(Vec<u8>, f64)>,
}

/// A finished answer; `done` false means the daemon cut it (loop, invalid UTF-8): a degenerate answer.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub text: String,
    pub thinking: String,
    pub done: bool,
    pub done_reason: String,
    pub context: Option<Vec<u32>>,
    pub logprobs: Vec<TokenLogprob>,
    pub prompt_eval_count: u64,
    pub eval_count: u64,
    pub total: Duration,
    pub load: Duration,
    pub prompt_eval: Duration,
    pub eval: Duration,
}

/// `/api/show`, what we use of it.
#[derive(Clone, Debug, Default)]
pub struct Show {
    pub modelfile: String,
    pub template: String,
    pub system: String,
    pub parameters: Vec<(String, String)>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
    pub family: String,
    pub quantization: String,
    pub capabilities: Vec<String>,
    pub model_info: serde_json::Map<String, serde_json::Value>,
}

/// `/api/create`, what we send.
#[derive(Clone, Debug, Default)]
pub struct Create {
    pub model: String,
    pub from: Option<String>,
    pub files: Vec<(String, Digest)>,
    pub adapters: Vec<(String, Digest)>,
    pub template: Option<String>,
    pub system: Option<String>,
    /// JSON values, typed as Ollama wants them (`stop`: array).
    pub parameters: serde_json::Map<String, serde_json::Value>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    pub major: u64,
    pub minor: u64,
    pub patch: u64,
    pub text: String,
}

/// What a daemon of this version can do.
#[derive(Clone, Debug)]
pub struct Capabilities {
    pub version: Version,
    pub lora_adapters: bool,
    pub rewrites_gguf: bool,
}

#[derive(Clone, Debug)]
pub struct Tag {
    pub name: String,
    /// SHA-256 of the manifest file, hexadecimal.
    pub digest: String,
    pub size: u64,
    pub family: String,
    pub parameter_size: String,
    pub quantization: String,
}

/// Blocking client (its runtime is inside); every call can be interrupted.
#[derive(Debug)]
pub struct Client(());

impl Client {
    pub fn new(_host: Host, _interrupt: Interrupt) -> Result<Self, OllamaError> {
        todo!()
    }
    pub fn host(&self) -> &Host {
        todo!()
    }
    /// `/api/version`; 0.0.0 (self-built) is probed, older than 0.12.11 refused.
    pub fn capabilities(&self) -> Result<Capabilities, OllamaError> {
        todo!()
    }
    pub fn tags(&self) -> Result<Vec<Tag>, OllamaError> {
        todo!()
    }
    /// None when the model does not exist.
    pub fn show(&self, _model: &str) -> Result<Option<Show>, OllamaError> {
        todo!()
    }
    /// Uploads unless it is there; `progress(sent, total)`.
    pub fn upload(&self, _path: &Path, _digest: Digest, _progress: &mut dyn FnMut(u64, u64)) -> Result<(), OllamaError> {
        todo!()
    }
    /// Requires the success line; `status` receives each status line.
    pub fn create(&self, _create: &Create, _status: &mut dyn FnMut(&str)) -> Result<(), OllamaError> {
        todo!()
    }
    pub fn copy(&self, _from: &str, _to: &str) -> Result<(), OllamaError> {
        todo!()
    }
    pub fn delete(&self, _model: &str) -> Result<(), OllamaError> {
        todo!()
    }
    pub fn pull(&self, _model: &str, _progress: &mut dyn FnMut(&str, u64, u64)) -> Result<(), OllamaError> {
        todo!()
    }
    /// Streams; `on_text` receives each piece.
    pub fn ask(&self, _ask: &Ask, _on_text: &mut dyn FnMut(&str)) -> Result<Answer, OllamaError> {
        todo!()
    }
    /// The exact prompt text the daemon would feed (`_debug_render_only`).
    pub fn rendered(&self, _ask: &Ask) -> Result<String, OllamaError> {
        todo!()
    }
    pub fn embed(&self, _model: &str, _texts: &[String]) -> Result<Vec<Vec<f32>>, OllamaError> {
        todo!()
    }
    /// `keep_alive: 0`.
    pub fn unload(&self, _model: &str) -> Result<(), OllamaError> {
        todo!()
    }
}

/// A model in Ollama's store on this machine: its manifest's layers resolved to files.
#[derive(Clone, Debug, Default)]
pub struct StoredModel {
    pub name: String,
    pub gguf: PathBuf,
    pub gguf_digest: Option<Digest>,
    pub adapters: Vec<PathBuf>,
    pub template: Option<String>,
    pub system: Option<String>,
    /// As text, `stop` repeated.
    pub parameters: Vec<(String, String)>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
}

/// `$OLLAMA_MODELS`, else `~/.ollama/models`, else the Linux service's; those that exist. `env` is passed in.
pub fn store_roots(_ollama_models: Option<&str>, _home: Option<&Path>) -> Vec<PathBuf> {
    todo!()
}

/// Resolves a name in a store's root; None when there is no such manifest.
pub fn resolve(_root: &Path, _name: &str) -> Result<Option<StoredModel>, OllamaError> {
    todo!()
}
