//! The innermost loops, in assembler: a compiler spills some of the 24 accumulators, at half the speed.

use std::arch::asm;

/// Rows of a packed block of A.
pub(super) const MR: usize = 12;
/// Columns of a packed panel of B.
pub(super) const NR: usize = 32;
/// Accumulated products of one tile, `[row][NR]`.
#[repr(align(64))]
pub(super) struct Sums(pub [f32; MR * NR]);

/// A tile of C: its first element, the length of a row, and how far it reaches.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub c: *mut f32,
    pub stride: usize,
    pub rows: usize,
    pub cols: usize,
    /// To what C holds, or in its place.
    pub add: bool,
}

/// `sums[i][j] = Σ a[k][i]·b[k][j]` over `$rows` rows and 32 columns; register of (row, half) given per row.
macro_rules! wide {
    ($name:ident, $(($a:literal, $x:literal, $low:literal, $high:literal, $to:literal)),*) => {
        /// # Safety
        /// AVX-512F; `a` holds 12·k floats, `b` 32·k, and k > 0.
        #[target_feature(enable = "avx512f")]
        pub(super) unsafe fn $name(a: *const f32, b: *const f32, k: usize, sums: &mut Sums) {
            // SAFETY: reads a and b as promised, writes only `sums`.
            unsafe {
                asm!(
                    $(
                        concat!("vpxord zmm", $low, ", zmm", $low, ", zmm", $low),
                        concat!("vpxord zmm", $high, ", zmm", $high, ", zmm", $high),
                    )*
                    "2:",
                    "vmovups zmm0, [{b}]",
                    "vmovups zmm1, [{b} + 64]",
                    "prefetcht0 [{b} + 1024]",
                    "prefetcht0 [{b} + 1088]",
                    $(
                        concat!("vbroadcastss zmm", $x, ", dword ptr [{a} + ", $a, "]"),
                        concat!("vfmadd231ps zmm", $low, ", zmm", $x, ", zmm0"),
                        concat!("vfmadd231ps zmm", $high, ", zmm", $x, ", zmm1"),
                    )*
                    "add {a}, 48",
                    "add {b}, 128",
                    "dec {k}",
                    "jnz 2b",
                    $(
                        concat!("vmovups [{s} + ", $to, "], zmm", $low),
                        concat!("vmovups [{s} + 64 + ", $to, "], zmm", $high),
                    )*
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    k = inout(reg) k => _,
                    s = in(reg) sums.0.as_mut_ptr(),
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

wide!(
    rows12,
    (0, 2, 8, 20, 0),
    (4, 3, 9, 21, 128),
    (8, 4, 10, 22, 256),
    (12, 5, 11, 23, 384),
    (16, 2, 12, 24, 512),
    (20, 3, 13, 25, 640),
    (24, 4, 14, 26, 768),
    (28, 5, 15, 27, 896),
    (32, 2, 16, 28, 1024),
    (36, 3, 17, 29, 1152),
    (40, 4, 18, 30, 1280),
    (44, 5, 19, 31, 1408)
);
wide!(
    rows8,
    (0, 2, 8, 20, 0),
    (4, 3, 9, 21, 128),
    (8, 4, 10, 22, 256),
    (12, 5, 11, 23, 384),
    (16, 2, 12, 24, 512),
    (20, 3, 13, 25, 640),
    (24, 4, 14, 26, 768),
    (28, 5, 15, 27, 896)
);
wide!(rows4, (0, 2, 8, 20, 0), (4, 3, 9, 21, 128), (8, 4, 10, 22, 256), (12, 5, 11, 23, 384));

/// As `rows12`, for 16 columns only (the panel's other 16 are not read).
///
/// # Safety
/// AVX-512F; `a` holds 12·k floats, `b` 32·k, and k > 0.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn half12(a: *const f32, b: *const f32, k: usize, sums: &mut Sums) {
    use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps};
    let mut acc = [_mm512_setzero_ps(); MR];
    // SAFETY: reads a and b as promised, writes only `sums`.
    unsafe {
        for j in 0..k {
            let x = _mm512_loadu_ps(b.add(j * NR));
            for (i, acc) in acc.iter_mut().enumerate() {
                *acc = _mm512_fmadd_ps(_mm512_set1_ps(*a.add(j * MR + i)), x, *acc);
            }
        }
        for (i, acc) in acc.iter().enumerate() {
            _mm512_storeu_ps(sums.0.as_mut_ptr().add(i * NR), *acc);
        }
    }
}
