//! The products of [`int8`] on matrix tiles (AMX-INT8): the same codes, scales and order of additions, so the same bits as
//! with AVX-512 VNNI. Columns are packed as they are there: a block's quads are a tile's rows.
//!
//! `tdpbsud` multiplies signed bytes of A with unsigned ones of B: a block's sums begin, as there, with -128 times the sum
//! of the row's codes, which is added after the tile was stored.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::cpu::kernels::amx::UNIT;
use crate::ops::cpu::kernels::int8::{BLOCK, COLUMNS, QUADS, codes, panel_words};
use crate::ops::cpu::kernels::tile::{NR, Tile};
use crate::ops::cpu::kernels::x86::{mask, transpose};

/// Words of a row's codes in a block.
const ROW: usize = BLOCK / 4;
/// Words of a block of 16 rows: `[row][codes]`, then the rows' scales, then what their sums begin with.
const ROWS: usize = UNIT * ROW + 2 * UNIT;
/// Rows of C that are computed together: two tiles of A.
const TALL: usize = 2 * UNIT;

/// Whether the CPU multiplies tiles of bytes. Whether the system permits the use of tiles is checked by `amx::ready`.
pub(in crate::ops::cpu) fn ready() -> bool {
    crate::ops::cpu::kernels::int8::ready() && __cpuid_count(7, 0).edx >> 25 & 1 == 1
}

/// Words of 16 packed rows.
pub(in crate::ops::cpu) const fn row_words(k: usize) -> usize {
    k.div_ceil(BLOCK) * ROWS
}

/// `rows` <= 16 rows of `k` values, `stride` apart, zero where nothing is.
///
/// # Safety
/// [`ready`]; the rows are there.
#[target_feature(enable = "avx512f,avx512vnni")]
pub(in crate::ops::cpu) unsafe fn pack_rows(src: *const f32, stride: usize, rows: usize, k: usize, out: &mut [f32]) {
    assert!(rows <= UNIT && out.len() == row_words(k));
    let minus = _mm512_set1_epi8(i8::MIN);
    for (d, out) in out.chunks_exact_mut(ROWS).enumerate() {
        // SAFETY: within the rows; a block has so many words.
        unsafe {
            let (mut all, scale) = codes(src.add(d * BLOCK), stride, rows, (k - d * BLOCK).min(BLOCK));
            let to = out.as_mut_ptr();
            for (r, row) in all.iter().enumerate() {
                _mm512_storeu_ps(to.add(r * ROW), *row);
            }
            transpose(&mut all);
            // +128 times the codes.
            let add = |sum, quad: &__m512| _mm512_dpbusd_epi32(sum, minus, _mm512_castps_si512(*quad));
            let sum = all.iter().fold(_mm512_setzero_si512(), add);
            let begin = _mm512_sub_epi32(_mm512_setzero_si512(), sum);
            _mm512_storeu_ps(to.add(UNIT * ROW), scale);
            _mm512_storeu_ps(to.add(UNIT * ROW + UNIT), _mm512_castsi512_ps(begin));
        }
    }
}

/// Blocks whose integer sums are stored together, and then added to the f32 sums.
const TOGETHER: usize = 4;
/// Rows whose sums are added while the tiles of one block of the next stretch are computed.
const GROUP: usize = TALL / TOGETHER;

/// A block's integer sums of 32 rows and columns: `[row][column]`.
#[derive(Clone, Copy)]
#[repr(align(64))]
struct Counts([i32; TALL * NR]);

/// f32 sums of the same.
#[repr(align(64))]
struct Sums([f32; TALL * NR]);

/// A block's sums of products, of one or two units of rows (`below` the second) and 32 columns.
///
/// # Safety
/// Configured tiles; a block of packed rows at `a` and `below`, one of columns at `b`.
unsafe fn block(a: *const f32, below: Option<*const f32>, b: *const f32, to: &mut Counts) {
    let to = to.0.as_mut_ptr();
    // SAFETY: by contract; 16 rows of `to` from each start.
    unsafe {
        match below {
            Some(below) => asm!(
                "tilezero tmm0", "tilezero tmm1", "tilezero tmm2", "tilezero tmm3",
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {wide}*1]",
                "tileloadd tmm7, [{b} + {wide}*1 + 64]",
                "tileloadd tmm5, [{below} + {row}*1]",
                "tdpbsud tmm0, tmm4, tmm6",
                "tdpbsud tmm1, tmm4, tmm7",
                "tdpbsud tmm2, tmm5, tmm6",
                "tdpbsud tmm3, tmm5, tmm7",
                "tilestored [{to} + {wide}*1], tmm0",
                "tilestored [{to} + {wide}*1 + 64], tmm1",
                "tilestored [{to} + {wide}*1 + 2048], tmm2",
                "tilestored [{to} + {wide}*1 + 2112], tmm3",
                a = in(reg) a, below = in(reg) below, b = in(reg) b, to = in(reg) to,
                row = in(reg) 4 * ROW, wide = in(reg) 4 * NR,
                options(nostack),
            ),
            None => asm!(
                "tilezero tmm0", "tilezero tmm1",
                "tileloadd tmm4, [{a} + {row}*1]",
                "tileloadd tmm6, [{b} + {wide}*1]",
                "tileloadd tmm7, [{b} + {wide}*1 + 64]",
                "tdpbsud tmm0, tmm4, tmm6",
                "tdpbsud tmm1, tmm4, tmm7",
                "tilestored [{to} + {wide}*1], tmm0",
                "tilestored [{to} + {wide}*1 + 64], tmm1",
                a = in(reg) a, b = in(reg) b, to = in(reg) to,
                row = in(reg) 4 * ROW, wide = in(reg) 4 * NR,
                options(nostack),
            ),
        }
    }
}

/// Adds some blocks to the sums of eight rows, from `first` on.
///
/// # Safety
/// AVX-512F; the blocks' packed rows from `a` on, `unit` words from one 16 rows to the next, and their columns from `b` on.
#[target_feature(enable = "avx512f")]
unsafe fn add(blocks: &[Counts], first: usize, a: *const f32, unit: usize, b: *const f32, sums: &mut Sums) {
    let mut all = [[_mm512_setzero_ps(); 2]; GROUP];
    // SAFETY: by contract; 32 rows of 32 words in each block and in `sums`.
    unsafe {
        let at = |r: usize, half: usize| (first + r) * NR + half * UNIT;
        let own = a.add(first / UNIT * unit + UNIT * ROW + first % UNIT);
        for (r, sum) in all.iter_mut().enumerate() {
            *sum = [_mm512_loadu_ps(sums.0.as_ptr().add(at(r, 0))), _mm512_loadu_ps(sums.0.as_ptr().add(at(r, 1)))];
        }
        for (d, counts) in blocks.iter().enumerate() {
            let by = b.add(d * COLUMNS + QUADS * NR);
            let by = [_mm512_loadu_ps(by), _mm512_loadu_ps(by.add(UNIT))];
            for (r, sum) in all.iter_mut().enumerate() {
                let own = own.add(d * ROWS + r);
                let (scale, begin) = (_mm512_set1_ps(*own), _mm512_set1_epi32(own.add(UNIT).read().to_bits() as i32));
                for half in 0..2 {
                    let count = _mm512_add_epi32(_mm512_loadu_epi32(counts.0.as_ptr().add(at(r, half))), begin);
                    sum[half] = _mm512_fmadd_ps(_mm512_mul_ps(_mm512_cvtepi32_ps(count), by[half]), scale, sum[half]);
                }
            }
        }
        for (r, sum) in all.iter().enumerate() {
            (0..2).for_each(|half| _mm512_storeu_ps(sums.0.as_mut_ptr().add(at(r, half)), sum[half]));
        }
    }
}

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B, `k` deep.
///
/// # Safety
/// [`ready`], configured tiles; `a` holds the packed rows, 16 after 16 `unit` words apart, and the tile belongs to this task.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    let (blocks, words) = (k.div_ceil(BLOCK), row_words(k));
    assert!(t.rows > 0 && unit >= words && a.len() >= (t.rows.div_ceil(UNIT) - 1) * unit + words);
    assert!(b.len() >= panel_words(k));
    let mut sums = Sums([0.0; TALL * NR]);
    // One stretch is filled by the tiles while the other one is added up.
    let mut counts = [[Counts([0; TALL * NR]); TOGETHER]; 2];
    let have = [mask(t.cols), mask(t.cols.saturating_sub(UNIT))];
    let stretches = blocks.div_ceil(TOGETHER);
    for i in (0..t.rows).step_by(TALL) {
        let rows = (t.rows - i).min(TALL);
        let a = a[i / UNIT * unit..].as_ptr();
        let b = b.as_ptr();
        // SAFETY: by contract; C is read and written where the tile is.
        unsafe {
            let c = |at: usize| t.c.wrapping_add((i + at / 2) * t.stride + at % 2 * UNIT);
            for at in 0..2 * rows {
                let v = if t.add { _mm512_maskz_loadu_ps(have[at % 2], c(at)) } else { _mm512_setzero_ps() };
                _mm512_storeu_ps(sums.0.as_mut_ptr().add(at * UNIT), v);
            }
            for stretch in 0..=stretches {
                let [even, odd] = &mut counts;
                let (filled, added) = if stretch % 2 == 0 { (even, odd) } else { (odd, even) };
                for (step, counts) in filled.iter_mut().enumerate() {
                    let d = stretch * TOGETHER + step;
                    if d < blocks {
                        let (a, b) = (a.add(d * ROWS), b.add(d * COLUMNS));
                        if i == 0 {
                            prefetch(b.wrapping_add(TOGETHER * COLUMNS));
                        }
                        block(a, (rows > UNIT).then(|| a.add(unit)), b, counts);
                    }
                    if stretch > 0 && step * GROUP < rows {
                        let d = (stretch - 1) * TOGETHER;
                        let done = &added[..TOGETHER.min(blocks - d)];
                        add(done, step * GROUP, a.add(d * ROWS), unit, b.add(d * COLUMNS), &mut sums);
                    }
                }
            }
            for at in 0..2 * rows {
                _mm512_mask_storeu_ps(c(at), have[at % 2], _mm512_loadu_ps(sums.0.as_ptr().add(at * UNIT)));
            }
        }
    }
}

/// Prefetches a block of columns.
#[inline]
fn prefetch(block: *const f32) {
    for line in (0..COLUMNS).step_by(16) {
        // SAFETY: a prefetch reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(block.wrapping_add(line).cast()) };
    }
}
