//! B of a product C += A·B as our kernels read it: panels of 32 columns, packed beforehand from f32 values (a low-rank
//! term's), or made from the stored weight when a task needs them.

use std::cell::RefCell;
use std::ops::Range;

use crate::ops::cpu::gemm::Kernel;
use crate::ops::cpu::kernels::tile::NR;
use crate::ops::cpu::kernels::x86::prefetch;
use crate::ops::cpu::kernels::{amx, int8, int8_avx2};
use crate::ops::cpu::simd::Vectors;
use crate::ops::cpu::weights::form::Form;
use crate::ops::cpu::weights::q4k;
use crate::ops::cpu::weights::widen::Reader;
use crate::ops::cpu::words::grown;
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

/// What a weight's columns are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// y = x·Wᵀ: its rows.
    Forward,
    /// dx = dy·W: its columns.
    Back,
}

/// B in panels of 32 columns, zero beyond n.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Columns<'a> {
    kernel: Kernel,
    pub(super) n: usize,
    pub(super) k: usize,
    pub(super) form: Form,
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

/// What is read after a rectangle of a weight.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Rows,
    Columns,
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
    pub(crate) fn len(kernel: Kernel, n: usize, k: usize) -> usize {
        n.div_ceil(NR) * Form::whole(kernel).panel(k)
    }

    /// Of f32 values, by [`pack`] or [`pack_t`].
    pub(crate) fn new(kernel: Kernel, data: &'a [f32], n: usize, k: usize) -> Self {
        assert!(data.len() == Self::len(kernel, n, k));
        let (form, compute, source) = (Form::whole(kernel), Compute::F32, Source::Packed(data));
        Self { kernel, n, k, form, compute, group: 1, align: amx::DEPTH, source }
    }

    /// Made when they are needed.
    pub(crate) fn stored(kernel: Kernel, w: WeightRef<'a>, side: Side, compute: Compute) -> Self {
        let ((n, k), form) = (shape(&w, side), Form::of(kernel, w.encoding, compute));
        assert!(!form.is_int8() || kernel.has_int8());
        let deep = if form.is_int8() { int8::BLOCK } else { amx::DEPTH };
        let block = w.encoding.block().0.max(deep);
        let together = if w.encoding == Encoding::BF16 { TOGETHER } else { 1 };
        let (group, align) =
            if side == Side::Back { (together.max(w.encoding.block().0.div_ceil(NR)), deep) } else { (1, block) };
        Self { kernel, n, k, form, compute, group, align, source: Source::Stored(w, side) }
    }

    /// Words of all panels.
    pub(crate) fn words(&self) -> usize {
        self.n.div_ceil(NR) * self.form.panel(self.k)
    }

    /// All panels of a stored weight, as [`Columns::kept`] takes them.
    pub(crate) fn all(&self, pool: &Pool, out: &mut [f32]) {
        assert!(out.len() == self.words());
        let (words, panels) = (self.form.panel(self.k), self.n.div_ceil(NR));
        let parts = Parts::new(out);
        pool.run(panels.div_ceil(self.group), &|task| {
            let first = task * self.group;
            // SAFETY: each task its panels.
            let out = unsafe { parts.slice(first * words, self.group.min(panels - first) * words) };
            self.make(first, 0..self.k, out);
        });
    }

    /// The same columns, made before by [`Columns::all`].
    #[must_use]
    pub(crate) fn kept(self, words: &'a [f32]) -> Self {
        assert!(words.len() == self.words());
        Self { source: Source::Packed(words), ..self }
    }

    pub(crate) fn kernel(&self) -> Kernel {
        self.kernel
    }

    pub(crate) fn compute(&self) -> Compute {
        self.compute
    }

    pub(crate) fn columns(&self) -> usize {
        self.n
    }

    /// The words of `group` panels that have to be made.
    pub(super) fn scratch(&self, k: usize, group: usize) -> usize {
        match self.source {
            Source::Packed(_) => 0,
            Source::Stored(..) => group * self.form.panel(k),
        }
    }

    /// Makes these depths of the panels from `first` on, as many as `out` holds; `first` begins a group.
    pub(super) fn make(&self, first: usize, depths: Range<usize>, out: &mut [f32]) {
        if let Source::Stored(w, side) = self.source {
            make(self.form, w, side, first, depths, out);
        }
    }

    /// These depths of a panel: what was packed, or of those panels that were made from `first` on.
    pub(super) fn get<'s>(&self, panel: usize, first: usize, depths: Range<usize>, made: &'s [f32]) -> &'s [f32]
    where
        'a: 's,
    {
        let deep = |k| self.form.panel(k);
        let (k0, k) = (depths.start, depths.len());
        match self.source {
            Source::Packed(data) => &data[panel * deep(self.k)..][..deep(self.k)][deep(k0)..][..deep(k)],
            Source::Stored(..) => &made[(panel - first) * deep(k)..][..deep(k)],
        }
    }
}

/// These rows and columns of a weight in f32, row after row. The first column begins a block. What comes next are as many
/// rows or columns.
fn rectangle(w: &WeightRef<'_>, rows: Range<usize>, cols: Range<usize>, next: Next, out: &mut [f32]) {
    let (row, n, col, width) = (rows.start, rows.len(), cols.start, cols.len());
    let (stride, block) = (w.encoding.bytes_for(w.cols), w.encoding.block().0.max(32));
    let bytes = &w.bytes[row * stride + w.encoding.bytes_for(col)..];
    let part = w.encoding.bytes_for(width);
    let ahead = if next == Next::Rows { n * stride } else { part };
    (0..n).for_each(|i| prefetch(bytes.as_ptr().wrapping_add(i * stride + ahead), part));
    let reader = Reader::find(Vectors::widest(), w.encoding, width);
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

/// These depths of a weight's panels, as many as there are between `first` and the end of `out`'s.
fn make(form: Form, w: WeightRef<'_>, side: Side, first: usize, depths: Range<usize>, out: &mut [f32]) {
    let words = form.panel(depths.len());
    WIDE.with_borrow_mut(|wide| match side {
        Side::Forward => {
            let wide = grown(wide, NR * SEGMENT);
            for (j, out) in out.chunks_exact_mut(words).enumerate() {
                let row = (first + j) * NR;
                if row < w.rows {
                    forward_panel(form, &w, row..(row + NR).min(w.rows), depths.clone(), wide, out);
                }
            }
        }
        Side::Back => {
            let wide = grown(wide, int8::BLOCK * SEGMENT.max(out.len() / words.max(1) * NR));
            back_panels(form, &w, first, depths, wide, out);
        }
    });
}

fn forward_panel(
    form: Form,
    w: &WeightRef<'_>,
    rows: Range<usize>,
    depths: Range<usize>,
    wide: &mut [f32],
    out: &mut [f32],
) {
    let (row, n, k0, k) = (rows.start, rows.len(), depths.start, depths.len());
    if (form, w.encoding) == (Form::Parts(1), Encoding::BF16) {
        let bytes = &w.bytes[2 * (row * w.cols + k0)..2 * ((row + n - 1) * w.cols + k0 + k)];
        // SAFETY: the kernel's CPU features were detected; the rows are there.
        return unsafe { amx::pack_columns_bf16(bytes.as_ptr(), 2 * w.cols, n, k, out) };
    }
    if form == Form::Int8 && q4k::takes(w) {
        return q4k::columns(w, rows, depths, out);
    }
    for from in (0..k).step_by(SEGMENT) {
        let width = SEGMENT.min(k - from);
        rectangle(w, rows.clone(), k0 + from..k0 + from + width, Next::Columns, wide);
        let out = &mut out[form.panel(from)..][..form.panel(width)];
        form.pack(&wide[..n * width], n, width, out);
    }
}

fn back_panels(form: Form, w: &WeightRef<'_>, first: usize, depths: Range<usize>, wide: &mut [f32], out: &mut [f32]) {
    let (k0, k) = (depths.start, depths.len());
    let words = form.panel(k);
    let col = first * NR;
    let width = (out.len() / words * NR).min(w.cols - col);
    // Rows that are widened together, and what is filled up with zeros past the last.
    let (band, last) = match form {
        Form::F32 | Form::F32Avx2 => (BAND, k),
        Form::Parts(_) => (BAND, amx::padded(k)),
        Form::Int8 | Form::Int8Avx2 => (int8::BLOCK, k),
    };
    if (form, w.encoding) == (Form::Parts(1), Encoding::BF16) {
        return back_panels_bf16(w, col..col + width, depths, out);
    }
    for r in (0..last).step_by(band) {
        let have = k.saturating_sub(r).min(band);
        if form == Form::Int8 && q4k::takes(w) {
            q4k::blocks(w, col..col + width, k0 + r..k0 + r + have, words, &mut out[form.panel(r)..]);
            continue;
        }
        if have > 0 {
            rectangle(w, k0 + r..k0 + r + have, col..col + width, Next::Rows, wide);
        }
        for (j, out) in out.chunks_exact_mut(words).enumerate().take(width.div_ceil(NR)) {
            let cols = NR.min(width - j * NR);
            let row = |i: usize| &wide[i * width + j * NR..][..cols];
            match form {
                Form::F32 | Form::F32Avx2 => {
                    for (i, to) in out[r * NR..].chunks_exact_mut(NR).take(have).enumerate() {
                        to[..cols].copy_from_slice(row(i));
                        to[cols..].fill(0.0);
                    }
                }
                // SAFETY: the kernel's CPU features were detected; the rows are there.
                Form::Int8 => unsafe {
                    int8::pack_block(row(0).as_ptr(), width, cols, have, &mut out[form.panel(r)..]);
                },
                // SAFETY: as above.
                Form::Int8Avx2 => unsafe {
                    int8_avx2::pack_block(row(0).as_ptr(), width, cols, have, &mut out[form.panel(r)..]);
                },
                Form::Parts(parts) => {
                    for pair in 0..BAND.min(last - r) / 2 {
                        let at = |i: usize| if i < have { row(i).as_ptr() } else { wide.as_ptr() };
                        let odd = (2 * pair + 1 < have).then(|| at(2 * pair + 1));
                        let cols = if 2 * pair < have { cols } else { 0 };
                        // SAFETY: the kernel's CPU features were detected; the rows are there.
                        unsafe { amx::pack_pair(at(2 * pair), odd, cols, r / 2 + pair, parts, out) };
                    }
                }
            }
        }
    }
}

/// The same of a weight in bf16, for tiles; the depths are the weight's rows.
fn back_panels_bf16(w: &WeightRef<'_>, cols: Range<usize>, depths: Range<usize>, out: &mut [f32]) {
    let (col, width, k0, k) = (cols.start, cols.len(), depths.start, depths.len());
    let words = Form::Parts(1).panel(k);
    for pair in 0..amx::padded(k) / 2 {
        let (even, odd) = (2 * pair, 2 * pair + 1);
        for (j, out) in out.chunks_exact_mut(words).enumerate().take(width.div_ceil(NR)) {
            let cols = NR.min(width - j * NR);
            let row = |i: usize| w.bytes[2 * ((k0 + i) * w.cols + col + j * NR)..][..2 * cols].as_ptr();
            let (from, cols) = if even < k { (row(even), cols) } else { (w.bytes.as_ptr(), 0) };
            // SAFETY: there are tiles; the rows are there.
            unsafe { amx::pack_pair_bf16(from, (odd < k).then(|| row(odd)), cols, pair, out) };
        }
    }
}

/// The columns of Bᵀ = `rows` (n × k, row-major).
pub(crate) fn pack_t(kernel: Kernel, pool: &Pool, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Columns::len(kernel, n, k));
    let (form, parts) = (Form::whole(kernel), Parts::new(out));
    let words = form.panel(k);
    pool.run(n.div_ceil(NR), &|j| {
        // SAFETY: each task its panel.
        let out = unsafe { parts.slice(j * words, words) };
        form.pack(&rows[j * NR * k..], NR.min(n - j * NR), k, out);
    });
}

/// The columns of B = `rows` (k × n, row-major).
pub(crate) fn pack(kernel: Kernel, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
    assert!(rows.len() == n * k && out.len() == Columns::len(kernel, n, k));
    for (j, out) in out.chunks_exact_mut(Form::whole(kernel).panel(k)).enumerate() {
        let cols = NR.min(n - j * NR);
        match kernel {
            Kernel::Avx512 | Kernel::Avx2 => {
                for (to, row) in out.chunks_exact_mut(NR).zip(rows.chunks_exact(n)) {
                    to[..cols].copy_from_slice(&row[j * NR..][..cols]);
                    to[cols..].fill(0.0);
                }
            }
            Kernel::Amx => {
                for pair in 0..amx::padded(k) / 2 {
                    let row = |i: usize| rows.as_ptr().wrapping_add(i * n + j * NR);
                    let odd = (2 * pair + 1 < k).then(|| row(2 * pair + 1));
                    let cols = if 2 * pair < k { cols } else { 0 };
                    // SAFETY: there are tiles; k rows of n values are there.
                    unsafe { amx::pack_pair(row(2 * pair), odd, cols, pair, amx::PARTS, out) };
                }
            }
        }
    }
}
