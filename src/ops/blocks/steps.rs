//! How fine the grid is on which an encoded value lies: what a rounding error is measured against.

use super::codes::{Codes, unpack};
use super::decode;
use crate::ops::Encoding;

/// For each encoded value the distance to its neighbours on the grid: the scale of its group, or the unit in the last
/// place of a float. Zero where a block has no scale.
///
/// # Panics
/// As [`decode`].
pub fn steps(encoding: Encoding, bytes: &[u8], out: &mut [f32]) {
    let bits = match encoding {
        Encoding::F32 => (23, -126),
        Encoding::F16 => (10, -14),
        Encoding::BF16 => (7, -126),
        _ => return scales(encoding, bytes, out),
    };
    decode(encoding, bytes, out);
    out.iter_mut().for_each(|v| *v = ulp(*v, bits));
}

/// `(mantissa, least)`: stored bits of the mantissa and the least exponent of a normal number.
fn ulp(v: f32, (mantissa, least): (i32, i32)) -> f32 {
    let exponent = ((v.to_bits() >> 23 & 0xff) as i32 - 127).max(least);
    // A product of two powers, because the unit of a small f32 is itself subnormal.
    power_of_two(exponent) * power_of_two(-mantissa)
}

/// 2^exponent for −126 ..= 127.
fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits(((exponent + 127) as u32) << 23)
}

fn scales(encoding: Encoding, bytes: &[u8], out: &mut [f32]) {
    let (elements, size) = encoding.block();
    let mut codes = Codes::new();
    for (out, block) in out.chunks_exact_mut(elements).zip(bytes.chunks_exact(size)) {
        unpack(encoding, block, &mut codes);
        for (out, grid) in out.chunks_exact_mut(codes.group).zip(&codes.grids) {
            out.fill(grid.scale.abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::encode_nearest;

    #[test]
    fn a_rounded_value_is_within_half_a_step() {
        let values: Vec<f32> = (0..512).map(|i| ((i * i) as f32 * 0.013).sin() * 1.7).collect();
        for encoding in [Encoding::F32, Encoding::F16, Encoding::BF16, Encoding::Q8_0, Encoding::Q5_1, Encoding::Q4_1] {
            let mut bytes = Vec::new();
            encode_nearest(encoding, &values, &mut bytes).unwrap();
            let (mut got, mut step) = (vec![0.0; 512], vec![0.0; 512]);
            decode(encoding, &bytes, &mut got);
            steps(encoding, &bytes, &mut step);
            let worst = values.iter().zip(&got).zip(&step).map(|((v, g), s)| (v - g).abs() / s).fold(0.0, f32::max);
            // (Q4_1 and Q5_1 keep scale and offset in f16, so a little more.)
            assert!(worst <= 0.52, "{encoding:?} {worst}");
            assert!(worst > 0.3 || encoding == Encoding::F32, "{encoding:?}: the step is too wide, {worst}");
        }
    }
}
