//! `X.writing`: the files of a set while they are replaced. It is the lock of the set, and holds the digests that each file has
//! before and after, so that what a killed run leaves is known to be this program's. It is gone when every file has its name.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{Digest, FileAction, Inputs, OpenFor, StoreError, create_folder, open_nofollow, read_nofollow};

use super::error::GenerateError;

/// The end of the record's name, behind that of the set.
pub(super) const SUFFIX: &str = ".writing";

/// Largest record that is read, in bytes.
const MAX_RECORD: u64 = 16 << 20;

/// By the name of a file, the digests that it may have.
pub(super) type Digests = BTreeMap<String, BTreeSet<Digest>>;

/// A line of the record: what one run replaces.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    replaced: Digests,
}

/// A set that is being written; no other run writes it meanwhile.
#[derive(Debug)]
pub(super) struct Replacement {
    path: PathBuf,
    /// Locked. Released when the file is closed, however the process ends.
    file: File,
    /// Of runs that were killed.
    unfinished: Digests,
    /// Whether the record is left in its place when this is dropped.
    stays: bool,
}

impl Replacement {
    pub(super) fn open(path: PathBuf, inputs: &Inputs) -> Result<Self, GenerateError> {
        inputs.refuse_overwrite(&path)?;
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_folder(folder)?;
        }
        let file = locked(&path)?;
        let Record { unfinished, whole } = read(&path)?;
        file.set_len(whole).map_err(|e| StoreError::new(FileAction::WRITING, &path, e))?;
        let stays = !unfinished.is_empty();
        Ok(Self { path, file, unfinished, stays })
    }

    /// Whether a killed run left `path` as it is.
    pub(super) fn has(&self, path: &Path, digest: Digest) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| self.unfinished.get(name)).is_some_and(|digests| digests.contains(&digest))
    }

    /// The files of killed runs.
    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.unfinished.keys()
    }

    /// Keeps on the disk what is replaced from now on.
    pub(super) fn begin(&mut self, replaced: Digests) -> Result<(), StoreError> {
        let fault = |e| StoreError::new(FileAction::WRITING, &self.path, e);
        let mut line = serde_json::to_vec(&Line { replaced }).map_err(|e| fault(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).and_then(|()| self.file.sync_all()).map_err(fault)?;
        self.stays = true;
        Ok(())
    }

    /// Every file has its name.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        // What is at this name later is another run's.
        self.stays = true;
        std::fs::remove_file(&self.path).map_err(|e| StoreError::new(FileAction::REMOVING, &self.path, e))
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        if !self.stays {
            std::fs::remove_file(&self.path).ok();
        }
    }
}

/// The files of the record's set that a run began to replace and has not replaced all of.
pub(super) fn unfinished(record: &Path) -> Result<Vec<String>, GenerateError> {
    Ok(read(record)?.unfinished.into_keys().collect())
}

fn locked(path: &Path) -> Result<File, GenerateError> {
    loop {
        let file = open_nofollow(path, OpenFor::Append)?;
        // A file system without locks has none.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(GenerateError::Busy { path: path.to_path_buf() });
        }
        // Between opening and locking, who held it may have removed it.
        if is_at(&file, path) {
            return Ok(file);
        }
    }
}

#[cfg(unix)]
fn is_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let (Ok(opened), Ok(found)) = (file.metadata(), std::fs::symlink_metadata(path)) else { return false };
    (opened.dev(), opened.ino()) == (found.dev(), found.ino())
}

#[cfg(not(unix))]
fn is_at(_: &File, path: &Path) -> bool {
    path.exists()
}

struct Record {
    unfinished: Digests,
    /// Bytes of whole lines.
    whole: u64,
}

fn read(path: &Path) -> Result<Record, GenerateError> {
    let bytes = read_nofollow(path, MAX_RECORD)?.unwrap_or_default();
    let mut record = Record { unfinished: Digests::new(), whole: 0 };
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        // A run was killed while it wrote this, and had replaced nothing.
        if record.whole > 0 && !line.ends_with(b"\n") {
            break;
        }
        let Line { replaced } = serde_json::from_slice(line)
            .map_err(|e| GenerateError::NoRecord { path: path.to_path_buf(), reason: e.to_string() })?;
        for (name, digests) in replaced {
            record.unfinished.entry(name).or_default().extend(digests);
        }
        record.whole += line.len() as u64;
    }
    Ok(record)
}
