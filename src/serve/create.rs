//! Blobs, and create from a GGUF and a template.

use std::io::Write;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shared};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::lock::lock;
use super::reply::{Fault, line, ndjson};
use super::sample::Settings;
use super::state::State;
use super::{engine, request, second, shelf};
use crate::chat::{Message, Role, render_go};
use crate::gguf::Gguf;
use crate::ollama::MAX_LAYER_TEXT;
use crate::ollama::wire::{CreateRequest, License};
use crate::store::{Digest, HashingWriter, WholeFile};

/// Each license is a file of its own, written under the lock of the store.
const MAX_LICENSES: usize = 256;

fn digest(text: &str) -> Result<Digest, Fault> {
    text.strip_prefix("sha256").and_then(|_| text.parse().ok()).ok_or_else(|| Fault::bad("invalid digest format"))
}

pub(super) async fn has_blob(Shared(state): Shared<Arc<State>>, Path(text): Path<String>) -> Result<StatusCode, Fault> {
    let digest = digest(&text)?;
    if !state.blob(digest).is_file() {
        return Ok(StatusCode::NOT_FOUND);
    }
    state.note_upload(digest);
    Ok(StatusCode::OK)
}

/// Streams to a file that gets its name only when its digest is right.
pub(super) async fn put_blob(
    Shared(state): Shared<Arc<State>>,
    Path(text): Path<String>,
    body: Body,
) -> Result<StatusCode, Fault> {
    let expected = digest(&text)?;
    let path = state.blob(expected);
    state.note_upload(expected);
    if path.is_file() {
        return Ok(StatusCode::OK);
    }
    let file = WholeFile::create(&path).map_err(Fault::internal)?;
    let mut writer = HashingWriter::new(file);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|e| Fault::bad(e.to_string()))?;
        writer.write_all(&chunk).map_err(Fault::internal)?;
    }
    let (file, found, _) = writer.finish();
    if found != expected {
        return Err(Fault::bad(format!("digest mismatch, expected \"{expected}\", got \"{found}\"")));
    }
    file.finish().map_err(Fault::internal)?;
    state.note_upload(expected);
    Ok(StatusCode::CREATED)
}

pub(super) async fn create(Shared(state): Shared<Arc<State>>, body: Bytes) -> Result<Response, Fault> {
    let asked: CreateRequest = request::json(&body)?;
    let streamed = asked.stream != Some(false);
    let name = ModelFault::name(&asked)?;
    // Its template is a stranger's, and may take a second: not on the server's own threads.
    let checked = tokio::task::spawn_blocking(move || check(&asked).map(|()| asked));
    let asked = checked.await.map_err(Fault::internal)??;
    let result = tokio::task::spawn_blocking(move || build(&state, &asked, &name)).await.map_err(Fault::internal)?;
    if !streamed {
        result?;
        return Ok(axum::Json(json!({"status": "success"})).into_response());
    }
    let (sender, lines) = mpsc::channel(8);
    let last = match result {
        Ok(()) => line(&json!({"status": "success"})),
        Err(Fault(_, message)) => line(&json!({"error": message})),
    };
    let all = [line(&json!({"status": "parsing GGUF"})), line(&json!({"status": "writing manifest"})), last];
    for l in all {
        // The receiver is held below; it can't be gone yet.
        drop(sender.try_send(l));
    }
    Ok(ndjson(lines))
}

struct ModelFault;

impl ModelFault {
    fn name(asked: &CreateRequest) -> Result<crate::ollama::ModelName, Fault> {
        crate::ollama::ModelName::parse(&asked.model).map_err(|_| Fault::bad("invalid model name"))
    }
}

/// What Ollama refuses before its first line.
fn check(asked: &CreateRequest) -> Result<(), Fault> {
    if !asked.adapters.is_empty() {
        return Err(Fault::bad("LoRA adapters are no longer supported"));
    }
    if asked.from.as_deref().unwrap_or_default().is_empty() && asked.files.is_empty() {
        return Err(Fault::bad("neither 'from' or 'files' was specified"));
    }
    if asked.quantize.as_ref().is_some_and(|quantize| !quantize.is_empty()) {
        return Err(Fault::bad("the embedded server does not quantize; register a file of the type you want"));
    }
    let mut parameters = asked.parameters.clone();
    if let Some(stop) = parameters.get_mut("stop").filter(|stop| stop.is_string()) {
        *stop = json!([stop.take()]);
    }
    Settings::read(&[], &parameters, None).map_err(|Fault(_, message)| Fault::bad(message))?;
    if asked.renderer.is_some() || asked.parser.is_some() {
        return Err(Fault::bad("the embedded server has no built-in renderers; give a template"));
    }
    if let Some(template) = &asked.template {
        let probe = [Message { role: Role::User, content: "x".into() }];
        render_go(template, &probe).map_err(|e| Fault::bad(format!("template error: {e}")))?;
    }
    Ok(())
}

fn build(state: &State, asked: &CreateRequest, name: &crate::ollama::ModelName) -> Result<(), Fault> {
    let mut base = None;
    // No blob of it is removed meanwhile.
    let _changing = lock(&state.manifests);
    let path = match asked.from.as_deref().filter(|f| !f.is_empty()) {
        Some(from) => {
            let found = state.model(&request::name(from)?)?;
            let path = found.gguf.clone();
            base = Some(found);
            path
        }
        None => {
            let text = asked.files.values().next().and_then(Value::as_str).unwrap_or_default();
            state.blob(digest(text)?)
        }
    };
    let gguf = Gguf::open(&path).map_err(|e| Fault::bad(e.to_string()))?;
    second::check(&gguf)?;
    let details = shelf::details(&gguf)?;
    engine::open(gguf)?;
    let found = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
    let size = std::fs::metadata(&path).map_err(Fault::internal)?.len();
    let mut layers = vec![shelf::layer("application/vnd.ollama.image.model", digest(found)?, size)];
    let base = base.unwrap_or_default();
    let template = asked.template.clone().or(base.template);
    let system = asked.system.clone().filter(|s| !s.is_empty()).or(base.system);
    let license = match &asked.license {
        Some(License::One(text)) => vec![text.clone()],
        Some(License::Several(texts)) => texts.clone(),
        None => base.license,
    };
    let mut parameters = super::library::typed(&base.parameters);
    parameters.extend(asked.parameters.clone());
    // `show` reads texts up to this size only, and each license is a file that is synced to the disk.
    let texts = license.iter().chain(&template).chain(&system);
    let (longest, several) = (texts.map(String::len).max().unwrap_or(0), license.len());
    if longest as u64 > MAX_LAYER_TEXT || several > MAX_LICENSES {
        let most = format!("{MAX_LAYER_TEXT} bytes a text and {MAX_LICENSES} licenses at most");
        return Err(Fault::bad(format!("a text of {longest} bytes, {several} licenses: {most}")));
    }
    for (kind, text) in [("template", template), ("system", system)] {
        if let Some(text) = text {
            layers.push(state.text_layer(kind, text.as_bytes())?);
        }
    }
    for text in license.iter().filter(|t| !t.is_empty()) {
        layers.push(state.text_layer("license", text.as_bytes())?);
    }
    if !parameters.is_empty() {
        layers.push(state.text_layer("params", Value::Object(parameters).to_string().as_bytes())?);
    }
    state.write_manifest(name, &details, &layers)
}
