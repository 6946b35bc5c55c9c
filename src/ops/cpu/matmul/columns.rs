//! B of a product C += A·B as our kernels read it: panels of 32 columns, packed beforehand from f32 values (a low-rank
//! term's), or made from the stored weight when a task needs them.

use std::cell::RefCell;

use crate::ops::cpu::matmul::avx512::{grown, pack_rows, pack_transposed};
use crate::ops::cpu::matmul::tile::NR;
use crate::ops::cpu::matmul::{Kernel, amx};
use crate::ops::cpu::widen::{self, Reader};
use crate::ops::pool::{Parts, Pool};
use crate::ops::{Compute, Encoding, WeightRef, decode};

/// Columns of a stored weight that are widened together, at most.
const SEGMENT: usize = 256;
/// Panels that are made together at least, for the backward: a row of them is a few cache lines.
const TOGETHER: usize = 4;
/// Rows of a stored weight that are widened together, for the backward.
const BAND: usize = 16;

thread_local! {
    static WIDE: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

impl Kernel {
    /// Words of a panel of 32 columns, k deep.
    pub(super) fn panel(self, k: usize, parts: usize) -> usize {
        match self {
            Self::Avx512 => NR * k,
            Self::Amx => 2 * amx::row_words(k, parts),
        }
    }
}

/// The bf16 parts in which values of this encoding are exact (their bits are those of a scale times those of a code, but a
/// sum with a minimum has as many as f32); or the one that is nearest.
fn parts(encoding: Encoding, compute: Compute) -> usize {
    match encoding {
        _ if compute == Compute::Bf16 => 1,
        Encoding::BF16 => 1,
        Encoding::F16 | Encoding::Q4_0 | Encoding::Q5_0 => 2,
        _ => 3,
    }
}

/// What a weight's columns are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// y = x·Wᵀ: its rows.
    Forward,
    /// dx = dy·W: its columns.
    Back,
}

/// B in panels of 32 columns, zero beyond n.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    kernel: Kernel,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) parts: usize,
    /// How A is multiplied with it, too.
    pub(super) compute: Compute,
    /// Panels that are made together at least, a power of two, and what a pass over k begins at a multiple of.
    pub(super) group: usize,
    pub(super) align: usize,
    source: Source<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Packed(&'a [f32]),
    Stored(WeightRef<'a>, Side),
}

/// n and k of a weight's columns.
const fn shape(w: &WeightRef<'_>, side: Side) -> (usize, usize) {
    match side {
        Side::Forward => (w.rows, w.cols),
        Side::Back => (w.cols, w.rows),
    }
}

impl<'a> Columns<'a> {
    /// Words of n columns of f32 values, k deep.
    pub fn len(kernel: Kernel, n: usize, k: usize) -> usize {
        n.div_ceil(NR) * kernel.panel(k, amx::PARTS)
    }

    /// Of f32 values, by [`pack`] or [`pack_t`].
    pub fn new(kernel: Kernel, data: &'a [f32], n: usize, k: usize) -> Self {
        assert!(data.len() == Self::len(kernel, n, k));
        let (parts, compute, source) = (amx::PARTS, Compute::F32, Source::Packed(data));
        Self { kernel, n, k, parts, compute, group: 1, align: amx::DEPTH, source }
    }

    /// Made when they are needed.
    pub fn stored(kernel: Kernel, w: WeightRef<'a>, side: Side, compute: Compute) -> Self {
        let ((n, k), block) = (shape(&w, side), w.encoding.block().0.max(amx::DEPTH));
        let together = if w.encoding == Encoding::BF16 { TOGETHER } else { 1 };
        let (group, align) = if side == Side::Back { (together.max(block / NR), amx::DEPTH) } else { (1, block) };
        Self { kernel, n, k, parts: parts(w.encoding, compute), compute, group, align, source: Source::Stored(w, side) }
    }

    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub fn compute(&self) -> Compute {
        self.compute
    }

    pub fn columns(&self) -> usize {
        self.n
    }

    /// The words of `group` panels that have to be made.
    pub(super) fn scratch(&self, k: usize, group: usize) -> usize {
        match self.source {
            Source::Packed(_) => 0,
            Source::Stored(..) => group * self.kernel.panel(k, self.parts),
        }
    }

    /// Makes the panels from `first` on, as many as `out` holds, of depths `k0..k0 + k`; `first` begins a group.
    pub(super) fn make(&self, first: usize, k0: usize, k: usize, out: &mut [f32]) {
        if let Source::Stored(w, side) = self.source {
            make((self.kernel, self.parts), w, side, first, (k0, k), out);
        }
    }

    /// A panel, `k` deep from `k0` on: what was packed, or of those that were made from `first` on.
    pub(super) fn get<'s>(&self, (panel, first): (usize, usize), (k0, k): (usize, usize), made: &'s [f32]) -> &'s [f32]
    where
        'a: 's,
    {
        let deep = |k| self.kernel.panel(k, self.parts);
        match self.source {
            Source::Packed(data) => &data[panel * deep(self.k)..][..deep(self.k)][deep(k0)..][..deep(k)],
            Source::Stored(..) => &made[(panel - first) * deep(k)..][..deep(k)],
        }
    }
}

/// Rows `row..row + n` of a weight, columns `col..col + width`, in f32, `width` after `width`. `col` begins a block.
fn rectangle(w: &WeightRef<'_>, (row, n): (usize, usize), (col, width): (usize, usize), out: &mut [f32]) {
    let (stride, block) = (w.encoding.bytes_for(w.cols), w.encoding.block().0.max(32));
    let bytes = &w.bytes[row * stride + w.encoding.bytes_for(col)..];
    let reader = if widen::ready() { Reader::find(w.encoding, width) } else { None };
    // SAFETY: the reader's CPU features were detected.
    match reader {
        Some(reader) if width == block => unsafe { reader.widen_apart(bytes, stride, &mut out[..n * width]) },
        reader => {
            for (i, out) in out.chunks_exact_mut(width).take(n).enumerate() {
                let row = &bytes[i * stride..][..w.encoding.bytes_for(width)];
                match reader {
                    Some(reader) => unsafe { reader.widen(row, out) },
                    None => decode(w.encoding, row, out),
                }
            }
        }
    }
}

/// Panels of a weight, as many as there are between `first` and the end of `out`'s, depths `k0..k0 + k`.
fn make(layout: (Kernel, usize), w: WeightRef<'_>, side: Side, first: usize, (k0, k): (usize, usize), out: &mut [f32]) {
    let words = layout.0.panel(k, layout.1);
    WIDE.with_borrow_mut(|wide| match side {
        Side::Forward => {
            let wide = grown(wide, NR * SEGMENT);
            for (j, out) in out.chunks_exact_mut(words).enumerate() {
                let row = (first + j) * NR;
                if row < w.rows {
                    forward_panel(layout, &w, (row, NR.min(w.rows - row)), (k0, k), wide, out);
                }
            }
        }
        Side::Back => {
            let wide = grown(wide, BAND * SEGMENT.max(out.len() / words.max(1) * NR));
            back_panels(layout, &w, first, (k0, k), wide, out);
        }
    });
}

fn forward_panel(
    (kernel, parts): (Kernel, usize),
    w: &WeightRef<'_>,
    (row, n): (usize, usize),
    (k0, k): (usize, usize),
    wide: &mut [f32],
    out: &mut [f32],
) {
    if (kernel, w.encoding) == (Kernel::Amx, Encoding::BF16) {
        let rows = &w.bytes[2 * (row * w.cols + k0)..2 * ((row + n - 1) * w.cols + k0 + k)];
        // SAFETY: the kernel's CPU features were detected; the rows are there.
        return unsafe { amx::pack_columns_bf16(rows.as_ptr(), 2 * w.cols, n, k, out) };
    }
    for from in (0..k).step_by(SEGMENT) {
        let width = SEGMENT.min(k - from);
        rectangle(w, (row, n), (k0 + from, width), wide);
        let out = &mut out[kernel.panel(from, parts)..][..kernel.panel(width, parts)];
        pack_panel(kernel, &wide[..n * width], n, width, parts, out);
    }
}

fn back_panels(
    (kernel, parts): (Kernel, usize),
    w: &WeightRef<'_>,
    first: usize,
    (k0, k): (usize, usize),
    wide: &mut [f32],
    out: &mut [f32],
) {
    let words = kernel.panel(k, parts);
    let col = first * NR;
    let width = (out.len() / words * NR).min(w.cols - col);
    let last = if kernel == Kernel::Amx { amx::padded(k) } else { k };
    if (kernel, w.encoding) == (Kernel::Amx, Encoding::BF16) {
        return back_panels_bf16(w, (col, width), (k0, k), out);
    }
    for r in (0..last).step_by(BAND) {
        let have = k.saturating_sub(r).min(BAND);
        if have > 0 {
            rectangle(w, (k0 + r, have), (col, width), wide);
        }
        for (j, out) in out.chunks_exact_mut(words).enumerate().take(width.div_ceil(NR)) {
            let cols = NR.min(width - j * NR);
            let row = |i: usize| &wide[i * width + j * NR..][..cols];
            match kernel {
                Kernel::Avx512 => {
                    for (i, to) in out[r * NR..].chunks_exact_mut(NR).take(have).enumerate() {
                        to[..cols].copy_from_slice(row(i));
                        to[cols..].fill(0.0);
                    }
                }
                Kernel::Amx => {
                    for pair in 0..BAND.min(last - r) / 2 {
                        let at = |i: usize| if i < have { row(i).as_ptr() } else { wide.as_ptr() };
                        let odd = (2 * pair + 1 < have).then(|| at(2 * pair + 1));
                        let cols = if 2 * pair < have { cols } else { 0 };
                        // SAFETY: the kernel's CPU features were detected; the rows are there.
                        unsafe { amx::pack_pair((at(2 * pair), odd), cols, r / 2 + pair, parts, out) };
                    }
                }
            }
        }
    }
}

/// The same of a weight in bf16, for tiles: columns `col..col + width`, rows `k0..k0 + k`.
fn back_panels_bf16(w: &WeightRef<'_>, (col, width): (usize, usize), (k0, k): (usize, usize), out: &mut [f32]) {
    let words = Kernel::Amx.panel(k, 1);
    for pair in 0..amx::padded(k) / 2 {
        let (even, odd) = (2 * pair, 2 * pair + 1);
        for (j, out) in out.chunks_exact_mut(words).enumerate().take(width.div_ceil(NR)) {
            let cols = NR.min(width - j * NR);
            let row = |i: usize| w.bytes[2 * ((k0 + i) * w.cols + col + j * NR)..][..2 * cols].as_ptr();
            let (from, cols) = if even < k { (row(even), cols) } else { (w.bytes.as_ptr(), 0) };
            // SAFETY: there are tiles; the rows are there.
            unsafe { amx::pack_pair_bf16((from, (odd < k).then(|| row(odd))), cols, pair, out) };
        }
    }
}

/// `n` ≤ 32 rows of `k` values, end to end, as the columns of one panel.
fn pack_panel(kernel: Kernel, rows: &[f32], n: usize, k: usize, parts: usize, out: &mut [f32]) {
    assert!(n <= NR && rows.len() >= n * k && out.len() == kernel.panel(k, parts));
    // SAFETY: the kernel's CPU features were detected, and the rows are there.
    unsafe {
        match kernel {
            Kernel::Avx512 => pack_transposed::<NR>(rows.as_ptr(), k, n, k, out),
            Kernel::Amx => amx::pack_columns(rows.as_ptr(), k, n, k, parts, out),
        }
    }
}

/// The columns of Bᵀ = `rows` (n × k, row-major).
pub fn pack_t(kernel: Kernel, pool: &Pool, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Columns::len(kernel, n, k));
    let (words, parts) = (kernel.panel(k, amx::PARTS), Parts::new(out));
    pool.run(n.div_ceil(NR), &|j| {
        // SAFETY: each task its panel.
        let out = unsafe { parts.slice(j * words, words) };
        pack_panel(kernel, &rows[j * NR * k..], NR.min(n - j * NR), k, amx::PARTS, out);
    });
}

/// The columns of B = `rows` (k × n, row-major).
pub fn pack(kernel: Kernel, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Columns::len(kernel, n, k));
    for (j, out) in out.chunks_exact_mut(kernel.panel(k, amx::PARTS)).enumerate() {
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
                        amx::pack_pair((row(2 * pair), odd), cols, pair, amx::PARTS, out);
                    }
                }
            }
        }
    }
}
