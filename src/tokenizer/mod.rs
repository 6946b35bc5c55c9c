//! Tokenizers: from `tokenizer.json` or GGUF metadata, and back to GGUF metadata.
//!
//! The ids must be those the served model sees, so llama.cpp's rules are the measure: GGUF metadata becomes a
//! `tokenizer.json` with the same behaviour (gguf.md §4), and a folder's tokenizer loses what llama.cpp does not do
//! (normalisation to NFC).

mod ends;
mod from_folder;
mod from_gguf;
mod hashes;
mod live;
mod metadata;
mod pieces;
mod pre;
mod spm;
mod to_gguf;
mod vocab;

pub use live::Tokenizer;

use std::ops::Range;

#[derive(Debug, thiserror::Error)]
pub enum TokenizerError {
    #[error("{0}: no usable tokenizer: {1}")]
    Bad(String, String),
    #[error(
        "the tokenizer's pre-tokenizer {0:?} is unknown: give the base as a Hugging Face folder with its tokenizer.json"
    )]
    UnknownPre(String),
}

/// A token of a text: its id and the bytes of the text it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub id: u32,
    pub span: Range<usize>,
}
