//! `configs/models.yaml`: which model serves which role; its reading, and the edit of one scalar that leaves every other byte.

mod fault;
mod models_yaml;
mod name;
mod swap;
mod terms;

pub use fault::RolesError;
pub use models_yaml::{GateRules, ModelsYaml, OnInconclusive, Role, SuiteRef, UnknownKey};
pub use name::{normalise, same_model};
pub use swap::{NewScalar, Swapped, swap};
pub use terms::{General, Goal, Metric};
