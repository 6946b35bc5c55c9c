//! The products of `int8` in vectors of eight, for CPUs that have AVX-VNNI and no AVX-512 (Intel since Alder Lake): the same
//! codes, scales and layout, so the same bits.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::cpu::kernels::int8::{BLOCK, COLUMNS, QUAD, QUADS, ROWS, panel_words, row_words};
use crate::ops::cpu::kernels::tile::{MR, NR, Sums, Tile};

/// Rows and columns of which the sums stay in registers.
const TILE_ROWS: usize = MR / 2;
const TILE_COLUMNS: usize = NR / 2;
const LANES: usize = 8;

pub(in crate::ops::cpu) fn ready() -> bool {
    std::arch::is_x86_feature_detected!("avxvnni") && crate::ops::cpu::kernels::avx2::ready()
}

/// A row's codes of one block, four to a word, with their scale.
struct RowCodes {
    words: [__m256i; 2],
    scale: f32,
}

/// A scale and its inverse for values of at most this magnitude (as bits, so that a NaN counts as the largest). Below 1e-35
/// both are zero; of no number the scale is none either.
#[inline]
fn scale_of(largest: u32) -> (f32, f32) {
    let largest = f32::from_bits(largest);
    if largest < 1e-35 { (0.0, 0.0) } else { (largest / 127.0, 127.0 / largest) }
}

/// The lanes of eight that lie before `n`.
#[inline]
#[target_feature(enable = "avx2")]
fn mask(n: usize) -> __m256i {
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    _mm256_cmpgt_epi32(_mm256_set1_epi32(n.min(LANES) as i32), lanes)
}

#[inline]
#[target_feature(enable = "avx2")]
fn magnitude(v: __m256) -> __m256i {
    _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(i32::MAX))
}

/// `k` ≤ 64 values of a row.
///
/// # Safety
/// The values are there.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn row_codes(row: *const f32, k: usize) -> RowCodes {
    let mut values = [_mm256_setzero_ps(); 8];
    for (i, values) in values.iter_mut().enumerate() {
        // SAFETY: masked to what is there, by contract.
        *values = unsafe { _mm256_maskload_ps(row.wrapping_add(LANES * i), mask(k.saturating_sub(LANES * i))) };
    }
    let largest = values.iter().fold(_mm256_setzero_si256(), |m, v| _mm256_max_epi32(m, magnitude(*v)));
    let mut lanes = [0_u32; LANES];
    // SAFETY: eight words.
    unsafe { _mm256_storeu_si256(lanes.as_mut_ptr().cast(), largest) };
    let (scale, by) = scale_of(lanes.into_iter().max().unwrap_or(0));
    let by = _mm256_set1_ps(by);
    let code = |i: usize| _mm256_cvtps_epi32(_mm256_mul_ps(values[i], by));
    let words = |i| packed(code(i), code(i + 1), code(i + 2), code(i + 3));
    RowCodes { words: [words(0), words(4)], scale }
}

/// 32 codes as bytes, in their order.
#[inline]
#[target_feature(enable = "avx2")]
fn packed(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    let bytes = _mm256_packs_epi16(_mm256_packs_epi32(a, b), _mm256_packs_epi32(c, d));
    // The packing works within halves of 128 bits.
    _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))
}

impl RowCodes {
    /// The 16 words, each byte with `flip` toggled.
    #[inline]
    #[target_feature(enable = "avx2")]
    fn to_words(&self, flip: u32) -> [u32; QUADS] {
        let mut out = [0; QUADS];
        for (i, v) in self.words.iter().enumerate() {
            let v = _mm256_xor_si256(*v, _mm256_set1_epi32(flip.cast_signed()));
            // SAFETY: eight words of sixteen.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(LANES * i).cast(), v) };
        }
        out
    }
}

/// `rows` ≤ 12 rows of `k` values, `stride` apart, zero where nothing is.
///
/// # Safety
/// [`ready`]; the rows are there.
#[target_feature(enable = "avx2,fma")]
pub(in crate::ops::cpu) unsafe fn pack_rows(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    assert!(rows <= MR && out.len() == row_words(k));
    for (d, out) in out.chunks_exact_mut(ROWS).enumerate() {
        out.fill(0.0);
        for r in 0..rows {
            // SAFETY: within the row.
            let codes = unsafe { row_codes(src.add(r * stride + d * BLOCK), (k - d * BLOCK).min(BLOCK)) };
            let words = codes.to_words(0);
            let sum: i32 = words.iter().flat_map(|w| w.to_le_bytes()).map(|b| i32::from(b.cast_signed())).sum();
            for (q, word) in words.into_iter().enumerate() {
                out[q * MR + r] = f32::from_bits(word);
            }
            out[QUADS * MR + r] = codes.scale;
            // What the sums begin with: the columns' bytes are their codes + 128.
            out[QUADS * MR + MR + r] = f32::from_bits((-128 * sum).cast_unsigned());
        }
    }
}

/// Codes + 128.
const UNSIGNED: u32 = 0x8080_8080;

/// `n` ≤ 32 rows of `k` values, `stride` apart, as columns.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx2,fma")]
pub(in crate::ops::cpu) unsafe fn pack_columns(src: *const f32, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    assert!(n <= NR && out.len() == panel_words(k));
    for (d, out) in out.chunks_exact_mut(COLUMNS).enumerate() {
        out[..QUADS * NR].fill(f32::from_bits(UNSIGNED));
        out[QUADS * NR..].fill(0.0);
        for c in 0..n {
            // SAFETY: within the row.
            let codes = unsafe { row_codes(src.add(c * stride + d * BLOCK), (k - d * BLOCK).min(BLOCK)) };
            for (q, word) in codes.to_words(UNSIGNED).into_iter().enumerate() {
                out[q * NR + c] = f32::from_bits(word);
            }
            out[QUADS * NR + c] = codes.scale;
        }
    }
}

/// One block of 32 columns, of which `n` are there: `k` ≤ 64 rows of them, `stride` apart.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx2,fma")]
pub(in crate::ops::cpu) unsafe fn pack_block(src: *const f32, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    assert!(n <= NR && k <= BLOCK && out.len() >= COLUMNS);
    for part in 0..NR / LANES {
        let have = mask(n.saturating_sub(LANES * part));
        let row = |d: usize| {
            let have = if d < k { have } else { _mm256_setzero_si256() };
            // SAFETY: masked to the columns that are there; past the last row nothing is read.
            unsafe { _mm256_maskload_ps(src.wrapping_add(d * stride + LANES * part), have) }
        };
        let mut largest = _mm256_setzero_si256();
        for d in 0..k {
            largest = _mm256_max_epi32(largest, magnitude(row(d)));
        }
        let (largest, all) = (_mm256_castsi256_ps(largest), _mm256_set1_ps(127.0));
        let some = _mm256_cmp_ps::<_CMP_NLT_UQ>(largest, _mm256_set1_ps(1e-35));
        let scale = _mm256_and_ps(some, _mm256_div_ps(largest, all));
        let inverse = _mm256_and_ps(some, _mm256_div_ps(all, largest));
        let low = _mm256_set1_epi32(255);
        for q in 0..QUADS {
            let code = |d: usize| _mm256_cvtps_epi32(_mm256_mul_ps(row(QUAD * q + d), inverse));
            let (a, b) = (_mm256_and_si256(code(0), low), _mm256_and_si256(code(1), low));
            let (c, d) = (_mm256_and_si256(code(2), low), _mm256_slli_epi32::<24>(code(3)));
            let word = _mm256_or_si256(_mm256_or_si256(a, _mm256_slli_epi32::<8>(b)), _mm256_slli_epi32::<16>(c));
            let word = _mm256_xor_si256(_mm256_or_si256(word, d), _mm256_set1_epi32(UNSIGNED.cast_signed()));
            // SAFETY: a quad has 32 words.
            unsafe { _mm256_storeu_si256(out.as_mut_ptr().add(q * NR + LANES * part).cast(), word) };
        }
        // SAFETY: after the quads there are 32 scales.
        unsafe { _mm256_storeu_ps(out.as_mut_ptr().add(QUADS * NR + LANES * part), scale) };
    }
}

/// `sums[i][j] +=` a block's sums over `$rows` ≤ 6 rows and 16 columns; register of (row, half) given per row.
macro_rules! kernel {
    ($name:ident, $(($row:literal, $x:literal, $low:literal, $high:literal)),*) => {
        #[target_feature(enable = "avx2,fma,avxvnni")]
        unsafe fn $name(a: *const f32, b: *const f32, sums: *mut f32) {
            // SAFETY: reads a block's rows of 12 and 16 of its 32 columns, reads and writes rows of `sums`.
            unsafe {
                asm!(
                    $(
                        concat!("vpbroadcastd ymm", $low, ", dword ptr [{a} + 816 + 4*", $row, "]"),
                        concat!("vmovdqa ymm", $high, ", ymm", $low),
                    )*
                    "2:",
                    "vmovups ymm0, [{b}]",
                    "vmovups ymm1, [{b} + 32]",
                    "prefetcht0 [{b} + 2176]",
                    $(
                        concat!("vpbroadcastd ymm", $x, ", dword ptr [{a} + 4*", $row, "]"),
                        concat!("{{vex}} vpdpbusd ymm", $low, ", ymm0, ymm", $x),
                        concat!("{{vex}} vpdpbusd ymm", $high, ", ymm1, ymm", $x),
                    )*
                    "add {a}, 48",
                    "add {b}, 128",
                    "dec {k}",
                    "jnz 2b",
                    "vmovups ymm0, [{b}]",
                    "vmovups ymm1, [{b} + 32]",
                    $(
                        concat!("vbroadcastss ymm", $x, ", dword ptr [{a} + 4*", $row, "]"),
                        concat!("vcvtdq2ps ymm", $low, ", ymm", $low),
                        concat!("vcvtdq2ps ymm", $high, ", ymm", $high),
                        concat!("vmulps ymm", $low, ", ymm", $low, ", ymm0"),
                        concat!("vmulps ymm", $high, ", ymm", $high, ", ymm1"),
                        concat!("vfmadd213ps ymm", $low, ", ymm", $x, ", [{s} + 128*", $row, "]"),
                        concat!("vfmadd213ps ymm", $high, ", ymm", $x, ", [{s} + 32 + 128*", $row, "]"),
                        concat!("vmovups [{s} + 128*", $row, "], ymm", $low),
                        concat!("vmovups [{s} + 32 + 128*", $row, "], ymm", $high),
                    )*
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    k = inout(reg) QUADS => _,
                    s = in(reg) sums,
                    out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _, out("ymm4") _, out("ymm5") _,
                    out("ymm6") _, out("ymm7") _, out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
                    out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                    options(nostack),
                );
            }
        }
    };
}
kernel!(rows6, (0, 2, 4, 5), (1, 3, 6, 7), (2, 2, 8, 9), (3, 3, 10, 11), (4, 2, 12, 13), (5, 3, 14, 15));
kernel!(rows3, (0, 2, 4, 5), (1, 3, 6, 7), (2, 2, 8, 9));

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B, `k` deep.
///
/// # Safety
/// [`ready`]; `a` holds the packed rows, 12 after 12 so many words apart, and the tile belongs to this task.
#[target_feature(enable = "avx2,fma,avxvnni")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    let words = row_words(k);
    assert!(t.rows > 0 && unit >= words && a.len() >= (t.rows.div_ceil(MR) - 1) * unit + words);
    assert!(b.len() >= panel_words(k));
    let mut sums = Sums([0.0; MR * NR]);
    for i in (0..t.rows).step_by(MR) {
        let rows = MR.min(t.rows - i);
        // SAFETY: a row of the tile, by contract.
        let row = |r: usize| unsafe { std::slice::from_raw_parts_mut(t.c.add((i + r) * t.stride), t.cols) };
        for (r, sums) in sums.0.chunks_exact_mut(NR).enumerate().take(rows) {
            if t.add { sums[..t.cols].copy_from_slice(row(r)) } else { sums.fill(0.0) }
        }
        for d in 0..k.div_ceil(BLOCK) {
            let a = &a[i / MR * unit + d * ROWS..][..ROWS];
            let b = &b[d * COLUMNS..][..COLUMNS];
            for first in (0..rows).step_by(TILE_ROWS) {
                for column in (0..t.cols).step_by(TILE_COLUMNS) {
                    let few = rows - first <= TILE_ROWS / 2;
                    // SAFETY: the block's rows from `first` on and its columns from `column` on are there.
                    unsafe {
                        let (a, b) = (a.as_ptr().add(first), b.as_ptr().add(column));
                        let to = sums.0.as_mut_ptr().add(first * NR + column);
                        if few { rows3(a, b, to) } else { rows6(a, b, to) }
                    }
                }
            }
        }
        for (r, sums) in sums.0.chunks_exact(NR).enumerate().take(rows) {
            row(r).copy_from_slice(&sums[..t.cols]);
        }
    }
}
