//! Dot products on vectors of eight floats (AVX2), bit for bit those of vectors of sixteen.

use std::arch::x86_64::*;

use super::tiles::{GROUP, Lanes, TileKernel};
use crate::ops::cpu::simd::Vectors;

/// Vectors of eight.
pub(super) struct Avx2;

impl TileKernel for Avx2 {
    const VECTORS: Vectors = Vectors::Avx2;

    unsafe fn products<const W: usize, const R: usize>(
        w: [*const f32; W],
        x: [*const f32; R],
        cols: usize,
        lanes: &mut Lanes,
    ) {
        // As many rows of W at a time as leave their sums in registers.
        // SAFETY: by the caller.
        unsafe {
            match R {
                1 => products::<8, W, R>(w, x, cols, lanes),
                2 => products::<4, W, R>(w, x, cols, lanes),
                _ => products::<2, W, R>(w, x, cols, lanes),
            }
        }
    }

    unsafe fn reduce(lanes: &Lanes) -> [f32; GROUP] {
        // SAFETY: by the caller.
        unsafe { reduce(lanes) }
    }
}

/// See [`TileKernel::products`]; `N` rows of W at a time, which divides `W`.
///
/// # Safety
/// Each pointer has `cols` floats behind it.
#[target_feature(enable = "avx2,fma")]
unsafe fn products<const N: usize, const W: usize, const R: usize>(
    w: [*const f32; W],
    x: [*const f32; R],
    cols: usize,
    lanes: &mut Lanes,
) {
    for first in (0..W).step_by(N) {
        let w: [*const f32; N] = std::array::from_fn(|i| w[first + i]);
        for half in [0, 8] {
            // SAFETY: by the caller.
            let (low, high) = unsafe { (chains(w, x, half, cols), chains(w, x, 16 + half, cols)) };
            for r in 0..R {
                for i in 0..N {
                    let sum = _mm256_add_ps(low[r][i], high[r][i]);
                    // SAFETY: eight floats.
                    unsafe { _mm256_storeu_ps(lanes.0[r * W + first + i][half..half + 8].as_mut_ptr(), sum) };
                }
            }
        }
    }
}

/// The sums over eight of 32 columns, those from `from` on, of each pair of rows.
///
/// # Safety
/// Each pointer has `cols` floats behind it.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn chains<const N: usize, const R: usize>(
    w: [*const f32; N],
    x: [*const f32; R],
    from: usize,
    cols: usize,
) -> [[__m256; N]; R] {
    let mut acc = [[_mm256_setzero_ps(); N]; R];
    let mut at = from;
    // SAFETY: whole registers within `cols`, then the rest under a mask.
    unsafe {
        while at + 8 <= cols {
            let mut rows = [_mm256_setzero_ps(); N];
            for i in 0..N {
                rows[i] = _mm256_loadu_ps(w[i].add(at));
            }
            for r in 0..R {
                let x = _mm256_loadu_ps(x[r].add(at));
                for i in 0..N {
                    acc[r][i] = _mm256_fmadd_ps(rows[i], x, acc[r][i]);
                }
            }
            at += 32;
        }
        if at < cols {
            let order = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
            let mask = _mm256_cmpgt_epi32(_mm256_set1_epi32((cols - at) as i32), order);
            for r in 0..R {
                let x = _mm256_maskload_ps(x[r].add(at), mask);
                for i in 0..N {
                    acc[r][i] = _mm256_fmadd_ps(_mm256_maskload_ps(w[i].add(at), mask), x, acc[r][i]);
                }
            }
        }
    }
    acc
}

/// The sum of each 16 as a tree: lanes 8 apart, then 4, 2, 1.
#[target_feature(enable = "avx2")]
fn reduce(lanes: &Lanes) -> [f32; GROUP] {
    // SAFETY: eight floats each.
    let eight = |i: usize, half: usize| unsafe { _mm256_load_ps(lanes.0[i][half..half + 8].as_ptr()) };
    // Each step adds two registers' halves (quarters, …) and keeps both results in one.
    let whole = |i| _mm256_add_ps(eight(i, 0), eight(i, 8));
    let halves = |a, b| _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b));
    let quarters = |a, b| _mm256_add_ps(_mm256_shuffle_ps::<0x44>(a, b), _mm256_shuffle_ps::<0xee>(a, b));
    let ones = |a, b| _mm256_add_ps(_mm256_shuffle_ps::<0x88>(a, b), _mm256_shuffle_ps::<0xdd>(a, b));
    let mut out = [0.0; GROUP];
    for (first, out) in (0..GROUP).step_by(8).zip(out.chunks_exact_mut(8)) {
        // Row i in the lower half, row i + 4 in the upper one.
        let four = |i| halves(whole(first + i), whole(first + i + 4));
        let sums = ones(quarters(four(0), four(1)), quarters(four(2), four(3)));
        // SAFETY: eight floats.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr(), sums) };
    }
    out
}
