//! The store's writing side, in Ollama's layout; reading is `crate::ollama::resolve`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::ServeError;
use super::reply::Fault;
use super::state::State;
use crate::gguf::{GgmlType, Gguf};
use crate::ollama::wire::Details;
use crate::ollama::{ModelName, StoredModel, resolve};
use crate::store::{Digest, FileAction, MAX_TEXT, StoreError, check_inside, read_regular, write_whole};

/// The file that marks a store as this server's, and what it says to whoever finds it.
const MARK: &str = "tunesmith-store";
const MARKED: &str = "Models of tunesmith's embedded server, which removes the files of deleted ones.\n";

/// Marks a store as this server's. Refuses one without a mark that has a model of somebody else's: that is Ollama's.
pub(super) fn claim(store: &Path) -> Result<(), ServeError> {
    check_inside(store)?;
    let mark = store.join(MARK);
    if mark.is_file() {
        return Ok(());
    }
    if !manifests(store)?.iter().all(|manifest| is_own(store, manifest)) {
        return Err(ServeError::NotOurs(store.to_path_buf()));
    }
    Ok(write_whole(mark, MARKED.as_bytes())?)
}

/// Whether this server wrote a manifest (earlier versions marked no store): the config that it registers lists no layers
/// by `diff_ids`, Ollama's lists every one or has no such key.
fn is_own(store: &Path, manifest: &Path) -> bool {
    let json = |path: &Path| -> Option<Value> {
        serde_json::from_slice(&read_regular(FileAction::READING, path, MAX_TEXT).ok()?).ok()
    };
    let config = || -> Option<Value> {
        let digest: Digest = json(manifest)?["config"]["digest"].as_str()?.parse().ok()?;
        json(&store.join("blobs").join(digest.blob_name()))
    };
    config().is_some_and(|config| config["model_format"] == "gguf" && config["rootfs"]["diff_ids"] == json!([]))
}

/// Every manifest of a store, whatever it is named (`host/namespace/model/tag`).
pub(super) fn manifests(store: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = vec![store.join("manifests")];
    for _ in 0..4 {
        let mut below = Vec::new();
        for folder in found {
            match std::fs::read_dir(&folder).and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
                Ok(entries) => below.extend(entries.iter().map(|entry| entry.path())),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(e) => return Err(StoreError::new(FileAction::Reading("folder"), &folder, e)),
            }
        }
        found = below;
    }
    // A name begins with no dot: that is a file being written.
    found.retain(|path| path.file_name().is_some_and(|name| !name.as_encoded_bytes().starts_with(b".")));
    Ok(found)
}

impl State {
    pub(super) fn blob(&self, digest: Digest) -> PathBuf {
        self.store.join("blobs").join(digest.blob_name())
    }

    /// The manifest's path: each part of the name spelled as it stands there already, whatever its case, as in Ollama
    /// (server/routes.go `getExistingName`).
    pub(super) fn manifest(&self, name: &ModelName) -> PathBuf {
        name.parts().iter().fold(self.store.join("manifests"), |path, part| {
            let exact = path.join(part);
            if exact.exists() {
                return exact;
            }
            let known = std::fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let same = known.into_iter().filter(|n| n.to_str().is_some_and(|n| n.eq_ignore_ascii_case(part))).min();
            same.map_or(exact, |spelled| path.join(spelled))
        })
    }

    pub(super) fn model(&self, name: &ModelName) -> Result<StoredModel, Fault> {
        let found = resolve(&self.store, &name.to_string()).map_err(Fault::internal)?;
        found.ok_or_else(|| Fault::no_model(&name.to_string()))
    }

    /// Stores a text as a blob; its layer.
    pub(super) fn text_layer(&self, kind: &str, text: &[u8]) -> Result<Value, Fault> {
        let digest = Digest::of_bytes(text);
        write_whole(self.blob(digest), text).map_err(Fault::internal)?;
        Ok(layer(&format!("application/vnd.ollama.image.{kind}"), digest, text.len() as u64))
    }

    /// Layers and config become a manifest under `name`.
    pub(super) fn write_manifest(&self, name: &ModelName, details: &Details, layers: &[Value]) -> Result<(), Fault> {
        let config = json!({
            "model_format": "gguf", "model_family": details.family, "model_families": details.families,
            "model_type": details.parameter_size, "file_type": details.quantization_level,
            "architecture": "amd64", "os": "linux", "rootfs": {"type": "layers", "diff_ids": []},
        });
        let text = serde_json::to_vec(&config).map_err(Fault::internal)?;
        let digest = Digest::of_bytes(&text);
        write_whole(self.blob(digest), &text).map_err(Fault::internal)?;
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
            "config": layer("application/vnd.docker.container.image.v1+json", digest, text.len() as u64), "layers": layers,
        });
        write_whole(self.manifest(name), manifest.to_string().as_bytes()).map_err(Fault::internal)
    }
}

pub(super) fn layer(media_type: &str, digest: Digest, size: u64) -> Value {
    json!({"mediaType": media_type, "digest": digest.to_string(), "size": size})
}

/// What `details` says of a GGUF: family, size, and the type most of its weights have.
pub(super) fn details(gguf: &Gguf) -> Result<Details, Fault> {
    let family = gguf.architecture().map_err(|e| Fault::bad(e.to_string()))?.to_owned();
    let elements = |t: &crate::gguf::TensorInfo| t.ne.iter().product::<u64>();
    let total: u64 = gguf.tensors().iter().map(elements).sum();
    let mut by_type: Vec<(GgmlType, u64)> = Vec::new();
    for t in gguf.tensors() {
        match by_type.iter_mut().find(|(ty, _)| *ty == t.ty) {
            Some((_, n)) => *n += elements(t),
            None => by_type.push((t.ty, elements(t))),
        }
    }
    let most = by_type.iter().max_by_key(|(_, n)| *n).map_or("unknown", |(ty, _)| ty.name());
    let size = if total >= 1_000_000_000 {
        format!("{:.1}B", total as f64 / 1e9)
    } else {
        format!("{:.2}M", total as f64 / 1e6)
    };
    Ok(Details {
        parent_model: String::new(),
        format: "gguf".into(),
        families: vec![family.clone()],
        family,
        parameter_size: size,
        quantization_level: most.to_owned(),
    })
}

/// Metadata as `/api/show` gives it: long arrays are null.
pub(super) fn model_info(gguf: &Gguf) -> Map<String, Value> {
    use crate::gguf::Value as V;
    let value = |v: &V| match v {
        V::Bool(b) => json!(b),
        V::String(s) => json!(s),
        V::F32(x) => json!(x),
        V::F64(x) => json!(x),
        other => other.as_i64().map_or(Value::Null, |n| json!(n)),
    };
    gguf.metadata().iter().map(|(k, v)| (k.clone(), value(v))).collect()
}
