//! A file appears whole or not at all: temporary file in the same folder, fsync, rename, fsync of the folder.

use std::fs::{File, Metadata};
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::files::create_folder;
use super::{FileAction, StoreError, temp};

/// A file being written beside its final name; nothing is at that name until [`WholeFile::finish`].
#[derive(Debug)]
pub struct WholeFile {
    temp: BufWriter<tempfile::NamedTempFile>,
    target: PathBuf,
}

impl WholeFile {
    /// Creates parent folders (none through a link out of the project) and the temporary file.
    pub fn create(target: impl AsRef<Path>) -> Result<Self, StoreError> {
        create_folder(&folder_of(target.as_ref()))?;
        Self::in_folder(target.as_ref())
    }

    /// As [`Self::create`], in the program's own cache, whose place the environment names, links included.
    pub fn create_in_cache(target: impl AsRef<Path>) -> Result<Self, StoreError> {
        let folder = folder_of(target.as_ref());
        std::fs::create_dir_all(&folder).map_err(|e| StoreError::new(FileAction::Creating("folder"), &folder, e))?;
        Self::in_folder(target.as_ref())
    }

    fn in_folder(target: &Path) -> Result<Self, StoreError> {
        let (target, folder) = (target.to_path_buf(), folder_of(target));
        let temp = temp::file_in(&folder)
            .map_err(|e| StoreError::new(FileAction::Creating("a temporary file in"), &folder, e))?;
        Ok(Self { temp: BufWriter::with_capacity(1 << 20, temp), target })
    }

    /// Where it lies for now: for a library that opens its file itself.
    pub fn path(&self) -> &Path {
        self.temp.get_ref().path()
    }

    /// Flushes and fsyncs what was written so far. Of several files that are replaced together, each is brought to the disk
    /// before the first gets its name: a full disk is then met while nothing is replaced yet.
    pub fn sync(&mut self) -> Result<(), StoreError> {
        let fault = |e| StoreError::new(FileAction::WRITING, &self.target, e);
        self.temp.flush().map_err(fault)?;
        self.temp.get_ref().as_file().sync_all().map_err(fault)
    }

    /// Flushes, fsyncs and renames to the final name. A link at that name is replaced, not followed.
    pub fn finish(self) -> Result<(), StoreError> {
        let target = self.target;
        let fault = |e| StoreError::new(FileAction::WRITING, &target, e);
        let temp = self.temp.into_inner().map_err(|e| fault(e.into_error()))?;
        if let Some(replaced) = std::fs::symlink_metadata(&target).ok().filter(Metadata::is_file) {
            become_like(temp.as_file(), &replaced).map_err(fault)?;
        }
        temp.as_file().sync_all().map_err(fault)?;
        temp.persist(&target).map_err(|e| fault(e.error))?;
        tracing::debug!(path = %target.display(), "file written");
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
    write_to(WholeFile::create(path)?, path, bytes)
}

/// As [`write_whole`], in the program's own cache.
pub fn write_cached(path: impl AsRef<Path>, bytes: &[u8]) -> Result<(), StoreError> {
    let path = path.as_ref();
    write_to(WholeFile::create_in_cache(path)?, path, bytes)
}

fn write_to(mut file: WholeFile, path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    file.write_all(bytes).map_err(|e| StoreError::new(FileAction::WRITING, path, e))?;
    file.finish()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// A file that replaces another keeps its mode and, where we may give files away, its owner. (A new one has the mode
/// that the umask left it.)
#[cfg(unix)]
fn become_like(file: &File, replaced: &Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
    let now = file.metadata()?;
    if (now.uid(), now.gid()) != (replaced.uid(), replaced.gid()) {
        // Only root may; for anybody else the owner is who writes, as with any editor.
        let _ = fchown(file, Some(replaced.uid()), Some(replaced.gid()));
    }
    file.set_permissions(std::fs::Permissions::from_mode(replaced.permissions().mode() & 0o777))
}

#[cfg(not(unix))]
fn become_like(_: &File, _: &Metadata) -> std::io::Result<()> {
    Ok(())
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    // Some file systems refuse fsync on a folder; the rename itself has happened.
    match File::open(folder).and_then(|f| f.sync_all()) {
        Ok(()) => Ok(()),
        Err(e) if matches!(e.kind(), std::io::ErrorKind::InvalidInput | std::io::ErrorKind::PermissionDenied) => Ok(()),
        Err(e) => Err(StoreError::new(FileAction::SyncingFolder, folder, e)),
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

    #[cfg(unix)]
    #[test]
    fn a_link_at_the_name_is_replaced_and_a_mode_is_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("theirs"), "theirs").unwrap();
        symlink(at("theirs"), at("link")).unwrap();
        write_whole(at("link"), b"ours").unwrap();
        assert_eq!(std::fs::read_to_string(at("theirs")).unwrap(), "theirs");
        assert!(!std::fs::symlink_metadata(at("link")).unwrap().is_symlink());
        std::fs::set_permissions(at("link"), std::fs::Permissions::from_mode(0o640)).unwrap();
        write_whole(at("link"), b"again").unwrap();
        assert_eq!(std::fs::metadata(at("link")).unwrap().permissions().mode() & 0o777, 0o640);
        // What the umask gives to a file that anybody creates.
        std::fs::write(at("plain"), "").unwrap();
        write_whole(at("whole"), b"").unwrap();
        let mode = |name| std::fs::metadata(at(name)).unwrap().permissions().mode();
        assert_eq!(mode("whole"), mode("plain"));
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
