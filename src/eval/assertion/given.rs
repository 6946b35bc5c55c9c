//! The answer that is judged.

use crate::eval::answerer::ToolCall;

/// An answer, its thoughts taken off, and how it came.
#[derive(Clone, Copy, Debug, Default)]
pub struct Given<'a> {
    pub text: &'a str,
    /// `stop`, `length` …, as Ollama's `done_reason`.
    pub finish_reason: Option<&'a str>,
    /// Without loading the model.
    pub seconds: Option<f64>,
    /// Of the answer.
    pub tokens: Option<u64>,
    /// With the texts that the line compares it with by vectors.
    pub similarities: &'a [TextSimilarity<'a>],
    pub tool_calls: &'a [ToolCall],
}

/// The cosine of the vectors of an answer and a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TextSimilarity<'a> {
    pub text: &'a str,
    /// From -1 to 1.
    pub cosine: f64,
}

impl<'a> Given<'a> {
    /// An answer of which only the text is known.
    pub const fn text(text: &'a str) -> Self {
        Self { text, finish_reason: None, seconds: None, tokens: None, similarities: &[], tool_calls: &[] }
    }
}
