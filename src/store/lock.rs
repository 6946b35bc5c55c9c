//! One writer at a time: an advisory lock on a file, released when dropped or when the process dies.

use std::fs::{File, OpenOptions};
use std::path::Path;

use super::StoreError;

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    // Never read: the guard lives as long as the file does.
    _guard: fd_lock::RwLockWriteGuard<'static, File>,
}

impl Lock {
    /// Takes the lock at `path` (created if absent); `WouldBlock` when another process holds it.
    pub fn acquire(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::new("creating folder", folder, e))?;
        }
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|e| StoreError::new("opening lock", path, e))?;
        // The lock must outlive its guard; a process takes few of them, so one small allocation each is leaked.
        let lock: &'static mut fd_lock::RwLock<File> = Box::leak(Box::new(fd_lock::RwLock::new(file)));
        let guard =
            lock.try_write().map_err(|e| StoreError::new("locking (another tunesmith is at work there?)", path, e))?;
        Ok(Self { _guard: guard })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_holder_is_refused_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("l/lock");
        let first = Lock::acquire(&path).unwrap();
        assert!(Lock::acquire(&path).unwrap_err().to_string().contains("another tunesmith"));
        drop(first);
        Lock::acquire(&path).unwrap();
    }
}
