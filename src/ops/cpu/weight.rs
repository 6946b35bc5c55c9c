//! A weight as the products read it: as it is stored.

#[cfg(target_arch = "x86_64")]
use crate::ops::Matrix;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::Cpu;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::matmul::columns::{Columns, Side};
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
