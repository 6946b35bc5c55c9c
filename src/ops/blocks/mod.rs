//! Block formats: bytes to f32 and back.
//!
//! Layouts: ggml-common.h of llama.cpp b10488; oracle: gguf-py's `quants.py` (`tests/oracles/blocks.py`).

mod codes;
mod covering;
mod dither;
mod finite;
mod kquant;
mod levels;
mod nearest;
mod packing;

pub use dither::{encode_dithered, encode_on_grid};
pub use finite::first_not_finite;
pub use levels::{Levels, float_step, levels, same_scales};
pub use nearest::encode_nearest;

use crate::ops::{Encoding, OpsError};
use codes::Codes;
use half::slice::HalfFloatSliceExt;
use packing::unpack;

/// Decodes `bytes` to f32; bit-equal to gguf-py's dequantize. `out.len()` values are read: a whole number of blocks.
///
/// # Panics
/// If `bytes` is not exactly `encoding.bytes_for(out.len())` long; readers check sizes before they hand out bytes.
pub fn decode(encoding: Encoding, bytes: &[u8], out: &mut [f32]) {
    let (elements, size) = encoding.block();
    assert!(
        out.len().is_multiple_of(elements) && bytes.len() == encoding.bytes_for(out.len()),
        "{} bytes of {encoding:?} for {} values",
        bytes.len(),
        out.len()
    );
    match encoding {
        Encoding::F32 => {
            for (o, b) in out.iter_mut().zip(bytes.chunks_exact(4)) {
                *o = f32::from_le_bytes([b[0], b[1], b[2], b[3]]);
            }
        }
        Encoding::F16 => decode_f16(bytes, out),
        Encoding::BF16 => {
            for (o, b) in out.iter_mut().zip(bytes.chunks_exact(2)) {
                *o = f32::from_bits(u32::from(u16::from_le_bytes([b[0], b[1]])) << 16);
            }
        }
        _ => {
            let mut codes = Codes::new();
            for (o, b) in out.chunks_exact_mut(elements).zip(bytes.chunks_exact(size)) {
                unpack(encoding, b, &mut codes);
                codes.values(encoding, o);
            }
        }
    }
}

/// Through a small buffer, so that the conversion instruction is used on unaligned bytes too.
fn decode_f16(bytes: &[u8], out: &mut [f32]) {
    let mut buffer = [half::f16::ZERO; 256];
    for (o, b) in out.chunks_mut(256).zip(bytes.chunks(512)) {
        for (h, b) in buffer.iter_mut().zip(b.chunks_exact(2)) {
            *h = half::f16::from_le_bytes([b[0], b[1]]);
        }
        buffer[..o.len()].convert_to_f32_slice(o);
    }
}

fn check_values(encoding: Encoding, values: &[f32]) -> Result<(), OpsError> {
    let limit = match encoding {
        // Half-way to the next f16 after 65504 still rounds down.
        Encoding::F16 => 65519.99,
        Encoding::F32 => f32::MAX,
        Encoding::BF16 => f32::from_bits(0x7f7f_0000),
        // Scales and minima are f16.
        _ => 65504.0,
    };
    match values.iter().position(|v| v.is_nan() || v.abs() > limit) {
        Some(index) => Err(OpsError::Range { value: values[index], index, encoding }),
        None => encoding.check_columns("the tensor", values.len()),
    }
}

#[cfg(test)]
mod tests;
