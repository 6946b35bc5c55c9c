//! The memory that computing may take.

use crate::machine::{available_memory, held_memory};
use crate::model::ModelError;
use crate::weights::{ModelSpec, Weights};

/// What linears and head take in f32; the embedding stays where it is.
pub(super) fn widened_bytes(spec: &ModelSpec) -> u64 {
    let linears: usize = spec.linears().map(|(_, linear)| linear.elements()).sum();
    4 * (linears + spec.vocab * spec.hidden) as u64
}

/// Bytes of values that may be held at once; None where the system does not say.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MemoryBudget {
    left: Option<u64>,
    /// What is held beside the values, whatever these take.
    beside: u64,
    limited: bool,
}

/// Bytes that a process may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct MemoryLimit {
    /// Of the whole process; None: four fifths of what is free.
    pub max_memory: Option<u64>,
    /// Of what the program will hold beside the base and the values of a pass.
    pub reserved: u64,
}

/// Bytes of this machine's memory.
#[derive(Clone, Copy, Debug)]
struct HostMemory {
    free: Option<u64>,
    /// Held by this process, mapped files included.
    held: u64,
    /// Held by this process, mapped files left out.
    own: u64,
}

impl MemoryBudget {
    /// Of `max_memory` bytes for the whole process, without a limit of four fifths of what is free, what is left beside what
    /// it holds, the base's map and `reserved`.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn new(weights: &Weights, max_memory: Option<u64>, reserved: u64) -> Result<Self, ModelError> {
        let (held, own) = held_memory().unwrap_or_default();
        let host = HostMemory { free: available_memory(), held, own };
        Self::on_host(host, weights.stored_bytes(), MemoryLimit { max_memory, reserved })
    }

    fn on_host(host: HostMemory, stored: u64, limit: MemoryLimit) -> Result<Self, ModelError> {
        let HostMemory { free, held, own } = host;
        let MemoryLimit { max_memory, reserved } = limit;
        // Whether or not the base's pages were touched already.
        let beside = held.max(own + stored) + reserved;
        let Some(most) = max_memory else {
            // Mapped pages count as free. A base that leaves less than a quarter of this is read from the disk again and
            // again, whatever the values get.
            let left = free.map(|free| (free / 5 * 4).saturating_sub(stored + reserved).max(free / 5));
            return Ok(Self { left, beside, limited: false });
        };
        if beside >= most {
            let remedy = "raise --max-memory, or lower the rank or choose a smaller base";
            return Err(ModelError::Memory {
                what: "the base with its adapter",
                needed: beside,
                available: most,
                remedy,
            });
        }
        Ok(Self { left: Some(most - beside), beside, limited: true })
    }

    /// Of `max_memory` bytes of a device what is left beside the widened weights; without a limit it is not known yet
    /// ([`MemoryBudget::of_free`]), and where the device does not say either, not before it is full.
    ///
    /// # Errors
    /// Nothing is left.
    pub fn on_device(weights: &Weights, max_memory: Option<u64>) -> Result<Self, ModelError> {
        let needed = widened_bytes(weights.spec());
        let Some(most) = max_memory else { return Ok(Self { beside: needed, ..Self::default() }) };
        if needed >= most {
            let remedy = "raise --max-memory (on a device it is the device's), choose a smaller base, or --device cpu";
            return Err(ModelError::Memory { what: "the base on the device", needed, available: most, remedy });
        }
        Ok(Self { left: Some(most - needed), beside: needed, limited: true })
    }

    /// With four fifths of what a device has free.
    pub(super) fn of_free(self, free: u64) -> Self {
        Self { left: Some(free / 5 * 4), limited: false, ..self }
    }

    /// With so much more held beside the values.
    pub(super) fn less(self, bytes: u64) -> Self {
        Self { left: self.left.map(|left| left.saturating_sub(bytes)), beside: self.beside + bytes, ..self }
    }

    /// For tests: so much is left.
    #[cfg(test)]
    pub(crate) fn of(bytes: u64) -> Self {
        Self { left: Some(bytes), limited: true, ..Self::default() }
    }

    /// Whether somebody set a limit.
    pub(super) fn is_limited(&self) -> bool {
        self.limited
    }

    /// Bytes; None where the system does not say.
    pub fn left(&self) -> Option<u64> {
        self.left
    }

    /// Bytes.
    pub fn beside(&self) -> u64 {
        self.beside
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_for_values() {
        let of = |max_memory, free, (held, own)| {
            let limit = MemoryLimit { max_memory, reserved: 50 };
            MemoryBudget::on_host(HostMemory { free, held, own }, 300, limit).map(|r| (r.left, r.beside))
        };
        // Of the base 100 are held already, with 80 of the program's own.
        assert_eq!(of(Some(1000), Some(1), (180, 80)).unwrap(), (Some(570), 430));
        // A file beside it is mapped, too.
        assert_eq!(of(Some(1000), None, (400, 80)).unwrap(), (Some(550), 450));
        assert_eq!(of(None, Some(1000), (180, 80)).unwrap(), (Some(450), 430));
        assert_eq!(of(None, Some(500), (180, 80)).unwrap().0, Some(100));
        assert_eq!(of(None, None, (180, 80)).unwrap().0, None);
        let e = of(Some(430), None, (180, 80)).unwrap_err().to_string();
        assert!(e.contains("--max-memory"), "{e}");
        let budget = MemoryBudget::of(100).less(30);
        assert_eq!((budget.left, budget.beside), (Some(70), 30));
        assert_eq!(budget.less(80).left, Some(0));
        assert_eq!(budget.of_free(1000), MemoryBudget { left: Some(800), beside: 30, limited: false });
    }
}
