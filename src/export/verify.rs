//! An exported GGUF held against base + adapter, tensor by tensor: leg 2 of the proof.
//!
//! What is right of a touched tensor is computed from the files alone (base tensor, adapter, exported tensor with its own
//! scales), not from what the exporter says. How much of the tune is there does not depend on the exporter's gain; only
//! the expected place of an element, which the residual is counted from, is computed by the same rule ([`gain`]).

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::adapter::{Half, for_llama_cpp, tensor_name};
use super::item::{self, Item};
use super::metadata::alpha;
use super::rows::{Buffers, Rows, each_block};
use super::statistics::{Grid, Sums};
use super::tensor;
use super::types::{encoding, ggml_type, is_wide, name_of};
use super::{Check, ExportError, Floor, Quant, gain, rounding};
use crate::gguf::{Gguf, TensorInfo};
use crate::lora::{Adapter, Ggml, Hf};
use crate::ops::{Encoding, OpsError, encode_nearest, same_scales};
use crate::weights::{LinearId, Weights};

/// What was found out about an exported file.
#[derive(Clone, Debug, Default)]
pub struct Verification {
    pub checks: Vec<Check>,
    /// Survival over tensors together, which says something where a single small tensor says little: (which, of them).
    pub pooled: Vec<(String, f64)>,
    /// What is wrong with tensors taken together.
    pub pooled_faults: Vec<String>,
}

impl Verification {
    /// Everything that is wrong with the file.
    pub fn faults(&self) -> Vec<String> {
        self.checks.iter().filter_map(|c| c.fault.clone()).chain(self.pooled_faults.iter().cloned()).collect()
    }
}

/// Holds an exported GGUF (merged, or an adapter) against base + adapter, tensor by tensor. Untouched tensors must be
/// the base's bytes, or those rounded to F16, BF16 or Q8_0. Of touched ones the survival must be 1 within 0.01 and
/// five standard errors of dithered rounding, and the residual what rounding explains; so must the survival of all
/// tensors of a kind, of a layer, and of the file.
pub fn verify(exported: &Path, weights: &Weights, adapter: &Adapter<Hf>) -> Result<Verification, ExportError> {
    let gguf = Gguf::open(exported)?;
    match gguf.str("general.type") {
        Ok("adapter") => {
            let checks = adapter_checks(&gguf, weights, &for_llama_cpp(adapter, weights.spec()));
            Ok(Verification { checks, ..Verification::default() })
        }
        _ => merged_checks(&gguf, weights, &adapter.to_ggml(weights.spec())),
    }
}

/// Sums over tensors: by kind, by layer, over all.
#[derive(Debug, Default)]
struct Pools(BTreeMap<String, Sums>);

impl Pools {
    fn add(&mut self, id: LinearId, sums: &Sums) {
        let groups = [format!("all {}", id.site.gguf()), format!("layer {}", id.layer), "all tensors".to_owned()];
        groups.into_iter().for_each(|group| self.0.entry(group).or_default().add(sums));
    }

    fn judge(&self, into: &mut Verification) {
        for (group, sums) in &self.0 {
            into.pooled.push((group.clone(), sums.survival()));
            if !sums.survives() {
                let (survival, tolerance) = (sums.survival(), sums.tolerance());
                into.pooled_faults.push(format!(
                    "{group} together: {survival:.3} of the tune is in the file, expected 1 ± {tolerance:.3}"
                ));
            }
        }
    }
}

fn merged_checks(gguf: &Gguf, weights: &Weights, adapter: &Adapter<Ggml>) -> Result<Verification, ExportError> {
    let items = item::gguf_items(weights, &item::touched(adapter), Quant::Keep, Floor::Same)?;
    let mut checks: Vec<Check> = gguf
        .tensors()
        .iter()
        .filter(|t| !items.iter().any(|i| i.name == t.name))
        .map(|t| fault(&t.name, "is in the file, but not in the base"))
        .collect();
    if gguf.architecture()? != weights.config().family.gguf {
        checks.push(fault("general.architecture", "differs from the base's"));
    }
    let mut pools = Pools::default();
    for mut item in items {
        let Some(info) = gguf.tensor(&item.name) else {
            checks.push(fault(&item.name, "is missing in the file"));
            continue;
        };
        let Some(to) = encoding(info.ty).filter(|_| info.ne == item.ne()) else {
            checks.push(fault(
                &item.name,
                &format!("is {} of shape {:?}, the base's has {:?}", info.ty.name(), info.ne, item.ne()),
            ));
            continue;
        };
        item.to = to;
        let bytes = gguf.bytes(info);
        let Some(id) = item.touched else {
            checks.push(untouched(&item, adapter, bytes)?);
            continue;
        };
        let (sums, grid) = touched(&item, adapter, bytes)?;
        pools.add(id, &sums);
        let fault = sums.fault(&item.name, item.from(), item.to);
        checks.push(Check { tensor: item.name.clone(), survival: Some(sums.report(&item, grid, None)), fault });
    }
    let mut found = Verification { checks, ..Verification::default() };
    pools.judge(&mut found);
    Ok(found)
}

fn fault(tensor: &str, what: &str) -> Check {
    Check { tensor: tensor.to_owned(), survival: None, fault: Some(format!("{tensor} {what}")) }
}

/// What the file's own bytes say of a touched tensor.
fn touched(item: &Item<'_>, adapter: &Adapter<Ggml>, bytes: &[u8]) -> Result<(Sums, Grid), ExportError> {
    let rows = Rows { item, adapter };
    let size = item.to.bytes_for(item.cols);
    let written = |row: usize| &bytes[row * size..(row + 1) * size];
    let own =
        item.from() == item.to && (0..item.rows).all(|row| same_scales(item.to, rows.base_bytes(row), written(row)));
    let grid =
        if own { Grid::Own { gain: rounding::clipping(&rows)?.gain().unwrap_or(gain::MOST) } } else { Grid::New };
    let one = |range: Range<usize>| {
        let (mut part, mut buffers) = (Sums::default(), Buffers::new(item.cols));
        for row in range {
            buffers.load(&rows, row)?;
            buffers.count(item.to, grid, written(row), &mut part);
        }
        Ok(part)
    };
    let mut sums = Sums::default();
    each_block(item, one, |part| {
        sums.add(&part);
        Ok(())
    })?;
    Ok((sums, grid))
}

/// An untouched tensor must be the base's bytes, or the base rounded to F32, F16, BF16 or Q8_0, the types that `--quant`
/// has for whole files.
fn untouched(item: &Item<'_>, adapter: &Adapter<Ggml>, bytes: &[u8]) -> Result<Check, ExportError> {
    if item.to != item.from() && !is_wide(item.to) {
        let (from, to) = (name_of(item.from()), name_of(item.to));
        return Ok(fault(&item.name, &format!("is {to}, the base's is {from}: no export makes it coarser than Q8_0")));
    }
    let size = item.to.bytes_for(item.cols);
    let differs = |row: usize| format!("differs from the base's in row {row}, though the adapter does not touch it");
    let found = match tensor::copied(item) {
        Some(base) => base.chunks(size).zip(bytes.chunks(size)).position(|(base, row)| base != row).map(differs),
        None => {
            let rows = Rows { item, adapter };
            let one = |range: Range<usize>| {
                let (mut base, mut expected) = (vec![0.0; item.cols], Vec::with_capacity(size));
                let wrong = |row: usize| match round_base(&rows, row, &mut base, &mut expected) {
                    Ok(()) => (bytes[row * size..(row + 1) * size] != expected).then(|| differs(row)),
                    Err(e) => {
                        let (from, to) = (name_of(item.from()), name_of(item.to));
                        Some(format!("is {to}, which can't be made of the base's {from}: {e}"))
                    }
                };
                Ok(range.into_iter().find_map(wrong))
            };
            let mut first = None;
            each_block(item, one, |found| {
                first = first.take().or(found);
                Ok(())
            })?;
            first
        }
    };
    let tensor = item.name.clone();
    Ok(found.map_or(Check { tensor, survival: None, fault: None }, |what| fault(&item.name, &what)))
}

/// The base's row, as values and in the item's type.
fn round_base(rows: &Rows<'_, '_, Ggml>, row: usize, values: &mut [f32], bytes: &mut Vec<u8>) -> Result<(), OpsError> {
    bytes.clear();
    let source = rows.base(row, values);
    if rows.item.from() == rows.item.to && !source.is_empty() {
        bytes.extend_from_slice(source);
        return Ok(());
    }
    encode_nearest(rows.item.to, values, bytes)
}

fn adapter_checks(gguf: &Gguf, weights: &Weights, adapter: &Adapter<Ggml>) -> Vec<Check> {
    let mut checks = Vec::new();
    let mut expect = |name: &str, right: bool| {
        let fault = (!right).then(|| format!("{name} differs from the trained adapter's"));
        checks.push(Check { tensor: name.to_owned(), survival: None, fault });
    };
    expect("general.architecture", gguf.architecture().is_ok_and(|a| a == weights.config().family.gguf));
    let alpha = alpha(&adapter.config) as f32;
    expect("adapter.lora.alpha", gguf.f64("adapter.lora.alpha").is_ok_and(|a| a as f32 == alpha));
    expect("adapter.type", gguf.str("adapter.type").is_ok_and(|t| t == "lora"));
    let mut known = std::collections::BTreeSet::new();
    for (id, pair) in &adapter.pairs {
        for (half, values) in [(Half::A, &pair.a), (Half::B, &pair.b)] {
            let name = tensor_name(*id, half);
            expect(&name, gguf.tensor(&name).is_some_and(|t| holds(gguf, t, values)));
            known.insert(name);
        }
    }
    for t in gguf.tensors().iter().filter(|t| !known.contains(&t.name)) {
        expect(&t.name, false);
    }
    checks
}

fn holds(gguf: &Gguf, info: &TensorInfo, values: &[f32]) -> bool {
    info.ty == ggml_type(Encoding::F32)
        && gguf.bytes(info).chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]).eq(values.iter().map(|v| v.to_le_bytes()))
}
