//! Dot products on vectors of sixteen floats (AVX-512).

use std::arch::x86_64::*;

use super::tiles::{GROUP, Lanes, TileKernel};
use crate::ops::cpu::simd::Vectors;

/// Vectors of sixteen.
pub(super) struct Avx512;

impl TileKernel for Avx512 {
    const VECTORS: Vectors = Vectors::Avx512;

    unsafe fn products<const W: usize, const R: usize>(
        w: [*const f32; W],
        x: [*const f32; R],
        cols: usize,
        lanes: &mut Lanes,
    ) {
        // SAFETY: by the caller.
        unsafe { products(w, x, cols, lanes) }
    }

    unsafe fn reduce(lanes: &Lanes) -> [f32; GROUP] {
        // SAFETY: by the caller.
        unsafe { reduce(lanes) }
    }
}

/// See [`TileKernel::products`].
///
/// # Safety
/// Each pointer has `cols` floats behind it.
#[target_feature(enable = "avx512f")]
unsafe fn products<const W: usize, const R: usize>(
    w: [*const f32; W],
    x: [*const f32; R],
    cols: usize,
    lanes: &mut Lanes,
) {
    // SAFETY: by the caller.
    let (low, high) = unsafe { (chains(w, x, 0, cols), chains(w, x, 16, cols)) };
    for r in 0..R {
        for i in 0..W {
            let sum = _mm512_add_ps(low[r][i], high[r][i]);
            // SAFETY: 16 floats.
            unsafe { _mm512_storeu_ps(lanes.0[r * W + i].as_mut_ptr(), sum) };
        }
    }
}

/// The sums over every other 16 columns from `from`, of each pair of rows.
///
/// # Safety
/// Each pointer has `cols` floats behind it.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn chains<const W: usize, const R: usize>(
    w: [*const f32; W],
    x: [*const f32; R],
    from: usize,
    cols: usize,
) -> [[__m512; W]; R] {
    let mut acc = [[_mm512_setzero_ps(); W]; R];
    let mut at = from;
    // SAFETY: whole registers within `cols`, then the rest under a mask.
    unsafe {
        while at + 16 <= cols {
            let mut rows = [_mm512_setzero_ps(); W];
            for i in 0..W {
                rows[i] = _mm512_loadu_ps(w[i].add(at));
            }
            for r in 0..R {
                let x = _mm512_loadu_ps(x[r].add(at));
                for i in 0..W {
                    acc[r][i] = _mm512_fmadd_ps(rows[i], x, acc[r][i]);
                }
            }
            at += 32;
        }
        if at < cols {
            let mask = (1u16 << (cols - at)) - 1;
            for r in 0..R {
                let x = _mm512_maskz_loadu_ps(mask, x[r].add(at));
                for i in 0..W {
                    acc[r][i] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, w[i].add(at)), x, acc[r][i]);
                }
            }
        }
    }
    acc
}

/// The sum of each 16 as a tree: lanes 8 apart, then 4, 2, 1.
#[target_feature(enable = "avx512f")]
fn reduce(lanes: &Lanes) -> [f32; GROUP] {
    // SAFETY: 16 floats each.
    let v = |i: usize| unsafe { _mm512_load_ps(lanes.0[i].as_ptr()) };
    // Each step adds two registers' halves (quarters, …) and keeps both results in one.
    let halves = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b));
    let quarters = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
    let pairs = |a, b| _mm512_add_ps(_mm512_shuffle_ps::<0x44>(a, b), _mm512_shuffle_ps::<0xee>(a, b));
    let ones = |a, b| _mm512_add_ps(_mm512_shuffle_ps::<0x88>(a, b), _mm512_shuffle_ps::<0xdd>(a, b));
    let four = |i| quarters(halves(v(i), v(i + 8)), halves(v(i + 4), v(i + 12)));
    let sums = ones(pairs(four(0), four(2)), pairs(four(1), four(3)));
    let order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
    let mut out = [0.0; GROUP];
    // SAFETY: 16 floats.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), _mm512_permutexvar_ps(order, sums)) };
    out
}
