//! Loss, optimiser, schedule, step, loop, checkpoint; emits events, prints nothing.

mod account;
mod adamw;
mod check;
mod checkpoint;
mod engine;
mod evaluation;
mod identity;
mod metrics;
mod moments_file;
mod order;
mod retention;
mod schedule;
mod step;
#[cfg(test)]
mod tests;
mod trainer;
mod trial;
mod watch;

pub use checkpoint::{Left, WholeFolder, folder as checkpoint_folder, left};
pub use metrics::METRICS;
pub use retention::{Interrupted, interrupted, sweep};
pub use schedule::steps;
pub use trial::{Course, Examples, Trial, Tried, largest, seconds};

use std::path::{Path, PathBuf};

use crate::batch::Example;
use crate::lora::{Adapter, Hf, LoraConfig, Origin};
use crate::model::Model;
use crate::store::Interrupt;
use crate::weights::Weights;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    Linear,
    Cosine,
    /// Without a warm-up.
    Constant,
    ConstantWithWarmup,
}

#[derive(Clone, Debug, PartialEq)]
pub struct TrainConfig {
    pub lora: LoraConfig,
    pub epochs: f64,
    pub max_steps: Option<u64>,
    pub batch_size: usize,
    pub gradient_accumulation: usize,
    pub learning_rate: f64,
    pub scheduler: Scheduler,
    pub warmup_ratio: f64,
    pub weight_decay: f64,
    /// 0 = off.
    pub max_grad_norm: f64,
    pub seed: u64,
    pub shuffle: bool,
    /// Examples of like length side by side.
    pub group_by_length: bool,
    /// Evaluations at every so many steps beside those at the end of an epoch; 0 = none.
    pub eval_steps: u64,
    /// Evaluations without a better one after which training stops; None = never. The best one's checkpoint is kept.
    pub early_stopping_patience: Option<u64>,
    /// By how much an evaluation must be better to count for the patience, in nats.
    pub early_stopping_threshold: f64,
    /// `final/` is made from the checkpoint with the least eval_loss, which is kept.
    pub load_best_model_at_end: bool,
    /// 0 = only at the end.
    pub save_every: u64,
    /// Checkpoints kept, the newest; the best one beside them. None = all.
    pub save_total_limit: Option<u64>,
}

impl Default for TrainConfig {
    /// One epoch at transformers' defaults, with LoRA's usual learning rate.
    fn default() -> Self {
        Self {
            lora: LoraConfig::default(),
            epochs: 1.0,
            max_steps: None,
            batch_size: 8,
            gradient_accumulation: 1,
            learning_rate: 2e-4,
            scheduler: Scheduler::Linear,
            warmup_ratio: 0.0,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            seed: 42,
            shuffle: true,
            group_by_length: false,
            eval_steps: 0,
            early_stopping_patience: None,
            early_stopping_threshold: 0.0,
            load_best_model_at_end: false,
            save_every: 0,
            save_total_limit: None,
        }
    }
}

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
        "the adapter is still zero after {steps} steps at a peak learning rate of {learning_rate:e}: it changes nothing\n  hint: raise learning_rate or epochs; where the best checkpoint is loaded at the end, it is the untrained one"
    )]
    Unchanged { steps: u64, learning_rate: f64 },
    #[error("interrupted at step {step}; saved to {}", folder.display())]
    Interrupted { step: u64, folder: PathBuf },
    #[error("{0}")]
    Other(String),
}

/// Trains, writing `checkpoint-N/`, `metrics.jsonl`, `final/` under `output`. With `resume`, continues from the newest
/// good checkpoint there (or starts when there is none at all); without, what an earlier run left there is replaced.
/// `tokenizer_files` (name, text) are laid beside the adapter. `from_adapter` brings its own rank, alpha and targets.
#[derive(Debug)]
pub struct Job<'a, M: ?Sized = Model> {
    pub weights: &'a Weights,
    pub model: &'a M,
    pub base_name: &'a str,
    /// Written beside every adapter: the base that it belongs to.
    pub origin: Option<&'a Origin>,
    pub tokenizer_files: &'a [(String, String)],
    pub train: &'a [Example],
    pub eval: &'a [Example],
    pub config: &'a TrainConfig,
    pub from_adapter: Option<Adapter<Hf>>,
    pub output: &'a Path,
    pub resume: bool,
    pub interrupt: Interrupt,
}

/// Trains; `on_event` hears of each step as it is done. The adapter is that of `final/`.
pub fn run(job: Job<'_>, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
    let Job {
        weights,
        model,
        base_name,
        origin,
        tokenizer_files,
        train,
        eval,
        config,
        from_adapter,
        output,
        resume,
        interrupt,
    } = job;
    let model: &dyn engine::Engine = model;
    work(
        Job {
            weights,
            model,
            base_name,
            origin,
            tokenizer_files,
            train,
            eval,
            config,
            from_adapter,
            output,
            resume,
            interrupt,
        },
        on_event,
    )
}

fn work(job: engine::Work<'_>, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
    check::numbers(job.config)?;
    check::examples(&job)?;
    trainer::Trainer::new(&job, on_event)?.run(on_event)
}
