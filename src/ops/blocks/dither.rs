//! Stochastic rounding: a value between two levels becomes either with a probability linear in its distance, so its
//! expected value is itself and a change far smaller than a step survives in the mean.

use crate::ops::blocks::check_values;
use crate::ops::blocks::codes::{Codes, Grid, code_range};
use crate::ops::blocks::covering;
use crate::ops::blocks::packing::{put_codes, unpack};
use crate::ops::random::uniform_at;
use crate::ops::{Encoding, OpsError};

/// Rounds `values` with dither on a new grid: block scales that cover the values, computed from the values alone;
/// F16 and BF16 dither between neighbouring floats, F32 is copied. The random number of element `i` of `values` is the
/// one at (`key`, `i`). Appends to `out`.
///
/// # Errors
/// NaN, infinite or too large values; incomplete blocks.
pub fn encode_dithered(encoding: Encoding, values: &[f32], key: u64, out: &mut Vec<u8>) -> Result<(), OpsError> {
    check_values(encoding, values)?;
    out.reserve(encoding.bytes_for(values.len()));
    match encoding {
        Encoding::F32 => values.iter().for_each(|v| out.extend(v.to_le_bytes())),
        Encoding::F16 => values.iter().enumerate().for_each(|(i, &v)| {
            out.extend(dither_f16(v, uniform_at(key, i as u64)).to_le_bytes());
        }),
        Encoding::BF16 => values.iter().enumerate().for_each(|(i, &v)| {
            let bits = v.to_bits();
            // Within a binade bf16 is linear in the bits; the carry into the exponent is right, too.
            let up = f64::from(bits & 0xffff) > uniform_at(key, i as u64) * 65536.0;
            out.extend(((bits >> 16) as u16 + u16::from(up)).to_le_bytes());
        }),
        _ => dither_blocks(encoding, values, key, out),
    }
    Ok(())
}

fn dither_f16(v: f32, u: f64) -> half::f16 {
    let near = half::f16::from_f32(v);
    let magnitude = f64::from(v).abs();
    let mut low = near.to_bits() & 0x7fff;
    if f64::from(half::f16::from_bits(low).to_f32()) > magnitude {
        low -= 1;
    }
    let value = |bits: u16| f64::from(half::f16::from_bits(bits).to_f32());
    // 0x7bff is the largest finite f16: nothing to dither towards.
    let up = low < 0x7bff && u < (magnitude - value(low)) / (value(low + 1) - value(low));
    half::f16::from_bits((low + u16::from(up)) | (near.to_bits() & 0x8000))
}

fn dither_blocks(encoding: Encoding, values: &[f32], key: u64, out: &mut Vec<u8>) {
    let (elements, size) = encoding.block();
    let (low, high) = code_range(encoding);
    let mut codes = Codes::new();
    for (b, values) in values.chunks_exact(elements).enumerate() {
        let start = out.len();
        out.resize(start + size, 0);
        let block = &mut out[start..];
        covering::put_scales(encoding, values, block);
        unpack(encoding, block, &mut codes);
        for (i, (code, &v)) in codes.codes.iter_mut().zip(values).enumerate() {
            let grid = codes.grids[i / codes.group];
            // A zero scale says the same whatever the code is.
            *code = match grid.scale {
                0.0 => low.max(0),
                _ => dithered(position(grid, v), low, high, uniform_at(key, (b * elements + i) as u64)),
            };
        }
        put_codes(encoding, &codes.codes[..elements], block);
    }
}

/// Moves values on the grid that they lie on: the scales and minima of `base` are kept, and the code q of an element
/// becomes q + `gain`·`moves`/step, rounded with dither. Where that leaves the range of codes it is clipped to its end;
/// a group whose step is 0 stays as it is. For block types; floats have no scales of their own. Appends to `out`.
///
/// # Errors
/// `base` of another size than `moves`, and types without blocks.
pub fn encode_on_grid(
    encoding: Encoding,
    base: &[u8],
    moves: &[f32],
    gain: f64,
    key: u64,
    out: &mut Vec<u8>,
) -> Result<(), OpsError> {
    let (elements, size) = encoding.block();
    let expected = encoding.bytes_for(moves.len());
    if base.len() != expected || !moves.len().is_multiple_of(elements) {
        return Err(OpsError::BaseSize { base: base.len(), values: moves.len(), encoding, expected });
    }
    if elements == 1 {
        return Err(OpsError::NoGrid { encoding });
    }
    let (low, high) = code_range(encoding);
    let mut codes = Codes::new();
    out.reserve(expected);
    for (b, (block, moves)) in base.chunks_exact(size).zip(moves.chunks_exact(elements)).enumerate() {
        let start = out.len();
        out.extend_from_slice(block);
        unpack(encoding, block, &mut codes);
        for (i, (code, &step_by)) in codes.codes.iter_mut().zip(moves).enumerate() {
            let scale = codes.grids[i / codes.group].scale;
            if scale != 0.0 {
                let to = f64::from(*code) + gain * f64::from(step_by) / f64::from(scale);
                // Another quantiser may have written a code that we do not (−128 of Q8_0): it may stay.
                let (low, high) = (low.min(*code), high.max(*code));
                *code = dithered(to, low, high, uniform_at(key, (b * elements + i) as u64));
            }
        }
        put_codes(encoding, &codes.codes[..elements], &mut out[start..]);
    }
    Ok(())
}

/// Position of a value on the grid, in steps.
fn position(grid: Grid, v: f32) -> f64 {
    (f64::from(v) - f64::from(grid.offset)) / f64::from(grid.scale)
}

/// ⌊c⌋ + [u < c − ⌊c⌋], within `low` and `high`.
fn dithered(c: f64, low: i16, high: i16, u: f64) -> i16 {
    let c = c.clamp(f64::from(low), f64::from(high));
    // c − low is not negative, so that a cast is its floor, and far cheaper.
    let above = c - f64::from(low);
    let floor = above as i16;
    (low + floor + i16::from(u < above - f64::from(floor))).min(high)
}
