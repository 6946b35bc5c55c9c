//! A file replaced whole: by rename, or in place with a backup where it can't be renamed over (a single-file bind mount).

use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::store::StoreError;

/// What became of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    Yes,
    /// The system will not rename over this file (EBUSY, EXDEV): a mount point.
    Refused,
}

/// Writes `text` to `fresh` (in the same folder), with the mode and owner of `target`, on disk.
pub(super) fn prepare(fresh: &Path, target: &Path, text: &str) -> Result<(), StoreError> {
    let fault = |e| StoreError::new("writing", fresh, e);
    let mut file = File::create(fresh).map_err(fault)?;
    let meta = std::fs::metadata(target).map_err(|e| StoreError::new("reading", target, e))?;
    file.set_permissions(meta.permissions()).map_err(fault)?;
    keep_owner(fresh, &meta);
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(fault)
}

#[cfg(unix)]
fn keep_owner(path: &Path, meta: &std::fs::Metadata) {
    use std::os::unix::fs::MetadataExt;
    // Only root may give files away; for anybody else the owner is who writes, as with any editor.
    let _ = std::os::unix::fs::chown(path, Some(meta.uid()), Some(meta.gid()));
}

#[cfg(not(unix))]
fn keep_owner(_: &Path, _: &std::fs::Metadata) {}

/// Renames and syncs the folder.
pub(super) fn rename(fresh: &Path, target: &Path) -> Result<Renamed, StoreError> {
    match std::fs::rename(fresh, target) {
        Ok(()) => {
            if let Some(folder) = target.parent().and_then(|p| File::open(p).ok()) {
                // Some file systems refuse to sync a folder; the rename itself has happened.
                let _ = folder.sync_all();
            }
            Ok(Renamed::Yes)
        }
        Err(e) if matches!(e.kind(), std::io::ErrorKind::ResourceBusy | std::io::ErrorKind::CrossesDevices) => {
            Ok(Renamed::Refused)
        }
        Err(e) => Err(StoreError::new("replacing", target, e)),
    }
}

/// Overwrites from the front, then sets the length: torn, it is `new[..k] + old[k..]` for some k.
pub(super) fn overwrite(target: &Path, text: &str) -> Result<(), StoreError> {
    let fault = |e| StoreError::new("writing in place", target, e);
    let mut file = OpenOptions::new().write(true).open(target).map_err(fault)?;
    file.seek(SeekFrom::Start(0)).map_err(fault)?;
    file.write_all(text.as_bytes()).map_err(fault)?;
    file.set_len(text.len() as u64).map_err(fault)?;
    file.sync_all().map_err(fault)
}

/// Whether `now` is what a kill in [`overwrite`] can leave.
pub(super) fn torn(now: &[u8], before: &[u8], after: &[u8]) -> bool {
    let same = now.iter().zip(after).take_while(|(a, b)| a == b).count();
    now.get(same..) == Some(before.get(same..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_is_a_front_of_the_new_and_a_rest_of_the_old() {
        let (before, after) = (b"abcdef".as_slice(), b"abXYef!!".as_slice());
        assert!(torn(b"abXdef", before, after) && torn(b"abXYef", before, after) && torn(b"abXYef!", before, after));
        assert!(!torn(b"abZdef", before, after) && !torn(b"ab", before, after));
        // A shorter new text, before its length is set.
        assert!(torn(b"abXdef", b"abcdef", b"abX"));
        assert!(!torn(b"abXzef", b"abcdef", b"abX"));
    }

    #[test]
    fn writing_in_place_keeps_the_file_itself() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("f"), dir.path().join("hard"));
        std::fs::write(&file, "a longer text").unwrap();
        std::fs::hard_link(&file, &link).unwrap();
        overwrite(&file, "short").unwrap();
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "short");
    }
}
