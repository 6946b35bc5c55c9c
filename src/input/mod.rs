//! What people give, read: the environment, YAML, words, and the bounds of the project that a file may name places in.

mod env;
mod faults;
mod nearest;
mod project;
mod words;
mod yaml;

pub use env::Env;
pub use faults::listed;
pub use nearest::nearest;
pub use project::{Bounds, ProjectError, read_of_project};
pub use words::{none_of, word};
pub use yaml::{FromValue, expand_home, kind, parse};
