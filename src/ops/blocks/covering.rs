//! Block scales that cover all values of a block: rounding to nearest may clip a block's extreme by a part of a step,
//! dither must not, because what is clipped is no longer unbiased.

use crate::ops::Encoding;
use crate::ops::blocks::codes::{code_range, half_at};
use crate::ops::blocks::kquant::put_scale_min;

/// Writes the scales (and minima) of a zeroed block, the smallest that keep each value within the range of codes.
pub(super) fn put_scales(encoding: Encoding, values: &[f32], block: &mut [u8]) {
    let (low, high) = code_range(encoding);
    match encoding {
        Encoding::Q4K | Encoding::Q5K => put_scales_and_minima(values, f32::from(high), block),
        Encoding::Q6K => {
            let need = |group: &[f32]| {
                let (min, max) = extremes(group);
                (min / f32::from(low)).max(max / f32::from(high))
            };
            let largest = values.chunks_exact(16).map(need).fold(0.0, f32::max);
            block[208..210].copy_from_slice(&at_least(largest / 127.0).to_le_bytes());
            let d = half_at(block, 208);
            for (scale, group) in block[192..208].iter_mut().zip(values.chunks_exact(16)) {
                *scale = multiples(need(group), d, 127.0);
            }
        }
        Encoding::Q4_1 | Encoding::Q5_1 => {
            let (min, max) = extremes(values);
            // The largest f16 that is not above the minimum.
            let offset = -at_least(-min);
            let scale = at_least((max - offset.to_f32()) / f32::from(high));
            block[..2].copy_from_slice(&scale.to_le_bytes());
            block[2..4].copy_from_slice(&offset.to_le_bytes());
        }
        _ => {
            let (min, max) = extremes(values);
            // The side with one level more goes to the larger extreme, as ggml has it: its scale is then negative.
            let turned = -low > high && max > -min;
            let (min, max) = if turned { (-max, -min) } else { (min, max) };
            let scale = at_least((min / f32::from(low)).max(max / f32::from(high)));
            block[..2].copy_from_slice(&(if turned { -scale } else { scale }).to_le_bytes());
        }
    }
}

fn put_scales_and_minima(values: &[f32], levels: f32, block: &mut [u8]) {
    // An offset is only ever negative.
    let depth = |group: &[f32]| -extremes(group).0.min(0.0);
    let deepest = values.chunks_exact(32).map(depth).fold(0.0, f32::max);
    block[2..4].copy_from_slice(&at_least(deepest / 63.0).to_le_bytes());
    let dmin = half_at(block, 2);
    let min_of = |group: &[f32]| multiples(depth(group), dmin, 63.0);
    let need = |group: &[f32]| ((extremes(group).1 + dmin * f32::from(min_of(group))) / levels).max(0.0);
    let largest = values.chunks_exact(32).map(need).fold(0.0, f32::max);
    block[..2].copy_from_slice(&at_least(largest / 63.0).to_le_bytes());
    let d = half_at(block, 0);
    for (j, group) in values.chunks_exact(32).enumerate() {
        put_scale_min(&mut block[4..16], j, multiples(need(group), d, 63.0), min_of(group));
    }
}

/// The least whole number of `unit`s that reaches `length`.
fn multiples(length: f32, unit: f32, most: f32) -> u8 {
    if unit > 0.0 { (length / unit).ceil().clamp(0.0, most) as u8 } else { 0 }
}

fn extremes(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(a, b), &v| (a.min(v), b.max(v)))
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
