//! The files of a dataset: paths and globs to bytes, each file read once.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lines::{ReadOptions, Reader};
use super::values::name_of;
use super::{Dataset, DatasetError, container};
use crate::store::{Digest, FileAction, StoreError, read_regular};

/// Files of one dataset, at most.
const MAX_FILES: usize = 10_000;

/// Reads files (or globs of files) as one dataset, in their order; one fault refuses all of it, and all faults are
/// listed.
pub fn read(paths: &[PathBuf], options: ReadOptions) -> Result<Dataset, DatasetError> {
    let files = expand(paths)?;
    let several = files.len() > 1;
    let mut reader = Reader::new(options);
    let mut digests = Vec::with_capacity(files.len());
    for file in &files {
        let bytes = read_regular(FileAction::Reading("the dataset"), file, container::MAX_BYTES)?;
        digests.push(Digest::of_bytes(&bytes));
        let name: Arc<str> = file.display().to_string().into();
        reader.file(several.then_some(name), &name_of(file), bytes);
    }
    let single = files.first().filter(|_| !several).map(|f| f.display().to_string());
    reader.finish(digest(&digests), single)
}

/// Of one file the digest of its bytes; of several that of the list of theirs, in their order.
fn digest(files: &[Digest]) -> Digest {
    match files {
        [one] => *one,
        several => {
            let list: String = several.iter().map(|d| format!("{d}\n")).collect();
            Digest::of_bytes(list.as_bytes())
        }
    }
}

/// Globs become their files, sorted; a file that is named by several of the paths is read once.
pub fn expand(paths: &[PathBuf]) -> Result<Vec<PathBuf>, DatasetError> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let pattern = path.to_str().filter(|text| text.contains(['*', '?', '[']) && !path.exists());
        let found = match pattern {
            Some(pattern) => matching(path, pattern)?,
            None => vec![path.clone()],
        };
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
        if files.len() > MAX_FILES {
            return Err(DatasetError::Glob {
                pattern: shown(path),
                reason: format!("matches more than {MAX_FILES} files"),
            });
        }
    }
    Ok(files)
}

fn matching(path: &Path, pattern: &str) -> Result<Vec<PathBuf>, DatasetError> {
    let fault = |reason: String| DatasetError::Glob { pattern: shown(path), reason };
    let mut found = Vec::new();
    // Sorted by name, which makes the order of the records the same on every machine.
    for entry in glob::glob(pattern).map_err(|e| fault(e.to_string()))?.take(MAX_FILES + 1) {
        let file = entry.map_err(|e| StoreError::new(FileAction::READING, PathBuf::from(e.path()), e.into()))?;
        if !file.is_dir() {
            found.push(file);
        }
    }
    if found.is_empty() { Err(fault("matches no file".into())) } else { Ok(found) }
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(paths: &[PathBuf]) -> Result<Dataset, DatasetError> {
        read(paths, ReadOptions::default())
    }

    #[test]
    fn several_files_are_one_dataset_with_one_digest() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::write(at("b.jsonl"), "{\"text\":\"b\"}\n").unwrap();
        std::fs::write(at("a.jsonl"), "\n{\"text\":\"a\"}\n").unwrap();
        let one = read_all(&[at("a.jsonl")]).unwrap();
        assert_eq!(one.digest, Digest::of_file(at("a.jsonl")).unwrap(), "the digest that sha256sum shows");
        assert_eq!(one.records[0].place.to_string(), "line 2");
        let all = read_all(&[at("*.jsonl"), at("a.jsonl")]).unwrap();
        let places: Vec<_> = all.records.iter().map(|r| r.place.to_string()).collect();
        assert_eq!(places.len(), 2, "a file is read once");
        assert!(places[0].ends_with("a.jsonl line 2") && places[1].ends_with("b.jsonl line 1"), "{places:?}");
        let turned = read_all(&[at("b.jsonl"), at("a.jsonl")]).unwrap();
        assert_ne!(turned.digest, all.digest, "the order of the records is the files'");
        assert_eq!(read_all(&[at("a.jsonl"), at("b.jsonl")]).unwrap().digest, all.digest);
        // A name with a bracket is a file before it is a pattern.
        std::fs::write(at("[x].jsonl"), "{\"text\":\"x\"}\n").unwrap();
        assert_eq!(read_all(&[at("[x].jsonl")]).unwrap().records.len(), 1);
        let e = read_all(&[at("*.csv")]).unwrap_err().to_string();
        assert!(e.contains("*.csv matches no file"), "{e}");
    }

    #[test]
    fn what_is_no_file_is_named() {
        let missing = read_all(&["no/such.jsonl".into()]).unwrap_err().to_string();
        assert!(missing.contains("no/such.jsonl"), "{missing}");
        let folder = read_all(&[env!("CARGO_MANIFEST_DIR").into()]).unwrap_err().to_string();
        assert!(folder.contains("it is a folder"), "{folder}");
        if cfg!(target_os = "linux") {
            let device = read_all(&["/dev/zero".into()]).unwrap_err().to_string();
            assert!(device.contains("expected a regular file"), "{device}");
        }
    }
}
