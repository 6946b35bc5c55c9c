//! An index as a folder: `manifest.json`, `chunks.jsonl`, `bm25.bin` and, with an embedder, `vectors.f32`.
//!
//! It is filled beside its place and appears whole. The folder may come from anybody: every file has to have the size and the
//! digest that the manifest says, and everything that a search relies on is checked while it is read.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::store::{FileAction, MAX_TEXT, StoreError, TempFolder, check_inside, read_regular, write_whole};

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
        replace(&made, folder, &work.path().join("earlier"))
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

/// Puts a folder that was filled in its place. An earlier one leaves that first, because a folder is renamed only to a free name, and
/// comes back where the new one cannot take it.
fn replace(made: &Path, folder: &Path, earlier: &Path) -> Result<(), RagError> {
    match std::fs::rename(folder, earlier) {
        Err(e) if e.kind() != ErrorKind::NotFound => return Err(writing(folder, e)),
        _ => {}
    }
    std::fs::rename(made, folder).map_err(|e| {
        // There may have been none.
        std::fs::rename(earlier, folder).ok();
        StoreError::new(FileAction::MovingTo, folder, e).into()
    })
}

fn writing(folder: &Path, source: std::io::Error) -> RagError {
    StoreError::new(FileAction::Writing("the index"), folder, source).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_that_cannot_be_replaced_stays() {
        let dir = tempfile::tempdir().unwrap();
        let (made, folder, earlier) = (dir.path().join("made"), dir.path().join("index"), dir.path().join("earlier"));
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join(MANIFEST), "1").unwrap();
        // Nothing was made, so that nothing takes the place.
        assert!(replace(&made, &folder, &earlier).is_err());
        assert_eq!(std::fs::read_to_string(folder.join(MANIFEST)).unwrap(), "1");
        std::fs::create_dir(&made).unwrap();
        replace(&made, &folder, &earlier).unwrap();
        assert!(!folder.join(MANIFEST).exists() && earlier.join(MANIFEST).exists());
    }
}
