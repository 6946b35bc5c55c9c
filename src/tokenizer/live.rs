//! The tokenizer at work.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::vocab::{Model, Vocab};
use super::{Token, TokenizerError, ends, from_folder, from_gguf, metadata, pieces, to_gguf};
use crate::gguf::{Gguf, Metadata};

/// Cheap to clone.
#[derive(Clone)]
pub struct Tokenizer(Arc<Live>);

struct Live {
    /// The file or folder, for messages.
    source: String,
    engine: tokenizers::Tokenizer,
    /// A folder's own `tokenizer.json`.
    json: Option<String>,
    vocab: Vocab,
    /// By id.
    bytes: Vec<Vec<u8>>,
    ends: BTreeSet<u32>,
    /// `tokenizer.*` of the GGUF it came from.
    gguf: Option<Metadata>,
    /// Texts of added tokens after the last of `vocab`, for which the embedding has no row.
    beyond: Vec<String>,
}

impl Live {
    /// Whether a space is put before every run of text.
    fn space_prefix(&self) -> bool {
        matches!(self.vocab.model, Model::Spm { space_prefix: true, .. })
    }
}

/// What a tokenizer is made of.
struct Parts {
    vocab: Vocab,
    engine: tokenizers::Tokenizer,
    json: Option<String>,
    gguf: Option<Metadata>,
    beyond: Vec<String>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({}, {} tokens)", self.0.source, self.vocab_size())
    }
}

impl Tokenizer {
    pub fn from_gguf(gguf: &Gguf) -> Result<Self, TokenizerError> {
        Self::from_metadata(gguf.metadata(), &gguf.path().display().to_string())
    }

    /// From GGUF metadata alone; `source` names it in errors.
    pub fn from_metadata(all: &Metadata, source: &str) -> Result<Self, TokenizerError> {
        let vocab = from_gguf::vocab(all, source)?;
        let engine = metadata::engine(&vocab, source)?;
        let keys = all.iter().filter(|(k, _)| k.starts_with("tokenizer.ggml.")).map(|(k, v)| (k.clone(), v.clone()));
        let read = Parts { vocab, engine, json: None, gguf: Some(keys.collect()), beyond: Vec::new() };
        Ok(Self::start(read, source))
    }

    /// A folder with `tokenizer.json` (and `tokenizer_config.json`, where the special tokens and BOS rule stand). Refused
    /// where it has a rule that a GGUF made of it does not hold.
    pub fn from_folder(folder: &Path) -> Result<Self, TokenizerError> {
        Self::of_folder(folder, None)
    }

    /// As [`Tokenizer::from_folder`], for an embedding of so many rows: a text with an added token that has none is an
    /// error of [`Tokenizer::encode`].
    pub fn from_folder_for(folder: &Path, rows: usize) -> Result<Self, TokenizerError> {
        Self::of_folder(folder, Some(rows))
    }

    fn of_folder(folder: &Path, rows: Option<usize>) -> Result<Self, TokenizerError> {
        let from_folder::Read { vocab, engine, original, beyond } = from_folder::read(folder, rows)?;
        let read = Parts { vocab, engine, json: Some(original), gguf: None, beyond };
        Ok(Self::start(read, &folder.display().to_string()))
    }

    fn start(read: Parts, source: &str) -> Self {
        let Parts { vocab, engine, json, gguf, beyond } = read;
        let texts = vocab.tokens.iter().enumerate().filter(|(_, t)| ends::is_end_text(t));
        let ends = texts.map(|(i, _)| i as u32).chain(vocab.eos).chain(vocab.ends.iter().copied()).collect();
        let bytes = pieces::bytes(&vocab);
        Self(Arc::new(Live { source: source.to_owned(), engine, json, vocab, bytes, ends, gguf, beyond }))
    }

    /// Special tokens written in the text are parsed; no BOS is added.
    pub fn encode(&self, text: &str) -> Result<Vec<Token>, TokenizerError> {
        let encoding = self.0.engine.encode(text, false).map_err(|e| self.bad(e.to_string()))?;
        let ids = encoding.get_ids();
        let rows = self.vocab_size();
        if let Some(&id) = ids.iter().find(|id| **id as usize >= rows) {
            let token = self.0.beyond.get(id as usize - rows).cloned().unwrap_or_default();
            return Err(TokenizerError::BeyondEmbedding { file: self.0.source.clone(), token, id, rows });
        }
        let spans = self.exact_spans(text, ids).unwrap_or_else(|| {
            let clamp = |(start, end): &(usize, usize)| (*start).min(text.len())..(*end).min(text.len());
            encoding.get_offsets().iter().map(clamp).collect()
        });
        Ok(ids.iter().zip(spans).map(|(&id, span)| Token { id, span }).collect())
    }

    /// Each token's own bytes laid along the text: exact even inside a character. `None` where something was
    /// normalised or unknown, so that the bytes are not those of the text.
    fn exact_spans(&self, text: &str, ids: &[u32]) -> Option<Vec<Range<usize>>> {
        let prefixed = self.0.space_prefix();
        let (mut at, mut fresh) = (0, true);
        let mut spans = Vec::with_capacity(ids.len());
        for &id in ids {
            let added = self.0.vocab.kinds.get(id as usize)?.is_added();
            let mut bytes = self.0.bytes.get(id as usize)?.as_slice();
            if prefixed && fresh && !added {
                // The space that SentencePiece puts before a text is not of the text.
                bytes = bytes.strip_prefix(b" ")?;
            }
            if !text.as_bytes()[at..].starts_with(bytes) {
                return None;
            }
            spans.push(at..at + bytes.len());
            at += bytes.len();
            fresh = added;
        }
        (at == text.len()).then_some(spans)
    }

    /// The inverse of [`Tokenizer::encode`]: special tokens are included in the text; the space that SentencePiece puts
    /// before each run of text is taken off. Bytes that are no UTF-8 become U+FFFD.
    pub fn decode(&self, ids: &[u32]) -> Result<String, TokenizerError> {
        let (mut bytes, mut fresh) = (Vec::new(), self.0.space_prefix());
        for &id in ids {
            let (Some(piece), Some(kind)) = (self.0.bytes.get(id as usize), self.0.vocab.kinds.get(id as usize)) else {
                return Err(self.bad(format!("there is no token {id}")));
            };
            let own = if fresh && !kind.is_added() { piece.strip_prefix(b" ") } else { None };
            bytes.extend(own.unwrap_or(piece));
            fresh = kind.is_added() && self.0.space_prefix();
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The exact bytes of one token (byte-level characters undone, `▁` as a space, `<0xXX>` as that byte).
    pub fn token_bytes(&self, id: u32) -> Option<Vec<u8>> {
        self.0.bytes.get(id as usize).cloned()
    }

    pub fn id(&self, token: &str) -> Option<u32> {
        self.0.engine.token_to_id(token)
    }

    pub fn bos(&self) -> Option<u32> {
        self.0.vocab.bos
    }

    pub fn eos(&self) -> Option<u32> {
        self.0.vocab.eos
    }

    /// The text of a token as the vocabulary writes it (`<|im_end|>`, `Ġthe`).
    pub fn token_text(&self, id: u32) -> Option<&str> {
        self.0.vocab.tokens.get(id as usize).map(String::as_str)
    }

    /// Ids that end a turn or a text (eos, eot, `<|im_end|>` …): generation stops there.
    pub fn is_end(&self, id: u32) -> bool {
        self.0.ends.contains(&id)
    }

    /// Whether llama.cpp puts BOS before a prompt (`tokenizer.ggml.add_bos_token`, else the family's habit).
    pub fn adds_bos(&self) -> bool {
        self.0.vocab.add_bos
    }

    pub fn vocab_size(&self) -> usize {
        self.0.vocab.tokens.len()
    }

    /// Texts of added tokens for which the embedding has no row: a pad token, as a rule.
    pub fn beyond_embedding(&self) -> &[String] {
        &self.0.beyond
    }

    /// The `tokenizer.json` text, for the adapter's folder: a folder's own, with the added tokens named beside it.
    pub fn to_json(&self) -> Result<String, TokenizerError> {
        match &self.0.json {
            Some(own) => Ok(own.clone()),
            None => metadata::tokenizer_json(&self.0.vocab, &self.0.source),
        }
    }

    /// `tokenizer_config.json` to stand beside it: class, special tokens and BOS rule (no chat template).
    pub fn to_config_json(&self) -> serde_json::Value {
        let text = |id: Option<u32>| id.and_then(|id| self.token_text(id));
        let vocab = &self.0.vocab;
        serde_json::json!({
            "tokenizer_class": "PreTrainedTokenizerFast",
            "bos_token": text(vocab.bos),
            "eos_token": text(vocab.eos),
            "unk_token": text(vocab.unknown),
            "pad_token": text(vocab.padding),
            "add_bos_token": vocab.add_bos,
            "add_eos_token": vocab.add_eos,
            "clean_up_tokenization_spaces": false,
        })
    }

    /// `tokenizer.ggml.*` keys: a GGUF's own unchanged, or made from a folder's `tokenizer.json`, a token for each id
    /// of it (where the embedding has more rows, the exporter adds unused ones).
    pub fn to_gguf_metadata(&self) -> Result<Metadata, TokenizerError> {
        match &self.0.gguf {
            Some(keys) => Ok(keys.clone()),
            None => to_gguf::metadata(&self.0.vocab),
        }
    }

    fn bad(&self, reason: String) -> TokenizerError {
        TokenizerError::Bad(self.0.source.clone(), reason)
    }
}

#[cfg(test)]
#[path = "live_tests.rs"]
mod tests;
