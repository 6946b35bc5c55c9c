//! The metadata of what is written: the base's, its type, a neutral name, the lineage.

use super::item::Item;
use super::types::{self, is_float};
use super::{ExportError, Quant, Request};
use crate::gguf::{Metadata, Value};
use crate::lora::LoraConfig;

/// A name with a model family in it ("phi3") makes readers treat the vocabulary as that family's.
const NEUTRAL_NAME: &str = "tuned";

/// Of a merged model.
pub(super) fn merged(request: &Request<'_>, items: &[Item<'_>], quant: Quant) -> Result<Metadata, ExportError> {
    let mut m = match request.weights.gguf() {
        Some(gguf) => gguf.metadata().clone(),
        None => from_folder(request)?,
    };
    let changed = items.iter().any(|i| i.from() != i.to);
    if changed || quant != Quant::Keep || !m.contains_key("general.file_type") {
        let matrices = items.iter().filter(|i| !i.vector).map(|i| (i.to, i.elements()));
        m.insert("general.file_type".to_owned(), Value::U32(types::file_type(matrices)));
    }
    if items.iter().any(|i| !is_float(i.to)) {
        m.insert("general.quantization_version".to_owned(), Value::U32(2));
    }
    if let Some(template) = request.chat_template {
        m.insert("tokenizer.chat_template".to_owned(), Value::String(template.to_owned()));
    }
    m.insert("general.type".to_owned(), text("model"));
    common(&mut m, request);
    Ok(m)
}

/// The one `adapter.lora.alpha`: llama.cpp's factor of a pair is this over the pair's own rank.
pub(super) fn alpha(config: &LoraConfig) -> f64 {
    config.scale() * config.rank as f64
}

/// Of a LoRA adapter, as llama.cpp's `convert_lora_to_gguf.py` writes them. The daemon's factor is alpha over the rank of the tensor.
pub(super) fn adapter(request: &Request<'_>) -> Metadata {
    let config = &request.adapter.config;
    let mut m = Metadata::new();
    m.insert("general.architecture".to_owned(), text(request.weights.config().family.gguf));
    m.insert("general.type".to_owned(), text("adapter"));
    m.insert("adapter.type".to_owned(), text("lora"));
    m.insert("adapter.lora.alpha".to_owned(), Value::F32(alpha(config) as f32));
    m.insert("general.file_type".to_owned(), Value::U32(0));
    m.insert("general.quantization_version".to_owned(), Value::U32(2));
    common(&mut m, request);
    m
}

fn text(value: &str) -> Value {
    Value::String(value.to_owned())
}

fn common(m: &mut Metadata, request: &Request<'_>) {
    m.insert("general.name".to_owned(), text(NEUTRAL_NAME));
    for (key, value) in request.lineage {
        let key = key.strip_prefix("tunesmith.").unwrap_or(key);
        m.insert(format!("tunesmith.{key}"), text(value));
    }
}

/// What llama.cpp's converter writes for a Hugging Face folder: architecture and tokenizer.
fn from_folder(request: &Request<'_>) -> Result<Metadata, ExportError> {
    let config = request.weights.config();
    let mut m = config.to_gguf_metadata();
    m.extend(request.tokenizer.to_gguf_metadata()?);
    pad_vocabulary(&mut m, config.vocab)?;
    Ok(m)
}

/// As many tokens as the embedding has rows: llama.cpp takes the vocabulary's size from the list of tokens.
fn pad_vocabulary(m: &mut Metadata, vocab: usize) -> Result<(), ExportError> {
    const UNUSED: i32 = 5;
    let Some(Value::Strings(tokens)) = m.get_mut("tokenizer.ggml.tokens") else { return Ok(()) };
    if tokens.len() > vocab {
        let said = format!(
            "the tokenizer has {} tokens, but the embedding {vocab} rows: they belong to different models",
            tokens.len()
        );
        return Err(ExportError::Other(said));
    }
    tokens.extend((tokens.len()..vocab).map(|i| format!("[PAD{i}]")).collect::<Vec<_>>());
    if let Some(Value::I32s(types)) = m.get_mut("tokenizer.ggml.token_type") {
        types.resize(vocab, UNUSED);
    }
    if let Some(Value::F32s(scores)) = m.get_mut("tokenizer.ggml.scores") {
        scores.resize(vocab, -1000.0);
    }
    Ok(())
}
