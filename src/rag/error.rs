//! The errors of this module.

use std::path::PathBuf;

use crate::corpus::CorpusError;
use crate::store::StoreError;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What is wrong with a file of an index.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    #[error("it is not JSON of an index's manifest: {0}")]
    Manifest(String),
    #[error("it is not the manifest of an index")]
    NoManifest,
    #[error("it has format version {found}; this program reads version {expected}")]
    Version { found: u64, expected: u32 },
    #[error("its terms were made by {found:?}; this program makes them by {expected:?}")]
    Tokenizer { found: String, expected: &'static str },
    #[error("the manifest lists the files {found:?}; expected {expected:?}")]
    Files { found: Vec<String>, expected: Vec<String> },
    #[error("it has {found} bytes; the manifest says {expected}")]
    Size { found: u64, expected: u64 },
    #[error("its content is not what was written (the digest differs)")]
    Digest,
    #[error("line {line}: {what}")]
    Line { line: usize, what: String },
    #[error("it holds {found} {what}; the manifest says {expected}")]
    Count { what: &'static str, found: usize, expected: usize },
    #[error("it ends within {0}")]
    Short(&'static str),
    #[error("{0} is invalid")]
    Value(&'static str),
}

#[derive(Debug, thiserror::Error)]
pub enum RagError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Documents(#[from] CorpusError),
    #[error("there is no index in {}; make one with `tunesmith rag index`", folder.display())]
    NoIndex { folder: PathBuf },
    #[error("{}: {damage}; make the index again with `tunesmith rag index`", path.display())]
    Damaged { path: PathBuf, damage: Damage },
    #[error("{} holds {name:?}, which is no part of an index; name a folder of its own", folder.display())]
    NotAnIndex { folder: PathBuf, name: String },
    #[error("the corpus has no text to index ({units} units, {excluded} of them excluded)")]
    Empty { units: usize, excluded: usize },
    #[error(
        "sources that are to be left out are in none of the documents: {}; name the documents as they were named for `data generate`",
        listed(sources)
    )]
    NotExcluded { sources: Vec<String> },
    #[error("the corpus has more than {limit} {what}, the most that an index holds")]
    TooLarge { what: &'static str, limit: u64 },
    #[error("the index does not fit its sources: {}; run: {command}", listed(differences))]
    Stale { differences: Vec<String>, command: String },
    #[error(
        "the index was made with the embedder {index}, and the present one is {present}; make the index again with it"
    )]
    EmbedderDiffers { index: String, present: String },
    #[error("the index holds no vectors; make it again with an embedder")]
    NoVectors,
    #[error("the weight of the vector list is {0}; expected 0 to 1")]
    Weight(f64),
    #[error("embedding with {model}: {source}")]
    Embedder { model: String, source: Cause },
    #[error("{model} gave {found} vectors for {expected} texts")]
    VectorCount { model: String, found: usize, expected: usize },
    #[error("{model} gave a vector of {found} numbers; expected {expected}")]
    Dimensions { model: String, found: usize, expected: usize },
    #[error("{model} gave a vector of length {length}; expected length 1: choose a model whose vectors are normalised")]
    NotUnit { model: String, length: f64 },
    #[error(
        "{model} gave two different vectors for one text (cosine {cosine:.6}): it is no embedding model, or the daemon mixes answers"
    )]
    Unequal { model: String, cosine: f64 },
    #[error("interrupted after {done} of {of} chunks were embedded; nothing was written")]
    Interrupted { done: usize, of: usize },
    #[error("the question has no user turn")]
    NoQuestion,
}

/// Differences and sources that are printed, at most.
const MAX_LISTED: usize = 5;

fn listed(all: &[String]) -> String {
    let mut text = all.iter().take(MAX_LISTED).cloned().collect::<Vec<_>>().join(", ");
    if all.len() > MAX_LISTED {
        text.push_str(&format!(" and {} more", all.len() - MAX_LISTED));
    }
    text
}
