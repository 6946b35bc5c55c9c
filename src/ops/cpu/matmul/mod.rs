//! The one matrix seam: C (+)= A·B on strided views. AVX-512 takes our own kernel, everything else the `gemm` crate.
//!
//! A product is cut into tasks by its shape alone, so its bits don't depend on the number of threads.

#[cfg(target_arch = "x86_64")]
mod amx;
#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
pub(super) mod columns;
#[cfg(target_arch = "x86_64")]
mod int8;
#[cfg(target_arch = "x86_64")]
mod int8_amx;
#[cfg(target_arch = "x86_64")]
mod int8_avx2;
#[cfg(target_arch = "x86_64")]
pub(super) mod outer;
#[cfg(target_arch = "x86_64")]
pub(super) mod panels;
#[cfg(target_arch = "x86_64")]
mod prefetch;
#[cfg(target_arch = "x86_64")]
mod q4k;
#[cfg(target_arch = "x86_64")]
mod tile;
mod view;

use crate::ops::pool::Pool;
use view::{Product, product};
pub(super) use view::{Store, View, ViewMut};

/// What multiplies packed operands: each has a layout of its own, counted in words of 32 bits. There is one only where
/// the CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kernel {
    /// Vectors: B as `[panel of 32 columns][k][32]`, A as `[12 rows][k][12]`; in eight bits as `int8` says (and `int8_avx2`).
    Avx512,
    /// The same in vectors of eight.
    Avx2,
    /// Tiles: B as `[panel][depth of 32][part][half][pair of depths][16 × 2]`, A as `[16 rows][depth][part][row][32]`.
    Amx,
}

#[cfg(target_arch = "x86_64")]
impl Kernel {
    /// Whether this kernel multiplies in eight bits on this CPU.
    pub(super) fn has_int8(self) -> bool {
        match self {
            Self::Avx512 => int8::ready(),
            Self::Avx2 => int8_avx2::ready(),
            Self::Amx => int8_amx::ready(),
        }
    }
}

/// Which code computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// Our kernel on vectors; `tiles`: and on matrix tiles, with weights.
    #[cfg(target_arch = "x86_64")]
    Avx512 { tiles: bool },
    /// Our kernel with weights and what is added to their products, the `gemm` crate for the rest.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The `gemm` crate, which looks at the CPU itself.
    Gemm,
}

impl Route {
    /// The best this CPU has.
    pub(super) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return Self::Avx512 { tiles: amx::ready() };
        }
        #[cfg(target_arch = "x86_64")]
        if avx2::ready() {
            return Self::Avx2;
        }
        Self::Gemm
    }

    /// Every route that this CPU can go, the best last.
    #[cfg(test)]
    pub(super) fn all() -> Vec<Self> {
        let mut all = vec![Self::Gemm];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx2::ready().then_some(Self::Avx2));
            if let Self::Avx512 { tiles } = Self::detect() {
                all.push(Self::Avx512 { tiles: false });
                all.extend(tiles.then_some(Self::Avx512 { tiles }));
            }
        }
        all
    }

    /// What multiplies packed operands, where something of ours does.
    pub(super) fn kernel(self) -> Option<Kernel> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 { tiles: true } => Some(Kernel::Amx),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 { tiles: false } => Some(Kernel::Avx512),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Some(Kernel::Avx2),
            Self::Gemm => None,
        }
    }
}

/// Whether this CPU has matrix tiles that we may use.
pub(super) fn tiles() -> bool {
    Route::detect().kernel() == Some(Kernel::Amx)
}

/// C (+)= A·B over the pool.
pub(super) fn matmul(route: Route, pool: &Pool, mut c: ViewMut<'_>, a: View<'_>, b: View<'_>, into: Store) {
    let Some(p) = product(&mut c, a, b, into) else { return };
    match route {
        #[cfg(target_arch = "x86_64")]
        Route::Avx512 { .. } => avx512::parallel(pool, &p),
        _ => portable(pool, &p),
    }
}

/// C (+)= A·B on this thread: inside a task.
pub(super) fn matmul_here(route: Route, mut c: ViewMut<'_>, a: View<'_>, b: View<'_>, into: Store) {
    let Some(p) = product(&mut c, a, b, into) else { return };
    match route {
        #[cfg(target_arch = "x86_64")]
        Route::Avx512 { .. } => avx512::here(&p),
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
        gemm::gemm(
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
            gemm::Parallelism::None,
        );
    }
}

#[cfg(test)]
mod tests;
