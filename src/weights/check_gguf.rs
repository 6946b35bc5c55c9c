//! One check of a GGUF's header against its tensors, for everything that opens a model: the engine, export and the
//! embedded server. Nothing is allocated by a count of the header before the tensors confirm it.

use std::collections::HashMap;
use std::path::Path;

use super::layout::{self, Part};
use super::{ModelConfig, ModelSpec, WeightsError, config_gguf};
use crate::gguf::Gguf;

/// Checks every dimension and count of the metadata against the tensors: number of blocks, vocabulary, the shape of each
/// tensor, missing and unknown tensors. (Sizes against the length of the file are checked by [`Gguf::open`].) The types of
/// the tensors are not judged: the embedded server reads some that can't be trained.
pub fn check_gguf(gguf: &Gguf) -> Result<ModelConfig, WeightsError> {
    Ok(matched_parts(gguf)?.config)
}

/// A model in a GGUF.
pub(super) struct Matched {
    pub config: ModelConfig,
    pub spec: ModelSpec,
    /// The model's tensors, each with its index in the file.
    pub parts: Vec<(Part, usize)>,
}

pub(super) fn matched_parts(gguf: &Gguf) -> Result<Matched, WeightsError> {
    let config = config_gguf::read(gguf)?;
    let bad = |reason: String| Err(WeightsError::bad(gguf.path(), reason));
    let blocks = block_count(gguf);
    if config.layers != blocks {
        let key = format!("{}.block_count", config.family.gguf);
        return bad(format!(
            "the metadata key {key} is {}, but the file has the tensors of {blocks} blocks",
            config.layers
        ));
    }
    let spec = config.spec();
    let mut index: HashMap<&str, usize> =
        gguf.tensors().iter().enumerate().map(|(i, t)| (t.name.as_str(), i)).collect();
    let mut parts = Vec::with_capacity(gguf.tensors().len());
    for part in layout::parts(&spec) {
        let Some(file) = index.remove(part.gguf.as_str()) else {
            return bad(format!("the tensor {} is missing", part.gguf));
        };
        let (found, expected) = (&gguf.tensors()[file].ne, part.gguf_shape());
        if *found != expected {
            return bad(format!("the tensor {} has the shape {found:?}, expected {expected:?}", part.gguf));
        }
        parts.push((part, file));
    }
    // The rotary factors are in the config already.
    index.remove("rope_freqs.weight");
    match index.into_values().min() {
        Some(first) => Err(unexpected(gguf.path(), &gguf.tensors()[first].name, config.family.gguf)),
        None => Ok(Matched { config, spec, parts }),
    }
}

/// One more than the highest N of the tensors `blk.N.*`.
fn block_count(gguf: &Gguf) -> usize {
    let number = |name: &str| name.strip_prefix("blk.")?.split_once('.')?.0.parse::<usize>().ok();
    gguf.tensors().iter().filter_map(|t| number(&t.name)).max().map_or(0, |n| n.saturating_add(1))
}

pub(super) fn unexpected(path: &Path, name: &str, family: &str) -> WeightsError {
    WeightsError::Unsupported {
        path: path.to_path_buf(),
        feature: format!("the tensor {name} is there, which {family} as tunesmith computes it does not have"),
        remedy: "take another base".to_owned(),
    }
}
