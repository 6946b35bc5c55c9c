//! How the values of a panel of 32 columns lie, for each kernel.

use crate::ops::cpu::gemm::Kernel;
use crate::ops::cpu::kernels::tile::NR;
use crate::ops::cpu::kernels::{amx, avx2, avx512, int8, int8_avx2};
use crate::ops::{Compute, Encoding};

/// How the values of a panel lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    F32,
    /// The same, packed by vectors of eight.
    F32Avx2,
    /// So many parts in bf16, for tiles.
    Parts(usize),
    Int8,
    /// The same, packed by vectors of eight.
    Int8Avx2,
}

impl Form {
    /// Of f32 values.
    pub(super) fn whole(kernel: Kernel) -> Self {
        match kernel {
            Kernel::Avx512 => Self::F32,
            Kernel::Avx2 => Self::F32Avx2,
            Kernel::Amx => Self::Parts(amx::PARTS),
        }
    }

    /// The bf16 parts in which values of this encoding are exact (their bits are those of a scale times those of a code,
    /// but a sum with a minimum has as many as f32); or the one that is nearest.
    pub(super) fn of(kernel: Kernel, encoding: Encoding, compute: Compute) -> Self {
        match (kernel, compute, encoding) {
            (Kernel::Avx512 | Kernel::Amx, Compute::Int8, _) => Self::Int8,
            (Kernel::Avx2, Compute::Int8, _) => Self::Int8Avx2,
            (Kernel::Avx512 | Kernel::Avx2, ..) => Self::whole(kernel),
            (Kernel::Amx, Compute::Bf16, _) | (_, _, Encoding::BF16) => Self::Parts(1),
            (_, _, Encoding::F16 | Encoding::Q4_0 | Encoding::Q5_0) => Self::Parts(2),
            _ => Self::Parts(amx::PARTS),
        }
    }

    pub(super) fn is_int8(self) -> bool {
        matches!(self, Self::Int8 | Self::Int8Avx2)
    }

    /// Words of a panel of 32 columns, k deep.
    pub(super) fn panel(self, k: usize) -> usize {
        match self {
            Self::F32 | Self::F32Avx2 => NR * k,
            Self::Parts(parts) => 2 * amx::row_words(k, parts),
            Self::Int8 | Self::Int8Avx2 => int8::panel_words(k),
        }
    }

    /// `n` ≤ 32 rows of `k` values, end to end, as the columns of one panel.
    pub(super) fn pack(self, rows: &[f32], n: usize, k: usize, out: &mut [f32]) {
        assert!(n <= NR && rows.len() >= n * k && out.len() == self.panel(k));
        // SAFETY: the kernel's CPU features were detected, and the rows are there.
        unsafe {
            match self {
                Self::F32 => avx512::pack_transposed::<NR>(rows.as_ptr(), k, n, k, out),
                Self::F32Avx2 => avx2::pack_transposed::<NR>(rows.as_ptr(), k, n, k, out),
                Self::Parts(parts) => amx::pack_columns(rows.as_ptr(), k, n, k, parts, out),
                Self::Int8 => int8::pack_columns(rows.as_ptr(), k, n, k, out),
                Self::Int8Avx2 => int8_avx2::pack_columns(rows.as_ptr(), k, n, k, out),
            }
        }
    }
}
