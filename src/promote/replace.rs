//! A file replaced whole: by rename, or in place with a backup where it can't be renamed over (a single-file bind mount).

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

use crate::store::{FileAction, StoreError, WholeFile};

/// What became of a rename.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Renamed {
    Yes,
    /// The system will not rename over this file (EBUSY, EXDEV): a mount point.
    Refused,
}

/// The new text beside `target`, not yet at its name: [`rename`] puts it there, with mode and owner of what it replaces.
pub(super) fn prepare(target: &Path, text: &str) -> Result<WholeFile, StoreError> {
    let mut fresh = WholeFile::create(target)?;
    fresh
        .write_all(text.as_bytes())
        .and_then(|()| fresh.flush())
        .map_err(|e| StoreError::new(FileAction::WRITING, target, e))?;
    Ok(fresh)
}

/// Renames and syncs the folder.
pub(super) fn rename(fresh: WholeFile) -> Result<Renamed, StoreError> {
    match fresh.finish() {
        Ok(()) => Ok(Renamed::Yes),
        Err(e) if matches!(e.source.kind(), std::io::ErrorKind::ResourceBusy | std::io::ErrorKind::CrossesDevices) => {
            Ok(Renamed::Refused)
        }
        Err(e) => Err(e),
    }
}

/// Overwrites from the front, then sets the length: torn, it is `new[..k] + old[k..]` for some k.
pub(super) fn overwrite(target: &Path, text: &str) -> Result<(), StoreError> {
    let fault = |e| StoreError::new(FileAction::Writing("in place"), target, e);
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
