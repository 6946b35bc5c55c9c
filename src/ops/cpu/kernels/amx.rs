//! Matrix tiles (AMX, Intel from Sapphire Rapids on), in f32's precision: every value is cut into three bf16 parts, which
//! is exact, and of the nine products of parts the six largest are summed in f32. What is left out is below 2⁻²⁴ of each
//! product: less than f32 itself rounds. (The idea: Henry, Tang, Heinecke 2019, arXiv 1904.06376.) Columns of B whose
//! values have at most 16 or 8 bits are exact in two parts or one, and need five products or three.
//!
//! The intrinsics are not stable in Rust 1.95, so the instructions are written out.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::Compute;
use crate::ops::cpu::kernels::tile::Tile;
use crate::ops::cpu::kernels::x86::{mask, transpose};

mod kernels;

/// Rows of a tile, and columns of one of C.
pub(in crate::ops::cpu) const UNIT: usize = 16;
/// Depth of a tile.
pub(in crate::ops::cpu) const DEPTH: usize = 32;
/// f32 words of a tile of bf16.
const TILE: usize = UNIT * DEPTH / 2;
const ROW: usize = UNIT; // words of a row: 32 bf16
/// Parts of a row of A.
pub(in crate::ops::cpu) const PARTS: usize = 3;

/// Depths, filled up with zeros.
pub(in crate::ops::cpu) const fn padded(k: usize) -> usize {
    k.div_ceil(DEPTH) * DEPTH
}

/// Words of 16 packed rows, or columns, in so many parts.
pub(in crate::ops::cpu) const fn row_words(k: usize, parts: usize) -> usize {
    padded(k) / DEPTH * parts * TILE
}

/// Whether the CPU has tiles of bf16, and the system lets us use them.
pub(in crate::ops::cpu) fn ready() -> bool {
    const XTILE: u64 = 0b11 << 17;
    use std::arch::is_x86_feature_detected as has;
    if !(has!("avx512f") && has!("avx512bw") && has!("avx512vl") && has!("xsave")) {
        return false;
    }
    let leaf = __cpuid_count(7, 0);
    if leaf.edx >> 22 & 1 == 0 || leaf.edx >> 24 & 1 == 0 {
        return false;
    }
    #[target_feature(enable = "xsave")]
    fn saved() -> u64 {
        // SAFETY: the feature was detected by the caller; register 0 exists.
        unsafe { _xgetbv(0) }
    }
    // SAFETY: xsave was detected.
    if unsafe { saved() } & XTILE != XTILE {
        return false;
    }
    permitted()
}

/// Linux gives a process the tiles' registers when it asks (arch_prctl, ARCH_REQ_XCOMP_PERM of feature 18).
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    let result: i64;
    // SAFETY: a system call that changes nothing in memory.
    unsafe {
        asm!("syscall", inlateout("rax") 158_i64 => result, in("rdi") 0x1023_i64, in("rsi") 18_i64,
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result == 0
}
#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// A thread's tiles, all of 16 rows of 64 bytes, until this is dropped.
pub(in crate::ops::cpu) struct Tiles(());

impl Tiles {
    /// # Safety
    /// [`ready`] said yes.
    pub(in crate::ops::cpu) unsafe fn configure() -> Self {
        #[repr(C, align(64))]
        struct Config([u8; 64]);
        let mut config = Config([0; 64]);
        config.0[0] = 1;
        for tile in 0..8 {
            config.0[16 + 2 * tile] = 64;
            config.0[48 + tile] = 16;
        }
        // SAFETY: a whole configuration, by contract on a CPU that has tiles.
        unsafe { asm!("ldtilecfg [{}]", in(reg) config.0.as_ptr(), options(nostack, readonly)) };
        Self(())
    }
}

impl Drop for Tiles {
    fn drop(&mut self) {
        // SAFETY: only a configured thread has a `Tiles`.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// The three parts of 16 values, each a bf16 in the upper half of its lane. Their sum is the value, and the first is the
/// nearest bf16 (of two that are as near the larger one; beyond 3.39e38 there is none, and the sum is NaN).
#[inline]
#[target_feature(enable = "avx512f")]
fn cut(v: __m512) -> [__m512i; 3] {
    let (upper, half) = (_mm512_set1_epi32(0xffff_0000_u32 as i32), _mm512_set1_epi32(0x8000));
    let nearest = |v| _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(v), half), upper);
    let high = nearest(v);
    let rest = _mm512_sub_ps(v, _mm512_castsi512_ps(high));
    let middle = nearest(rest);
    let low = _mm512_sub_ps(rest, _mm512_castsi512_ps(middle));
    [high, middle, _mm512_castps_si512(low)]
}

/// The parts of 32 values, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn row_parts(first: __m512, second: __m512) -> [__m512i; 3] {
    let (a, b) = (cut(first), cut(second));
    let half = |v| _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(v));
    let part = |i: usize| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(a[i])), half(b[i]));
    [part(0), part(1), part(2)]
}

/// 32 values from `from` on, of which `have` are there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn load(from: *const f32, have: usize) -> (__m512, __m512) {
    // SAFETY: masked to what is there, by contract.
    unsafe {
        let second = _mm512_maskz_loadu_ps(mask(have.saturating_sub(16)), from.wrapping_add(16));
        (_mm512_maskz_loadu_ps(mask(have), from), second)
    }
}

/// `rows` ≤ 16 rows of `k` values, `stride` apart, as tiles of A: `[depth][part][row]`, zero where nothing is.
///
/// # Safety
/// AVX-512F; the rows are there.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn pack_rows(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    assert!(out.len() == row_words(k, PARTS));
    for (d, out) in out.chunks_exact_mut(PARTS * TILE).enumerate() {
        for r in 0..UNIT {
            // SAFETY: within the rows, and within the tile.
            unsafe {
                let have = if r < rows { (k - d * DEPTH).min(DEPTH) } else { 0 };
                let (a, b) = load(src.wrapping_add(r * stride + d * DEPTH), have);
                for (p, v) in row_parts(a, b).into_iter().enumerate() {
                    _mm512_storeu_ps(out.as_mut_ptr().add((p * UNIT + r) * ROW), _mm512_castsi512_ps(v));
                }
            }
        }
    }
}

/// Values of one depth in 16 columns, and of the next, in their parts: a row of each part's tile.
///
/// # Safety
/// AVX-512; `out` has 16 words at each of `step` apart.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn put_pair(even: __m512, odd: __m512, parts: usize, out: *mut f32, step: usize) {
    let (a, b) = (cut(even), cut(odd));
    for p in 0..parts {
        let v = _mm512_mask_blend_epi16(0xaaaa_aaaa, _mm512_srli_epi32::<16>(a[p]), b[p]);
        // SAFETY: by contract.
        unsafe { _mm512_storeu_ps(out.add(p * step), _mm512_castsi512_ps(v)) };
    }
}

/// `n` ≤ 32 rows of `k` values, `stride` apart, as columns of B: `[depth][part][half][pair of depths]`.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::ops::cpu) unsafe fn pack_columns(
    src: *const f32,
    stride: usize,
    n: usize,
    k: usize,
    parts: usize,
    out: &mut [f32],
) {
    assert!(out.len() == 2 * row_words(k, parts));
    for (d, out) in out.chunks_exact_mut(2 * parts * TILE).enumerate() {
        for quarter in 0..4 {
            let (half, at) = (quarter / 2, quarter % 2 * UNIT);
            let have = k.saturating_sub(d * DEPTH + at).min(UNIT);
            let mut all = [_mm512_setzero_ps(); 16];
            for (r, row) in all.iter_mut().enumerate().take(n.saturating_sub(half * UNIT)) {
                // SAFETY: within the rows.
                *row = unsafe {
                    let from = src.wrapping_add((half * UNIT + r) * stride + d * DEPTH + at);
                    _mm512_maskz_loadu_ps(mask(have), from)
                };
            }
            transpose(&mut all);
            let to = out[half * TILE + at / 2 * ROW..].as_mut_ptr();
            for (pair, depths) in all.chunks_exact(2).enumerate() {
                // SAFETY: within the panel.
                unsafe { put_pair(depths[0], depths[1], parts, to.add(pair * ROW), 2 * TILE) };
            }
        }
    }
}

/// Two depths, `2·pair` and the one after it (None past the end), of 32 columns of which `n` are there, into a panel.
///
/// # Safety
/// AVX-512; the values are there.
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::ops::cpu) unsafe fn pack_pair(
    even: *const f32,
    odd: Option<*const f32>,
    n: usize,
    pair: usize,
    parts: usize,
    out: &mut [f32],
) {
    let (d, r) = (pair / UNIT, pair % UNIT);
    let out = &mut out[d * 2 * parts * TILE..(d + 1) * 2 * parts * TILE];
    for half in 0..2 {
        let have = mask(n.saturating_sub(half * UNIT));
        // SAFETY: masked to what is there; within the panel.
        unsafe {
            let take = |p: *const f32| _mm512_maskz_loadu_ps(have, p.wrapping_add(half * UNIT));
            let to = out.as_mut_ptr().add((half * UNIT + r) * ROW);
            put_pair(take(even), odd.map_or(_mm512_setzero_ps(), take), parts, to, 2 * TILE);
        }
    }
}

/// [`pack_columns`] of rows that are bf16: they go as they are.
///
/// # Safety
/// As [`pack_rows`], and AVX-512BW.
#[target_feature(enable = "avx512f,avx512bw")]
pub(in crate::ops::cpu) unsafe fn pack_columns_bf16(
    src: *const u8,
    stride: usize,
    n: usize,
    k: usize,
    out: &mut [f32],
) {
    assert!(out.len() == 2 * row_words(k, 1));
    for (d, out) in out.chunks_exact_mut(2 * TILE).enumerate() {
        let have = (k - d * DEPTH).min(DEPTH);
        let depths = if have == DEPTH { u32::MAX } else { (1 << have) - 1 };
        for (half, out) in out.chunks_exact_mut(TILE).enumerate() {
            let mut all = [_mm512_setzero_ps(); 16];
            for (r, row) in all.iter_mut().enumerate().take(n.saturating_sub(half * UNIT)) {
                let from = src.wrapping_add((half * UNIT + r) * stride + 2 * d * DEPTH);
                // SAFETY: masked to what is there.
                *row = _mm512_castsi512_ps(unsafe { _mm512_maskz_loadu_epi16(depths, from.cast()) });
            }
            // A word is two depths of a column already.
            transpose(&mut all);
            for (pair, v) in all.iter().enumerate() {
                // SAFETY: a tile has 16 rows of 16 words.
                unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(pair * ROW), *v) };
            }
        }
    }
}

/// [`pack_pair`] of bf16.
///
/// # Safety
/// As [`pack_pair`], and AVX-512VL.
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(in crate::ops::cpu) unsafe fn pack_pair_bf16(
    even: *const u8,
    odd: Option<*const u8>,
    n: usize,
    pair: usize,
    out: &mut [f32],
) {
    let (d, r) = (pair / UNIT, pair % UNIT);
    let out = &mut out[d * 2 * TILE..(d + 1) * 2 * TILE];
    for half in 0..2 {
        let have = mask(n.saturating_sub(half * UNIT));
        // SAFETY: masked to what is there; within the panel.
        unsafe {
            let take = |p: *const u8| {
                _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(have, p.wrapping_add(2 * half * UNIT).cast()))
            };
            let upper = odd.map_or(_mm512_setzero_si512(), |p| _mm512_slli_epi32::<16>(take(p)));
            let v = _mm512_or_si512(take(even), upper);
            _mm512_storeu_ps(out.as_mut_ptr().add((half * UNIT + r) * ROW), _mm512_castsi512_ps(v));
        }
    }
}

unsafe fn clear() {
    // SAFETY: configured tiles.
    unsafe { asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem)) }
}

/// Tiles of C to memory.
macro_rules! tile_io {
    ($($n:literal)*) => {
        unsafe fn put(tile: usize, c: *mut f32, stride: usize) {
            // SAFETY: 16 rows of 16 values are there, by the callers.
            unsafe {
                match tile {
                    $($n => asm!(concat!("tilestored [{c} + {s}*1], tmm", $n),
                                 c = in(reg) c, s = in(reg) 4 * stride, options(nostack)),)*
                    _ => {}
                }
            }
        }
    };
}
tile_io!(0 1 2 3);

/// A product that is a term of a sum: packed rows of A from the task's first on, and packed columns of B.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops::cpu) struct Piece<'a> {
    pub a: &'a [f32],
    /// Words from 16 rows to the next 16.
    pub unit: usize,
    pub b: &'a [f32],
    /// Tiles of depth.
    pub depths: usize,
    /// Of B.
    pub parts: usize,
    /// In bf16 each operand's first part alone is multiplied.
    pub compute: Compute,
}

/// All rows of the tile of C (at most 32 columns): the sum of the pieces.
///
/// # Safety
/// This thread's tiles are configured; the tile of C belongs to this task.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, pieces: &[Piece<'_>]) {
    #[repr(align(64))]
    struct Edge([f32; 4 * UNIT * UNIT]);
    let mut edge = Edge([0.0; 4 * UNIT * UNIT]);
    let units = t.rows.div_ceil(UNIT);
    for p in pieces {
        let words = p.depths * PARTS * TILE;
        assert!(p.depths > 0 && p.unit >= words && p.a.len() >= (units - 1) * p.unit + words);
        assert!((1..=3).contains(&p.parts) && p.b.len() >= 2 * p.depths * p.parts * TILE);
    }
    let (wide, whole) = (t.cols > UNIT, t.cols == 2 * UNIT);
    for i in (0..t.rows).step_by(2 * UNIT) {
        let rows = (t.rows - i).min(2 * UNIT);
        let tall = rows > UNIT;
        // What C holds is added last: begun with it, a row's bits would depend on which rows stand beside it.
        let direct = whole && rows == 2 * UNIT && !t.add;
        // SAFETY: by contract; what reaches beyond C goes by way of `edge`.
        unsafe {
            let c = t.c.add(i * t.stride);
            let at = |tile: usize| c.add(tile / 2 * UNIT * t.stride + tile % 2 * UNIT);
            clear();
            for p in pieces {
                let upper = p.a.as_ptr().add(i / UNIT * p.unit);
                let lower = if tall { upper.add(p.unit) } else { upper };
                let kernel = match (p.parts, p.compute) {
                    (1, Compute::Bf16) => kernels::bare::of(tall, wide),
                    (1, _) => kernels::one::of(tall, wide),
                    (2, _) => kernels::two::of(tall, wide),
                    _ => kernels::three::of(tall, wide),
                };
                kernel(upper, lower, p.b.as_ptr(), p.depths);
            }
            if direct {
                (0..4).for_each(|tile| put(tile, at(tile), t.stride));
                continue;
            }
            let to = edge.0.as_mut_ptr();
            (0..4).for_each(|tile| put(tile, to.add(tile / 2 * UNIT * 2 * UNIT + tile % 2 * UNIT), 2 * UNIT));
            for r in 0..rows {
                for half in 0..2 {
                    let have = mask(t.cols.saturating_sub(half * UNIT));
                    let (from, c) = (to.add((2 * r + half) * UNIT), c.wrapping_add(r * t.stride + half * UNIT));
                    let mut v = _mm512_loadu_ps(from);
                    if t.add {
                        v = _mm512_add_ps(v, _mm512_maskz_loadu_ps(have, c));
                    }
                    _mm512_mask_storeu_ps(c, have, v);
                }
            }
        }
    }
}
