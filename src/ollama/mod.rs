//! The client: one `call`, one `stream`; wire types; capabilities by version; the on-disk store (read only).

mod ask;
mod client;
mod error;
mod host;
mod lines;
mod name;
mod parameters;
mod shelf;
mod show;
mod stored;
mod transport;
mod upload;
mod version;
pub mod wire;

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod stored_tests;
#[cfg(test)]
mod test_server;

pub use client::{Client, MOST_PARALLEL};
pub use error::OllamaError;
pub use host::Host;
pub use name::ModelName;
pub use shelf::MAX_LAYER_TEXT;
pub use show::architecture;
pub use stored::{StoredModel, resolve, store_roots, stored_names};
pub use version::{Capabilities, Version};
pub use wire::CalledFunction;

use std::time::Duration;

use crate::chat::Message;
use crate::store::Digest;

/// Options of generate and chat; every one explicit. Serialised under Ollama's names.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Options {
    pub temperature: f64,
    pub seed: i64,
    pub top_k: i64,
    pub top_p: f64,
    pub min_p: f64,
    pub repeat_penalty: f64,
    pub presence_penalty: f64,
    pub frequency_penalty: f64,
    /// -1 = until the model ends.
    pub num_predict: i64,
    pub num_ctx: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_thread: Option<u64>,
    /// Empty = the model's own.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub stop: Vec<String>,
    /// Others of Ollama's (`num_gpu`, `repeat_last_n` …), as they are.
    #[serde(flatten)]
    pub extra: serde_json::Map<String, serde_json::Value>,
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
    /// A number of seconds (`-1` = for ever) or a Go duration (`5m`).
    pub keep_alive: Option<String>,
    /// None = as the daemon likes (thinking models think).
    pub think: Option<bool>,
    /// Descriptions of the tools that the model may call; only [`Prompt::Chat`] has a place for them.
    pub tools: Vec<serde_json::Value>,
}

/// Vectors of texts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// One per text, of length 1.
    pub vectors: Vec<Vec<f32>>,
    /// That were fed, of all texts together; 0 where the daemon does not say.
    pub tokens: u64,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TokenLogprob {
    pub token: String,
    pub bytes: Vec<u8>,
    pub logprob: f64,
    pub top: Vec<(Vec<u8>, f64)>,
}

/// The option with which the embedded server is asked to compute an answer by another implementation than the native engine.
pub const ENGINE_OPTION: &str = "engine";
/// That implementation: candle-transformers' quantised models.
pub const SECOND_ENGINE: &str = "candle-transformers";

/// An answer; `done` false: its stream ended early, cut by the transport, or by a daemon that gave up on it (a loop, bytes
/// that are no UTF-8). The two look alike.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub text: String,
    pub thinking: String,
    pub tool_calls: Vec<CalledFunction>,
    pub done: bool,
    /// `stop`, `length`, `load`, `unload`.
    pub done_reason: String,
    /// Ids of prompt and answer (not for raw and chat; going away).
    pub context: Option<Vec<u32>>,
    pub logprobs: Vec<TokenLogprob>,
    pub prompt_eval_count: u64,
    pub eval_count: u64,
    pub total: Duration,
    pub load: Duration,
    pub prompt_eval: Duration,
    pub eval: Duration,
    /// Which implementation computed it; only the embedded server says it.
    pub engine: String,
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
    /// The blob behind the model, a path on the daemon's machine (the Modelfile's FROM).
    pub from: String,
    /// The Modelfile's ADAPTER paths.
    pub adapters: Vec<String>,
    pub family: String,
    pub quantization: String,
    /// `gguf` or `safetensors`.
    pub format: String,
    /// Set for a model that runs elsewhere.
    pub remote_host: Option<String>,
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

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub name: String,
    /// SHA-256 of the manifest file, hexadecimal.
    pub digest: String,
    pub size: u64,
    pub family: String,
    pub parameter_size: String,
    pub quantization: String,
}
