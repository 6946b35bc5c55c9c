//! What several kernels use: masks of lanes, transposes, reading ahead.

use std::arch::x86_64::*;

/// Asks for bytes that are read later, wherever they are: rows lie too far apart for the CPU to see them coming.
#[inline]
pub(in crate::ops::cpu) fn prefetch(from: *const u8, bytes: usize) {
    for at in (0..bytes).step_by(64) {
        // SAFETY: a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.wrapping_add(at).cast()) };
    }
}

/// The first `lanes` of 16.
pub(in crate::ops::cpu) const fn mask(lanes: usize) -> u16 {
    if lanes >= 16 { u16::MAX } else { (1 << lanes) - 1 }
}

/// A 16 × 16 transpose.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) fn transpose(r: &mut [__m512; 16]) {
    let mut t = [_mm512_setzero_ps(); 16];
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..4 {
        for h in 0..2 {
            let (a, b) = (t[4 * i + h], t[4 * i + 2 + h]);
            r[4 * i + 2 * h] = _mm512_shuffle_ps::<0x44>(a, b);
            r[4 * i + 2 * h + 1] = _mm512_shuffle_ps::<0xee>(a, b);
        }
    }
    // Now lane group g of r[4i + c] holds column 4g + c of rows 4i..4i+4: gather the groups.
    for c in 0..4 {
        let low = _mm512_shuffle_f32x4::<0x88>(r[c], r[4 + c]);
        let high = _mm512_shuffle_f32x4::<0xdd>(r[c], r[4 + c]);
        let low2 = _mm512_shuffle_f32x4::<0x88>(r[8 + c], r[12 + c]);
        let high2 = _mm512_shuffle_f32x4::<0xdd>(r[8 + c], r[12 + c]);
        t[c] = _mm512_shuffle_f32x4::<0x88>(low, low2);
        t[4 + c] = _mm512_shuffle_f32x4::<0x88>(high, high2);
        t[8 + c] = _mm512_shuffle_f32x4::<0xdd>(low, low2);
        t[12 + c] = _mm512_shuffle_f32x4::<0xdd>(high, high2);
    }
    *r = t;
}
