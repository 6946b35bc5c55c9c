//! Where things lie: the real models.yaml (links resolved) and the state beside it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::{Lock, StoreError};

#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The file itself: a rename would replace a link by a file.
    pub(super) file: PathBuf,
    /// `.tunesmith` beside it.
    pub(super) state: PathBuf,
}

impl Place {
    pub(super) fn of(models_yaml: &Path) -> Result<Self, StoreError> {
        let file = std::fs::canonicalize(models_yaml).map_err(|e| StoreError::new("finding", models_yaml, e))?;
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { state: folder.join(".tunesmith"), file })
    }

    pub(super) fn registry(&self) -> PathBuf {
        self.state.join("registry.jsonl")
    }

    /// Where the new text lies until it is renamed; always the same name, so that a kill leaves at most one.
    pub(super) fn fresh(&self) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        self.file.with_file_name(format!(".{name}.tunesmith-new"))
    }

    pub(super) fn backup(&self, seq: u64) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        self.state.join(format!("{seq}-{name}.backup"))
    }

    /// One writer at a time, across processes.
    pub(super) fn lock(&self) -> Result<Lock, StoreError> {
        Lock::acquire(self.state.join("lock"))
    }

    /// As [`Self::lock`], but waits a few seconds: a swap holds it for milliseconds, and what took hours to find out
    /// must not be lost to one.
    pub(super) fn lock_patiently(&self) -> Result<Lock, StoreError> {
        for _ in 0..30 {
            match self.lock() {
                Err(e) if e.source.kind() == std::io::ErrorKind::WouldBlock => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                done => return done,
            }
        }
        self.lock()
    }

    pub(super) fn read(&self) -> Result<String, StoreError> {
        std::fs::read_to_string(&self.file).map_err(|e| StoreError::new("reading", &self.file, e))
    }
}
