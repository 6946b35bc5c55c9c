//! A weight as the products read it: as it is stored.

#[cfg(target_arch = "x86_64")]
use crate::ops::Matrix;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::Cpu;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::columns::{Columns, Side};
use crate::ops::{OpsError, WeightRef};

/// Whole blocks, and as many as the shape says.
pub(super) fn check(weight: WeightRef<'_>) -> Result<(), OpsError> {
    weight.encoding.check_columns("the weight", weight.cols)?;
    let expected = weight.rows * weight.encoding.bytes_for(weight.cols);
    if weight.bytes.len() != expected {
        let (base, values, encoding) = (weight.bytes.len(), weight.rows * weight.cols, weight.encoding);
        return Err(OpsError::BaseSize { base, values, encoding, expected });
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
impl<'a> Matrix<'a, ()> {
    /// The columns of Wᵀ; None on the portable route.
    pub(super) fn forward(self, cpu: &Cpu) -> Option<Columns<'a>> {
        Some(Columns::stored(cpu.kernel()?, self.source, Side::Forward, self.compute))
    }

    /// The columns of W.
    pub(super) fn back(self, cpu: &Cpu) -> Option<Columns<'a>> {
        Some(Columns::stored(cpu.kernel()?, self.source, Side::Back, self.compute))
    }
}
