//! `tunesmith clean`: what processes that were killed left unfinished in a project and in the cache, listed or removed.

use std::path::Path;

use super::{Context, Failure};
use crate::store::{self, Leftover, Lock};
use crate::train;

/// Folders below a project: `runs/<id>/checkpoint-<n>` and deeper ones of the user's.
const DEPTH: usize = 6;

/// What was found, and whether it was removed.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Cleaned {
    pub leftovers: Vec<Leftover>,
    pub removed: bool,
}

/// Looks below `folder` and in the cache; links are not followed, and what a living process holds is left alone.
pub fn run(context: &Context<'_>, folder: &Path, remove: bool) -> Result<Cleaned, Failure> {
    let cache = context.env.cache_dir();
    let mut found: Vec<Leftover> = store::leftovers(folder, DEPTH);
    found.extend(store::leftovers(&cache, DEPTH));
    // Of a training: only under its lock, since some of it may be put back.
    let mut trainings = Vec::new();
    for output in train::interrupted(folder, DEPTH) {
        let Ok(lock) = Lock::acquire(output.folder.join(".lock")) else { continue };
        found.extend(output.leftovers);
        trainings.push((output.folder, lock));
    }
    found.sort();
    found.dedup();
    if remove {
        for (output, _lock) in &trainings {
            train::sweep(output)?;
        }
        for left in &found {
            store::remove_leftover(left)?;
        }
    }
    Ok(Cleaned { leftovers: found, removed: remove })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::reported;

    #[test]
    fn what_nobody_holds_is_listed_then_removed() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("runs/x/.tunesmith-train-gone-5")).unwrap();
        std::fs::write(at("runs/x/.tunesmith-train-gone-5/state.json"), "12345").unwrap();
        std::fs::create_dir_all(at("runs/x/gguf")).unwrap();
        std::fs::write(at("runs/x/gguf/.tunesmith-9-abc.partial"), "123").unwrap();
        std::fs::create_dir_all(at("runs/y/.tunesmith-train-gone-1")).unwrap();
        std::fs::write(at("runs/y/metrics.jsonl"), "").unwrap();
        let held = Lock::acquire(at("runs/y/.lock")).unwrap();
        let clean = |remove| {
            reported(|context| {
                context.env.tunesmith.insert("CACHE".to_owned(), at("cache").display().to_string());
                run(context, dir.path(), remove)
            })
            .0
            .unwrap()
        };
        let listed = clean(false);
        assert_eq!(listed.leftovers.iter().map(|l| l.bytes).collect::<Vec<_>>(), [5, 3], "{listed:?}");
        assert!(at("runs/x/gguf/.tunesmith-9-abc.partial").exists());
        assert_eq!(clean(true).leftovers.len(), 2);
        assert!(!at("runs/x/gguf/.tunesmith-9-abc.partial").exists() && !at("runs/x/.tunesmith-train-gone-5").exists());
        // Somebody is at work there.
        assert!(at("runs/y/.tunesmith-train-gone-1").exists() && at("runs/y/metrics.jsonl").exists());
        drop(held);
        assert_eq!(clean(true).leftovers.len(), 1);
        assert!(clean(false).leftovers.is_empty());
    }
}
