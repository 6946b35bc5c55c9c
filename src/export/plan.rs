//! What an export will take: bytes, memory, disk; checked before the first byte.

use std::path::{Path, PathBuf};

use super::item::Item;
use super::{ExportError, Plan};

/// Metadata without the vocabulary, headers, alignment.
const OVERHEAD: u64 = 1 << 20;
/// A token of the vocabulary with its merge and its score.
const TOKEN_BYTES: u64 = 48;

/// What the rows in hand and the buffers of the writers take beside one tensor.
const WORKING: u64 = 64 << 20;

pub(super) fn plan(items: &[Item<'_>]) -> Plan {
    let largest = items.iter().map(Item::bytes).max().unwrap_or(0);
    let vocab = items.iter().map(|item| item.rows as u64).max().unwrap_or(0);
    let bytes = items.iter().map(Item::bytes).sum::<u64>() + OVERHEAD + vocab * TOKEN_BYTES;
    Plan { bytes, memory: largest + WORKING }
}

/// Refuses what does not fit on the disk that `output` will lie on.
pub(super) fn check_disk(output: &Path, needed: u64) -> Result<(), ExportError> {
    let folder = existing_folder(output);
    match free_disk(&folder) {
        Some(free) if free < needed => Err(ExportError::Disk { folder, needed, free }),
        _ => Ok(()),
    }
}

/// The nearest folder above `output` that is there.
fn existing_folder(output: &Path) -> PathBuf {
    let above = output.ancestors().skip(1).find(|p| p.is_dir());
    match above {
        Some(p) if !p.as_os_str().is_empty() => p.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// Bytes that this user can still write in an existing folder; None where the system does not say.
#[cfg(unix)]
pub fn free_disk(folder: &Path) -> Option<u64> {
    let fs = rustix::fs::statvfs(folder).ok()?;
    Some(fs.f_bavail.saturating_mul(fs.f_frsize))
}

#[cfg(not(unix))]
pub fn free_disk(_: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_before_the_first_byte() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("not/yet/there.gguf");
        check_disk(&output, 1 << 20).unwrap();
        let e = check_disk(&output, u64::MAX).unwrap_err();
        assert!(matches!(&e, ExportError::Disk { folder, .. } if folder == dir.path()), "{e}");
        assert!(e.to_string().contains("not enough room"), "{e}");
    }
}
