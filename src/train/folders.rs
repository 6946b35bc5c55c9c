//! The folders of an output's checkpoints.

use std::path::{Path, PathBuf};

use super::TrainError;
use crate::store::{FileAction, StoreError};

pub(super) const STATE: &str = "state.json";

/// `checkpoint-N/`.
pub fn folder(output: &Path, step: u64) -> PathBuf {
    output.join(format!("checkpoint-{step}"))
}

/// The N of every `checkpoint-N` of ours, ascending: other programs name theirs so, too, and have no such state.
pub(super) fn steps_in(output: &Path) -> Result<Vec<u64>, TrainError> {
    let mut steps = numbers(output)?;
    steps.retain(|step| is_ours(output, *step));
    Ok(steps)
}

/// (A link in the place of a checkpoint may lead anywhere: the output may be a stranger's.)
pub(super) fn is_ours(output: &Path, step: u64) -> bool {
    let folder = folder(output, step);
    let kind = |path: &Path| std::fs::symlink_metadata(path).ok().map(|m| m.file_type());
    kind(&folder).is_some_and(|k| k.is_dir()) && kind(&folder.join(STATE)).is_some_and(|k| k.is_file())
}

/// The N of every `checkpoint-N`, ascending.
pub(super) fn numbers(output: &Path) -> Result<Vec<u64>, TrainError> {
    let fault = |e| StoreError::new(FileAction::READING, output, e);
    if !output.is_dir() {
        return Ok(Vec::new());
    }
    let mut steps = Vec::new();
    for entry in std::fs::read_dir(output).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let number: Option<u64> =
            entry.file_name().to_str().and_then(|n| n.strip_prefix("checkpoint-")).and_then(|n| n.parse().ok());
        // Only as we write it: no leading zeros, no sign.
        steps.extend(number.filter(|n| entry.path() == folder(output, *n)));
    }
    steps.sort_unstable();
    Ok(steps)
}
