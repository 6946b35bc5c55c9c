//! One decoder over `Ops` whose families differ by data: forward, backward, generation with a KV cache.

mod backward;
mod decoder;
mod cost;
mod divergence;
mod error;
mod facade;
mod forward;
mod generate;
mod head;
mod memory;
mod packed;
mod place;
mod memory_budget;
mod rope;
mod sequence;
mod session;
mod teacher_states;
mod teacher;

pub use cost::Cost;
pub use divergence::{argmax, kl_divergence, not_negative};
pub use error::ModelError;
pub use facade::Model;
pub use generate::{GenerationEvent, Sampling};
pub use memory_budget::{MemoryBudget, MemoryLimit};
pub use place::{DeviceKind, Found, LEAST_WIDTH};
pub use sequence::{Dropout, Grads, LossSums, Sequence};
pub use session::{Begun, SequenceId, Session};
pub use teacher_states::MAX_BYTES as TEACHER_STATES_BYTES;

#[cfg(test)]
mod tests;
