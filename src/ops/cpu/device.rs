//! This machine's cores as a device: the pool, the route of the products, the arena.

use std::sync::Arc;

use crate::ops::Compute;
use crate::ops::cpu::arena::{Arena, Buf};
use crate::ops::cpu::gemm::{Kernel, Route};
use crate::ops::pool::{Parts, Pool};

/// Arithmetic on this machine's cores.
#[derive(Debug)]
pub struct Cpu {
    pub(super) pool: Pool,
    pub(super) route: Route,
    pub(super) arena: Arc<Arena>,
    /// Where the weights' codes in eight bits are kept, if they are.
    pub(super) codes: Option<Arc<Arena>>,
}

impl Cpu {
    /// `threads` 0 = all cores.
    pub fn new(threads: usize) -> Self {
        Self { pool: Pool::new(threads), route: Route::detect(), arena: Arc::default(), codes: None }
    }

    /// Whose layout weights have; None where there is no kernel of ours.
    pub(in crate::ops::cpu) fn kernel(&self) -> Option<Kernel> {
        self.route.kernel()
    }

    /// How precisely products can be computed here: where that is faster than what is more precise.
    pub fn computes(&self) -> &'static [Compute] {
        match self.kernel() {
            #[cfg(target_arch = "x86_64")]
            Some(Kernel::Amx) if Kernel::Amx.has_int8() => &[Compute::F32, Compute::Bf16, Compute::Int8],
            Some(Kernel::Amx) => &[Compute::F32, Compute::Bf16],
            #[cfg(target_arch = "x86_64")]
            Some(kernel) if kernel.has_int8() => &[Compute::F32, Compute::Int8],
            _ => &[Compute::F32],
        }
    }

    /// From now on weights' codes in eight bits are kept once they were made: [`super::CODES_BYTES`] a value, `bytes` in all.
    pub fn keep_codes(&mut self, bytes: u64) {
        self.codes = Some(Arc::new(Arena::of(bytes)));
    }

    pub fn threads(&self) -> usize {
        self.pool.threads()
    }

    /// Which code computes the matrix products.
    pub fn route(&self) -> &'static str {
        match self.kernel() {
            Some(Kernel::Amx) => "amx",
            Some(Kernel::Avx512) => "avx512",
            Some(Kernel::Avx2) => "avx2",
            None => "portable",
        }
    }

    /// Every route of this CPU.
    #[cfg(test)]
    pub(crate) fn all(threads: usize) -> Vec<Self> {
        Route::all().into_iter().map(|route| Self { route, ..Self::new(threads) }).collect()
    }

    /// Refuses the `nth` request for memory from now on.
    #[cfg(test)]
    pub(crate) fn refuse(&self, nth: usize) {
        self.arena.refuse(nth);
    }

    /// Words of the arena that were ever in use.
    #[cfg(test)]
    pub(crate) fn touched(&self) -> usize {
        self.arena.touched()
    }

    /// `len` values of unspecified contents; None where there is no memory, which [`crate::ops::Ops::fault`] says then.
    pub(super) fn scratch(&self, len: usize) -> Option<Buf> {
        Buf::new(&self.arena, len)
    }

    /// A copy of `values`; None as of [`Self::scratch`].
    pub(super) fn copied(&self, values: &[f32]) -> Option<Buf> {
        let mut buf = self.scratch(values.len())?;
        buf.copy_from_slice(values);
        Some(buf)
    }

    /// A buffer without memory, in place of one that can't be made or computed.
    pub(super) fn missing(&self, len: usize) -> Buf {
        Buf::missing(&self.arena, len)
    }

    /// Whether there was memory for all that was asked for. If not nothing is computed: buffers may be missing.
    pub(super) fn is_sound(&self) -> bool {
        !self.arena.is_exhausted()
    }

    /// Calls `f(first, part)` on parts of `out` of a whole number of rows, about 16 Ki values each.
    pub(super) fn rows(&self, out: &mut [f32], width: usize, f: &(dyn Fn(usize, &mut [f32]) + Sync)) {
        assert!(width > 0 && out.len().is_multiple_of(width), "{} values in rows of {width}", out.len());
        let step = (16_384 / width).max(1) * width;
        let (len, parts) = (out.len(), Parts::new(out));
        self.pool.run(len.div_ceil(step), &|i| {
            let start = i * step;
            // SAFETY: each task takes its own range.
            f(start, unsafe { parts.slice(start, step.min(len - start)) });
        });
    }
}
