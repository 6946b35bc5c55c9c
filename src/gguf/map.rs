//! The one map of files.

use std::fs::File;
use std::ops::Deref;
use std::path::Path;

use crate::store::StoreError;

/// A file's bytes, mapped read-only. Nothing is read until it is looked at.
#[derive(Debug)]
pub struct Map(memmap2::Mmap);

impl Map {
    /// Maps a regular file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let fault = |e| StoreError::new("opening", path, e);
        let file = File::open(path).map_err(fault)?;
        if !file.metadata().map_err(fault)?.is_file() {
            return Err(fault(std::io::Error::other("it is no regular file")));
        }
        #[expect(
            unsafe_code,
            reason = "a map is unsafe because another process may cut the file while we read; \
                                        weights are written whole (temporary file, rename) and never in place, \
                                        by Ollama and by us"
        )]
        let map = unsafe { memmap2::Mmap::map(&file) }.map_err(fault)?;
        Ok(Self(map))
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
