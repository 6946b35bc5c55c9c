//! What turns the answers into vectors, to compare them by: an embedding model, or the base's own last hidden state.

use super::arms::Arms;
use super::request::BenchmarkRequest;
use crate::commands::daemon::DaemonEmbedder;
use crate::commands::native::{HiddenStates, NativeModel};
use crate::commands::{Context, Failure};
use crate::eval::{CosineBy, Embedder};
use crate::events::Note;
use crate::ollama::{Client, OllamaError};
use crate::roles::Role;

/// What turns answers into vectors.
pub(super) enum Vectors {
    Daemon {
        client: Box<Client>,
        model: String,
    },
    /// The base that answers.
    Own,
    /// The base, opened for its vectors alone: the daemon answers.
    Opened(Box<NativeModel>),
    Nothing(String),
}

impl Vectors {
    /// Only where there are two answers to compare; says what it found.
    pub(super) fn find(
        context: &mut Context<'_>,
        request: &BenchmarkRequest,
        role: Option<&Role>,
        arms: &Arms,
    ) -> Result<Self, Failure> {
        if arms.finetuned().is_none() {
            return Ok(Self::Nothing("there is one answer to each prompt".to_owned()));
        }
        let of_role = role.and_then(|role| role.embedding.clone());
        let found = if let Some(model) = &request.embed {
            let client = context.client()?;
            client.capabilities()?;
            client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
            Self::Daemon { client: Box::new(client), model: model.clone() }
        } else if let Some((client, model)) = of_role.and_then(|model| served(context, model)) {
            Self::Daemon { client, model }
        } else if arms.native().is_some() {
            Self::Own
        } else {
            match NativeModel::alone(context, &arms.base_name(), 0) {
                Ok(model) => Self::Opened(Box::new(model)),
                Err(e) => Self::Nothing(format!(
                    "no embedding model is named (--embed MODEL), and the base can't be read here: {e}"
                )),
            }
        };
        context.report.note(match found.named(arms) {
            CosineBy::Embedder(model) => Note::CosineBy { model, hidden_state: false },
            CosineBy::HiddenState(model) => Note::CosineBy { model, hidden_state: true },
            CosineBy::Nothing(reason) => Note::NoCosine { reason },
        });
        Ok(found)
    }

    pub(super) fn named(&self, arms: &Arms) -> CosineBy {
        match self {
            Self::Daemon { model, .. } => CosineBy::Embedder(model.clone()),
            Self::Own => CosineBy::HiddenState(arms.base_name()),
            Self::Opened(model) => CosineBy::HiddenState(model.base_name()),
            Self::Nothing(why) => CosineBy::Nothing(why.clone()),
        }
    }

    pub(super) fn embedder<'a>(&'a self, arms: &'a Arms) -> Option<Box<dyn Embedder + 'a>> {
        match self {
            Self::Daemon { client, model } => Some(Box::new(DaemonEmbedder::new(client, model))),
            Self::Own => arms.native().map(|model| Box::new(HiddenStates(model)) as Box<dyn Embedder>),
            Self::Opened(model) => Some(Box::new(HiddenStates(model))),
            Self::Nothing(_) => None,
        }
    }
}

/// A role's embedding model, where the daemon has it; without it the comparison is made by other means.
fn served(context: &Context<'_>, model: String) -> Option<(Box<Client>, String)> {
    let client = context.client().ok()?;
    let is_there = client.tag(&model).is_ok_and(|tag| tag.is_some());
    is_there.then(|| (Box::new(client), model))
}
