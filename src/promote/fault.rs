//! The errors of this module; each leaves models.yaml as it was, or as it was meant to become.

use std::path::PathBuf;

use crate::eval::Decision;
use crate::roles::RolesError;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum PromoteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Roles(#[from] RolesError),
    #[error("{role}: not promoted, the gate says {}", decision.name())]
    NotPassed { role: String, decision: Decision },
    #[error("{}: changed since the evaluation began; nothing was written. Look at the change, then evaluate again", path.display())]
    FileChanged { path: PathBuf },
    #[error("{}: is read-only; nothing was written. Make it writable (chmod u+w), or replace it with --force", path.display())]
    ReadOnly { path: PathBuf },
    #[error("{model}: not in Ollama's store{why}; nothing was written")]
    TagGone { model: String, why: String },
    #[error(
        "{model}: is not what it was {when} (digest {was} then, {now} now): somebody re-created it; nothing was written{remedy}"
    )]
    TagChanged { model: String, when: &'static str, was: String, now: String, remedy: &'static str },
    #[error("{role}: nothing to roll back; {why}")]
    NothingToRollBack { role: String, why: String },
    #[error("{}: line {line} is damaged: {reason}\n  the file is append-only; restore that line, or move the file away to start a new history", path.display())]
    Registry { path: PathBuf, line: usize, reason: String },
    #[error("{}: a swap was interrupted and the file is now neither as before nor as after it: {reason}", path.display())]
    Unclear { path: PathBuf, reason: String },
    /// The daemon could not be asked for a model.
    #[error("{0}")]
    Tags(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A test's stand-in for a kill.
    #[cfg(test)]
    #[expect(private_interfaces, reason = "for tests")]
    #[error("killed at {0:?}")]
    Killed(Point),
}

/// The places where a test may kill; in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Point {
    BeforeIntent,
    AfterIntent,
    Prepared,
    BackedUp,
    Replaced,
    Done,
}
