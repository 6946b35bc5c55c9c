//! Blocks of 32 and plain values on vectors of sixteen floats (AVX-512): codes become values by a look-up among the 16 or 32 that
//! a block's scale allows.

use std::arch::x86_64::*;

mod kquants;
mod sink;

pub(super) use kquants::{q4k, q5k, q6k};
use sink::{Sink, ramp, scales, spread};

/// Plain floats: `$load` makes 16 of them from a pointer to `$bytes` bytes each.
macro_rules! floats {
    ($name:ident, $bytes:literal, $load:expr) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        pub(super) unsafe fn $name<const STORE: bool>(
            row: *const u8,
            stride: usize,
            x: *const f32,
            out: *mut f32,
            cols: usize,
        ) {
            let mut sink = Sink::<STORE>::new(x, out);
            // SAFETY: `cols` values are there, a multiple of 32.
            unsafe {
                for i in 0..cols / 32 {
                    let (load, b) = ($load, row.add(i * stride));
                    sink.take(32 * i, load(b), load(b.add(16 * $bytes)));
                }
                sink.end();
            }
        }
    };
}
floats!(f32, 4, |b: *const u8| _mm512_loadu_ps(b.cast()));
floats!(f16, 2, |b: *const u8| _mm512_cvtph_ps(_mm256_loadu_si256(b.cast())));
floats!(bf16, 2, |b: *const u8| {
    _mm512_castsi512_ps(_mm512_slli_epi32::<16>(_mm512_cvtepu16_epi32(_mm256_loadu_si256(b.cast()))))
});

#[target_feature(enable = "avx512f,avx512bw,f16c")]
pub(super) unsafe fn q8_0<const STORE: bool>(row: *const u8, stride: usize, x: *const f32, out: *mut f32, cols: usize) {
    let mut sink = Sink::<STORE>::new(x, out);
    // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
    unsafe {
        for i in 0..cols / 32 {
            let b = row.add(i * stride);
            let (d, _) = scales(b);
            let codes = |at| _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(b.add(at).cast())));
            sink.take(i * 32, _mm512_mul_ps(d, codes(2)), _mm512_mul_ps(d, codes(18)));
        }
        sink.end();
    }
}

/// Four bits: a table of the block's 16 values.
macro_rules! four {
    ($name:ident, $qs:literal, $first:literal, $minimum:literal) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        pub(super) unsafe fn $name<const STORE: bool>(
            row: *const u8,
            stride: usize,
            x: *const f32,
            out: *mut f32,
            cols: usize,
        ) {
            let mut sink = Sink::<STORE>::new(x, out);
            let ramp = ramp($first);
            // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
            unsafe {
                for i in 0..cols / 32 {
                    let b = row.add(i * stride);
                    let (d, m) = scales(b);
                    // d·code is exact in f32, so the fused form rounds as decoding does.
                    let table = if $minimum { _mm512_fmadd_ps(d, ramp, m) } else { _mm512_mul_ps(d, ramp) };
                    let codes = spread(b.add($qs));
                    let look = |c| _mm512_permutexvar_ps(c, table);
                    sink.take(i * 32, look(codes), look(_mm512_srli_epi32::<4>(codes)));
                }
                sink.end();
            }
        }
    };
}
four!(q4_0, 2, -8.0, false);
four!(q4_1, 4, 0.0, true);

/// Five bits: a table of 32 values; the fifth bits lie together.
macro_rules! five {
    ($name:ident, $qh:literal, $first:literal, $minimum:literal) => {
        #[target_feature(enable = "avx512f,avx512bw,f16c")]
        pub(super) unsafe fn $name<const STORE: bool>(
            row: *const u8,
            stride: usize,
            x: *const f32,
            out: *mut f32,
            cols: usize,
        ) {
            let mut sink = Sink::<STORE>::new(x, out);
            let ramps = (ramp($first), ramp($first + 16.0));
            let (nibble, bit) = (_mm512_set1_epi32(15), _mm512_set1_epi32(16));
            // SAFETY: `cols / 32` whole blocks and 32 floats each are there.
            unsafe {
                for i in 0..cols / 32 {
                    let b = row.add(i * stride);
                    let (d, m) = scales(b);
                    // −0 leaves every product its sign.
                    let m = if $minimum { m } else { _mm512_set1_ps(-0.0) };
                    let tables = (_mm512_fmadd_ps(d, ramps.0, m), _mm512_fmadd_ps(d, ramps.1, m));
                    let (codes, high) = (spread(b.add($qh + 4)), b.add($qh).cast::<u32>().read_unaligned());
                    let low = _mm512_and_si512(codes, nibble);
                    let top = _mm512_srli_epi32::<4>(codes);
                    let low = _mm512_mask_or_epi32(low, high as u16, low, bit);
                    let top = _mm512_mask_or_epi32(top, (high >> 16) as u16, top, bit);
                    let look = |c| _mm512_permutex2var_ps(tables.0, c, tables.1);
                    sink.take(i * 32, look(low), look(top));
                }
                sink.end();
            }
        }
    };
}
five!(q5_0, 2, -16.0, false);
five!(q5_1, 4, 0.0, true);
