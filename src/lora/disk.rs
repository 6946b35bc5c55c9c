//! `adapter_model.safetensors` beside `adapter_config.json`: a distrusting reader, a whole writer.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};

use super::order::b_in_hf;
use super::path::names;
use super::{Adapter, Hf, LoraConfig, LoraError, Pair, Stored, TargetModules, mlx, module, peft};
use crate::store::{FileAction, MAX_TEXT, StoreError, WholeFile, read_regular, write_whole};
use crate::weights::{LinearId, ModelSpec, Site, Weights};

const CONFIG: &str = "adapter_config.json";
const TENSORS: &str = "adapter_model.safetensors";

/// Bytes of an adapter's tensors; rank 256 on all linear layers of a model of 70 billion parameters takes 13 GB in F32.
const MAX_TENSORS: u64 = 32 << 30;

/// Whose layout a folder has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    Peft,
    Mlx,
}

/// The base that an adapter's folder names: PEFT's `base_model_name_or_path`, mlx-lm's `model`.
pub fn base_name(folder: &Path) -> Result<String, LoraError> {
    let path = folder.join(CONFIG);
    let bad = |reason: String| LoraError::Bad { path: path.display().to_string(), reason };
    let text = read_regular(FileAction::Reading("the adapter's"), &path, MAX_TEXT)?;
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|e| bad(e.to_string()))?;
    let of_key = |key: &str| value.get(key).and_then(serde_json::Value::as_str).filter(|n| !n.is_empty());
    let mlx = value.as_object().is_some_and(mlx::is_config);
    let name = of_key("base_model_name_or_path").or_else(|| of_key("model").filter(|_| mlx));
    name.map(str::to_owned).ok_or_else(|| bad("names no base (base_model_name_or_path): give --base-model".to_owned()))
}

impl Adapter<Hf> {
    /// Reads the folder of PEFT or mlx-lm: F32, F16 or BF16, keys with or without `.default`, shapes checked against the
    /// model. Its targets are the paths of the pairs that are there.
    pub fn load(folder: &Path, model: &ModelSpec) -> Result<Self, LoraError> {
        let path = folder.join(CONFIG);
        let text = read_regular(FileAction::Reading("the adapter's"), &path, MAX_TEXT)?;
        let (said, layout, tensors) = match serde_json::from_slice(&text) {
            Ok(serde_json::Value::Object(fields)) if mlx::is_config(&fields) => {
                (mlx::read(&path, &fields)?, Layout::Mlx, mlx::TENSORS)
            }
            _ => (peft::read(&path, &text)?, Layout::Peft, TENSORS),
        };
        let path = folder.join(tensors);
        if !path.exists() && folder.join("adapter_model.bin").exists() {
            let reason = "is missing, and adapter_model.bin is a Python pickle, which is not read: save it with safe_serialization=True";
            return Err(LoraError::Bad { path: path.display().to_string(), reason: reason.to_owned() });
        }
        let bytes = read_regular(FileAction::Reading("the adapter's"), &path, MAX_TENSORS)?;
        parse(&said, layout, &bytes, model).map_err(|e| match e {
            LoraError::Config(reason) => LoraError::Bad { path: path.display().to_string(), reason },
            other => other,
        })
    }

    /// Writes PEFT's folder, each file whole; `base_name` becomes `base_model_name_or_path`. NaN and Inf are refused.
    pub fn save(&self, folder: &Path, base_name: &str) -> Result<(), LoraError> {
        self.write(folder, base_name, |_, pair| Cow::Borrowed(&pair.b))
    }
}

impl Adapter<Stored> {
    /// As [`Adapter<Hf>::save`], and in Hugging Face's order as well.
    pub fn save(&self, folder: &Path, base_name: &str, weights: &Weights) -> Result<(), LoraError> {
        self.write(folder, base_name, |id, pair| b_in_hf(id, pair, weights))
    }
}

impl<O> Adapter<O> {
    fn write<'a>(
        &'a self,
        folder: &Path,
        base_name: &str,
        b: impl Fn(LinearId, &'a Pair) -> Cow<'a, [f32]>,
    ) -> Result<(), LoraError> {
        let bad = |reason: String| LoraError::Bad { path: folder.join(TENSORS).display().to_string(), reason };
        let mut tensors = Vec::with_capacity(2 * self.pairs.len());
        for (&id, pair) in &self.pairs {
            let rank = self.rank_of(id);
            for (half, values, shape) in [
                ("A", Cow::Borrowed(&pair.a[..]), vec![rank, pair.a.len() / rank]),
                ("B", b(id, pair), vec![pair.b.len() / rank, rank]),
            ] {
                let key = format!("base_model.model.{}.lora_{half}.weight", module(id));
                finite(&key, &values).map_err(bad)?;
                tensors.push((key, Floats { values, shape }));
            }
        }
        let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
        save_floats(&folder.join(TENSORS), tensors, Some(format))?;
        // In full, as PEFT itself writes "all-linear": a short name would also mean the layers that have no pair.
        let names: Vec<_> = self.pairs.keys().map(|id| module(*id)).collect();
        write_whole(folder.join(CONFIG), peft::write(&self.config, &names, base_name).as_bytes())?;
        Ok(())
    }
}

/// A tensor of f32 that is written.
#[derive(Debug)]
pub struct Floats<'a> {
    pub values: Cow<'a, [f32]>,
    pub shape: Vec<usize>,
}

/// A safetensors file, whole; its bytes never lie in memory all at once.
pub fn save_floats(
    path: &Path,
    tensors: Vec<(String, Floats<'_>)>,
    metadata: Option<HashMap<String, String>>,
) -> Result<(), LoraError> {
    let file = WholeFile::create(path)?;
    safetensors::serialize_to_file(tensors, metadata, file.path()).map_err(|e| match e {
        SafeTensorError::IoError(e) => StoreError::new(FileAction::WRITING, path, e).into(),
        e => LoraError::Bad { path: path.display().to_string(), reason: e.to_string() },
    })?;
    Ok(file.finish()?)
}

impl View for Floats<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }
    fn shape(&self) -> &[usize] {
        &self.shape
    }
    fn data(&self) -> Cow<'_, [u8]> {
        if cfg!(target_endian = "little") {
            return bytemuck::cast_slice(&self.values).into();
        }
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }
    fn data_len(&self) -> usize {
        4 * self.values.len()
    }
}

type Half = BTreeMap<LinearId, Vec<f32>>;

fn parse(said: &LoraConfig, layout: Layout, bytes: &[u8], model: &ModelSpec) -> Result<Adapter<Hf>, LoraError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| fault(format!("is no whole safetensors file ({e})")))?;
    let (mut a, mut b) = (Half::new(), Half::new());
    for (name, tensor) in file.iter() {
        let known = key(layout, name).and_then(|(id, half)| Some((id, half, model.linear(id)?)));
        let (id, half, linear) = known.ok_or_else(|| unknown(name, model))?;
        let rank = said.rank_of(id);
        let (shape, side) = if half == 'A' { ([rank, linear.cols], &mut a) } else { ([linear.rows, rank], &mut b) };
        let expected = if layout == Layout::Mlx { [shape[1], shape[0]] } else { shape };
        if tensor.shape() != expected {
            return Err(fault(format!(
                "{name} is {:?}, but this base and the rank need {expected:?}: the adapter belongs to another base",
                tensor.shape()
            )));
        }
        let mut values = floats(name, &tensor).map_err(fault)?;
        if layout == Layout::Mlx {
            values = mlx::transposed(&values, expected[0], expected[1]);
        }
        if side.insert(id, values).is_some() {
            return Err(fault(format!("{name} is there twice, with and without \".default\"")));
        }
    }
    if let Some(id) = a.keys().chain(b.keys()).find(|id| !(a.contains_key(id) && b.contains_key(id))) {
        return Err(fault(format!("{} has only one of lora_A and lora_B: the file is not whole", module(*id))));
    }
    covered(said, &a, model)?;
    let targets = TargetModules::Names(a.keys().map(|id| module(*id)).collect());
    let pairs = a.into_iter().zip(b.into_values()).map(|((id, a), b)| (id, Pair { a, b })).collect();
    Ok(Adapter::from_pairs(LoraConfig { targets, ..said.clone() }, pairs))
}

fn fault(reason: String) -> LoraError {
    LoraError::Config(reason)
}

fn unknown(name: &str, model: &ModelSpec) -> LoraError {
    let name: String = name.chars().take(120).collect();
    let sites: BTreeSet<Site> = model.linears().map(|(id, _)| id.site).collect();
    fault(format!(
        "the tensor {name:?} belongs to no linear layer of this base's {} blocks: only lora_A and lora_B of {} can be used",
        model.blocks.len(),
        sites.into_iter().map(Site::module).collect::<Vec<_>>().join(", ")
    ))
}

/// `[base_model.model.]model.layers.N.self_attn.q_proj.lora_A[.default].weight`; of mlx-lm
/// `model.layers.N.self_attn.q_proj.lora_a`.
fn key(layout: Layout, name: &str) -> Option<(LinearId, char)> {
    let name = name.strip_prefix("base_model.model.").unwrap_or(name);
    let (layer, rest) = name.strip_prefix("model.layers.")?.split_once('.')?;
    let site = Site::ALL.into_iter().find(|s| rest.strip_prefix(s.hf()).is_some_and(|r| r.starts_with(".lora_")))?;
    let half = match (layout, &rest[site.hf().len()..]) {
        (Layout::Peft, ".lora_A.weight" | ".lora_A.default.weight") | (Layout::Mlx, ".lora_a") => 'A',
        (Layout::Peft, ".lora_B.weight" | ".lora_B.default.weight") | (Layout::Mlx, ".lora_b") => 'B',
        _ => return None,
    };
    Some((LinearId { layer: layer.parse().ok()?, site }, half))
}

fn floats(name: &str, tensor: &TensorView<'_>) -> Result<Vec<f32>, String> {
    let data = tensor.data();
    let pairs = || data.chunks_exact(2).map(|c| [c[0], c[1]]);
    let values: Vec<f32> = match tensor.dtype() {
        Dtype::F32 => data.chunks_exact(4).map(|c| f32::from_le_bytes([c[0], c[1], c[2], c[3]])).collect(),
        Dtype::F16 => pairs().map(|c| half::f16::from_le_bytes(c).to_f32()).collect(),
        Dtype::BF16 => pairs().map(|c| half::bf16::from_le_bytes(c).to_f32()).collect(),
        other => return Err(format!("{name} is {other:?}: only F32, F16 and BF16 are read")),
    };
    finite(name, &values)?;
    Ok(values)
}

fn finite(name: &str, values: &[f32]) -> Result<(), String> {
    match values.iter().position(|v| !v.is_finite()) {
        Some(i) => Err(format!(
            "{name} holds {} at index {i}: the training that made it diverged; use an earlier checkpoint",
            values[i]
        )),
        None => Ok(()),
    }
}

/// Each name of `target_modules` has a tensor in every layer it stands for: a file with fewer has lost some.
fn covered(said: &LoraConfig, a: &Half, model: &ModelSpec) -> Result<(), LoraError> {
    if a.is_empty() {
        return Err(fault("holds no lora_A and lora_B at all".to_owned()));
    }
    let all = model.linears().map(|(id, _)| id);
    let TargetModules::Names(said) = &said.targets else { return Ok(()) };
    let lost = all.filter(|id| !a.contains_key(id)).find(|id| said.iter().any(|name| names(name, &module(*id))));
    match lost {
        Some(id) => {
            Err(fault(format!("target_modules names {}, which has no tensor: the file is not whole", module(id))))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
