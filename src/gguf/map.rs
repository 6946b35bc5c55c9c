//! The one map of files.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::limits::Watched;
use crate::store::{FileAction, StoreError, open_regular};

/// A file's bytes, mapped read-only. Nothing is read until it is looked at.
#[derive(Debug)]
pub struct Map {
    // Before the map: a range is forgotten before it is unmapped.
    _watched: Watched,
    bytes: memmap2::Mmap,
    /// The very file that is mapped, whatever its name comes to mean.
    file: File,
}

impl Map {
    /// Maps a regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let fault = |e| StoreError::new(FileAction::OPENING, path, e);
        let file = open_regular(FileAction::OPENING, path)?;
        #[expect(
            unsafe_code,
            reason = "a map is unsafe because another process may cut the file while we read; \
                                        weights are written whole (temporary file, rename) and never in place, \
                                        by Ollama and by us; where somebody cuts one all the same, `limits` ends the \
                                        program with words"
        )]
        let bytes = unsafe { memmap2::Mmap::map(&file) }.map_err(fault)?;
        let start = bytes.as_ptr() as usize;
        let watched = Watched::new(start..start + bytes.len(), path);
        Ok(Self { _watched: watched, bytes, file })
    }

    /// Whether the file is still as long as when it was mapped.
    pub fn is_whole(&self) -> bool {
        self.file.metadata().is_ok_and(|m| m.len() == self.bytes.len() as u64)
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_cut_is_no_longer_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        std::fs::write(&path, [7; 10000]).unwrap();
        let map = Map::open(&path).unwrap();
        assert!(map.is_whole() && map[9999] == 7);
        File::options().write(true).open(&path).unwrap().set_len(100).unwrap();
        assert!(!map.is_whole());
    }
}
