//! Codes out of quantised blocks, and back into them.

use crate::ops::Encoding;
use crate::ops::blocks::codes::{Codes, code_range, half_at, is_affine};
use crate::ops::blocks::kquant;

/// Where the legacy formats keep their parts: (offset of qh, offset of qs).
const fn parts(encoding: Encoding) -> (usize, usize) {
    match encoding {
        Encoding::Q4_1 => (4, 4),
        Encoding::Q5_0 => (2, 6),
        Encoding::Q5_1 => (4, 8),
        _ => (2, 2),
    }
}

/// Takes a quantised block apart.
pub(super) fn unpack(encoding: Encoding, block: &[u8], out: &mut Codes) {
    match encoding {
        Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => return kquant::unpack(encoding, block, out),
        Encoding::Q8_0 => {
            for (c, &b) in out.codes.iter_mut().zip(&block[2..34]) {
                *c = i16::from(b as i8);
            }
        }
        _ => {
            let (qh, qs) = parts(encoding);
            let high = match encoding {
                Encoding::Q5_0 | Encoding::Q5_1 => {
                    u32::from_le_bytes([block[qh], block[qh + 1], block[qh + 2], block[qh + 3]])
                }
                _ => 0,
            };
            let low = code_range(encoding).0;
            for (i, &b) in block[qs..qs + 16].iter().enumerate() {
                out.codes[i] = i16::from(b & 15) + ((high >> i & 1) << 4) as i16 + low;
                out.codes[i + 16] = i16::from(b >> 4) + ((high >> (i + 16) & 1) << 4) as i16 + low;
            }
        }
    }
    out.group = 32;
    out.grids[0].scale = half_at(block, 0);
    out.grids[0].offset = if is_affine(encoding) { half_at(block, 2) } else { 0.0 };
}

/// Writes codes into a block whose scales already stand there.
pub(super) fn put_codes(encoding: Encoding, codes: &[i16], block: &mut [u8]) {
    match encoding {
        Encoding::Q4K | Encoding::Q5K | Encoding::Q6K => kquant::put_codes(encoding, codes, block),
        Encoding::Q8_0 => {
            for (b, &c) in block[2..34].iter_mut().zip(codes) {
                *b = c as i8 as u8;
            }
        }
        _ => {
            let (qh, qs) = parts(encoding);
            let low = code_range(encoding).0;
            let mut high = 0u32;
            for i in 0..16 {
                let (a, b) = ((codes[i] - low) as u32, (codes[i + 16] - low) as u32);
                block[qs + i] = (a & 15 | (b & 15) << 4) as u8;
                high |= (a >> 4) << i | (b >> 4) << (i + 16);
            }
            if qs != qh {
                block[qh..qs].copy_from_slice(&high.to_le_bytes());
            }
        }
    }
}
