//! Which base an adapter was trained on: `tunesmith.json` beside it. A file of its own, because PEFT before 0.14 refuses
//! keys of `adapter_config.json` that it does not know, and later ones warn of them.

use std::io::ErrorKind;
use std::path::Path;

use super::LoraError;
use crate::store::{Digest, FileAction, Identity, read_regular, write_whole};

/// Name of the file in an adapter's folder.
pub const ORIGIN: &str = "tunesmith.json";
const FORMAT: u32 = 1;
/// The file takes about 1 KB.
const CAP: u64 = 1 << 20;
/// A run's manifest takes a few KB.
const MANIFEST_CAP: u64 = 16 << 20;

/// The base of an adapter.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Origin {
    format: u32,
    tool_version: String,
    /// As `base_model_name_or_path` has it.
    pub base: String,
    /// GGUF's name of the architecture.
    pub architecture: String,
    /// Of the identity as a whole.
    pub base_digest: Digest,
    pub base_parts: Identity,
}

impl Origin {
    pub fn new(base: &str, architecture: &str, identity: Identity) -> Self {
        Self {
            format: FORMAT,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            base: base.to_owned(),
            architecture: architecture.to_owned(),
            base_digest: identity.digest(),
            base_parts: identity,
        }
    }

    /// Writes the file whole.
    pub fn save(&self, folder: &Path) -> Result<(), LoraError> {
        let path = folder.join(ORIGIN);
        let text = serde_json::to_string_pretty(self)
            .map_err(|e| LoraError::Bad { path: path.display().to_string(), reason: e.to_string() })?;
        Ok(write_whole(&path, format!("{text}\n").as_bytes())?)
    }

    /// None where the folder has no such file: the adapter comes from another program, or from an earlier build of tunesmith.
    pub fn read(folder: &Path) -> Result<Option<Self>, LoraError> {
        let path = folder.join(ORIGIN);
        let bad = |reason: String| LoraError::Bad { path: path.display().to_string(), reason };
        let Some(bytes) = capped(&path, CAP)? else { return Ok(None) };
        let origin: Self = serde_json::from_slice(&bytes).map_err(|e| bad(format!("is damaged ({e})")))?;
        if origin.format != FORMAT {
            return Err(bad(format!("has format {}, this version reads {FORMAT}", origin.format)));
        }
        if origin.base_digest != origin.base_parts.digest() {
            return Err(bad("is damaged: base_digest does not belong to base_parts".to_owned()));
        }
        Ok(Some(origin))
    }
}

/// The digest of the base's weights that the manifest beside an adapter of an earlier build records: such an adapter has
/// no file of its own that says it. None where there is no manifest, or it is another adapter's.
pub fn weights_in_manifest(folder: &Path) -> Result<Option<Digest>, LoraError> {
    let Some(parent) = std::path::absolute(folder).ok().and_then(|f| Some(f.parent()?.to_path_buf())) else {
        return Ok(None);
    };
    let Some(bytes) = capped(&parent.join("manifest.json"), MANIFEST_CAP)? else { return Ok(None) };
    let Ok(manifest) = serde_json::from_slice::<serde_json::Value>(&bytes) else { return Ok(None) };
    let train = &manifest["steps"]["train"];
    let digest = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse::<Digest>().ok());
    let Some(adapter) = digest(&train["outputs"]["final/adapter_model.safetensors"]) else { return Ok(None) };
    let tensors = folder.join("adapter_model.safetensors");
    if !tensors.is_file() || Digest::of_file(&tensors)? != adapter {
        return Ok(None);
    }
    let weights = &train["inputs"]["base/weights"];
    Ok(digest(if weights.is_null() { &train["inputs"]["base"] } else { weights }))
}

/// A file's bytes, if it is there.
fn capped(path: &Path, cap: u64) -> Result<Option<Vec<u8>>, LoraError> {
    match read_regular(FileAction::READING, path, cap) {
        Err(e) if matches!(e.source.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        found => Ok(Some(found?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_read_and_damage_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Origin::read(dir.path()).unwrap(), None);
        let mut identity = Identity::default();
        identity.set(Identity::WEIGHTS, Digest::of_bytes(b"w"));
        let origin = Origin::new("a base", "qwen2", identity);
        origin.save(dir.path()).unwrap();
        assert_eq!(Origin::read(dir.path()).unwrap(), Some(origin));
        let text = std::fs::read_to_string(dir.path().join(ORIGIN)).unwrap();
        for (from, to, said) in [
            ("\"format\": 1", "\"format\": 9", "format 9"),
            ("\"weights\"", "\"config\"", "damaged"),
            ("{", "", "damaged"),
        ] {
            std::fs::write(dir.path().join(ORIGIN), text.replacen(from, to, 1)).unwrap();
            let e = Origin::read(dir.path()).unwrap_err().to_string();
            assert!(e.contains(said) && e.contains(ORIGIN), "{e}");
        }
    }

    #[test]
    fn the_manifest_of_an_earlier_version_says_the_base_of_its_own_adapter_only() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("final");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("adapter_model.safetensors"), b"adapter").unwrap();
        let manifest = |adapter: &[u8]| {
            let inputs = serde_json::json!({"base": Digest::of_bytes(b"w").to_string()});
            let outputs = serde_json::json!({"final/adapter_model.safetensors": Digest::of_bytes(adapter).to_string()});
            let text = serde_json::json!({"steps": {"train": {"inputs": inputs, "outputs": outputs}}});
            std::fs::write(dir.path().join("manifest.json"), text.to_string()).unwrap();
            weights_in_manifest(&folder).unwrap()
        };
        assert_eq!(weights_in_manifest(&folder).unwrap(), None);
        assert_eq!(manifest(b"adapter"), Some(Digest::of_bytes(b"w")));
        assert_eq!(manifest(b"another"), None);
    }
}
