//! Tiles of dot products. Every product of one row of W with one row of x adds in the same order, however many
//! rows of either stand beside it: lane `l` of two chains takes the columns 32·i + l and 32·i + 16 + l, the chains are
//! added, then the lanes as a tree.

use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
use std::cell::RefCell;
use std::ops::Range;

use crate::ops::cpu::gemv::rows::Rows;
use crate::ops::cpu::simd::Vectors;
use crate::ops::cpu::weights::widen::Reader;
use crate::ops::pool::Parts;

/// Rows of W that are reduced, or decoded, together.
pub(super) const GROUP: usize = 16;

/// Bytes from what is read to what is asked for: 1 to 8 KiB measure alike.
const AHEAD: usize = 2048;

/// What the tiles are computed with; its functions need the CPU's features.
pub(super) trait TileKernel {
    /// What it needs of the CPU.
    const VECTORS: Vectors;

    /// Writes the 16 partial sums of each row of W (`w`) with each row of x to `lanes`, those of row `r` of x from `r·W` on. W·R ≤ 16.
    ///
    /// # Safety
    /// The CPU has [`Self::VECTORS`]; each pointer has `cols` floats behind it.
    unsafe fn products<const W: usize, const R: usize>(
        w: [*const f32; W],
        x: [*const f32; R],
        cols: usize,
        lanes: &mut Lanes,
    );

    /// The sum of each 16 as a tree: lanes 8 apart, then 4, 2, 1.
    ///
    /// # Safety
    /// The CPU has [`Self::VECTORS`].
    unsafe fn reduce(lanes: &Lanes) -> [f32; GROUP];
}

/// Partial sums to be reduced, 16 of each.
#[repr(align(64))]
pub(super) struct Lanes(pub [[f32; 16]; GROUP]);

thread_local! {
    static PANEL: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// y[r][columns] = x[r]·W[columns]ᵀ for every row of x, y's rows being W's `rows` wide.
///
/// # Safety
/// The CPU has the kernel's vectors; no other task asks for these columns of y.
pub(super) unsafe fn part<K: TileKernel>(y: &Parts<'_, f32>, x: &[f32], w: Rows<'_>, columns: Range<usize>) {
    let reader = w.stored.and_then(|s| Some((s, Reader::find(K::VECTORS, s.encoding, s.cols)?)));
    let Some((stored, reader)) = reader else {
        let (first, n) = (columns.start, columns.len());
        // SAFETY: by the caller.
        return w.with_wide(first, n, |plain| unsafe { tiles::<K>(y, x, w.cols, plain, w.rows, first) });
    };
    for start in columns.clone().step_by(GROUP) {
        let n = GROUP.min(columns.end - start);
        // SAFETY: by the caller.
        unsafe {
            if x.len() == w.cols {
                let mut lanes = Lanes([[0.0; 16]; GROUP]);
                for (i, lanes) in lanes.0[..n].iter_mut().enumerate() {
                    let row = stored.row(start + i);
                    fetch(row);
                    reader.dot(row, x, lanes);
                }
                y.slice(start, n).copy_from_slice(&K::reduce(&lanes)[..n]);
            } else {
                PANEL.with_borrow_mut(|panel| {
                    panel.resize((n * w.cols).max(panel.len()), 0.0);
                    for (i, values) in panel.chunks_exact_mut(w.cols).take(n).enumerate() {
                        reader.widen(stored.row(start + i), values);
                    }
                    tiles::<K>(y, x, w.cols, &panel[..n * w.cols], w.rows, start);
                });
            }
        }
    }
}

/// Asks for what lies [`AHEAD`] bytes behind this row: the processor's own reading ahead ends at each page.
fn fetch(row: &[u8]) {
    for at in (0..row.len()).step_by(64) {
        // SAFETY: a hint, which no address can make fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().wrapping_add(AHEAD + at).cast()) };
    }
}

/// The products of these plain rows of W, `first` … of `out`, with all rows of x.
///
/// # Safety
/// As [`part`].
unsafe fn tiles<K: TileKernel>(y: &Parts<'_, f32>, x: &[f32], cols: usize, w: &[f32], out: usize, first: usize) {
    for (t, x) in x.chunks(4 * cols).enumerate() {
        let at = 4 * t * out + first;
        // SAFETY: by the caller.
        unsafe {
            match x.len() / cols {
                1 => stripe::<K, 16, 1>(y, at, out, x, w, cols),
                2 => stripe::<K, 8, 2>(y, at, out, x, w, cols),
                3 => stripe::<K, 4, 3>(y, at, out, x, w, cols),
                _ => stripe::<K, 4, 4>(y, at, out, x, w, cols),
            }
        }
    }
}

/// `R` rows of x against all rows of `w`, `W` at a time; W·R ≤ 16.
///
/// # Safety
/// As [`part`].
unsafe fn stripe<K: TileKernel, const W: usize, const R: usize>(
    y: &Parts<'_, f32>,
    at: usize,
    out: usize,
    x: &[f32],
    w: &[f32],
    cols: usize,
) {
    let rows = w.len() / cols;
    assert!(x.len() == R * cols);
    for start in (0..rows).step_by(W) {
        let n = W.min(rows - start);
        // Beyond the last row it is read again, and its sums are dropped.
        let w: [*const f32; W] = std::array::from_fn(|i| w[(start + i.min(n - 1)) * cols..].as_ptr());
        let x: [*const f32; R] = std::array::from_fn(|r| x[r * cols..].as_ptr());
        let mut lanes = Lanes([[0.0; 16]; GROUP]);
        // SAFETY: each pointer has `cols` floats behind it; the CPU, by the caller.
        let sums = unsafe {
            K::products(w, x, cols, &mut lanes);
            K::reduce(&lanes)
        };
        for r in 0..R {
            // SAFETY: row r's columns of this task.
            unsafe { y.slice(at + r * out + start, n) }.copy_from_slice(&sums[r * W..][..n]);
        }
    }
}
