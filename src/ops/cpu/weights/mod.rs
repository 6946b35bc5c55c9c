//! Products with mapped weights: encoded blocks are widened, or their codes made, in panels of columns that a task needs.

mod codes;
#[cfg(target_arch = "x86_64")]
pub(super) mod columns;
#[cfg(target_arch = "x86_64")]
mod form;
#[cfg(target_arch = "x86_64")]
pub(super) mod panels;
#[cfg(target_arch = "x86_64")]
mod q4k;
#[cfg(target_arch = "x86_64")]
pub(super) mod widen;

pub use codes::{CODES_BYTES, Codes};
