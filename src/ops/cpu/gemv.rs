//! Products with few rows (decoding): the weight is read once, as the mapped blocks themselves. Values are decoded
//! exactly; x stays f32.
//!
//! A row's result does not depend on the rows beside it, so texts that are decoded together come out as they would alone.

use crate::ops::cpu::gemm::Route;
use crate::ops::cpu::simd::{Vectors, simd, sum};
use crate::ops::pool::{Parts, Pool};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod rows;
#[cfg(target_arch = "x86_64")]
mod tiles;

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
    let vectors = match (route, Vectors::widest()) {
        (Route::Gemm, _) => Vectors::Plain,
        #[cfg(target_arch = "x86_64")]
        (Route::Avx2, Vectors::Avx512) => Vectors::Avx2,
        #[cfg(target_arch = "x86_64")]
        (_, vectors) => vectors,
    };
    // SAFETY: the CPU has these vectors; the columns are the task's own, by the caller.
    unsafe {
        match vectors {
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx512 => tiles::part::<avx512::Avx512>(y, x, w, first..first + n),
            #[cfg(target_arch = "x86_64")]
            Vectors::Avx2 => tiles::part::<avx2::Avx2>(y, x, w, first..first + n),
            Vectors::Plain => plain(y, x, w, first, n),
        }
    }
}

/// [`part`] from f32 values.
///
/// # Safety
/// As [`part`].
unsafe fn plain(y: &Parts<'_, f32>, x: &[f32], w: Rows<'_>, first: usize, n: usize) {
    w.with_wide(first, n, |values| {
        for (r, x) in x.chunks_exact(w.cols).enumerate() {
            for (i, row) in values.chunks_exact(w.cols).enumerate() {
                // SAFETY: the task's own column of row r.
                unsafe { y.slice(r * w.rows + first + i, 1)[0] = dot(row, x) };
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
