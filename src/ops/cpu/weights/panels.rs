//! Sums of products that share their rows: the rows are packed once, the tasks handed out once for each stretch of depth
//! whose packed rows stay in a cache.

use std::cell::RefCell;
use std::ops::Range;

use crate::ops::Compute;
use crate::ops::cpu::gemm::Kernel;
use crate::ops::cpu::kernels::tile::{MR, NR, Tile};
use crate::ops::cpu::kernels::{amx, avx2, avx512, int8, int8_amx, int8_avx2};
use crate::ops::cpu::weights::columns::Columns;
use crate::ops::cpu::weights::form::Form;
use crate::ops::cpu::words::Words;
use crate::ops::pool::{Parts, Pool};

/// Packed rows of A that are worked on at once stay in the L2 cache: words.
const CACHED: usize = 280_000;
/// Rows of a block, at most: each makes a stored weight's columns anew.
const ROWS: usize = 256;

thread_local! {
    static PACKED: RefCell<Words> = RefCell::default();
    static MADE: RefCell<Words> = RefCell::default();
}

impl Kernel {
    /// Rows that are packed together.
    const fn unit(self) -> usize {
        match self {
            Self::Avx512 | Self::Avx2 => MR,
            Self::Amx => amx::UNIT,
        }
    }

    /// Their words, k deep. Tiles find the nearest bf16 among f32's parts.
    fn words(self, k: usize, compute: Compute) -> usize {
        match (self, compute) {
            (Self::Avx512 | Self::Avx2, Compute::Int8) => int8::row_words(k),
            (Self::Avx512 | Self::Avx2, _) => MR * k,
            (Self::Amx, Compute::Int8) => int8_amx::row_words(k),
            (Self::Amx, _) => amx::row_words(k, amx::PARTS),
        }
    }
}

/// A C that is a sum of products, each of some rows of A (their number in the block) and some columns of B.
#[derive(Debug)]
pub(crate) struct Sum<'a> {
    /// From the block's first row on.
    pub c: &'a mut [f32],
    pub stride: usize,
    /// Added to what C holds, or in its place.
    pub add: bool,
    pub terms: Vec<(usize, Columns<'a>)>,
}

/// How many times fewer words of a packed row are read than there are.
const fn fewer(compute: Compute) -> usize {
    match compute {
        Compute::F32 | Compute::Int8 => 1,
        Compute::Bf16 => amx::PARTS,
    }
}

/// The first row and the number of rows of blocks. They are about equal: a small last one would read the weights for
/// little.
pub(crate) fn blocks(kernel: Kernel, compute: Compute, m: usize) -> impl Iterator<Item = (usize, usize)> {
    // In fewer bits more rows stay in the cache. In bf16 not three times as many: their other parts are packed, too.
    let most = if compute == Compute::F32 { ROWS } else { 2 * ROWS };
    let unit = kernel.unit();
    let step = (m.div_ceil(m.div_ceil(most).max(1)).div_ceil(unit) * unit).max(unit);
    (0..m).step_by(step).map(move |m0| (m0, step.min(m - m0)))
}

/// Packed rows of several A's: each `[unit of rows][depth]`.
#[derive(Debug)]
pub(crate) struct Block<'a> {
    kernel: Kernel,
    pool: &'a Pool,
    m: usize,
    a: &'a mut Words,
    /// (where it starts, k, for what)
    places: Vec<(usize, usize, Compute)>,
    used: usize,
}

/// Calls `f` with a block of `m` rows, in which nothing is packed yet.
pub(crate) fn with_block<R>(kernel: Kernel, pool: &Pool, m: usize, f: impl FnOnce(&mut Block<'_>) -> R) -> R {
    PACKED.with_borrow_mut(|a| f(&mut Block { kernel, pool, m, a, places: Vec::new(), used: 0 }))
}

/// A term, or a stretch of its depth.
#[derive(Clone, Copy)]
struct Piece<'a> {
    /// Which A.
    a: usize,
    b: Columns<'a>,
    k0: usize,
    k: usize,
}

/// A sum as the tasks see it.
struct Work<'a> {
    c: Parts<'a, f32>,
    stride: usize,
    n: usize,
    add: bool,
    /// Panels to a task: the most that one of its terms makes together.
    group: usize,
    /// What is computed while the same packed rows are in the cache.
    stages: Vec<Vec<Piece<'a>>>,
}

/// Terms cut into stages of about `deep`.
fn stages<'a>(terms: &[(usize, Columns<'a>)], deep: usize) -> Vec<Vec<Piece<'a>>> {
    let mut stages: Vec<Vec<Piece<'a>>> = vec![Vec::new()];
    let mut depth = 0;
    for &(a, b) in terms {
        let step = b.k.div_ceil(b.k.div_ceil(deep).max(1)).next_multiple_of(b.align);
        for k0 in (0..b.k).step_by(step) {
            let k = step.min(b.k - k0);
            // A rank's few depths never make a stage of their own.
            if depth > 0 && depth + k > deep + 64 {
                stages.push(Vec::new());
                depth = 0;
            }
            depth += k;
            if let Some(stage) = stages.last_mut() {
                stage.push(Piece { a, b, k0, k });
            }
        }
    }
    stages
}

impl Block<'_> {
    /// Packs m rows of `k` values, `stride` apart; returns their number.
    pub(crate) fn rows(&mut self, data: &[f32], k: usize, stride: usize, compute: Compute) -> usize {
        let (m, kernel, start) = (self.m, self.kernel, self.used);
        assert!(compute != Compute::Int8 || kernel.has_int8());
        assert!(k > 0 && (m == 0 || (m - 1) * stride + k <= data.len()));
        let (unit, words) = (kernel.unit(), kernel.words(k, compute));
        let count = m.div_ceil(unit);
        self.places.push((start, k, compute));
        self.used += count * words;
        let parts = Parts::new(&mut self.a.at_least(self.used, start)[start..]);
        let share = count.div_ceil(8).max(1);
        let pack = |task: usize| {
            for i in task * share..((task + 1) * share).min(count) {
                let (from, have) = (data[i * unit * stride..].as_ptr(), unit.min(m - i * unit));
                // SAFETY: each task its units; the rows are there; the kernel's CPU features were detected.
                unsafe {
                    let to = parts.slice(i * words, words);
                    match (kernel, compute) {
                        (Kernel::Avx512, Compute::Int8) => int8::pack_rows(from, stride, have, k, to),
                        (Kernel::Avx512, _) => avx512::pack_transposed::<MR>(from, stride, have, k, to),
                        (Kernel::Avx2, Compute::Int8) => int8_avx2::pack_rows(from, stride, have, k, to),
                        (Kernel::Avx2, _) => avx2::pack_transposed::<MR>(from, stride, have, k, to),
                        (Kernel::Amx, Compute::Int8) => int8_amx::pack_rows(from, stride, have, k, to),
                        (Kernel::Amx, _) => amx::pack_rows(from, stride, have, k, to),
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

    /// Packs m rows of `k` values, one after the other, for the products with a base's weights, and where it is asked for
    /// in f32 as well; returns both numbers.
    pub(crate) fn twice(&mut self, data: &[f32], k: usize, compute: Compute, exact: bool) -> [usize; 2] {
        let rounded = self.rows(data, k, k, compute);
        // Tiles find both in the same.
        let again = exact && compute == Compute::Int8;
        [rounded, if again { self.rows(data, k, k, Compute::F32) } else { rounded }]
    }

    /// Depth of a stage, whose packed rows fill half of a cache of `CACHED` words where it is shared with `group` panels.
    fn deep(&self, group: usize, compute: Compute) -> usize {
        let words = self.kernel.words(int8::BLOCK, compute) * amx::DEPTH / int8::BLOCK;
        let all = self.m.div_ceil(self.kernel.unit()).max(1) * words / fewer(compute);
        let room = if group > 1 { CACHED / 2 } else { CACHED };
        // Codes take a quarter of the room, and each stage adds to all of C once more.
        let most = if group > 1 { 512 } else { 1536 } * if compute == Compute::Int8 { 4 } else { 1 };
        (room / all * amx::DEPTH).clamp(128, most)
    }

    /// Whether these rows can be multiplied with these columns.
    fn fits(&self, a: usize, b: &Columns<'_>) -> bool {
        let (_, k, compute) = self.places[a];
        k == b.k && (compute == Compute::Int8) == (b.compute == Compute::Int8)
    }

    /// All sums, over the block's rows. A C's bits depend on its shape alone, not on the tasks or threads.
    pub(crate) fn sums(&self, sums: &mut [Sum<'_>]) {
        let (m, kernel) = (self.m, self.kernel);
        let mut work = Vec::with_capacity(sums.len());
        for s in sums.iter_mut() {
            let n = s.terms.first().map_or(0, |t| t.1.n);
            assert!(s.terms.iter().all(|(a, b)| b.kernel() == kernel && b.n == n && self.fits(*a, b)));
            assert!(m == 0 || n == 0 || (s.stride >= n && (m - 1) * s.stride + n <= s.c.len()));
            let group = s.terms.iter().map(|t| t.1.group).max().unwrap_or(1);
            let compute = s.terms.first().map_or(Compute::F32, |t| t.1.compute);
            let stages = stages(&s.terms, self.deep(group, compute));
            work.push(Work { c: Parts::new(s.c), stride: s.stride, n, add: s.add, group, stages });
        }
        for stage in 0..work.iter().map(|w| w.stages.len()).max().unwrap_or(0) {
            self.stage(&work, stage);
        }
    }

    fn stage(&self, work: &[Work<'_>], stage: usize) {
        let count = self.m.div_ceil(self.kernel.unit());
        let groups = |w: &Work<'_>| if stage < w.stages.len() { w.n.div_ceil(w.group * NR) } else { 0 };
        let tasks: Vec<(usize, usize)> =
            work.iter().enumerate().flat_map(|(s, w)| (0..groups(w)).map(move |j| (s, j * w.group))).collect();
        // Few panels: the rows are divided, too. Each part makes a stored weight's columns again.
        let stored = work.iter().any(|w| w.stages.get(stage).is_some_and(|s| s.iter().any(|p| p.b.scratch(1, 1) > 0)));
        let want = if stored { self.pool.threads() } else { (3 * self.pool.threads()).max(8) };
        let splits = if tasks.len() >= want { 1 } else { (want / tasks.len().max(1)).min(count.div_ceil(4)).max(1) };
        let share = count.div_ceil(splits).max(1);
        let splits = count.div_ceil(share);
        self.pool.run(tasks.len() * splits, &|task| {
            let ((s, first), split) = (tasks[task / splits], task % splits);
            let units = split * share..((split + 1) * share).min(count);
            MADE.with_borrow_mut(|made| self.task(&work[s], stage, first, units, made));
        });
    }

    /// A group of panels, rows of these units.
    fn task(&self, w: &Work<'_>, stage: usize, panel: usize, units: Range<usize>, made: &mut Words) {
        let (first, last) = (units.start, units.end);
        let (kernel, pieces) = (self.kernel, &w.stages[stage]);
        let unit = kernel.unit();
        let made = made.at_least(pieces.iter().map(|p| p.b.scratch(p.k, w.group)).sum(), 0);
        let mut at = 0;
        for p in pieces {
            let len = p.b.scratch(p.k, w.group);
            p.b.make(panel, p.k0..p.k0 + p.k, &mut made[at..at + len]);
            at += len;
        }
        // SAFETY: there is such a kernel only where the CPU has tiles.
        let _tiles = (kernel == Kernel::Amx).then(|| unsafe { amx::Tiles::configure() });
        let rows = (last * unit).min(self.m) - first * unit;
        for j in panel..(panel + w.group).min(w.n.div_ceil(NR)) {
            // SAFETY: the tile lies within C by the assertions of `sums`, and belongs to this task.
            let c = unsafe { w.c.pointer(first * unit * w.stride + j * NR) };
            let tile = Tile { c, stride: w.stride, rows, cols: NR.min(w.n - j * NR), add: w.add || stage > 0 };
            let mut at = 0;
            let operands = pieces.iter().map(|p| {
                let (start, k, compute) = self.places[p.a];
                let words = kernel.words(k, compute);
                let a = &self.a[start + first * words..][..(last - first) * words][kernel.words(p.k0, compute)..];
                let b = p.b.get(j, panel, p.k0..p.k0 + p.k, &made[at..]);
                at += p.b.scratch(p.k, w.group);
                Operands { piece: p, a, unit: words, b }
            });
            // SAFETY: the kernel's CPU features were detected; tiles are configured where it has them.
            unsafe { multiply(kernel, tile, operands) };
        }
    }
}

/// A piece's packed rows of A and packed columns of B.
struct Operands<'a> {
    piece: &'a Piece<'a>,
    a: &'a [f32],
    /// Words from one packed unit of rows to the next.
    unit: usize,
    b: &'a [f32],
}

/// # Safety
/// The kernel's CPU features were detected, tiles are configured, and the tile of C is the caller's.
unsafe fn multiply<'a>(kernel: Kernel, mut tile: Tile, operands: impl Iterator<Item = Operands<'a>>) {
    // SAFETY: by contract.
    unsafe {
        match kernel {
            Kernel::Avx512 | Kernel::Avx2 => {
                for Operands { piece: p, a, unit, b } in operands {
                    match (kernel, p.b.form) {
                        (_, Form::Int8) => int8::panel(tile, p.k, a, unit, b),
                        (_, Form::Int8Avx2) => int8_avx2::panel(tile, p.k, a, unit, b),
                        (Kernel::Avx2, _) => avx2::panel(tile, p.k, a, unit, b),
                        _ => avx512::panel(tile, p.k, a, unit, b),
                    }
                    tile.add = true;
                }
            }
            Kernel::Amx => {
                let mut pieces = Vec::new();
                for Operands { piece: p, a, unit, b } in operands {
                    let Form::Parts(parts) = p.b.form else {
                        int8_amx::panel(tile, p.k, a, unit, b);
                        tile.add = true;
                        continue;
                    };
                    let depths = p.k.div_ceil(amx::DEPTH);
                    pieces.push(amx::Piece { a, unit, b, depths, parts, compute: p.b.compute });
                }
                if !pieces.is_empty() {
                    amx::panel(tile, &pieces);
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "panels_tests.rs"]
mod tests;
