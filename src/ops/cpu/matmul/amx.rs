//! Matrix tiles (AMX, Intel from Sapphire Rapids on), in f32's precision: every value is cut into three bf16 parts, which
//! is exact, and of the nine products of parts the six largest are summed in f32. What is left out is below 2⁻²³ of each
//! product: less than f32 itself rounds. (The idea: Henry, Tang, Heinecke 2019, arXiv 1904.06376.)
//!
//! The intrinsics are not stable in Rust 1.95, so the instructions are written out.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::cpu::matmul::avx512::{Tile, mask, transpose};

/// Rows of a tile, and columns of one of C.
pub const UNIT: usize = 16;
/// Depth of a tile.
pub const DEPTH: usize = 32;
/// f32 words of a tile of bf16, in its three parts.
const WORDS: usize = 3 * UNIT * DEPTH / 2;
const ROW: usize = UNIT; // words of a row: 32 bf16

/// Depths, filled up with zeros.
pub const fn padded(k: usize) -> usize {
    k.div_ceil(DEPTH) * DEPTH
}

/// Words of 16 packed rows.
pub const fn row_words(k: usize) -> usize {
    padded(k) / DEPTH * WORDS
}

/// Whether the CPU has tiles of bf16, and the system lets us use them.
pub fn ready() -> bool {
    const XTILE: u64 = 0b11 << 17;
    if !(std::arch::is_x86_feature_detected!("avx512f") && std::arch::is_x86_feature_detected!("xsave")) {
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
pub struct Tiles(());

impl Tiles {
    /// # Safety
    /// [`ready`] said yes.
    pub unsafe fn configure() -> Self {
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

/// The three parts of 16 values, each a bf16 in the upper half of its lane. Their sum is the value.
#[inline]
#[target_feature(enable = "avx512f")]
fn parts(v: __m512) -> [__m512i; 3] {
    let upper = _mm512_set1_epi32(0xffff_0000_u32 as i32);
    let high = _mm512_and_si512(_mm512_castps_si512(v), upper);
    let rest = _mm512_sub_ps(v, _mm512_castsi512_ps(high));
    let middle = _mm512_and_si512(_mm512_castps_si512(rest), upper);
    let low = _mm512_sub_ps(rest, _mm512_castsi512_ps(middle));
    [high, middle, _mm512_castps_si512(low)]
}

/// The parts of 32 values, in order.
#[inline]
#[target_feature(enable = "avx512f")]
fn row_parts(first: __m512, second: __m512) -> [__m512i; 3] {
    let (a, b) = (parts(first), parts(second));
    let half = |v| _mm512_cvtepi32_epi16(_mm512_srli_epi32::<16>(v));
    std::array::from_fn(|i| _mm512_inserti64x4::<1>(_mm512_castsi256_si512(half(a[i])), half(b[i])))
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
pub unsafe fn pack_rows(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    assert!(out.len() == row_words(k));
    for (d, out) in out.chunks_exact_mut(WORDS).enumerate() {
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

/// `n` ≤ 32 rows of `k` values, `stride` apart, as columns of B: `[depth][part][half][pair of depths]`.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx512f")]
pub unsafe fn pack_columns(src: *const f32, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    assert!(out.len() == 2 * row_words(k));
    for (d, out) in out.chunks_exact_mut(2 * WORDS).enumerate() {
        for half in 0..2 {
            let mut all = [[_mm512_setzero_ps(); 16]; 3];
            for r in 0..UNIT.min(n.saturating_sub(half * UNIT)) {
                // SAFETY: within the rows.
                let (a, b) = unsafe {
                    let from = src.add((half * UNIT + r) * stride + d * DEPTH);
                    load(from, (k - d * DEPTH).min(DEPTH))
                };
                for (all, v) in all.iter_mut().zip(row_parts(a, b)) {
                    all[r] = _mm512_castsi512_ps(v);
                }
            }
            for (p, tile) in all.iter_mut().enumerate() {
                transpose(tile);
                for (r, v) in tile.iter().enumerate() {
                    // SAFETY: within the panel.
                    unsafe { _mm512_storeu_ps(out.as_mut_ptr().add(((2 * p + half) * UNIT + r) * ROW), *v) };
                }
            }
        }
    }
}

/// Two depths, `2·pair` and the one after it (None past the end), of 32 columns of which `n` are there, into a panel.
///
/// # Safety
/// AVX-512F; the values are there.
#[target_feature(enable = "avx512f")]
pub unsafe fn pack_pair(even: *const f32, odd: Option<*const f32>, n: usize, pair: usize, out: &mut [f32]) {
    let (d, r) = (pair / UNIT, pair % UNIT);
    let out = &mut out[d * 2 * WORDS..(d + 1) * 2 * WORDS];
    for half in 0..2 {
        let have = mask(n.saturating_sub(half * UNIT));
        // SAFETY: masked to what is there; within the panel.
        unsafe {
            let take = |p: *const f32| _mm512_maskz_loadu_ps(have, p.wrapping_add(half * UNIT));
            let (a, b) = (parts(take(even)), parts(odd.map_or(_mm512_setzero_ps(), take)));
            for p in 0..3 {
                let v = _mm512_or_si512(_mm512_srli_epi32::<16>(a[p]), b[p]);
                let to = out.as_mut_ptr().add(((2 * p + half) * UNIT + r) * ROW);
                _mm512_storeu_ps(to, _mm512_castsi512_ps(v));
            }
        }
    }
}

/// The products of parts, largest first as far as loads allow; tiles 0–3 are C, 4 and 5 A, 6 and 7 B.
macro_rules! kernel {
    ($name:ident, ($($second_row:literal)?), ($($second_half:literal)?)) => {
        unsafe fn $name(a: *const f32, below: *const f32, b: *const f32, depths: usize) {
            // SAFETY: by the contract of `panel`: configured tiles, whole packed rows and columns.
            unsafe {
                asm!(
                    "2:",
                    kernel!(@a "0" $($second_row)?), kernel!(@b "0", "1024" $($second_half)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    kernel!(@b "2048", "3072" $($second_half)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    kernel!(@b "4096", "5120" $($second_half)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    kernel!(@a "1024" $($second_row)?), kernel!(@b "2048", "3072" $($second_half)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    kernel!(@b "0", "1024" $($second_half)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    kernel!(@a "2048" $($second_row)?),
                    kernel!(@dot ($($second_row)?) ($($second_half)?)),
                    "add {a}, 3072",
                    "add {below}, 3072",
                    "add {b}, 6144",
                    "dec {n}",
                    "jnz 2b",
                    a = inout(reg) a => _,
                    below = inout(reg) below => _,
                    b = inout(reg) b => _,
                    n = inout(reg) depths => _,
                    s = in(reg) 64_usize,
                    options(nostack, readonly),
                );
            }
        }
    };
    (@a $at:literal) => { concat!("tileloadd tmm4, [{a} + {s}*1 + ", $at, "]") };
    (@a $at:literal $second:literal) => {
        concat!("tileloadd tmm4, [{a} + {s}*1 + ", $at, "]\n", "tileloadd tmm5, [{below} + {s}*1 + ", $at, "]")
    };
    (@b $at:literal, $next:literal) => { concat!("tileloadd tmm6, [{b} + {s}*1 + ", $at, "]") };
    (@b $at:literal, $next:literal $second:literal) => {
        concat!("tileloadd tmm6, [{b} + {s}*1 + ", $at, "]\n", "tileloadd tmm7, [{b} + {s}*1 + ", $next, "]")
    };
    (@dot () ()) => { "tdpbf16ps tmm0, tmm4, tmm6" };
    (@dot () ($c:literal)) => { "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7" };
    (@dot ($r:literal) ()) => { "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm2, tmm5, tmm6" };
    (@dot ($r:literal) ($c:literal)) => {
        "tdpbf16ps tmm0, tmm4, tmm6\ntdpbf16ps tmm1, tmm4, tmm7\ntdpbf16ps tmm2, tmm5, tmm6\ntdpbf16ps tmm3, tmm5, tmm7"
    };
}
kernel!(two_by_two, (2), (2));
kernel!(two_by_one, (2), ());
kernel!(one_by_two, (), (2));
kernel!(one_by_one, (), ());

unsafe fn clear() {
    // SAFETY: configured tiles.
    unsafe { asm!("tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3", options(nostack, nomem)) }
}

/// Tiles of C from memory and back.
macro_rules! tile_io {
    ($($n:literal)*) => {
        unsafe fn take(tile: usize, c: *const f32, stride: usize) {
            // SAFETY: 16 rows of 16 values are there, by the callers.
            unsafe {
                match tile {
                    $($n => asm!(concat!("tileloadd tmm", $n, ", [{c} + {s}*1]"),
                                 c = in(reg) c, s = in(reg) 4 * stride, options(nostack, readonly)),)*
                    _ => {}
                }
            }
        }
        unsafe fn put(tile: usize, c: *mut f32, stride: usize) {
            // SAFETY: as above.
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

/// All rows of the tile of C (at most 32 columns): `a` holds its packed rows, 16 after 16, `b` the packed columns,
/// `depths` tiles deep.
///
/// # Safety
/// This thread's tiles are configured; the tile of C belongs to this task.
#[target_feature(enable = "avx512f")]
pub unsafe fn panel(t: Tile, depths: usize, a: &[f32], b: &[f32]) {
    #[repr(align(64))]
    struct Edge([f32; 4 * UNIT * UNIT]);
    let mut edge = Edge([0.0; 4 * UNIT * UNIT]);
    let unit = depths * WORDS;
    assert!(a.len() >= t.rows.div_ceil(UNIT) * unit && b.len() >= 2 * unit && depths > 0);
    let (wide, whole) = (t.cols > UNIT, t.cols == 2 * UNIT);
    for i in (0..t.rows).step_by(2 * UNIT) {
        let rows = (t.rows - i).min(2 * UNIT);
        let tall = rows > UNIT;
        let upper = &a[i / UNIT * unit..];
        let (lower, b) = (if tall { &upper[unit..] } else { upper }, b.as_ptr());
        let direct = whole && rows == 2 * UNIT;
        // SAFETY: by contract; what reaches beyond C goes by way of `edge`.
        unsafe {
            let c = t.c.add(i * t.stride);
            let at = |tile: usize| c.add(tile / 2 * UNIT * t.stride + tile % 2 * UNIT);
            if direct && t.add {
                (0..4).for_each(|tile| take(tile, at(tile), t.stride));
            } else {
                clear();
            }
            match (tall, wide) {
                (true, true) => two_by_two(upper.as_ptr(), lower.as_ptr(), b, depths),
                (true, false) => two_by_one(upper.as_ptr(), lower.as_ptr(), b, depths),
                (false, true) => one_by_two(upper.as_ptr(), lower.as_ptr(), b, depths),
                (false, false) => one_by_one(upper.as_ptr(), lower.as_ptr(), b, depths),
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
