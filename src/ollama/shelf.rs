//! Ollama's store on this machine, read only: names → manifest → layers → blobs (layout unchanged 0.12 … 0.34).

use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{ModelName, OllamaError};
use crate::store::{Digest, FileAction, StoreError, open_regular};

/// A manifest with thousands of tensor layers is still below this.
const MAX_MANIFEST: u64 = 8 << 20;
/// A text layer (template, system, licence, parameters, messages) or the config.
pub const MAX_LAYER_TEXT: u64 = 4 << 20;

#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub config: Layer,
    #[serde(default)]
    pub layers: Vec<Layer>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Layer {
    #[serde(rename = "mediaType", default)]
    pub media_type: String,
    #[serde(default)]
    pub digest: String,
    #[serde(default)]
    pub size: u64,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Config {
    #[serde(default)]
    pub model_format: String,
    #[serde(default)]
    pub renderer: String,
    #[serde(default)]
    pub parser: String,
    #[serde(default)]
    pub remote_host: String,
}

/// A store's folder and the name looked up in it: what errors name.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shelf<'a> {
    pub root: &'a Path,
    pub name: &'a str,
}

impl Shelf<'_> {
    pub(super) fn unusable(&self, reason: impl Into<String>) -> OllamaError {
        OllamaError::Unusable { name: self.name.to_owned(), reason: reason.into() }
    }

    /// The manifest's path, whatever the case of its parts; None when there is none.
    pub(super) fn find(&self, name: &ModelName) -> Result<Option<PathBuf>, OllamaError> {
        let mut path = self.root.join("manifests");
        for part in name.parts() {
            let exact = path.join(part);
            if exact.exists() {
                path = exact;
                continue;
            }
            let Some(found) = entries(&path)?.into_iter().find(|e| e.eq_ignore_ascii_case(part)) else {
                return Ok(None);
            };
            path.push(found);
        }
        Ok(path.is_file().then_some(path))
    }

    pub(super) fn manifest(&self, path: &Path) -> Result<Manifest, OllamaError> {
        let bytes = self.read(path, MAX_MANIFEST)?;
        serde_json::from_slice(&bytes)
            .map_err(|e| self.unusable(format!("its manifest {} can't be read: {e}", path.display())))
    }

    /// The file of a layer; it must be there and as long as the manifest says.
    pub(super) fn blob(&self, layer: &Layer) -> Result<(PathBuf, Digest), OllamaError> {
        let digest: Digest = layer.digest.parse().map_err(|e| self.unusable(format!("its manifest is broken: {e}")))?;
        let path = self.root.join("blobs").join(digest.blob_name());
        let length = std::fs::metadata(&path).map_err(|e| StoreError::new(FileAction::READING, &path, e))?.len();
        if length != layer.size {
            let reason = format!(
                "{} has {length} bytes where its manifest says {}; pull or create the model again",
                path.display(),
                layer.size
            );
            return Err(self.unusable(reason));
        }
        Ok((path, digest))
    }

    pub(super) fn text(&self, layer: &Layer) -> Result<String, OllamaError> {
        let (path, _) = self.blob(layer)?;
        let bytes = self.read(&path, MAX_LAYER_TEXT)?;
        String::from_utf8(bytes).map_err(|_| self.unusable(format!("{} is no UTF-8", path.display())))
    }

    pub(super) fn json<T: for<'de> Deserialize<'de>>(&self, layer: &Layer) -> Result<T, OllamaError> {
        let text = self.text(layer)?;
        serde_json::from_str(&text).map_err(|e| self.unusable(format!("its layer {} can't be read: {e}", layer.digest)))
    }

    /// The parameters layer as texts, `stop` repeated.
    pub(super) fn parameters(&self, layer: &Layer) -> Result<Vec<(String, String)>, OllamaError> {
        let map: Map<String, Value> = self.json(layer)?;
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let mut out = Vec::new();
        for (key, value) in &map {
            match value {
                Value::Array(items) => out.extend(items.iter().map(|v| (key.clone(), text(v)))),
                one => out.push((key.clone(), text(one))),
            }
        }
        Ok(out)
    }

    fn read(&self, path: &Path, limit: u64) -> Result<Vec<u8>, OllamaError> {
        let fault = |e| StoreError::new(FileAction::READING, path, e);
        let mut bytes = Vec::new();
        open_regular(FileAction::READING, path)?.take(limit + 1).read_to_end(&mut bytes).map_err(fault)?;
        if bytes.len() as u64 > limit {
            return Err(self.unusable(format!("{} is larger than {limit} bytes", path.display())));
        }
        Ok(bytes)
    }
}

/// The names in a folder, sorted; none when the folder is missing.
pub(super) fn entries(folder: &Path) -> Result<Vec<String>, OllamaError> {
    let read = match std::fs::read_dir(folder) {
        Ok(read) => read,
        Err(e) if matches!(e.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(e) => return Err(StoreError::new(FileAction::Reading("folder"), folder, e).into()),
    };
    let mut names: Vec<String> = read.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    Ok(names)
}
