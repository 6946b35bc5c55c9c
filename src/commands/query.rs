//! One question or a conversation: natively from adapter + base, or through the daemon.

use std::path::{Path, PathBuf};

use super::{Context, Failure};
use crate::base::Base;
pub use crate::chat::Message;
use crate::chat::Role;
use crate::lora::{Adapter, Stored};
use crate::model::{Model, Sampling};
use crate::ollama::{Ask, Client, Options, Prompt};

/// Who answers.
pub enum Answering {
    Native(Box<NativeModel>),
    Daemon { client: Box<Client>, model: String },
}

/// A base and its adapter, computed by this program.
pub struct NativeModel {
    base: Base,
    model: Model,
    adapter: Option<Adapter<Stored>>,
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
        return Ok(Answering::Daemon { client: Box::new(context.client()?), model: model.to_owned() });
    }
    let folder = adapter_folder(path)?;
    let named = match base_said {
        Some(name) => name.to_owned(),
        None => crate::lora::base_name(&folder)?,
    };
    let opened = context.open_base(&named);
    let base = match opened {
        Err(e) if base_said.is_none() => {
            let what = format!("{}: its base {named} is not found: {e}", folder.display());
            return Err(Failure::new(e.kind, what).hint("say where its base is: --base-model PATH or NAME"));
        }
        opened => opened?,
    };
    let adapter = super::adapter::load(context, &folder, &base)?.to_stored(&base.weights);
    let model = Model::new(&base.weights, threads)?;
    Ok(Answering::Native(Box::new(NativeModel { base, model, adapter: Some(adapter) })))
}

fn adapter_folder(path: &Path) -> Result<PathBuf, Failure> {
    for folder in [path.to_path_buf(), path.join("final"), path.join("adapter/final")] {
        if folder.join("adapter_config.json").is_file() {
            return Ok(folder);
        }
    }
    Err(Failure::input(format!("{}: no adapter there", path.display()))
        .hint("give a folder with adapter_config.json, a run's folder, or the name of a model in the daemon"))
}

/// Answers the conversation's last turn, streaming to `on_text`; the answer is added to it.
pub fn answer(
    answering: &Answering,
    conversation: &mut Vec<Message>,
    request: &QueryRequest,
    on_text: &mut dyn FnMut(&str),
) -> Result<String, Failure> {
    let text = match answering {
        Answering::Native(native) => native.answer(conversation, request, on_text)?,
        Answering::Daemon { client, model } => {
            let options = Options {
                temperature: request.temperature,
                seed: request.seed as i64,
                top_k: if request.temperature == 0.0 { 1 } else { 0 },
                top_p: request.top_p.unwrap_or(1.0),
                ..Options::greedy(request.max_tokens as i64, 4096)
            };
            let ask = Ask {
                model: model.clone(),
                prompt: Prompt::Chat(conversation.clone()),
                options,
                top_logprobs: 0,
                format: None,
                keep_alive: None,
                think: None,
            };
            client.ask(&ask, on_text)?.text
        }
    };
    conversation.push(Message { role: Role::Assistant, content: text.clone() });
    Ok(text)
}

impl NativeModel {
    fn answer(
        &self,
        conversation: &[Message],
        request: &QueryRequest,
        on_text: &mut dyn FnMut(&str),
    ) -> Result<String, Failure> {
        let Self { base, model, adapter } = self;
        // The base's SYSTEM stands before it in the daemon too.
        let shown = base.template.as_served(conversation, base.system.as_deref());
        let text = base.template.render(&shown, true)?.text;
        let tokenizer = &base.tokenizer;
        let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
        let ids: Vec<u32> = bos.into_iter().chain(tokenizer.encode(&text)?.into_iter().map(|t| t.id)).collect();
        let room = base.weights.config().context.saturating_sub(ids.len());
        let sampling = Sampling {
            temperature: request.temperature,
            top_p: request.top_p,
            max_tokens: request.max_tokens.min(room),
            seed: request.seed,
        };
        let (mut so_far, mut shown) = (Vec::new(), 0);
        let new = model.generate(adapter.as_ref(), &ids, &sampling, &|id| tokenizer.is_end(id), &mut |id| {
            so_far.push(id);
            // A character may span tokens: show only what can no longer change.
            if let Ok(text) = tokenizer.decode(&so_far)
                && !text.ends_with('\u{FFFD}')
                && let Some(piece) = text.get(shown..)
            {
                on_text(piece);
                shown = text.len();
            }
            true
        })?;
        Ok(tokenizer.decode(&new)?)
    }
}
