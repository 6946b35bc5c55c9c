//! Rounding to nearest, bit-equal to gguf-py (and to ggml's reference quantisers).

use half::slice::HalfFloatSliceExt as _;

use crate::ops::blocks::check_values;
use crate::ops::blocks::codes::code_range;
use crate::ops::blocks::packing::put_codes;
use crate::ops::{Encoding, OpsError};

/// Rounds to nearest and appends to `out`. F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1.
///
/// # Errors
/// NaN, infinite or (F16) too large values, incomplete blocks, and k-quants, which have no single nearest grid.
pub fn encode_nearest(encoding: Encoding, values: &[f32], out: &mut Vec<u8>) -> Result<(), OpsError> {
    check_values(encoding, values)?;
    out.reserve(encoding.bytes_for(values.len()));
    match encoding {
        Encoding::F32 => append(values, out, |v| v.to_le_bytes()),
        Encoding::F16 => encode_f16(values, out),
        Encoding::BF16 => append(values, out, |v| half::bf16::from_f32(v).to_le_bytes()),
        Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => return Err(OpsError::NoEncoder { encoding }),
        _ => {
            let mut codes = [0i16; 32];
            let mut block = [0u8; 34];
            let size = encoding.block().1;
            for v in values.chunks_exact(32) {
                let (d, m) = scales(encoding, v);
                put_scales(encoding, d, m, &mut block);
                round_codes(encoding, v, &mut codes);
                put_codes(encoding, &codes, &mut block[..size]);
                out.extend_from_slice(&block[..size]);
            }
        }
    }
    Ok(())
}

/// Appends each value's bytes.
fn append<const N: usize>(values: &[f32], out: &mut Vec<u8>, bytes: impl Fn(f32) -> [u8; N]) {
    let start = out.len();
    out.resize(start + N * values.len(), 0);
    let (targets, _) = out[start..].as_chunks_mut::<N>();
    targets.iter_mut().zip(values).for_each(|(target, v)| *target = bytes(*v));
}

/// Through a small buffer, so that the conversion instruction is used.
fn encode_f16(values: &[f32], out: &mut Vec<u8>) {
    let mut buffer = [half::f16::ZERO; 256];
    for values in values.chunks(256) {
        let buffer = &mut buffer[..values.len()];
        buffer.convert_from_f32_slice(values);
        let start = out.len();
        out.resize(start + 2 * values.len(), 0);
        let (targets, _) = out[start..].as_chunks_mut::<2>();
        targets.iter_mut().zip(buffer.iter()).for_each(|(target, h)| *target = h.to_le_bytes());
    }
}

fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
}

/// The first value of the largest magnitude, with its sign.
fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |best: f32, &v| if v.abs() > best.abs() { v } else { best })
}

/// (d, m) in f32, before they are rounded to f16.
pub(super) fn scales(encoding: Encoding, values: &[f32]) -> (f32, f32) {
    match encoding {
        Encoding::Q4_0 => (largest(values) / -8.0, 0.0),
        Encoding::Q5_0 => (largest(values) / -16.0, 0.0),
        Encoding::Q8_0 => (largest(values).abs() / 127.0, 0.0),
        _ => {
            let (min, max) = extremes(values);
            ((max - min) / f32::from(code_range(encoding).1), min)
        }
    }
}

pub(super) fn put_scales(encoding: Encoding, d: f32, m: f32, block: &mut [u8]) {
    block[..2].copy_from_slice(&half::f16::from_f32(d).to_le_bytes());
    if matches!(encoding, Encoding::Q4_1 | Encoding::Q5_1) {
        block[2..4].copy_from_slice(&half::f16::from_f32(m).to_le_bytes());
    }
}

/// ggml rounds against the unrounded f32 scale, through its reciprocal.
fn round_codes(encoding: Encoding, values: &[f32], codes: &mut [i16; 32]) {
    let (d, m) = scales(encoding, values);
    let inverse = if d == 0.0 { 0.0 } else { 1.0 / d };
    let (low, high) = code_range(encoding);
    for (c, &v) in codes.iter_mut().zip(values) {
        *c = match encoding {
            Encoding::Q8_0 => (v * inverse).round() as i16,
            Encoding::Q4_0 => (v * inverse + 8.5) as i16 - 8,
            Encoding::Q5_0 => (v * inverse + 16.5) as i16 - 16,
            _ => ((v - m) * inverse + 0.5) as i16,
        }
        .clamp(low, high);
    }
}
