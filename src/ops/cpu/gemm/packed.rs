//! The product on AVX-512, both operands packed so that every load is contiguous.
//!
//! A is packed once per call as `[block of 12 rows][k][12]`, shared by all tasks; each task packs its own 32 columns of B
//! as `[k][32]`. Against M ≥ 100 rows the packing is 1–2 % of the arithmetic, so weights need no second, packed copy.

use std::cell::RefCell;
use std::ops::Range;

use crate::ops::cpu::gemm::view::{Product, Store};
use crate::ops::cpu::kernels::avx512::{pack_rows, pack_transposed, panel};
use crate::ops::cpu::kernels::tile::{MR, NR, Tile};
use crate::ops::cpu::words::grown;
use crate::ops::pool::{Parts, Pool};

/// Rows of A per outer block: with k ≤ 768 it stays within a 2 MiB L2 cache.
const MC: usize = 480;
/// Depth of a pass: a packed panel of B (64 KiB) and the block of A stay near.
const KC: usize = 768;
/// Below this a product is not worth waking threads for (2·m·n·k operations).
const SMALL: usize = 200_000;

thread_local! {
    static PACKED: RefCell<(Vec<f32>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// Depth of each pass over k: all about equal and at most `KC`.
fn pass(k: usize) -> usize {
    let passes = k.div_ceil(KC);
    k.div_ceil(passes)
}

/// Floats of packed A: whole blocks of 12 rows, `kc` deep.
fn a_len(m: usize, kc: usize) -> usize {
    m.div_ceil(MR) * MR * kc
}

impl Product {
    /// Rows [m0, m0 + rows) and the panel from n0 on, in the pass from k0 on.
    ///
    /// # Safety
    /// Within C.
    unsafe fn tile(&self, m0: usize, rows: usize, n0: usize, k0: usize) -> Tile {
        // SAFETY: by contract.
        let c = unsafe { self.c.0.add(m0 * self.c.1 + n0) };
        Tile { c, stride: self.c.1, rows, cols: NR.min(self.n - n0), add: k0 > 0 || self.into == Store::Add }
    }
}

pub(super) fn here(p: &Product) {
    PACKED.with_borrow_mut(|(a, b)| {
        for m0 in (0..p.m).step_by(MC) {
            let m = MC.min(p.m - m0);
            let kc = pass(p.k);
            for k0 in (0..p.k).step_by(kc) {
                let k = kc.min(p.k - k0);
                let a = grown(a, a_len(m, k));
                let b = grown(b, NR * k);
                // SAFETY: AVX-512 was detected (Route); ranges lie within the checked views.
                unsafe {
                    for i in 0..m.div_ceil(MR) {
                        pack_a(p, m0 + i * MR, m0 + m, k0, k, &mut a[i * MR * k..]);
                    }
                    for n0 in (0..p.n).step_by(NR) {
                        pack_b(p, n0, k0, k, b);
                        panel(p.tile(m0, m, n0, k0), k, a, MR * k, b);
                    }
                }
            }
        }
    });
}

pub(super) fn parallel(pool: &Pool, p: &Product) {
    if 2 * p.m * p.n * p.k < SMALL {
        return here(p);
    }
    thread_local! {
        static A: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
    }
    A.with_borrow_mut(|a| {
        let kc = pass(p.k);
        for m0 in (0..p.m).step_by(MC) {
            let m = MC.min(p.m - m0);
            for k0 in (0..p.k).step_by(kc) {
                block(pool, p, m0..m0 + m, k0..(k0 + kc).min(p.k), a);
            }
        }
    });
}

/// One block of rows, one pass over k.
fn block(pool: &Pool, p: &Product, rows: Range<usize>, depths: Range<usize>, a: &mut Vec<f32>) {
    let (m0, m, k0, k) = (rows.start, rows.len(), depths.start, depths.len());
    let a = grown(a, a_len(m, k));
    let blocks = m.div_ceil(MR);
    if blocks * k < 4096 {
        for i in 0..blocks {
            // SAFETY: AVX-512 was detected (Route).
            unsafe { pack_a(p, m0 + i * MR, m0 + m, k0, k, &mut a[i * MR * k..]) };
        }
    } else {
        let parts = Parts::new(a);
        let share = blocks.div_ceil(8);
        pool.run(blocks.div_ceil(share), &|t| {
            for i in t * share..((t + 1) * share).min(blocks) {
                // SAFETY: each block is written by one task; `pack_a` keeps within MR·k floats.
                unsafe { pack_a(p, m0 + i * MR, m0 + m, k0, k, parts.slice(i * MR * k, MR * k)) };
            }
        });
    }
    let a = &a[..];
    let panels = p.n.div_ceil(NR);
    // Few panels: split the rows as well, into parts that are still worth a packing of B.
    let splits = if panels >= 16 { 1 } else { (16 / panels).min(blocks.div_ceil(4)).max(1) };
    let share = blocks.div_ceil(splits);
    let splits = blocks.div_ceil(share);
    pool.run(panels * splits, &|t| {
        let (n0, s) = (t / splits * NR, t % splits);
        let (first, last) = (s * share * MR, ((s + 1) * share * MR).min(m));
        PACKED.with_borrow_mut(|(_, b)| {
            let b = grown(b, NR * k);
            // SAFETY: AVX-512 was detected; tasks write disjoint tiles of C.
            unsafe {
                pack_b(p, n0, k0, k, b);
                panel(p.tile(m0 + first, last - first, n0, k0), k, &a[first * k..], MR * k, b);
            }
        });
    });
}

/// Rows [i, i + 12) of A (zero beyond `end`), depths [k0, k0 + k), to `[k][12]`. Writes exactly 12·k floats.
///
/// # Safety
/// AVX-512F; the ranges lie within A.
#[target_feature(enable = "avx512f")]
unsafe fn pack_a(p: &Product, i: usize, end: usize, k0: usize, k: usize, out: &mut [f32]) {
    let rows = MR.min(end - i);
    let out = &mut out[..MR * k];
    // SAFETY: by contract.
    unsafe {
        let src = p.a.0.add(i * p.a.1 + k0 * p.a.2);
        if p.a.2 == 1 {
            pack_transposed::<MR>(src, p.a.1, rows, k, out);
        } else {
            pack_rows::<MR>(src, p.a.1, p.a.2, rows, k, out);
        }
    }
}

/// Columns [n0, n0 + 32) of B (zero beyond n), depths [k0, k0 + k), to `[k][32]`.
///
/// # Safety
/// AVX-512F; the ranges lie within B.
#[target_feature(enable = "avx512f")]
unsafe fn pack_b(p: &Product, n0: usize, k0: usize, k: usize, out: &mut [f32]) {
    let cols = NR.min(p.n - n0);
    let out = &mut out[..NR * k];
    // SAFETY: by contract.
    unsafe {
        let src = p.b.0.add(n0 * p.b.2 + k0 * p.b.1);
        if p.b.1 == 1 {
            // Bᵀ row-major: a column of B is contiguous.
            pack_transposed::<NR>(src, p.b.2, cols, k, out);
        } else {
            pack_rows::<NR>(src, p.b.2, p.b.1, cols, k, out);
        }
    }
}
