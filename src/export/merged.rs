//! Base + ΔW as one GGUF, streamed tensor by tensor.

use super::item::{self, Item};
use super::plan::{check_disk, plan};
use super::tensor;
use super::types::ggml_type;
use super::{ExportError, Exported, Floor, Plan, Quant, Request, Survival, metadata};
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
    let items = item::gguf_items(request.weights, &item::touched(request.adapter), quant, floor)?;
    let adapter = request.adapter.to_ggml(request.weights.spec());
    let one = |item: &Item<'_>, out: &mut Vec<u8>| tensor::write(item, &adapter, request, out);
    write_gguf(request, &items, quant, &one, progress)
}

/// Appends a tensor's bytes; what of ΔW is in those of a touched one.
pub(super) type WriteTensor<'w> = dyn Fn(&Item<'_>, &mut Vec<u8>) -> Result<Option<Survival>, ExportError> + 'w;

/// The file of these tensors, each made by `one`.
pub(super) fn write_gguf(
    request: &Request<'_>,
    items: &[Item<'_>],
    quant: Quant,
    one: &WriteTensor<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Exported, ExportError> {
    request.check_output()?;
    check_disk(request.output, plan(items).bytes)?;
    let metadata = metadata::merged(request, items, quant)?;
    let mut survival = Vec::new();
    let (digest, bytes) = gguf::write(request.output, &metadata, &planned(items), |i, out| {
        if request.interrupt.raised() {
            return Err(ExportError::Interrupted);
        }
        finite(&items[i])?;
        survival.extend(one(&items[i], out)?);
        progress(i + 1, items.len());
        Ok::<_, ExportError>(())
    })?;
    let path = request.output.to_path_buf();
    reopened(&path, items)?;
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
