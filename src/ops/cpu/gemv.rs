//! Products with few rows (decoding): the weight is read once, so its smallest form is read: the mapped blocks
//! themselves where a kernel knows them, else the f32 copy. Values are decoded exactly; x stays f32.

use crate::ops::cpu::Widened;
use crate::ops::cpu::simd::{simd, sum};
use crate::ops::pool::{Parts, Pool};
use crate::ops::{Matrix, decode};

#[cfg(target_arch = "x86_64")]
mod blocks;

simd! {
    fn dot(a: &[f32], b: &[f32]) -> f32 {
        let b = &b[..a.len()];
        sum(a.len(), |i| a[i] * b[i])
    }
}

/// y = x·Wᵀ for a handful of rows of x.
pub(super) fn few_rows(pool: &Pool, y: &mut [f32], x: &[f32], w: Matrix<'_, Widened>) {
    let (out, inn) = (w.source.rows, w.source.cols);
    let step = (65_536 / inn).max(1);
    #[cfg(target_arch = "x86_64")]
    let kernel = blocks::Kernel::find(w.source.encoding, inn);
    #[cfg(target_arch = "x86_64")]
    let sums = if kernel.is_some() { blocks::block_sums(x) } else { Vec::new() };
    let parts = Parts::new(y);
    pool.run(out.div_ceil(step), &|task| {
        let first = task * step;
        let n = step.min(out - first);
        for (r, x) in x.chunks_exact(inn).enumerate() {
            // SAFETY: the task's own columns of row r.
            let y = unsafe { parts.slice(r * out + first, n) };
            #[cfg(target_arch = "x86_64")]
            if let Some(kernel) = kernel {
                let sums = &sums[r * (inn / 32)..(r + 1) * (inn / 32)];
                for (i, y) in y.iter_mut().enumerate() {
                    *y = kernel.dot(w.source.row(first + i), x, sums);
                }
                continue;
            }
            match w.resident {
                Widened::Rows(values) => {
                    y.iter_mut().zip(values[first * inn..].chunks_exact(inn)).for_each(|(y, w)| *y = dot(w, x));
                }
                #[cfg(target_arch = "x86_64")]
                Widened::Panels { .. } => {
                    let mut row = vec![0.0; inn];
                    for (i, y) in y.iter_mut().enumerate() {
                        decode(w.source.encoding, w.source.row(first + i), &mut row);
                        *y = dot(&row, x);
                    }
                }
            }
        }
    });
}
