//! Q4_K, Q5_K, Q6_K: super-blocks of 256 whose group scales are integers themselves.

use crate::ops::Encoding;
use crate::ops::blocks::codes::{Codes, Grid, half_at};

/// The 6-bit scale and minimum of group `j` out of the 12 packed bytes (`get_scale_min_k4`).
fn scale_min(packed: &[u8], j: usize) -> (u8, u8) {
    if j < 4 {
        (packed[j] & 63, packed[j + 4] & 63)
    } else {
        (packed[j + 4] & 15 | (packed[j - 4] >> 6) << 4, packed[j + 4] >> 4 | (packed[j] >> 6) << 4)
    }
}

pub(super) fn put_scale_min(packed: &mut [u8], j: usize, scale: u8, min: u8) {
    if j < 4 {
        packed[j] = packed[j] & 0xc0 | scale;
        packed[j + 4] = packed[j + 4] & 0xc0 | min;
    } else {
        packed[j + 4] = scale & 15 | (min & 15) << 4;
        packed[j - 4] = packed[j - 4] & 63 | (scale >> 4) << 6;
        packed[j] = packed[j] & 63 | (min >> 4) << 6;
    }
}

pub(super) fn unpack(encoding: Encoding, block: &[u8], out: &mut Codes) {
    if encoding == Encoding::Q6K {
        return unpack_q6(block, out);
    }
    let (d, dmin) = (half_at(block, 0), half_at(block, 2));
    for j in 0..8 {
        let (scale, min) = scale_min(&block[4..16], j);
        out.grids[j] = Grid { scale: d * f32::from(scale), offset: -(dmin * f32::from(min)) };
    }
    let (high, qs) =
        if encoding == Encoding::Q5K { (Some(&block[16..48]), &block[48..176]) } else { (None, &block[16..144]) };
    for j in 0..8 {
        for l in 0..32 {
            let low = qs[j / 2 * 32 + l] >> (4 * (j % 2)) & 15;
            let bit = high.map_or(0, |h| h[l] >> j & 1);
            out.codes[32 * j + l] = i16::from(low | bit << 4);
        }
    }
    out.group = 32;
}

fn unpack_q6(block: &[u8], out: &mut Codes) {
    let d = half_at(block, 208);
    for j in 0..16 {
        out.grids[j] = Grid { scale: d * f32::from(block[192 + j] as i8), offset: 0.0 };
    }
    // Each half of 128: four rows of 32; row r takes nibble r/2 of ql[32·(r%2)..] and bits 2r of qh.
    for half in 0..2 {
        let (ql, qh) = (&block[64 * half..64 * half + 64], &block[128 + 32 * half..160 + 32 * half]);
        for r in 0..4 {
            for l in 0..32 {
                let low = ql[32 * (r % 2) + l] >> (4 * (r / 2)) & 15;
                let high = qh[l] >> (2 * r) & 3;
                out.codes[128 * half + 32 * r + l] = i16::from(low | high << 4) - 32;
            }
        }
    }
    out.group = 16;
}

pub(super) fn put_codes(encoding: Encoding, codes: &[i16], block: &mut [u8]) {
    match encoding {
        Encoding::Q6K => {
            block[..192].fill(0);
            for (i, &c) in codes.iter().enumerate().take(256) {
                let (half, r, l) = (i / 128, i / 32 % 4, i % 32);
                let q = (c + 32) as u8;
                block[64 * half + 32 * (r % 2) + l] |= (q & 15) << (4 * (r / 2));
                block[128 + 32 * half + l] |= (q >> 4) << (2 * r);
            }
        }
        _ => {
            let qs = if encoding == Encoding::Q5K { 48 } else { 16 };
            block[16..qs + 128].fill(0);
            for (i, &c) in codes.iter().enumerate().take(256) {
                let (j, l) = (i / 32, i % 32);
                let q = c as u8;
                block[qs + j / 2 * 32 + l] |= (q & 15) << (4 * (j % 2));
                if encoding == Encoding::Q5K {
                    block[16 + l] |= (q >> 4) << j;
                }
            }
        }
    }
}
