//! Candidate to promoted to retired; history, rollback; the swap in models.yaml.
//!
//! Every swap is `intent` (appended, fsynced) → the file replaced → `done`. A kill between any two leaves an open intent,
//! which [`recover`] finishes or reverts, and says so.

mod fault;
mod gates;
mod note;
mod place;
mod recover;
mod registry;
mod replace;
mod rollback;
mod swap;
mod tags;

pub use fault::PromoteError;
pub use gates::{TaggedModel, passed_gate, record_gate};
pub use note::SwapNote;
pub use recover::recover;
pub use registry::{Action, Change, DamagedLine, GateRecord, Terms, damaged_lines, history};
pub use rollback::{Rollback, rollback};
pub use swap::{Promotion, Swapped, check_place, promote};
pub use tags::Tags;
