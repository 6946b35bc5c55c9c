//! Opening a file: map, parse, check, look up.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gguf_rs_lib::error::GGUFError;

use super::{GgufError, Map, Metadata, TensorInfo, Value, candle, check, keys, v3};
use crate::store::{FileAction, StoreError, open_regular};

/// An open file, mapped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Gguf(Arc<Open>);

#[derive(Debug)]
struct Open {
    path: PathBuf,
    map: Map,
    metadata: Metadata,
    tensors: Vec<TensorInfo>,
    index: HashMap<String, usize>,
}

impl Gguf {
    /// Opens and checks everything the header says: sizes, ranges, overlaps, duplicates, alignment.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GgufError> {
        let path = path.as_ref().to_path_buf();
        let map = Map::open(&path)?;
        let (metadata, tensors) = match parse(&map) {
            Ok(parsed) => parsed,
            Err(reason) => return Err(GgufError::Bad { path, reason }),
        };
        let index = tensors.iter().enumerate().map(|(i, t)| (t.name.clone(), i)).collect();
        Ok(Self(Arc::new(Open { path, map, metadata, tensors, index })))
    }

    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub fn metadata(&self) -> &Metadata {
        &self.0.metadata
    }

    /// `general.architecture`.
    pub fn architecture(&self) -> Result<&str, GgufError> {
        self.str("general.architecture")
    }

    /// In the order of the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.0.tensors
    }

    pub fn tensor(&self, name: &str) -> Option<&TensorInfo> {
        self.0.index.get(name).map(|&i| &self.0.tensors[i])
    }

    /// Whether the file is still as long as when it was opened.
    pub fn is_whole(&self) -> bool {
        self.0.map.is_whole()
    }

    /// All of the file, mapped.
    pub fn file(&self) -> &[u8] {
        &self.0.map
    }

    /// The tensor's bytes, borrowed from the map. `info` is one of [`Gguf::tensors`] (checked when opened); any other
    /// whose range is not in the file gives nothing.
    pub fn bytes(&self, info: &TensorInfo) -> &[u8] {
        let range = usize::try_from(info.offset)
            .ok()
            .zip(info.offset.checked_add(info.bytes).and_then(|end| usize::try_from(end).ok()));
        range.and_then(|(start, end)| self.0.map.get(start..end)).unwrap_or_default()
    }

    pub fn str(&self, key: &str) -> Result<&str, GgufError> {
        self.get(key)?.as_str().ok_or_else(|| self.wrong(key, "a string"))
    }

    pub fn u64(&self, key: &str) -> Result<u64, GgufError> {
        self.get(key)?.as_u64().ok_or_else(|| self.wrong(key, "a number that is not negative"))
    }

    pub fn f64(&self, key: &str) -> Result<f64, GgufError> {
        self.get(key)?.as_f64().ok_or_else(|| self.wrong(key, "a number"))
    }

    /// The value of a key that must be there.
    pub fn get(&self, key: &str) -> Result<&Value, GgufError> {
        self.0.metadata.get(key).ok_or_else(|| self.key_error(key, "is missing".to_owned()))
    }

    /// Whether a key is there and true.
    pub fn is_true(&self, key: &str) -> bool {
        self.0.metadata.get(key).and_then(Value::as_bool) == Some(true)
    }

    /// A fault of one key of this file.
    pub fn key_error(&self, key: &str, reason: String) -> GgufError {
        GgufError::Key { path: self.0.path.clone(), key: key.to_owned(), reason }
    }

    fn wrong(&self, key: &str, expected: &str) -> GgufError {
        let found = self.0.metadata.get(key).map_or("nothing", Value::kind);
        self.key_error(key, format!("holds {found}, not {expected}"))
    }
}

/// Whether a file begins as a GGUF does; nothing else of it is read.
pub fn begins_as_gguf(path: &Path) -> Result<bool, StoreError> {
    let fault = |e| StoreError::new(FileAction::READING, path, e);
    let mut first = Vec::new();
    open_regular(FileAction::READING, path)?.take(MAGIC.len() as u64).read_to_end(&mut first).map_err(fault)?;
    Ok(first == MAGIC)
}

const MAGIC: &[u8] = b"GGUF";

fn parse(bytes: &[u8]) -> Result<(Metadata, Vec<TensorInfo>), String> {
    if !bytes.starts_with(MAGIC) {
        return Err(format!(
            "it begins with {:?}, not with \"GGUF\"",
            String::from_utf8_lossy(&bytes[..bytes.len().min(4)])
        ));
    }
    let (metadata, tensors) = match v3::parse(bytes) {
        Ok(parsed) => parsed,
        Err(e) if worth_a_second_reader(&e, bytes) => {
            candle::parse(bytes).map_err(|second| format!("{e}; {second}"))?
        }
        Err(GGUFError::UnexpectedEof) => return Err("it ends inside its header: fetch it again".to_owned()),
        Err(GGUFError::Io(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => {
            return Err("it ends inside its header: fetch it again".to_owned());
        }
        Err(e) => return Err(e.to_string()),
    };
    check::alignment(&metadata)?;
    check::tensors(&tensors, bytes.len() as u64)?;
    Ok((metadata, tensors))
}

/// Old versions, and keys whose form the first reader refuses.
fn worth_a_second_reader(e: &GGUFError, bytes: &[u8]) -> bool {
    match e {
        GGUFError::UnsupportedVersion(v) => (1..=2).contains(v),
        GGUFError::InvalidMetadata(_) => keys::only_form_differs(bytes),
        _ => false,
    }
}

#[cfg(test)]
#[path = "read_tests.rs"]
mod tests;
