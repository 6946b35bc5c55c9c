//! Base + ΔW as one GGUF, streamed tensor by tensor.

use super::item::{self, Item};
use super::plan::{check_disk, plan};
use super::tensor;
use super::types::ggml_type;
use super::{ExportError, Exported, Floor, Plan, Quant, Request, metadata};
use crate::gguf::{self, Gguf, GgufError, PlannedTensor};

/// What [`merged_gguf`] will take.
pub fn plan_gguf(request: &Request<'_>, quant: Quant, floor: Floor) -> Result<Plan, ExportError> {
    Ok(plan(&item::gguf_items(request.weights, &item::touched(request.adapter), quant, floor)?))
}

/// Base + ΔW as one GGUF, written whole. `progress(done, total)` counts tensors. With a GGUF base its metadata and,
/// with [`Quant::Keep`], every untouched tensor's bytes are the base's.
pub fn merged_gguf(
    request: &Request<'_>,
    quant: Quant,
    floor: Floor,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Exported, ExportError> {
    request.check_output()?;
    let items = item::gguf_items(request.weights, &item::touched(request.adapter), quant, floor)?;
    check_disk(request.output, plan(&items).bytes)?;
    let metadata = metadata::merged(request, &items, quant)?;
    let adapter = request.adapter.to_ggml(request.weights.spec());
    let mut survival = Vec::new();
    let (digest, bytes) = gguf::write(request.output, &metadata, &planned(&items), |i, out| {
        if request.interrupt.raised() {
            return Err(ExportError::Interrupted);
        }
        finite(&items[i])?;
        survival.extend(tensor::write(&items[i], &adapter, request, out)?);
        progress(i + 1, items.len());
        Ok::<_, ExportError>(())
    })?;
    let path = request.output.to_path_buf();
    reopened(&path, &items)?;
    Ok(Exported { path, digest, bytes, survival })
}

fn planned(items: &[Item<'_>]) -> Vec<PlannedTensor> {
    items.iter().map(|i| PlannedTensor { name: i.name.clone(), ne: i.ne(), ty: ggml_type(i.to) }).collect()
}

/// A tensor that is copied byte for byte is still looked at: a broken base is not passed on.
pub(super) fn finite(item: &Item<'_>) -> Result<(), ExportError> {
    if tensor::copied(item).is_none() {
        return Ok(());
    }
    tensor::check_base(item)
}

/// The file that was written opens and holds what was planned.
fn reopened(path: &std::path::Path, items: &[Item<'_>]) -> Result<(), ExportError> {
    let gguf = Gguf::open(path)?;
    let lost = items.iter().find(|i| gguf.tensor(&i.name).is_none_or(|t| t.ne != i.ne() || t.ty != ggml_type(i.to)));
    match lost {
        Some(item) => {
            let reason = format!("{} is not in the file as it was written", item.name);
            Err(GgufError::Bad { path: path.to_path_buf(), reason }.into())
        }
        None => Ok(()),
    }
}
