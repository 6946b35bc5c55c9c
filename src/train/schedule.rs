//! The learning rate at each step, and how many steps there are: as transformers' Trainer counts them.

use super::{Scheduler, TrainConfig};

/// transformers 5 `get_{linear,cosine,constant}_schedule_with_warmup` and `get_constant_schedule`, a function of the steps done before this one:
/// the first of several warmup steps has a rate of zero.
pub(super) fn factor(scheduler: Scheduler, done: u64, warmup: u64, total: u64) -> f64 {
    if done < warmup && scheduler != Scheduler::Constant {
        return done as f64 / warmup.max(1) as f64;
    }
    let left = total.saturating_sub(warmup).max(1) as f64;
    match scheduler {
        Scheduler::Constant | Scheduler::ConstantWithWarmup => 1.0,
        Scheduler::Linear => (total.saturating_sub(done) as f64 / left).max(0.0),
        Scheduler::Cosine => {
            let progress = (done - warmup) as f64 / left;
            (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0)
        }
    }
}

/// How the steps divide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Steps {
    pub per_epoch: u64,
    pub total: u64,
    pub warmup: u64,
}

/// In a run of fewer steps than this a step at a rate of zero is a good part of the training.
const SHORT: u64 = 10;

impl Steps {
    /// A step takes `batch_size × gradient_accumulation` examples, the last of an epoch what is left. `max_steps` goes
    /// before `epochs`, which may be fractional.
    pub(super) fn of(config: &TrainConfig, examples: usize) -> Self {
        let per_step = config.batch_size.max(1).saturating_mul(config.gradient_accumulation.max(1));
        let per_epoch = examples.div_ceil(per_step).max(1) as u64;
        let total = config.max_steps.unwrap_or((config.epochs * per_epoch as f64).ceil() as u64);
        let warmup = config.warmup_ratio * total as f64;
        // transformers rounds up: then the only step of a short run, or each step but one, would be warm-up.
        let warmup = if total < SHORT { warmup.floor() as u64 } else { warmup.ceil() as u64 };
        Self { per_epoch, total, warmup: warmup.min(total.saturating_sub(1)) }
    }

    /// The learning rate's factor at the step after `done` steps: [`factor`], but a short run's warm-up begins above zero.
    pub(super) fn factor(&self, scheduler: Scheduler, done: u64) -> f64 {
        if self.total < SHORT && done < self.warmup && scheduler != Scheduler::Constant {
            return (done + 1) as f64 / (self.warmup + 1) as f64;
        }
        factor(scheduler, done, self.warmup, self.total)
    }

    pub(super) fn epoch_of(&self, step: u64) -> f64 {
        step as f64 / self.per_epoch as f64
    }
}

/// How many optimiser steps a training on so many examples takes.
pub fn steps(config: &TrainConfig, examples: usize) -> u64 {
    Steps::of(config, examples).total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_counted_as_the_trainer_counts_them() {
        let config = |epochs: f64, max_steps, batch_size, gradient_accumulation| TrainConfig {
            epochs,
            max_steps,
            batch_size,
            gradient_accumulation,
            ..crate::train::tests::config()
        };
        assert_eq!(Steps::of(&config(4.0, None, 4, 1), 10), Steps { per_epoch: 3, total: 12, warmup: 2 });
        assert_eq!(Steps::of(&config(3.5, None, 2, 2), 10), Steps { per_epoch: 3, total: 11, warmup: 2 });
        assert_eq!(Steps::of(&config(3.0, Some(100), 4, 1), 10), Steps { per_epoch: 3, total: 100, warmup: 10 });
    }

    #[test]
    fn a_warm_up_never_takes_all_of_a_short_run() {
        use Scheduler::{Constant, ConstantWithWarmup, Cosine, Linear};
        let base = crate::train::tests::config();
        for total in 1..SHORT {
            for warmup_ratio in [0.0, 0.03, 0.1, 0.5, 0.99, 1.0] {
                let steps = Steps::of(&TrainConfig { max_steps: Some(total), warmup_ratio, ..base.clone() }, 10);
                for scheduler in [Constant, ConstantWithWarmup, Cosine, Linear] {
                    let rates: Vec<f64> = (0..total).map(|done| steps.factor(scheduler, done)).collect();
                    let context = format!("{scheduler:?}, {total} steps, ratio {warmup_ratio}: {rates:?}");
                    assert!(rates.iter().all(|r| *r > 0.0 && *r <= 1.0), "{context}");
                    assert_eq!(rates[steps.warmup as usize], 1.0, "{context}");
                }
            }
        }
        // From ten steps on the schedule is that of transformers: the first step of a warm-up has a rate of zero.
        let steps = Steps::of(&TrainConfig { max_steps: Some(10), warmup_ratio: 0.03, ..base.clone() }, 10);
        assert_eq!((steps.warmup, steps.factor(Linear, 0), steps.factor(Linear, 1)), (1, 0.0, 1.0));
        let steps = Steps::of(&TrainConfig { max_steps: Some(10), warmup_ratio: 1.0, ..base }, 10);
        assert_eq!((steps.warmup, steps.factor(Linear, 9)), (9, 1.0));
    }
}
