//! What one answer to a question with a known answer is worth; every measure is deterministic.

mod answer;
mod baseline;
mod context;
mod dates;
mod expectation;
mod f1;
mod refusal;
mod refusal_patterns;
mod values;

pub use answer::{AnswerScores, score_answer};
pub use baseline::{CommonestAnswer, commonest_answer};
pub use context::{Grounding, grounding, holds_all, holds_each, texts_answer};
pub use f1::token_f1;
pub use refusal::is_refusal;
