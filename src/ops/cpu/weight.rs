//! A weight as the products read it.

use std::sync::OnceLock;

use crate::ops::cpu::Cpu;
use crate::ops::cpu::matmul::Route;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::panels::{Panels, pack_weight, pack_weight_back};
use crate::ops::{Matrix, OpsError, WeightRef, decode};

/// A weight in f32.
#[derive(Debug)]
pub enum Widened {
    /// Row-major, for `gemm`.
    Rows(Vec<f32>),
    /// In panels of columns for our kernel: of Wᵀ for the forward and, from the first backward on, of W.
    Panels { forward: Vec<f32>, back: OnceLock<Vec<f32>> },
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
        if self.route == Route::Avx512 {
            let mut forward = vec![0.0; Panels::len(weight.rows, weight.cols)];
            pack_weight(&self.pool, weight, &mut forward);
            return Ok(Widened::Panels { forward, back: OnceLock::new() });
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
            Widened::Panels { forward, .. } => Some(Panels::new(forward, self.source.rows, self.source.cols)),
        }
    }

    /// The columns of W, packed when they are asked for first.
    pub(super) fn back(self, cpu: &Cpu) -> Option<Panels<'a>> {
        let Widened::Panels { back, .. } = self.resident else { return None };
        let (n, k) = (self.source.cols, self.source.rows);
        let data = back.get_or_init(|| {
            let mut out = vec![0.0; Panels::len(n, k)];
            pack_weight_back(&cpu.pool, self.source, &mut out);
            out
        });
        Some(Panels::new(data, n, k))
    }
}
