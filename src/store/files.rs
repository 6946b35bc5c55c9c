//! Files and folders at names that somebody else may have prepared: a project folder is data. Links are not followed, and
//! only regular files are opened.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read};
use std::path::{Path, PathBuf};

use super::StoreError;

/// What a state file is opened for; whatever writes also creates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenFor {
    Read,
    /// Reading, and writing at the end.
    Append,
    /// Holding a lock on it.
    Lock,
}

/// Opens `path` where it is a regular file or (unless it is only read) does not exist; a symbolic link, a pipe or a
/// device is refused. A new file gets the mode that the umask leaves.
pub fn open_nofollow(path: &Path, purpose: OpenFor) -> Result<File, StoreError> {
    let fault = |e| StoreError::new("opening", path, e);
    if std::fs::symlink_metadata(path).is_ok_and(|m| m.is_symlink()) {
        return Err(fault(Error::new(ErrorKind::InvalidInput, "it is a symbolic link, which is not followed here")));
    }
    let mut options = OpenOptions::new();
    match purpose {
        OpenFor::Read => options.read(true),
        OpenFor::Append => options.read(true).append(true).create(true),
        OpenFor::Lock => options.write(true).create(true).truncate(false),
    };
    no_links(&mut options);
    let file = options.open(path).map_err(fault)?;
    if !file.metadata().map_err(fault)?.is_file() {
        return Err(fault(Error::new(ErrorKind::InvalidInput, "it is not a regular file")));
    }
    Ok(file)
}

/// What a state file of at most `limit` bytes holds; None where there is none.
pub fn read_nofollow(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match open_nofollow(path, OpenFor::Read) {
        Err(e) if e.source.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    let mut bytes = Vec::new();
    let fault = |e| StoreError::new("reading", path, e);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(fault(Error::new(ErrorKind::InvalidData, format!("it has more than {limit} bytes"))));
    }
    Ok(Some(bytes))
}

/// Creates a folder and its parents, after [`check_inside`].
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    check_inside(path)?;
    std::fs::create_dir_all(path).map_err(|e| StoreError::new("creating folder", path, e))
}

/// As [`create_folder`], for the program's own state: the folder itself must not be a link, wherever that leads.
pub fn create_state_folder(path: &Path) -> Result<(), StoreError> {
    check_state_folder(path)?;
    create_folder(path)
}

/// Refuses a state folder that is a link or a file. One that does not exist is in order.
pub fn check_state_folder(path: &Path) -> Result<(), StoreError> {
    let bad = |what| Err(StoreError::new("opening", path, Error::new(ErrorKind::InvalidInput, what)));
    match std::fs::symlink_metadata(path) {
        Ok(m) if m.is_symlink() => bad("it is a symbolic link, which is not followed here"),
        Ok(m) if !m.is_dir() => bad("it is not a folder"),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::new("opening", path, e)),
        _ => Ok(()),
    }
}

/// Refuses a path below the working folder whose folders (or itself, where it is a folder) are symbolic links that lead
/// out of the project: a cloned project must not choose a place elsewhere for what is written and removed. Links
/// outside the working folder belong to the system or to the user's own words.
pub fn check_inside(path: &Path) -> Result<(), StoreError> {
    let Ok(root) = std::env::current_dir() else { return Ok(()) };
    check_inside_of(path, &root)
}

fn check_inside_of(path: &Path, root: &Path) -> Result<(), StoreError> {
    let fault = |e| StoreError::new("finding", path, e);
    let whole = root.join(path);
    let real_root = std::fs::canonicalize(root).map_err(fault)?;
    let mut at = PathBuf::new();
    for part in whole.components() {
        at.push(part);
        let below = at.strip_prefix(root).or_else(|_| at.strip_prefix(&real_root)).is_ok_and(|p| p != Path::new(""));
        if !below || !std::fs::symlink_metadata(&at).is_ok_and(|m| m.is_symlink()) {
            continue;
        }
        // A link to nowhere: whatever is created through it would be elsewhere.
        let inside = std::fs::canonicalize(&at).is_ok_and(|real| real.starts_with(project_of(&at, &real_root)));
        if !inside {
            let leads = std::fs::read_link(&at).unwrap_or_default();
            let what = format!(
                "{} is a symbolic link out of the project (to {}); name the place itself on the command line",
                at.display(),
                leads.display()
            );
            return Err(StoreError::new("writing below", path, Error::new(ErrorKind::InvalidInput, what)));
        }
    }
    Ok(())
}

/// The project that holds a link: the nearest folder above it with `.git` or `configs`, at most the working folder.
fn project_of(link: &Path, root: &Path) -> PathBuf {
    let Some(parent) = link.parent().and_then(|p| std::fs::canonicalize(p).ok()) else { return root.to_path_buf() };
    let marked =
        |folder: &&Path| folder.starts_with(root) && (folder.join(".git").exists() || folder.join("configs").is_dir());
    parent.ancestors().find(marked).unwrap_or(root).to_path_buf()
}

/// Whether a stored path, joined to a folder, stays in it: relative, and only of names.
pub fn is_inner(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Whether a file can be created in `folder`, or in the folder that it would be created in; nothing stays there.
pub fn check_writable(folder: &Path) -> Result<(), StoreError> {
    check_inside(folder)?;
    let whole = std::path::absolute(folder).map_err(|e| StoreError::new("finding", folder, e))?;
    // The nearest that exists, whatever it is: a file there is as much of a fault.
    let nearest = whole.ancestors().find(|at| std::fs::symlink_metadata(at).is_ok()).unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new().prefix(super::temp::PREFIX).suffix(super::temp::SUFFIX).tempfile_in(nearest);
    made.map(drop).map_err(|e| StoreError::new("creating a file in", nearest, e))
}

#[cfg(unix)]
fn no_links(options: &mut OpenOptions) {
    use std::os::unix::fs::OpenOptionsExt;
    // Not blocking: to open a pipe would wait for its other end.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    options.custom_flags(i32::try_from(flags.bits()).unwrap_or_default());
}

#[cfg(not(unix))]
fn no_links(_: &mut OpenOptions) {}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_pipes_and_folders_are_not_opened() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("target"), "mine").unwrap();
        symlink(at("target"), at("link")).unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        std::fs::create_dir(at("folder")).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        for purpose in [OpenFor::Read, OpenFor::Append, OpenFor::Lock] {
            for name in ["link", "dangling", "folder", "pipe"] {
                assert!(open_nofollow(&at(name), purpose).is_err(), "{name} for {purpose:?}");
            }
        }
        assert!(!at("nowhere").exists());
        assert_eq!(std::fs::read_to_string(at("target")).unwrap(), "mine");
        assert_eq!(read_nofollow(&at("target"), 4).unwrap().unwrap(), b"mine");
        assert_eq!(read_nofollow(&at("absent"), 4).unwrap(), None);
        assert!(read_nofollow(&at("target"), 3).unwrap_err().to_string().contains("more than 3 bytes"));
        open_nofollow(&at("new"), OpenFor::Append).unwrap();
        assert!(at("new").is_file());
        for name in ["link", "dangling", "target"] {
            assert!(create_state_folder(&at(name)).is_err(), "{name}");
        }
        create_state_folder(&at("state")).unwrap();
        create_state_folder(&at("state")).unwrap();
    }

    #[test]
    fn a_link_out_of_the_project_is_refused_wherever_it_stands_in_the_path() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("work");
        let other = dir.path().join("other");
        std::fs::create_dir_all(root.join("clone/configs")).unwrap();
        std::fs::create_dir_all(root.join("inside")).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        symlink(&other, root.join("output")).unwrap();
        symlink("../../inside", root.join("clone/configs/up")).unwrap();
        symlink("inside", root.join("alias")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        symlink(&root, dir.path().join("outer")).unwrap();
        let refused = |path: &str| check_inside_of(Path::new(path), &root).is_err();
        assert!(refused("output") && refused("output/a/b") && refused("./inside/../output"));
        // Out of the clone, if not out of the working folder.
        assert!(refused("clone/configs/up/x") && refused("dangling/x"));
        assert!(!refused("alias/x") && !refused("inside/x") && !refused("new/folder"));
        assert!(refused(root.join("output/x").to_str().unwrap()));
        // Outside the working folder a link is the user's.
        assert!(!refused(dir.path().join("outer/x").to_str().unwrap()));
    }

    #[test]
    fn a_stored_path_stays_in_its_folder() {
        assert!(is_inner(Path::new("gguf/model.gguf")) && is_inner(Path::new("f")));
        assert!(["", "/etc/passwd", "../f", "a/../../f", "./../f"].iter().all(|p| !is_inner(Path::new(p))));
    }

    #[test]
    fn whether_a_folder_takes_files_is_known_before_it_exists() {
        let dir = tempfile::tempdir().unwrap();
        check_writable(&dir.path().join("a/b")).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        std::fs::write(dir.path().join("file"), "").unwrap();
        assert!(check_writable(&dir.path().join("file")).is_err());
        assert!(check_writable(&dir.path().join("file/below")).is_err());
    }
}
