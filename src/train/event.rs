//! What a training reports, as it happens and at its end.

use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StepMetrics {
    pub step: u64,
    pub epoch: f64,
    /// The mean over the step's trained tokens: −log p (smoothed, if labels are), and KL(base ‖ tuned) where the
    /// example is replayed.
    pub train_loss: f64,
    pub mean_token_accuracy: f64,
    pub entropy: f64,
    pub grad_norm: f64,
    pub learning_rate: f64,
    pub num_tokens: u64,
    pub tokens_per_second: f64,
    pub trained_tokens_per_second: f64,
    pub train_samples_per_second: f64,
    /// Of the process, so far; 0 where the system does not say.
    pub peak_memory_bytes: u64,
}

/// Means over an epoch's steps, in a line of `metrics.jsonl` at its end.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct EpochMetrics {
    pub step: u64,
    pub epoch: f64,
    pub epoch_train_loss: f64,
    pub epoch_mean_token_accuracy: f64,
    pub epoch_entropy: f64,
    pub epoch_grad_norm: f64,
    /// Of its last step.
    pub epoch_learning_rate: f64,
    pub epoch_num_tokens: u64,
    pub epoch_tokens_per_second: f64,
    pub epoch_trained_tokens_per_second: f64,
    pub epoch_samples_per_second: f64,
    /// Of the process, so far; 0 where the system does not say.
    pub epoch_peak_memory_bytes: u64,
}

/// What happens, as it happens.
#[derive(Clone, Debug)]
pub enum Event {
    /// A checkpoint that is damaged was passed over for an earlier one.
    PassedOver {
        folder: PathBuf,
        reason: String,
    },
    Started {
        steps: u64,
        first_step: u64,
        trainable_params: u64,
        trainable_percent: f64,
    },
    Step(StepMetrics),
    Epoch(EpochMetrics),
    Eval {
        step: u64,
        eval_loss: f64,
        mean_token_accuracy: f64,
        /// The least loss so far.
        best: bool,
    },
    Saved {
        step: u64,
        folder: PathBuf,
    },
}

#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    pub steps: u64,
    pub train_loss: f64,
    pub eval_loss: Option<f64>,
    /// The step of the least eval_loss, and that loss.
    pub best: Option<(u64, f64)>,
    /// The step whose adapter `final/` holds.
    pub final_step: u64,
    pub stopped_early: bool,
    pub mean_token_accuracy: f64,
    pub entropy: f64,
    /// The mean of the steps'.
    pub grad_norm: f64,
    pub num_tokens: u64,
    pub tokens_per_second: f64,
    pub trained_tokens_per_second: f64,
    pub train_samples_per_second: f64,
    pub trainable_params: u64,
    pub trainable_percent: f64,
    pub peak_memory_bytes: u64,
    pub duration_seconds: f64,
}
