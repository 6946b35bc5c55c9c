//! Tokenizers: from `tokenizer.json` or GGUF metadata, and back to GGUF metadata.
//!
//! The ids must be those the served model sees, so llama.cpp's rules are the measure: GGUF metadata becomes a
//! `tokenizer.json` with the same behaviour (docs/internals/prompt.md). A folder's tokenizer loses its normalisation to NFC, which
//! llama.cpp does not do; other rules that a GGUF can't hold are refused by name when the folder is opened.

mod added;
mod ends;
mod from_folder;
mod from_gguf;
mod hashes;
mod live;
mod metadata;
mod pieces;
mod pre;
mod probe;
mod rules;
mod spm;
mod to_gguf;
mod vocab;

pub use live::Tokenizer;

use std::ops::Range;

#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("{0}: no usable tokenizer: {1}")]
    Bad(String, String),
    #[error("the tokenizer's pre-tokenizer {0:?} (tokenizer.ggml.pre) is not among those that tunesmith computes")]
    UnknownPre(String),
    /// A rule of a folder's tokenizer.
    #[error(
        "{file}: its tokenizer.json has a rule that a GGUF can't hold, so the served model would see other tokens than were trained: {rule}"
    )]
    Unkept { file: String, rule: String },
    #[error(
        "{file}: a text holds {token:?}, whose id is {id}, but the embedding has {rows} rows: the token was added to the tokenizer and the embedding was not resized; remove it from the text, or resize the embedding with transformers (model.resize_token_embeddings)"
    )]
    BeyondEmbedding { file: String, token: String, id: u32, rows: usize },
}

impl TokenizerError {
    /// What to do about it, where the message does not say that.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            // A record's fault quotes the second: it says its remedy itself.
            Self::Bad(..) | Self::BeyondEmbedding { .. } => None,
            Self::UnknownPre(_) => Some("use another base, or a newer conversion of this one"),
            Self::Unkept { .. } => {
                Some("use the base's GGUF, whose tokenizer is the one that is served, or another base")
            }
        }
    }
}

/// A token of a text: its id and the bytes of the text it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub span: Range<usize>,
}
