//! A model's tensors, opened: every shape checked against the config, then looked up by name.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::check_gguf::Matched;
use super::layout::{self, Part};
use super::{LinearId, ModelConfig, ModelSpec, Norm, WeightsError, check_gguf, config_hf, safetensors};
use crate::gguf::{GgmlType, Gguf, Map};
use crate::ops::{self, Encoding, RowOrder, WeightRef};

/// A model's tensors, mapped. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Weights(Arc<Opened>);

#[derive(Debug)]
struct Opened {
    path: PathBuf,
    config: ModelConfig,
    spec: ModelSpec,
    source: Source,
    /// By GGUF name.
    places: HashMap<String, TensorPlace>,
    /// GGUF names in the order of the file (of the layout, for a folder).
    names: Vec<String>,
    /// Set once everything was found to be numbers.
    checked: OnceLock<()>,
}

#[derive(Debug)]
enum Source {
    Gguf(Gguf),
    Hf(Vec<(PathBuf, Map)>),
}

#[derive(Clone, Debug)]
struct TensorPlace {
    /// Index of the tensor in a GGUF, of the map in a folder.
    file: usize,
    /// Within the map; all of the tensor in a GGUF.
    range: Range<usize>,
    encoding: Encoding,
    rows: usize,
    cols: usize,
    row_order: RowOrder,
}

impl Weights {
    pub fn from_gguf(gguf: Gguf) -> Result<Self, WeightsError> {
        let Matched { config, spec, parts } = check_gguf::matched_parts(&gguf)?;
        let mut places = HashMap::new();
        for (part, file) in parts {
            let place = gguf_place(&gguf, file, &part)?;
            places.insert(part.gguf, place);
        }
        let names = gguf.tensors().iter().filter(|t| places.contains_key(&t.name)).map(|t| t.name.clone()).collect();
        let (path, checked) = (gguf.path().to_path_buf(), OnceLock::new());
        Ok(Self(Arc::new(Opened { path, config, spec, source: Source::Gguf(gguf), places, names, checked })))
    }

    /// `config.json` + `model.safetensors` or its shards.
    pub fn from_hf(folder: &Path) -> Result<Self, WeightsError> {
        let json = folder.join("config.json");
        let config = config_hf::read(&json, &safetensors::text(&json)?)?;
        let files = safetensors::open(folder)?;
        settle_head(&config, &files, folder)?;
        let spec = config.spec();
        let mut places = HashMap::new();
        let mut names = Vec::new();
        let mut wanted = BTreeSet::new();
        for part in layout::parts(&spec) {
            let Some(found) = files.tensors.get(&part.hf) else {
                return Err(WeightsError::bad(folder, format!("the tensor {} is in none of its files", part.hf)));
            };
            names.push(part.gguf.clone());
            wanted.insert(part.hf.clone());
            let place = hf_place(&files.maps[found.map].0, found, &part)?;
            places.insert(part.gguf, place);
        }
        if let Some((name, found)) =
            files.tensors.iter().find(|(name, _)| !wanted.contains(*name) && !harmless(name, &config))
        {
            return Err(check_gguf::unexpected(&files.maps[found.map].0, name, config.family.hf[0]));
        }
        let (path, checked) = (folder.to_path_buf(), OnceLock::new());
        Ok(Self(Arc::new(Opened { path, config, spec, source: Source::Hf(files.maps), places, names, checked })))
    }

    /// Refuses a file that somebody cut or extended since it was opened; for the start of a stage that reads all of it.
    pub fn check_length(&self) -> Result<(), WeightsError> {
        let changed = match &self.0.source {
            Source::Gguf(gguf) => (!gguf.is_whole()).then(|| gguf.path()),
            Source::Hf(maps) => maps.iter().find(|(_, map)| !map.is_whole()).map(|(path, _)| path.as_path()),
        };
        match changed {
            Some(path) => Err(WeightsError::Changed { path: path.to_path_buf() }),
            None => Ok(()),
        }
    }

    /// The GGUF file or the folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    pub fn config(&self) -> &ModelConfig {
        &self.0.config
    }

    pub fn spec(&self) -> &ModelSpec {
        &self.0.spec
    }

    /// The GGUF the tensors lie in, if they do.
    pub fn gguf(&self) -> Option<&Gguf> {
        match &self.0.source {
            Source::Gguf(gguf) => Some(gguf),
            Source::Hf(_) => None,
        }
    }

    /// The files the tensors lie in, in order, and their bytes.
    pub fn files(&self) -> Vec<(&Path, &[u8])> {
        match &self.0.source {
            Source::Gguf(gguf) => vec![(gguf.path(), gguf.file())],
            Source::Hf(maps) => maps.iter().map(|(path, map)| (path.as_path(), &map[..])).collect(),
        }
    }

    pub(super) fn checked(&self) -> &OnceLock<()> {
        &self.0.checked
    }

    /// A layer beyond the model's is a fault of the caller.
    pub fn linear(&self, id: LinearId) -> WeightRef<'_> {
        self.known(&layout::linear_name(id, "weight"))
    }

    /// f32, in the order of the linear's rows.
    pub fn bias(&self, id: LinearId) -> Option<Vec<f32>> {
        self.tensor(&layout::linear_name(id, "bias")).map(decoded)
    }

    /// f32; `layer` is ignored for `Output`.
    pub fn norm(&self, layer: usize, norm: Norm) -> Option<Vec<f32>> {
        self.tensor(&layout::norm_name(layer, norm)).map(decoded)
    }

    pub fn embedding(&self) -> WeightRef<'_> {
        self.known(layout::EMBEDDING)
    }

    /// The embedding when tied.
    pub fn head(&self) -> WeightRef<'_> {
        self.known(if self.0.spec.tied { layout::EMBEDDING } else { layout::HEAD })
    }

    /// Every tensor of the model in GGUF names (`rope_freqs.weight` is not one: its values are in the config).
    pub fn tensor_names(&self) -> Vec<String> {
        self.0.names.clone()
    }

    /// A tensor by its GGUF name; a vector has one row.
    pub fn tensor(&self, name: &str) -> Option<WeightRef<'_>> {
        let place = self.0.places.get(name)?;
        let bytes = match &self.0.source {
            Source::Gguf(gguf) => gguf.bytes(&gguf.tensors()[place.file]),
            Source::Hf(maps) => &maps[place.file].1[place.range.clone()],
        };
        let TensorPlace { encoding, rows, cols, row_order, .. } = *place;
        Some(WeightRef { bytes, encoding, rows, cols, row_order })
    }

    /// Elements of all tensors; a tied head counts once.
    pub fn parameters(&self) -> u64 {
        self.0.places.values().map(|p| (p.rows * p.cols) as u64).sum()
    }

    /// Bytes of all tensors as they lie in the file; a tied head counts once.
    pub fn stored_bytes(&self) -> u64 {
        self.0.places.values().map(|p| (p.rows * p.encoding.bytes_for(p.cols)) as u64).sum()
    }

    fn known(&self, name: &str) -> WeightRef<'_> {
        // The layout was complete when the file was opened.
        self.tensor(name).unwrap_or_else(|| panic!("{name} is no tensor of {}", self.0.path.display()))
    }
}

fn decoded(tensor: WeightRef<'_>) -> Vec<f32> {
    let mut out = vec![0.0; tensor.rows * tensor.cols];
    ops::decode(tensor.encoding, tensor.bytes, &mut out);
    out
}

/// The encoding of a GGUF tensor, if we can compute with it.
pub(super) fn encoding_of(ty: GgmlType) -> Option<Encoding> {
    Some(match ty {
        GgmlType::F32 => Encoding::F32,
        GgmlType::F16 => Encoding::F16,
        GgmlType::BF16 => Encoding::BF16,
        GgmlType::Q8_0 => Encoding::Q8_0,
        GgmlType::Q4_0 => Encoding::Q4_0,
        GgmlType::Q4_1 => Encoding::Q4_1,
        GgmlType::Q5_0 => Encoding::Q5_0,
        GgmlType::Q5_1 => Encoding::Q5_1,
        GgmlType::Q4_K => Encoding::Q4K,
        GgmlType::Q5_K => Encoding::Q5K,
        GgmlType::Q6_K => Encoding::Q6K,
        _ => return None,
    })
}

fn gguf_place(gguf: &Gguf, file: usize, part: &Part) -> Result<TensorPlace, WeightsError> {
    let info = &gguf.tensors()[file];
    let Some(encoding) = encoding_of(info.ty) else {
        return Err(WeightsError::Unsupported {
            path: gguf.path().to_path_buf(),
            feature: format!("the tensor {} is {}", part.gguf, info.ty.name()),
            remedy: "take the model as F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K_M, Q5_K_M or Q6_K".to_owned(),
        });
    };
    let row_order = if part.permuted { RowOrder::Ggml } else { RowOrder::Hf };
    Ok(TensorPlace { file, range: 0..0, encoding, rows: part.rows.unwrap_or(1), cols: part.cols, row_order })
}

fn hf_place(path: &Path, found: &safetensors::Found, part: &Part) -> Result<TensorPlace, WeightsError> {
    if found.shape != part.shape() {
        let reason = format!("the tensor {} has the shape {:?}, expected {:?}", part.hf, found.shape, part.shape());
        return Err(WeightsError::bad(path, reason));
    }
    let encoding = found.encoding.clone().map_err(|dtype| WeightsError::Unsupported {
        path: path.to_path_buf(),
        feature: format!("the tensor {} is {dtype}", part.hf),
        remedy: "take the model as F32, F16 or BF16".to_owned(),
    })?;
    let (rows, cols) = (part.rows.unwrap_or(1), part.cols);
    Ok(TensorPlace { file: found.map, range: found.range.clone(), encoding, rows, cols, row_order: RowOrder::Hf })
}

/// transformers ties the head when config.json says so, whatever lies in the file; a file that contradicts it is refused.
fn settle_head(config: &ModelConfig, files: &safetensors::Folder, folder: &Path) -> Result<(), WeightsError> {
    let (embedding, head) = (files.tensors.get("model.embed_tokens.weight"), files.tensors.get("lm_head.weight"));
    match (config.tied, embedding, head) {
        (true, Some(e), Some(h)) => {
            let bytes = |f: &safetensors::Found| &files.maps[f.map].1[f.range.clone()];
            if bytes(e) != bytes(h) {
                let reason = "config.json says tie_word_embeddings, but lm_head.weight differs from \
                              model.embed_tokens.weight: set it to false, or remove lm_head.weight";
                return Err(WeightsError::bad(folder, reason));
            }
            Ok(())
        }
        (false, Some(_), None) => Err(WeightsError::bad(
            folder,
            "the tensor lm_head.weight is in none of its files, and config.json does not say tie_word_embeddings",
        )),
        _ => Ok(()),
    }
}

/// Tensors that older versions saved and nobody reads.
fn harmless(name: &str, config: &ModelConfig) -> bool {
    name.ends_with(".rotary_emb.inv_freq") || (config.tied && name == "lm_head.weight")
}

#[cfg(test)]
#[path = "open_tests.rs"]
mod tests;
