//! A Hugging Face folder's tensors: `model.safetensors`, or the shards its index names.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};

use safetensors::{Dtype, SafeTensors};

use super::WeightsError;
use crate::gguf::Map;
use crate::ops::Encoding;
use crate::store::{FileAction, read_text};

/// A tensor of a mapped file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Found {
    /// Index into [`Folder::maps`].
    pub map: usize,
    pub range: Range<usize>,
    pub shape: Vec<usize>,
    /// Or the name of a type we can't read.
    pub encoding: Result<Encoding, String>,
}

/// The mapped files of a folder, and where each tensor lies.
#[derive(Debug)]
pub(super) struct Folder {
    pub maps: Vec<(PathBuf, Map)>,
    pub tensors: BTreeMap<String, Found>,
}

/// No index of a real model comes near.
const TEXT_CAP: u64 = 64 << 20;

/// A text file of bounded size.
pub(super) fn text(path: &Path) -> Result<String, WeightsError> {
    Ok(read_text(FileAction::READING, path, TEXT_CAP)?)
}

#[derive(serde::Deserialize)]
struct Index {
    weight_map: HashMap<String, String>,
}

/// Maps the folder's weight files and reads their headers.
pub(super) fn open(folder: &Path) -> Result<Folder, WeightsError> {
    let single = folder.join("model.safetensors");
    let index = folder.join("model.safetensors.index.json");
    let mut out = Folder { maps: Vec::new(), tensors: BTreeMap::new() };
    if single.is_file() {
        out.add(single)?;
        return Ok(out);
    }
    if !index.is_file() {
        let old = folder.join("pytorch_model.bin").is_file() || folder.join("pytorch_model.bin.index.json").is_file();
        let hint = if old { "; it holds pytorch_model.bin: save the model again with safe_serialization" } else { "" };
        let reason = format!("neither model.safetensors nor model.safetensors.index.json is there{hint}");
        return Err(WeightsError::bad(folder, reason));
    }
    let map: Index = serde_json::from_str(&text(&index)?)
        .map_err(|e| WeightsError::bad(&index, format!("it is no safetensors index: {e}")))?;
    for shard in map.weight_map.values().collect::<BTreeSet<_>>() {
        if Path::new(shard).file_name() != Some(std::ffi::OsStr::new(shard)) {
            return Err(WeightsError::bad(&index, format!("the shard {shard:?} is no plain file name")));
        }
        out.add(folder.join(shard))?;
    }
    for (name, shard) in &map.weight_map {
        let there = out.tensors.get(name).is_some_and(|f| out.maps[f.map].0.ends_with(shard));
        if !there {
            return Err(WeightsError::bad(&index, format!("it says that {name} is in {shard}, but it is not there")));
        }
    }
    Ok(out)
}

impl Folder {
    fn add(&mut self, path: PathBuf) -> Result<(), WeightsError> {
        let map = Map::open(&path)?;
        let file = SafeTensors::deserialize(&map)
            .map_err(|e| WeightsError::bad(&path, format!("it is no whole safetensors file: {e}; fetch it again")))?;
        let base = map.as_ptr() as usize;
        for (name, view) in file.iter() {
            let start = view.data().as_ptr() as usize - base;
            let found = Found {
                map: self.maps.len(),
                range: start..start + view.data().len(),
                shape: view.shape().to_vec(),
                encoding: encoding(view.dtype()),
            };
            if let Some(first) = self.tensors.insert(name.to_owned(), found) {
                let other = self.maps.get(first.map).map_or_else(|| path.clone(), |m| m.0.clone());
                return Err(WeightsError::bad(&path, format!("the tensor {name} is also in {}", other.display())));
            }
        }
        self.maps.push((path, map));
        Ok(())
    }
}

fn encoding(dtype: Dtype) -> Result<Encoding, String> {
    match dtype {
        Dtype::F32 => Ok(Encoding::F32),
        Dtype::F16 => Ok(Encoding::F16),
        Dtype::BF16 => Ok(Encoding::BF16),
        other => Err(format!("{other:?}")),
    }
}
