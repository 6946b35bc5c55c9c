//! Safetensors, streamed: header first, then each tensor's bytes as they are made.

use std::io::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::ExportError;
use crate::ops::Encoding;
use crate::store::{Digest, FileAction, HashingWriter, StoreError, WholeFile};

/// Largest payload of a file (transformers' `max_shard_size` was 5 GB for years; loaders expect no larger).
pub(super) const SHARD: u64 = 5_000_000_000;

/// One tensor of a file.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub name: String,
    pub encoding: Encoding,
    pub shape: Vec<usize>,
    pub bytes: u64,
}

/// Which tensors go into which file: in order, a new file where the next would pass `limit`.
pub(super) fn split(sizes: impl Iterator<Item = u64>, limit: u64) -> Vec<std::ops::Range<usize>> {
    let mut shards: Vec<std::ops::Range<usize>> = Vec::new();
    let mut held = 0;
    for (i, bytes) in sizes.enumerate() {
        match shards.last_mut() {
            Some(last) if held + bytes <= limit => {
                last.end = i + 1;
                held += bytes;
            }
            _ => {
                shards.push(i..i + 1);
                held = bytes;
            }
        }
    }
    shards
}

/// `model.safetensors`, or `model-00001-of-00002.safetensors`.
pub(super) fn file_name(index: usize, count: usize) -> String {
    if count == 1 {
        "model.safetensors".to_owned()
    } else {
        format!("model-{:05}-of-{count:05}.safetensors", index + 1)
    }
}

/// `model.safetensors.index.json`: where each tensor is.
pub(super) fn index(files: &[(String, Vec<String>)], total: u64) -> Value {
    let map: Map<String, Value> =
        files.iter().flat_map(|(file, names)| names.iter().map(move |n| (n.clone(), json!(file)))).collect();
    json!({"metadata": {"total_size": total}, "weight_map": map})
}

fn dtype(encoding: Encoding) -> &'static str {
    match encoding {
        Encoding::F16 => "F16",
        Encoding::BF16 => "BF16",
        _ => "F32",
    }
}

/// Writes one file whole; `fill(i, out)` appends exactly the bytes of `entries[i]`.
pub(super) fn write(
    path: &Path,
    entries: &[Entry],
    mut fill: impl FnMut(usize, &mut Vec<u8>) -> Result<(), ExportError>,
) -> Result<(Digest, u64), ExportError> {
    let fault = |e| StoreError::new(FileAction::WRITING, path, e);
    let mut file = HashingWriter::new(WholeFile::create(path)?);
    let mut header = Map::from_iter([("__metadata__".to_owned(), json!({"format": "pt"}))]);
    let mut offset = 0;
    for e in entries {
        header.insert(
            e.name.clone(),
            json!({"dtype": dtype(e.encoding), "shape": e.shape, "data_offsets": [offset, offset + e.bytes]}),
        );
        offset += e.bytes;
    }
    let mut header = Value::Object(header).to_string();
    // The payload begins at a multiple of eight, so that a map of it is aligned.
    header.push_str(&" ".repeat(header.len().next_multiple_of(8) - header.len()));
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(fault)?;
    file.write_all(header.as_bytes()).map_err(fault)?;
    let mut buffer = Vec::new();
    for (i, e) in entries.iter().enumerate() {
        buffer.clear();
        fill(i, &mut buffer)?;
        if buffer.len() as u64 != e.bytes {
            return Err(ExportError::Other(format!(
                "{}: {} bytes were made, {} planned",
                e.name,
                buffer.len(),
                e.bytes
            )));
        }
        file.write_all(&buffer).map_err(fault)?;
    }
    let (file, digest, bytes) = file.finish();
    file.finish()?;
    Ok((digest, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_hold_whole_tensors_in_order() {
        assert_eq!(split([3, 3, 3, 9, 1].into_iter(), 6), [0..2, 2..3, 3..4, 4..5]);
        assert_eq!(split([3, 3].into_iter(), 6), vec![0..2]);
        assert_eq!(file_name(0, 1), "model.safetensors");
        assert_eq!(file_name(1, 12), "model-00002-of-00012.safetensors");
    }

    #[test]
    fn the_crate_reads_what_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.safetensors");
        let entries: Vec<_> = [("b", Encoding::F32, 8), ("a", Encoding::BF16, 6)]
            .map(|(n, e, bytes)| Entry {
                name: n.to_owned(),
                encoding: e,
                shape: vec![bytes as usize / e.block().1],
                bytes,
            })
            .to_vec();
        let (digest, bytes) = write(&path, &entries, |i, out| {
            out.extend(std::iter::repeat_n(i as u8 + 1, entries[i].bytes as usize));
            Ok(())
        })
        .unwrap();
        let data = std::fs::read(&path).unwrap();
        assert_eq!((Digest::of_bytes(&data), data.len() as u64), (digest, bytes));
        let read = safetensors::SafeTensors::deserialize(&data).unwrap();
        assert_eq!(read.tensor("a").unwrap().data(), [2; 6]);
        assert_eq!(read.tensor("b").unwrap().shape(), [2]);
        let short = write(&path, &entries, |_, _| Ok(())).unwrap_err().to_string();
        assert!(short.contains("0 bytes were made"), "{short}");
        assert_eq!(std::fs::read(&path).unwrap(), data);
    }
}
