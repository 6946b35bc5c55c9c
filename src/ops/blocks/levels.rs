//! The grid on which encoded values lie, read from the encoded bytes: what a rounding error is measured against.

use super::codes::{Codes, code_range, is_affine};
use super::packing::unpack;
use crate::ops::Encoding;

/// The levels that one element can take: `low`, `low + step` … `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Levels {
    /// 0 where the block has no scale.
    pub step: f32,
    pub low: f32,
    pub high: f32,
}

/// The levels of each element of a block type.
///
/// # Panics
/// If `bytes` does not hold exactly `out.len()` values, or the type is a float ([`float_step`]).
pub fn levels(encoding: Encoding, bytes: &[u8], out: &mut [Levels]) {
    let (elements, size) = encoding.block();
    assert!(
        elements > 1 && bytes.len() == encoding.bytes_for(out.len()),
        "{} bytes of {encoding:?} for {} values",
        bytes.len(),
        out.len()
    );
    let (lowest, highest) = code_range(encoding);
    let mut codes = Codes::new();
    for (out, block) in out.chunks_exact_mut(elements).zip(bytes.chunks_exact(size)) {
        unpack(encoding, block, &mut codes);
        for (out, grid) in out.chunks_exact_mut(codes.group).zip(&codes.grids) {
            let value = |code: i16| {
                let product = grid.scale * f32::from(code);
                if is_affine(encoding) { product + grid.offset } else { product }
            };
            let (a, b) = (value(lowest), value(highest));
            out.fill(Levels { step: grid.scale.abs(), low: a.min(b), high: a.max(b) });
        }
    }
}

/// The distance between neighbouring floats at `v`; `None` for block types.
pub fn float_step(encoding: Encoding, v: f32) -> Option<f32> {
    // (stored bits of the mantissa, least exponent of a normal number)
    let (mantissa, least) = match encoding {
        Encoding::F32 => (23, -126),
        Encoding::F16 => (10, -14),
        Encoding::BF16 => (7, -126),
        _ => return None,
    };
    let exponent = ((v.to_bits() >> 23 & 0xff) as i32 - 127).max(least);
    // A product of two powers, because the unit of a small f32 is itself subnormal.
    Some(power_of_two(exponent) * power_of_two(-mantissa))
}

/// 2^exponent for −126 ..= 127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127).clamp(1, 254) as u32) << 23)
}

/// Whether two runs of blocks have the same scales and minima; only their codes may differ. Floats have no scales.
pub fn same_scales(encoding: Encoding, a: &[u8], b: &[u8]) -> bool {
    let scales = match encoding {
        Encoding::F32 | Encoding::F16 | Encoding::BF16 => return false,
        Encoding::Q8_0 | Encoding::Q4_0 | Encoding::Q5_0 => 0..2,
        Encoding::Q4_1 | Encoding::Q5_1 => 0..4,
        Encoding::Q4K | Encoding::Q5K => 0..16,
        Encoding::Q6K => 192..210,
    };
    let size = encoding.block().1;
    a.len() == b.len()
        && a.chunks_exact(size).zip(b.chunks_exact(size)).all(|(a, b)| a[scales.clone()] == b[scales.clone()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::{decode, encode_dithered, encode_nearest, encode_on_grid};

    fn wave(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * i) as f32 * 0.013).sin() * 1.7).collect()
    }

    #[test]
    fn a_rounded_value_is_within_half_a_step() {
        let values = wave(512);
        for encoding in Encoding::ALL {
            let mut bytes = Vec::new();
            if encode_nearest(encoding, &values, &mut bytes).is_err() {
                continue;
            }
            let (mut got, mut grid) = (vec![0.0; 512], vec![Levels::default(); 512]);
            decode(encoding, &bytes, &mut got);
            match encoding.block().0 {
                1 => grid.iter_mut().zip(&values).for_each(|(g, v)| g.step = float_step(encoding, *v).unwrap()),
                _ => levels(encoding, &bytes, &mut grid),
            }
            let worst =
                values.iter().zip(&got).zip(&grid).map(|((v, g), l)| (v - g).abs() / l.step).fold(0.0, f32::max);
            // (Q4_1 and Q5_1 keep scale and offset in f16, Q4_0 and Q5_0 clip one side: a little more.)
            let most = if matches!(encoding, Encoding::Q4_0 | Encoding::Q5_0) { 1.01 } else { 0.52 };
            assert!(worst <= most, "{encoding:?} {worst}");
            assert!(worst > 0.3 || encoding == Encoding::F32, "{encoding:?}: the step is too wide, {worst}");
        }
    }

    #[test]
    fn dithered_values_lie_on_their_levels_within_a_step() {
        let values = wave(1024);
        for encoding in Encoding::ALL.into_iter().filter(|e| e.block().0 > 1) {
            let mut bytes = Vec::new();
            encode_dithered(encoding, &values, 5, &mut bytes).unwrap();
            let (mut got, mut grid) = (vec![0.0; 1024], vec![Levels::default(); 1024]);
            decode(encoding, &bytes, &mut got);
            levels(encoding, &bytes, &mut grid);
            for (i, ((v, g), l)) in values.iter().zip(&got).zip(&grid).enumerate() {
                assert!((v - g).abs() < l.step * 1.001, "{encoding:?} {i}: {v} became {g}, step {}", l.step);
                assert!(*v >= l.low - 1e-5 && *v <= l.high + 1e-5, "{encoding:?} {i}: {v} is outside {l:?}");
                let code = (g - l.low) / l.step;
                assert!((code - code.round()).abs() < 1e-3, "{encoding:?} {i}: {g} is not on {l:?}");
            }
        }
    }

    #[test]
    fn scales_are_told_from_codes() {
        let values = wave(1024);
        for encoding in Encoding::ALL.into_iter().filter(|e| e.block().0 > 1) {
            let (mut base, mut moved, mut other) = (Vec::new(), Vec::new(), Vec::new());
            encode_dithered(encoding, &values, 5, &mut base).unwrap();
            let moves: Vec<f32> = values.iter().map(|v| 0.1 * v * v).collect();
            encode_on_grid(encoding, &base, &moves, 1.0, 6, &mut moved).unwrap();
            assert!(base != moved && same_scales(encoding, &base, &moved), "{encoding:?}");
            let larger: Vec<f32> = values.iter().map(|v| 1.01 * v).collect();
            encode_dithered(encoding, &larger, 5, &mut other).unwrap();
            assert!(!same_scales(encoding, &base, &other), "{encoding:?}");
        }
    }
}
