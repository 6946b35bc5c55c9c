//! Which code computes on this CPU.

#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::kernels::{amx, avx2, int8, int8_amx, int8_avx2};

/// What multiplies packed operands: each has a layout of its own, counted in words of 32 bits. There is one only where
/// the CPU has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops::cpu) enum Kernel {
    /// Vectors: B as `[panel of 32 columns][k][32]`, A as `[12 rows][k][12]`; in eight bits as `int8` says (and `int8_avx2`).
    Avx512,
    /// The same in vectors of eight.
    Avx2,
    /// Tiles: B as `[panel][depth of 32][part][half][pair of depths][16 × 2]`, A as `[16 rows][depth][part][row][32]`.
    Amx,
}

#[cfg(target_arch = "x86_64")]
impl Kernel {
    /// Whether this kernel multiplies in eight bits on this CPU.
    pub(in crate::ops::cpu) fn has_int8(self) -> bool {
        match self {
            Self::Avx512 => int8::ready(),
            Self::Avx2 => int8_avx2::ready(),
            Self::Amx => int8_amx::ready(),
        }
    }
}

/// Which code computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ops::cpu) enum Route {
    /// Our kernel on vectors; `tiles`: and on matrix tiles, with weights.
    #[cfg(target_arch = "x86_64")]
    Avx512 { tiles: bool },
    /// Our kernel with weights and what is added to their products, the `gemm` crate for the rest.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// The `gemm` crate, which looks at the CPU itself.
    Gemm,
}

impl Route {
    /// The best this CPU has.
    pub(in crate::ops::cpu) fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx512f") {
            return Self::Avx512 { tiles: amx::ready() };
        }
        #[cfg(target_arch = "x86_64")]
        if avx2::ready() {
            return Self::Avx2;
        }
        Self::Gemm
    }

    /// Every route that this CPU can go, the best last.
    #[cfg(test)]
    pub(in crate::ops::cpu) fn all() -> Vec<Self> {
        let mut all = vec![Self::Gemm];
        #[cfg(target_arch = "x86_64")]
        {
            all.extend(avx2::ready().then_some(Self::Avx2));
            if let Self::Avx512 { tiles } = Self::detect() {
                all.push(Self::Avx512 { tiles: false });
                all.extend(tiles.then_some(Self::Avx512 { tiles }));
            }
        }
        all
    }

    /// What multiplies packed operands, where something of ours does.
    pub(in crate::ops::cpu) fn kernel(self) -> Option<Kernel> {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 { tiles: true } => Some(Kernel::Amx),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 { tiles: false } => Some(Kernel::Avx512),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Some(Kernel::Avx2),
            Self::Gemm => None,
        }
    }
}

/// Whether this CPU has matrix tiles that we may use.
pub(in crate::ops::cpu) fn tiles() -> bool {
    Route::detect().kernel() == Some(Kernel::Amx)
}
