//! Why a training ends without its result.

use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    Lora(#[from] crate::lora::LoraError),
    #[error(transparent)]
    Model(#[from] crate::model::ModelError),
    #[error(
        "{what} became {value:e} at step {step}: lower the learning rate (now {learning_rate}){remedy}; the last good checkpoint is {checkpoint}"
    )]
    Diverged {
        what: &'static str,
        value: f64,
        step: u64,
        learning_rate: f64,
        /// What else helps.
        remedy: String,
        checkpoint: String,
    },
    #[error(
        "{source}; what was trained is saved to {0}: resume it when {1}, or go on from it with other settings in a training of its own (--from-adapter {0})",
        folder.display(), if source.is_memory() { "more memory is free" } else { "the device answers again" }
    )]
    CutShort { source: crate::model::ModelError, folder: PathBuf },
    #[error("{source}; and what was trained could not be saved: {save}")]
    Lost { source: crate::model::ModelError, save: Box<TrainError> },
    /// A number that trains nothing.
    #[error("{0}")]
    Config(String),
    #[error("{}: can't resume: {reason}", folder.display())]
    Resume { folder: PathBuf, reason: String },
    #[error(
        "{variable} receives no gradient: training would leave it as it is; this is a fault of tunesmith, please report it"
    )]
    NoGradient { variable: String },
    #[error(
        "the adapter is still zero after {steps} steps at a peak learning rate of {learning_rate:e}: it changes nothing"
    )]
    Unchanged { steps: u64, learning_rate: f64 },
    #[error("interrupted at step {step}; saved to {}", folder.display())]
    Interrupted { step: u64, folder: PathBuf },
    #[error("{0}")]
    Other(String),
}

impl TrainError {
    /// What to do about it, where the message does not say that.
    pub fn remedy(&self) -> Option<&'static str> {
        match self {
            Self::Unchanged { .. } => Some(
                "raise learning_rate or epochs; where the best checkpoint is loaded at the end, it is the untrained one",
            ),
            _ => None,
        }
    }
}
