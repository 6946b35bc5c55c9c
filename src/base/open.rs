//! A base, opened: weights, tokenizer, template, and what its store says of it.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::opened::begin_digest;
use super::resolve::{Found, untrainable};
use super::template::{self, Template};
use super::{Base, BaseError, Resolver, Source, identity};
use crate::chat::{ChatTemplate, SpecialTokens};
use crate::gguf::{Gguf, Value};
use crate::ollama::StoredModel;
use crate::store::{Digest, Identity};
use crate::tokenizer::Tokenizer;
use crate::weights::{Weights, WeightsError};

impl Resolver {
    /// Resolves and opens.
    pub fn open(&self, name: &str) -> Result<Base, BaseError> {
        let began = std::time::Instant::now();
        let base = match self.find(name)? {
            Found::Folder(path) => self.folder(name, &path),
            Found::File(path) => self.gguf(name, Source::GgufFile(path.clone()), &path, None),
            Found::Stored(model) => self.of_store(*model),
            Found::Snapshot { id, path } => Ok(Base { hub_id: Some(id), ..self.folder(name, &path)? }),
        }?;
        let (family, parameters) = (base.weights.config().family.gguf, base.weights.parameters());
        tracing::info!(name, source = ?base.source, family, parameters, ms = began.elapsed().as_millis() as u64, "base opened");
        Ok(base)
    }

    fn of_store(&self, model: StoredModel) -> Result<Base, BaseError> {
        let source = Source::Ollama { name: model.name.clone(), gguf: model.gguf.clone() };
        let base = self.gguf(&model.name, source, &model.gguf, Some(&model))?;
        let license = if model.license.is_empty() { base.license } else { model.license };
        Ok(Base {
            go_template: model.template,
            parameters: model.parameters,
            system: model.system,
            license,
            renderer: model.renderer,
            parser: model.parser,
            messages: model.messages,
            ..base
        })
    }

    fn gguf(&self, name: &str, source: Source, path: &Path, stored: Option<&StoredModel>) -> Result<Base, BaseError> {
        let file = Gguf::open(path)?;
        let weights = trainable(name, Weights::from_gguf(file.clone()))?;
        let license = file.metadata().get("general.license").and_then(Value::as_str).map(str::to_owned);
        // The store names its blobs by their digest, and the daemon checks them when they come in.
        let digest = self.digest(&weights, stored.and_then(|model| model.gguf_digest));
        let base = assemble(name, source, weights, digest, || {
            Ok((Tokenizer::from_gguf(&file)?, template::of_gguf(&file, name, stored)?))
        })?;
        Ok(Base { license: license.into_iter().collect(), files: identity::of_gguf(&file), ..base })
    }

    fn folder(&self, name: &str, path: &Path) -> Result<Base, BaseError> {
        let weights = trainable(name, Weights::from_hf(path))?;
        let license = template::text(&path.join("LICENSE"))?;
        let (rows, digest) = (weights.config().vocab, self.digest(&weights, None));
        let base = assemble(name, Source::HfFolder(path.to_path_buf()), weights, digest, || {
            Ok((Tokenizer::from_folder_for(path, rows)?, template::of_folder(path)?))
        })?;
        Ok(Base { license: license.into_iter().collect(), files: identity::of_folder(path)?, ..base })
    }

    /// The digest of the weights: the known one, or the place where it will be.
    fn digest(&self, weights: &Weights, known: Option<Digest>) -> Arc<OnceLock<Digest>> {
        let digest = Arc::new(known.map_or_else(OnceLock::new, OnceLock::from));
        if self.begins_digest {
            begin_digest(&digest, weights);
        }
        digest
    }
}

/// An architecture that can't be trained, said with the model's name instead of a blob's.
fn trainable(name: &str, opened: Result<Weights, WeightsError>) -> Result<Weights, BaseError> {
    opened.map_err(|e| match e {
        WeightsError::UnknownArchitecture { found, .. } => untrainable(name, &found),
        e => e.into(),
    })
}

/// A base whose licence and files' identity are still to be set.
fn assemble(
    name: &str,
    source: Source,
    weights: Weights,
    weights_digest: Arc<OnceLock<Digest>>,
    rest: impl FnOnce() -> Result<(Tokenizer, Template), BaseError>,
) -> Result<Base, BaseError> {
    let (tokenizer, template) = rest()?;
    let (tokens, rows) = (tokenizer.vocab_size(), weights.config().vocab);
    if tokens > rows {
        return Err(BaseError::Other(format!(
            "{name}: the tokenizer has {tokens} tokens, but the embedding {rows} rows: they belong to different models"
        )));
    }
    let text = |id: Option<u32>| id.and_then(|id| tokenizer.token_text(id));
    let special =
        SpecialTokens { bos: text(tokenizer.bos()), eos: text(tokenizer.eos()), adds_bos: tokenizer.adds_bos() };
    let template = match &template {
        Template::Jinja(source) => ChatTemplate::new(source, special),
        Template::Go(source) => ChatTemplate::from_go(source, special),
    }?;
    Ok(Base {
        name: name.to_owned(),
        hub_id: None,
        source,
        weights,
        tokenizer,
        template,
        weights_digest,
        files: Identity::default(),
        go_template: None,
        parameters: Vec::new(),
        system: None,
        license: Vec::new(),
        renderer: None,
        parser: None,
        messages: Vec::new(),
    })
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
