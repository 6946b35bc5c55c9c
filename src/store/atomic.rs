//! A file appears whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::StoreError;

/// A file being written beside its final name; nothing is at that name until [`WholeFile::finish`].
#[derive(Debug)]
pub struct WholeFile {
    temp: BufWriter<tempfile::NamedTempFile>,
    target: PathBuf,
}

impl WholeFile {
    /// Creates parent folders and the temporary file.
    pub fn create(target: impl AsRef<Path>) -> Result<Self, StoreError> {
        let target = target.as_ref().to_path_buf();
        let folder = folder_of(&target);
        std::fs::create_dir_all(&folder).map_err(|e| StoreError::new("creating folder", &folder, e))?;
        let temp = tempfile::Builder::new()
            .prefix(".tunesmith-")
            .suffix(".partial")
            .tempfile_in(&folder)
            .map_err(|e| StoreError::new("creating a temporary file in", &folder, e))?;
        Ok(Self { temp: BufWriter::with_capacity(1 << 20, temp), target })
    }

    /// Where it lies for now: for a library that opens its file itself.
    pub fn path(&self) -> &Path {
        self.temp.get_ref().path()
    }

    /// Flushes, fsyncs and renames to the final name.
    pub fn finish(self) -> Result<(), StoreError> {
        let target = self.target;
        let fault = |e| StoreError::new("writing", &target, e);
        let temp = self.temp.into_inner().map_err(|e| fault(e.into_error()))?;
        let mode = std::fs::metadata(&target).ok().map(|m| m.permissions());
        set_mode(temp.as_file(), mode).map_err(fault)?;
        temp.as_file().sync_all().map_err(fault)?;
        temp.persist(&target).map_err(|e| fault(e.error))?;
        sync_folder(&folder_of(&target))
    }
}

impl Write for WholeFile {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.temp.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.temp.flush()
    }
}

impl Seek for WholeFile {
    fn seek(&mut self, pos: SeekFrom) -> std::io::Result<u64> {
        self.temp.seek(pos)
    }
}

/// Writes `bytes` to `path` whole.
pub fn write_whole(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StoreError> {
    let path = path.as_ref();
    let mut file = WholeFile::create(path)?;
    file.write_all(bytes).map_err(|e| StoreError::new("writing", path, e))?;
    file.finish()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A new file gets 0644 (a temporary file is 0600); an existing one keeps its mode.
#[cfg(unix)]
fn set_mode(file: &File, existing: Option<std::fs::Permissions>) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(existing.unwrap_or_else(|| std::fs::Permissions::from_mode(0o644)))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: Option<std::fs::Permissions>) -> std::io::Result<()> {
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    // Some file systems refuse fsync on a folder; the rename itself has happened.
    match File::open(folder).and_then(|f| f.sync_all()) {
        Ok(()) => Ok(()),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::PermissionDenied) => Ok(()),
        Err(e) => Err(StoreError::new("syncing folder", folder, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_file_leaves_nothing_and_the_old_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b.txt");
        write_whole(&path, b"old").unwrap();
        let mut half = WholeFile::create(&path).unwrap();
        half.write_all(b"new, torn").unwrap();
        drop(half);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        write_whole(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[test]
    fn an_impossible_folder_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("plain");
        std::fs::write(&file, b"x").unwrap();
        let e = write_whole(file.join("below"), b"y").unwrap_err();
        assert!(e.to_string().contains("plain"), "{e}");
    }
}
