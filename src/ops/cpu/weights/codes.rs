//! A weight as the products read it: as it is stored, or its codes in eight bits, where these are kept.

use std::sync::OnceLock;

#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::Cpu;
use crate::ops::cpu::arena::Buf;
#[cfg(target_arch = "x86_64")]
use crate::ops::cpu::weights::columns::{Columns, Side};
#[cfg(target_arch = "x86_64")]
use crate::ops::{Compute, Matrix};

/// Bytes of both copies of a value's code, with its part of the scales.
pub const CODES_BYTES: f64 = 2.0 * (1.0 + 1.0 / 16.0);

/// Codes of a weight's columns, for the product and for the gradient of its input; each made when it is first needed.
#[derive(Debug, Default)]
pub struct Codes([OnceLock<Option<Buf>>; 2]);

#[cfg(target_arch = "x86_64")]
impl<'a> Matrix<'a, Codes> {
    /// The columns of Wᵀ; None on the portable route.
    pub(in crate::ops::cpu) fn forward(self, cpu: &Cpu) -> Option<Columns<'a>> {
        self.columns(cpu, Side::Forward)
    }

    /// The columns of W.
    pub(in crate::ops::cpu) fn back(self, cpu: &Cpu) -> Option<Columns<'a>> {
        self.columns(cpu, Side::Back)
    }

    fn columns(self, cpu: &Cpu, side: Side) -> Option<Columns<'a>> {
        let stored = Columns::stored(cpu.kernel()?, self.source, side, self.compute);
        let Some(arena) = cpu.codes.as_ref().filter(|_| self.compute == Compute::Int8) else { return Some(stored) };
        let Codes([forward, back]) = self.resident;
        let kept = if side == Side::Forward { forward } else { back };
        let made = || {
            let mut codes = Buf::new(arena, stored.words())?;
            stored.all(&cpu.pool, &mut codes);
            Some(codes)
        };
        // Without memory to keep them each product makes them again.
        Some(kept.get_or_init(made).as_ref().map_or(stored, |codes| stored.kept(codes)))
    }
}
