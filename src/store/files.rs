//! Files and folders at names that somebody else may have prepared: a project folder is data. Links are not followed, and
//! only regular files are opened.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind, Read};
use std::path::{Component, Path, PathBuf};

use super::{FileAction, StoreError};

pub(super) const PREFIX: &str = ".tunesmith-";

pub(super) const SUFFIX: &str = ".partial";

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
    let fault = |e| StoreError::new(FileAction::OPENING, path, e);
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
    let fault = |e| StoreError::new(FileAction::READING, path, e);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(fault)?;
    if bytes.len() as u64 > limit {
        return Err(fault(Error::new(ErrorKind::InvalidData, format!("it has more than {limit} bytes"))));
    }
    Ok(Some(bytes))
}

/// Creates a folder and its parents, after [`check_inside`].
pub fn create_folder(path: &Path) -> Result<(), StoreError> {
    check_inside(path)?;
    std::fs::create_dir_all(path).map_err(|e| StoreError::new(FileAction::Creating("folder"), path, e))
}

/// As [`create_folder`], for the program's own state: the folder itself must not be a link, wherever that leads.
pub fn create_state_folder(path: &Path) -> Result<(), StoreError> {
    check_state_folder(path)?;
    create_folder(path)
}

/// Refuses a state folder that is a link or a file. One that does not exist is in order.
pub fn check_state_folder(path: &Path) -> Result<(), StoreError> {
    let bad = |what| Err(StoreError::new(FileAction::OPENING, path, Error::new(ErrorKind::InvalidInput, what)));
    match std::fs::symlink_metadata(path) {
        Ok(m) if m.is_symlink() => bad("it is a symbolic link, which is not followed here"),
        Ok(m) if !m.is_dir() => bad("it is not a folder"),
        Err(e) if e.kind() != ErrorKind::NotFound => Err(StoreError::new(FileAction::OPENING, path, e)),
        _ => Ok(()),
    }
}

/// Refuses to write below a path that leaves its project through a symbolic link: a cloned project must not choose a
/// place elsewhere for what is written and removed. A link that lies in no project is the system's or the user's own.
pub fn check_inside(path: &Path) -> Result<(), StoreError> {
    match std::env::current_dir() {
        Ok(working) => refuse(
            path,
            &working,
            Refusal { action: FileAction::WritingBelow, remedy: "name the place itself on the command line" },
        ),
        Err(_) => Ok(()),
    }
}

/// As [`check_inside`], for a file of the project that is read by a name of the program's own.
pub fn check_read_inside(path: &Path) -> Result<(), StoreError> {
    match std::env::current_dir() {
        Ok(working) => refuse(
            path,
            &working,
            Refusal { action: FileAction::OPENING, remedy: "put the file itself in the link's place" },
        ),
        Err(_) => Ok(()),
    }
}

/// The words for a link that leaves its project.
#[derive(Clone, Copy)]
struct Refusal {
    action: FileAction,
    remedy: &'static str,
}

fn refuse(path: &Path, working: &Path, words: Refusal) -> Result<(), StoreError> {
    let working = std::fs::canonicalize(working).map_err(|e| StoreError::new(FileAction::Finding, working, e))?;
    let Some(link) = link_out(path, &working) else { return Ok(()) };
    let leads = std::fs::read_link(&link).unwrap_or_default();
    let what =
        format!("{} is a symbolic link out of the project (to {}); {}", link.display(), leads.display(), words.remedy);
    Err(StoreError::new(words.action, path, Error::new(ErrorKind::InvalidInput, what)))
}

/// The first symbolic link on the way to `path` that leads out of the project in which it lies. The way is walked as the
/// system walks it: each link is followed before the next part of the path is looked at.
fn link_out(path: &Path, working: &Path) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    for part in working.join(path).components() {
        if part == Component::ParentDir {
            at.pop();
            continue;
        }
        let folder = at.clone();
        at.push(part);
        if !std::fs::symlink_metadata(&at).is_ok_and(|m| m.is_symlink()) {
            continue;
        }
        let project = project_of(&folder, working);
        match std::fs::canonicalize(&at) {
            Ok(real) if project.as_ref().is_none_or(|project| real.starts_with(project)) => at = real,
            // A link to nowhere too: whatever is created through it would be elsewhere.
            _ if project.is_some() => return Some(at),
            _ => {}
        }
    }
    None
}

/// The project that holds what lies in `folder`: the nearest folder from there upwards that holds `.git` or `configs/`; in
/// the working folder at most that one, elsewhere none where no folder is marked.
pub fn project_of(folder: &Path, working: &Path) -> Option<PathBuf> {
    let below = folder.starts_with(working);
    let marked = |at: &&Path| at.join(".git").exists() || at.join("configs").is_dir();
    let found = folder.ancestors().take_while(|at| !below || at.starts_with(working)).find(marked);
    found.or(below.then_some(working)).map(Path::to_path_buf)
}

/// Whether a stored path, joined to a folder, stays in it: relative, and only of names.
pub fn is_inner(path: &Path) -> bool {
    path.components().next().is_some() && path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

/// Whether a file can be created in `folder`, or in the folder that it would be created in; nothing stays there.
pub fn check_writable(folder: &Path) -> Result<(), StoreError> {
    check_inside(folder)?;
    check_cache_writable(folder)
}

/// As [`check_writable`], in the program's own cache, whose place the environment names, links included.
pub fn check_cache_writable(folder: &Path) -> Result<(), StoreError> {
    let whole = std::path::absolute(folder).map_err(|e| StoreError::new(FileAction::Finding, folder, e))?;
    // The nearest that exists, whatever it is: a file there is as much of a fault.
    let nearest = whole.ancestors().find(|at| std::fs::symlink_metadata(at).is_ok()).unwrap_or(Path::new("/"));
    let made = tempfile::Builder::new().prefix(PREFIX).suffix(SUFFIX).tempfile_in(nearest);
    made.map(drop).map_err(|e| StoreError::new(FileAction::Creating("a file in"), nearest, e))
}

/// Whether a state file that is there can be opened to be written; one that is not there is in order.
pub fn check_state_file(path: &Path) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        _ => open_nofollow(path, OpenFor::Append).map(drop),
    }
}

/// Whether a file of this name can be replaced whole: only a regular file, or nothing, can. A link, a device or a pipe would
/// itself be replaced by a regular file.
pub fn check_replaceable(path: &Path) -> Result<(), StoreError> {
    let refused = |kind, what| Err(StoreError::new(FileAction::WRITING, path, Error::new(kind, what)));
    if path.as_os_str() == "-" {
        return refused(ErrorKind::InvalidInput, "standard output is not written to here; name a file");
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => refused(
            ErrorKind::IsADirectory,
            "it is a folder, and a file is written by this name; remove it, or name another place",
        ),
        Ok(found) if found.is_symlink() => refused(
            ErrorKind::InvalidInput,
            "it is a symbolic link, which is not followed here; name the file that it leads to, or another place",
        ),
        Ok(found) if !found.is_file() => refused(
            ErrorKind::InvalidInput,
            "it is a pipe, socket or device; expected a regular file, or a name that is free",
        ),
        _ => Ok(()),
    }
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
        let root = std::fs::canonicalize(dir.path()).unwrap().join("work");
        let other = dir.path().join("other");
        std::fs::create_dir_all(root.join("clone/configs")).unwrap();
        std::fs::create_dir_all(root.join("inside")).unwrap();
        std::fs::create_dir_all(&other).unwrap();
        symlink(&other, root.join("output")).unwrap();
        symlink("../../inside", root.join("clone/configs/up")).unwrap();
        symlink("inside", root.join("alias")).unwrap();
        symlink("nowhere", root.join("dangling")).unwrap();
        symlink(&root, dir.path().join("outer")).unwrap();
        let refused = |path: &str| link_out(Path::new(path), &root).is_some();
        assert!(refused("output") && refused("output/a/b") && refused("./inside/../output"));
        // Out of the clone, if not out of the working folder.
        assert!(refused("clone/configs/up/x") && refused("dangling/x"));
        assert!(!refused("alias/x") && !refused("inside/x") && !refused("new/folder"));
        assert!(refused(root.join("output/x").to_str().unwrap()));
        // In no project a link is the user's.
        assert!(!refused(dir.path().join("outer/x").to_str().unwrap()));
        // A path is walked as the system walks it.
        assert!(refused("alias/../output") && refused("clone/../output/x") && !refused("alias/.."));
    }

    #[test]
    fn a_path_that_is_named_from_elsewhere_belongs_to_the_project_that_it_lies_in() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for folder in ["clone/configs", "clone/inside", "other/configs", "work", "plain"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("mine.yaml"), "").unwrap();
        symlink(at("mine.yaml"), at("clone/configs/models.yaml")).unwrap();
        symlink("../inside", at("clone/configs/inside")).unwrap();
        symlink(at("other"), at("clone/other")).unwrap();
        symlink(at("clone"), at("plain/project")).unwrap();
        let working = std::fs::canonicalize(at("work")).unwrap();
        let refused = |name: &str| link_out(&at(name), &working).is_some();
        assert!(refused("clone/configs/models.yaml") && refused("plain/project/configs/models.yaml"));
        // Another project behind the link changes nothing: the link itself lies in the clone.
        assert!(refused("clone/other/configs/models.yaml"));
        assert!(!refused("clone/configs/inside/x") && !refused("plain/project/configs") && !refused("mine.yaml"));
        assert!(link_out(Path::new("../clone/configs/models.yaml"), &working).is_some());
        let said =
            refuse(&at("clone/configs/models.yaml"), &working, Refusal { action: FileAction::OPENING, remedy: "R" });
        let said = said.unwrap_err().to_string();
        assert!(said.contains("symbolic link out of the project") && said.ends_with("; R"), "{said}");
    }

    #[test]
    fn what_is_there_already_is_tried_too() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("folder")).unwrap();
        std::fs::write(at("file"), "kept").unwrap();
        symlink(at("file"), at("link")).unwrap();
        assert!(check_state_file(&at("folder")).is_err() && check_state_file(&at("link")).is_err());
        rustix::fs::mknodat(rustix::fs::CWD, at("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
            .unwrap();
        symlink(at("nowhere"), at("dangling")).unwrap();
        for (name, what) in [
            (at("folder"), "it is a folder"),
            (at("link"), "it is a symbolic link"),
            (at("dangling"), "it is a symbolic link"),
            (at("pipe"), "it is a pipe, socket or device"),
            ("/dev/null".into(), "it is a pipe, socket or device"),
            ("-".into(), "standard output is not written to"),
        ] {
            let said = check_replaceable(&name).unwrap_err().to_string();
            assert!(said.contains(what), "{said}");
        }
        for name in ["file", "absent"] {
            check_state_file(&at(name)).unwrap();
            check_replaceable(&at(name)).unwrap();
        }
        assert!(!at("absent").exists());
        assert_eq!(std::fs::read_to_string(at("file")).unwrap(), "kept");
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
