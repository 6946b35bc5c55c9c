//! Temporary files and folders: names that nobody can know before, a lock that lives as long as their owner, and the
//! removal of what an owner that was killed left behind.

use std::collections::HashSet;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use super::files::{OpenFor, PREFIX, SUFFIX, create_folder, open_nofollow};
use super::{FileAction, StoreError};

/// A folder that is filled beside its final name.
const FOLDER: &str = ".tunesmith-work-";

/// A new file in `folder`, locked: a sweep leaves alone what somebody holds.
pub(super) fn file_in(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    sweep_once(folder);
    let mut builder = tempfile::Builder::new();
    let prefix = format!("{PREFIX}{}-", std::process::id());
    builder.prefix(&prefix).suffix(SUFFIX);
    everybodys(&mut builder, 0o666);
    loop {
        let temp = builder.tempfile_in(folder)?;
        if is_ours(temp.as_file(), temp.path()) {
            return Ok(temp);
        }
    }
}

/// Takes the lock on what was just created at `path`. False: between its creation and the lock a sweep took it for a dead
/// one's, and has removed it, or holds the lock and may be about to; another one must be made. Where the file system has
/// no locks, a sweep can take none either, and removes nothing.
fn is_ours(created: &File, path: &Path) -> bool {
    !matches!(created.try_lock(), Err(TryLockError::WouldBlock)) && path.exists()
}

/// A folder being filled; removed when dropped, unless [`Self::rename_to`] gave it its name.
#[derive(Debug)]
pub struct TempFolder {
    work: tempfile::TempDir,
    /// Held until dropped.
    _lock: Option<File>,
}

impl TempFolder {
    /// Beside what it is to become.
    pub fn create_in(parent: &Path) -> Result<Self, StoreError> {
        create_folder(parent)?;
        Self::make(parent)
    }

    /// For a download into the program's cache.
    pub fn fetch_in(cache: &Path) -> Result<Self, StoreError> {
        std::fs::create_dir_all(cache).map_err(|e| StoreError::new(FileAction::Creating("folder"), cache, e))?;
        Self::make(cache)
    }

    fn make(parent: &Path) -> Result<Self, StoreError> {
        sweep_once(parent);
        let fault = |e| StoreError::new(FileAction::Creating("a temporary folder in"), parent, e);
        let mut builder = tempfile::Builder::new();
        builder.prefix(FOLDER);
        everybodys(&mut builder, 0o777);
        loop {
            let work = builder.tempdir_in(parent).map_err(fault)?;
            let opened = File::open(work.path()).ok();
            // (Windows opens no folders, and a sweep none either.)
            if opened.as_ref().map_or(work.path().exists(), |folder| is_ours(folder, work.path())) {
                return Ok(Self { work, _lock: opened });
            }
        }
    }

    pub fn path(&self) -> &Path {
        self.work.path()
    }

    /// Gives it its final name; nothing may be there but an empty folder.
    pub fn rename_to(&self, target: &Path) -> std::io::Result<()> {
        std::fs::rename(self.path(), target)
    }
}

/// The umask decides who may read it: `tempfile`'s own default is the owner alone.
#[cfg(unix)]
fn everybodys(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(std::fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn everybodys(_: &mut tempfile::Builder<'_, '_>, _: u32) {}

/// What a killed process left: a file, or a folder with what is in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Leftover {
    pub path: PathBuf,
    pub bytes: u64,
}

impl Leftover {
    /// With the bytes of everything in it.
    pub fn of(path: PathBuf) -> Self {
        Self { bytes: size(&path), path }
    }
}

/// Removes from `folder` what processes that are gone left unfinished there. Best effort: what can't be removed stays.
pub fn sweep(folder: &Path) {
    for (left, _lock) in dead_in(folder) {
        let _ = remove(&left);
    }
}

/// As [`sweep`], for a folder and `depth` levels of folders below it; links are not followed.
pub fn sweep_tree(folder: &Path, depth: usize) {
    sweep(folder);
    if depth > 0 {
        folders_in(folder).for_each(|below| sweep_tree(&below, depth - 1));
    }
}

/// What [`sweep_tree`] would remove.
pub fn leftovers(folder: &Path, depth: usize) -> Vec<Leftover> {
    let mut found: Vec<Leftover> = dead_in(folder).into_iter().map(|(path, _lock)| Leftover::of(path)).collect();
    if depth > 0 {
        found.extend(folders_in(folder).flat_map(|below| leftovers(&below, depth - 1)));
    }
    found.sort();
    found
}

/// Removes one leftover, if it still is one.
pub fn remove_leftover(left: &Leftover) -> Result<(), StoreError> {
    match dead(&left.path) {
        Some(_lock) => remove(&left.path).map_err(|e| StoreError::new(FileAction::REMOVING, &left.path, e)),
        None => Ok(()),
    }
}

/// A process looks at each folder once: what is left there later is left by somebody who starts later.
fn sweep_once(folder: &Path) {
    static SEEN: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    let key = std::path::absolute(folder).unwrap_or_else(|_| folder.to_path_buf());
    let new = SEEN.lock().map_or(true, |mut seen| seen.get_or_insert_default().insert(key));
    if new {
        sweep(folder);
    }
}

/// Leftovers of `folder`, each with its lock, so that nobody else takes it meanwhile.
fn dead_in(folder: &Path) -> Vec<(PathBuf, File)> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    entries.filter_map(|e| Some(e.ok()?.path())).filter_map(|path| Some((path.clone(), dead(&path)?))).collect()
}

/// The lock on a temporary file or folder of ours whose owner is gone.
fn dead(path: &Path) -> Option<File> {
    let name = path.file_name()?.to_str()?;
    let kind = std::fs::symlink_metadata(path).ok()?.file_type();
    let file = if kind.is_file() && name.starts_with(PREFIX) && name.ends_with(SUFFIX) {
        open_nofollow(path, OpenFor::Read).ok()?
    } else if kind.is_dir() && name.starts_with(FOLDER) {
        File::open(path).ok()?
    } else {
        return None;
    };
    file.try_lock().is_ok().then_some(file)
}

fn remove(path: &Path) -> std::io::Result<()> {
    if std::fs::symlink_metadata(path)?.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) }
}

/// Folders that are no links, and are not leftovers themselves.
fn folders_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    std::fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_ok_and(|t| t.is_dir()))
        .filter(|e| !e.file_name().to_string_lossy().starts_with(FOLDER))
        .map(|e| e.path())
}

fn size(path: &Path) -> u64 {
    match std::fs::symlink_metadata(path) {
        Ok(m) if m.is_dir() => std::fs::read_dir(path).into_iter().flatten().flatten().map(|e| size(&e.path())).sum(),
        Ok(m) => m.len(),
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_holds_is_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let live = file_in(dir.path()).unwrap();
        let folder = TempFolder::create_in(dir.path()).unwrap();
        let fetch = TempFolder::fetch_in(dir.path()).unwrap();
        std::fs::write(at(".tunesmith-1-abc.partial"), "dead").unwrap();
        std::fs::create_dir_all(at(".tunesmith-work-abc/deep")).unwrap();
        std::fs::write(at(".tunesmith-work-abc/deep/f"), "1234567").unwrap();
        std::fs::create_dir(at(".tunesmith-work-def")).unwrap();
        // Not ours to remove.
        std::fs::write(at("mine.partial"), "").unwrap();
        std::fs::create_dir_all(at("below")).unwrap();
        std::fs::write(at("below/.tunesmith-2-abc.partial"), "").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(at("mine.partial"), at(".tunesmith-3-abc.partial")).unwrap();
        let found = leftovers(dir.path(), 1);
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found.iter().map(|l| l.bytes).sum::<u64>(), 11);
        sweep(dir.path());
        assert_eq!(leftovers(dir.path(), 1).len(), 1);
        sweep_tree(dir.path(), 1);
        assert!(leftovers(dir.path(), 1).is_empty());
        assert!(live.path().exists() && folder.path().exists() && fetch.path().exists());
        assert!(at("mine.partial").exists() && std::fs::symlink_metadata(at(".tunesmith-3-abc.partial")).is_ok());
    }

    /// A sweep finds a file that was created and is not locked yet.
    #[test]
    fn what_a_sweep_holds_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let (file, folder) = (dir.path().join(".tunesmith-1-abc.partial"), dir.path().join(".tunesmith-work-abc"));
        std::fs::write(&file, "").unwrap();
        std::fs::create_dir(&folder).unwrap();
        for path in [&file, &folder] {
            let created = File::open(path).unwrap();
            let swept = dead(path).unwrap();
            assert!(path.exists() && !is_ours(&created, path), "{}", path.display());
            drop(swept);
            assert!(is_ours(&created, path) && dead(path).is_none(), "{}", path.display());
        }
        let created = File::open(&file).unwrap();
        sweep(dir.path());
        assert!(!file.exists() && !is_ours(&created, &file));
    }

    #[test]
    fn a_finished_folder_keeps_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let folder = TempFolder::create_in(dir.path()).unwrap();
        std::fs::write(folder.path().join("f"), "x").unwrap();
        folder.rename_to(&dir.path().join("final")).unwrap();
        drop(folder);
        assert_eq!(std::fs::read_to_string(dir.path().join("final/f")).unwrap(), "x");
    }
}
