//! Our AVX-512 kernel: tiles of 12 × 32 of packed operands, and what packs them.

use std::arch::x86_64::*;

use crate::ops::cpu::kernels::tile::{MR, NR, Rows, Sums, Tile, half12, rows4, rows8, rows12};
use crate::ops::cpu::kernels::x86::{mask, transpose};

/// `width` lanes at `lane` stride, `k` steps at `step` stride → `[k][W]`, zero-filled lanes.
///
/// # Safety
/// AVX-512F; the lanes and steps are there; `out` holds `k * W` floats.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn pack_rows<const W: usize>(
    src: *const f32,
    lane: usize,
    step: usize,
    width: usize,
    k: usize,
    out: &mut [f32],
) {
    // SAFETY: by contract.
    unsafe {
        for j in 0..k {
            let (from, to) = (src.add(j * step), out.as_mut_ptr().add(j * W));
            if lane == 1 {
                let mut l = 0;
                while l < W {
                    let part = (W - l).min(16);
                    let have = width.saturating_sub(l).min(part);
                    let v = _mm512_maskz_loadu_ps(mask(have), from.add(l));
                    _mm512_mask_storeu_ps(to.add(l), mask(part), v);
                    l += 16;
                }
            } else {
                for l in 0..W {
                    *to.add(l) = if l < width { *from.add(l * lane) } else { 0.0 };
                }
            }
        }
    }
}

/// `rows ≤ W` rows of `k` contiguous floats, `stride` apart → `[k][W]`, zero-filled: transposes of 16 × 16 in registers.
///
/// # Safety
/// AVX-512F; the rows are there; `out` holds `k * W` floats.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn pack_transposed<const W: usize>(
    src: *const f32,
    stride: usize,
    rows: usize,
    k: usize,
    out: &mut [f32],
) {
    // SAFETY: by contract; masked loads and stores keep within rows, k and W.
    unsafe {
        let mut l = 0;
        while l < W {
            let part = (W - l).min(16);
            let have = rows.saturating_sub(l).min(part);
            let (src, out) = (src.wrapping_add(l * stride), out.as_mut_ptr().add(l));
            let mut j = 0;
            // Of a number of rows that the compiler knows, all stays in registers.
            while j + 16 <= k && have == part && (part == 16 || part == MR) {
                let (src, to) = (src.add(j), out.add(j * W));
                if part == MR {
                    whole::<MR, W>(src, stride, to)
                } else {
                    whole::<16, W>(src, stride, to)
                }
                j += 16;
            }
            while j < k {
                let depth = (k - j).min(16);
                let mut r = [_mm512_setzero_ps(); 16];
                for (i, r) in r.iter_mut().enumerate().take(have) {
                    *r = _mm512_maskz_loadu_ps(mask(depth), src.add(i * stride + j));
                }
                transpose(&mut r);
                for (i, r) in r.iter().enumerate().take(depth) {
                    _mm512_mask_storeu_ps(out.add((j + i) * W), mask(part), *r);
                }
                j += 16;
            }
            l += 16;
        }
    }
}

/// `N ≤ 16` rows of 16 floats, `stride` apart, as 16 of N, `W` apart.
///
/// # Safety
/// AVX-512F; all of that is there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn whole<const N: usize, const W: usize>(src: *const f32, stride: usize, to: *mut f32) {
    let mut r = [_mm512_setzero_ps(); 16];
    // SAFETY: by contract.
    unsafe {
        for (i, r) in r[..N].iter_mut().enumerate() {
            *r = _mm512_loadu_ps(src.add(i * stride));
        }
        transpose(&mut r);
        for (i, r) in r.iter().enumerate() {
            _mm512_mask_storeu_ps(to.add(i * W), const { mask(N) }, *r);
        }
    }
}

impl Tile {
    /// What `rows` of its rows from `first` on begin with: what they hold, or zeros.
    ///
    /// # Safety
    /// AVX-512F; the tile belongs to this task, and has these rows.
    #[target_feature(enable = "avx512f")]
    pub(in crate::ops::cpu) unsafe fn load(&self, sums: &mut Sums, first: usize, rows: usize) {
        let there = if self.add { self.cols } else { 0 };
        let (low, high) = (mask(there), mask(there.saturating_sub(16)));
        for (r, sums) in sums.0.chunks_exact_mut(NR).enumerate().take(rows) {
            // SAFETY: by contract; the masks keep within C's rows.
            unsafe {
                let c = self.c.add((first + r) * self.stride);
                _mm512_storeu_ps(sums.as_mut_ptr(), _mm512_maskz_loadu_ps(low, c));
                _mm512_storeu_ps(sums.as_mut_ptr().add(16), _mm512_maskz_loadu_ps(high, c.wrapping_add(16)));
            }
        }
    }

    /// The sums as `rows` of its rows from `first` on.
    ///
    /// # Safety
    /// As [`Tile::load`].
    #[target_feature(enable = "avx512f")]
    pub(in crate::ops::cpu) unsafe fn store(&self, sums: &Sums, first: usize, rows: usize) {
        let (low, high) = (mask(self.cols), mask(self.cols.saturating_sub(16)));
        for (r, sums) in sums.0.chunks_exact(NR).enumerate().take(rows) {
            // SAFETY: by contract; the masks keep within C's rows.
            unsafe {
                let c = self.c.add((first + r) * self.stride);
                _mm512_mask_storeu_ps(c, low, _mm512_loadu_ps(sums.as_ptr()));
                _mm512_mask_storeu_ps(c.wrapping_add(16), high, _mm512_loadu_ps(sums.as_ptr().add(16)));
            }
        }
    }
}

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B.
///
/// # Safety
/// AVX-512F; `a` holds the packed rows, 12 after 12 so many floats apart, and `b` the packed columns, k deep; the tile
/// belongs to this task.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    assert!(t.rows > 0 && unit >= MR * k && a.len() >= (t.rows.div_ceil(MR) - 1) * unit + MR * k && b.len() >= k * NR);
    assert!(k > 0);
    for i in (0..t.rows).step_by(MR) {
        let rows = MR.min(t.rows - i);
        let (a, b) = (a[i / MR * unit..].as_ptr(), b.as_ptr());
        // SAFETY: by contract.
        unsafe {
            if let Some((from, to)) = t.whole(i) {
                rows12(a, b, k, from, to);
                continue;
            }
            // What hangs over C's edge is summed beside it, in the same order.
            let mut sums = Sums([0.0; MR * NR]);
            t.load(&mut sums, i, rows);
            let there = Rows::of(&mut sums);
            match (t.cols > 16, rows) {
                (true, 9..) => rows12(a, b, k, there, there),
                (true, 5..) => rows8(a, b, k, there, there),
                (true, _) => rows4(a, b, k, there, there),
                (false, _) => half12(a, b, k, &mut sums),
            }
            t.store(&sums, i, rows);
        }
    }
}
