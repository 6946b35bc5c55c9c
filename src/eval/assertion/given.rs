//! The answer that is judged.

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
}

impl<'a> Given<'a> {
    /// An answer of which only the text is known.
    pub const fn text(text: &'a str) -> Self {
        Self { text, finish_reason: None, seconds: None, tokens: None }
    }
}
