//! One question or a conversation: natively from adapter + base, or through the daemon.

use std::path::Path;

use super::native::NativeModel;
use super::{Context, Failure};
pub use crate::chat::Message;
use crate::chat::Role;
use crate::model::Sampling;
use crate::ollama::{Ask, Client, OllamaError, Options, Prompt};

/// Who answers.
pub enum Answering {
    Native(Box<NativeModel>),
    Daemon { client: Box<Client>, model: String },
}

/// Tokens of prompt and answer together that a model is given, where it has so many.
pub(super) const CONTEXT_TOKENS: usize = 4096;

impl Answering {
    /// Tokens of prompt and answer together.
    pub(super) fn context_tokens(&self) -> usize {
        match self {
            Self::Native(native) => native.context().min(CONTEXT_TOKENS),
            Self::Daemon { .. } => CONTEXT_TOKENS,
        }
    }
}

impl std::fmt::Debug for Answering {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Native(_) => "Native",
            Self::Daemon { .. } => "Daemon",
        })
    }
}

#[derive(Clone, Debug)]
pub struct QueryRequest {
    pub temperature: f64,
    pub top_p: Option<f64>,
    pub max_tokens: usize,
    pub seed: u64,
}

/// A conversation's beginning: the system turn, if one is wished.
pub fn opening(system: Option<&str>) -> Vec<Message> {
    system.map(|s| Message { role: Role::System, content: s.to_owned() }).into_iter().collect()
}

pub fn user(prompt: &str) -> Message {
    Message { role: Role::User, content: prompt.to_owned() }
}

/// An adapter's folder or a run's folder answers natively; any other name is the daemon's.
pub fn open(
    context: &mut Context<'_>,
    model: &str,
    base_said: Option<&str>,
    threads: usize,
) -> Result<Answering, Failure> {
    let path = Path::new(model);
    if !path.is_dir() {
        let client = context.client()?;
        refuse_missing_folder(&client, model)?;
        return Ok(Answering::Daemon { client: Box::new(client), model: model.to_owned() });
    }
    Ok(Answering::Native(Box::new(NativeModel::with_adapter(context, path, base_said, threads)?)))
}

/// Most tokens of an answer, as the daemon reads them: a negative number would be none at all.
pub(super) fn num_predict(max_tokens: usize) -> i64 {
    i64::try_from(max_tokens).unwrap_or(i64::MAX)
}

/// A name with a slash is a folder more often than a model of another namespace, so an error speaks of both.
fn refuse_missing_folder(client: &Client, model: &str) -> Result<(), Failure> {
    const HINT: &str =
        "give the folder that a training wrote, such as models/apps/final, or a model that `ollama list` shows";
    if !model.contains(['/', '\\']) {
        return Ok(());
    }
    match client.tag(model) {
        Ok(Some(_)) => Ok(()),
        Ok(None) | Err(OllamaError::BadName { .. }) => {
            Err(Failure::input(format!("{model} is neither a folder here nor a model of the daemon")).hint(HINT))
        }
        Err(e) => {
            let e = Failure::from(e);
            let hint = e.hint.clone().unwrap_or_else(|| HINT.to_owned());
            Err(Failure::new(e.kind, format!("{model} is no folder here, so a model of the daemon: {}", e.message()))
                .hint(hint))
        }
    }
}

/// Answers the conversation's last turn, streaming to `on_text`; the answer is added to it.
pub fn answer(
    answering: &Answering,
    conversation: &mut Vec<Message>,
    request: &QueryRequest,
    on_text: &mut dyn FnMut(&str),
) -> Result<String, Failure> {
    let text = match answering {
        Answering::Native(native) => {
            let sampling = Sampling {
                temperature: request.temperature,
                top_p: request.top_p,
                max_tokens: request.max_tokens,
                seed: request.seed,
            };
            native.answer(conversation, &sampling, on_text)?
        }
        Answering::Daemon { client, model } => {
            let options = Options {
                temperature: request.temperature,
                seed: request.seed as i64,
                top_k: if request.temperature == 0.0 { 1 } else { 0 },
                top_p: request.top_p.unwrap_or(1.0),
                ..Options::greedy(num_predict(request.max_tokens), CONTEXT_TOKENS as u64)
            };
            let ask = Ask {
                model: model.clone(),
                prompt: Prompt::Chat(conversation.clone()),
                options,
                top_logprobs: 0,
                format: None,
                keep_alive: None,
                think: None,
                tools: Vec::new(),
            };
            client.ask(&ask, on_text)?.text
        }
    };
    conversation.push(Message { role: Role::Assistant, content: text.clone() });
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{Interrupt, Kind};
    use crate::events::{Reporter, Silent};
    use crate::input::Env;

    /// A mistyped folder is no model to pull.
    #[test]
    fn what_looks_like_a_folder_and_is_none_is_said_so() {
        let mut silent = Silent;
        let mut context = Context {
            env: Env::default(),
            ollama_host: Some("127.0.0.1:1".into()),
            models_yaml: "models.yaml".into(),
            models_yaml_said: false,
            seed: None,
            force: false,
            parallel: None,
            interrupt: Interrupt::default(),
            report: Reporter::new(&mut silent),
        };
        let failure = open(&mut context, "models/nope", None, 1).err().unwrap();
        assert_eq!(failure.kind, Kind::Daemon);
        let said = failure.message();
        assert!(said.starts_with("models/nope is no folder here, so a model of the daemon: "), "{said}");
        assert!(open(&mut context, "smollm2:135m", None, 1).is_ok(), "asked when it answers");
    }
}
