//! Products with columns that were packed beforehand: weights once for all steps, adapters once a call. Several products
//! that share their rows are computed in one go: the rows are packed once, the tasks handed out once.

use std::cell::RefCell;

use crate::ops::cpu::matmul::avx512::{Tile, grown, pack_rows, pack_transposed, panel, pass};
use crate::ops::cpu::matmul::tile::{MR, NR};
use crate::ops::pool::{Parts, Pool};
use crate::ops::{WeightRef, decode};

/// Packed rows of A that are worked on at once stay in the L2 cache: floats.
const BLOCK: usize = 300_000;

thread_local! {
    static ROWS: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    static DECODED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// B in panels of 32 columns, `[panel][k][32]`, zero beyond n.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    data: &'a [f32],
    n: usize,
    k: usize,
}

impl<'a> Panels<'a> {
    /// Floats of n columns, k deep.
    pub fn len(n: usize, k: usize) -> usize {
        n.div_ceil(NR) * NR * k
    }

    pub fn new(data: &'a [f32], n: usize, k: usize) -> Self {
        assert!(data.len() == Self::len(n, k));
        Self { data, n, k }
    }

    pub fn columns(&self) -> usize {
        self.n
    }

    fn get(&self, panel: usize) -> &'a [f32] {
        &self.data[panel * NR * self.k..][..NR * self.k]
    }
}

/// The columns of Bᵀ = `rows` (n × k, row-major).
pub fn pack_t(pool: &Pool, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Panels::len(n, k));
    let parts = Parts::new(out);
    pool.run(n.div_ceil(NR), &|j| {
        // SAFETY: each task its panel; AVX-512F was detected, and the rows are there.
        unsafe {
            let out = parts.slice(j * NR * k, NR * k);
            pack_transposed::<NR>(rows[j * NR * k..].as_ptr(), k, NR.min(n - j * NR), k, out);
        }
    });
}

/// The columns of B = `rows` (k × n, row-major).
pub fn pack(rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Panels::len(n, k));
    for (j, out) in out.chunks_exact_mut(NR * k).enumerate() {
        // SAFETY: AVX-512F was detected; k rows of n values are there.
        unsafe { pack_rows::<NR>(rows[j * NR..].as_ptr(), 1, n, NR.min(n - j * NR), k, out) };
    }
}

/// A weight's rows as columns: for y = x·Wᵀ.
pub fn pack_weight(pool: &Pool, w: WeightRef<'_>, out: &mut [f32]) {
    let (n, k) = (w.rows, w.cols);
    assert!(out.len() == Panels::len(n, k));
    let parts = Parts::new(out);
    pool.run(n.div_ceil(NR), &|j| {
        let (first, rows) = (j * NR, NR.min(n - j * NR));
        DECODED.with_borrow_mut(|wide| {
            let wide = &mut grown(wide, rows * k)[..rows * k];
            for (i, row) in wide.chunks_exact_mut(k).enumerate() {
                decode(w.encoding, w.row(first + i), row);
            }
            // SAFETY: each task its panel; AVX-512F was detected, and the rows are there.
            unsafe { pack_transposed::<NR>(wide.as_ptr(), k, rows, k, parts.slice(j * NR * k, NR * k)) };
        });
    });
}

/// A weight's columns: for dx = dy·W.
pub fn pack_weight_back(pool: &Pool, w: WeightRef<'_>, out: &mut [f32]) {
    let (n, k) = (w.cols, w.rows);
    assert!(out.len() == Panels::len(n, k));
    let parts = Parts::new(out);
    let step = 64;
    pool.run(k.div_ceil(step), &|task| {
        DECODED.with_borrow_mut(|wide| {
            let wide = &mut grown(wide, n)[..n];
            for row in task * step..k.min((task + 1) * step) {
                decode(w.encoding, w.row(row), wide);
                for (j, from) in wide.chunks(NR).enumerate() {
                    // SAFETY: the task's own rows of each panel.
                    let to = unsafe { parts.slice((j * k + row) * NR, NR) };
                    to[..from.len()].copy_from_slice(from);
                    to[from.len()..].fill(0.0);
                }
            }
        });
    });
}

/// A C that is a sum of products, each of some rows of A (their number in the block) and some columns of B.
#[derive(Debug)]
pub struct Sum<'a> {
    /// From the block's first row on.
    pub c: &'a mut [f32],
    pub stride: usize,
    /// Added to what C holds, or in its place.
    pub add: bool,
    pub terms: Vec<(usize, Panels<'a>)>,
}

/// The first row and the number of rows of blocks whose packed rows, `depth` values each, stay in a cache. They are about
/// equal: a small last one would read the weights for little.
pub fn blocks(m: usize, depth: usize) -> impl Iterator<Item = (usize, usize)> {
    let most = (BLOCK / depth.max(1) / MR).clamp(8, 40) * MR;
    let step = (m.div_ceil(m.div_ceil(most).max(1)).div_ceil(MR) * MR).max(MR);
    (0..m).step_by(step).map(move |m0| (m0, step.min(m - m0)))
}

/// Packed rows of several A's, each `[pass over k][12 rows][k][12]`.
#[derive(Debug)]
pub struct Block<'a> {
    pool: &'a Pool,
    m: usize,
    a: &'a mut Vec<f32>,
    /// (where it starts, k)
    places: Vec<(usize, usize)>,
    used: usize,
}

/// Calls `f` with a block of `m` rows, in which nothing is packed yet.
pub fn with_block<R>(pool: &Pool, m: usize, f: impl FnOnce(&mut Block<'_>) -> R) -> R {
    ROWS.with_borrow_mut(|a| f(&mut Block { pool, m, a, places: Vec::new(), used: 0 }))
}

impl Block<'_> {
    /// Packs m rows of `k` values, `stride` apart; returns their number.
    pub fn rows(&mut self, data: &[f32], k: usize, stride: usize) -> usize {
        let (m, count, start) = (self.m, self.m.div_ceil(MR), self.used);
        assert!(k > 0 && (m == 0 || (m - 1) * stride + k <= data.len()));
        self.places.push((start, k));
        self.used += count * MR * k;
        let parts = Parts::new(&mut grown(self.a, self.used)[start..]);
        let (step, share) = (pass(k), count.div_ceil(8).max(1));
        let pack = |task: usize| {
            for i in task * share..((task + 1) * share).min(count) {
                for k0 in (0..k).step_by(step) {
                    let k = step.min(k - k0);
                    // SAFETY: each 12 rows are one task's; they lie within A; AVX-512F was detected.
                    unsafe {
                        let to = parts.slice(k0 * count * MR + i * MR * k, MR * k);
                        let from = data.as_ptr().add(i * MR * stride + k0);
                        pack_transposed::<MR>(from, stride, MR.min(m - i * MR), k, to);
                    }
                }
            }
        };
        // A few values are packed sooner than a thread is woken.
        if m * k < 16_384 {
            (0..count.div_ceil(share)).for_each(pack)
        } else {
            self.pool.run(count.div_ceil(share), &pack)
        }
        self.places.len() - 1
    }

    /// All sums, over the block's rows. Tasks are cut by shape alone: the bits don't depend on the number of threads.
    pub fn sums(&self, sums: &mut [Sum<'_>]) {
        let (m, count) = (self.m, self.m.div_ceil(MR));
        let mut work = Vec::with_capacity(sums.len());
        for s in sums.iter_mut() {
            let n = s.terms.first().map_or(0, |t| t.1.n);
            assert!(s.terms.iter().all(|(a, b)| b.n == n && b.k == self.places[*a].1));
            assert!(m == 0 || n == 0 || (s.stride >= n && (m - 1) * s.stride + n <= s.c.len()));
            work.push((Parts::new(s.c), s.stride, n, s.add, &s.terms));
        }
        let tasks: Vec<(usize, usize)> =
            work.iter().enumerate().flat_map(|(s, w)| (0..w.2.div_ceil(NR)).map(move |j| (s, j))).collect();
        // Few panels: the rows are divided, too.
        let splits = if tasks.len() >= 16 { 1 } else { (16 / tasks.len().max(1)).min(count.div_ceil(4)).max(1) };
        let share = count.div_ceil(splits).max(1);
        let splits = count.div_ceil(share);
        self.pool.run(tasks.len() * splits, &|task| {
            let ((s, j), split) = (tasks[task / splits], task % splits);
            let (c, stride, n, add, terms) = &work[s];
            let (first, last) = (split * share, ((split + 1) * share).min(count));
            let rows = (last * MR).min(m) - first * MR;
            // SAFETY: the tile lies within C by the assertions above, and belongs to this task.
            let tile = unsafe { c.pointer(first * MR * stride + j * NR) };
            let mut tile = Tile { c: tile, stride: *stride, rows, cols: NR.min(n - j * NR), add: *add };
            for (a, b) in terms.iter() {
                let ((start, k_all), b) = (self.places[*a], b.get(j));
                let step = pass(k_all);
                for k0 in (0..k_all).step_by(step) {
                    let k = step.min(k_all - k0);
                    let a = &self.a[start + k0 * count * MR + first * MR * k..][..(last - first) * MR * k];
                    // SAFETY: AVX-512F was detected (only then are there panels).
                    unsafe { panel(tile, k, a, &b[k0 * NR..(k0 + k) * NR]) };
                    tile.add = true;
                }
            }
        });
    }
}

#[cfg(test)]
#[path = "panels_tests.rs"]
mod tests;
