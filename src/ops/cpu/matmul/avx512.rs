//! Our AVX-512 kernel: tiles of 12 × 32, both operands packed so that every load is contiguous.
//!
//! A is packed once per call as `[block of 12 rows][k][12]`, shared by all tasks; each task packs its own 32 columns of B
//! as `[k][32]`. Against M ≥ 100 rows the packing is 1–2 % of the arithmetic, so weights need no second, packed copy.

use std::arch::x86_64::*;
use std::cell::RefCell;

use crate::ops::cpu::matmul::{Product, Store};
use crate::ops::pool::{Parts, Pool};

const MR: usize = 12;
const NR: usize = 32;
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

fn grown(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    if buffer.len() < len {
        buffer.resize(len, 0.0);
    }
    buffer
}

/// Packed A: (len, offset of (row block, pass)). A few floats at the end take the overhang of the last store.
fn a_len(m: usize, kc: usize) -> usize {
    m.div_ceil(MR) * MR * kc + 16
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
                        panel(p, m0, m, n0, k0, k, a, b);
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
                block(pool, p, (m0, m), (k0, kc.min(p.k - k0)), a);
            }
        }
    });
}

/// One block of rows, one pass over k.
fn block(pool: &Pool, p: &Product, (m0, m): (usize, usize), (k0, k): (usize, usize), a: &mut Vec<f32>) {
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
                panel(p, m0 + first, last - first, n0, k0, k, &a[first * k..], b);
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
unsafe fn pack_rows<const W: usize>(
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

const fn mask(lanes: usize) -> u16 {
    if lanes >= 16 { u16::MAX } else { (1 << lanes) - 1 }
}

/// `rows ≤ W` rows of `k` contiguous floats, `stride` apart → `[k][W]`, zero-filled: transposes of 16 × 16 in registers.
#[target_feature(enable = "avx512f")]
unsafe fn pack_transposed<const W: usize>(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    // SAFETY: by the callers' contract; masked loads and stores keep within rows, k and W.
    unsafe {
        let mut l = 0;
        while l < W {
            let part = (W - l).min(16);
            let have = rows.saturating_sub(l).min(part);
            let mut j = 0;
            while j < k {
                let depth = (k - j).min(16);
                let mut r = [_mm512_setzero_ps(); 16];
                for (i, r) in r.iter_mut().enumerate().take(have) {
                    *r = _mm512_maskz_loadu_ps(mask(depth), src.add((l + i) * stride + j));
                }
                transpose(&mut r);
                let to = out.as_mut_ptr().add(j * W + l);
                for (i, r) in r.iter().enumerate().take(depth) {
                    _mm512_mask_storeu_ps(to.add(i * W), mask(part), *r);
                }
                j += 16;
            }
            l += 16;
        }
    }
}

/// A 16 × 16 transpose.
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(r: &mut [__m512; 16]) {
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

/// All rows of the block against one packed panel.
///
/// # Safety
/// AVX-512F; `a` holds the packed rows [m0, m0 + m) and `b` the packed columns; C's tile belongs to this task.
#[target_feature(enable = "avx512f")]
#[expect(clippy::too_many_arguments, reason = "a kernel: every number is part of the tile")]
unsafe fn panel(p: &Product, m0: usize, m: usize, n0: usize, k0: usize, k: usize, a: &[f32], b: &[f32]) {
    let add = k0 > 0 || p.into == Store::Add;
    let n = NR.min(p.n - n0);
    for i in (0..m).step_by(MR) {
        let rows = MR.min(m - i);
        // SAFETY: by contract.
        unsafe {
            let c = p.c.0.add((m0 + i) * p.c.1 + n0);
            let a = a.as_ptr().add(i * k);
            let tile = Tile { a, b: b.as_ptr(), c, row: p.c.1, k, add, masks: (mask(n), mask(n.saturating_sub(16))) };
            if n > 16 {
                match rows {
                    12 => tile.wide::<12>(),
                    9.. => tile.rest_wide::<11>(rows),
                    5.. => tile.rest_wide::<8>(rows),
                    _ => tile.rest_wide::<4>(rows),
                }
            } else {
                match rows {
                    12 => tile.narrow::<12>(12),
                    7.. => tile.narrow::<12>(rows),
                    _ => tile.narrow::<6>(rows),
                }
            }
        }
    }
}

struct Tile {
    a: *const f32,
    b: *const f32,
    c: *mut f32,
    row: usize,
    k: usize,
    add: bool,
    masks: (u16, u16),
}

impl Tile {
    /// M × 32, all rows written.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn wide<const M: usize>(&self) {
        // SAFETY: by `panel`'s contract.
        unsafe { self.rest_wide::<M>(M) }
    }

    /// Computes M rows, writes the first `rows` (the others are the packing's zeros).
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn rest_wide<const M: usize>(&self, rows: usize) {
        let mut acc = [[_mm512_setzero_ps(); 2]; M];
        // SAFETY: by `panel`'s contract.
        unsafe {
            let (mut a, mut b) = (self.a, self.b);
            for _ in 0..self.k {
                let (b0, b1) = (_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16)));
                for (i, acc) in acc.iter_mut().enumerate() {
                    let x = _mm512_set1_ps(*a.add(i));
                    acc[0] = _mm512_fmadd_ps(x, b0, acc[0]);
                    acc[1] = _mm512_fmadd_ps(x, b1, acc[1]);
                }
                a = a.add(MR);
                b = b.add(NR);
            }
            for (i, acc) in acc.iter().enumerate() {
                if i < rows {
                    let c = self.c.add(i * self.row);
                    self.store(c, self.masks.0, acc[0]);
                    self.store(c.add(16), self.masks.1, acc[1]);
                }
            }
        }
    }

    /// M × 16.
    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn narrow<const M: usize>(&self, rows: usize) {
        let mut acc = [_mm512_setzero_ps(); M];
        // SAFETY: by `panel`'s contract.
        unsafe {
            let (mut a, mut b) = (self.a, self.b);
            for _ in 0..self.k {
                let b0 = _mm512_loadu_ps(b);
                for (i, acc) in acc.iter_mut().enumerate() {
                    *acc = _mm512_fmadd_ps(_mm512_set1_ps(*a.add(i)), b0, *acc);
                }
                a = a.add(MR);
                b = b.add(NR);
            }
            for (i, acc) in acc.iter().enumerate() {
                if i < rows {
                    self.store(self.c.add(i * self.row), self.masks.0, *acc);
                }
            }
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f")]
    unsafe fn store(&self, c: *mut f32, mask: u16, v: __m512) {
        // SAFETY: the mask keeps within the row.
        unsafe {
            let v = if self.add { _mm512_add_ps(v, _mm512_maskz_loadu_ps(mask, c)) } else { v };
            _mm512_mask_storeu_ps(c, mask, v);
        }
    }
}
