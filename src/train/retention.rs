//! Which checkpoints are kept, and what of a killed run is not.

use std::path::{Path, PathBuf};

use super::TrainError;
use super::folders::{folder, steps_in};
use crate::store::{self, FileAction, Leftover, StoreError};

/// What is being made or removed beside the checkpoints is named so until it is done.
const UNFINISHED: &str = ".tunesmith-train-";
/// And then so, with its name, what something new is about to replace.
const REPLACED: &str = "old-";

/// Where `target` waits while another takes its name.
pub(super) fn aside(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy();
    target.with_file_name(format!("{UNFINISHED}{REPLACED}{name}"))
}

/// Removes what a run that was killed left unfinished, a checkpoint's size each; what it had put aside, and nothing in its
/// place yet, gets its name back. Whoever trains holds the folder's lock.
pub fn sweep(output: &Path) -> Result<(), TrainError> {
    let fault = |e| StoreError::new(FileAction::Removing("what a killed run left in"), output, e);
    if !output.is_dir() {
        return Ok(());
    }
    store::check_inside(output)?;
    store::sweep(output);
    for entry in std::fs::read_dir(output).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(UNFINISHED)) else { continue };
        let ours = |target: &&str| *target == "final" || target.starts_with("checkpoint-");
        let target = rest.strip_prefix(REPLACED).filter(ours).map(|target| output.join(target));
        match target.filter(|target| !target.exists()) {
            Some(target) => std::fs::rename(entry.path(), target),
            None => std::fs::remove_dir_all(entry.path()),
        }
        .map_err(fault)?;
    }
    Ok(())
}

/// The output of a training that was killed.
#[derive(Clone, Debug)]
pub struct Interrupted {
    pub folder: PathBuf,
    pub leftovers: Vec<Leftover>,
}

/// Folders below `root`, at most `depth` levels, in which [`sweep`] has something to do; links are not followed.
pub fn interrupted(root: &Path, depth: usize) -> Vec<Interrupted> {
    let Ok(entries) = std::fs::read_dir(root) else { return Vec::new() };
    let folders = entries.filter_map(Result::ok).filter(|e| e.file_type().is_ok_and(|t| t.is_dir()));
    let (left, below): (Vec<PathBuf>, Vec<PathBuf>) = folders
        .map(|e| e.path())
        .partition(|p| p.file_name().is_some_and(|n| n.to_string_lossy().starts_with(UNFINISHED)));
    let leftovers: Vec<_> = left.into_iter().map(Leftover::of).collect();
    let own = (!leftovers.is_empty()).then(|| Interrupted { folder: root.to_path_buf(), leftovers });
    let deeper = if depth > 0 { below } else { Vec::new() };
    own.into_iter().chain(deeper.iter().flat_map(|folder| interrupted(folder, depth - 1))).collect()
}

/// Removes the oldest checkpoints beyond `limit`, never `best` nor `newest`. What is newer than that is no part of this
/// training any more: damaged, and passed over at its resume.
pub(super) fn retire(output: &Path, limit: Option<u64>, best: Option<u64>, newest: u64) -> Result<(), TrainError> {
    let Some(limit) = limit else { return Ok(()) };
    let mut steps = steps_in(output)?;
    steps.retain(|step| *step <= newest);
    let surplus = steps.len().saturating_sub(limit.max(1) as usize);
    for step in steps.iter().take(surplus).filter(|step| Some(**step) != best) {
        remove(output, *step)?;
    }
    Ok(())
}

/// Removes a checkpoint.
pub(super) fn remove(output: &Path, step: u64) -> Result<(), TrainError> {
    let old = folder(output, step);
    let fault = |e| StoreError::new(FileAction::Removing("the checkpoint"), &old, e);
    // Moved aside first: what is half removed must not look like a checkpoint.
    let aside = output.join(format!("{UNFINISHED}gone-{step}"));
    std::fs::rename(&old, &aside).map_err(fault)?;
    std::fs::remove_dir_all(&aside).map_err(fault)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_best_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let make = |steps: &[u64]| {
            for step in steps {
                std::fs::create_dir_all(folder(dir.path(), *step)).unwrap();
                std::fs::write(folder(dir.path(), *step).join("state.json"), "{}").unwrap();
            }
        };
        // Another program's, which is none of ours.
        std::fs::create_dir_all(folder(dir.path(), 500)).unwrap();
        make(&[2, 4, 6, 8, 10]);
        retire(dir.path(), None, None, 10).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap().len(), 5);
        retire(dir.path(), Some(2), Some(4), 10).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap(), [4, 8, 10]);
        make(&[12]);
        // 12 was passed over: the newest that counts is 10.
        retire(dir.path(), Some(1), None, 10).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap(), [10, 12]);
        retire(dir.path(), Some(1), Some(12), 12).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap(), [12]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2, "nothing is left aside");
        // A link is no checkpoint, whatever it leads to.
        #[cfg(unix)]
        {
            let elsewhere = tempfile::tempdir().unwrap();
            std::fs::write(elsewhere.path().join("state.json"), "{}").unwrap();
            std::os::unix::fs::symlink(elsewhere.path(), folder(dir.path(), 14)).unwrap();
            assert_eq!(steps_in(dir.path()).unwrap(), [12]);
        }
    }

    #[test]
    fn what_a_killed_run_left_is_removed_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| dir.path().join(name);
        sweep(&place("not there")).unwrap();
        let own = ["checkpoint-2", "final", ".tunesmith", ".tunesmith-another"];
        // Of two that were about to be replaced, one has been.
        let aside = ["checkpoint-2", "checkpoint-6"].map(|name| aside(&place(name)));
        let left = [".tunesmith-train-x", ".tunesmith-train-gone-4", ".tunesmith-train-old-4"]
            .map(place)
            .into_iter()
            .chain(aside);
        for folder in own.map(place).into_iter().chain(left) {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("from"), folder.file_name().unwrap().to_str().unwrap()).unwrap();
        }
        sweep(dir.path()).unwrap();
        let from = |name: &str| std::fs::read_to_string(place(name).join("from")).unwrap();
        assert!(own.iter().all(|name| from(name) == *name));
        assert_eq!(from("checkpoint-6"), ".tunesmith-train-old-checkpoint-6");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), own.len() + 1);
    }
}
