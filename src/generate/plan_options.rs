//! What a plan is asked for.

use super::parts::SplitBy;

/// How many examples, those of unseen sources left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExampleCount {
    Number(usize),
    /// As many as the parts and shares let there be.
    All,
}

impl std::str::FromStr for ExampleCount {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        match said.trim() {
            word if word.eq_ignore_ascii_case("all") => Ok(Self::All),
            number => match number.parse() {
                Ok(n) if n > 0 => Ok(Self::Number(n)),
                _ => Err(format!("{said:?} is no number of examples; expected 1 or more, or all")),
            },
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct PlanOptions {
    pub count: ExampleCount,
    /// Training wordings of a fact before the next fact is taught.
    pub wordings: usize,
    pub seed: u64,
    /// Share of the sources that are set aside; None: a tenth where a split by wording has 20 sources or more, else none.
    pub unseen: Option<f64>,
    pub split_by: SplitBy,
    /// Shares of train, validation and test; None: one file of training examples.
    pub parts: Option<[u32; 3]>,
    /// Of the training examples, unanswerable questions at most.
    pub unanswerable: f64,
    /// Of the training examples, facts whose value can be guessed at most.
    pub low_information: f64,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            count: ExampleCount::All,
            wordings: 4,
            seed: 42,
            unseen: None,
            split_by: SplitBy::Wording,
            parts: Some([80, 10, 10]),
            unanswerable: 0.08,
            low_information: 0.05,
        }
    }
}
