//! Roles and messages; a base's Jinja chat template; the family's wrappers; the Go template derived from them.

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

/// One turn, in the field's own words (`role`, `content`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

/// A text the model is fed, without a literal BOS, and the byte ranges of it that the assistant wrote
/// (content *and* its end-of-turn token): what the loss is taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    pub assistant: Vec<Range<usize>>,
}

/// What stands before and after each role's content.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wrappers {
    /// What the template writes first when no system message is given (a default system turn, or nothing).
    pub head: String,
    pub system: Option<(String, String)>,
    pub user: (String, String),
    pub assistant: (String, String),
    pub generation_prompt: String,
    /// The system text is folded into the first user turn.
    pub folded_system: bool,
    /// End-of-turn texts: the stop parameters of the Modelfile.
    pub stop: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
pub enum ChatError {
    #[error("the chat template can't be rendered: {0}")]
    Render(String),
    #[error("the chat template can't be expressed as wrappers around each turn: {probe}: {reason}")]
    NotExpressible { probe: String, reason: String },
    #[error("the Go template can't be rendered: {0}")]
    Go(String),
    #[error("the Go template differs from the base's chat template on {probe}: expected {expected:?}, got {got:?}")]
    Differs { probe: String, expected: String, got: String },
}

/// A base's Jinja chat template, ready to render, and the wrappers derived from it.
#[derive(Debug)]
pub struct ChatTemplate {
    source: String,
}

impl ChatTemplate {
    /// `bos`, `eos`: the texts of those tokens, as the template's `bos_token` and `eos_token`. Derives the wrappers.
    pub fn new(_source: &str, _bos: Option<&str>, _eos: Option<&str>) -> Result<Self, ChatError> {
        todo!()
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    pub fn wrappers(&self) -> &Wrappers {
        todo!()
    }

    /// Renders a conversation; a leading literal BOS is stripped (the tokenizer or the daemon adds the id).
    pub fn render(&self, _messages: &[Message], _add_generation_prompt: bool) -> Result<Rendered, ChatError> {
        todo!()
    }

    /// The Go template that renders the same text in Ollama, verified against the Jinja over the probes.
    pub fn go_template(&self) -> Result<String, ChatError> {
        todo!()
    }

    /// Whether a Go template (the base's own, say) renders every probe as the Jinja does.
    pub fn verify_go(&self, _go: &str) -> Result<(), ChatError> {
        todo!()
    }
}

/// Renders an Ollama Go template as the daemon does (same-role neighbours merged, `.System`, `.Messages`, functions).
pub fn render_go(_template: &str, _messages: &[Message]) -> Result<String, ChatError> {
    todo!()
}
