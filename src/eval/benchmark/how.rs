//! How the prompts were asked, for the words of the reports.

/// What gives the vectors of the answers.
#[derive(Clone, Debug, PartialEq)]
pub enum CosineBy {
    /// An embedding model, by its name.
    Embedder(String),
    /// The last hidden state of this model, the mean over the tokens of the answer.
    HiddenState(String),
    /// Why there are none.
    Nothing(String),
}

impl Default for CosineBy {
    fn default() -> Self {
        Self::Nothing(String::new())
    }
}

impl std::fmt::Display for CosineBy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Embedder(model) => write!(f, "the embedding model {model}"),
            Self::HiddenState(model) => write!(f, "the last hidden state of {model} (mean over the answer's tokens)"),
            Self::Nothing(why) => f.write_str(why),
        }
    }
}

/// What the result file has no key for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HowAsked {
    /// The fine-tuned model; None: the base is asked alone.
    pub finetuned: Option<String>,
    pub temperature: f64,
    pub top_p: f64,
    pub max_tokens: usize,
    pub seed: u64,
    pub cosine_by: CosineBy,
    /// Prompts of the whole benchmark.
    pub all_prompts: usize,
}
