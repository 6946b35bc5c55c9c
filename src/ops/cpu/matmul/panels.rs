//! Products with columns that were packed beforehand: weights once for all steps, adapters once a call. Several products
//! that share their rows are computed in one go: the rows are packed once, the tasks handed out once.

use std::cell::RefCell;

use crate::ops::cpu::matmul::avx512::{self, Tile, grown, pack_rows, pack_transposed};
use crate::ops::cpu::matmul::tile::{MR, NR};
use crate::ops::cpu::matmul::{Kernel, amx};
use crate::ops::cpu::words::Words;
use crate::ops::pool::{Parts, Pool};
use crate::ops::{WeightRef, decode};

/// Packed rows of A that are worked on at once stay in the L2 cache: words.
const BLOCK: usize = 300_000;

thread_local! {
    static ROWS: RefCell<Words> = RefCell::default();
    static DECODED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl Kernel {
    /// Words of a panel of 32 columns, k deep.
    fn panel(self, k: usize) -> usize {
        match self {
            Self::Avx512 => NR * k,
            Self::Amx => 2 * amx::row_words(k),
        }
    }

    /// Rows that are packed together, and their words.
    fn unit(self, k: usize) -> (usize, usize) {
        match self {
            Self::Avx512 => (MR, MR * k),
            Self::Amx => (amx::UNIT, amx::row_words(k)),
        }
    }

    /// Depths of a pass over k, during which a panel of B stays in a cache.
    fn pass(self, k: usize) -> usize {
        match self {
            Self::Avx512 => avx512::pass(k),
            Self::Amx => {
                let depths = k.div_ceil(amx::DEPTH);
                depths.div_ceil(depths.div_ceil(5)) * amx::DEPTH
            }
        }
    }
}

/// B in panels of 32 columns, zero beyond n.
#[derive(Clone, Copy, Debug)]
pub struct Panels<'a> {
    kernel: Kernel,
    data: &'a [f32],
    n: usize,
    k: usize,
}

impl<'a> Panels<'a> {
    /// Words of n columns, k deep.
    pub fn len(kernel: Kernel, n: usize, k: usize) -> usize {
        n.div_ceil(NR) * kernel.panel(k)
    }

    pub fn new(kernel: Kernel, data: &'a [f32], n: usize, k: usize) -> Self {
        assert!(data.len() == Self::len(kernel, n, k));
        Self { kernel, data, n, k }
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub fn columns(&self) -> usize {
        self.n
    }

    /// The part of a panel from depth `k0` on, `k` deep.
    fn get(&self, panel: usize, k0: usize, k: usize) -> &'a [f32] {
        let words = self.kernel.panel(self.k);
        &self.data[panel * words..][..words][self.kernel.panel(k0)..][..self.kernel.panel(k)]
    }
}

/// `n` ≤ 32 rows of `k` values, end to end, as the columns of one panel.
fn pack_panel(kernel: Kernel, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(n <= NR && rows.len() >= n * k && out.len() == kernel.panel(k));
    // SAFETY: the kernel's CPU features were detected, and the rows are there.
    unsafe {
        match kernel {
            Kernel::Avx512 => pack_transposed::<NR>(rows.as_ptr(), k, n, k, out),
            Kernel::Amx => amx::pack_columns(rows.as_ptr(), k, n, k, out),
        }
    }
}

/// The columns of Bᵀ = `rows` (n × k, row-major).
pub fn pack_t(kernel: Kernel, pool: &Pool, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Panels::len(kernel, n, k));
    let (words, parts) = (kernel.panel(k), Parts::new(out));
    pool.run(n.div_ceil(NR), &|j| {
        // SAFETY: each task its panel.
        let out = unsafe { parts.slice(j * words, words) };
        pack_panel(kernel, &rows[j * NR * k..], NR.min(n - j * NR), k, out);
    });
}

/// The columns of B = `rows` (k × n, row-major).
pub fn pack(kernel: Kernel, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Panels::len(kernel, n, k));
    for (j, out) in out.chunks_exact_mut(kernel.panel(k)).enumerate() {
        let (from, cols) = (rows[j * NR..].as_ptr(), NR.min(n - j * NR));
        // SAFETY: the kernel's CPU features were detected; k rows of n values are there.
        unsafe {
            match kernel {
                Kernel::Avx512 => pack_rows::<NR>(from, 1, n, cols, k, out),
                Kernel::Amx => {
                    for pair in 0..amx::padded(k) / 2 {
                        let row = |i: usize| from.wrapping_add(i * n);
                        let odd = (2 * pair + 1 < k).then(|| row(2 * pair + 1));
                        let cols = if 2 * pair < k { cols } else { 0 };
                        amx::pack_pair(row(2 * pair), odd, cols, pair, out);
                    }
                }
            }
        }
    }
}

/// A weight's rows as columns: for y = x·Wᵀ.
pub fn pack_weight(kernel: Kernel, pool: &Pool, w: WeightRef<'_>, out: &mut [f32]) {
    let (n, k) = (w.rows, w.cols);
    assert!(out.len() == Panels::len(kernel, n, k));
    let (words, parts) = (kernel.panel(k), Parts::new(out));
    pool.run(n.div_ceil(NR), &|j| {
        let (first, rows) = (j * NR, NR.min(n - j * NR));
        DECODED.with_borrow_mut(|wide| {
            let wide = &mut grown(wide, rows * k)[..rows * k];
            for (i, row) in wide.chunks_exact_mut(k).enumerate() {
                decode(w.encoding, w.row(first + i), row);
            }
            // SAFETY: each task its panel.
            pack_panel(kernel, wide, rows, k, unsafe { parts.slice(j * words, words) });
        });
    });
}

/// A weight's columns: for dx = dy·W.
pub fn pack_weight_back(kernel: Kernel, pool: &Pool, w: WeightRef<'_>, out: &mut [f32]) {
    let (n, k) = (w.cols, w.rows);
    assert!(out.len() == Panels::len(kernel, n, k));
    let (words, parts) = (kernel.panel(k), Parts::new(out));
    // Whole tiles of depth to a task.
    let step = 2 * amx::DEPTH;
    let last = if kernel == Kernel::Amx { amx::padded(k) } else { k };
    pool.run(k.div_ceil(step), &|task| {
        DECODED.with_borrow_mut(|wide| {
            let wide = &mut grown(wide, 2 * n)[..2 * n];
            for row in (task * step..last.min((task + 1) * step)).step_by(2) {
                let have = k.saturating_sub(row).min(2);
                for (i, wide) in wide.chunks_exact_mut(n).take(have).enumerate() {
                    decode(w.encoding, w.row(row + i), wide);
                }
                for j in 0..n.div_ceil(NR) {
                    let cols = NR.min(n - j * NR);
                    // SAFETY: the task's own depths of each panel; the kernel's CPU features were detected.
                    unsafe {
                        match kernel {
                            Kernel::Avx512 => {
                                let to = parts.slice(j * words + row * NR, have * NR);
                                for (to, from) in to.chunks_exact_mut(NR).zip(wide.chunks_exact(n)) {
                                    to[..cols].copy_from_slice(&from[j * NR..][..cols]);
                                    to[cols..].fill(0.0);
                                }
                            }
                            Kernel::Amx => {
                                let (d, depth) = (row / amx::DEPTH, kernel.panel(amx::DEPTH));
                                let to = parts.slice(j * words + d * depth, depth);
                                let from = |i: usize| wide[i * n + j * NR..].as_ptr();
                                let (cols, odd) = (if have > 0 { cols } else { 0 }, (have > 1).then(|| from(1)));
                                amx::pack_pair(from(0), odd, cols, row % amx::DEPTH / 2, to);
                            }
                        }
                    }
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
pub fn blocks(kernel: Kernel, m: usize, depth: usize) -> impl Iterator<Item = (usize, usize)> {
    let (unit, words) = kernel.unit(depth.max(1));
    let most = (BLOCK / words).clamp(96 / unit, 480 / unit) * unit;
    let step = (m.div_ceil(m.div_ceil(most).max(1)).div_ceil(unit) * unit).max(unit);
    (0..m).step_by(step).map(move |m0| (m0, step.min(m - m0)))
}

/// Packed rows of several A's.
#[derive(Debug)]
pub struct Block<'a> {
    kernel: Kernel,
    pool: &'a Pool,
    m: usize,
    a: &'a mut Words,
    /// (where it starts, k)
    places: Vec<(usize, usize)>,
    used: usize,
}

/// Calls `f` with a block of `m` rows, in which nothing is packed yet.
pub fn with_block<R>(kernel: Kernel, pool: &Pool, m: usize, f: impl FnOnce(&mut Block<'_>) -> R) -> R {
    ROWS.with_borrow_mut(|a| f(&mut Block { kernel, pool, m, a, places: Vec::new(), used: 0 }))
}

impl Block<'_> {
    /// Packs m rows of `k` values, `stride` apart; returns their number.
    pub fn rows(&mut self, data: &[f32], k: usize, stride: usize) -> usize {
        let (m, kernel, start) = (self.m, self.kernel, self.used);
        assert!(k > 0 && (m == 0 || (m - 1) * stride + k <= data.len()));
        let (unit, words) = kernel.unit(k);
        let count = m.div_ceil(unit);
        self.places.push((start, k));
        self.used += count * words;
        let parts = Parts::new(&mut self.a.at_least(self.used)[start..]);
        let (step, share) = (kernel.pass(k), count.div_ceil(8).max(1));
        let pack = |task: usize| {
            for i in task * share..((task + 1) * share).min(count) {
                for k0 in (0..k).step_by(step) {
                    let (k, have) = (step.min(k - k0), unit.min(m - i * unit));
                    let words = kernel.unit(k).1;
                    // SAFETY: each unit of rows is one task's; they lie within A; the CPU's features were detected.
                    unsafe {
                        let to = parts.slice(kernel.unit(k0).1 * count + i * words, words);
                        let from = data.as_ptr().add(i * unit * stride + k0);
                        match kernel {
                            Kernel::Avx512 => pack_transposed::<MR>(from, stride, have, k, to),
                            Kernel::Amx => amx::pack_rows(from, stride, have, k, to),
                        }
                    }
                }
            }
        };
        // A few values are packed sooner than a thread is woken.
        let tasks = count.div_ceil(share);
        if m * k < 16_384 {
            (0..tasks).for_each(pack)
        } else {
            self.pool.run(tasks, &pack)
        }
        self.places.len() - 1
    }

    /// All sums, over the block's rows. Tasks are cut by shape alone: the bits don't depend on the number of threads.
    pub fn sums(&self, sums: &mut [Sum<'_>]) {
        let (m, kernel) = (self.m, self.kernel);
        let unit = kernel.unit(1).0;
        let count = m.div_ceil(unit);
        let mut work = Vec::with_capacity(sums.len());
        for s in sums.iter_mut() {
            let n = s.terms.first().map_or(0, |t| t.1.n);
            assert!(s.terms.iter().all(|(a, b)| b.kernel == kernel && b.n == n && b.k == self.places[*a].1));
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
            let rows = (last * unit).min(m) - first * unit;
            // SAFETY: the tile lies within C by the assertions above, and belongs to this task.
            let tile = unsafe { c.pointer(first * unit * stride + j * NR) };
            let mut tile = Tile { c: tile, stride: *stride, rows, cols: NR.min(n - j * NR), add: *add };
            // SAFETY: there is such a kernel only where the CPU has tiles.
            let _tiles = (kernel == Kernel::Amx).then(|| unsafe { amx::Tiles::configure() });
            for (a, b) in terms.iter() {
                let (start, k_all) = self.places[*a];
                let step = kernel.pass(k_all);
                for k0 in (0..k_all).step_by(step) {
                    let k = step.min(k_all - k0);
                    let words = kernel.unit(k).1;
                    let a = &self.a[start + kernel.unit(k0).1 * count + first * words..][..(last - first) * words];
                    let b = b.get(j, k0, k);
                    // SAFETY: the kernel's CPU features were detected; tiles are configured where it has them.
                    unsafe {
                        match kernel {
                            Kernel::Avx512 => avx512::panel(tile, k, a, b),
                            Kernel::Amx => amx::panel(tile, k.div_ceil(amx::DEPTH), a, b),
                        }
                    }
                    tile.add = true;
                }
            }
        });
    }
}

#[cfg(test)]
#[path = "panels_tests.rs"]
mod tests;
