//! `optimizer.safetensors`: the moments, by PyTorch's names (`exp_avg`, `exp_avg_sq`) before the variable's.

use std::collections::BTreeMap;

use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use super::TrainError;
use super::adamw::{Moments, zeros};
use crate::lora::Pair;
use crate::model::Grads;
use crate::weights::LinearId;

fn name(kind: &str, id: LinearId, half: &str) -> String {
    format!("{kind}.model.layers.{}.{}.lora_{half}.weight", id.layer, id.site.hf())
}

pub(super) fn write(moments: &Moments) -> Result<Vec<u8>, TrainError> {
    let mut tensors: Vec<(String, Vec<u8>)> = Vec::new();
    for (kind, side) in [("exp_avg", &moments.first), ("exp_avg_sq", &moments.second)] {
        for (id, pair) in side {
            for (half, values) in [("A", &pair.a), ("B", &pair.b)] {
                tensors.push((name(kind, *id, half), values.iter().flat_map(|v| v.to_le_bytes()).collect()));
            }
        }
    }
    let mut views = Vec::with_capacity(tensors.len());
    for (name, bytes) in &tensors {
        views.push((name, TensorView::new(Dtype::F32, vec![bytes.len() / 4], bytes).map_err(fault)?));
    }
    safetensors::serialize(views, None).map_err(fault)
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
