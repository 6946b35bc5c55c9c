//! Products C (+)= A·B of strided views: our own kernel on AVX-512, the `gemm` crate elsewhere.
//!
//! A product is cut into tasks by its shape alone, so its bits don't depend on the number of threads.

#[cfg(target_arch = "x86_64")]
mod packed;
mod route;
mod view;

use crate::ops::pool::Pool;
pub(super) use route::{Kernel, Route, tiles};
use view::{Product, product};
pub(super) use view::{Store, View, ViewMut};

/// C (+)= A·B over the pool.
pub(super) fn matmul(route: Route, pool: &Pool, mut c: ViewMut<'_>, a: View<'_>, b: View<'_>, into: Store) {
    let Some(p) = product(&mut c, a, b, into) else { return };
    match route {
        #[cfg(target_arch = "x86_64")]
        Route::Avx512 { .. } => packed::parallel(pool, &p),
        _ => portable(pool, &p),
    }
}

/// C (+)= A·B on this thread: inside a task.
pub(super) fn matmul_here(route: Route, mut c: ViewMut<'_>, a: View<'_>, b: View<'_>, into: Store) {
    let Some(p) = product(&mut c, a, b, into) else { return };
    match route {
        #[cfg(target_arch = "x86_64")]
        Route::Avx512 { .. } => packed::here(&p),
        _ => gemm_tile(&p, 0, p.m, 0, p.n),
    }
}

/// Tiles of a size that keeps `gemm`'s packing small beside its arithmetic.
fn portable(pool: &Pool, p: &Product) {
    let (tm, tn) = if p.n >= p.m { (p.m, (p.n.div_ceil(8)).max(192)) } else { ((p.m.div_ceil(8)).max(192), p.n) };
    let (rows, cols) = (p.m.div_ceil(tm), p.n.div_ceil(tn));
    pool.run(rows * cols, &|i| {
        let (m0, n0) = (i / cols * tm, i % cols * tn);
        gemm_tile(p, m0, tm.min(p.m - m0), n0, tn.min(p.n - n0));
    });
}

fn gemm_tile(p: &Product, m0: usize, m: usize, n0: usize, n: usize) {
    // SAFETY: the tile lies within the views that `product` checked; tiles of one call are disjoint.
    unsafe {
        ::gemm::gemm(
            m,
            n,
            p.k,
            p.c.0.add(m0 * p.c.1 + n0),
            1,
            p.c.1 as isize,
            p.into == Store::Add,
            p.a.0.add(m0 * p.a.1),
            p.a.2 as isize,
            p.a.1 as isize,
            p.b.0.add(n0 * p.b.2),
            p.b.2 as isize,
            p.b.1 as isize,
            1.0f32,
            1.0f32,
            false,
            false,
            false,
            ::gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests;
