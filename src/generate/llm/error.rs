//! Why generation with a model stops.

use crate::generate::JournalError;

use super::rejected::{Rejected, RejectedDraft};
use super::writer::WriterError;

#[derive(Debug, thiserror::Error)]
pub enum LlmError {
    #[error(
        "the generator has {} million parameters, too few to write questions; use --method rule-based, a model of 1 billion \
         parameters or more, or --force",
        parameters / 1_000_000
    )]
    TooSmall { parameters: u64 },
    #[error("there is nothing to ask the generator about: no prose, and no fact with a unit that states it")]
    NothingToAsk,
    #[error("interrupted after {accepted} accepted examples; the same command goes on from here")]
    Interrupted { accepted: usize },
    #[error(transparent)]
    Writer(#[from] WriterError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("no check of grounding can be used with this model ({reason}), and --strict wants one")]
    NotCalibrated { reason: String },
    #[error(
        "{rejected} of {tried} answers were rejected, most with {}: {}{}",
        code.code(),
        code.remedy(),
        samples.iter().map(|s| format!("\n  {}: {} ({})", s.source, s.reply, s.detail)).collect::<String>()
    )]
    Unusable { code: Rejected, rejected: usize, tried: usize, samples: Vec<RejectedDraft> },
}
