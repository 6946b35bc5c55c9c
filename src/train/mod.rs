//! Loss, optimiser, schedule, step, loop, checkpoint; emits events, prints nothing.

mod adamw;
mod checkpoint;
mod engine;
mod identity;
mod metrics;
mod moments_file;
mod schedule;
mod step;
#[cfg(test)]
mod tests;
mod trainer;

pub use schedule::steps;

use std::path::{Path, PathBuf};

use crate::batch::Example;
use crate::lora::{Adapter, Hf, LoraConfig};
use crate::model::Model;
use crate::store::Interrupt;
use crate::weights::Weights;

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheduler {
    Linear,
    Cosine,
    Constant,
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
    /// 0 = only at the end.
    pub save_every: u64,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct StepMetrics {
    pub step: u64,
    pub epoch: f64,
    /// The mean over the step's trained tokens: −log p, and KL(base ‖ tuned) where the example is replayed.
    pub train_loss: f64,
    pub mean_token_accuracy: f64,
    pub entropy: f64,
    pub grad_norm: f64,
    pub learning_rate: f64,
    pub num_tokens: u64,
    pub tokens_per_second: f64,
    pub trained_tokens_per_second: f64,
    pub train_samples_per_second: f64,
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
    Eval {
        step: u64,
        eval_loss: f64,
        mean_token_accuracy: f64,
    },
    Saved {
        step: u64,
        folder: PathBuf,
    },
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
pub struct Summary {
    pub steps: u64,
    pub train_loss: f64,
    pub eval_loss: Option<f64>,
    pub mean_token_accuracy: f64,
    pub entropy: f64,
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
        "the loss became {loss} at step {step}: lower the learning rate (now {learning_rate}); the last good checkpoint is {checkpoint}"
    )]
    Diverged { step: u64, loss: f64, learning_rate: f64, checkpoint: String },
    /// A number that trains nothing.
    #[error("{0}")]
    Config(String),
    #[error("{}: can't resume: {reason}", folder.display())]
    Resume { folder: PathBuf, reason: String },
    #[error(
        "{variable} receives no gradient: training would leave it as it is; this is a fault of tunesmith, please report it"
    )]
    NoGradient { variable: String },
    #[error("interrupted at step {step}; saved to {}", folder.display())]
    Interrupted { step: u64, folder: PathBuf },
    #[error("{0}")]
    Other(String),
}

/// Trains, writing `checkpoint-N/`, `metrics.jsonl`, `final/` under `output`. With `resume`, continues from the newest
/// good checkpoint there (or starts when there is none); without, what an earlier run left there is replaced.
/// `tokenizer_files` (name, text) are laid beside the adapter. `from_adapter` brings its own rank, alpha and targets.
#[derive(Debug)]
pub struct Job<'a, M: ?Sized = Model> {
    pub weights: &'a Weights,
    pub model: &'a M,
    pub base_name: &'a str,
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
    check(job.config)?;
    trainer::Trainer::new(&job, on_event)?.run(on_event)
}

/// Refuses numbers that train nothing.
fn check(config: &TrainConfig) -> Result<(), TrainError> {
    let fault = |what: String| Err(TrainError::Config(what));
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if config.max_steps.is_none() && !positive(config.epochs) {
        return fault(format!("epochs is {}: give a number above 0", config.epochs));
    }
    if config.max_steps == Some(0) || config.epochs > 1e6 {
        return fault("max_steps is 0, or epochs above a million: give a number that can be trained".to_owned());
    }
    if config.batch_size == 0 || config.gradient_accumulation == 0 {
        return fault("batch_size and gradient_accumulation begin at 1".to_owned());
    }
    if !positive(config.learning_rate) {
        return fault(format!(
            "learning_rate is {}: give a number above 0 (1e-5 to 1e-3 is usual)",
            config.learning_rate
        ));
    }
    if !(0.0..=1.0).contains(&config.warmup_ratio) {
        return fault(format!("warmup_ratio is {}: give a share from 0 to 1", config.warmup_ratio));
    }
    for (name, value) in [("weight_decay", config.weight_decay), ("max_grad_norm", config.max_grad_norm)] {
        if !(value.is_finite() && value >= 0.0) {
            return fault(format!("{name} is {value}: give 0 (off) or a number above it"));
        }
    }
    Ok(())
}
