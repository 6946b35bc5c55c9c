//! A JSON body, read as Ollama reads it: no Content-Type is asked for, a fault is a 400 with its words.

use axum::body::Bytes;
use serde::de::DeserializeOwned;

use super::reply::Fault;
use crate::ollama::ModelName;

pub(super) fn json<T: DeserializeOwned>(body: &Bytes) -> Result<T, Fault> {
    if body.is_empty() {
        return Err(Fault::bad("missing request body"));
    }
    serde_json::from_slice(body).map_err(|e| Fault::bad(e.to_string()))
}

pub(super) fn name(text: &str) -> Result<ModelName, Fault> {
    if text.is_empty() {
        return Err(Fault::bad("model is required"));
    }
    ModelName::parse(text).map_err(|_| Fault::bad("invalid model name"))
}
