//! Values that are no numbers, found without decoding: a block's values are numbers when its scales are, and where a scale
//! is none, neither is its first value.

use crate::ops::Encoding;

/// The index of the first value that is NaN or infinite.
pub fn first_not_finite(encoding: Encoding, bytes: &[u8]) -> Option<usize> {
    let half = |at: usize| move |b: &[u8]| exponent_full(u16::from_le_bytes([b[at], b[at + 1]]), 0x7c00);
    match encoding {
        Encoding::F32 => first(bytes, 4, 1, |b| b[3] & 0x7f == 0x7f && b[2] & 0x80 != 0),
        Encoding::F16 => first(bytes, 2, 1, half(0)),
        Encoding::BF16 => first(bytes, 2, 1, |b| exponent_full(u16::from_le_bytes([b[0], b[1]]), 0x7f80)),
        _ => {
            let (values, size) = encoding.block();
            let (one, other) = match encoding {
                Encoding::Q4_1 | Encoding::Q5_1 | Encoding::Q4K | Encoding::Q5K => (0, 2),
                Encoding::Q6K => (208, 208),
                _ => (0, 0),
            };
            first(bytes, size, values, |b| half(one)(b) || half(other)(b))
        }
    }
}

fn exponent_full(bits: u16, exponent: u16) -> bool {
    bits & exponent == exponent
}

/// The first of pieces of `size` bytes, `values` in each, that is bad.
#[inline]
fn first(bytes: &[u8], size: usize, values: usize, bad: impl Fn(&[u8]) -> bool) -> Option<usize> {
    // Many at once without a branch, which the compiler makes vectors of; the place only where there is one.
    const MANY: usize = 4096;
    let (at, many) = bytes
        .chunks(MANY * size)
        .enumerate()
        .find(|(_, many)| many.chunks_exact(size).fold(false, |any, one| any | bad(one)))?;
    Some((at * MANY + many.chunks_exact(size).position(bad)?) * values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::decode;
    use crate::ops::random::bits_at;

    #[test]
    fn says_what_decoding_says() {
        for (e, encoding) in Encoding::ALL.into_iter().enumerate() {
            let (values, size) = encoding.block();
            for case in 0..if cfg!(miri) { 4 } else { 400 } {
                let n = 1 + bits_at(1, case) as usize % 9;
                // Half of the bits set: full exponents are common.
                let mut bytes: Vec<u8> = (0..(n * size) as u64)
                    .map(|i| (bits_at(case + 1000 * e as u64, i) | bits_at(7 + case, i)) as u8)
                    .collect();
                if case % 3 == 0 {
                    bytes.iter_mut().for_each(|b| *b &= 0x3b);
                }
                let mut decoded = vec![0.0; n * values];
                decode(encoding, &bytes, &mut decoded);
                let expected = decoded.iter().position(|v| !v.is_finite());
                assert_eq!(first_not_finite(encoding, &bytes), expected, "{encoding:?} {case}");
            }
        }
    }
}
