//! `optimizer.safetensors`: the moments, by PyTorch's names (`exp_avg`, `exp_avg_sq`) before the variable's.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::TrainError;
use super::adamw::{Moments, zeros};
use crate::lora::{Floats, Pair, b_in_hf, save_floats};
use crate::model::Grads;
use crate::weights::{LinearId, Weights};

fn name(kind: &str, id: LinearId, half: &str) -> String {
    format!("{kind}.model.layers.{}.{}.lora_{half}.weight", id.layer, id.site.hf())
}

/// In Hugging Face's order, as the adapter lies on the disk.
pub(super) fn write(path: &Path, moments: &Moments, weights: &Weights) -> Result<(), TrainError> {
    let mut tensors = Vec::new();
    for (kind, side) in [("exp_avg", &moments.first), ("exp_avg_sq", &moments.second)] {
        for (&id, pair) in side {
            for (half, values) in [("A", Cow::Borrowed(&pair.a[..])), ("B", b_in_hf(id, pair, weights))] {
                tensors.push((name(kind, id, half), Floats { shape: vec![values.len()], values }));
            }
        }
    }
    Ok(save_floats(path, tensors, None)?)
}

/// Every moment of `pairs`, of the right size and finite.
pub(super) fn read(bytes: &[u8], pairs: &BTreeMap<LinearId, Pair>) -> Result<Moments, TrainError> {
    let file = SafeTensors::deserialize(bytes).map_err(fault)?;
    let side = |kind: &str| -> Result<Grads, TrainError> {
        let mut side = zeros(pairs);
        for (id, pair) in &mut side {
            for (half, values) in [("A", &mut pair.a), ("B", &mut pair.b)] {
                let name = name(kind, *id, half);
                let tensor = file.tensor(&name).map_err(fault)?;
                fill(values, &tensor).ok_or_else(|| fault(format!("{name} is not what the adapter's shape says")))?;
            }
        }
        Ok(side)
    };
    Ok(Moments { first: side("exp_avg")?, second: side("exp_avg_sq")? })
}

fn fill(values: &mut [f32], tensor: &TensorView<'_>) -> Option<()> {
    if tensor.dtype() != Dtype::F32 || tensor.data().len() != 4 * values.len() {
        return None;
    }
    for (v, b) in values.iter_mut().zip(tensor.data().chunks_exact(4)) {
        *v = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
    }
    values.iter().all(|v| v.is_finite()).then_some(())
}

fn fault(e: impl std::fmt::Display) -> TrainError {
    TrainError::Other(format!("optimizer.safetensors: {e}"))
}
