//! `options` is the table of options, `raw` reads what was said, `run` makes what is meant; `models_yaml` (read,
//! comment-preserving edit); `env` is the only reader of the environment.

#[cfg(test)]
mod documents_tests;
mod env;
mod fault;
#[cfg(test)]
pub(crate) mod generated_tests;
mod kind;
mod memory;
mod models_yaml;
mod name;
mod options;
mod places;
mod project;
mod raw;
mod run;
mod spec;
mod swap;
mod value;
mod words;

pub use env::Env;
pub use fault::{ConfigError, nearest};
pub use kind::Kind;
pub use memory::Memory;
pub use models_yaml::{GateRules, ModelsYaml, OnInconclusive, Role, SuiteRef, normalise, same_model};
pub use options::{KEYS, OPTIONS, Raw, RunConfig, option};
pub use raw::UNSUPPORTED;
pub use run::Purpose;
pub use spec::{Commands, Section, Spec};
pub use swap::{NewScalar, Swapped, swap};
pub use value::{Numbers, Paths};
pub use words::{Choice, Delivery, General, Replay};
