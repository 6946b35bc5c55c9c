//! A weight as the products read it.

#[cfg(target_arch = "x86_64")]
use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::columns::{Columns, Side, pack_weight};
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::words::Words;
use crate::ops::cpu::{Cpu, Residency};
use crate::ops::{Matrix, OpsError, WeightRef, decode};

/// What is held of a weight beside its map.
#[derive(Debug)]
pub enum Widened {
    /// Nothing: a product widens what it needs.
    Stored,
    /// f32, row-major, for `gemm`.
    Rows(Vec<f32>),
    /// In panels of columns for our kernel: of Wᵀ for the forward and, from the first backward on, of W.
    #[cfg(target_arch = "x86_64")]
    Panels { forward: Words, back: OnceLock<Words> },
}

impl Widened {
    /// Row-major, if it lies so.
    pub(super) fn rows(&self) -> &[f32] {
        match self {
            Self::Rows(values) => values,
            _ => &[],
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
        if self.residency == Residency::Stored {
            return Ok(Widened::Stored);
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(kernel) = self.kernel() {
            let mut forward = Words::zeros(Columns::weight_len(kernel, weight, Side::Forward));
            pack_weight(kernel, &self.pool, weight, Side::Forward, &mut forward);
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
    /// The columns of Wᵀ; None on the portable route.
    pub(super) fn forward(self, cpu: &Cpu) -> Option<Columns<'a>> {
        let kernel = cpu.kernel()?;
        Some(match self.resident {
            Widened::Panels { forward, .. } => Columns::packed(kernel, forward, self.source, Side::Forward),
            _ => Columns::stored(kernel, self.source, Side::Forward),
        })
    }

    /// The columns of W, packed when they are asked for first.
    pub(super) fn back(self, cpu: &Cpu) -> Option<Columns<'a>> {
        let kernel = cpu.kernel()?;
        let Widened::Panels { back, .. } = self.resident else {
            return Some(Columns::stored(kernel, self.source, Side::Back));
        };
        let data = back.get_or_init(|| {
            let mut out = Words::zeros(Columns::weight_len(kernel, self.source, Side::Back));
            pack_weight(kernel, &cpu.pool, self.source, Side::Back, &mut out);
            out
        });
        Some(Columns::packed(kernel, data, self.source, Side::Back))
    }
}
