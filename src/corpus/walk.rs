//! The files that the inputs name, in an order that is the same on every machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::CorpusError;
use super::format::is_code;
use super::layout::{Note, Skipped};
use crate::store::{FileAction, StoreError};

const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 64;

/// A file that is to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) path: PathBuf,
    /// As it is shown: as it was named, or below the folder that was named.
    pub(super) shown: Arc<str>,
    /// Whether it was found in a folder: then what is no document is left out.
    pub(super) in_folder: bool,
}

#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) files: Vec<Named>,
    pub(super) notes: Vec<Note>,
}

/// A file or folder, and the name that names of documents begin with.
#[derive(Clone, Copy, Debug)]
pub struct NamedPath<'a> {
    pub named: &'a str,
    pub path: &'a Path,
}

/// The inputs' files; a file that is named twice is read once.
pub(super) fn files(inputs: &[PathBuf]) -> Result<Found, CorpusError> {
    if inputs.is_empty() {
        return Err(CorpusError::NoInput);
    }
    let mut found = Found::default();
    for path in inputs {
        let before = found.files.len();
        let input = NamedPath { named: utf8(path)?, path };
        add(&mut found, input, inputs.len() == 1)?;
        if found.files.len() == before {
            return Err(CorpusError::NoDocument(input.named.to_owned()));
        }
    }
    let mut seen = std::collections::HashSet::new();
    found.files.retain(|file| seen.insert(std::fs::canonicalize(&file.path).unwrap_or_else(|_| file.path.clone())));
    Ok(found)
}

/// The files of the inputs, by the names that they have where they are read as documents; code, which never is, is left out.
pub fn named_files(inputs: &[NamedPath<'_>]) -> Result<BTreeMap<String, PathBuf>, CorpusError> {
    let mut found = Found::default();
    for input in inputs {
        add(&mut found, *input, inputs.len() == 1)?;
    }
    let files = found.files.into_iter().filter(|file| !(file.in_folder && is_code(&file.shown)));
    Ok(files.map(|file| (file.shown.to_string(), file.path)).collect())
}

/// Adds an input's files. `is_only`: there is no other one, with files of the same names.
fn add(found: &mut Found, input: NamedPath<'_>, is_only: bool) -> Result<(), CorpusError> {
    let NamedPath { named, path } = input;
    if !path.is_dir() {
        found.files.push(Named { path: path.to_path_buf(), shown: named.into(), in_folder: false });
        return Ok(());
    }
    let prefix = if is_only { String::new() } else { format!("{}/", named.trim_end_matches('/')) };
    Folder { root: path, prefix, found }.walk(&mut Vec::new())
}

fn utf8(path: &Path) -> Result<&str, CorpusError> {
    path.to_str().ok_or_else(|| CorpusError::Name(path.to_path_buf()))
}

struct Folder<'a> {
    root: &'a Path,
    prefix: String,
    found: &'a mut Found,
}

impl Folder<'_> {
    /// `below`: the names of the folders from the root on.
    fn walk(&mut self, below: &mut Vec<String>) -> Result<(), CorpusError> {
        let folder = below.iter().fold(self.root.to_path_buf(), |path, name| path.join(name));
        let fault = |e| StoreError::new(FileAction::READING, &folder, e);
        if below.len() > MAX_DEPTH {
            return Err(CorpusError::TooDeep(folder.display().to_string()));
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(&folder).map_err(fault)? {
            let entry = entry.map_err(fault)?;
            let kind = entry.file_type().map_err(fault)?;
            match entry.file_name().into_string() {
                Ok(name) if name.starts_with('.') => {}
                Ok(name) => entries.push((name, kind)),
                Err(name) => self.skip(below, &name.to_string_lossy(), Skipped::Name),
            }
            if entries.len() > MAX_FILES {
                return Err(self.too_many());
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        for (name, kind) in entries {
            if kind.is_dir() {
                below.push(name);
                self.walk(below)?;
                below.pop();
            } else if kind.is_symlink() {
                self.skip(below, &name, Skipped::Link);
            } else if kind.is_file() {
                let shown = self.shown(below, &name);
                self.found.files.push(Named { path: folder.join(&name), shown, in_folder: true });
                if self.found.files.len() > MAX_FILES {
                    return Err(self.too_many());
                }
            }
        }
        Ok(())
    }

    fn shown(&self, below: &[String], name: &str) -> Arc<str> {
        let parts: Vec<&str> = below.iter().map(String::as_str).chain([name]).collect();
        format!("{}{}", self.prefix, parts.join("/")).into()
    }

    fn skip(&mut self, below: &[String], name: &str, why: Skipped) {
        let file = self.shown(below, name);
        self.found.notes.push(Note::Skipped { file, why });
    }

    fn too_many(&self) -> CorpusError {
        CorpusError::TooManyFiles { folder: self.root.display().to_string(), most: MAX_FILES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_by_name_without_hidden_files() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("sub/.git")).unwrap();
        for name in ["b.md", "a.txt", ".hidden.md", "sub/c.md", "sub/.git/config"] {
            std::fs::write(at(name), "x").unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink("/etc/passwd", at("link.txt")).unwrap();
        let found = files(&[dir.path().to_path_buf()]).unwrap();
        let shown: Vec<&str> = found.files.iter().map(|file| &*file.shown).collect();
        assert_eq!(shown, ["a.txt", "b.md", "sub/c.md"]);
        #[cfg(unix)]
        assert_eq!(found.notes, [Note::Skipped { file: "link.txt".into(), why: Skipped::Link }]);
        let twice = files(&[at("a.txt"), dir.path().to_path_buf()]).unwrap();
        assert_eq!(twice.files.len(), 3, "a file is read once");
        assert!(twice.files[1].shown.ends_with("/b.md") && twice.files[1].shown.len() > 4);
        std::fs::create_dir(at("empty")).unwrap();
        assert!(matches!(files(&[at("empty")]), Err(CorpusError::NoDocument(_))));
        assert!(matches!(files(&[]), Err(CorpusError::NoInput)));
    }
}
