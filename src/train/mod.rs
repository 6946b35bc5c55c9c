//! Loss, optimiser, schedule, step, loop, checkpoint; emits events, prints nothing.

mod account;
mod adamw;
mod check;
mod checkpoint;
mod config;
mod engine;
mod error;
mod evaluation;
mod event;
mod folders;
mod identity;
mod job;
mod metrics;
mod moments_file;
mod order;
pub mod range;
mod retention;
mod schedule;
mod step;
#[cfg(test)]
mod tests;
mod trainer;
mod trial;
mod watch;

pub use checkpoint::{Left, WholeFolder, left};
pub use config::{Scheduler, TrainConfig};
pub use engine::Engine;
pub use error::TrainError;
pub use event::{EpochMetrics, Event, StepMetrics, Summary};
pub use folders::folder as checkpoint_folder;
#[cfg(test)]
pub(crate) use identity::identity_keys;
pub use job::Job;
pub use metrics::METRICS;
pub use range::Range;
pub use retention::{Interrupted, interrupted, sweep};
pub use schedule::steps;
pub use trial::{Course, Examples, TrialSteps, Tried, largest, seconds};

use crate::lora::{Adapter, Hf};

/// Trains; `on_event` hears of each step as it is done. The adapter is that of `final/`.
pub fn run(job: Job<'_>, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
    check::numbers(job.config)?;
    check::examples(&job)?;
    trainer::Trainer::new(&job, on_event)?.run(on_event)
}
