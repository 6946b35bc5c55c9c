//! Files on disk: whole-file writes, temporary files and their removal, digests, locks, the names inside a run folder,
//! interruption.

mod action;
mod atomic;
mod digest;
mod exchange;
mod files;
mod identity;
mod inputs;
mod interrupt;
mod lock;
mod regular;
mod run;
mod shown;
mod temp;

pub use action::FileAction;
pub use atomic::{WholeFile, write_cached, write_whole};
pub use digest::{DIGEST_BUFFER, Digest, HashingWriter};
pub use exchange::exchange;
pub use files::{
    OpenFor, check_cache_writable, check_inside, check_read_inside, check_replaceable, check_state_file,
    check_state_folder, check_writable, create_folder, create_state_folder, is_inner, open_nofollow, project_of,
    read_nofollow,
};
pub use identity::Identity;
pub use inputs::{Inputs, Outputs, OverwriteError};
pub use interrupt::Interrupt;
pub use lock::{Announce, Lock, LockWait};
pub use regular::{MAX_TEXT, open_regular, read_regular, read_text, utf8};
pub use run::{RunDir, StepRecord};
pub use shown::terminal_acts_on;
pub use temp::{Leftover, TempFolder, leftovers, remove_leftover, sweep, sweep_tree};

use std::path::{Path, PathBuf};

/// A fault of the file system, with the path it happened on.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct StoreError {
    pub action: FileAction,
    pub path: PathBuf,
    #[source]
    pub source: std::io::Error,
}

impl StoreError {
    pub fn new(action: FileAction, path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self { action, path: path.as_ref().to_path_buf(), source }
    }

    /// Whether the disk is full (exit code 5).
    pub fn is_no_space(&self) -> bool {
        matches!(self.source.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
    }
}
