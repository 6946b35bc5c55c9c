//! The benchmark of a base and its fine-tuned model side by side: the words that an answer holds, how alike two answers are.
//!
//! It measures and judges nothing: prompts are asked once, at a temperature, so a few points are noise.

mod arm;
mod charts;
mod how;
mod result;
mod summary;

pub use arm::{BenchmarkAnswers, BenchmarkArm};
pub use charts::benchmark_charts;
pub use how::{CosineBy, HowAsked};
pub use result::{Benchmark, BenchmarkMetadata, BenchmarkResult};
pub use summary::benchmark_summary;

#[cfg(test)]
#[path = "benchmark_tests.rs"]
mod tests;
