//! Our kernel on vectors of eight (AVX2 and FMA, x86 since 2013): tiles of 6 × 16, four to a tile of the layout that it
//! shares with AVX-512's.

use std::arch::asm;
use std::arch::x86_64::*;

use crate::ops::cpu::kernels::tile::{MR, NR, Sums, Tile};

/// Rows and columns of which the sums stay in registers.
const ROWS: usize = MR / 2;
const COLUMNS: usize = NR / 2;

pub(in crate::ops::cpu) fn ready() -> bool {
    std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma")
}

/// `$rows` ≤ 6 rows and 16 columns; register of (row, half) given per row.
macro_rules! kernel {
    ($name:ident, $(($row:literal, $x:literal, $low:literal, $high:literal)),*) => {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn $name(a: *const f32, b: *const f32, k: usize, sums: *mut f32) {
            // SAFETY: of each depth reads its rows of the block's 12 and 16 of the panel's 32 columns, writes rows of `sums`.
            unsafe {
                asm!(
                    $(
                        concat!("vxorps ymm", $low, ", ymm", $low, ", ymm", $low),
                        concat!("vxorps ymm", $high, ", ymm", $high, ", ymm", $high),
                    )*
                    "2:",
                    "vmovups ymm0, [{b}]",
                    "vmovups ymm1, [{b} + 32]",
                    "prefetcht0 [{b} + 1024]",
                    $(
                        concat!("vbroadcastss ymm", $x, ", dword ptr [{a} + 4*", $row, "]"),
                        concat!("vfmadd231ps ymm", $low, ", ymm", $x, ", ymm0"),
                        concat!("vfmadd231ps ymm", $high, ", ymm", $x, ", ymm1"),
                    )*
                    "add {a}, 48",
                    "add {b}, 128",
                    "dec {k}",
                    "jnz 2b",
                    $(
                        concat!("vmovups [{s} + 128*", $row, "], ymm", $low),
                        concat!("vmovups [{s} + 32 + 128*", $row, "], ymm", $high),
                    )*
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    k = inout(reg) k => _,
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

/// All rows of the tile (at most 32 columns) from packed rows of A and one packed panel of B.
///
/// # Safety
/// [`ready`]; `a` holds the packed rows, 12 after 12 so many floats apart, and `b` the packed columns, k deep; the tile
/// belongs to this task.
#[target_feature(enable = "avx2,fma")]
pub(in crate::ops::cpu) unsafe fn panel(t: Tile, k: usize, a: &[f32], unit: usize, b: &[f32]) {
    let mut sums = Sums([0.0; MR * NR]);
    assert!(k > 0 && t.rows > 0 && unit >= MR * k && b.len() >= k * NR);
    assert!(a.len() >= (t.rows.div_ceil(MR) - 1) * unit + MR * k);
    for i in (0..t.rows).step_by(MR) {
        let rows = MR.min(t.rows - i);
        for first in (0..rows).step_by(ROWS) {
            for column in (0..t.cols).step_by(COLUMNS) {
                let few = rows - first <= ROWS / 2;
                // SAFETY: by contract.
                unsafe {
                    let (a, b) = (a[i / MR * unit..].as_ptr().add(first), b.as_ptr().add(column));
                    let to = sums.0.as_mut_ptr().add(first * NR + column);
                    if few { rows3(a, b, k, to) } else { rows6(a, b, k, to) }
                }
            }
        }
        for (r, sums) in sums.0.chunks_exact(NR).enumerate().take(rows) {
            // SAFETY: a row of the tile, by contract.
            let c = unsafe { std::slice::from_raw_parts_mut(t.c.add((i + r) * t.stride), t.cols) };
            if t.add {
                c.iter_mut().zip(sums).for_each(|(c, s)| *c += s);
            } else {
                c.copy_from_slice(&sums[..t.cols]);
            }
        }
    }
}

/// `rows ≤ W` rows of `k` contiguous floats, `stride` apart → `[k][W]`, zero-filled; W is a multiple of 4.
///
/// # Safety
/// AVX2; the rows are there.
#[target_feature(enable = "avx2")]
pub(in crate::ops::cpu) unsafe fn pack_transposed<const W: usize>(
    src: *const f32,
    stride: usize,
    rows: usize,
    k: usize,
    out: &mut [f32],
) {
    assert!(out.len() >= k * W);
    let lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    for j in (0..k).step_by(8) {
        let depth = (k - j).min(8);
        let there = _mm256_cmpgt_epi32(_mm256_set1_epi32(depth as i32), lanes);
        for l in (0..W).step_by(8) {
            let mut r = [_mm256_setzero_ps(); 8];
            for (i, r) in r.iter_mut().enumerate().take(rows.saturating_sub(l)) {
                // SAFETY: masked to what is there.
                *r = unsafe { _mm256_maskload_ps(src.wrapping_add((l + i) * stride + j), there) };
            }
            transpose(&mut r);
            for (i, r) in r.iter().enumerate().take(depth) {
                // SAFETY: within depth j + i, whose lanes from `l` on are four or eight at least.
                unsafe {
                    let to = out.as_mut_ptr().add((j + i) * W + l);
                    if W - l >= 8 { _mm256_storeu_ps(to, *r) } else { _mm_storeu_ps(to, _mm256_castps256_ps128(*r)) }
                }
            }
        }
    }
}

/// An 8 × 8 transpose.
#[inline]
#[target_feature(enable = "avx2")]
fn transpose(r: &mut [__m256; 8]) {
    let mut t = [_mm256_setzero_ps(); 8];
    for i in 0..4 {
        t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
        t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
    }
    for i in 0..2 {
        for h in 0..2 {
            let (a, b) = (t[4 * i + h], t[4 * i + 2 + h]);
            r[4 * i + 2 * h] = _mm256_shuffle_ps::<0x44>(a, b);
            r[4 * i + 2 * h + 1] = _mm256_shuffle_ps::<0xee>(a, b);
        }
    }
    for i in 0..4 {
        t[i] = _mm256_permute2f128_ps::<0x20>(r[i], r[4 + i]);
        t[4 + i] = _mm256_permute2f128_ps::<0x31>(r[i], r[4 + i]);
    }
    *r = t;
}
