//! The tensors of an export: where each comes from, what it becomes, in which row order.

use std::collections::BTreeMap;

use super::types::Tensor;
use super::{ExportError, Floor, Quant};
use crate::lora::{Adapter, ggml_row_of_hf, hf_row_of_ggml};
use crate::ops::{Encoding, RowOrder, WeightRef};
use crate::weights::{LinearId, Weights, linear_of};

const ROPE: &str = "rope_freqs.weight";

/// Where a tensor's bytes come from.
#[derive(Clone, Debug)]
pub(super) enum Source<'a> {
    /// A tensor of the base.
    Weight(WeightRef<'a>),
    /// Values that a Hugging Face base keeps in its config (`rope_freqs.weight`).
    Values(&'a [f32]),
}

/// One tensor to be written.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    /// GGUF's name.
    pub name: String,
    pub source: Source<'a>,
    pub vector: bool,
    pub rows: usize,
    pub cols: usize,
    pub to: Encoding,
    /// The linear, where the adapter's ΔW there is not zero.
    pub touched: Option<LinearId>,
    /// For each row written, the base's row; None where the orders are the same.
    pub row_of: Option<Vec<usize>>,
}

impl Item<'_> {
    pub(super) fn from(&self) -> Encoding {
        match &self.source {
            Source::Weight(w) => w.encoding,
            Source::Values(_) => Encoding::F32,
        }
    }

    pub(super) fn bytes(&self) -> u64 {
        // Sizes were checked against the mapped file when the base was opened.
        self.rows as u64 * self.to.bytes_for(self.cols) as u64
    }

    pub(super) fn elements(&self) -> u64 {
        self.rows as u64 * self.cols as u64
    }

    /// Shape innermost first, as GGUF has it.
    pub(super) fn ne(&self) -> Vec<u64> {
        if self.vector { vec![self.cols as u64] } else { vec![self.cols as u64, self.rows as u64] }
    }
}

/// The linears on which an adapter has a ΔW: a pair whose A or B is all zero leaves the base's bytes as they are.
pub(super) fn touched<O>(adapter: &Adapter<O>) -> BTreeMap<String, LinearId> {
    let nonzero = |values: &[f32]| values.iter().any(|v| *v != 0.0);
    let ids = adapter.pairs.iter().filter(|(_, p)| nonzero(&p.a) && nonzero(&p.b)).map(|(id, _)| *id);
    ids.map(|id| (format!("blk.{}.{}.weight", id.layer, id.site.gguf()), id)).collect()
}

/// Every tensor of a GGUF made of this base: in the file's order, or the usual one.
pub(super) fn gguf_items<'a>(
    weights: &'a Weights,
    touched: &BTreeMap<String, LinearId>,
    quant: Quant,
    floor: Floor,
) -> Result<Vec<Item<'a>>, ExportError> {
    // llama.cpp's converter writes the rotary factors first.
    let mut items: Vec<Item<'_>> = rope_factors(weights).into_iter().collect();
    for name in weights.tensor_names() {
        let mut item = item(weights, name, RowOrder::Ggml, touched)?;
        item.to = rule(&item).target(quant, floor);
        items.push(item);
    }
    Ok(items)
}

pub(super) fn rule<'i>(item: &'i Item<'_>) -> Tensor<'i> {
    Tensor {
        name: &item.name,
        vector: item.vector,
        cols: item.cols,
        from: item.from(),
        touched: item.touched.is_some(),
    }
}

/// The tensor of a GGUF base as it is; for a folder, what its config says.
fn rope_factors(weights: &Weights) -> Option<Item<'_>> {
    let (source, cols, to) = match weights.gguf() {
        Some(gguf) => {
            let info = gguf.tensor(ROPE)?;
            let (bytes, encoding, cols) =
                (gguf.bytes(info), super::types::encoding(info.ty)?, *info.ne.first()? as usize);
            (Source::Weight(WeightRef { bytes, encoding, rows: 1, cols, row_order: RowOrder::Hf }), cols, encoding)
        }
        None => {
            let factors = weights.config().rope_factors.as_deref()?;
            (Source::Values(factors), factors.len(), Encoding::F32)
        }
    };
    Some(Item { name: ROPE.to_owned(), source, vector: true, rows: 1, cols, to, touched: None, row_of: None })
}

/// A tensor of the base with its rows in `order`, in its own type for now.
pub(super) fn item<'a>(
    weights: &'a Weights,
    name: String,
    order: RowOrder,
    touched: &BTreeMap<String, LinearId>,
) -> Result<Item<'a>, ExportError> {
    let missing = || ExportError::Other(format!("{}: the tensor {name} is missing", weights.path().display()));
    let weight = weights.tensor(&name).ok_or_else(missing)?;
    let vector = name.ends_with(".bias") || name.ends_with("norm.weight");
    let row_of = row_map(weights, &name, weight, order);
    let (rows, cols, to) = (weight.rows, weight.cols, weight.encoding);
    let touched = touched.get(&name).copied();
    Ok(Item { name, source: Source::Weight(weight), vector, rows, cols, to, touched, row_of })
}

/// For a q or k weight whose rows lie in another order than asked for.
fn row_map(weights: &Weights, name: &str, weight: WeightRef<'_>, order: RowOrder) -> Option<Vec<usize>> {
    let heads = weights.spec().linear(linear_of(name)?)?.permuted_heads.filter(|_| weight.row_order != order)?;
    Some(match order {
        RowOrder::Ggml => hf_row_of_ggml(weight.rows, heads),
        RowOrder::Hf => ggml_row_of_hf(weight.rows, heads),
    })
}
