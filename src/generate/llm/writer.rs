//! Who writes, judges and rates: traits; `commands` answers them with a daemon or the native engine, tests with tables.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::chat::Message;
use crate::store::Interrupt;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One call, as it is sent: without truncation, context shift and thinking, with `repeat_penalty` 1.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WriteRequest {
    pub messages: Vec<Message>,
    /// Ollama's `format`.
    pub schema: Value,
    /// `num_predict`.
    pub max_tokens: u64,
    pub seed: u32,
    pub temperature: f64,
    /// The same in all calls of a run: another value makes the daemon load the model again.
    pub num_ctx: u64,
    /// How many alternatives of each token are wanted; 0: none.
    pub top_logprobs: u8,
}

/// A token that was possible, with its log-probability in nats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    pub token: String,
    pub logprob: f64,
}

/// A generated token with its alternatives, itself among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    pub token: String,
    pub alternatives: Vec<Alternative>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Written {
    pub text: String,
    pub done: bool,
    /// `stop`, `length` …
    pub done_reason: String,
    pub prompt_tokens: u64,
    pub tokens: u64,
    /// Without loading the model.
    pub seconds: f64,
    /// Empty unless [`WriteRequest::top_logprobs`] asks for them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logprobs: Vec<Token>,
}

#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// This call failed, others may not (HTTP 500, a prompt longer than `num_ctx`).
    #[error("the call failed: {reason}")]
    Failed { reason: String },
    /// No further call has a chance (daemon gone, model missing, request refused).
    #[error("the model cannot be asked any more")]
    Stopped(#[source] Cause),
}

/// A model that writes by a schema.
pub trait Writer {
    fn write(&self, request: &WriteRequest) -> Result<Written, WriterError>;

    /// Sends several calls. Calls `on` with the index of the request and its result, in the order in which the results
    /// arrive; once it returns false, no further request is sent. The default sends one after the other.
    fn write_many(&self, requests: &[&WriteRequest], on: &mut dyn FnMut(usize, Result<Written, WriterError>) -> bool) {
        for (index, request) in requests.iter().enumerate() {
            if !on(index, self.write(request)) {
                return;
            }
        }
    }

    /// All that an answer depends on but the request: model digest, daemon version, constant options.
    fn identity(&self) -> String;
}

/// How the log-probability of a reply says whether the unit supports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LikelihoodMeasure {
    /// log P(reply | unit, question) − log P(reply | question), per token: of an exact engine.
    Lift,
    /// log P(reply | unit, question) per byte: through a daemon, whose value is a loose bound.
    PerByte,
}

/// A model that rates given answers.
pub trait Likelihood {
    /// log P(answer | messages) in nats per token, or per byte (see [`LikelihoodMeasure`]).
    fn log_probability(&self, messages: &[Message], answer: &str) -> Result<f64, WriterError>;

    fn measure(&self) -> LikelihoodMeasure;

    /// As [`Writer::identity`].
    fn identity(&self) -> String;
}

/// The models of a run.
#[derive(Clone, Copy)]
pub struct Participants<'a> {
    pub writer: &'a dyn Writer,
    /// Answers questions from the unit alone; often the writer itself.
    pub judge: &'a dyn Writer,
    pub likelihood: Option<&'a dyn Likelihood>,
    pub interrupt: &'a Interrupt,
}
