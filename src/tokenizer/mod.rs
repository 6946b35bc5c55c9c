//! Tokenizers: from `tokenizer.json` or GGUF metadata, and back to GGUF metadata.

use std::ops::Range;
use std::path::Path;

use crate::gguf::{Gguf, Metadata};

#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("{0}: no usable tokenizer: {1}")]
    Bad(String, String),
    #[error("the tokenizer's pre-tokenizer {0:?} is unknown: give the base as a Hugging Face folder with its tokenizer.json")]
    UnknownPre(String),
}

/// A token of a text: its id and the bytes of the text it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub span: Range<usize>,
}

#[derive(Clone, Debug)]
pub struct Tokenizer(());

impl Tokenizer {
    pub fn from_gguf(_gguf: &Gguf) -> Result<Self, TokenizerError> {
        todo!()
    }
    /// A folder with `tokenizer.json` (and `tokenizer_config.json`, where the special tokens and BOS rule stand).
    pub fn from_folder(_folder: &Path) -> Result<Self, TokenizerError> {
        todo!()
    }
    /// Special tokens written in the text are parsed; no BOS is added.
    pub fn encode(&self, _text: &str) -> Result<Vec<Token>, TokenizerError> {
        todo!()
    }
    /// Special tokens included in the text.
    pub fn decode(&self, _ids: &[u32]) -> Result<String, TokenizerError> {
        todo!()
    }
    /// The exact bytes of one token (byte-level characters undone, `▁` as a space, `<0xXX>` as that byte).
    pub fn token_bytes(&self, _id: u32) -> Option<Vec<u8>> {
        todo!()
    }
    pub fn id(&self, _token: &str) -> Option<u32> {
        todo!()
    }
    pub fn bos(&self) -> Option<u32> {
        todo!()
    }
    pub fn eos(&self) -> Option<u32> {
        todo!()
    }
    /// Ids that end a turn or a text (eos, eot, `<|im_end|>` …): generation stops there.
    pub fn is_end(&self, _id: u32) -> bool {
        todo!()
    }
    /// Whether llama.cpp puts BOS before a prompt (`tokenizer.ggml.add_bos_token`, else the family's habit).
    pub fn adds_bos(&self) -> bool {
        todo!()
    }
    pub fn vocab_size(&self) -> usize {
        todo!()
    }
    /// The `tokenizer.json` text, for the adapter's folder.
    pub fn to_json(&self) -> String {
        todo!()
    }
    /// `tokenizer.ggml.*` keys, for a GGUF made from a Hugging Face folder.
    pub fn to_gguf_metadata(&self) -> Result<Metadata, TokenizerError> {
        todo!()
    }
}
