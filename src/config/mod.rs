//! `options` is the table of options, `raw` reads what was said, `run` makes what is meant.

#[cfg(test)]
mod documents_tests;
mod fault;
#[cfg(test)]
pub(crate) mod generated_tests;
mod kind;
mod memory;
mod name;
mod options;
mod places;
mod raw;
mod run;
mod spec;
mod value;
mod words;

pub use fault::ConfigError;
pub use kind::Kind;
pub use memory::Memory;
pub use options::{KEYS, OPTIONS, Raw, RunConfig, option};
pub use raw::UNSUPPORTED;
pub use run::Purpose;
pub use spec::{Commands, Section, Spec};
pub use value::{Numbers, Paths};
pub use words::{Choice, Delivery, Replay};
