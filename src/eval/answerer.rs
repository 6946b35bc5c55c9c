//! Who is asked: a trait; `commands` answers it with a daemon, tests with a table.

use std::borrow::Cow;

use crate::chat::Message;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// One question to one model.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Question {
    pub model: String,
    pub messages: Vec<Message>,
    /// Shared by both arms; only matters above temperature 0.
    pub seed: u64,
    /// `num_predict`; None: the answerer's own.
    pub max_tokens: Option<u64>,
    /// Asked as of the bare model: no SYSTEM but the messages' own, no thought before the answer.
    pub plain: bool,
    /// Descriptions of the tools that may be called, as Ollama and OpenAI write them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<serde_json::Value>,
}

/// A tool that an answer calls.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ToolCall {
    pub name: Cow<'static, str>,
    /// JSON, as the model wrote it.
    pub arguments: Cow<'static, str>,
}

impl std::fmt::Display for ToolCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}({})", self.name, self.arguments)
    }
}

/// An answer and what it cost.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Answered {
    pub text: String,
    pub done: bool,
    /// `stop`, `length` …
    pub done_reason: String,
    pub prompt_tokens: u64,
    pub tokens: u64,
    /// Without loading the model.
    pub seconds: f64,
    /// Generation alone (tokens / this = speed).
    pub eval_seconds: f64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCall>,
}

/// A daemon's words for an answer that loops (0.34 says them instead of ending the answer): the model's fault, no failure.
pub const REPEAT_LIMIT: &str = "token repeat limit";

#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    Answer(Answered),
    /// This question failed, others may not (HTTP 500, or [`REPEAT_LIMIT`], which is the model's own fault).
    Failed(String),
}

impl Reply {
    pub fn text(&self) -> &str {
        match self {
            Self::Answer(a) => &a.text,
            Self::Failed(_) => "",
        }
    }

    /// The text, and a line for each tool that is called.
    pub fn shown(&self) -> String {
        let mut shown = self.text().to_owned();
        for call in self.tool_calls() {
            shown += if shown.is_empty() { "" } else { "\n" };
            shown += &call.to_string();
        }
        shown
    }

    pub fn tool_calls(&self) -> &[ToolCall] {
        match self {
            Self::Answer(a) => &a.tool_calls,
            Self::Failed(_) => &[],
        }
    }
}

/// Asks one question of one arm. An `Err` stops the evaluation (daemon gone, interrupted, bad request).
pub trait Answerer {
    /// Loads the model, its time dropped. An `Err` where it gives no answer: what can't load must not count as a model
    /// that answers badly.
    fn warm_up(&self, model: &str) -> Result<(), Cause>;
    fn ask(&self, question: &Question) -> Result<Reply, Cause>;
    /// Asks several questions. Calls `on` with the index of the question and its reply, in the order in which the replies
    /// arrive; once it returns false, no further question is sent. The default asks one after the other.
    fn ask_many(&self, questions: &[&Question], on: &mut dyn FnMut(usize, Result<Reply, Cause>) -> bool) {
        for (index, question) in questions.iter().enumerate() {
            let reply = self.ask(question);
            if !on(index, reply) {
                return;
            }
        }
    }
    /// The system text the model is served with, where we have to say it; None: it has none, or the daemon says it.
    fn served_system(&self, model: &str) -> Result<Option<String>, Cause>;
    /// What the model is now (its manifest's digest): part of a kept answer's key, and read again before an answer is kept,
    /// so that it has to be known after an interruption, too.
    fn digest(&self, model: &str) -> Result<String, Cause>;
    /// Everything else that an answer depends on: the request as it is sent, but for the model's name, and the daemon's
    /// version.
    fn request(&self, question: &Question) -> Result<String, Cause>;
}

/// Turns texts into vectors of one length.
pub trait Embedder {
    /// The model's name, for the signature.
    fn name(&self) -> String;
    fn embed(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause>;
    /// As [`Self::embed`], of an embedder that keeps vectors: none of these is a kept one.
    fn embed_anew(&mut self, texts: &[String]) -> Result<Vec<Vec<f32>>, Cause> {
        self.embed(texts)
    }
}
