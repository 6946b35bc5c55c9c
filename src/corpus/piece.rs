//! What a reader makes of a file, before languages and ids are known.

use std::sync::Arc;

use super::error::CorpusError;
use super::options::ReadOptions;
use super::{Field, RecordLayout, SharedTitle, Span};

/// A unit to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Piece {
    /// None: the document's path.
    pub(super) source: Option<Arc<str>>,
    pub(super) title: Option<String>,
    pub(super) path: Vec<String>,
    pub(super) span: Span,
    pub(super) text: String,
    pub(super) fields: Vec<Field>,
    /// Fields only where another piece has their key.
    pub(super) doubtful: Vec<Field>,
}

/// What a section states.
#[derive(Debug, Default)]
pub(super) struct Stated {
    pub(super) fields: Vec<Field>,
    /// Single lines, which are fields only where another section has their key.
    pub(super) doubtful: Vec<Field>,
}

#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// None: the text that was given.
    pub(super) converted: Option<String>,
    /// Whether spans lie inside JSON strings.
    pub(super) json: bool,
    pub(super) pieces: Vec<Piece>,
    /// Of each table of records.
    pub(super) records: Vec<RecordLayout>,
    /// Records that say what another of their source says.
    pub(super) duplicates: usize,
    /// Rows that sum others up, which are left out.
    pub(super) totals: usize,
    pub(super) shared: Vec<SharedTitle>,
}

/// A file that is read.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    pub(super) options: &'a ReadOptions<'a>,
}

impl Input<'_> {
    pub(super) fn check_interrupt(&self) -> Result<(), CorpusError> {
        self.options.check_interrupt()
    }

    pub(super) fn fits(&self, text: &str) -> bool {
        // A token has at least one byte.
        text.len() <= self.options.max_unit || (self.options.count)(text) <= self.options.max_unit
    }
}
