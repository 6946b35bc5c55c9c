//! Dot products of an encoded row with f32: decoding in registers (AVX-512).

use std::arch::x86_64::*;

use crate::ops::Encoding;

/// A dot product for one encoding.
#[derive(Clone, Copy)]
pub(super) struct Kernel(unsafe fn(&[u8], &[f32], &[f32]) -> f32);

/// Σ x over each block of 32: what an offset is multiplied with.
pub(super) fn block_sums(x: &[f32]) -> Vec<f32> {
    x.chunks(32).map(|b| b.iter().sum()).collect()
}

impl Kernel {
    /// The kernel for rows of `cols` values, where there is one that this CPU can run.
    pub fn find(encoding: Encoding, cols: usize) -> Option<Self> {
        let ready = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("f16c");
        if !ready || !cols.is_multiple_of(32) {
            return None;
        }
        Some(Self(match encoding {
            Encoding::F16 => dot_f16,
            Encoding::BF16 => dot_bf16,
            Encoding::Q8_0 => dot_q8_0,
            Encoding::Q4_0 => dot_q4_0,
            Encoding::Q4_1 => dot_q4_1,
            Encoding::Q5_0 => dot_q5_0,
            Encoding::Q5_1 => dot_q5_1,
            Encoding::Q4K => dot_q4k,
            Encoding::Q5K => dot_q5k,
            Encoding::Q6K => dot_q6k,
            Encoding::F32 => return None,
        }))
    }

    /// `sums` are [`block_sums`] of `x`.
    #[inline]
    pub fn dot(self, row: &[u8], x: &[f32], sums: &[f32]) -> f32 {
        assert!(sums.len() * 32 == x.len());
        // SAFETY: `find` detected the features.
        unsafe { (self.0)(row, x, sums) }
    }
}

fn half(b: &[u8]) -> f32 {
    half::f16::from_le_bytes([b[0], b[1]]).to_f32()
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,f16c")]
fn half_fast(b: &[u8]) -> f32 {
    _mm_cvtss_f32(_mm_cvtph_ps(_mm_cvtsi32_si128(i32::from(u16::from_le_bytes([b[0], b[1]])))))
}

/// 16 floats of `x` from `at`.
#[inline]
#[target_feature(enable = "avx512f")]
fn lanes(x: &[f32], at: usize) -> __m512 {
    let x = &x[at..at + 16];
    // SAFETY: 16 floats, by the slice.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn bytes16(b: &[u8], at: usize) -> __m128i {
    let b = &b[at..at + 16];
    // SAFETY: 16 bytes, by the slice.
    unsafe { _mm_loadu_si128(b.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn widen_u8(v: __m128i) -> __m512 {
    _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(v))
}

/// Low and high nibbles of 16 bytes.
#[inline]
#[target_feature(enable = "avx512f")]
fn nibbles(b: &[u8], at: usize) -> (__m128i, __m128i) {
    let (v, four) = (bytes16(b, at), _mm_set1_epi8(15));
    (_mm_and_si128(v, four), _mm_and_si128(_mm_srli_epi16::<4>(v), four))
}

/// Two registers of codes against 32 of x.
#[inline]
#[target_feature(enable = "avx512f")]
fn against(low: __m512, high: __m512, x: &[f32], at: usize) -> __m512 {
    _mm512_fmadd_ps(high, lanes(x, at + 16), _mm512_mul_ps(low, lanes(x, at)))
}

#[target_feature(enable = "avx512f,avx512bw,f16c")]
fn dot_f16(row: &[u8], x: &[f32], _: &[f32]) -> f32 {
    let mut acc = [_mm512_setzero_ps(); 2];
    for (i, b) in row.chunks_exact(64).enumerate() {
        for (h, acc) in acc.iter_mut().enumerate() {
            let half = &b[32 * h..32 * h + 32];
            // SAFETY: 32 bytes, by the slice.
            let w = _mm512_cvtph_ps(unsafe { _mm256_loadu_si256(half.as_ptr().cast()) });
            *acc = _mm512_fmadd_ps(w, lanes(x, 32 * i + 16 * h), *acc);
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(acc[0], acc[1]))
}

#[target_feature(enable = "avx512f,avx512bw,f16c")]
fn dot_bf16(row: &[u8], x: &[f32], _: &[f32]) -> f32 {
    let mut acc = [_mm512_setzero_ps(); 2];
    for (i, b) in row.chunks_exact(64).enumerate() {
        for (h, acc) in acc.iter_mut().enumerate() {
            let half = &b[32 * h..32 * h + 32];
            // SAFETY: 32 bytes, by the slice.
            let w = _mm512_cvtepu16_epi32(unsafe { _mm256_loadu_si256(half.as_ptr().cast()) });
            let w = _mm512_castsi512_ps(_mm512_slli_epi32::<16>(w));
            *acc = _mm512_fmadd_ps(w, lanes(x, 32 * i + 16 * h), *acc);
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(acc[0], acc[1]))
}

#[target_feature(enable = "avx512f,avx512bw,f16c")]
fn dot_q8_0(row: &[u8], x: &[f32], _: &[f32]) -> f32 {
    let mut acc = _mm512_setzero_ps();
    for (i, b) in row.chunks_exact(34).enumerate() {
        let low = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes16(b, 2)));
        let high = _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes16(b, 18)));
        acc = _mm512_fmadd_ps(_mm512_set1_ps(half_fast(b)), against(low, high, x, 32 * i), acc);
    }
    _mm512_reduce_add_ps(acc)
}

/// d·Σ q·x + m·Σ x per block, for four and five bits; `m` is −8d or −16d where the format has none.
macro_rules! legacy {
    ($name:ident, $size:literal, $qs:literal, $high:expr, $offset:expr) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        fn $name(row: &[u8], x: &[f32], sums: &[f32]) -> f32 {
            let (mut acc, mut offsets) = (_mm512_setzero_ps(), 0.0f32);
            for (i, (b, s)) in row.chunks_exact($size).zip(sums).enumerate() {
                let d = half_fast(b);
                let (low, high) = nibbles(b, $qs);
                let (low, high) = (_mm512_cvtepu8_epi32(low), _mm512_cvtepu8_epi32(high));
                let fifth: Option<usize> = $high;
                let (low, high) = if let Some(at) = fifth {
                    let bits = u32::from_le_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
                    let set = _mm512_set1_epi32(16);
                    (
                        _mm512_mask_add_epi32(low, bits as u16, low, set),
                        _mm512_mask_add_epi32(high, (bits >> 16) as u16, high, set),
                    )
                } else {
                    (low, high)
                };
                let v = against(_mm512_cvtepi32_ps(low), _mm512_cvtepi32_ps(high), x, 32 * i);
                acc = _mm512_fmadd_ps(_mm512_set1_ps(d), v, acc);
                let offset: fn(f32) -> Option<f32> = $offset;
                offsets += offset(d).unwrap_or_else(|| half_fast(&b[2..])) * s;
            }
            _mm512_reduce_add_ps(acc) + offsets
        }
    };
}
legacy!(dot_q4_0, 18, 2, None, |d| Some(-8.0 * d));
legacy!(dot_q4_1, 20, 4, None, |_| None);
legacy!(dot_q5_0, 22, 6, Some(2), |d| Some(-16.0 * d));
legacy!(dot_q5_1, 24, 8, Some(4), |_| None);

/// The 8 scales and 8 minima of a Q4_K or Q5_K block.
fn scale_mins(p: &[u8]) -> ([u8; 8], [u8; 8]) {
    let (mut s, mut m) = ([0; 8], [0; 8]);
    for j in 0..4 {
        (s[j], m[j]) = (p[j] & 63, p[j + 4] & 63);
        (s[j + 4], m[j + 4]) = (p[j + 8] & 15 | p[j] >> 6 << 4, p[j + 8] >> 4 | p[j + 4] >> 6 << 4);
    }
    (s, m)
}

macro_rules! k_quant {
    ($name:ident, $size:literal, $qs:literal, $five:literal) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        fn $name(row: &[u8], x: &[f32], sums: &[f32]) -> f32 {
            let (mut acc, mut offsets) = (_mm512_setzero_ps(), 0.0f32);
            for (i, b) in row.chunks_exact($size).enumerate() {
                let (d, dmin) = (half(b), half(&b[2..]));
                let (scales, mins) = scale_mins(&b[4..16]);
                for j in 0..8 {
                    let at = $qs + j / 2 * 32;
                    let (a, c) = if j % 2 == 0 {
                        (nibbles(b, at).0, nibbles(b, at + 16).0)
                    } else {
                        (nibbles(b, at).1, nibbles(b, at + 16).1)
                    };
                    let (a, c) = if $five {
                        let bit = _mm_set1_epi8((1u8 << j) as i8);
                        let high = |at| {
                            let set = _mm_cmpeq_epi8(_mm_and_si128(bytes16(b, at), bit), bit);
                            _mm_and_si128(set, _mm_set1_epi8(16))
                        };
                        (_mm_or_si128(a, high(16)), _mm_or_si128(c, high(32)))
                    } else {
                        (a, c)
                    };
                    let v = against(widen_u8(a), widen_u8(c), x, 256 * i + 32 * j);
                    acc = _mm512_fmadd_ps(_mm512_set1_ps(d * f32::from(scales[j])), v, acc);
                    offsets -= dmin * f32::from(mins[j]) * sums[8 * i + j];
                }
            }
            _mm512_reduce_add_ps(acc) + offsets
        }
    };
}
k_quant!(dot_q4k, 144, 16, false);
k_quant!(dot_q5k, 176, 48, true);

#[target_feature(enable = "avx512f,avx512bw,f16c")]
fn dot_q6k(row: &[u8], x: &[f32], _: &[f32]) -> f32 {
    let mut acc = _mm512_setzero_ps();
    let (two, middle) = (_mm_set1_epi8(3), _mm512_set1_epi32(32));
    for (i, b) in row.chunks_exact(210).enumerate() {
        let d = half(&b[208..]);
        // 16 groups of 16: group g is half g/8, row g/2 % 4, lanes 16·(g%2).
        for g in 0..16 {
            let (h, r, l) = (g / 8, g / 2 % 4, 16 * (g % 2));
            let (low, high) = nibbles(b, 64 * h + 32 * (r % 2) + l);
            let q = if r / 2 == 0 { low } else { high };
            let bits = _mm_srl_epi16(bytes16(b, 128 + 32 * h + l), _mm_cvtsi32_si128(2 * r as i32));
            let q = _mm_or_si128(q, _mm_slli_epi16::<4>(_mm_and_si128(bits, two)));
            let q = _mm512_cvtepi32_ps(_mm512_sub_epi32(_mm512_cvtepu8_epi32(q), middle));
            let scale = d * f32::from(b[192 + g] as i8);
            acc = _mm512_fmadd_ps(_mm512_set1_ps(scale), _mm512_mul_ps(q, lanes(x, 256 * i + 16 * g)), acc);
        }
    }
    _mm512_reduce_add_ps(acc)
}
