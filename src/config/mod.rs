//! `raw` what was said, `run` what is meant; `models_yaml` (read, comment-preserving edit); `env` the only reader of the environment.

mod env;
mod fault;
mod memory;
mod models_yaml;
mod name;
mod places;
mod project;
mod raw;
mod run;
mod swap;
mod value;
mod words;

pub use env::Env;
pub use fault::{ConfigError, nearest};
pub use memory::Memory;
pub use models_yaml::{GateRules, ModelsYaml, OnInconclusive, Role, SuiteRef, normalise, same_model};
pub use raw::{KEYS, NO_MODULES_TO_SAVE, Raw};
pub use run::{Purpose, RunConfig};
pub use swap::{NewScalar, Swapped, swap};
pub use value::{Modules, Numbers, Paths};
pub use words::{Compute, Delivery, Device, General, Goal, Metric, Quant, QuantFloor, Replay, Scheduler, Shape};

/// The commented defaults that `tunesmith init` lays out and every run starts from.
pub const DEFAULTS_YAML: &str = include_str!("../../configs/defaults.yaml");
