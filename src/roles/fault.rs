//! The faults of this module.

use std::path::PathBuf;

use crate::input::listed;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every fault of the file, at once.
    #[error("{place}: {}", listed(faults))]
    Faults { place: String, faults: Vec<String> },
    #[error("{place}: not YAML (nor JSON): {reason}")]
    Syntax { place: String, reason: String },
    #[error("{}: the role {role:?} is not there; it has {known}", path.display())]
    NoRole { path: PathBuf, role: String, known: String },
    #[error(
        "the role {role:?}: model_name is {found:?}, not {expected:?}; somebody changed it meanwhile, so nothing was written"
    )]
    Changed { role: String, expected: String, found: String },
    #[error("the role {role:?}: its model_name can't be rewritten in place: {reason}")]
    CannotSplice { role: String, reason: String },
}
