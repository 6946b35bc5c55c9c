//! Where a model computes, and what is offered there.

use std::sync::OnceLock;

use crate::model::ModelError;
use crate::ops::{Compute, Cpu, Tensors};
use crate::weights::ModelSpec;

/// Where a model computes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, strum::Display, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum DeviceKind {
    #[default]
    Cpu,
    Cuda,
    Metal,
}

/// What [`DeviceKind::found`] finds, and why it is no GPU, where the program was built for one.
#[derive(Debug)]
pub struct Found {
    pub place: DeviceKind,
    pub why: Option<String>,
}

impl DeviceKind {
    /// The GPU that this program was built for and finds, else the CPU; looked for once.
    pub fn found() -> &'static Found {
        static FOUND: OnceLock<Found> = OnceLock::new();
        FOUND.get_or_init(|| {
            let built = [(Self::Cuda, cfg!(feature = "cuda")), (Self::Metal, cfg!(feature = "metal"))];
            let mut why = None;
            for (place, _) in built.into_iter().filter(|(_, built)| *built) {
                match place.device() {
                    Ok(_) => return Found { place, why: None },
                    Err(e) => why = Some(e.to_string()),
                }
            }
            Found { place: Self::Cpu, why }
        })
    }

    /// None: the CPU.
    pub(super) fn device(self) -> Result<Option<Tensors>, ModelError> {
        Ok(match self {
            Self::Cpu => None,
            Self::Cuda => Some(Tensors::cuda()?),
            Self::Metal => Some(Tensors::metal()?),
        })
    }

    /// Refuses what [`Model::computing`] would, without a model.
    ///
    /// # Errors
    /// There is no such device; it has nothing that would be faster so.
    pub fn check(self, compute: Compute) -> Result<(), ModelError> {
        let (computes, route) = self.offer()?;
        offered(compute, computes, route)
    }

    /// The fastest arithmetic for training a base of this shape here. Narrow models stay in f32: their matrix products are
    /// too small a part of a step for fewer bits to make it faster ([`LEAST_WIDTH`]).
    ///
    /// # Errors
    /// There is no such device.
    pub fn fastest(self, model: &ModelSpec) -> Result<Compute, ModelError> {
        let (computes, _) = self.offer()?;
        // The list goes from the exact to the fastest.
        let fastest = computes.last().copied().unwrap_or(Compute::F32);
        Ok(if model.hidden < LEAST_WIDTH { Compute::F32 } else { fastest })
    }

    fn offer(self) -> Result<(&'static [Compute], &'static str), ModelError> {
        Ok(match self.device()? {
            None => {
                let cpu = Cpu::new(1);
                (cpu.computes(), cpu.route())
            }
            Some(device) => (device.computes(), device.route()),
        })
    }
}

/// Hidden size from which `auto` uses fewer bits. A cautious choice, not a measured limit: the smallest base that was measured
/// has 512.
pub const LEAST_WIDTH: usize = 256;

pub(super) fn offered(wanted: Compute, computes: &[Compute], on: &'static str) -> Result<(), ModelError> {
    if computes.contains(&wanted) {
        return Ok(());
    }
    let offered = computes.iter().map(|c| c.name()).collect::<Vec<_>>().join(" or ");
    Err(ModelError::NotFaster { wanted: wanted.name(), on, offered })
}
