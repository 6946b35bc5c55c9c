//! Q4_K, Q5_K and Q6_K: super-blocks of 256.

use std::arch::x86_64::*;

use super::sink::{Sink, ramp, spread};
use crate::ops::cpu::weights::widen::scales::{half, lanes, scale_mins};

#[target_feature(enable = "avx512f,avx512bw,f16c")]
pub(in crate::ops::cpu::weights::widen) unsafe fn q4k<const STORE: bool>(
    row: *const u8,
    stride: usize,
    x: *const f32,
    out: *mut f32,
    cols: usize,
) {
    let (mut sink, ramp) = (Sink::<STORE>::new(x, out), ramp(0.0));
    // SAFETY: whole blocks and 256 floats each are there.
    unsafe {
        for i in 0..cols / 256 {
            let b = row.add(i * stride);
            let (scale, offset) = scale_mins(b);
            let (scale, offset) = (lanes(scale), lanes(offset));
            for pair in 0..4 {
                let (first, second) = (spread(b.add(16 + 32 * pair)), spread(b.add(32 + 32 * pair)));
                let table = |j: usize| {
                    // scale·code needs up to 21 bits: exact.
                    _mm512_fmadd_ps(_mm512_set1_ps(scale[j]), ramp, _mm512_set1_ps(offset[j]))
                };
                let at = i * 256 + 64 * pair;
                let t = table(2 * pair);
                sink.take(at, _mm512_permutexvar_ps(first, t), _mm512_permutexvar_ps(second, t));
                let t = table(2 * pair + 1);
                let high = |c| _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(c), t);
                sink.take(at + 32, high(first), high(second));
            }
        }
        sink.end();
    }
}

#[target_feature(enable = "avx512f,avx512bw,f16c")]
pub(in crate::ops::cpu::weights::widen) unsafe fn q5k<const STORE: bool>(
    row: *const u8,
    stride: usize,
    x: *const f32,
    out: *mut f32,
    cols: usize,
) {
    let (mut sink, ramps) = (Sink::<STORE>::new(x, out), (ramp(0.0), ramp(16.0)));
    let (nibble, bit) = (_mm512_set1_epi32(15), _mm512_set1_epi32(16));
    // SAFETY: whole blocks and 256 floats each are there.
    unsafe {
        for i in 0..cols / 256 {
            let b = row.add(i * stride);
            let (scale, offset) = scale_mins(b);
            let (scale, offset) = (lanes(scale), lanes(offset));
            let high = [spread(b.add(16)), spread(b.add(32))];
            for j in 0..8usize {
                let (s, o) = (_mm512_set1_ps(scale[j]), _mm512_set1_ps(offset[j]));
                let tables = (_mm512_fmadd_ps(s, ramps.0, o), _mm512_fmadd_ps(s, ramps.1, o));
                let shift = _mm_cvtsi32_si128(4 * (j % 2) as i32);
                let fifth = _mm512_set1_epi32(1 << j);
                let look = |half: usize| {
                    let codes = spread(b.add(48 + 32 * (j / 2) + 16 * half));
                    let codes = _mm512_and_si512(_mm512_srl_epi32(codes, shift), nibble);
                    let codes = _mm512_mask_or_epi32(codes, _mm512_test_epi32_mask(high[half], fifth), codes, bit);
                    _mm512_permutex2var_ps(tables.0, codes, tables.1)
                };
                sink.take(i * 256 + 32 * j, look(0), look(1));
            }
        }
        sink.end();
    }
}

#[target_feature(enable = "avx512f,avx512bw,f16c")]
pub(in crate::ops::cpu::weights::widen) unsafe fn q6k<const STORE: bool>(
    row: *const u8,
    stride: usize,
    x: *const f32,
    out: *mut f32,
    cols: usize,
) {
    let mut sink = Sink::<STORE>::new(x, out);
    let (nibble, high) = (_mm512_set1_epi8(15), _mm512_set1_epi8(0x30));
    // What brings each row's two high bits to bits 4 and 5 of a 16-bit lane: rows 0 and 1, then 2 and 3.
    let shifts = |a, b| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(_mm256_set1_epi16(a)), _mm256_set1_epi16(b));
    let (up, down) = (shifts(4, 2), shifts(0, 2));
    // SAFETY: whole blocks and 256 floats each are there.
    unsafe {
        for i in 0..cols / 256 {
            let b = row.add(i * stride);
            let d = _mm512_set1_ps(half(b.add(208)));
            let scales = _mm512_mul_ps(d, _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(b.add(192).cast()))));
            let mut scale = [0.0f32; 16];
            _mm512_storeu_ps(scale.as_mut_ptr(), scales);
            // Half h: four rows of 32 values; row r has nibble r/2 of ql[64h + 32(r%2)..], bits 2r of qh[32h..].
            for h in 0..2 {
                let low = _mm512_loadu_si512(b.add(64 * h).cast());
                let two = _mm512_broadcast_i64x4(_mm256_loadu_si256(b.add(128 + 32 * h).cast()));
                let codes = |low, high_bits| {
                    let code = _mm512_or_si512(_mm512_and_si512(low, nibble), _mm512_and_si512(high_bits, high));
                    _mm512_sub_epi8(code, _mm512_set1_epi8(32))
                };
                let rows = [
                    codes(low, _mm512_sllv_epi16(two, up)),
                    codes(_mm512_srli_epi16::<4>(low), _mm512_srlv_epi16(two, down)),
                ];
                for (r, rows) in rows.into_iter().enumerate() {
                    let (s, at) = (8 * h + 4 * r, 256 * i + 128 * h + 64 * r);
                    let value = |k: usize, code| {
                        _mm512_mul_ps(_mm512_set1_ps(scale[s + k]), _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(code)))
                    };
                    sink.take(
                        at,
                        value(0, _mm512_castsi512_si128(rows)),
                        value(1, _mm512_extracti32x4_epi32::<1>(rows)),
                    );
                    sink.take(
                        at + 32,
                        value(2, _mm512_extracti32x4_epi32::<2>(rows)),
                        value(3, _mm512_extracti32x4_epi32::<3>(rows)),
                    );
                }
            }
        }
        sink.end();
    }
}
