//! generate and chat: prompt, ids, tokens one by one, the lines that report them.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value};
use tokio::sync::mpsc;

use super::engine::Loaded;
use super::reply::{Fault, line, ndjson, now};
use super::sample::{Settings, Stream};
use super::{State, request};
use crate::chat::{Message, Role, render_go};
use crate::ollama::StoredModel;
use crate::ollama::wire::{ChatRequest, DebugInfo, EmbedRequest, GenerateRequest, Reply, ReplyMessage};

/// What generate and chat come to.
#[derive(Debug)]
struct Job {
    name: String,
    chat: bool,
    /// The prompt's ids are returned as `context` (templated generate only).
    context: bool,
    prompt: String,
    model: StoredModel,
    settings: Settings,
    truncate: bool,
    stream: bool,
}

pub async fn generate(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Fault> {
    let asked: GenerateRequest = request::json(&body)?;
    let name = request::name(&asked.model)?;
    let model = state.model(&name)?;
    refuse(asked.format.as_ref(), asked.think.as_ref(), &asked.model)?;
    if asked.raw && (asked.system.is_some() || asked.template.is_some()) {
        return Err(Fault::bad("raw mode does not support template, system, or context"));
    }
    if asked.prompt.is_empty() {
        return load_or_unload(&state, &asked.model, &model, asked.keep_alive.as_ref());
    }
    let prompt = if asked.raw {
        asked.prompt.clone()
    } else {
        let system = asked.system.clone().or_else(|| model.system.clone());
        let mut messages: Vec<Message> =
            system.filter(|s| !s.is_empty()).map(|c| Message::new(Role::System, c)).into_iter().collect();
        messages.push(Message::new(Role::User, asked.prompt.clone()));
        render(asked.template.as_deref().or(model.template.as_deref()), &messages)?
    };
    let logprobs = top(asked.logprobs, asked.top_logprobs)?;
    let settings = Settings::read(&model.parameters, &asked.options, logprobs)?;
    let job = Job {
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

pub async fn chat(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Fault> {
    let asked: ChatRequest = request::json(&body)?;
    let name = request::name(&asked.model)?;
    let model = state.model(&name)?;
    refuse(asked.format.as_ref(), asked.think.as_ref(), &asked.model)?;
    if asked.messages.is_empty() {
        return load_or_unload(&state, &asked.model, &model, asked.keep_alive.as_ref());
    }
    let mut messages = asked.messages.clone();
    if let Some(system) = model.system.as_ref().filter(|s| !s.is_empty())
        && messages[0].role != Role::System
    {
        messages.insert(0, Message::new(Role::System, system.clone()));
    }
    let prompt = render(model.template.as_deref(), &messages)?;
    let logprobs = top(asked.logprobs, asked.top_logprobs)?;
    let settings = Settings::read(&model.parameters, &asked.options, logprobs)?;
    let job = Job {
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
pub async fn embed(Shared(state): Shared<Arc<State>>, body: Bytes) -> Fault {
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

fn top(logprobs: bool, top: Option<i64>) -> Result<Option<usize>, Fault> {
    match top.unwrap_or(0) {
        n @ 0..=20 => Ok(logprobs.then_some(n as usize)),
        _ => Err(Fault::bad("top_logprobs must be between 0 and 20")),
    }
}

fn render(template: Option<&str>, messages: &[Message]) -> Result<String, Fault> {
    render_go(template.unwrap_or("{{ .Prompt }}"), messages).map_err(Fault::internal)
}

/// An empty prompt loads the model, or with `keep_alive: 0` lets it go.
fn load_or_unload(
    state: &State,
    name: &str,
    model: &StoredModel,
    keep_alive: Option<&Value>,
) -> Result<Response, Fault> {
    let mut loaded = state.loaded.lock().map_err(Fault::internal)?;
    let unload = keep_alive.is_some_and(|k| k.as_f64() == Some(0.0) || k == "0" || k == "0s");
    if unload {
        *loaded = None;
    } else {
        ensure(&mut loaded, model)?;
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

fn ensure<'l>(loaded: &'l mut Option<Loaded>, model: &StoredModel) -> Result<&'l mut Loaded, Fault> {
    if loaded.as_ref().is_none_or(|l| l.path != model.gguf) {
        // The old one goes first: a small machine can't hold both.
        *loaded = None;
        *loaded = Some(Loaded::open(&model.gguf)?);
    }
    loaded.as_mut().ok_or_else(|| Fault::internal("no model is loaded"))
}

async fn respond(state: Arc<State>, job: Job, render_only: bool) -> Result<Response, Fault> {
    if render_only {
        let reply = Reply {
            model: job.name,
            created_at: now(),
            debug_info: Some(DebugInfo { rendered_template: job.prompt }),
            ..Reply::default()
        };
        return Ok(axum::Json(reply).into_response());
    }
    let (sender, mut lines) = mpsc::channel::<Bytes>(64);
    let (first, ready) = tokio::sync::oneshot::channel();
    let stream = job.stream;
    tokio::task::spawn_blocking(move || run(&state, &job, first, &sender));
    // What can be refused is refused with its status before the first line.
    ready.await.map_err(Fault::internal)??;
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

/// The whole answer, in a thread of its own; a client that goes away ends it.
fn run(state: &State, job: &Job, first: tokio::sync::oneshot::Sender<Result<(), Fault>>, lines: &mpsc::Sender<Bytes>) {
    let started = Instant::now();
    let Ok(mut guard) = state.loaded.lock() else {
        drop(first.send(Err(Fault::internal("the model's lock is broken; restart the server"))));
        return;
    };
    let begun = ensure(&mut guard, &job.model).and_then(|model| {
        let load = started.elapsed();
        let ids = ids(model, job)?;
        Ok((model, ids, load))
    });
    let (model, ids, load) = match begun {
        Ok(begun) => begun,
        Err(fault) => return drop(first.send(Err(fault))),
    };
    drop(first.send(Ok(())));
    let mut stream = Stream::new(&job.settings, ids.len(), model.context);
    let result = stream.run(model, &ids, &mut |piece, logprobs| {
        if !job.stream {
            return true;
        }
        let mut reply = says(job, piece);
        reply.logprobs = logprobs;
        lines.blocking_send(line(&reply)).is_ok()
    });
    let done = match result {
        Err(Fault(_, message)) => serde_json::json!({"error": message}),
        Ok(()) => {
            let mut reply = says(job, if job.stream { "" } else { &stream.text });
            reply.done = true;
            reply.done_reason = stream.reason.to_owned();
            reply.total_duration = Some(nanos(started.elapsed()));
            reply.load_duration = Some(nanos(load));
            reply.prompt_eval_count = Some(ids.len() as u64);
            reply.prompt_eval_duration = Some(nanos(stream.prompt_took));
            reply.eval_count = Some(stream.count as u64);
            reply.eval_duration = Some(nanos(stream.took));
            if !job.stream {
                reply.logprobs = std::mem::take(&mut stream.logprobs);
            }
            if job.context {
                reply.context = Some(ids.iter().chain(&stream.ids).copied().collect());
            }
            serde_json::to_value(reply).unwrap_or_default()
        }
    };
    drop(lines.blocking_send(line(&done)));
}

fn nanos(d: std::time::Duration) -> u64 {
    u64::try_from(d.as_nanos()).unwrap_or(u64::MAX)
}

fn says(job: &Job, text: &str) -> Reply {
    let mut reply = Reply { model: job.name.clone(), created_at: now(), ..Reply::default() };
    if job.chat {
        reply.message =
            Some(ReplyMessage { role: "assistant".into(), content: text.to_owned(), ..ReplyMessage::default() });
    } else {
        reply.response = Some(text.to_owned());
    }
    reply
}

/// BOS by the tokenizer's rule, even in raw mode, as llama-server does it.
fn ids(model: &Loaded, job: &Job) -> Result<Vec<u32>, Fault> {
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

/// Options of a request over a model's parameters.
pub fn option<'v>(own: &'v [(String, String)], asked: &'v Map<String, Value>, name: &str) -> Option<Value> {
    let said = asked.get(name).cloned();
    said.or_else(|| own.iter().find(|(n, _)| n == name).and_then(|(_, v)| serde_json::from_str(v).ok()))
}
