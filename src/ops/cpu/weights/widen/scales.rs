//! The scales of super-blocks, for readers on vectors of any width.

use std::arch::x86_64::*;

#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(super) unsafe fn half(b: *const u8) -> f32 {
    // SAFETY: two bytes are there, by the callers' contract.
    let bits = unsafe { b.cast::<u16>().read_unaligned() };
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(bits))))
}

/// Of the 8 parts of a Q4_K or Q5_K block what codes are multiplied with, and what is added: 6 bits each, spread over 12
/// bytes.
#[inline]
#[target_feature(enable = "avx2,f16c")]
pub(in crate::ops::cpu) unsafe fn scale_mins(b: *const u8) -> (__m256, __m256) {
    // SAFETY: d, dmin and 12 bytes are there, by the callers' contract.
    let (d, dmin, w) = unsafe {
        let word = |i: usize| b.add(4 + 4 * i).cast::<u32>().read_unaligned();
        (half(b), half(b.add(2)), [word(0), word(1), word(2)])
    };
    let (six, two, four) = (0x3f3f_3f3f, 0x0303_0303, 0x0f0f_0f0f);
    let scale = [w[0] & six, (w[2] & four) | ((w[0] >> 6) & two) << 4];
    let min = [w[1] & six, ((w[2] >> 4) & four) | ((w[1] >> 6) & two) << 4];
    let times = |v: [u32; 2], by: f32| {
        let bytes = _mm_set_epi32(0, 0, v[1] as i32, v[0] as i32);
        _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes)), _mm256_set1_ps(by))
    };
    (times(scale, d), times(min, -dmin))
}

#[inline]
#[target_feature(enable = "avx2")]
pub(in crate::ops::cpu) fn lanes(v: __m256) -> [f32; 8] {
    let mut out = [0.0; 8];
    // SAFETY: eight floats.
    unsafe { _mm256_storeu_ps(out.as_mut_ptr(), v) };
    out
}
