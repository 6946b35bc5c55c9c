//! The latest adapter below a folder.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders deeper than this are not looked into.
const DEEPEST: usize = 8;
/// Entries that are looked at, at most: a folder of a project may hold anything.
const MOST_ENTRIES: usize = 200_000;
/// The files without which a folder is no adapter.
const FILES: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];

/// The latest, and how many there are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LatestAdapter {
    pub path: PathBuf,
    pub of: usize,
}

/// Of all `final` folders with an adapter below `root`, the one whose files were written last; of several of one time, the
/// first by its path. Links are not followed.
pub(super) fn latest_adapter(root: &Path) -> Option<LatestAdapter> {
    let mut search = Search { left: MOST_ENTRIES, adapters: Vec::new() };
    search.look(root, 0);
    let of = search.adapters.len();
    let latest = search.adapters.into_iter().max_by(|a, b| a.written.cmp(&b.written).then(b.path.cmp(&a.path)))?;
    Some(LatestAdapter { path: latest.path, of })
}

struct Adapter {
    path: PathBuf,
    written: SystemTime,
}

struct Search {
    left: usize,
    adapters: Vec<Adapter>,
}

impl Search {
    fn look(&mut self, folder: &Path, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        let Ok(entries) = std::fs::read_dir(folder) else { return };
        for entry in entries.flatten() {
            let Some(left) = self.left.checked_sub(1) else { return };
            self.left = left;
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            let path = entry.path();
            match (entry.file_name() == "final").then(|| written(&path)).flatten() {
                Some(written) => self.adapters.push(Adapter { path, written }),
                None => self.look(&path, depth + 1),
            }
        }
    }
}

/// When the later of the adapter's files was written; None where one is missing.
fn written(folder: &Path) -> Option<SystemTime> {
    let time = |name| {
        let found = std::fs::symlink_metadata(folder.join(name)).ok().filter(std::fs::Metadata::is_file)?;
        found.modified().ok()
    };
    let [config, weights] = FILES.map(time);
    Some(config?.max(weights?))
}

#[cfg(test)]
mod tests {
    use std::fs::{File, create_dir_all, write};
    use std::time::Duration;

    use super::*;

    fn adapter(root: &Path, name: &str, seconds: [u64; 2]) {
        let folder = root.join(name);
        create_dir_all(&folder).unwrap();
        for (file, seconds) in FILES.iter().zip(seconds) {
            write(folder.join(file), "x").unwrap();
            let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
            File::options().write(true).open(folder.join(file)).unwrap().set_modified(time).unwrap();
        }
    }

    #[test]
    fn the_latest_is_found_however_deep_and_of_two_the_first_by_its_path() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path();
        assert_eq!(latest_adapter(&root.join("none")), None);
        let found = || latest_adapter(root).map(|found| (found.path, found.of));
        assert_eq!(found(), None);
        adapter(root, "a/final", [10, 20]);
        adapter(root, "b/checkpoint-5", [90, 90]);
        assert_eq!(found(), Some((root.join("a/final"), 1)));
        adapter(root, "b/c/d/final", [30, 5]);
        assert_eq!(found(), Some((root.join("b/c/d/final"), 2)));
        adapter(root, "aa/final", [1, 30]);
        assert_eq!(found(), Some((root.join("aa/final"), 3)));
        // Half an adapter is none.
        adapter(root, "z/final", [90, 90]);
        std::fs::remove_file(root.join("z/final/adapter_model.safetensors")).unwrap();
        assert_eq!(found(), Some((root.join("aa/final"), 3)));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        adapter(elsewhere.path(), "x/final", [10, 10]);
        std::os::unix::fs::symlink(elsewhere.path().join("x"), dir.path().join("x")).unwrap();
        std::os::unix::fs::symlink(dir.path(), dir.path().join("loop")).unwrap();
        assert_eq!(latest_adapter(dir.path()), None);
    }
}
