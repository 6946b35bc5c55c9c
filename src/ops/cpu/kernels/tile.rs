//! The innermost loops, in assembler: a compiler spills some of the 24 accumulators, at half the speed.

use std::arch::asm;

/// Rows of a packed block of A.
pub(in crate::ops::cpu) const MR: usize = 12;
/// Columns of a packed panel of B.
pub(in crate::ops::cpu) const NR: usize = 32;
/// Sums of one tile, `[row][NR]`.
#[repr(align(64))]
pub(in crate::ops::cpu) struct Sums(pub [f32; MR * NR]);

/// Where rows of 32 sums are read or written: the first, and the bytes from one to the next.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Rows {
    pub at: *mut f32,
    pub step: usize,
}

impl Rows {
    /// Nothing but zeros, to be read.
    pub(in crate::ops::cpu) fn zeros() -> Self {
        static ZEROS: Sums = Sums([0.0; MR * NR]);
        Self { at: ZEROS.0.as_ptr().cast_mut(), step: 0 }
    }

    pub(in crate::ops::cpu) fn of(sums: &mut Sums) -> Self {
        Self { at: sums.0.as_mut_ptr(), step: size_of::<[f32; NR]>() }
    }
}

/// A tile of C: its first element, the length of a row, and how far it reaches.
#[derive(Clone, Copy)]
pub(in crate::ops::cpu) struct Tile {
    pub c: *mut f32,
    pub stride: usize,
    pub rows: usize,
    pub cols: usize,
    /// To what C holds, or in its place.
    pub add: bool,
}

impl Tile {
    /// Twelve whole rows from `first` on, where they are there: what they begin with, and themselves.
    ///
    /// # Safety
    /// The tile has a row `first`.
    #[inline]
    pub(in crate::ops::cpu) unsafe fn whole(&self, first: usize) -> Option<(Rows, Rows)> {
        if self.cols < NR || self.rows - first < MR {
            return None;
        }
        // SAFETY: by contract.
        let c = Rows { at: unsafe { self.c.add(first * self.stride) }, step: size_of::<f32>() * self.stride };
        Some((if self.add { c } else { Rows::zeros() }, c))
    }
}

/// `to[i][j] = Σ a[k][i]·b[k][j] + from[i][j]` over some rows and 32 columns; registers of (row, half) given per row. What
/// they begin with is added last: begun with it, each of k sums would be rounded as coarsely as a large C.
macro_rules! wide {
    ($name:ident, $(($a:literal, $x:literal, $low:literal, $high:literal)),*) => {
        /// # Safety
        /// AVX-512F; `a` holds 12·k floats, `b` 32·k, and k > 0; the rows are there, and the caller's.
        #[target_feature(enable = "avx512f")]
        pub(in crate::ops::cpu) unsafe fn $name(a: *const f32, b: *const f32, k: usize, from: Rows, to: Rows) {
            // SAFETY: reads a, b and from as promised, writes only rows of `to`.
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
                        concat!("vaddps zmm", $low, ", zmm", $low, ", [{from}]"),
                        concat!("vaddps zmm", $high, ", zmm", $high, ", [{from} + 64]"),
                        "add {from}, {step}",
                        concat!("vmovups [{to}], zmm", $low),
                        concat!("vmovups [{to} + 64], zmm", $high),
                        "add {to}, {stride}",
                    )*
                    a = inout(reg) a => _,
                    b = inout(reg) b => _,
                    k = inout(reg) k => _,
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

wide!(
    rows12,
    (0, 2, 8, 20),
    (4, 3, 9, 21),
    (8, 4, 10, 22),
    (12, 5, 11, 23),
    (16, 2, 12, 24),
    (20, 3, 13, 25),
    (24, 4, 14, 26),
    (28, 5, 15, 27),
    (32, 2, 16, 28),
    (36, 3, 17, 29),
    (40, 4, 18, 30),
    (44, 5, 19, 31)
);
wide!(
    rows8,
    (0, 2, 8, 20),
    (4, 3, 9, 21),
    (8, 4, 10, 22),
    (12, 5, 11, 23),
    (16, 2, 12, 24),
    (20, 3, 13, 25),
    (24, 4, 14, 26),
    (28, 5, 15, 27)
);
wide!(rows4, (0, 2, 8, 20), (4, 3, 9, 21), (8, 4, 10, 22), (12, 5, 11, 23));

/// As `rows12`, added to what `sums` holds, for 16 columns only (the panel's other 16 are not read).
///
/// # Safety
/// AVX-512F; `a` holds 12·k floats, `b` 32·k.
#[target_feature(enable = "avx512f")]
pub(in crate::ops::cpu) unsafe fn half12(a: *const f32, b: *const f32, k: usize, sums: &mut Sums) {
    use std::arch::x86_64::{
        _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_set1_ps, _mm512_setzero_ps, _mm512_storeu_ps,
    };
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
            let at = sums.0.as_mut_ptr().add(i * NR);
            _mm512_storeu_ps(at, _mm512_add_ps(*acc, _mm512_loadu_ps(at)));
        }
    }
}
