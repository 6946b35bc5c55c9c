//! JSONL with line numbers to records of every accepted shape; all faults reported; split by content hash.

use std::path::Path;

use crate::chat::Message;

/// What one line holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// `messages`, `conversations` (sharegpt), `instruction`/`input`/`output`, `prompt`/`completion`.
    Chat(Vec<Message>),
    /// `text`: BOS + text + EOS, every token trained.
    Text(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// From 1.
    pub line: usize,
    pub content: Content,
    pub category: Option<String>,
}

/// One fault of the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub line: usize,
    pub what: String,
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Display lists every fault with its line.
    #[error("{} faults", .0.len())]
    Faults(Vec<Fault>),
    #[error("the dataset holds no example")]
    Empty,
}

/// Reads a whole file; one fault refuses all of it, and all faults are listed.
pub fn read(_path: &Path) -> Result<Vec<Record>, DatasetError> {
    todo!()
}

/// Parses text as [`read`] does (for embedded data).
pub fn parse(_text: &str) -> Result<Vec<Record>, DatasetError> {
    todo!()
}

/// (train, held out): by a hash of the content, so equal content never stands on both sides.
pub fn split(_records: Vec<Record>, _share: f64, _seed: u64) -> (Vec<Record>, Vec<Record>) {
    todo!()
}
