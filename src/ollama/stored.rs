//! A model of Ollama's store on this machine, resolved to files.

use std::path::{Path, PathBuf};

use super::shelf::{Config, Layer, Shelf, entries};
use super::{ModelName, OllamaError};
use crate::store::Digest;

/// A model in Ollama's store on this machine: its manifest's layers resolved to files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredModel {
    /// The shortest form, with the tag.
    pub name: String,
    pub gguf: PathBuf,
    pub gguf_digest: Option<Digest>,
    pub adapters: Vec<PathBuf>,
    /// Files of a vision part; this program leaves them alone.
    pub projectors: Vec<PathBuf>,
    pub template: Option<String>,
    pub system: Option<String>,
    /// As text, `stop` repeated.
    pub parameters: Vec<(String, String)>,
    /// Turns that the daemon puts before every conversation: (role, content).
    pub messages: Vec<(String, String)>,
    pub license: Vec<String>,
    pub renderer: Option<String>,
    pub parser: Option<String>,
}

/// The stores on this machine that exist: `$OLLAMA_MODELS` alone where it is set, else `~/.ollama/models` and the
/// Linux service's, in this order. The environment is passed in.
pub fn store_roots(ollama_models: Option<&str>, home: Option<&Path>) -> Vec<PathBuf> {
    // As envconfig.Var trims it.
    let said = ollama_models.map(|v| v.trim().trim_matches(['"', '\''])).filter(|v| !v.is_empty());
    let all = match said {
        Some(folder) => vec![PathBuf::from(folder)],
        None => home
            .map(|h| h.join(".ollama/models"))
            .into_iter()
            .chain([PathBuf::from("/usr/share/ollama/.ollama/models")])
            .collect(),
    };
    all.into_iter().filter(|root| root.join("manifests").is_dir()).collect()
}

/// Resolves a name in a store's root; None when there is no such manifest. A model without exactly one GGUF of its
/// weights (split, safetensors, remote) is refused with the reason; blobs must be there, whole by their length.
pub fn resolve(root: &Path, name: &str) -> Result<Option<StoredModel>, OllamaError> {
    let full = ModelName::parse(name)?;
    let short = full.to_string();
    let shelf = Shelf { root, name: &short };
    let Some(path) = shelf.find(&full)? else {
        tracing::debug!(root = %root.display(), model = short, "not in this store");
        return Ok(None);
    };
    let manifest = shelf.manifest(&path)?;
    let config: Config =
        if manifest.config.digest.is_empty() { Config::default() } else { shelf.json(&manifest.config)? };
    if !config.remote_host.is_empty() {
        return Err(shelf.unusable(format!("it runs at {}, its weights are not here", config.remote_host)));
    }
    let kinds: Vec<&str> = manifest.layers.iter().map(kind).collect();
    let models = kinds.iter().filter(|k| **k == "model").count();
    if config.model_format == "safetensors" || (models == 0 && kinds.contains(&"tensor")) {
        return Err(shelf.unusable("it is kept as safetensors, one blob a tensor; a GGUF model is needed"));
    }
    if models != 1 {
        return Err(shelf.unusable(format!(
            "its manifest names {models} model files where one is needed (split files are not read)"
        )));
    }
    let mut model = StoredModel {
        name: short.clone(),
        renderer: Some(config.renderer).filter(|r| !r.is_empty()),
        parser: Some(config.parser).filter(|p| !p.is_empty()),
        ..StoredModel::default()
    };
    for layer in &manifest.layers {
        take_layer(&shelf, layer, &mut model)?;
    }
    tracing::debug!(root = %root.display(), model = short, gguf = %model.gguf.display(), "found in this store");
    Ok(Some(model))
}

fn kind(layer: &Layer) -> &str {
    layer.media_type.strip_prefix("application/vnd.ollama.image.").unwrap_or_default()
}

/// Ollama's own order of things: a later layer of a kind wins, licences and adapters add up.
fn take_layer(shelf: &Shelf<'_>, layer: &Layer, model: &mut StoredModel) -> Result<(), OllamaError> {
    match kind(layer) {
        "model" => {
            let (path, digest) = shelf.blob(layer)?;
            (model.gguf, model.gguf_digest) = (path, Some(digest));
        }
        "adapter" => model.adapters.push(shelf.blob(layer)?.0),
        "projector" => model.projectors.push(shelf.blob(layer)?.0),
        // `prompt` is the template's older name.
        "template" | "prompt" => model.template = Some(shelf.text(layer)?),
        "system" => model.system = Some(shelf.text(layer)?),
        "license" => model.license.push(shelf.text(layer)?),
        "params" => model.parameters = shelf.parameters(layer)?,
        "messages" => {
            #[derive(serde::Deserialize)]
            struct Turn {
                role: String,
                content: String,
            }
            let turns: Vec<Turn> = shelf.json(layer)?;
            model.messages = turns.into_iter().map(|t| (t.role, t.content)).collect();
        }
        // A draft model, or what later versions add: nothing we serve or train.
        _ => {}
    }
    Ok(())
}

/// Every name in a store, shortest form, sorted.
pub fn stored_names(root: &Path) -> Result<Vec<String>, OllamaError> {
    let mut names = Vec::new();
    let top = root.join("manifests");
    for host in entries(&top)? {
        for namespace in entries(&top.join(&host))? {
            let folder = top.join(&host).join(&namespace);
            for model in entries(&folder)? {
                for tag in entries(&folder.join(&model))? {
                    names.extend(ModelName::parse(&format!("{host}/{namespace}/{model}:{tag}")).map(|n| n.to_string()));
                }
            }
        }
    }
    names.sort();
    Ok(names)
}
