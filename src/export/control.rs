//! The base written as a tune's file is written, with a ΔW of zero: what remains of a tune when the training is taken away.

use std::collections::BTreeMap;

use super::adapter::adapter_gguf;
use super::item::{self, Item};
use super::merged::write_gguf;
use super::rows::Rows;
use super::{ExportError, Exported, Floor, Quant, Request, Rounding, Survival, rounding, tensor};
use crate::lora::Adapter;

/// How the file of a tune was written.
#[derive(Clone, Copy, Debug)]
pub struct TuneFile<'a> {
    pub quant: Quant,
    pub floor: Floor,
    /// Of each tensor that the adapter touches.
    pub survival: &'a [Survival],
}

/// As [`super::merged_gguf`] of the request's adapter: the same tensors in the same types, and each that the adapter touches rounded
/// as `like` says that the tune's file has it; but ΔW is zero.
pub fn control_gguf(
    request: &Request<'_>,
    like: TuneFile<'_>,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Exported, ExportError> {
    let TuneFile { quant, floor, survival } = like;
    let roundings: BTreeMap<&str, Rounding> =
        survival.iter().filter_map(|s| Some((s.tensor.as_str(), s.rounding?))).collect();
    let items = item::gguf_items(request.weights, &item::touched(request.adapter), quant, floor)?;
    let zero = without_tune(request.adapter.to_ggml(request.weights.spec()));
    let one = |item: &Item<'_>, out: &mut Vec<u8>| match (item.touched, roundings.get(item.name.as_str())) {
        (Some(_), Some(rounding)) => {
            rounding::write_as(&Rows { item, adapter: &zero }, *rounding, request, out).map(|()| None)
        }
        _ => tensor::write(item, &zero, request, out),
    };
    write_gguf(request, &items, quant, &one, progress)
}

/// The adapter's file with B = 0.
pub fn control_adapter(request: &Request<'_>) -> Result<Exported, ExportError> {
    let zero = without_tune(request.adapter.clone());
    adapter_gguf(&Request { adapter: &zero, interrupt: request.interrupt.clone(), ..*request })
}

fn without_tune<O>(mut adapter: Adapter<O>) -> Adapter<O> {
    adapter.pairs.values_mut().for_each(|pair| pair.b.fill(0.0));
    adapter
}
