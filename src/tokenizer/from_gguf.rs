//! `tokenizer.ggml.*` to a vocabulary.

use super::vocab::{Kind, Model, Vocab};
use super::{TokenizerError, pre};
use crate::gguf::{Metadata, Value};

/// Reads the vocabulary; `source` names the file in errors.
pub(super) fn vocab(metadata: &Metadata, source: &str) -> Result<Vocab, TokenizerError> {
    let keys = Keys { metadata, source };
    let tokens = keys.get("tokens")?.as_strings().ok_or_else(|| keys.wrong("tokens", "an array of strings"))?.to_vec();
    let kinds = keys.kinds(tokens.len())?;
    let name = keys.get("model")?.as_str().ok_or_else(|| keys.wrong("model", "a string"))?;
    let (model, add_bos, defaults) = match name {
        "gpt2" => {
            let (model, add_bos) = keys.byte_level()?;
            (model, add_bos, (None, None, None))
        }
        // llama.cpp's defaults where the keys are absent
        "llama" => (keys.spm(tokens.len())?, true, (Some(1), Some(2), Some(0))),
        other => {
            let reason = format!(
                "its model {other:?} is none of those that can be computed: gpt2 (byte-level BPE), llama (SentencePiece)"
            );
            return Err(keys.bad(reason));
        }
    };
    let ends = ["eot_token_id", "eom_token_id"].into_iter().filter_map(|k| keys.id(k)).collect();
    let vocab = Vocab {
        tokens,
        kinds,
        model,
        bos: keys.id("bos_token_id").or(defaults.0),
        eos: keys.id("eos_token_id").or(defaults.1),
        unknown: keys.id("unknown_token_id").or(defaults.2),
        padding: keys.id("padding_token_id"),
        ends,
        add_bos: keys.flag("add_bos_token").unwrap_or(add_bos),
        add_eos: keys.flag("add_eos_token").unwrap_or(false),
    };
    vocab.settle(source)
}

struct Keys<'a> {
    metadata: &'a Metadata,
    source: &'a str,
}

impl Keys<'_> {
    fn bad(&self, reason: String) -> TokenizerError {
        TokenizerError::Bad(self.source.to_owned(), reason)
    }

    fn maybe(&self, key: &str) -> Option<&Value> {
        self.metadata.get(&format!("tokenizer.ggml.{key}"))
    }

    fn get(&self, key: &str) -> Result<&Value, TokenizerError> {
        self.maybe(key).ok_or_else(|| self.bad(format!("tokenizer.ggml.{key} is missing")))
    }

    fn wrong(&self, key: &str, expected: &str) -> TokenizerError {
        let found = self.maybe(key).map_or("nothing", Value::kind);
        self.bad(format!("tokenizer.ggml.{key} holds {found}, not {expected}"))
    }

    /// llama.cpp writes -1 (or the largest u32) for "none".
    fn id(&self, key: &str) -> Option<u32> {
        self.maybe(key)?.as_u64().and_then(|n| u32::try_from(n).ok()).filter(|n| *n != u32::MAX)
    }

    fn flag(&self, key: &str) -> Option<bool> {
        self.maybe(key)?.as_bool()
    }

    fn kinds(&self, n: usize) -> Result<Vec<Kind>, TokenizerError> {
        let Some(value) = self.maybe("token_type") else { return Ok(vec![Kind::Normal; n]) };
        let numbers = value.to_i64s().ok_or_else(|| self.wrong("token_type", "an array of integers"))?;
        let kinds: Option<Vec<Kind>> = numbers.into_iter().map(Kind::from_number).collect();
        kinds.ok_or_else(|| self.bad("tokenizer.ggml.token_type holds a type that is none of 1 to 6".to_owned()))
    }

    fn byte_level(&self) -> Result<(Model, bool), TokenizerError> {
        // Without a name llama.cpp falls back to a regex that is right for no model of today.
        let name = self.maybe("pre").and_then(Value::as_str).unwrap_or("default");
        let (row, name) = pre::by_name(name).ok_or_else(|| TokenizerError::UnknownPre(name.to_owned()))?;
        let lines = self.get("merges")?.as_strings().ok_or_else(|| self.wrong("merges", "an array of strings"))?;
        let pair = |line: &String| {
            // A piece may begin with a space in no byte-level vocabulary, but llama.cpp looks from the second byte on.
            let at = line.bytes().skip(1).position(|b| b == b' ').map(|at| at + 1);
            let (l, r) =
                at.map(|at| line.split_at(at)).ok_or_else(|| self.bad(format!("the merge {line:?} is no pair")))?;
            Ok((l.to_owned(), r[1..].to_owned()))
        };
        let merges = lines.iter().map(pair).collect::<Result<_, _>>()?;
        Ok((Model::ByteLevel { pre: Some(name), merges }, row.add_bos))
    }

    fn spm(&self, n: usize) -> Result<Model, TokenizerError> {
        let scores = self.get("scores")?.to_f32s().ok_or_else(|| self.wrong("scores", "an array of numbers"))?;
        if scores.len() != n {
            return Err(self.bad(format!("it has {n} tokens but {} scores", scores.len())));
        }
        if scores.iter().any(|s| s.is_nan()) {
            return Err(self.bad("one of its scores is no number".to_owned()));
        }
        if n > 1 && scores.iter().all(|s| *s == scores[0]) {
            let reason = format!(
                "all its scores are {}, so the order of its merges is lost (it was converted without tokenizer.model): \
                 give the base as a Hugging Face folder with its tokenizer.json",
                scores[0]
            );
            return Err(self.bad(reason));
        }
        Ok(Model::Spm { scores, space_prefix: self.flag("add_space_prefix").unwrap_or(true) })
    }
}
