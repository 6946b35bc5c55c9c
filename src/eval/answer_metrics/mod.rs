//! What one answer to a question with a known answer is worth; every measure is deterministic.

mod refusal;
mod refusal_patterns;

pub use refusal::is_refusal;
