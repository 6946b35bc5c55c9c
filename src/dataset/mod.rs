//! JSONL with line numbers to records of every accepted shape; all faults reported; split by content hash.

mod lines;
mod shape;
mod split;
mod turns;

pub use lines::{parse, read};
pub use split::{Warning, split, warnings};

use crate::chat::Message;

/// What one line holds; all texts are in Unicode's composed form (NFC), since llama.cpp's tokenizers normalise nothing.
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
    /// From 1.
    pub line: usize,
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// Display lists every fault with its line.
    #[error("{}", listed(.0))]
    Faults(Vec<Fault>),
    #[error("the dataset holds no example: every line is blank")]
    Empty,
}

fn listed(faults: &[Fault]) -> String {
    let mut text = match faults.len() {
        1 => "the dataset has a fault; nothing was trained:".to_string(),
        n => format!("the dataset has {n} faults; nothing was trained:"),
    };
    for fault in faults {
        text.push_str(&format!("\n  {fault}"));
    }
    text
}
