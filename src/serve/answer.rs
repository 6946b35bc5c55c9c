//! generate and chat: prompt, ids, tokens one by one, the lines that report them.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};

use super::engine::{Engine, Task};
use super::job::Job;
use super::reply::{Fault, line, ndjson, now};
use super::sample::Settings;
use super::state::State;
use super::{request, second};
use crate::chat::{Message, Role, render_go};
use crate::ollama::StoredModel;
use crate::ollama::wire::{ChatRequest, DebugInfo, EmbedRequest, GenerateRequest, Reply};

/// Lines that wait for a client before its answer pauses.
const LINES: usize = 64;

/// What generate and chat come to.
#[derive(Debug)]
struct AnswerRequest {
    name: String,
    chat: bool,
    /// The prompt's ids are returned as `context` (templated generate only).
    context: bool,
    prompt: String,
    model: StoredModel,
    settings: Settings,
    truncate: bool,
    stream: bool,
    /// candle-transformers computes the answer (option `engine`).
    second: bool,
}

pub(super) async fn generate(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Fault> {
    let asked: GenerateRequest = request::json(&body)?;
    let name = request::name(&asked.model)?;
    let model = state.model(&name)?;
    refuse(asked.format.as_ref(), asked.think.as_ref(), &asked.model)?;
    refuse_unknown("suffix", asked.suffix.as_ref())?;
    refuse_unknown("images", asked.images.as_ref())?;
    if asked.raw && (asked.system.is_some() || asked.template.is_some()) {
        return Err(Fault::bad("raw mode does not support template, system, or context"));
    }
    if asked.prompt.is_empty() {
        return load_or_unload(&state, &asked.model, &model, asked.keep_alive.as_ref()).await;
    }
    let prompt = if asked.raw {
        asked.prompt.clone()
    } else {
        let system = asked.system.clone().or_else(|| model.system.clone());
        let mut messages: Vec<Message> =
            system.filter(|s| !s.is_empty()).map(|c| Message::new(Role::System, c)).into_iter().collect();
        messages.push(Message::new(Role::User, asked.prompt.clone()));
        render(asked.template.clone().or_else(|| model.template.clone()), messages).await?
    };
    let logprobs = top(asked.logprobs, asked.top_logprobs)?;
    let settings = Settings::read(&model.parameters, &asked.options, logprobs)?;
    let job = AnswerRequest {
        second: second_opinion(&asked.options)?,
        name: asked.model.clone(),
        chat: false,
        context: !asked.raw,
        prompt,
        model,
        settings,
        truncate: asked.truncate != Some(false),
        stream: asked.stream != Some(false),
    };
    respond(state, job, asked.debug_render_only).await
}

pub(super) async fn chat(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Fault> {
    let asked: ChatRequest = request::json(&body)?;
    let name = request::name(&asked.model)?;
    let model = state.model(&name)?;
    refuse(asked.format.as_ref(), asked.think.as_ref(), &asked.model)?;
    refuse_unknown("tools", asked.tools.as_ref())?;
    if asked.messages.is_empty() {
        return load_or_unload(&state, &asked.model, &model, asked.keep_alive.as_ref()).await;
    }
    let mut messages = asked.messages.clone();
    if let Some(system) = model.system.as_ref().filter(|s| !s.is_empty())
        && messages[0].role != Role::System
    {
        messages.insert(0, Message::new(Role::System, system.clone()));
    }
    let prompt = render(model.template.clone(), messages).await?;
    let logprobs = top(asked.logprobs, asked.top_logprobs)?;
    let settings = Settings::read(&model.parameters, &asked.options, logprobs)?;
    let job = AnswerRequest {
        second: second_opinion(&asked.options)?,
        name: asked.model.clone(),
        chat: true,
        context: false,
        prompt,
        model,
        settings,
        truncate: asked.truncate != Some(false),
        stream: asked.stream != Some(false),
    };
    respond(state, job, asked.debug_render_only).await
}

/// Embeddings come from an embedding model, and this server has none; a missing model is said first.
pub(super) async fn embed(Shared(state): Shared<Arc<State>>, body: Bytes) -> Fault {
    let found = request::json::<EmbedRequest>(&body).and_then(|asked| state.model(&request::name(&asked.model)?));
    if let Err(fault) = found {
        return fault;
    }
    Fault(StatusCode::NOT_IMPLEMENTED, "This server does not support embeddings. Start it with `--embeddings`".into())
}

fn refuse(format: Option<&Value>, think: Option<&Value>, model: &str) -> Result<(), Fault> {
    if format.is_some_and(|f| !f.is_null() && f != "") {
        return Err(Fault::bad("the embedded server has no constrained output (`format`); use Ollama"));
    }
    if think.is_some_and(|t| t.as_bool() != Some(false) && !t.is_null()) {
        return Err(Fault::bad(format!("\"{model}\" does not support thinking")));
    }
    Ok(())
}

/// What is empty asks for nothing.
fn refuse_unknown(name: &str, value: Option<&Value>) -> Result<(), Fault> {
    match value {
        None | Some(Value::Null) => Ok(()),
        Some(Value::String(text)) if text.is_empty() => Ok(()),
        Some(Value::Array(items)) if items.is_empty() => Ok(()),
        Some(_) => Err(Fault::bad(format!("the embedded server does not support `{name}`; use Ollama"))),
    }
}

fn top(logprobs: bool, top: Option<i64>) -> Result<Option<usize>, Fault> {
    match top.unwrap_or(0) {
        n @ 0..=20 => Ok(logprobs.then_some(n as usize)),
        _ => Err(Fault::bad("top_logprobs must be between 0 and 20")),
    }
}

/// On a thread that may wait: a template of a stranger's may take a second, and the server's own threads are two.
async fn render(template: Option<String>, messages: Vec<Message>) -> Result<String, Fault> {
    let template = template.unwrap_or_else(|| "{{ .Prompt }}".to_owned());
    let rendered = tokio::task::spawn_blocking(move || render_go(&template, &messages));
    rendered.await.map_err(Fault::internal)?.map_err(Fault::internal)
}

/// The option `engine`, which no Ollama has: who computes the answer.
fn second_opinion(options: &Map<String, Value>) -> Result<bool, Fault> {
    match options.get(crate::ollama::ENGINE_OPTION).map(|v| v.as_str().unwrap_or_default()) {
        None | Some(super::engine::NAME) => Ok(false),
        Some(second::NAME) => Ok(true),
        Some(other) => Err(Fault::bad(format!(
            "option \"engine\" is {other:?}; expected \"{}\" or \"{}\"",
            super::engine::NAME,
            second::NAME
        ))),
    }
}

/// An empty prompt loads the model, or with `keep_alive: 0` lets it go.
async fn load_or_unload(
    state: &Arc<State>,
    name: &str,
    model: &StoredModel,
    keep_alive: Option<&Value>,
) -> Result<Response, Fault> {
    let unload = keep_alive.is_some_and(|k| k.as_f64() == Some(0.0) || k == "0" || k == "0s");
    if unload {
        state.unload(&model.gguf);
    } else {
        let (state, path) = (Arc::clone(state), model.gguf.clone());
        tokio::task::spawn_blocking(move || state.engine(&path)).await.map_err(Fault::internal)??;
    }
    let done_reason = if unload { "unload" } else { "load" };
    let reply = Reply {
        model: name.to_owned(),
        created_at: now(),
        response: Some(String::new()),
        done: true,
        done_reason: done_reason.to_owned(),
        ..Reply::default()
    };
    Ok(axum::Json(reply).into_response())
}

async fn respond(state: Arc<State>, asked: AnswerRequest, render_only: bool) -> Result<Response, Fault> {
    if render_only {
        let reply = Reply {
            model: asked.name,
            created_at: now(),
            debug_info: Some(DebugInfo { rendered_template: asked.prompt }),
            ..Reply::default()
        };
        return Ok(axum::Json(reply).into_response());
    }
    let (sender, mut lines) = mpsc::channel::<Bytes>(LINES);
    let (first, ready) = oneshot::channel();
    let stream = asked.stream;
    let begun = tokio::task::spawn_blocking(move || begin(&state, asked, sender, first));
    // What can be refused is refused with its status before the first line.
    let Ok(ready) = ready.await else {
        begun.await.map_err(Fault::internal)?;
        return Err(Fault::internal("the request was dropped by a fault of the server"));
    };
    ready?;
    if stream {
        return Ok(ndjson(lines));
    }
    let mut last = Bytes::new();
    while let Some(next) = lines.recv().await {
        last = next;
    }
    let value: Value = serde_json::from_slice(&last).map_err(Fault::internal)?;
    match value.get("error").and_then(Value::as_str) {
        Some(error) => Err(Fault::internal(error)),
        None => Ok(axum::Json(value).into_response()),
    }
}

/// Hands the request to its model's thread, or answers it here by the second opinion.
fn begin(state: &State, asked: AnswerRequest, lines: mpsc::Sender<Bytes>, first: oneshot::Sender<Result<(), Fault>>) {
    let started = Instant::now();
    let prepared = state.engine(&asked.model.gguf).and_then(|engine| {
        let ids = ids(&engine, &asked)?;
        Ok((engine, ids))
    });
    let (engine, ids) = match prepared {
        Ok(prepared) => prepared,
        Err(fault) => return drop(first.send(Err(fault))),
    };
    let AnswerRequest { name, chat, context, settings, stream, second, model, .. } = asked;
    let job = Job { name, chat, context, ids, settings, stream, lines };
    if !second {
        return engine.submit(Task { job, started, first });
    }
    drop(first.send(Ok(())));
    if let Err(Fault(_, message)) = state.second_opinion(&model.gguf, &job, started) {
        drop(job.lines.blocking_send(line(&serde_json::json!({"error": message}))));
    }
}

/// BOS by the tokenizer's rule, even in raw mode, as llama-server does it.
fn ids(model: &Engine, job: &AnswerRequest) -> Result<Vec<u32>, Fault> {
    let tokenizer = &model.tokenizer;
    let bos = tokenizer.bos().filter(|_| tokenizer.adds_bos());
    let tokens = tokenizer.encode(&job.prompt).map_err(Fault::internal)?;
    let mut ids: Vec<u32> = bos.into_iter().chain(tokens.into_iter().map(|t| t.id)).collect();
    let room = job.settings.num_ctx.min(model.context);
    if ids.len() > room {
        if !job.truncate {
            return Err(Fault::bad("the input length exceeds the context length"));
        }
        ids.drain(..ids.len() - room);
    }
    Ok(ids)
}
