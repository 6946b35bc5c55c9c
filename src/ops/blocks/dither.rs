//! Stochastic rounding on the base's own grid: unbiased, so that a small ΔW survives in the mean.

use crate::ops::blocks::check_values;
use crate::ops::blocks::codes::{Codes, Grid, code_range, put_codes, unpack};
use crate::ops::blocks::kquant;
use crate::ops::random::uniform_at;
use crate::ops::{Encoding, OpsError};

/// A value up to this many steps beyond the last level is clipped to it; further out the block gets a wider scale.
/// A wider scale moves all other values off their levels, which costs more noise than a clipped half step.
const BEYOND: f64 = 0.5;

/// Dithered rounding on the base's own grid: the block scales of `base` are kept, `q = floor(f) + [u < f − floor(f)]`
/// with `f = (w − m)/d` and u uniform at (seed, index of the element in `values`). A value that lies on the grid keeps
/// its code. A block whose extreme leaves the range by more than half a step gets a wider scale first, as little wider
/// as f16 (k-quants: its integer scale) can say. F16 and BF16 dither between neighbouring floats and need no `base`;
/// F32 is copied. Appends to `out`.
///
/// # Errors
/// NaN, infinite or too large values; `base` of another size than `values`.
pub fn encode_dithered(
    encoding: Encoding,
    base: &[u8],
    values: &[f32],
    seed: u64,
    out: &mut Vec<u8>,
) -> Result<(), OpsError> {
    check_values(encoding, values)?;
    out.reserve(encoding.bytes_for(values.len()));
    match encoding {
        Encoding::F32 => values.iter().for_each(|v| out.extend(v.to_le_bytes())),
        Encoding::F16 => values.iter().enumerate().for_each(|(i, &v)| {
            out.extend(dither_f16(v, uniform_at(seed, i as u64)).to_le_bytes());
        }),
        Encoding::BF16 => values.iter().enumerate().for_each(|(i, &v)| {
            let bits = v.to_bits();
            // Within a binade bf16 is linear in the bits; the carry into the exponent is right, too.
            let up = f64::from(bits & 0xffff) > uniform_at(seed, i as u64) * 65536.0;
            out.extend(((bits >> 16) as u16 + u16::from(up)).to_le_bytes());
        }),
        _ => return dither_blocks(encoding, base, values, seed, out),
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

fn dither_blocks(
    encoding: Encoding,
    base: &[u8],
    values: &[f32],
    seed: u64,
    out: &mut Vec<u8>,
) -> Result<(), OpsError> {
    let (elements, size) = encoding.block();
    let expected = encoding.bytes_for(values.len());
    if base.len() != expected {
        return Err(OpsError::BaseSize { base: base.len(), values: values.len(), encoding, expected });
    }
    let mut codes = Codes::new();
    for (b, v) in values.chunks_exact(elements).enumerate() {
        let start = out.len();
        out.extend_from_slice(&base[b * size..(b + 1) * size]);
        let block = &mut out[start..];
        unpack(encoding, block, &mut codes);
        let group = codes.group;
        let mut widened = false;
        for (j, v) in v.chunks_exact(group).enumerate() {
            if leaves_range(encoding, codes.grids[j], v) {
                widen(encoding, block, j, v);
                widened = true;
            }
        }
        if widened {
            unpack(encoding, block, &mut codes);
        }
        for (i, (c, &v)) in codes.codes.iter_mut().zip(v).enumerate() {
            let u = uniform_at(seed, (b * elements + i) as u64);
            let grid = codes.grids[i / group];
            // A zero scale says the same whatever the code is: the base's stays.
            if grid.scale != 0.0 {
                *c = dither_code(encoding, grid, v, u);
            }
        }
        put_codes(encoding, &codes.codes[..elements], block);
    }
    Ok(())
}

/// Position of a value on the grid, in steps.
fn position(grid: Grid, v: f32) -> f64 {
    (f64::from(v) - f64::from(grid.offset)) / f64::from(grid.scale)
}

fn leaves_range(encoding: Encoding, grid: Grid, values: &[f32]) -> bool {
    let (low, high) = code_range(encoding);
    values.iter().any(|&v| {
        if grid.scale == 0.0 {
            return v != grid.offset;
        }
        let f = position(grid, v);
        f < f64::from(low) - BEYOND || f > f64::from(high) + BEYOND
    })
}

fn dither_code(encoding: Encoding, grid: Grid, v: f32, u: f64) -> i16 {
    let (low, high) = code_range(encoding);
    let f = position(grid, v).clamp(f64::from(low), f64::from(high));
    let nearest = f.round();
    // `scale · code + offset` rounds in f32: a value that decodes from a code is that code, whatever f's last bits say.
    if grid.scale * nearest as f32 + grid.offset == v {
        return nearest as i16;
    }
    let floor = f.floor();
    (floor as i16 + i16::from(u < f - floor)).clamp(low, high)
}

/// Gives group `j` of the block a grid that holds all of `values`.
fn widen(encoding: Encoding, block: &mut [u8], j: usize, values: &[f32]) {
    let (min, max) = values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)));
    let old = half::f16::from_le_bytes([block[0], block[1]]).to_f32();
    let (low, high) = code_range(encoding);
    match encoding {
        Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => kquant::widen(encoding, block, j, min, max),
        Encoding::Q4_1 | Encoding::Q5_1 => {
            let offset = half::f16::from_le_bytes([block[2], block[3]]).to_f32();
            let m = if min < offset { -at_least(-min) } else { half::f16::from_f32(offset) };
            let top = (offset + old * f32::from(high)).max(max);
            block[..2].copy_from_slice(&at_least((top - m.to_f32()) / f32::from(high)).to_le_bytes());
            block[2..4].copy_from_slice(&m.to_le_bytes());
        }
        _ => {
            // The sign of d says which side has one level more; it stays.
            let sign = if old == 0.0 { (max.abs() < min.abs()) as i8 as f32 * 2.0 - 1.0 } else { old.signum() };
            let (min, max) = if sign < 0.0 { (-max, -min) } else { (min, max) };
            let d = (min / f32::from(low)).max(max / f32::from(high)).max(old.abs());
            let d = at_least(d);
            block[..2].copy_from_slice(&(if sign < 0.0 { -d } else { d }).to_le_bytes());
        }
    }
}

/// The smallest f16 that is not below `v`.
fn at_least(v: f32) -> half::f16 {
    let near = half::f16::from_f32(v);
    if near.to_f32() >= v {
        return near;
    }
    let bits = near.to_bits();
    match bits {
        0x8000 => half::f16::from_bits(1),
        b if b & 0x8000 != 0 => half::f16::from_bits(b - 1),
        b => half::f16::from_bits(b + 1),
    }
}
