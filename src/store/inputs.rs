//! What a command reads may not be what it writes, and its outputs not each other: one check for every command.

use std::path::{Path, PathBuf};

use super::{FileAction, StoreError};

/// Files and folders that a command reads.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<Input>);

#[derive(Clone, Debug)]
struct Input {
    what: &'static str,
    /// As the user wrote it.
    said: PathBuf,
    /// Without symlinks, so that two names of one file are equal.
    path: PathBuf,
    file: Option<FileId>,
    folder: bool,
}

/// Device and inode: the same for every hard link of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileId(u64, u64);

#[derive(Debug, thiserror::Error)]
pub enum OverwriteError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} is {what} ({}), which this command reads: it would be overwritten; give another output", output.display(), input.display())]
    Input { what: &'static str, input: PathBuf, output: PathBuf },
    #[error("{} lies in a store of Ollama ({}), whose files belong to the daemon: give another output", output.display(), store.display())]
    OllamaStore { output: PathBuf, store: PathBuf },
}

impl Inputs {
    /// Adds a file, or a folder with the files in it. What is not there is left out: reading it fails by itself.
    pub fn add(&mut self, what: &'static str, said: &Path) -> &mut Self {
        let Ok(path) = std::fs::canonicalize(said) else { return self };
        let folder = path.is_dir();
        if folder {
            let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
            for entry in entries.map(|e| e.path()).filter(|p| p.is_file()) {
                self.add(what, &entry);
            }
        }
        let file = file_id(&path);
        self.0.push(Input { what, said: said.to_path_buf(), path, file, folder });
        self
    }

    /// Refuses an output that is an input, by whatever name (path, symlink, hard link), or lies in a store of Ollama.
    /// `output` need not exist.
    pub fn refuse_overwrite(&self, output: &Path) -> Result<(), OverwriteError> {
        let real = real_path(output)?;
        if let Some(store) = ollama_store(&real) {
            return Err(OverwriteError::OllamaStore { output: output.to_path_buf(), store });
        }
        // A symlink that leads to an input would be replaced, not followed; it is refused all the same.
        let id = file_id(output);
        let same = |input: &&Input| input.path == real || (id.is_some() && id == input.file);
        match self.0.iter().find(same) {
            Some(input) => {
                Err(OverwriteError::Input { what: input.what, input: input.said.clone(), output: output.to_path_buf() })
            }
            None => Ok(()),
        }
    }

    /// For an output that is a folder: it is no input, and those files in it that `written` names are none.
    pub fn refuse_overwrite_in(&self, folder: &Path, written: impl Fn(&str) -> bool) -> Result<(), OverwriteError> {
        self.refuse_overwrite(folder)?;
        let entries = match std::fs::read_dir(folder) {
            Err(_) => return Ok(()),
            Ok(entries) => entries,
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(&written) {
                self.refuse_overwrite(&entry.path())?;
                self.refuse_inside(&entry.path())?;
            }
        }
        Ok(())
    }

    /// For a folder that is replaced as a whole: no input lies in it.
    fn refuse_inside(&self, folder: &Path) -> Result<(), OverwriteError> {
        let real = real_path(folder)?;
        match self.0.iter().find(|input| !input.folder && input.path.starts_with(&real)) {
            Some(input) => {
                Err(OverwriteError::Input { what: input.what, input: input.said.clone(), output: folder.to_path_buf() })
            }
            None => Ok(()),
        }
    }
}

/// Files and folders that a command writes by itself: what the user names for a further output is none of them.
#[derive(Clone, Debug, Default)]
pub struct Outputs(Vec<PathBuf>);

impl Outputs {
    /// Adds a file, or a folder with all that is in it. It need not exist.
    pub fn add(&mut self, path: PathBuf) -> &mut Self {
        self.0.push(path);
        self
    }

    /// Whether `path`, which need not exist, is one of them or lies in one of the folders, by whatever name (path, symlink, hard
    /// link).
    pub fn have(&self, path: &Path) -> Result<bool, StoreError> {
        let (real, id) = (real_path(path)?, file_id(path));
        for own in &self.0 {
            let entries = || std::fs::read_dir(own).into_iter().flatten().flatten().map(|entry| entry.path());
            let is_same_file = |own: &Path| id.is_some() && file_id(own) == id;
            if real.starts_with(real_path(own)?) || is_same_file(own) || entries().any(|entry| is_same_file(&entry)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The path without symlinks; of what is not there yet, that of the nearest folder that is, and the rest.
fn real_path(path: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(path).map_err(|e| StoreError::new(FileAction::Finding, path, e))?;
    let mut rest = Vec::new();
    for above in absolute.ancestors() {
        if let Ok(real) = std::fs::canonicalize(above) {
            return Ok(rest.iter().rev().fold(real, |path, name| path.join(name)));
        }
        rest.extend(above.file_name());
    }
    Ok(absolute)
}

/// The root of the store of Ollama in which a path lies: the folder that has `blobs` and `manifests`.
fn ollama_store(path: &Path) -> Option<PathBuf> {
    let of = |folder: &Path| folder.ends_with("blobs") || folder.ends_with("manifests");
    path.ancestors().filter(|p| of(p)).find_map(|folder| {
        let root = folder.parent()?;
        (root.join("blobs").is_dir() && root.join("manifests").is_dir()).then(|| root.to_path_buf())
    })
}

#[cfg(unix)]
fn file_id(path: &Path) -> Option<FileId> {
    use std::os::unix::fs::MetadataExt;
    let metadata = std::fs::metadata(path).ok()?;
    Some(FileId(metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn file_id(_: &Path) -> Option<FileId> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_is_refused_by_every_name_that_it_has() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("base/deep")).unwrap();
        std::fs::write(at("base/model.safetensors"), "w").unwrap();
        std::fs::write(at("x.gguf"), "x").unwrap();
        let mut inputs = Inputs::default();
        inputs.add("the base", &at("base")).add("the adapter", &at("x.gguf")).add("nothing", &at("absent"));
        let refused = |path: &Path| inputs.refuse_overwrite(path).unwrap_err().to_string();
        for path in ["base", "base/model.safetensors", "base/deep/../model.safetensors", "base/."] {
            assert!(refused(&at(path)).contains("is the base"), "{path}");
        }
        assert!(refused(&at("x.gguf")).contains("is the adapter"));
        for free in ["y.gguf", "base/deep", "base/new.gguf", "new/folder/x.gguf"] {
            inputs.refuse_overwrite(&at(free)).unwrap();
        }
        std::fs::write(at("y.gguf"), "y").unwrap();
        inputs.refuse_overwrite(&at("y.gguf")).unwrap();
        std::fs::hard_link(at("x.gguf"), at("hard.gguf")).unwrap();
        assert!(refused(&at("hard.gguf")).contains("is the adapter"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("x.gguf"), at("soft.gguf")).unwrap();
            std::os::unix::fs::symlink(at("base"), at("folder")).unwrap();
            assert!(refused(&at("soft.gguf")).contains("is the adapter"));
            assert!(refused(&at("folder")).contains("is the base"));
            assert!(refused(&at("folder/model.safetensors")).contains("is the base"));
        }
    }

    #[test]
    fn an_output_of_the_command_is_known_by_every_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("out/answers")).unwrap();
        std::fs::write(at("out/summary.md"), "s").unwrap();
        std::fs::write(at("out/answers/a.jsonl"), "a").unwrap();
        let mut outputs = Outputs::default();
        outputs.add(at("out/summary.md")).add(at("out/new.html")).add(at("out/answers")).add(at("later/answers"));
        let have = |name: &str| outputs.have(&at(name)).unwrap();
        for own in
            ["out/summary.md", "out/./summary.md", "out/../out/new.html", "out/answers/b.xml", "later/answers/x.xml"]
        {
            assert!(have(own), "{own}");
        }
        for free in ["out/results.xml", "summary.md", "out/answers.xml", "later/results.xml"] {
            assert!(!have(free), "{free}");
        }
        std::fs::hard_link(at("out/summary.md"), at("hard.md")).unwrap();
        std::fs::hard_link(at("out/answers/a.jsonl"), at("hard.jsonl")).unwrap();
        assert!(!cfg!(unix) || (have("hard.md") && have("hard.jsonl")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("out/summary.md"), at("soft.md")).unwrap();
            std::os::unix::fs::symlink(at("out"), at("folder")).unwrap();
            assert!(have("soft.md") && have("folder/new.html") && have("folder/answers/new.xml"));
        }
    }

    #[test]
    fn a_folder_is_refused_where_something_in_it_would_be_lost() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("out/final")).unwrap();
        std::fs::write(at("out/final/adapter.bin"), "a").unwrap();
        std::fs::write(at("out/data.jsonl"), "d").unwrap();
        let mut inputs = Inputs::default();
        inputs.add("the adapter", &at("out/final/adapter.bin")).add("the dataset", &at("out/data.jsonl"));
        let written = |names: &'static [&str]| move |name: &str| names.contains(&name);
        inputs.refuse_overwrite_in(&at("out"), written(&["metrics.jsonl"])).unwrap();
        inputs.refuse_overwrite_in(&at("new"), written(&["final"])).unwrap();
        for (names, what) in [(&["final"], "the adapter"), (&["data.jsonl"], "the dataset")] {
            let e = inputs.refuse_overwrite_in(&at("out"), written(names)).unwrap_err().to_string();
            assert!(e.contains(what), "{e}");
        }
    }

    #[test]
    fn a_store_of_ollama_is_never_written_to() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["models/blobs", "models/manifests", "blobs"] {
            std::fs::create_dir_all(dir.path().join(folder)).unwrap();
        }
        let check = |name: &str| Inputs::default().refuse_overwrite(&dir.path().join(name));
        for path in ["models/blobs/sha256-00", "models/manifests/registry/x", "models/blobs"] {
            assert!(check(path).unwrap_err().to_string().contains("store of Ollama"), "{path}");
        }
        check("blobs/x.gguf").unwrap();
        check("models/x.gguf").unwrap();
    }
}
