//! What the steps came to: per step, per epoch, and in all.

use super::checkpoint::Totals;
use super::step::Taken;
use super::trainer::{StepValues, Trainer};
use super::{EpochMetrics, StepMetrics, Summary};

/// Rates of some steps.
struct Rates {
    tokens: f64,
    trained: f64,
    samples: f64,
}

impl Totals {
    fn add(&mut self, taken: &Taken, grad_norm: f64, seconds: f64) {
        self.nll += taken.loss.nll;
        self.correct += taken.loss.correct;
        self.entropy += taken.loss.entropy;
        self.grad_norms += grad_norm;
        self.steps += 1;
        self.trained_tokens += taken.loss.tokens;
        self.num_tokens += taken.num_tokens;
        self.samples += taken.samples;
        self.training_seconds += seconds;
    }

    /// What came since `then`.
    fn since(&self, then: &Self) -> Self {
        Self {
            nll: self.nll - then.nll,
            correct: self.correct - then.correct,
            entropy: self.entropy - then.entropy,
            grad_norms: self.grad_norms - then.grad_norms,
            steps: self.steps - then.steps,
            trained_tokens: self.trained_tokens - then.trained_tokens,
            num_tokens: self.num_tokens - then.num_tokens,
            samples: self.samples - then.samples,
            training_seconds: self.training_seconds - then.training_seconds,
            seconds: self.seconds - then.seconds,
        }
    }

    fn per_token(&self, sum: f64) -> f64 {
        sum / self.trained_tokens.max(1) as f64
    }

    fn grad_norm(&self) -> f64 {
        self.grad_norms / self.steps.max(1) as f64
    }

    fn rates(&self) -> Rates {
        let per_second = |count: u64| count as f64 / self.training_seconds.max(1e-9);
        Rates {
            tokens: per_second(self.num_tokens),
            trained: per_second(self.trained_tokens),
            samples: per_second(self.samples),
        }
    }
}

impl Trainer<'_, '_> {
    /// A step of so many examples is done.
    pub(super) fn advance(&mut self, taken: &Taken, examples: u64, grad_norm: f64, seconds: f64) {
        let (steps, p) = (self.steps, &mut self.position);
        if p.step.is_multiple_of(steps.per_epoch) {
            p.epoch_began = p.totals.clone();
        }
        p.step += 1;
        p.epoch = steps.epoch_of(p.step);
        let ended = p.step.is_multiple_of(steps.per_epoch);
        p.order_position = if ended { 0 } else { p.order_position + examples };
        p.totals.add(taken, grad_norm, seconds);
    }

    /// The metrics of the step just done.
    pub(super) fn step_metrics(&self, taken: &Taken, values: StepValues, seconds: f64) -> StepMetrics {
        let StepValues { train_loss, grad_norm, learning_rate } = values;
        let mut step = Totals::default();
        step.add(taken, grad_norm, seconds);
        let rates = step.rates();
        StepMetrics {
            step: self.position.step,
            epoch: self.position.epoch,
            train_loss,
            mean_token_accuracy: step.per_token(step.correct as f64),
            entropy: step.per_token(step.entropy),
            grad_norm,
            learning_rate,
            num_tokens: self.position.totals.num_tokens,
            tokens_per_second: rates.tokens,
            trained_tokens_per_second: rates.trained,
            train_samples_per_second: rates.samples,
            peak_memory_bytes: crate::machine::peak_memory().unwrap_or(0),
        }
    }

    /// Of the epoch that ended with the step just done, or of its part where the last step is within it.
    pub(super) fn epoch_metrics(&self, learning_rate: f64) -> Option<EpochMetrics> {
        let p = &self.position;
        if !p.step.is_multiple_of(self.steps.per_epoch) && p.step != self.steps.total {
            return None;
        }
        let epoch = p.totals.since(&p.epoch_began);
        let rates = epoch.rates();
        Some(EpochMetrics {
            step: p.step,
            epoch: p.epoch,
            epoch_train_loss: epoch.per_token(epoch.nll),
            epoch_mean_token_accuracy: epoch.per_token(epoch.correct as f64),
            epoch_entropy: epoch.per_token(epoch.entropy),
            epoch_grad_norm: epoch.grad_norm(),
            epoch_learning_rate: learning_rate,
            epoch_num_tokens: epoch.num_tokens,
            epoch_tokens_per_second: rates.tokens,
            epoch_trained_tokens_per_second: rates.trained,
            epoch_samples_per_second: rates.samples,
            epoch_peak_memory_bytes: crate::machine::peak_memory().unwrap_or(0),
        })
    }

    /// (elements that are trained, their share of all in percent).
    pub(super) fn trainable(&self) -> (u64, f64) {
        let trainable = self.adapter.trainable_params();
        (trainable, 100.0 * trainable as f64 / (trainable + self.job.weights.parameters()) as f64)
    }

    pub(super) fn summary(&self, final_step: u64) -> Summary {
        let (p, t) = (&self.position, &self.position.totals);
        let rates = t.rates();
        let (trainable_params, trainable_percent) = self.trainable();
        Summary {
            steps: p.step,
            train_loss: t.per_token(t.nll),
            eval_loss: p.evaluated.map(|(_, loss)| loss),
            best: p.watch.best,
            final_step,
            stopped_early: p.step < self.steps.total,
            mean_token_accuracy: t.per_token(t.correct as f64),
            entropy: t.per_token(t.entropy),
            grad_norm: t.grad_norm(),
            num_tokens: t.num_tokens,
            tokens_per_second: rates.tokens,
            trained_tokens_per_second: rates.trained,
            train_samples_per_second: rates.samples,
            trainable_params,
            trainable_percent,
            peak_memory_bytes: crate::machine::peak_memory().unwrap_or(0),
            duration_seconds: self.seconds(),
        }
    }
}
