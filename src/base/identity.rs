//! The parts of a base's identity, from the files and the store's entry that it was opened from.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value as Json, json};

use super::{Base, BaseError};
use crate::gguf::{Gguf, Value};
use crate::store::{Digest, FileAction, Identity, read_regular};

/// Keys of JSON files that say who wrote the file, or where it lay; they change nothing.
const PROVENANCE: [&str; 6] =
    ["_name_or_path", "name_or_path", "_commit_hash", "_from_model_config", "transformers_version", "use_cache"];

/// No file of these is near it.
const CAP: u64 = 256 << 20;

impl Base {
    /// What this base is, part by part. Everything that is trained, exported or proved depends on it.
    pub fn identity(&self) -> Identity {
        let mut identity = complete(self);
        identity.set(Identity::WEIGHTS, self.weights_digest());
        identity
    }
}

/// Config and tokenizer of a Hugging Face folder.
pub(super) fn of_folder(folder: &Path) -> Result<Identity, BaseError> {
    let mut identity = Identity::default();
    identity
        .set(Identity::CONFIG, files(folder, &["config.json", "generation_config.json"], &["torch_dtype", "dtype"])?);
    let tokenizer = [
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "tokenizer.model",
        "vocab.json",
        "merges.txt",
    ];
    // The template is a part of its own.
    identity.set(Identity::TOKENIZER, files(folder, &tokenizer, &["chat_template"])?);
    Ok(identity)
}

/// Config and tokenizer of a GGUF: the metadata of its architecture and of its tokenizer.
pub(super) fn of_gguf(gguf: &Gguf) -> Identity {
    let arch = gguf.architecture().unwrap_or_default().to_owned();
    let config =
        |key: &str| key == "general.architecture" || key.strip_prefix(&arch).is_some_and(|k| k.starts_with('.'));
    let tokenizer = |key: &str| key.starts_with("tokenizer.") && !key.starts_with("tokenizer.chat_template");
    let mut identity = Identity::default();
    for (part, belongs) in [
        (Identity::CONFIG, &config as &dyn Fn(&str) -> bool),
        (Identity::TOKENIZER, &tokenizer as &dyn Fn(&str) -> bool),
    ] {
        let values: Vec<(&str, Vec<u8>)> = gguf
            .metadata()
            .iter()
            .filter(|(key, _)| belongs(key))
            .map(|(key, value)| {
                let mut bytes = Vec::new();
                write(value, &mut bytes);
                (key.as_str(), bytes)
            })
            .collect();
        identity.set(part, Digest::of_parts(values.iter().map(|(key, bytes)| (*key, bytes.as_slice()))));
    }
    identity
}

/// The parts that are read off the opened base: template, system prompt, and what Ollama keeps beside the weights.
fn complete(base: &Base) -> Identity {
    let mut identity = base.files.clone();
    let template = json!({"jinja": base.template.source()});
    identity.set(Identity::CHAT_TEMPLATE, of_json(&template));
    if base.go_template.is_some() || base.renderer.is_some() || base.parser.is_some() {
        let served = json!({"template": base.go_template, "renderer": base.renderer, "parser": base.parser});
        identity.set(Identity::OLLAMA_TEMPLATE, of_json(&served));
    }
    if let Some(system) = &base.system {
        identity.set(Identity::SYSTEM, of_json(&json!(system)));
    }
    if !base.parameters.is_empty() || !base.messages.is_empty() {
        // The order of a key's values counts (`stop`), that of the keys does not.
        let mut parameters: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        base.parameters.iter().for_each(|(k, v)| parameters.entry(k).or_default().push(v));
        identity.set(Identity::PARAMETERS, of_json(&json!({"parameters": parameters, "messages": base.messages})));
    }
    identity
}

fn of_json(value: &Json) -> Digest {
    Digest::of_bytes(value.to_string().as_bytes())
}

/// One digest of those files that are there. JSON settings are compared as JSON, without provenance and `ignored`;
/// vocabularies, which take tens of MB, as bytes.
fn files(folder: &Path, names: &[&str], ignored: &[&str]) -> Result<Digest, BaseError> {
    let mut parts = Vec::new();
    for name in names {
        let path = folder.join(name);
        let bytes = match read_regular(FileAction::READING, &path, CAP) {
            Err(e) if e.source.kind() == std::io::ErrorKind::NotFound => continue,
            found => found?,
        };
        let settings = !matches!(*name, "tokenizer.json" | "vocab.json") && name.ends_with(".json");
        let canonical = settings.then(|| serde_json::from_slice::<Json>(&bytes).ok()).flatten().map(|mut json| {
            if let Some(fields) = json.as_object_mut() {
                fields.retain(|key, _| !PROVENANCE.contains(&key.as_str()) && !ignored.contains(&key.as_str()));
            }
            sorted(&json).to_string().into_bytes()
        });
        parts.push((*name, canonical.unwrap_or(bytes)));
    }
    Ok(Digest::of_parts(parts.iter().map(|(name, bytes)| (*name, bytes.as_slice()))))
}

/// With the keys of every object in alphabetical order, whether or not serde_json keeps the order of the file.
fn sorted(json: &Json) -> Json {
    match json {
        Json::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.iter().map(|(key, value)| (key.clone(), sorted(value))).collect();
            Json::Object(fields.into_iter().collect())
        }
        Json::Array(items) => Json::Array(items.iter().map(sorted).collect()),
        other => other.clone(),
    }
}

/// A metadata value without ambiguity: its kind, its length where it has one, its bytes.
fn write(value: &Value, out: &mut Vec<u8>) {
    let mut put = |kind: &[u8], bytes: &[u8]| {
        out.extend_from_slice(kind);
        out.extend_from_slice(bytes);
    };
    match value {
        Value::Bool(v) => put(b"b", &[u8::from(*v)]),
        Value::F32(v) => put(b"f", &f64::from(*v).to_le_bytes()),
        Value::F64(v) => put(b"f", &v.to_le_bytes()),
        Value::String(text) => {
            put(b"s", &(text.len() as u64).to_le_bytes());
            put(b"", text.as_bytes());
        }
        Value::Strings(texts) => {
            put(b"l", &(texts.len() as u64).to_le_bytes());
            texts.iter().for_each(|text| {
                out.extend_from_slice(&(text.len() as u64).to_le_bytes());
                out.extend_from_slice(text.as_bytes());
            });
        }
        Value::I32s(values) => {
            put(b"I", &(values.len() as u64).to_le_bytes());
            values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        }
        Value::F32s(values) => {
            put(b"F", &(values.len() as u64).to_le_bytes());
            values.iter().for_each(|v| out.extend_from_slice(&v.to_le_bytes()));
        }
        Value::Array(values) => {
            put(b"a", &(values.len() as u64).to_le_bytes());
            values.iter().for_each(|v| write(v, out));
        }
        // The width that an integer is stored in changes nothing.
        integer => match (integer.as_u64(), integer.as_i64()) {
            (Some(v), _) => put(b"u", &v.to_le_bytes()),
            (None, v) => put(b"i", &v.unwrap_or_default().to_le_bytes()),
        },
    }
}
