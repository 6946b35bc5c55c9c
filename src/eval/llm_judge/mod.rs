//! A model that says which of two answers is better: asked in both orders, reported, and never a part of the gate.
//!
//! Position bias is largest where answers are close (Zheng et al. 2023, arXiv:2306.05685; Shi et al. 2024, arXiv:2406.07791), as
//! a model and its tune are: so an answer that is preferred in one order only is a tie, and how often that happens is said.

mod calibration;
mod prompt;
mod report;
mod verdict;

pub use calibration::{Calibration, calibration};
pub use prompt::{JUDGE_TOKENS, JudgedAnswers, Order, judge_messages, judge_schema};
pub use report::{JudgeReport, JudgeRun, judge_report};
pub use verdict::JudgeVerdict;
