//! Why an adapter is not read, or not made.

use super::path::names;
use crate::weights::Site;

#[derive(Debug, thiserror::Error)]
pub enum LoraError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    /// A file of the adapter that is torn, of the wrong shape, or not finite.
    #[error("{path}: {reason}")]
    Bad { path: String, reason: String },
    /// A feature of PEFT that would change the arithmetic and that tunesmith does not compute.
    #[error("{path}: the adapter uses {field}: tunesmith trains and exports plain LoRA; {remedy}")]
    Unsupported { path: String, field: String, remedy: &'static str },
    /// A name that was asked for and that the base does not have; `known` are the paths that it could have matched.
    #[error("{key}: {said:?} matches no linear layer{}: use \"all-linear\" or {}", of(key), short(known))]
    NoTarget { key: &'static str, said: String, known: Vec<String> },
    /// What was asked for makes no adapter.
    #[error("{0}")]
    Config(String),
}

fn of(key: &str) -> &'static str {
    if key == "target_modules" { " of the base's blocks" } else { " that target_modules chose" }
}

/// The last names of the paths, each once.
fn short(paths: &[String]) -> String {
    let known = Site::ALL.iter().map(|s| s.module());
    known.filter(|name| paths.iter().any(|p| names(name, p))).collect::<Vec<_>>().join(", ")
}
