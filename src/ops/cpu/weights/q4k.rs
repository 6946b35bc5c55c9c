//! Codes in eight bits of a Q4_K weight, from its own: the 16 values that a part of a block may hold are rounded, and looked
//! up. What they are whole multiples of follows from the largest magnitude that the parts' scales allow, whether it is there
//! or not; backwards, 32 columns have it in common. Both are mostly finer than the weight's own steps.

use std::arch::x86_64::*;
use std::ops::Range;

use crate::ops::cpu::kernels::int8::{self, BLOCK, COLUMNS, QUAD, QUADS, panel_words, put_unsigned, scales};
use crate::ops::cpu::kernels::tile::NR;
use crate::ops::cpu::kernels::x86::{prefetch, transpose};
use crate::ops::cpu::simd::Vectors;
use crate::ops::cpu::weights::widen::scales::{lanes, scale_mins};
use crate::ops::{Encoding, WeightRef};

/// Values and bytes of a super-block, and its parts.
const SUPER: usize = 256;
const BYTES: usize = 144;
const PARTS: usize = 8;
/// The largest of a part's own codes.
const LAST: f32 = 15.0;

/// Whether these codes are made here, on a CPU for which `int8::ready`.
pub(super) fn takes(w: &WeightRef<'_>) -> bool {
    w.encoding == Encoding::Q4K && Vectors::widest() == Vectors::Avx512
}

/// The bytes of these rows, from the first's first column to the last's last one, and the number of bytes of a row.
fn bytes<'w>(w: &WeightRef<'w>, rows: Range<usize>, cols: Range<usize>) -> (&'w [u8], usize) {
    let (stride, at) = (w.encoding.bytes_for(w.cols), |col| w.encoding.bytes_for(col));
    (&w.bytes[rows.start * stride + at(cols.start)..(rows.end - 1) * stride + at(cols.end)], stride)
}

/// The panel of these rows, at most 32, and depths.
pub(super) fn columns(w: &WeightRef<'_>, rows: Range<usize>, depths: Range<usize>, out: &mut [f32]) {
    let (n, k) = (rows.len(), depths.len());
    assert!(takes(w) && int8::ready() && n > 0 && depths.start.is_multiple_of(SUPER));
    let (rows, stride) = bytes(w, rows, depths);
    // SAFETY: the CPU's features were detected; the rows are there.
    unsafe { pack_columns(rows.as_ptr(), stride, n, k, out) };
}

/// Of these columns the blocks of these rows, at most 64; a panel's `words` after those of the one before.
pub(super) fn blocks(w: &WeightRef<'_>, cols: Range<usize>, rows: Range<usize>, words: usize, out: &mut [f32]) {
    let (col, width, n) = (cols.start, cols.len(), rows.len());
    assert!(takes(w) && int8::ready() && n > 0 && col.is_multiple_of(SUPER) && width.is_multiple_of(SUPER));
    for at in (0..width).step_by(SUPER) {
        let (rows, stride) = bytes(w, rows.clone(), col + at..col + at + SUPER);
        // SAFETY: as above.
        unsafe { pack_blocks(rows.as_ptr(), stride, n, words, &mut out[at / NR * words..]) };
    }
}

/// Magnitudes (as bits) that no value of the parts exceeds.
#[inline]
#[target_feature(enable = "avx512f,fma")]
fn bounds(scale: __m256, offset: __m256) -> __m256i {
    let magnitude = |v| _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(i32::MAX));
    let last = _mm256_fmadd_ps(scale, _mm256_set1_ps(LAST), offset);
    _mm256_max_epi32(magnitude(offset), magnitude(last))
}

#[inline]
#[target_feature(enable = "avx512f")]
fn floats(v: __m512) -> [f32; 16] {
    let mut out = [0.0; 16];
    // SAFETY: 16 floats.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), v) };
    out
}

/// The scales of a super-block's parts, what is added, and what their values are multiplied with to be codes.
#[derive(Clone, Copy)]
struct PartScales {
    scale: [f32; PARTS],
    offset: [f32; PARTS],
}

impl PartScales {
    const NONE: Self = Self { scale: [0.0; PARTS], offset: [0.0; PARTS] };

    /// The codes of a part's 16 values.
    #[inline]
    #[target_feature(enable = "avx512f")]
    fn table(&self, part: usize, inverse: f32) -> __m256i {
        let ramp = _mm512_setr_ps(0., 1., 2., 3., 4., 5., 6., 7., 8., 9., 10., 11., 12., 13., 14., 15.);
        let values = _mm512_fmadd_ps(_mm512_set1_ps(self.scale[part]), ramp, _mm512_set1_ps(self.offset[part]));
        let codes = _mm512_cvtps_epi32(_mm512_mul_ps(values, _mm512_set1_ps(inverse)));
        _mm256_broadcastsi128_si256(_mm512_cvtsepi32_epi8(codes))
    }

    /// The codes of a pair of parts, whose own stand at `b`: 32 in low nibbles, then 32 in high ones.
    ///
    /// # Safety
    /// 32 bytes are there.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw")]
    unsafe fn codes(&self, b: *const u8, pair: usize, inverse: [f32; 2]) -> __m512i {
        let tables = _mm512_inserti64x4::<1>(
            _mm512_castsi256_si512(self.table(2 * pair, inverse[0])),
            self.table(2 * pair + 1, inverse[1]),
        );
        // SAFETY: by contract.
        let bytes = unsafe { _mm256_loadu_si256(b.cast()) };
        let both = _mm512_inserti64x4::<1>(_mm512_castsi256_si512(bytes), _mm256_srli_epi16::<4>(bytes));
        _mm512_shuffle_epi8(tables, _mm512_and_si512(both, _mm512_set1_epi8(15)))
    }
}

/// `n` ≤ 32 rows of `k` values, `stride` bytes apart, as columns: blocks as `int8::pack_columns` makes them.
///
/// # Safety
/// `int8::ready`, `Vectors::Avx512`; the rows are there.
#[target_feature(enable = "avx512f,avx512bw,f16c,fma")]
unsafe fn pack_columns(src: *const u8, stride: usize, n: usize, k: usize, out: &mut [f32]) {
    const BLOCKS: usize = SUPER / BLOCK;
    assert!(n <= NR && k.is_multiple_of(SUPER) && out.len() == panel_words(k));
    for (s, out) in out.chunks_exact_mut(BLOCKS * COLUMNS).enumerate() {
        for half in 0..2 {
            let rows = n.saturating_sub(16 * half).min(16);
            let row = |r: usize| src.wrapping_add((16 * half + r) * stride + s * BYTES);
            let mut most = [[0; 16]; BLOCKS];
            let mut parts = [PartScales::NONE; 16];
            for (r, parts) in parts.iter_mut().enumerate().take(rows) {
                prefetch(row(r).wrapping_add(BYTES), BYTES);
                // SAFETY: the row is there.
                let (scale, offset) = unsafe { scale_mins(row(r)) };
                let all = lanes(_mm256_castsi256_ps(bounds(scale, offset))).map(f32::to_bits);
                for (most, all) in most.iter_mut().zip(all.chunks_exact(2)) {
                    most[r] = all[0].max(all[1]);
                }
                *parts = PartScales { scale: lanes(scale), offset: lanes(offset) };
            }
            for (block, most) in most.iter().enumerate() {
                // SAFETY: 16 words; the rows are there; a block has 32 words a quad, then 32 scales.
                unsafe {
                    let (scale, inverse) = scales(_mm512_loadu_si512(most.as_ptr().cast()));
                    let inverse = floats(inverse);
                    let mut quads = [_mm512_setzero_ps(); 16];
                    for (r, codes) in quads.iter_mut().enumerate().take(rows) {
                        let own = row(r).add(16 + 32 * block);
                        *codes = _mm512_castsi512_ps(parts[r].codes(own, block, [inverse[r]; 2]));
                    }
                    transpose(&mut quads);
                    let to = out[block * COLUMNS..][..COLUMNS].as_mut_ptr().add(16 * half);
                    for (q, v) in quads.iter().enumerate() {
                        put_unsigned(_mm512_castps_si512(*v), to.add(q * NR));
                    }
                    _mm512_storeu_ps(to.add(QUADS * NR), scale);
                }
            }
        }
    }
}

/// Of a super-block's columns, in `k` ≤ 64 rows `stride` bytes apart, the blocks of their 8 panels, each `words` after the
/// one before.
///
/// # Safety
/// As [`pack_columns`].
#[target_feature(enable = "avx512f,avx512bw,f16c,fma")]
unsafe fn pack_blocks(src: *const u8, stride: usize, k: usize, words: usize, out: &mut [f32]) {
    assert!(k <= BLOCK && words >= COLUMNS && out.len() >= (PARTS - 1) * words + COLUMNS);
    let mut most = _mm256_setzero_si256();
    let mut parts = [PartScales::NONE; BLOCK];
    for (r, parts) in parts.iter_mut().enumerate().take(k) {
        prefetch(src.wrapping_add((r + BLOCK) * stride), BYTES);
        // SAFETY: the row is there.
        let (scale, offset) = unsafe { scale_mins(src.add(r * stride)) };
        most = _mm256_max_epi32(most, bounds(scale, offset));
        *parts = PartScales { scale: lanes(scale), offset: lanes(offset) };
    }
    let (scale, inverse) = scales(_mm512_zextsi256_si512(most));
    let (scale, inverse) = (floats(scale), floats(inverse));
    for q in 0..QUADS {
        for pair in 0..PARTS / 2 {
            let inverse = [inverse[2 * pair], inverse[2 * pair + 1]];
            let row = |i: usize| {
                let r = QUAD * q + i;
                if r >= k {
                    return _mm512_setzero_si512();
                }
                // SAFETY: the row is there.
                unsafe { parts[r].codes(src.add(r * stride + 16 + 32 * pair), pair, inverse) }
            };
            let [low, high] = words_of([row(0), row(1), row(2), row(3)]);
            for (panel, halves) in [(2 * pair, low), (2 * pair + 1, high)] {
                let to = out[panel * words..][q * NR..][..NR].as_mut_ptr();
                for (half, codes) in halves.into_iter().enumerate() {
                    // SAFETY: a quad has 32 words.
                    unsafe { put_unsigned(codes, to.add(16 * half)) };
                }
            }
        }
    }
    for (panel, scale) in scale.into_iter().enumerate().take(PARTS) {
        out[panel * words..][QUADS * NR..][..NR].fill(scale);
    }
}

/// Four rows of 64 bytes to words of four, one of each row: those of the first 32, then of the others, 16 and 16.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn words_of([a, b, c, d]: [__m512i; 4]) -> [[__m512i; 2]; 2] {
    let (ab, cd) = (_mm512_unpacklo_epi8(a, b), _mm512_unpacklo_epi8(c, d));
    let (ab_high, cd_high) = (_mm512_unpackhi_epi8(a, b), _mm512_unpackhi_epi8(c, d));
    // Of each 16 bytes the first four words, the next …
    let w0 = _mm512_unpacklo_epi16(ab, cd);
    let w1 = _mm512_unpackhi_epi16(ab, cd);
    let w2 = _mm512_unpacklo_epi16(ab_high, cd_high);
    let w3 = _mm512_unpackhi_epi16(ab_high, cd_high);
    let (low, low2) = (_mm512_shuffle_i32x4::<0x44>(w0, w1), _mm512_shuffle_i32x4::<0x44>(w2, w3));
    let (high, high2) = (_mm512_shuffle_i32x4::<0xee>(w0, w1), _mm512_shuffle_i32x4::<0xee>(w2, w3));
    [
        [_mm512_shuffle_i32x4::<0x88>(low, low2), _mm512_shuffle_i32x4::<0xdd>(low, low2)],
        [_mm512_shuffle_i32x4::<0x88>(high, high2), _mm512_shuffle_i32x4::<0xdd>(high, high2)],
    ]
}
