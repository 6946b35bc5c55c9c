//! Products with few rows (decoding): the weight is read once, as the mapped blocks themselves. Values are decoded
//! exactly; x stays f32.
//!
//! A row's result does not depend on the rows beside it, so texts that are decoded together come out as they would alone.

use crate::ops::cpu::gemm::Route;
use crate::ops::cpu::simd::{LANES, simd, sum, tree};
use crate::ops::pool::{Parts, Pool};

mod rows;
#[cfg(target_arch = "x86_64")]
mod wide;

pub(super) use rows::Rows;

/// Multiplications of a task: enough that handing it out costs little beside it.
const TASK: usize = 65_536;

/// One y = x·Wᵀ of several that share x.
pub(super) struct Few<'a> {
    pub y: &'a mut [f32],
    pub w: Rows<'a>,
}

/// Each y = x·Wᵀ for a handful of rows of x, all in one go over the pool.
pub(super) fn few_rows(route: Route, pool: &Pool, x: &[f32], products: &mut [Few<'_>]) {
    if x.is_empty() {
        return;
    }
    let work: Vec<_> = products.iter_mut().map(|p| (Parts::new(p.y), p.w)).collect();
    let mut tasks = Vec::new();
    for (p, (_, w)) in work.iter().enumerate() {
        // Whole groups of rows, which share their reduction.
        let step = (TASK / x.len()).next_multiple_of(16).max(16);
        tasks.extend((0..w.rows).step_by(step).map(|first| (p, first, step.min(w.rows - first))));
    }
    pool.run(tasks.len(), &|task| {
        let (p, first, n) = tasks[task];
        let (y, w) = &work[p];
        // SAFETY: tasks take disjoint columns of their y.
        unsafe { part(route, y, x, *w, first, n) };
    });
}

/// Columns `first` … `first + n` of every row of y.
///
/// # Safety
/// No other task asks for these columns of y.
unsafe fn part(route: Route, y: &Parts<'_, f32>, x: &[f32], w: Rows<'_>, first: usize, n: usize) {
    match route {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: ready; the columns are the task's own.
        Route::Avx512 { .. } if crate::ops::cpu::weights::widen::ready() => unsafe { wide::part(y, x, w, first, n) },
        // SAFETY: by the caller.
        _ => unsafe { plain(y, x, w, first, n) },
    }
}

/// [`part`] from f32 values.
///
/// # Safety
/// As [`part`].
unsafe fn plain(y: &Parts<'_, f32>, x: &[f32], w: Rows<'_>, first: usize, n: usize) {
    w.with_wide(first, n, |values| {
        for (t, x) in x.chunks(4 * w.cols).enumerate() {
            // Beyond the last row it is read again, and its sums are dropped.
            let rows = x.len() / w.cols;
            let x: [&[f32]; 4] = std::array::from_fn(|r| &x[r.min(rows - 1) * w.cols..][..w.cols]);
            for (i, row) in values.chunks_exact(w.cols).enumerate() {
                let sums = if rows == 1 { [dot(row, x[0]); 4] } else { dots(row, x) };
                for (r, sum) in sums[..rows].iter().enumerate() {
                    // SAFETY: the task's own column of row r.
                    unsafe { y.slice((4 * t + r) * w.rows + first + i, 1)[0] = *sum };
                }
            }
        }
    });
}

simd! {
    pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
        let b = &b[..a.len()];
        sum(a.len(), |i| a[i] * b[i])
    }
}

simd! {
    /// [`dot`] of `w` with four rows at once, bit for bit.
    fn dots(w: &[f32], x: [&[f32]; 4]) -> [f32; 4] {
        let x = x.map(|x| &x[..w.len()]);
        let mut lanes = [[0.0f32; LANES]; 4];
        let whole = w.len() / LANES * LANES;
        let mut i = 0;
        while i < whole {
            for (lanes, x) in lanes.iter_mut().zip(x) {
                for (l, lane) in lanes.iter_mut().enumerate() {
                    *lane += w[i + l] * x[i + l];
                }
            }
            i += LANES;
        }
        for (lanes, x) in lanes.iter_mut().zip(x) {
            for (l, i) in (whole..w.len()).enumerate() {
                lanes[l] += w[i] * x[i];
            }
        }
        lanes.map(tree)
    }
}
