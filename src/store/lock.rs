//! One writer at a time: an advisory lock on a file, released when dropped or when the process dies.

use std::fs::{File, TryLockError};
use std::io::{Error, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

use super::files::{OpenFor, create_state_folder, open_nofollow};
use super::{FileAction, Interrupt, StoreError};

/// Held until dropped.
#[derive(Debug)]
pub struct Lock {
    // Never read: closing the file releases the lock.
    _file: File,
}

/// Takes the path of a lock, and how long it is waited for at most.
pub type Announce<'a> = dyn FnMut(&Path, Duration) + 'a;

/// How to wait for a lock that another process holds.
pub struct LockWait<'a> {
    pub limit: Duration,
    pub interrupt: Interrupt,
    /// Called once, when there is something to wait for.
    pub announce: Option<&'a mut Announce<'a>>,
}

impl std::fmt::Debug for LockWait<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LockWait").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl LockWait<'static> {
    /// Does not wait.
    pub fn none() -> Self {
        Self { limit: Duration::ZERO, interrupt: Interrupt::default(), announce: None }
    }
}

const POLL: Duration = Duration::from_millis(50);

impl Lock {
    /// Takes the lock at `path` (created if absent); `WouldBlock` when another process holds it.
    pub fn acquire(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::acquire_within(path, &mut LockWait::none())
    }

    /// As [`Self::acquire`], but waits until another process lets go of it, at most as long as `wait` allows; an
    /// interrupt ends the waiting with `Interrupted`.
    pub fn acquire_within(path: impl AsRef<Path>, wait: &mut LockWait<'_>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            create_state_folder(folder)?;
        }
        Self::take(path, wait)
    }

    /// As [`Self::acquire_within`], in the program's own cache, whose place the environment names, links included.
    pub fn acquire_in_cache(path: impl AsRef<Path>, wait: &mut LockWait<'_>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::new(FileAction::Creating("folder"), folder, e))?;
        }
        Self::take(path, wait)
    }

    fn take(path: &Path, wait: &mut LockWait<'_>) -> Result<Self, StoreError> {
        let file = open_nofollow(path, OpenFor::Lock)?;
        let began = Instant::now();
        loop {
            let waited = began.elapsed();
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(e)) => return Err(StoreError::new(FileAction::Locking, path, e)),
                Err(TryLockError::WouldBlock) if waited >= wait.limit => {
                    let what = match wait.limit.as_secs() {
                        0 => "another tunesmith is at work there".to_owned(),
                        s => format!("another tunesmith is at work there, and did not end within {s} s"),
                    };
                    return Err(StoreError::new(FileAction::Locking, path, Error::new(ErrorKind::WouldBlock, what)));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if wait.interrupt.raised() {
                let what = "interrupted while waiting for another tunesmith";
                return Err(StoreError::new(FileAction::Locking, path, Error::new(ErrorKind::Interrupted, what)));
            }
            if let Some(announce) = wait.announce.take() {
                announce(path, wait.limit);
            }
            std::thread::sleep(POLL.min(wait.limit - waited));
        }
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

    #[test]
    fn a_lock_is_waited_for_within_a_limit_and_until_an_interrupt() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = Lock::acquire(&path).unwrap();
        let mut said = Vec::new();
        let mut announce = |path: &Path, limit| said.push((path.to_path_buf(), limit));
        let limit = Duration::from_millis(120);
        let mut wait = LockWait { limit, announce: Some(&mut announce), ..LockWait::none() };
        let refused = Lock::acquire_within(&path, &mut wait).unwrap_err();
        assert_eq!((refused.source.kind(), said), (ErrorKind::WouldBlock, vec![(path.clone(), limit)]), "{refused}");
        let mut wait = LockWait { limit: Duration::from_secs(60), ..LockWait::none() };
        wait.interrupt.raise();
        let stopped = Lock::acquire_within(&path, &mut wait).unwrap_err();
        assert_eq!(stopped.source.kind(), ErrorKind::Interrupted, "{stopped}");
        let other = std::thread::spawn({
            let path = path.clone();
            move || Lock::acquire_within(&path, &mut LockWait { limit: Duration::from_secs(60), ..LockWait::none() })
        });
        std::thread::sleep(Duration::from_millis(100));
        drop(first);
        other.join().unwrap().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_is_never_taken_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let (other, link) = (dir.path().join("other"), dir.path().join("lock"));
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(Lock::acquire(&link).unwrap_err().to_string().contains("symbolic link"));
        assert!(!other.exists());
        std::fs::create_dir(&other).unwrap();
        assert!(Lock::acquire(link.join("lock")).unwrap_err().to_string().contains("symbolic link"));
        assert_eq!(std::fs::read_dir(&other).unwrap().count(), 0);
    }
}
