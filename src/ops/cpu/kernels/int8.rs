//! Products in eight bits (AVX-512 VNNI): the rows and the columns are rounded in blocks of 64 depths, each block to
//! whole multiples of a 127th of its largest magnitude. A block's sum of products is an exact integer; the blocks' sums,
//! times both scales, are added up in f32.
//!
//! `vpdpbusd` multiplies unsigned with signed bytes: a column's are its codes + 128, and each row's sum begins with −128
//! times the sum of its codes.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::cpu::kernels::tile::{MR, NR, Rows, Sums, Tile};
use crate::ops::cpu::kernels::x86::{mask, transpose};

/// Depths with one scale.
pub(in crate::ops::cpu) const BLOCK: usize = 64;
/// Depths in a word.
pub(in crate::ops::cpu) const QUAD: usize = 4;
pub(in crate::ops::cpu) const QUADS: usize = BLOCK / QUAD;
/// Words of a block of 12 rows: `[quad][row]`, then the rows' scales, then what their sums begin with.
pub(in crate::ops::cpu) const ROWS: usize = QUADS * MR + 2 * MR;
/// Words of a block of 32 columns: `[quad][column]`, then the columns' scales.
pub(in crate::ops::cpu) const COLUMNS: usize = QUADS * NR + NR;

pub(in crate::ops::cpu) fn ready() -> bool {
    use std::arch::is_x86_feature_detected as has;
    has!("avx512f") && has!("avx512bw") && has!("avx512vnni")
}

/// Words of 12 packed rows.
pub(in crate::ops::cpu) const fn row_words(k: usize) -> usize {
    k.div_ceil(BLOCK) * ROWS
}

/// Words of a panel of 32 packed columns.
pub(in crate::ops::cpu) const fn panel_words(k: usize) -> usize {
    k.div_ceil(BLOCK) * COLUMNS
}

/// What 16 blocks' codes are multiplied with and their values before that, where these are the largest of their values'
/// magnitudes. Where one is no number its scale is none either; below 1e-35 all are zero.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) fn scales(largest: __m512i) -> (__m512, __m512) {
    let (largest, all) = (_mm512_castsi512_ps(largest), _mm512_set1_ps(127.0));
    let some = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(largest, _mm512_set1_ps(1e-35));
    (_mm512_maskz_div_ps(some, largest, all), _mm512_maskz_div_ps(some, all, largest))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn magnitude(v: __m512) -> __m512i {
    _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(i32::MAX))
}

/// A block of at most 16 rows of `k` ≤ 64 values, `stride` apart: a quad of codes of each row to a lane, and the rows'
/// scales.
///
/// # Safety
/// AVX-512F; the rows are there.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn block(src: *const f32, stride: usize, rows: usize, k: usize) -> ([__m512; 16], __m512) {
    // SAFETY: by contract.
    let (mut all, scale) = unsafe { codes(src, stride, rows, k) };
    transpose(&mut all);
    (all, scale)
}

/// The same with the codes row by row: 64 signed bytes each, zero past `k` and past the last row.
///
/// # Safety
/// AVX-512F; the rows are there.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn codes(
    src: *const f32,
    stride: usize,
    rows: usize,
    k: usize,
) -> ([__m512; 16], __m512) {
    let sixteen = |r: usize, i: usize| {
        // SAFETY: masked to what is there, by contract.
        unsafe { _mm512_maskz_loadu_ps(mask(k.saturating_sub(16 * i)), src.wrapping_add(r * stride + 16 * i)) }
    };
    let mut all = [_mm512_setzero_ps(); 16];
    for (r, all) in all.iter_mut().enumerate().take(rows) {
        let two = |i| _mm512_max_epi32(magnitude(sixteen(r, i)), magnitude(sixteen(r, i + 1)));
        *all = _mm512_castsi512_ps(_mm512_max_epi32(two(0), two(2)));
    }
    transpose(&mut all);
    let largest = all.iter().fold(_mm512_setzero_si512(), |m, v| _mm512_max_epi32(m, _mm512_castps_si512(*v)));
    let (scale, by) = scales(largest);
    let mut inverse = [0.0; 16];
    // SAFETY: 16 floats.
    unsafe { _mm512_storeu_ps(inverse.as_mut_ptr(), by) };
    for (r, (all, by)) in all.iter_mut().zip(inverse).enumerate() {
        if r >= rows {
            *all = _mm512_setzero_ps();
            continue;
        }
        let codes = |i| _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(_mm512_mul_ps(sixteen(r, i), _mm512_set1_ps(by))));
        let two = |i| _mm256_inserti128_si256::<1>(_mm256_castsi128_si256(codes(i)), codes(i + 1));
        *all = _mm512_castsi512_ps(_mm512_inserti64x4::<1>(_mm512_castsi256_si512(two(0)), two(2)));
    }
    (all, scale)
}

/// `rows` ≤ 12 rows of `k` values, `stride` apart, zero where nothing is.
///
/// # Safety
/// [`ready`]; the rows are there.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::ops::cpu) unsafe fn pack_rows(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    assert!(rows <= MR && out.len() == row_words(k));
    for (d, out) in out.chunks_exact_mut(ROWS).enumerate() {
        // SAFETY: within the rows; 12 words of 16 are stored.
        unsafe {
            let (quads, scale) = block(src.add(d * BLOCK), stride, rows, (k - d * BLOCK).min(BLOCK));
            let (mut sum, minus) = (_mm512_setzero_si512(), _mm512_set1_epi8(i8::MIN));
            let to = out.as_mut_ptr();
            for (q, v) in quads.into_iter().enumerate() {
                // +128 times the codes.
                sum = _mm512_dpbusd_epi32(sum, minus, _mm512_castps_si512(v));
                _mm512_mask_storeu_ps(to.add(q * MR), mask(MR), v);
            }
            let begin = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
            _mm512_mask_storeu_ps(to.add(QUADS * MR), mask(MR), scale);
            _mm512_mask_storeu_ps(to.add(QUADS * MR + MR), mask(MR), _mm512_castsi512_ps(begin));
        }
    }
}

/// `n` ≤ 32 rows of `k` values, `stride` apart, as columns.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn pack_columns(src: *const f32, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    assert!(n <= NR && out.len() == panel_words(k));
    for (d, out) in out.chunks_exact_mut(COLUMNS).enumerate() {
        for half in 0..2 {
            let rows = n.saturating_sub(16 * half).min(16);
            // SAFETY: within the rows; a quad has 32 words.
            unsafe {
                let from = src.wrapping_add(16 * half * stride + d * BLOCK);
                let (quads, scale) = block(from, stride, rows, (k - d * BLOCK).min(BLOCK));
                for (q, v) in quads.iter().enumerate() {
                    put_unsigned(_mm512_castps_si512(*v), out.as_mut_ptr().add(q * NR + 16 * half));
                }
                _mm512_storeu_ps(out.as_mut_ptr().add(QUADS * NR + 16 * half), scale);
            }
        }
    }
}

/// Codes + 128.
#[inline]
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn put_unsigned(codes: __m512i, to: *mut f32) {
    let v = _mm512_xor_si512(codes, _mm512_set1_epi32(0x8080_8080_u32 as i32));
    // SAFETY: 16 words are there, by the callers.
    unsafe { _mm512_storeu_ps(to, _mm512_castsi512_ps(v)) };
}

/// One block of 32 columns, of which `n` are there: `k` ≤ 64 rows of them, `stride` apart.
///
/// # Safety
/// As [`pack_rows`].
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn pack_block(src: *const f32, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    assert!(n <= NR && k <= BLOCK && out.len() >= COLUMNS);
    for half in 0..2 {
        let have = mask(n.saturating_sub(16 * half));
        // SAFETY: masked to the columns that are there; past the last row nothing is read.
        let row = |d: usize| unsafe {
            let have = if d < k { have } else { 0 };
            _mm512_maskz_loadu_ps(have, src.wrapping_add(d * stride + 16 * half))
        };
        let mut largest = _mm512_setzero_si512();
        for d in 0..k {
            largest = _mm512_max_epi32(largest, magnitude(row(d)));
        }
        let (scale, inverse) = scales(largest);
        let low = _mm512_set1_epi32(255);
        for q in 0..QUADS {
            let code = |d: usize| _mm512_cvtps_epi32(_mm512_mul_ps(row(QUAD * q + d), inverse));
            let (a, b) = (_mm512_and_si512(code(0), low), _mm512_and_si512(code(1), low));
            let (c, d) = (_mm512_and_si512(code(2), low), _mm512_slli_epi32::<24>(code(3)));
            let word = _mm512_or_si512(_mm512_or_si512(a, _mm512_slli_epi32::<8>(b)), _mm512_slli_epi32::<16>(c));
            // SAFETY: a quad has 32 words.
            unsafe { put_unsigned(_mm512_or_si512(word, d), out.as_mut_ptr().add(q * NR + 16 * half)) };
        }
        // SAFETY: after the quads there are 32 scales.
        unsafe {
            _mm512_storeu_ps(out.as_mut_ptr().add(QUADS * NR + 16 * half), scale);
        }
    }
}

/// `to[i][j] = from[i][j] +` a block's sums, over some rows and 32 columns; registers of (row, half) given per row.
macro_rules! kernel {
    ($name:ident, $(($row:literal, $x:literal, $low:literal, $high:literal)),*) => {
        #[target_feature(enable = "avx512f,avx512vnni")]
        unsafe fn $name(a: *const f32, b: *const f32, from: Rows, to: Rows) {
            // SAFETY: reads a block of rows, one of columns and rows of `from`, writes only rows of `to`.
            unsafe {
                asm!(
                    $(
                        concat!("vpbroadcastd zmm", $low, ", dword ptr [{a} + 816 + 4*", $row, "]"),
                        concat!("vmovdqa64 zmm", $high, ", zmm", $low),
                    )*
                    "2:",
                    "vmovups zmm0, [{b}]",
                    "vmovups zmm1, [{b} + 64]",
                    "prefetcht0 [{b} + 2176]",
                    "prefetcht0 [{b} + 2240]",
                    $(
                        concat!("vpbroadcastd zmm", $x, ", dword ptr [{a} + 4*", $row, "]"),
                        concat!("vpdpbusd zmm", $low, ", zmm0, zmm", $x),
                        concat!("vpdpbusd zmm", $high, ", zmm1, zmm", $x),
                    )*
                    "add {a}, 48",
                    "add {b}, 128",
                    "dec {k}",
                    "jnz 2b",
                    "vmovups zmm0, [{b}]",
                    "vmovups zmm1, [{b} + 64]",
                    $(
                        concat!("vbroadcastss zmm", $x, ", dword ptr [{a} + 4*", $row, "]"),
                        concat!("vcvtdq2ps zmm", $low, ", zmm", $low),
                        concat!("vcvtdq2ps zmm", $high, ", zmm", $high),
                        concat!("vmulps zmm", $low, ", zmm", $low, ", zmm0"),
                        concat!("vmulps zmm", $high, ", zmm", $high, ", zmm1"),
                        concat!("vfmadd213ps zmm", $low, ", zmm", $x, ", [{from}]"),
                        concat!("vfmadd213ps zmm", $high, ", zmm", $x, ", [{from} + 64]"),
                        "add {from}, {step}",
                        concat!("vmovups [{to}], zmm", $low),
                        concat!("vmovups [{to} + 64], zmm", $high),
                        "add {to}, {stride}",
                    )*
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    k = inout(reg) QUADS => _,
                    from = inout(reg) from.at => _,
                    step = in(reg) from.step,
                    to = inout(reg) to.at => _,
                    stride = in(reg) to.step,
                    out("zmm0") _, out("zmm1") _, out("zmm2") _, out("zmm3") _, out("zmm4") _, out("zmm5") _,
                    out("zmm8") _, out("zmm9") _, out("zmm10") _, out("zmm11") _, out("zmm12") _, out("zmm13") _,
                    out("zmm14") _, out("zmm15") _, out("zmm16") _, out("zmm17") _, out("zmm18") _, out("zmm19") _,
                    out("zmm20") _, out("zmm21") _, out("zmm22") _, out("zmm23") _, out("zmm24") _, out("zmm25") _,
                    out("zmm26") _, out("zmm27") _, out("zmm28") _, out("zmm29") _, out("zmm30") _, out("zmm31") _,
                    options(nostack),
                );
            }
        }
    };
}
#[rustfmt::skip]
kernel!(rows12, (0, 2, 8, 20), (1, 3, 9, 21), (2, 4, 10, 22), (3, 5, 11, 23), (4, 2, 12, 24), (5, 3, 13, 25),
    (6, 4, 14, 26), (7, 5, 15, 27), (8, 2, 16, 28), (9, 3, 17, 29), (10, 4, 18, 30), (11, 5, 19, 31));
#[rustfmt::skip]
kernel!(rows8, (0, 2, 8, 20), (1, 3, 9, 21), (2, 4, 10, 22), (3, 5, 11, 23), (4, 2, 12, 24), (5, 3, 13, 25),
    (6, 4, 14, 26), (7, 5, 15, 27));
kernel!(rows4, (0, 2, 8, 20), (1, 3, 9, 21), (2, 4, 10, 22), (3, 5, 11, 23));

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B, `k` deep.
///
/// # Safety
/// [`ready`]; `a` holds the packed rows, 12 after 12 so many words apart, and the tile belongs to this task.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    let blocks = k.div_ceil(BLOCK);
    let words = row_words(k);
    assert!(t.rows > 0 && unit >= words && a.len() >= (t.rows.div_ceil(MR) - 1) * unit + words);
    assert!(b.len() >= panel_words(k));
    let mut sums = Sums([0.0; MR * NR]);
    for i in (0..t.rows).step_by(MR) {
        let rows = MR.min(t.rows - i);
        let a = a[i / MR * unit..].as_ptr();
        // SAFETY: by contract.
        unsafe {
            let whole = t.whole(i);
            if whole.is_none() {
                t.load(&mut sums, i, rows);
            }
            // Between the first and the last block the sums stay here: C's rows may lie so that a cache holds few of them.
            let there = Rows::of(&mut sums);
            let (first, last) = whole.unwrap_or((there, there));
            for d in 0..blocks {
                let (a, b) = (a.add(d * ROWS), b.as_ptr().add(d * COLUMNS));
                let from = if d == 0 { first } else { there };
                let to = if d + 1 == blocks { last } else { there };
                match rows {
                    9.. => rows12(a, b, from, to),
                    5.. => rows8(a, b, from, to),
                    _ => rows4(a, b, from, to),
                }
            }
            if whole.is_none() {
                t.store(&sums, i, rows);
            }
        }
    }
}
