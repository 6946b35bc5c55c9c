//! A file of what one model gave, by the digest of what it was asked.
//!
//! It is append-only, and holds nothing that can't be asked again: a line that can't be read (a kill while writing, another tool's) is
//! skipped.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Digest, FileAction, OpenFor, StoreError, open_nofollow};

/// The longest line read or written; what a model gave whose file is longer than this is asked again.
const MAX_LINE: usize = 4 << 20;
const MAX_FILE: u64 = 256 << 20;

/// One line of a file.
#[derive(Serialize, Deserialize)]
struct Entry<V> {
    key: Digest,
    answer: V,
}

fn path_of(folder: &Path, whose: &str) -> PathBuf {
    folder.join(format!("{}.jsonl", Digest::of_bytes(whose.as_bytes()).hex()))
}

/// Removes the file in `folder` of what `whose` gave, if it is there.
pub(super) fn remove_kept(folder: &Path, whose: &str) -> Result<(), StoreError> {
    let path = path_of(folder, whose);
    match std::fs::remove_file(&path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
            Err(StoreError::new(FileAction::Removing("the kept answers"), &path, e))
        }
        _ => Ok(()),
    }
}

#[derive(Debug)]
pub(super) struct KeptFile<V> {
    path: PathBuf,
    file: File,
    /// The file ends in the middle of a line.
    torn: bool,
    values: HashMap<Digest, V>,
}

impl<V: Serialize + DeserializeOwned> KeptFile<V> {
    /// Opens or creates the file in `folder` of what `whose` gave. A link is not followed.
    pub(super) fn open(folder: &Path, whose: &str) -> Result<Self, StoreError> {
        let path = path_of(folder, whose);
        let fault = |e| StoreError::new(FileAction::Opening("the kept answers"), &path, e);
        let file = open_nofollow(&path, OpenFor::Append)?;
        if file.metadata().map_err(fault)?.len() > MAX_FILE {
            file.set_len(0).map_err(fault)?;
        }
        let mut kept = Self { file, torn: false, values: HashMap::new(), path: path.clone() };
        kept.read().map_err(fault)?;
        Ok(kept)
    }

    /// The same file, of which nothing is used that it had before.
    pub(super) fn without_values(self) -> Self {
        Self { values: HashMap::new(), ..self }
    }

    pub(super) fn get(&self, key: &Digest) -> Option<&V> {
        self.values.get(key)
    }

    pub(super) fn put(&mut self, key: Digest, answer: V) -> Result<(), StoreError> {
        let fault = |e: std::io::Error| StoreError::new(FileAction::Writing("an answer in"), &self.path, e);
        let entry = Entry { key, answer };
        let text = serde_json::to_string(&entry).map_err(|e| fault(e.into()))?;
        if text.len() < MAX_LINE {
            // One write a line: two processes may append at once.
            let line = format!("{}{text}\n", if self.torn { "\n" } else { "" });
            self.file.write_all(line.as_bytes()).map_err(fault)?;
            self.torn = false;
        }
        self.values.insert(key, entry.answer);
        Ok(())
    }

    /// What can be read of the file, and whether its last line is torn.
    fn read(&mut self) -> std::io::Result<()> {
        let mut line = Vec::new();
        let mut reader = BufReader::new(&mut self.file);
        loop {
            line.clear();
            if reader.by_ref().take(MAX_LINE as u64).read_until(b'\n', &mut line)? == 0 {
                return Ok(());
            }
            self.torn = !line.ends_with(b"\n");
            if let Ok(entry) = serde_json::from_slice::<Entry<V>>(&line) {
                self.values.insert(entry.key, entry.answer);
            }
        }
    }
}
