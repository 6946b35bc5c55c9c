//! An index as a folder: `manifest.json`, `chunks.jsonl`, `bm25.bin` and, with an embedder, `vectors.f32`.
//!
//! It is filled beside its place and appears whole. The folder may come from anybody: every file has to have the size and the
//! digest that the manifest says, and everything that a search relies on is checked while it is read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::store::{FileAction, MAX_TEXT, StoreError, TempFolder, check_inside, exchange, read_regular, write_whole};

use super::bm25::Bm25;
use super::chunk::Chunk;
use super::error::{Damage, RagError};
use super::index::Index;
use super::manifest::{FileRecord, MANIFEST, Manifest};
use super::vectors::Vectors;

const CHUNKS: &str = "chunks.jsonl";
const BM25: &str = "bm25.bin";
const VECTORS: &str = "vectors.f32";
/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 16 << 30;

impl Index {
    /// Writes the index to `folder`, in the place of an index that is there; any other content is refused.
    pub fn write(&self, folder: &Path) -> Result<(), RagError> {
        restore(folder);
        check_replaceable(folder)?;
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let work = TempFolder::create_in(parent)?;
        let made = work.path().join("index");
        let mut manifest = self.manifest.clone();
        manifest.files.clear();
        let mut files = vec![(CHUNKS, self.encode_chunks(folder)?), (BM25, self.bm25.encode())];
        files.extend(self.vectors.as_ref().map(|vectors| (VECTORS, vectors.encode())));
        for (name, bytes) in files {
            write_whole(made.join(name), &bytes)?;
            manifest.files.insert(name.to_owned(), FileRecord::new(name, &bytes));
        }
        let json = serde_json::to_vec_pretty(&manifest).map_err(|e| writing(folder, e.into()))?;
        write_whole(made.join(MANIFEST), &[&json[..], b"\n"].concat())?;
        replace(&made, folder)
    }

    fn encode_chunks(&self, folder: &Path) -> Result<Vec<u8>, RagError> {
        let mut bytes = Vec::new();
        for chunk in &self.chunks {
            serde_json::to_writer(&mut bytes, chunk).map_err(|e| writing(folder, e.into()))?;
            bytes.push(b'\n');
        }
        Ok(bytes)
    }

    pub fn read(folder: &Path) -> Result<Self, RagError> {
        restore(folder);
        let manifest = Folder { path: folder }.manifest()?;
        let files = Folder { path: folder };
        let found: Vec<String> = manifest.files.keys().cloned().collect();
        let mut expected = vec![BM25.to_owned(), CHUNKS.to_owned()];
        expected.extend(manifest.embedder.as_ref().map(|_| VECTORS.to_owned()));
        if found != expected {
            return Err(files.damaged(MANIFEST, Damage::Files { found, expected }));
        }
        let count = manifest.counts.chunks;
        let chunks = files.read(&manifest, CHUNKS, |bytes| decode_chunks(bytes, &manifest))?;
        let bm25 = files.read(&manifest, BM25, |bytes| {
            let bm25 = Bm25::decode(bytes)?;
            expect("documents", bm25.documents(), count)?;
            expect("terms", bm25.terms(), manifest.counts.terms)?;
            Ok(bm25)
        })?;
        let vectors = match &manifest.embedder {
            Some(embedder) => {
                Some(files.read(&manifest, VECTORS, |bytes| Vectors::decode(bytes, count, embedder.dims))?)
            }
            None => None,
        };
        Ok(Self { manifest, chunks, bm25, vectors })
    }
}

struct Folder<'a> {
    path: &'a Path,
}

impl Folder<'_> {
    fn manifest(&self) -> Result<Manifest, RagError> {
        let path = self.path.join(MANIFEST);
        let bytes = match read_regular(FileAction::Reading("the index's manifest"), &path, MAX_TEXT) {
            Err(e) if matches!(e.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
                return Err(RagError::NoIndex { folder: self.path.to_path_buf() });
            }
            read => read?,
        };
        Manifest::parse(&bytes).map_err(|damage| self.damaged(MANIFEST, damage))
    }

    /// What `decode` makes of the file `name`, whose size and digest are checked first.
    fn read<T>(
        &self,
        manifest: &Manifest,
        name: &str,
        decode: impl FnOnce(&[u8]) -> Result<T, Damage>,
    ) -> Result<T, RagError> {
        let damaged = |damage| self.damaged(name, damage);
        let path = self.path.join(name);
        let record = manifest.files.get(name).ok_or_else(|| damaged(Damage::NoManifest))?;
        let size = std::fs::metadata(&path).map_err(|e| StoreError::new(FileAction::READING, &path, e))?.len();
        if size != record.bytes {
            return Err(damaged(Damage::Size { found: size, expected: record.bytes }));
        }
        let bytes = read_regular(FileAction::Reading("the index"), &path, record.bytes.min(MAX_FILE))?;
        if FileRecord::new(name, &bytes) != *record {
            return Err(damaged(Damage::Digest));
        }
        decode(&bytes).map_err(damaged)
    }

    fn damaged(&self, name: &str, damage: Damage) -> RagError {
        RagError::Damaged { path: self.path.join(name), damage }
    }
}

fn expect(what: &'static str, found: usize, expected: usize) -> Result<(), Damage> {
    if found == expected { Ok(()) } else { Err(Damage::Count { what, found, expected }) }
}

fn decode_chunks(bytes: &[u8], manifest: &Manifest) -> Result<Vec<Chunk>, Damage> {
    let mut chunks: Vec<Chunk> = Vec::new();
    for (at, line) in bytes.split_inclusive(|b| *b == b'\n').enumerate() {
        let fault = |what: String| Damage::Line { line: at + 1, what };
        let chunk: Chunk = serde_json::from_slice(line).map_err(|e| fault(format!("it is no chunk: {e}")))?;
        if manifest.documents.binary_search_by(|d| d.path.cmp(&chunk.document)).is_err() {
            return Err(fault(format!("the manifest has no document {:?}", chunk.document)));
        }
        chunks.push(chunk);
    }
    expect("chunks", chunks.len(), manifest.counts.chunks)?;
    Ok(chunks)
}

/// Refuses anything but an absent or empty folder, and one that holds an index and nothing else.
pub fn check_replaceable(folder: &Path) -> Result<(), RagError> {
    check_inside(folder)?;
    let entries = match std::fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|e| StoreError::new(FileAction::OPENING, folder, e))?,
    };
    for entry in entries {
        let entry = entry.map_err(|e| StoreError::new(FileAction::OPENING, folder, e))?;
        let name = PathBuf::from(entry.file_name());
        if ![MANIFEST, CHUNKS, BM25, VECTORS].iter().any(|own| name == Path::new(own)) {
            let name = name.to_string_lossy().into_owned();
            return Err(RagError::NotAnIndex { folder: folder.to_path_buf(), name });
        }
    }
    Ok(())
}

/// Puts a folder that was filled in its place; an earlier one is at `made` then, and goes with the temporary folder.
fn replace(made: &Path, folder: &Path) -> Result<(), RagError> {
    let fault = |e| StoreError::new(FileAction::MovingTo, folder, e).into();
    if std::fs::symlink_metadata(folder).is_err() {
        return std::fs::rename(made, folder).map_err(fault);
    }
    match exchange(made, folder) {
        Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput) => {
            replace_in_steps(made, folder)
        }
        exchanged => exchanged.map_err(fault),
    }
}

/// As [`replace`], where names cannot be exchanged: the earlier one leaves its place first, because a folder is renamed only to
/// a free name. [`restore`] brings it back where a kill comes between.
fn replace_in_steps(made: &Path, folder: &Path) -> Result<(), RagError> {
    let aside = aside(folder);
    if std::fs::symlink_metadata(&aside).is_ok() {
        check_replaceable(&aside)?;
        remove(&aside)?;
    }
    std::fs::rename(folder, &aside).map_err(|e| writing(folder, e))?;
    if let Err(e) = std::fs::rename(made, folder) {
        restore(folder);
        return Err(StoreError::new(FileAction::MovingTo, folder, e).into());
    }
    remove(&aside)
}

fn remove(folder: &Path) -> Result<(), RagError> {
    std::fs::remove_dir_all(folder).map_err(|e| StoreError::new(FileAction::REMOVING, folder, e).into())
}

/// Where an earlier index is while another one takes its place: a name that no removal of temporary files touches.
fn aside(folder: &Path) -> PathBuf {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    folder.with_file_name(format!(".{name}.earlier"))
}

/// Brings back an index that a killed run moved aside. Where that fails there is no index, as is said then.
fn restore(folder: &Path) {
    let aside = aside(folder);
    let is_gone = std::fs::symlink_metadata(folder).is_err_and(|e| e.kind() == ErrorKind::NotFound);
    if is_gone && aside.join(MANIFEST).is_file() {
        std::fs::rename(aside, folder).ok();
    }
}

fn writing(folder: &Path, source: std::io::Error) -> RagError {
    StoreError::new(FileAction::Writing("the index"), folder, source).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_cannot_be_replaced_stays() {
        for replace in [replace, replace_in_steps] {
            let dir = tempfile::tempdir().unwrap();
            let (made, folder) = (dir.path().join("made"), dir.path().join("index"));
            std::fs::create_dir(&folder).unwrap();
            std::fs::write(folder.join(MANIFEST), "1").unwrap();
            // Nothing was made, so that nothing takes the place.
            assert!(replace(&made, &folder).is_err());
            assert_eq!(std::fs::read_to_string(folder.join(MANIFEST)).unwrap(), "1");
            std::fs::create_dir(&made).unwrap();
            replace(&made, &folder).unwrap();
            assert!(folder.is_dir() && !folder.join(MANIFEST).exists() && !aside(&folder).exists());
        }
    }

    #[cfg(any(target_os = "linux", target_os = "macos"))]
    #[test]
    fn an_earlier_index_is_exchanged_for_the_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let (made, folder) = (dir.path().join("made"), dir.path().join("index"));
        for (path, text) in [(&made, "new"), (&folder, "earlier")] {
            std::fs::create_dir(path).unwrap();
            std::fs::write(path.join(MANIFEST), text).unwrap();
        }
        // Where names cannot be exchanged, nothing would be at this one.
        if let Err(e) = exchange(&made, &folder) {
            assert!(matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::InvalidInput), "{e}");
            return;
        }
        replace(&made, &folder).unwrap();
        let text = |path: &Path| std::fs::read_to_string(path.join(MANIFEST)).unwrap();
        assert_eq!((text(&made).as_str(), text(&folder).as_str()), ("new", "earlier"));
    }

    /// A kill after the first of the two steps.
    #[test]
    fn an_index_that_was_moved_aside_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("index");
        std::fs::create_dir(aside(&folder)).unwrap();
        std::fs::write(aside(&folder).join(MANIFEST), "1").unwrap();
        // It is found, and read: this one is none.
        assert!(matches!(Index::read(&folder), Err(RagError::Damaged { .. })));
        assert_eq!(std::fs::read_to_string(folder.join(MANIFEST)).unwrap(), "1");
        assert!(!aside(&folder).exists());
    }
}
