//! Tiles of dot products (AVX-512). Every product of one row of W with one row of x adds in the same order, however many
//! rows of either stand beside it: lane `l` of two chains takes the columns 32·i + l and 32·i + 16 + l, the chains are
//! added, then the lanes as a tree.

use std::arch::x86_64::*;
use std::cell::RefCell;

use crate::ops::cpu::gemv::rows::Rows;
use crate::ops::cpu::weights::widen::Reader;
use crate::ops::pool::Parts;

/// Rows of W that are reduced, or decoded, together.
pub(super) const GROUP: usize = 16;

/// Bytes from what is read to what is asked for: 1 to 8 KiB measure alike.
const AHEAD: usize = 2048;

thread_local! {
    static PANEL: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// y[r][first..first + n] = x[r]·W[first..first + n]ᵀ for every row of x, y's rows being W's `rows` wide.
///
/// # Safety
/// `widen::ready`; no other task asks for these columns of y.
pub(super) unsafe fn part(y: &Parts<'_, f32>, x: &[f32], w: Rows<'_>, first: usize, n: usize) {
    let reader = w.stored.and_then(|s| Some((s, Reader::find(s.encoding, s.cols)?)));
    let Some((stored, reader)) = reader else {
        // SAFETY: by the caller.
        return w.with_wide(first, n, |plain| unsafe { tiles(y, x, w.cols, plain, w.rows, first) });
    };
    for start in (first..first + n).step_by(GROUP) {
        let n = GROUP.min(first + n - start);
        // SAFETY: by the caller.
        unsafe {
            if x.len() == w.cols {
                let mut lanes = Lanes([[0.0; 16]; GROUP]);
                for (i, lanes) in lanes.0[..n].iter_mut().enumerate() {
                    let row = stored.row(start + i);
                    fetch(row);
                    reader.dot(row, x, lanes);
                }
                y.slice(start, n).copy_from_slice(&reduce(&lanes)[..n]);
            } else {
                PANEL.with_borrow_mut(|panel| {
                    panel.resize((n * w.cols).max(panel.len()), 0.0);
                    for (i, values) in panel.chunks_exact_mut(w.cols).take(n).enumerate() {
                        reader.widen(stored.row(start + i), values);
                    }
                    tiles(y, x, w.cols, &panel[..n * w.cols], w.rows, start);
                });
            }
        }
    }
}

/// Asks for what lies [`AHEAD`] bytes behind this row: the processor's own reading ahead ends at each page.
fn fetch(row: &[u8]) {
    for at in (0..row.len()).step_by(64) {
        // SAFETY: a hint, which no address can make fail.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.as_ptr().wrapping_add(AHEAD + at).cast()) };
    }
}

/// The products of these plain rows of W, `first` … of `out`, with all rows of x.
///
/// # Safety
/// As [`part`].
unsafe fn tiles(y: &Parts<'_, f32>, x: &[f32], cols: usize, w: &[f32], out: usize, first: usize) {
    for (t, x) in x.chunks(4 * cols).enumerate() {
        let at = 4 * t * out + first;
        // SAFETY: by the caller.
        unsafe {
            match x.len() / cols {
                1 => stripe::<16, 1>(y, at, out, x, w, cols),
                2 => stripe::<8, 2>(y, at, out, x, w, cols),
                3 => stripe::<4, 3>(y, at, out, x, w, cols),
                _ => stripe::<4, 4>(y, at, out, x, w, cols),
            }
        }
    }
}

/// `R` rows of x against all rows of `w`, `W` at a time; W·R ≤ 16.
///
/// # Safety
/// As [`part`].
#[target_feature(enable = "avx512f")]
unsafe fn stripe<const W: usize, const R: usize>(
    y: &Parts<'_, f32>,
    at: usize,
    out: usize,
    x: &[f32],
    w: &[f32],
    cols: usize,
) {
    let rows = w.len() / cols;
    assert!(x.len() == R * cols);
    for start in (0..rows).step_by(W) {
        let n = W.min(rows - start);
        // Beyond the last row it is read again, and its sums are dropped.
        let w: [*const f32; W] = std::array::from_fn(|i| w[(start + i.min(n - 1)) * cols..].as_ptr());
        let x: [*const f32; R] = std::array::from_fn(|r| x[r * cols..].as_ptr());
        let mut lanes = Lanes([[0.0; 16]; GROUP]);
        // SAFETY: each pointer has `cols` floats behind it.
        let (low, high) = unsafe { (chains(w, x, 0, cols), chains(w, x, 16, cols)) };
        for r in 0..R {
            for i in 0..W {
                let sum = _mm512_add_ps(low[r][i], high[r][i]);
                // SAFETY: 16 floats.
                unsafe { _mm512_storeu_ps(lanes.0[r * W + i].as_mut_ptr(), sum) };
            }
        }
        let sums = reduce(&lanes);
        for r in 0..R {
            // SAFETY: row r's columns of this task.
            unsafe { y.slice(at + r * out + start, n) }.copy_from_slice(&sums[r * W..][..n]);
        }
    }
}

/// The sums over every other 16 columns from `from`, of each pair of rows.
///
/// # Safety
/// Each pointer has `cols` floats behind it.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn chains<const W: usize, const R: usize>(
    w: [*const f32; W],
    x: [*const f32; R],
    from: usize,
    cols: usize,
) -> [[__m512; W]; R] {
    let mut acc = [[_mm512_setzero_ps(); W]; R];
    let mut at = from;
    // SAFETY: whole registers within `cols`, then the rest under a mask.
    unsafe {
        while at + 16 <= cols {
            let w: [__m512; W] = std::array::from_fn(|i| _mm512_loadu_ps(w[i].add(at)));
            for r in 0..R {
                let x = _mm512_loadu_ps(x[r].add(at));
                for i in 0..W {
                    acc[r][i] = _mm512_fmadd_ps(w[i], x, acc[r][i]);
                }
            }
            at += 32;
        }
        if at < cols {
            let mask = (1u16 << (cols - at)) - 1;
            let w: [__m512; W] = std::array::from_fn(|i| _mm512_maskz_loadu_ps(mask, w[i].add(at)));
            for r in 0..R {
                let x = _mm512_maskz_loadu_ps(mask, x[r].add(at));
                for i in 0..W {
                    acc[r][i] = _mm512_fmadd_ps(w[i], x, acc[r][i]);
                }
            }
        }
    }
    acc
}

/// Partial sums to be reduced, 16 of each.
#[repr(align(64))]
struct Lanes([[f32; 16]; GROUP]);

/// The sum of each 16 as a tree: lanes 8 apart, then 4, 2, 1.
#[target_feature(enable = "avx512f")]
fn reduce(lanes: &Lanes) -> [f32; GROUP] {
    // SAFETY: 16 floats each.
    let v = |i: usize| unsafe { _mm512_load_ps(lanes.0[i].as_ptr()) };
    // Each step adds two registers' halves (quarters, …) and keeps both results in one.
    let halves = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x44>(a, b), _mm512_shuffle_f32x4::<0xee>(a, b));
    let quarters = |a, b| _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xdd>(a, b));
    let pairs = |a, b| _mm512_add_ps(_mm512_shuffle_ps::<0x44>(a, b), _mm512_shuffle_ps::<0xee>(a, b));
    let ones = |a, b| _mm512_add_ps(_mm512_shuffle_ps::<0x88>(a, b), _mm512_shuffle_ps::<0xdd>(a, b));
    let four = |i| quarters(halves(v(i), v(i + 8)), halves(v(i + 4), v(i + 12)));
    let sums = ones(pairs(four(0), four(2)), pairs(four(1), four(3)));
    let order = _mm512_setr_epi32(0, 2, 1, 3, 8, 10, 9, 11, 4, 6, 5, 7, 12, 14, 13, 15);
    let mut out = [0.0; GROUP];
    // SAFETY: 16 floats.
    unsafe { _mm512_storeu_ps(out.as_mut_ptr(), _mm512_permutexvar_ps(order, sums)) };
    out
}
