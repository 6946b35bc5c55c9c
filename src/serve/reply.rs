//! Answers in Ollama's shapes: JSON, NDJSON lines, errors as `{"error": …}`.

use axum::body::{Body, Bytes};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::sync::mpsc;

/// An error with its HTTP status and Ollama's body.
#[derive(Debug)]
pub(super) struct Fault(pub StatusCode, pub String);

impl Fault {
    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self(StatusCode::BAD_REQUEST, message.into())
    }

    pub(super) fn internal(message: impl std::fmt::Display) -> Self {
        Self(StatusCode::INTERNAL_SERVER_ERROR, message.to_string())
    }

    pub(super) fn no_model(name: &str) -> Self {
        Self(StatusCode::NOT_FOUND, format!("model '{name}' not found"))
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        (self.0, axum::Json(serde_json::json!({"error": self.1}))).into_response()
    }
}

/// A line of a stream.
pub(super) fn line(object: &impl serde::Serialize) -> Bytes {
    let mut text = serde_json::to_vec(object).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}").into_bytes());
    text.push(b'\n');
    text.into()
}

/// Lines as they come.
pub(super) fn ndjson(lines: mpsc::Receiver<Bytes>) -> Response {
    let stream = futures_util::stream::unfold(lines, |mut lines| async move {
        lines.recv().await.map(|l| (Ok::<_, std::convert::Infallible>(l), lines))
    });
    ([(header::CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(stream)).into_response()
}

pub(super) fn now() -> String {
    jiff::Timestamp::now().to_string()
}
