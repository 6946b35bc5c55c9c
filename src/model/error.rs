//! Why a model does not compute.

use crate::ops::OpsError;

#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    #[error("token id {id} is outside the vocabulary of {vocab}")]
    BadToken { id: u32, vocab: usize },
    #[error("{tokens} tokens, but the base's context holds {context}")]
    TooLong { tokens: usize, context: usize },
    #[error("{what} needs {} MiB of memory, but there are only {} MiB; {remedy}", needed >> 20, available >> 20)]
    Memory { what: &'static str, needed: u64, available: u64, remedy: &'static str },
    #[error("the base takes {} MiB on the device, which does not have that much free: choose a smaller base, or --device cpu", needed >> 20)]
    TooLarge { needed: u64 },
    #[error(
        "compute: {wanted} is not faster here ({on}): set compute to auto or {offered} (int8 needs a CPU with AVX-512 VNNI, AVX-VNNI or AMX; bf16 one with AMX)"
    )]
    NotFaster { wanted: &'static str, on: &'static str, offered: String },
    #[error(transparent)]
    Ops(#[from] OpsError),
    #[error("{what} has {found} values where the base has {expected}: it belongs to another model")]
    Shape { what: String, found: usize, expected: usize },
    #[error("the logits after {tokens} tokens are not numbers: the weights or the adapter are damaged")]
    NotNumbers { tokens: usize },
    /// The check that [`super::Model::with_cancellation`] was given said so.
    #[error("interrupted")]
    Stopped,
    #[error("{0}")]
    Other(String),
}

impl ModelError {
    /// Whether with less to compute at once, or more memory, it would have gone well.
    pub fn is_memory(&self) -> bool {
        matches!(
            self,
            Self::Memory { .. } | Self::TooLarge { .. } | Self::Ops(OpsError::DeviceMemory | OpsError::Memory { .. })
        )
    }

    /// Whether a device failed, which is nobody's input.
    pub fn is_of_device(&self) -> bool {
        matches!(self, Self::Ops(OpsError::Device(_)))
    }
}
