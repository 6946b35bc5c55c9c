//! A weight as the products read it.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

use crate::ops::cpu::Cpu;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::Kernel;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::panels::{Panels, pack_weight, pack_weight_back};
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::words::Words;
use crate::ops::{Matrix, OpsError, WeightRef, decode};

/// A weight in f32.
#[derive(Debug)]
pub enum Widened {
    /// Row-major, for `gemm`.
    Rows(Vec<f32>),
    /// In panels of columns for our kernel: of Wᵀ for the forward and, from the first backward on, of W.
    #[cfg(target_arch = "x86_64")]
    Panels { kernel: Kernel, forward: Words, back: OnceLock<Words> },
}

impl Widened {
    /// Row-major, if it lies so.
    pub(super) fn rows(&self) -> &[f32] {
        match self {
            Self::Rows(values) => values,
            #[cfg(target_arch = "x86_64")]
            Self::Panels { .. } => &[],
        }
    }
}

impl Cpu {
    pub(super) fn widened(&self, weight: WeightRef<'_>) -> Result<Widened, OpsError> {
        weight.encoding.check_columns("the weight", weight.cols)?;
        let (len, row) = (weight.rows * weight.cols, weight.encoding.bytes_for(weight.cols));
        if weight.bytes.len() != weight.rows * row {
            return Err(OpsError::BaseSize {
                base: weight.bytes.len(),
                values: len,
                encoding: weight.encoding,
                expected: weight.rows * row,
            });
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = self.kernel() {
            let mut forward = Words::zeros(Panels::len(kernel, weight.rows, weight.cols));
            pack_weight(kernel, &self.pool, weight, &mut forward);
            return Ok(Widened::Panels { kernel, forward, back: OnceLock::new() });
        }
        let mut values = vec![0.0; len];
        if len > 0 {
            self.rows(&mut values, weight.cols, &|start, part| {
                let first = start / weight.cols * row;
                decode(weight.encoding, &weight.bytes[first..first + part.len() / weight.cols * row], part);
            });
        }
        Ok(Widened::Rows(values))
    }
}

#[cfg(target_arch = "x86_64")]
impl<'a> Matrix<'a, Widened> {
    /// The columns of Wᵀ; None on the other route.
    pub(super) fn forward(self) -> Option<Panels<'a>> {
        match self.resident {
            Widened::Rows(_) => None,
            Widened::Panels { kernel, forward, .. } => {
                Some(Panels::new(*kernel, forward, self.source.rows, self.source.cols))
            }
        }
    }

    /// The columns of W, packed when they are asked for first.
    pub(super) fn back(self, cpu: &Cpu) -> Option<Panels<'a>> {
        let Widened::Panels { kernel, back, .. } = self.resident else { return None };
        let (n, k) = (self.source.cols, self.source.rows);
        let data = back.get_or_init(|| {
            let mut out = Words::zeros(Panels::len(*kernel, n, k));
            pack_weight_back(*kernel, &cpu.pool, self.source, &mut out);
            out
        });
        Some(Panels::new(*kernel, data, n, k))
    }
}
