//! A vocabulary to `tokenizer.ggml.*`, as llama.cpp's converter writes it.

use super::TokenizerError;
use super::vocab::{Model, Vocab};
use crate::gguf::{Metadata, Value};

/// The keys of a vocabulary.
pub(super) fn metadata(vocab: &Vocab) -> Result<Metadata, TokenizerError> {
    let mut m = Metadata::new();
    let mut set = |key: &str, value: Value| m.insert(format!("tokenizer.ggml.{key}"), value);
    match &vocab.model {
        Model::ByteLevel { pre, merges } => {
            let pre = pre.ok_or_else(|| TokenizerError::UnknownPre("of this tokenizer.json".to_owned()))?;
            set("model", Value::String("gpt2".into()));
            set("pre", Value::String(pre.to_owned()));
            // A space inside a piece is written as GPT-2's stand-in for it.
            let line = |(l, r): &(String, String)| format!("{} {}", l.replace(' ', "Ġ"), r.replace(' ', "Ġ"));
            set("merges", Value::Strings(merges.iter().map(line).collect()));
        }
        Model::Spm { scores, space_prefix } => {
            set("model", Value::String("llama".into()));
            set("pre", Value::String("default".into()));
            set("scores", Value::F32s(scores.clone()));
            set("add_space_prefix", Value::Bool(*space_prefix));
        }
    }
    set("tokens", Value::Strings(vocab.tokens.clone()));
    set("token_type", Value::I32s(vocab.kinds.iter().map(|k| k.number()).collect()));
    for (key, id) in [
        ("bos_token_id", vocab.bos),
        ("eos_token_id", vocab.eos),
        ("unknown_token_id", vocab.unknown),
        ("padding_token_id", vocab.padding),
    ] {
        if let Some(id) = id {
            set(key, Value::U32(id));
        }
    }
    set("add_bos_token", Value::Bool(vocab.add_bos));
    set("add_eos_token", Value::Bool(vocab.add_eos));
    Ok(m)
}
