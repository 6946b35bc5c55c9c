//! Gradients of a low-rank term: sums of outer products, C += Dᵀ·X over many rows, where D is as narrow as a rank. X is read
//! once, where it lies: packing it would take as long as multiplying with it.

use std::arch::x86_64::*;
use std::borrow::Cow;

use crate::ops::cpu::kernels::x86::{mask, transpose};
use crate::ops::pool::{Parts, Pool};

/// Columns of a vector, and of D at once.
const WIDE: usize = 16;
/// Vectors of X's columns to a task: a row of them is a few cache lines.
const TOGETHER: usize = 4;
/// Rows that are asked for early.
const AHEAD: usize = 16;
/// Rows whose columns of a task lie in the L1 cache.
const ROWS: usize = 128;

/// How C lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops::cpu) enum Lies {
    /// r × n, as A's gradient.
    AsA,
    /// n × r, as B's.
    AsB,
}

/// C += Dᵀ·X (D: m × r, X: m × n). A C's bits depend on its shape alone.
///
/// # Safety
/// The CPU has AVX-512F.
pub(in crate::ops::cpu) unsafe fn add_outer(
    pool: &Pool,
    c: &mut [f32],
    d: &[f32],
    r: usize,
    x: &[f32],
    n: usize,
    lies: Lies,
) {
    let m = d.len() / r;
    assert!(d.len() == m * r && x.len() == m * n && c.len() == r * n);
    let (stripes, chunks, c) = (n.div_ceil(WIDE * TOGETHER), r.div_ceil(WIDE), Parts::new(c));
    let narrow: Vec<Cow<'_, [f32]>> = (0..chunks).map(|i| chunk(d, r, i * WIDE)).collect();
    pool.run(stripes * chunks, &|task| {
        let (r0, n0) = (task % chunks * WIDE, task / chunks * WIDE * TOGETHER);
        let part = Part { c: &c, r, n, r0, n0, m, lies };
        let d = &narrow[task % chunks];
        // SAFETY: AVX-512F, by contract; each task its rows and columns of C; D and X hold m rows.
        unsafe { if width(r - r0) == WIDE { part.add::<16>(d, x) } else { part.add::<8>(d, x) } }
    });
}

/// Values to a row of a chunk that has so many columns.
const fn width(columns: usize) -> usize {
    if columns <= 8 { 8 } else { WIDE }
}

/// Columns of D from `r0` on, 16 or 8 to a row, zero beyond r: of the usual ranks D itself.
fn chunk(d: &[f32], r: usize, r0: usize) -> Cow<'_, [f32]> {
    let (have, width) = ((r - r0).min(WIDE), width(r - r0));
    if r == width {
        return Cow::Borrowed(d);
    }
    let mut out = vec![0.0; d.len() / r * width];
    for (to, from) in out.chunks_exact_mut(width).zip(d.chunks_exact(r)) {
        to[..have].copy_from_slice(&from[r0..r0 + have]);
    }
    out.into()
}

/// What a task adds: rows of C from `r0` on, columns from `n0` on.
struct Part<'a> {
    c: &'a Parts<'a, f32>,
    r: usize,
    n: usize,
    r0: usize,
    n0: usize,
    m: usize,
    lies: Lies,
}

impl Part<'_> {
    /// Columns of the vector `v` of this part.
    fn columns(&self, v: usize) -> usize {
        self.n.saturating_sub(self.n0 + v * WIDE).min(WIDE)
    }

    /// # Safety
    /// AVX-512F; the part of C belongs to this task; `d` holds m rows of R values, `x` m rows of n.
    #[target_feature(enable = "avx512f")]
    unsafe fn add<const R: usize>(&self, d: &[f32], x: &[f32]) {
        assert!(d.len() >= self.m * R && x.len() >= self.m * self.n);
        let mut sums = [[_mm512_setzero_ps(); R]; TOGETHER];
        for m0 in (0..self.m).step_by(ROWS) {
            for (v, sums) in sums.iter_mut().enumerate() {
                let have = mask(self.columns(v));
                let mut acc = [_mm512_setzero_ps(); R];
                for t in m0..(m0 + ROWS).min(self.m) {
                    // SAFETY: row t of each, masked to the columns that are there.
                    unsafe {
                        let row = _mm512_maskz_loadu_ps(have, x.as_ptr().wrapping_add(t * self.n + self.n0 + v * WIDE));
                        // The columns of this task are further apart than the CPU foresees.
                        _mm_prefetch::<_MM_HINT_T0>(
                            x.as_ptr().wrapping_add((t + AHEAD) * self.n + self.n0 + v * WIDE).cast(),
                        );
                        let d = d.as_ptr().add(t * R);
                        for (i, acc) in acc.iter_mut().enumerate() {
                            *acc = _mm512_fmadd_ps(_mm512_set1_ps(*d.add(i)), row, *acc);
                        }
                    }
                }
                sums.iter_mut().zip(&acc).for_each(|(sum, acc)| *sum = _mm512_add_ps(*sum, *acc));
            }
        }
        let rank = (self.r - self.r0).min(R);
        for (v, sums) in sums.iter().enumerate() {
            let (columns, col) = (self.columns(v), self.n0 + v * WIDE);
            let mut rows = [_mm512_setzero_ps(); WIDE];
            rows[..R].copy_from_slice(sums);
            let (count, length) = match self.lies {
                Lies::AsA => (rank, columns),
                Lies::AsB => {
                    transpose(&mut rows);
                    (columns, rank)
                }
            };
            for (i, row) in rows.iter().enumerate().take(if length > 0 { count } else { 0 }) {
                let at = match self.lies {
                    Lies::AsA => (self.r0 + i) * self.n + col,
                    Lies::AsB => (col + i) * self.r + self.r0,
                };
                // SAFETY: this task's, by contract; masked to it.
                unsafe {
                    let to = self.c.slice(at, length).as_mut_ptr();
                    let old = _mm512_maskz_loadu_ps(mask(length), to);
                    _mm512_mask_storeu_ps(to, mask(length), _mm512_add_ps(old, *row));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ops::random::uniform_at;

    #[test]
    fn equals_the_plain_sum_at_any_thread_count() {
        if !std::arch::is_x86_feature_detected!("avx512f") {
            return;
        }
        for (case, &(m, r, n)) in
            [(1, 1, 1), (5, 3, 17), (130, 8, 64), (300, 16, 100), (129, 9, 63), (257, 40, 130)].iter().enumerate()
        {
            let random = |key: u64, len: usize| -> Vec<f32> {
                (0..len).map(|i| uniform_at(10 * case as u64 + key, i as u64) as f32 - 0.5).collect()
            };
            let (d, x, old) = (random(1, m * r), random(2, m * n), random(3, r * n));
            for lies in [Lies::AsA, Lies::AsB] {
                let of = |threads| {
                    let mut c = old.clone();
                    // SAFETY: AVX-512F was detected.
                    unsafe { add_outer(&Pool::new(threads), &mut c, &d, r, &x, n, lies) };
                    c
                };
                let c = of(1);
                assert!(c == of(3));
                for (i, j) in (0..r).flat_map(|i| (0..n).map(move |j| (i, j))) {
                    let at = if lies == Lies::AsA { i * n + j } else { j * r + i };
                    let sum: f64 = (0..m).map(|t| f64::from(d[t * r + i]) * f64::from(x[t * n + j])).sum();
                    let expected = f64::from(old[at]) + sum;
                    assert!((f64::from(c[at]) - expected).abs() < 2e-6 * (m as f64).sqrt() + 1e-6, "{m} {r} {n}");
                }
            }
        }
    }
}
