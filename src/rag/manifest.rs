//! `manifest.json`: what an index was made of and what its files have to be.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::store::Digest;

use super::chunk::ChunkOptions;
use super::embed::EmbedderIdentity;
use super::error::{Damage, RagError};
use super::origin::Origin;
use super::terms::TOKENIZER;

/// The name of the file, which lists and names all others by their digests.
pub const MANIFEST: &str = "manifest.json";
pub(super) const FORMAT: &str = "tunesmith-rag-index";
pub(super) const VERSION: u32 = 3;

/// A document of the corpus, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceDigest {
    pub path: String,
    pub digest: Digest,
}

impl SourceDigest {
    /// Of every document, by path.
    pub fn of_corpus(corpus: &Corpus) -> Vec<Self> {
        let all = corpus.documents.iter().map(|d| Self { path: d.path.to_string(), digest: d.digest });
        all.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// An embedder as an index keeps it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbedderRecord {
    pub identity: EmbedderIdentity,
    pub dims: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub documents: usize,
    /// Units that were indexed.
    pub units: usize,
    pub chunks: usize,
    pub terms: usize,
}

/// What a file has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    pub bytes: u64,
    /// [`Digest::of_parts`] of the file's name and bytes.
    pub digest: Digest,
}

impl FileRecord {
    pub(super) fn new(name: &str, bytes: &[u8]) -> Self {
        Self { bytes: bytes.len() as u64, digest: Digest::of_parts([(name, bytes)]) }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub version: u32,
    /// Every document of the corpus, excluded ones too, by path.
    pub documents: Vec<SourceDigest>,
    pub origin: Origin,
    /// Sources that were left out.
    pub excluded: Vec<String>,
    pub chunker: ChunkOptions,
    pub tokenizer: String,
    pub embedder: Option<EmbedderRecord>,
    pub counts: Counts,
    /// Every other file of the index; empty before it is written.
    pub files: BTreeMap<String, FileRecord>,
}

impl Manifest {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, Damage> {
        let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|e| Damage::Manifest(e.to_string()))?;
        if value.get("format").and_then(|f| f.as_str()) != Some(FORMAT) {
            return Err(Damage::NoManifest);
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64).unwrap_or(0);
        if version != u64::from(VERSION) {
            return Err(Damage::Version { found: version, expected: VERSION });
        }
        let manifest: Self = serde_json::from_value(value).map_err(|e| Damage::Manifest(e.to_string()))?;
        if manifest.tokenizer != TOKENIZER {
            return Err(Damage::Tokenizer { found: manifest.tokenizer, expected: TOKENIZER });
        }
        Ok(manifest)
    }

    /// Refuses an index whose documents have changed or are gone, or that lacks new ones. Returns whether they could be looked
    /// at: the folders or files that were named may be on another machine. `command` makes the index again.
    pub fn check_sources(&self, command: &str) -> Result<bool, RagError> {
        let roots = &self.origin.roots;
        if roots.is_empty() || !roots.iter().all(|root| root.path.exists()) {
            return Ok(false);
        }
        let mut present = self.origin.present()?;
        let mut differences = Vec::new();
        for SourceDigest { path, digest } in &self.documents {
            match present.remove(path).map(Digest::of_file) {
                Some(Ok(found)) if found == *digest => {}
                Some(Ok(_)) => differences.push(format!("{path} has changed")),
                Some(Err(fault)) => return Err(fault.into()),
                None => differences.push(format!("{path} is gone")),
            }
        }
        // What had no text then, or was no document.
        for (file, path) in present {
            match self.origin.files.get(&file) {
                None => differences.push(format!("{file} is new")),
                Some(digest) if Digest::of_file(&path)? != *digest => differences.push(format!("{file} has changed")),
                Some(_) => {}
            }
        }
        if differences.is_empty() {
            return Ok(true);
        }
        Err(RagError::Stale { differences, command: command.to_owned() })
    }

    /// Refuses an embedder that is not the one that the index was made with.
    pub fn check_embedder(&self, present: &EmbedderIdentity) -> Result<(), RagError> {
        let Some(record) = &self.embedder else { return Err(RagError::NoVectors) };
        let indexed = &record.identity;
        if indexed == present {
            return Ok(());
        }
        let described = |e: &EmbedderIdentity| match indexed.model == present.model && indexed.digest == present.digest
        {
            true => format!("{} with the prefixes {:?} and {:?}", e.model, e.prefixes.query, e.prefixes.document),
            false => format!("{} ({})", e.model, e.digest),
        };
        Err(RagError::EmbedderDiffers { index: described(indexed), present: described(present) })
    }
}
