//! Records of keys and values with their places, from JSON, CSV, workbooks and `Key: value` paragraphs.

use std::collections::{BTreeMap, HashMap};

use super::Span;
use super::layout::Ignored;

/// Different paths of one file, at most.
pub(super) const MAX_PATHS: usize = 10_000;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Value {
    pub(super) text: String,
    pub(super) span: Span,
    /// Not a number or boolean.
    pub(super) is_text: bool,
}

/// What one path of a record holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Slot {
    /// Index into [`Table::paths`].
    pub(super) path: usize,
    /// One, or the items of a list.
    pub(super) values: Vec<Value>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Record {
    pub(super) span: Span,
    pub(super) slots: Vec<Slot>,
}

impl Record {
    pub(super) fn values(&self, path: usize) -> &[Value] {
        self.slots.iter().find(|slot| slot.path == path).map_or(&[], |slot| &slot.values)
    }

    /// The only value of a path.
    pub(super) fn single(&self, path: usize) -> Option<&Value> {
        match self.values(path) {
            [value] => Some(value),
            _ => None,
        }
    }
}

/// A row's place and those of its cells.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) line: usize,
    pub(super) cells: Vec<Span>,
}

/// All records of a file.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Dotted, in the order in which they appear.
    pub(super) paths: Vec<String>,
    pub(super) records: Vec<Record>,
    /// Paths of long lists of numbers, which are not kept.
    pub(super) embeddings: Vec<usize>,
    /// Paths that the reader leaves out, which are none of `paths`.
    pub(super) skipped: BTreeMap<String, Ignored>,
    /// Rows that sum others up, which are none of `records`.
    pub(super) totals: usize,
    known: HashMap<String, usize>,
}

impl Table {
    /// Keeps the name of a path that is not read.
    pub(super) fn skip(&mut self, path: String, why: Ignored) {
        if self.skipped.len() < MAX_PATHS {
            self.skipped.insert(path, why);
        }
    }

    /// The number of a path, which is new or known; None when there are too many.
    pub(super) fn path(&mut self, path: &str) -> Option<usize> {
        if let Some(known) = self.known.get(path) {
            return Some(*known);
        }
        if self.paths.len() >= MAX_PATHS {
            return None;
        }
        self.known.insert(path.to_owned(), self.paths.len());
        self.paths.push(path.to_owned());
        Some(self.paths.len() - 1)
    }
}
