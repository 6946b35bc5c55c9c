//! Roles and messages; a base's Jinja chat template; the family's wrappers; the Go template derived from them.
//!
//! The order of reading: [`jinja`] renders as transformers does, [`derive`] cuts the renderings of a few probes into
//! [`Wrappers`], [`emit`] writes them as an Ollama template, [`go`] renders that as the daemon does, [`template`]
//! holds them together and says which bytes of a text the assistant wrote.

mod derive;
mod emit;
mod escape;
mod go;
mod jinja;
mod note;
mod probes;
mod python;
mod template;
mod trim;
mod turns;

pub use escape::{chat_token, escape_chat_tokens};
pub use go::{prepare as prepare_go, render_go};
pub use jinja::prepare as prepare_jinja;
pub use note::TemplateNote;
pub use template::ChatTemplate;
pub use trim::{Strip, Trim};
pub use turns::merge_neighbours;

use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    System,
    User,
    Assistant,
    Tool,
}

impl Role {
    /// The field's own word: `system`, `user`, `assistant`, `tool`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}

/// One turn, in the field's own words (`role`, `content`).
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Message {
    pub role: Role,
    pub content: String,
}

impl Message {
    pub fn new(role: Role, content: impl Into<String>) -> Self {
        Self { role, content: content.into() }
    }
}

/// A text the model is fed, without the BOS that the tokenizer adds, and the byte ranges of it that the assistant writes: from the end
/// of the prompt the daemon would feed to the end of the end-of-turn token. That is what the loss is taken on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    pub text: String,
    pub assistant: Vec<Range<usize>>,
}

/// Where a template puts the system text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SystemPlace {
    /// In a turn of its own, before the first user turn.
    OwnTurn,
    /// Folded into the first user turn.
    FirstUser,
    /// Folded into the last user turn.
    LastUser,
    /// The template refuses a system message, or leaves it out.
    Nowhere,
}

/// What a template needs to know of the tokenizer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpecialTokens<'a> {
    /// The texts of those tokens, as the template's `bos_token` and `eos_token`.
    pub bos: Option<&'a str>,
    pub eos: Option<&'a str>,
    /// Whether the tokenizer (llama.cpp's `add_bos_token`) puts BOS before every prompt by itself; then a BOS that the
    /// template writes first is taken off, else there would be two. SmolLM2 has `<|im_start|>` as BOS and does not.
    pub adds_bos: bool,
}

/// What stands before and after each role's content.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Wrappers {
    /// What the template writes first when no system message is given (a default system turn, or nothing).
    pub head: String,
    /// Before and after the system text; where it is folded, the user's own "before" is part of them.
    pub system: (String, String),
    pub system_place: SystemPlace,
    pub user: (String, String),
    pub assistant: (String, String),
    pub generation_prompt: String,
    /// How the template strips each role's content (system, user, assistant).
    pub trim: [Trim; 3],
    /// What ends an answer: the start of `assistant.1` up to and with the end-of-turn token. Empty where the
    /// template writes none; then the text of the eos token ends an answer.
    pub end_of_turn: String,
    /// End-of-turn texts: the stop parameters of the Modelfile.
    pub stop: Vec<String>,
}

impl Wrappers {
    /// Where only prompts were seen, the user's "after" holds the answer's "before" too: what ends an answer ends a
    /// question as well.
    fn open_answers(&mut self) {
        let (after, open) = (&self.assistant.1, &mut self.generation_prompt);
        if let Some(rest) = self.user.1.strip_prefix(after.as_str())
            && !after.is_empty()
            && open.is_empty()
            && self.assistant.0.is_empty()
        {
            *open = rest.to_owned();
            self.assistant.0.clone_from(open);
            self.user.1.clone_from(after);
        }
    }
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
    #[error("the conversation can't be trained on: {0}")]
    Conversation(String),
}
