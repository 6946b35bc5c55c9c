//! Which checkpoints are kept.

use std::path::Path;

use super::TrainError;
use super::checkpoint::{folder, steps_in};
use crate::store::StoreError;

/// Removes the oldest checkpoints beyond `limit`, never `best` nor the newest.
pub(super) fn retire(output: &Path, limit: Option<u64>, best: Option<u64>) -> Result<(), TrainError> {
    let Some(limit) = limit else { return Ok(()) };
    let steps = steps_in(output)?;
    let surplus = steps.len().saturating_sub(limit.max(1) as usize);
    for step in steps.iter().take(surplus).filter(|step| Some(**step) != best) {
        let old = folder(output, *step);
        let fault = |e| StoreError::new("removing the checkpoint", &old, e);
        // Moved aside first: what is half removed must not look like a checkpoint.
        let aside = output.join(format!(".tunesmith-old-{step}"));
        std::fs::rename(&old, &aside).map_err(fault)?;
        std::fs::remove_dir_all(&aside).map_err(fault)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_and_the_best_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let make = |steps: &[u64]| steps.iter().for_each(|s| std::fs::create_dir_all(folder(dir.path(), *s)).unwrap());
        make(&[2, 4, 6, 8, 10]);
        retire(dir.path(), None, None).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap().len(), 5);
        retire(dir.path(), Some(2), Some(4)).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap(), [4, 8, 10]);
        make(&[12]);
        retire(dir.path(), Some(1), Some(12)).unwrap();
        assert_eq!(steps_in(dir.path()).unwrap(), [12]);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left aside");
    }
}
