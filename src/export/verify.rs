//! An exported GGUF held against base + adapter, tensor by tensor: leg 2 of the proof.

use std::path::Path;

use super::adapter::{Half, alpha, for_llama_cpp, tensor_name};
use super::item::{self, Item};
use super::survival::Sums;
use super::tensor::{Buffers, Rows, each_block};
use super::types::{encoding, ggml_type, is_wide};
use super::{Check, ExportError, Floor, Quant, Survival, merged};
use crate::gguf::{Gguf, TensorInfo};
use crate::lora::{Adapter, Ggml, Hf};
use crate::ops::encode_nearest;
use crate::weights::Weights;

/// The residual may be this much larger than the type's rounding explains.
const RESIDUAL: f64 = 1.5;

/// Holds an exported GGUF (merged, or an adapter) against base + adapter, tensor by tensor. Untouched tensors must be
/// the base's bytes, or those bytes rounded to the file's type; of touched ones the survival must be 1 within 0.05 (8 bit
/// and wider) or 0.15, and four standard errors, and the residual no more than 1.5 × what rounding explains.
pub fn verify(exported: &Path, weights: &Weights, adapter: &Adapter<Hf>) -> Result<Vec<Check>, ExportError> {
    let gguf = Gguf::open(exported)?;
    match gguf.str("general.type") {
        Ok("adapter") => Ok(adapter_checks(&gguf, weights, &for_llama_cpp(adapter, weights.config()))),
        _ => merged_checks(&gguf, weights, &adapter.to_ggml(weights.config())),
    }
}

fn merged_checks(gguf: &Gguf, weights: &Weights, adapter: &Adapter<Ggml>) -> Result<Vec<Check>, ExportError> {
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
        checks.push(match item.touched {
            Some(_) => touched(&item, adapter, bytes)?,
            None => untouched(&item, adapter, bytes)?,
        });
    }
    Ok(checks)
}

fn fault(tensor: &str, what: &str) -> Check {
    Check { tensor: tensor.to_owned(), survival: None, fault: Some(format!("{tensor} {what}")) }
}

fn touched(item: &Item<'_>, adapter: &Adapter<Ggml>, bytes: &[u8]) -> Result<Check, ExportError> {
    let rows = Rows { item, adapter };
    let size = item.to.bytes_for(item.cols);
    let mut sums = Sums::default();
    let one = |range: std::ops::Range<usize>| {
        let (mut part, mut buffers) = (Sums::default(), Buffers::new(item.cols));
        for row in range {
            buffers.load(&rows, row)?;
            buffers.count(item, &bytes[row * size..(row + 1) * size], &mut part);
        }
        Ok(part)
    };
    each_block(item, one, |part| {
        sums.add(&part);
        Ok(())
    })?;
    let survival = merged::survived(item, &sums);
    let fault = judge(&survival, is_wide(item.to));
    Ok(Check { tensor: item.name.clone(), survival: Some(survival), fault })
}

/// What is wrong with a touched tensor, if anything. NaN is never right.
fn judge(s: &Survival, wide: bool) -> Option<String> {
    let tolerance = if wide { 0.05 } else { 0.15 } + 4.0 * s.standard_error;
    let off = (s.slope - 1.0).abs();
    let kept = off <= tolerance;
    if !kept {
        return Some(format!(
            "{}: {:.3} ± {:.3} of the tune is in the file ({} -> {}), expected 1 ± {tolerance:.3}",
            s.tensor, s.slope, s.standard_error, s.from, s.to
        ));
    }
    let rounded = s.residual <= RESIDUAL;
    if !rounded {
        return Some(format!(
            "{}: {:.2} × the error that rounding to {} explains, at most {RESIDUAL} is right",
            s.tensor, s.residual, s.to
        ));
    }
    None
}

fn untouched(item: &Item<'_>, adapter: &Adapter<Ggml>, bytes: &[u8]) -> Result<Check, ExportError> {
    let rows = Rows { item, adapter };
    let mut base = vec![0.0; item.cols];
    let mut expected = Vec::new();
    let same_type = item.from() == item.to;
    for (row, bytes) in bytes.chunks_exact(item.to.bytes_for(item.cols)).enumerate() {
        let source = rows.base(row, &mut base);
        expected.clear();
        if same_type && !source.is_empty() {
            expected.extend_from_slice(source);
        } else {
            encode_nearest(item.to, &base, &mut expected)
                .map_err(|source| ExportError::Encode { tensor: item.name.clone(), source })?;
        }
        if bytes != expected {
            let what = format!("differs from the base's in row {row}, though the adapter does not touch it");
            return Ok(fault(&item.name, &what));
        }
    }
    Ok(Check { tensor: item.name.clone(), survival: None, fault: None })
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
    info.ty == ggml_type(crate::ops::Encoding::F32)
        && gguf.bytes(info).chunks_exact(4).map(|c| [c[0], c[1], c[2], c[3]]).eq(values.iter().map(|v| v.to_le_bytes()))
}
