//! The files of one set: all are written beside their names first, and get their names only when every one of them may.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{Digest, FileAction, HashingWriter, Inputs, StoreError, WholeFile, read_nofollow};

use super::check::with_suffix;
use super::error::GenerateError;
use super::replacement::{self, Digests, Replacement};

/// Largest report of an earlier run that is read, in bytes.
const MAX_REPORT: u64 = 1 << 30;

/// A file that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrittenFile {
    pub path: PathBuf,
    pub digest: Digest,
    pub lines: usize,
}

/// What an earlier run wrote: `files` of its report.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Manifest {
    #[serde(default)]
    pub files: BTreeMap<String, Digest>,
}

impl Manifest {
    /// Of the report at `path`; empty where there is none, or it is not one of ours.
    pub(super) fn read(path: &Path) -> Result<Self, StoreError> {
        let bytes = read_nofollow(path, MAX_REPORT)?.unwrap_or_default();
        Ok(serde_json::from_slice(&bytes).unwrap_or_default())
    }

    fn has(&self, path: &Path, digest: Digest) -> bool {
        let name = path.file_name().and_then(|name| name.to_str());
        name.and_then(|name| self.files.get(name)) == Some(&digest)
    }
}

/// A file that is written and does not yet have its name.
struct Pending {
    written: WrittenFile,
    file: WholeFile,
}

/// The files of a run.
pub(super) struct FileSet<'a> {
    replacement: Replacement,
    /// The last file of the set; replaced where it is one that this program wrote.
    report: PathBuf,
    earlier: Manifest,
    inputs: &'a Inputs,
    pending: Vec<Pending>,
}

/// What became of the files of a set.
pub(super) struct Finished {
    pub files: Vec<WrittenFile>,
    /// Those of an earlier run that this one does not have.
    pub removed: Vec<PathBuf>,
}

impl<'a> FileSet<'a> {
    /// The set `X`, which nobody else writes until this is dropped.
    pub(super) fn open(stem: &Path, inputs: &'a Inputs) -> Result<Self, GenerateError> {
        let replacement = Replacement::open(with_suffix(stem, replacement::SUFFIX), inputs)?;
        let report = with_suffix(stem, ".report.json");
        let earlier = Manifest::read(&report)?;
        Ok(Self { replacement, report, earlier, inputs, pending: Vec::new() })
    }

    /// A file of lines; each ends with a line feed.
    pub(super) fn add(
        &mut self,
        path: PathBuf,
        lines: impl Iterator<Item = serde_json::Result<String>>,
    ) -> Result<(), GenerateError> {
        self.inputs.refuse_overwrite(&path)?;
        let fault = |e: std::io::Error| StoreError::new(FileAction::WRITING, &path, e);
        let mut writer = HashingWriter::new(WholeFile::create(&path)?);
        let mut count = 0;
        for line in lines {
            let line = line.map_err(|e| fault(e.into()))?;
            writer.write_all(line.as_bytes()).and_then(|()| writer.write_all(b"\n")).map_err(fault)?;
            count += 1;
        }
        let (mut file, digest, _) = writer.finish();
        file.sync()?;
        self.pending.push(Pending { written: WrittenFile { path, digest, lines: count }, file });
        Ok(())
    }

    /// Names and digests of what is to be written.
    pub(super) fn manifest(&self) -> Manifest {
        let entry = |pending: &Pending| Some((name(&pending.written.path)?, pending.written.digest));
        Manifest { files: self.pending.iter().filter_map(entry).collect() }
    }

    /// Gives all files their names, in the order in which they were added, and removes those of an earlier run that this one
    /// does not write.
    pub(super) fn finish(mut self) -> Result<Finished, GenerateError> {
        let removed = self.outdated()?;
        let same = self.begin(&removed)?;
        let mut files = Vec::new();
        for (pending, equal) in self.pending.into_iter().zip(same) {
            if !equal {
                pending.file.finish()?;
            }
            files.push(pending.written);
        }
        for path in &removed {
            let fault = |e| StoreError::new(FileAction::Removing("a file of an earlier run,"), path, e);
            std::fs::remove_file(path).map_err(fault)?;
        }
        self.replacement.finish()?;
        Ok(Finished { files, removed })
    }

    /// Refuses to replace what this program did not write, and keeps the digests of the rest before any is replaced. Returns
    /// which files have their bytes already.
    fn begin(&mut self, removed: &[PathBuf]) -> Result<Vec<bool>, GenerateError> {
        let (mut same, mut replaced) = (Vec::new(), Digests::new());
        for pending in &self.pending {
            let WrittenFile { path, digest, .. } = &pending.written;
            let here = match std::fs::symlink_metadata(path) {
                Err(_) => None,
                Ok(found) if found.is_file() => Some(Digest::of_file(path)?),
                Ok(_) => return Err(GenerateError::Exists { path: path.clone() }),
            };
            let equal = here == Some(*digest);
            let ours = here.is_none_or(|digest| self.wrote(path, digest))
                || (*path == self.report && !self.earlier.files.is_empty());
            if !equal && !ours {
                return Err(GenerateError::Exists { path: path.clone() });
            }
            if !equal {
                let digests = here.into_iter().chain([*digest]).collect();
                replaced.extend(name(path).map(|name| (name, digests)));
            }
            same.push(equal);
        }
        for path in removed {
            let digest = Digest::of_file(path)?;
            replaced.extend(name(path).map(|name| (name, [digest].into())));
        }
        if !replaced.is_empty() {
            self.replacement.begin(replaced)?;
        }
        Ok(same)
    }

    /// Whether an earlier run, a killed one too, left `path` with this digest.
    fn wrote(&self, path: &Path, digest: Digest) -> bool {
        self.earlier.has(path, digest) || self.replacement.has(path, digest)
    }

    /// Files of earlier runs that this one does not write, as they were left by them.
    fn outdated(&self) -> Result<Vec<PathBuf>, GenerateError> {
        let (new, folder) = (self.manifest(), self.report.parent().unwrap_or(Path::new("")));
        let earlier: BTreeSet<&String> = self.earlier.files.keys().chain(self.replacement.names()).collect();
        let report = name(&self.report);
        let mut out = Vec::new();
        for old in earlier.into_iter().filter(|old| !new.files.contains_key(*old) && report.as_ref() != Some(*old)) {
            let path = folder.join(old);
            let inner = crate::store::is_inner(Path::new(old)) && Path::new(old).components().count() == 1;
            let file = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if inner && file && self.wrote(&path, Digest::of_file(&path)?) {
                self.inputs.refuse_overwrite(&path)?;
                out.push(path);
            }
        }
        Ok(out)
    }
}

fn name(path: &Path) -> Option<String> {
    path.file_name().map(|name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEM: &str = "a";

    fn texts(folder: &Path) -> BTreeMap<String, String> {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        entries.map(|path| (name(&path).unwrap(), std::fs::read_to_string(&path).unwrap())).collect()
    }

    /// Two files and the report, each of the line `text`.
    fn set<'a>(folder: &Path, text: &str, inputs: &'a Inputs) -> FileSet<'a> {
        let mut set = FileSet::open(&folder.join(STEM), inputs).unwrap();
        for name in ["a.jsonl", "a.corpus.jsonl"] {
            set.add(folder.join(name), std::iter::once(Ok(text.to_owned()))).unwrap();
        }
        let report = serde_json::to_string(&set.manifest());
        set.add(folder.join("a.report.json"), std::iter::once(report)).unwrap();
        set
    }

    #[test]
    fn every_file_is_on_the_disk_before_one_has_its_name() {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs::default();
        let set = set(dir.path(), "text", &inputs);
        let found = texts(dir.path());
        let sizes: Vec<usize> = found.values().map(String::len).filter(|size| *size > 0).collect();
        // The third is the report; the record is empty yet.
        assert_eq!((sizes.len(), sizes.iter().filter(|size| **size == 5).count()), (3, 2), "{found:?}");
        drop(set);
        assert!(texts(dir.path()).is_empty());
    }

    #[test]
    fn a_set_is_written_by_one_run_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs::default();
        let first = set(dir.path(), "first", &inputs);
        let said = FileSet::open(&dir.path().join(STEM), &inputs).err().unwrap().to_string();
        assert!(said.contains("a.writing: another run is writing"), "{said}");
        first.finish().unwrap();
        set(dir.path(), "second", &inputs).finish().unwrap();
        let found = texts(dir.path());
        assert_eq!((found.len(), found["a.jsonl"].as_str()), (3, "second\n"));
    }

    #[test]
    fn what_a_killed_run_leaves_is_replaced_by_any_other_run() {
        let dir = tempfile::tempdir().unwrap();
        let inputs = Inputs::default();
        set(dir.path(), "first", &inputs).finish().unwrap();
        for killed in 0..3 {
            let mut half = set(dir.path(), &format!("killed {killed}"), &inputs);
            half.begin(&[]).unwrap();
            half.pending.drain(..killed).for_each(|pending| pending.file.finish().unwrap());
            drop(half);
            assert!(dir.path().join("a.writing").exists());
            let left = replacement::unfinished(&dir.path().join("a.writing")).unwrap();
            assert_eq!(left, ["a.corpus.jsonl", "a.jsonl", "a.report.json"]);
        }
        // A line that is cut says nothing.
        let record = dir.path().join("a.writing");
        let whole = std::fs::read_to_string(&record).unwrap();
        std::fs::write(&record, format!("{whole}{{\"repl")).unwrap();
        // What was changed since is nobody's to replace.
        let kept = std::fs::read_to_string(dir.path().join("a.jsonl")).unwrap();
        std::fs::write(dir.path().join("a.jsonl"), "mine").unwrap();
        let refused = set(dir.path(), "last", &inputs).finish().err().unwrap();
        assert!(matches!(refused, GenerateError::Exists { .. }), "{refused}");
        std::fs::write(dir.path().join("a.jsonl"), kept).unwrap();
        set(dir.path(), "last", &inputs).finish().unwrap();
        let found = texts(dir.path());
        assert_eq!((found.len(), found["a.jsonl"].as_str(), found["a.corpus.jsonl"].as_str()), (3, "last\n", "last\n"));
    }

    #[test]
    fn a_file_that_is_no_record_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let record = dir.path().join("a.writing");
        std::fs::write(&record, "my notes").unwrap();
        let said = FileSet::open(&dir.path().join(STEM), &Inputs::default()).err().unwrap().to_string();
        assert!(said.contains("a.writing is not a record of files that were being replaced"), "{said}");
        assert_eq!(std::fs::read_to_string(&record).unwrap(), "my notes");
    }
}
