//! Datasets: JSONL, JSON lists and tables to records of every accepted shape, with the place of each; all faults
//! reported; split by content hash.
//!
//! The order of reading: [`source`] finds the files and reads each once, [`container`] undoes compression and encodings,
//! [`values`] divides the text into values ([`json`], [`table`]), [`shape`] makes a record of each value, [`lines`] collects them.

mod container;
mod findings;
mod json;
mod keys;
mod lines;
mod mask;
mod refused;
mod shape;
mod source;
mod split;
mod table;
mod turns;
mod values;

pub use container::{MAX_LINE, decoded_text};
pub use json::{Parsed as ParsedJson, parse as parse_json};
pub use lines::{ReadOptions, parse};
pub use shape::Shape;
pub use source::{expand, read};
pub use split::{Warning, split, warnings};
pub use table::{Table, TableRow, table};
pub use values::read_values;

use std::sync::Arc;

use crate::chat::{Message, Role};
use crate::store::Digest;

/// What one record holds; all texts are exactly as they are written.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// `messages`, `conversations` (ShareGPT), `instruction`/`input`/`output`, `prompt`/`completion`.
    Chat(Vec<Message>),
    /// `text`: BOS + text + EOS, every token trained.
    Text(String),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub place: RecordPlace,
    pub content: Content,
    pub category: Option<String>,
    /// The answers that are not trained, by their number among the assistant's messages (from 0, rising).
    pub untrained: Vec<usize>,
}

impl Record {
    /// Of one line, with every answer trained.
    pub fn new(line: usize, content: Content) -> Self {
        Self { place: RecordPlace::line(line), content, category: None, untrained: Vec::new() }
    }

    /// Its texts, one after another.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let (text, messages) = match &self.content {
            Content::Text(text) => (Some(text.as_str()), &[][..]),
            Content::Chat(messages) => (None, messages.as_slice()),
        };
        text.into_iter().chain(messages.iter().map(|m| m.content.as_str()))
    }

    /// The last of its messages that is a trained answer.
    pub fn last_trained(&self) -> Option<usize> {
        let Content::Chat(messages) = &self.content else { return None };
        let answers = messages.iter().enumerate().filter(|(_, m)| m.role == Role::Assistant).enumerate();
        answers.filter(|(n, _)| !self.untrained.contains(n)).map(|(_, (i, _))| i).last()
    }
}

/// What a record is in its file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Of JSONL.
    #[default]
    Line,
    /// An element of a JSON list.
    Record,
    /// Of a table; the header is row 1.
    Row,
    /// The file as a whole.
    File,
}

/// Where a record or a fault is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct RecordPlace {
    /// Where the dataset has several files.
    pub file: Option<Arc<str>>,
    pub unit: Unit,
    /// From 1.
    pub number: usize,
}

impl RecordPlace {
    pub fn line(number: usize) -> Self {
        Self { file: None, unit: Unit::Line, number }
    }
}

/// As it is shown.
impl serde::Serialize for RecordPlace {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl std::fmt::Display for RecordPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.unit {
            Unit::Line => "line",
            Unit::Record => "record",
            Unit::Row => "row",
            Unit::File => return f.write_str(self.file.as_deref().unwrap_or("the file")),
        };
        match &self.file {
            Some(file) => write!(f, "{file} {unit} {}", self.number),
            None => write!(f, "{unit} {}", self.number),
        }
    }
}

/// What was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Dataset {
    pub records: Vec<Record>,
    /// Of the bytes that were read: of one file its SHA-256, of several that of the list of theirs.
    pub digest: Digest,
    pub notes: Vec<Note>,
    /// Each record's own text on one line, where it was asked for.
    pub sources: Vec<String>,
}

/// What a user should know of a dataset, said once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// Keys that nothing reads, with the number of records that have them.
    Ignored(Vec<(String, usize)>),
    /// Records without a trained answer, which are left out.
    Masked(usize),
    /// Records in which a turn of the user or the system asks to be trained.
    PromptNotTrained(usize),
}

impl std::fmt::Display for Note {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let records = |n: usize| if n == 1 { "1 record".to_owned() } else { format!("{n} records") };
        match self {
            Self::Ignored(keys) => {
                let shown: Vec<String> = keys.iter().take(MAX_LISTED).map(|(k, n)| format!("{k} ({n})")).collect();
                let more = match keys.len().saturating_sub(MAX_LISTED) {
                    0 => String::new(),
                    n => format!(" and {n} more"),
                };
                write!(f, "ignored keys, with the number of records that have them: {}{more}", shown.join(", "))
            }
            Self::Masked(n) => write!(f, "{} left out: no answer in it is trained (weight, train, loss)", records(*n)),
            Self::PromptNotTrained(n) => {
                write!(f, "{} with a user or system turn that asks to be trained: only answers are", records(*n))
            }
        }
    }
}

/// One fault of the dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub place: RecordPlace,
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.place.unit, &self.place.file) {
            (Unit::File, _) => write!(f, "{} {}", self.place, self.what),
            _ => write!(f, "{}: {}", self.place, self.what),
        }
    }
}

/// Items of a list that are printed, at most.
const MAX_LISTED: usize = 20;

/// The first faults, and how many there are.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultList {
    first: Vec<Fault>,
    total: usize,
}

impl FaultList {
    pub fn push(&mut self, fault: Fault) {
        self.total += 1;
        if self.first.len() < MAX_LISTED {
            self.first.push(fault);
        }
    }

    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Those that are kept.
    pub fn first(&self) -> &[Fault] {
        &self.first
    }

    pub fn total(&self) -> usize {
        self.total
    }
}

/// A line for each of the first faults, and one for the rest.
impl std::fmt::Display for FaultList {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for fault in &self.first {
            write!(f, "\n  {fault}")?;
        }
        match self.total.saturating_sub(self.first.len()) {
            0 => Ok(()),
            rest => write!(f, "\n  and {rest} more"),
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(
        "{} has {}; nothing was trained:{faults}",
        file.as_deref().unwrap_or("the dataset"),
        if faults.total == 1 { "a fault".to_owned() } else { format!("{} faults", faults.total) }
    )]
    Faults { file: Option<String>, faults: FaultList },
    #[error("the dataset {pattern} {reason}")]
    Glob { pattern: String, reason: String },
    #[error("the dataset holds no example: every line is blank")]
    Empty,
    #[error("no example of the dataset is trained: all of them are masked (weight, train, loss)")]
    AllMasked,
}
