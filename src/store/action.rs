//! What was being done with a file when a fault happened.

use std::fmt;

/// What was being done, as a [`super::StoreError`] says it before the path. The text says it more exactly than the verb
/// alone: `Reading("the suite")`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileAction {
    Reading(&'static str),
    Finding,
    Opening(&'static str),
    Creating(&'static str),
    Writing(&'static str),
    /// In a folder that must not lead out of the project.
    WritingBelow,
    MovingTo,
    Removing(&'static str),
    Locking,
    SyncingFolder,
}

impl FileAction {
    pub const READING: Self = Self::Reading("");
    pub const OPENING: Self = Self::Opening("");
    pub const WRITING: Self = Self::Writing("");
    pub const REMOVING: Self = Self::Removing("");
}

impl fmt::Display for FileAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, what) = match self {
            Self::Reading(what) => ("reading", *what),
            Self::Finding => ("finding", ""),
            Self::Opening(what) => ("opening", *what),
            Self::Creating(what) => ("creating", *what),
            Self::Writing(what) => ("writing", *what),
            Self::WritingBelow => ("writing", "below"),
            Self::MovingTo => ("moving", "to"),
            Self::Removing(what) => ("removing", *what),
            Self::Locking => ("locking", ""),
            Self::SyncingFolder => ("syncing", "folder"),
        };
        f.write_str(verb)?;
        if what.is_empty() { Ok(()) } else { write!(f, " {what}") }
    }
}
