//! The faults of this module.

use crate::input::listed;
use crate::store::StoreError;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every fault of a file (or of the flags over it), at once.
    #[error("{place}: {}", listed(faults))]
    Faults { place: String, faults: Vec<String> },
    #[error("{place}: not YAML (nor JSON): {reason}")]
    Syntax { place: String, reason: String },
}
