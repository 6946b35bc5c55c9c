//! The files of one set: all are written beside their names first, and get their names only when every one of them may.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::store::{Digest, FileAction, HashingWriter, Inputs, StoreError, WholeFile, read_nofollow};

use super::error::GenerateError;

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
    earlier: Manifest,
    inputs: &'a Inputs,
    pending: Vec<Pending>,
}

impl<'a> FileSet<'a> {
    pub(super) fn new(earlier: Manifest, inputs: &'a Inputs) -> Self {
        Self { earlier, inputs, pending: Vec::new() }
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
        let (file, digest, _) = writer.finish();
        self.pending.push(Pending { written: WrittenFile { path, digest, lines: count }, file });
        Ok(())
    }

    /// Names and digests of what is to be written.
    pub(super) fn manifest(&self) -> Manifest {
        let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
        let entry = |pending: &Pending| Some((name(&pending.written.path)?, pending.written.digest));
        Manifest { files: self.pending.iter().filter_map(entry).collect() }
    }

    /// Gives all files their names, in the order in which they were added. `report` is the last of them, and is replaced
    /// where it is the one that this program wrote.
    pub(super) fn finish(mut self, report: &Path) -> Result<Vec<WrittenFile>, GenerateError> {
        let mut same = Vec::new();
        for pending in &self.pending {
            let path = &pending.written.path;
            let here = match std::fs::symlink_metadata(path) {
                Err(_) => None,
                Ok(found) if found.is_file() => Some(Digest::of_file(path)?),
                Ok(_) => return Err(GenerateError::Exists { path: path.clone() }),
            };
            let equal = here == Some(pending.written.digest);
            let ours = here.is_none_or(|digest| self.earlier.has(path, digest))
                || (path == report && !self.earlier.files.is_empty());
            if !equal && !ours {
                return Err(GenerateError::Exists { path: path.clone() });
            }
            same.push(equal);
        }
        let mut written = Vec::new();
        for (pending, equal) in self.pending.drain(..).zip(same) {
            if !equal {
                pending.file.finish()?;
            }
            written.push(pending.written);
        }
        Ok(written)
    }

    /// Files of the earlier run that this one does not write, as they were left by it.
    pub(super) fn outdated(&self, folder: &Path) -> Result<Vec<PathBuf>, GenerateError> {
        let new = self.manifest();
        let mut out = Vec::new();
        for (name, digest) in self.earlier.files.iter().filter(|(name, _)| !new.files.contains_key(*name)) {
            let path = folder.join(name);
            let inner = crate::store::is_inner(Path::new(name)) && Path::new(name).components().count() == 1;
            let file = std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file());
            if inner && file && Digest::of_file(&path)? == *digest {
                self.inputs.refuse_overwrite(&path)?;
                out.push(path);
            }
        }
        Ok(out)
    }
}
