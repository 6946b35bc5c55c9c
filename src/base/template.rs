//! A base's Jinja chat template, from wherever its makers put it.

use std::path::Path;

use serde_json::Value as Json;

use super::BaseError;
use crate::gguf::{Gguf, Value};
use crate::ollama::StoredModel;
use crate::store::{FileAction, read_text};

/// Templates of today take 20 kB at most.
const CAP: u64 = 16 << 20;

const REMEDY: &str = "training needs it to write prompts as the model knows them: take the instruct model, name a model \
                      in Ollama that has a TEMPLATE, or give a Hugging Face folder with a chat_template.jinja";

/// A template of one of the two languages.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Template {
    Jinja(String),
    /// Ollama's own, where there is no other.
    Go(String),
}

/// `tokenizer.chat_template` of the file; else the TEMPLATE that the store keeps beside it.
pub(super) fn of_gguf(gguf: &Gguf, name: &str, stored: Option<&StoredModel>) -> Result<Template, BaseError> {
    let jinja = gguf.metadata().get("tokenizer.chat_template").and_then(Value::as_str);
    if let Some(text) = jinja.filter(|text| !text.trim().is_empty()) {
        return Ok(Template::Jinja(text.to_owned()));
    }
    match stored {
        Some(StoredModel { renderer: Some(renderer), .. }) => Err(BaseError::Other(format!(
            "{name}: its file has no chat template (tokenizer.chat_template), and Ollama renders it by its built-in \
             RENDERER {renderer}, which is not a template that could be trained on; {REMEDY}"
        ))),
        Some(StoredModel { template: Some(go), .. }) if !go.trim().is_empty() => Ok(Template::Go(go.clone())),
        _ => Err(BaseError::Other(format!("{name}: it has no chat template (tokenizer.chat_template); {REMEDY}"))),
    }
}

/// `chat_template.jinja`, else `chat_template` of tokenizer_config.json (a text, or a list of which `default` counts),
/// as transformers looks for it.
pub(super) fn of_folder(folder: &Path) -> Result<Template, BaseError> {
    if let Some(text) = text(&folder.join("chat_template.jinja"))? {
        return Ok(Template::Jinja(text));
    }
    let path = folder.join("tokenizer_config.json");
    let config: Json = match text(&path)? {
        Some(text) => serde_json::from_str(&text)
            .map_err(|e| BaseError::Other(format!("{}: it is no JSON: {e}", path.display())))?,
        None => Json::Null,
    };
    let said = &config["chat_template"];
    let default = || said.as_array()?.iter().find(|t| t["name"] == "default")?["template"].as_str();
    let found = said.as_str().or_else(default).filter(|t| !t.trim().is_empty());
    found.map(|text| Template::Jinja(text.to_owned())).ok_or_else(|| {
        let folder = folder.display();
        BaseError::Other(format!(
            "{folder}: it has no chat template (chat_template.jinja, tokenizer_config.json); {REMEDY}"
        ))
    })
}

/// A small text file, if it is there.
pub(super) fn text(path: &Path) -> Result<Option<String>, BaseError> {
    match read_text(FileAction::READING, path, CAP) {
        Err(e) if e.source.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read?)),
    }
}
