//! Our AVX-512 kernel: tiles of 12 × 32, both operands packed so that every load is contiguous.
//!
//! A is packed once per call as `[block of 12 rows][k][12]`, shared by all tasks; each task packs its own 32 columns of B
//! as `[k][32]`. Against M ≥ 100 rows the packing is 1–2 % of the arithmetic, so weights need no second, packed copy.

use std::arch::x86_64::*;
use std::cell::RefCell;
use std::ops::Range;

use crate::ops::cpu::matmul::tile::{MR, NR, Rows, Sums, Tile, half12, rows4, rows8, rows12};
use crate::ops::cpu::matmul::view::{Product, Store};
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

/// Depths of the passes over k, all about equal and at most `KC`.
fn pass(k: usize) -> usize {
    let passes = k.div_ceil(KC);
    k.div_ceil(passes)
}

pub(super) fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    buffer
}

/// Packed A: (len, offset of (row block, pass)). A few floats at the end take the overhang of the last store.
fn a_len(m: usize, kc: usize) -> usize {
    m.div_ceil(MR) * MR * kc + 16
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
        // A block's last store hangs over into the next block: each task packs through its own scratch end.
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

/// `width` lanes at `lane` stride, `k` steps at `step` stride → `[k][W]`, zero-filled lanes.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_rows<const W: usize>(
    src: *const f32,
    lane: usize,
    step: usize,
    width: usize,
    k: usize,
    out: &mut [f32],
) {
    // SAFETY: by the callers' contract.
    unsafe {
        for j in 0..k {
            let (from, to) = (src.add(j * step), out.as_mut_ptr().add(j * W));
            if lane == 1 {
                let mut l = 0;
                while l < W {
                    let part = (W - l).min(16);
                    let have = width.saturating_sub(l).min(part);
                    let v = _mm512_maskz_loadu_ps(mask(have), from.add(l));
                    _mm512_mask_storeu_ps(to.add(l), mask(part), v);
                    l += 16;
                }
            } else {
                for l in 0..W {
                    *to.add(l) = if l < width { *from.add(l * lane) } else { 0.0 };
                }
            }
        }
    }
}

pub(super) const fn mask(lanes: usize) -> u16 {
    if lanes >= 16 { u16::MAX } else { (1 << lanes) - 1 }
}

/// `rows ≤ W` rows of `k` contiguous floats, `stride` apart → `[k][W]`, zero-filled: transposes of 16 × 16 in registers.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn pack_transposed<const W: usize>(
    src: *const f32,
    stride: usize,
    rows: usize,
    k: usize,
    out: &mut [f32],
) {
    // SAFETY: by the callers' contract; masked loads and stores keep within rows, k and W.
    unsafe {
        let mut l = 0;
        while l < W {
            let part = (W - l).min(16);
            let have = rows.saturating_sub(l).min(part);
            let (src, out) = (src.wrapping_add(l * stride), out.as_mut_ptr().add(l));
            let mut j = 0;
            // Of a number of rows that the compiler knows, all stays in registers.
            while j + 16 <= k && have == part && (part == 16 || part == MR) {
                let (src, to) = (src.add(j), out.add(j * W));
                if part == MR {
                    whole::<MR, W>(src, stride, to)
                } else {
                    whole::<16, W>(src, stride, to)
                }
                j += 16;
            }
            while j < k {
                let depth = (k - j).min(16);
                let mut r = [_mm512_setzero_ps(); 16];
                for (i, r) in r.iter_mut().enumerate().take(have) {
                    *r = _mm512_maskz_loadu_ps(mask(depth), src.add(i * stride + j));
                }
                transpose(&mut r);
                for (i, r) in r.iter().enumerate().take(depth) {
                    _mm512_mask_storeu_ps(out.add((j + i) * W), mask(part), *r);
                }
                j += 16;
            }
            l += 16;
        }
    }
}

/// `N ≤ 16` rows of 16 floats, `stride` apart, as 16 of N, `W` apart.
///
/// # Safety
/// AVX-512F; all of that is there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn whole<const N: usize, const W: usize>(src: *const f32, stride: usize, to: *mut f32) {
    let mut r = [_mm512_setzero_ps(); 16];
    // SAFETY: by contract.
    unsafe {
        for (i, r) in r[..N].iter_mut().enumerate() {
            *r = _mm512_loadu_ps(src.add(i * stride));
        }
        transpose(&mut r);
        for (i, r) in r.iter().enumerate() {
            _mm512_mask_storeu_ps(to.add(i * W), const { mask(N) }, *r);
        }
    }
}

/// A 16 × 16 transpose.
#[inline]
#[target_feature(enable = "avx512f")]
pub(super) fn transpose(r: &mut [__m512; 16]) {
    let mut t = [_mm512_setzero_ps(); 16];
    for i in 0..8 {
        t[2 * i] = _mm512_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm512_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..4 {
        for h in 0..2 {
            let (a, b) = (t[4 * i + h], t[4 * i + 2 + h]);
            r[4 * i + 2 * h] = _mm512_shuffle_ps::<0x44>(a, b);
            r[4 * i + 2 * h + 1] = _mm512_shuffle_ps::<0xee>(a, b);
        }
    }
    // Now lane group g of r[4i + c] holds column 4g + c of rows 4i..4i+4: gather the groups.
    for c in 0..4 {
        let low = _mm512_shuffle_f32x4::<0x88>(r[c], r[4 + c]);
        let high = _mm512_shuffle_f32x4::<0xdd>(r[c], r[4 + c]);
        let low2 = _mm512_shuffle_f32x4::<0x88>(r[8 + c], r[12 + c]);
        let high2 = _mm512_shuffle_f32x4::<0xdd>(r[8 + c], r[12 + c]);
        t[c] = _mm512_shuffle_f32x4::<0x88>(low, low2);
        t[4 + c] = _mm512_shuffle_f32x4::<0x88>(high, high2);
        t[8 + c] = _mm512_shuffle_f32x4::<0xdd>(low, low2);
        t[12 + c] = _mm512_shuffle_f32x4::<0xdd>(high, high2);
    }
    *r = t;
}

impl Tile {
    /// What `rows` of its rows from `first` on begin with: what they hold, or zeros.
    ///
    /// # Safety
    /// AVX-512F; the tile belongs to this task, and has these rows.
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn load(&self, sums: &mut Sums, first: usize, rows: usize) {
        let there = if self.add { self.cols } else { 0 };
        let (low, high) = (mask(there), mask(there.saturating_sub(16)));
        for (r, sums) in sums.0.chunks_exact_mut(NR).enumerate().take(rows) {
            // SAFETY: by contract; the masks keep within C's rows.
            unsafe {
                let c = self.c.add((first + r) * self.stride);
                _mm512_storeu_ps(sums.as_mut_ptr(), _mm512_maskz_loadu_ps(low, c));
                _mm512_storeu_ps(sums.as_mut_ptr().add(16), _mm512_maskz_loadu_ps(high, c.wrapping_add(16)));
            }
        }
    }

    /// The sums as `rows` of its rows from `first` on.
    ///
    /// # Safety
    /// As [`Tile::load`].
    #[target_feature(enable = "avx512f")]
    pub(super) unsafe fn store(&self, sums: &Sums, first: usize, rows: usize) {
        let (low, high) = (mask(self.cols), mask(self.cols.saturating_sub(16)));
        for (r, sums) in sums.0.chunks_exact(NR).enumerate().take(rows) {
            // SAFETY: by contract; the masks keep within C's rows.
            unsafe {
                let c = self.c.add((first + r) * self.stride);
                _mm512_mask_storeu_ps(c, low, _mm512_loadu_ps(sums.as_ptr()));
                _mm512_mask_storeu_ps(c.wrapping_add(16), high, _mm512_loadu_ps(sums.as_ptr().add(16)));
            }
        }
    }
}

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B.
///
/// # Safety
/// AVX-512F; `a` holds the packed rows, 12 after 12 so many floats apart, and `b` the packed columns, k deep; the tile
/// belongs to this task.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    assert!(t.rows > 0 && unit >= MR * k && a.len() >= (t.rows.div_ceil(MR) - 1) * unit + MR * k && b.len() >= k * NR);
    assert!(k > 0);
    for i in (0..t.rows).step_by(MR) {
        let rows = MR.min(t.rows - i);
        let (a, b) = (a[i / MR * unit..].as_ptr(), b.as_ptr());
        // SAFETY: by contract.
        unsafe {
            if let Some((from, to)) = t.whole(i) {
                rows12(a, b, k, from, to);
                continue;
            }
            // What hangs over C's edge is summed beside it, in the same order.
            let mut sums = Sums([0.0; MR * NR]);
            t.load(&mut sums, i, rows);
            let there = Rows::of(&mut sums);
            match (t.cols > 16, rows) {
                (true, 9..) => rows12(a, b, k, there, there),
                (true, 5..) => rows8(a, b, k, there, there),
                (true, _) => rows4(a, b, k, there, there),
                (false, _) => half12(a, b, k, &mut sums),
            }
            t.store(&sums, i, rows);
        }
    }
}
