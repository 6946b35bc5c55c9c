//! Where things lie: the real models.yaml (links resolved) and the state beside it.

use std::path::{Path, PathBuf};

use crate::store::{
    FileAction, Lock, LockWait, MAX_TEXT, StoreError, check_inside, check_state_file, check_state_folder, read_text,
};

#[derive(Clone, Debug)]
pub(super) struct RolesFile {
    /// The file itself: a rename would replace a link by a file.
    pub(super) file: PathBuf,
    /// `.tunesmith` beside it.
    pub(super) state: PathBuf,
}

impl RolesFile {
    /// A link may name the file, but not one outside the project that the link lies in.
    pub(super) fn of(models_yaml: &Path) -> Result<Self, StoreError> {
        check_inside(models_yaml)?;
        let file =
            std::fs::canonicalize(models_yaml).map_err(|e| StoreError::new(FileAction::Finding, models_yaml, e))?;
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        let state = folder.join(".tunesmith");
        check_state_folder(&state)?;
        Ok(Self { state, file })
    }

    pub(super) fn registry(&self) -> PathBuf {
        self.state.join("registry.jsonl")
    }

    /// Whether what is written here later can be: the folder, and the files that are there already.
    pub(super) fn check_writable(&self) -> Result<(), StoreError> {
        crate::store::check_writable(&self.state)?;
        [self.registry(), self.lock_file()].iter().try_for_each(|file| check_state_file(file))
    }

    fn lock_file(&self) -> PathBuf {
        self.state.join("lock")
    }

    /// The folder of the file, where its new text lies until it is renamed.
    pub(super) fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("."))
    }

    /// Where the file as it was lies while it is written in place. Never what the registry says: that is data.
    pub(super) fn backup(&self, seq: u64) -> PathBuf {
        let name = self.file.file_name().unwrap_or_default().to_string_lossy();
        self.state.join(format!("{seq}-{name}.backup"))
    }

    /// Removes the backup of a swap, where there is one; a folder or a link of that name is nobody's backup.
    pub(super) fn drop_backup(&self, seq: u64) {
        let path = self.backup(seq);
        if std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_file()) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// One writer at a time, across processes.
    pub(super) fn lock(&self, wait: &mut LockWait<'_>) -> Result<Lock, StoreError> {
        Lock::acquire_within(self.lock_file(), wait)
    }

    pub(super) fn read(&self) -> Result<String, StoreError> {
        read_text(FileAction::READING, &self.file, MAX_TEXT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_there_already_are_tried() {
        for name in ["registry.jsonl", "lock"] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::write(dir.path().join("models.yaml"), "models: {}").unwrap();
            let place = RolesFile::of(&dir.path().join("models.yaml")).unwrap();
            place.check_writable().unwrap();
            // As a file that nobody may write is to anybody but root.
            std::fs::create_dir_all(place.state.join(name)).unwrap();
            let e = place.check_writable().unwrap_err().to_string();
            assert!(e.contains(name), "{e}");
        }
    }
}
