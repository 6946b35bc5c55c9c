//! What can be wrong when training data is planned, written or checked.

use std::path::PathBuf;

use crate::eval::EvalError;
use crate::store::{OverwriteError, StoreError};

/// Why a count cannot be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortage {
    /// There are no more usable wordings.
    Wordings,
    /// Facts whose value can be guessed, and unanswerable questions, may only be a small share.
    Shares,
    /// Validation and test need facts that have wordings of a family which their training wordings lack.
    HeldOut,
    /// Each part needs sources of its own.
    Sources,
}

impl std::fmt::Display for Shortage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Wordings => "the documents state no more that can be asked",
            Self::Shares => {
                "facts whose value can be guessed and unanswerable questions are kept to a small share of the examples"
            }
            Self::HeldOut => {
                "validation and test need facts with a family of wordings that their training examples lack"
            }
            Self::Sources => "training, validation and test need sources of their own",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum GenerateError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("interrupted")]
    Interrupted,
    #[error(transparent)]
    Overwrite(#[from] OverwriteError),
    #[error("the test questions make no suite: {0}")]
    Suite(#[from] EvalError),
    #[error("{wanted} examples cannot be made, the largest possible number is {largest}: {reason}")]
    TooMany { wanted: usize, largest: usize, reason: Shortage },
    #[error("an example needs an item with at least one wording; there is none that can be used")]
    NothingToTeach,
    #[error("the share of unseen sources is {0}; expected 0 or more and less than 1")]
    UnseenShare(f64),
    #[error(
        "--unseen {0} sets whole sources aside, and the documents are a single source; leave it out, or give more documents"
    )]
    OneSource(f64),
    #[error("the shares of train, validation and test are {}/{}/{}; expected a training share above 0", .0[0], .0[1], .0[2])]
    PartShares([u32; 3]),
    #[error("0 wordings of a fact are asked for; expected 1 or more")]
    NoWordings,
    #[error("item {item} names fact {fact}, and there are {facts} facts")]
    FactIndex { item: String, fact: usize, facts: usize },
    #[error(
        "{} exists and is not what an earlier run of this command left (it was changed since, or made by something else); move it away or name another output",
        path.display()
    )]
    Exists { path: PathBuf },
    #[error("{}: another run is writing these files; wait until it has ended, or name another output", path.display())]
    Busy { path: PathBuf },
    #[error("{} is not a record of files that were being replaced ({reason}); move it away", path.display())]
    NoRecord { path: PathBuf, reason: String },
    #[error(
        "a run began to replace {} and has not ended ({} has what it replaces): they belong to two sets; generate the files again",
        files.join(", "), record.display()
    )]
    Unfinished { record: PathBuf, files: Vec<String> },
    #[error(
        "a split by source needs a source for each of {parts} parts, and there are {sources} that are apart from each other"
    )]
    FewSources { sources: usize, parts: usize },
    #[error("{}: {fault}", path.display())]
    Line { path: PathBuf, fault: LineFault },
    #[error("{count} faults in the split, the first: {first}")]
    Split { count: usize, first: Box<SplitFault> },
}

/// A line of a written file that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {cause}; generate the files again")]
pub struct LineFault {
    pub line: usize,
    pub cause: LineCause,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LineCause {
    #[error("cannot be read as JSON with the expected keys: {0}")]
    Json(String),
    #[error("has the id {0}, which an earlier line has")]
    SameId(String),
    #[error("has the id {0}, which the provenance file lacks")]
    NoProvenance(String),
    #[error("is of {found}, and its file is that of {expected}")]
    Part { found: &'static str, expected: &'static str },
}

/// An invariant of the split that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SplitFault {
    #[error("the wording {wording:?} is in {} and in {}", parts[0], parts[1])]
    Wording { wording: String, parts: [&'static str; 2] },
    #[error("the variants of one question (group {group}) are in {} and in {}", parts[0], parts[1])]
    Group { group: String, parts: [&'static str; 2] },
    #[error("{part} asks about {item} with a family of wordings that train has for it: {wording:?}")]
    Family { part: &'static str, item: String, wording: String },
    #[error("{part} asks about {item}, which no training example states: {wording:?}")]
    NotTaught { part: &'static str, item: String, wording: String },
    #[error("the unseen source {source_name:?} is also in {part}")]
    Unseen { source_name: String, part: &'static str },
    #[error("the source {source_name:?} is in {} and in {}", parts[0], parts[1])]
    Source { source_name: String, parts: [&'static str; 2] },
}
