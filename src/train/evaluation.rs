//! The loss of what is held out, and what follows from it: the best so far, the end of waiting.

use super::step::Prepared;
use super::trainer::Trainer;
use super::{Event, TrainError};
use crate::model::{LossSums, ModelError};

/// Examples of one call: as many as may well have a beginning in common.
pub(super) const TOGETHER: usize = 32;

impl Trainer<'_, '_> {
    /// At the end of each epoch and of the training, and every `eval_steps`; once. Whether one was made.
    pub(super) fn evaluate_if_due(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<bool, TrainError> {
        let (step, every) = (self.position.step, self.job.config.eval_steps);
        let due = step > 0
            && (step.is_multiple_of(self.steps.per_epoch)
                || step == self.steps.total
                || (every > 0 && step.is_multiple_of(every)));
        let done = self.position.evaluated.is_some_and(|(at, _)| at == step);
        if self.eval.is_empty() || !due || done {
            return Ok(false);
        }
        let mut sums = LossSums::default();
        for batch in self.eval.chunks(TOGETHER) {
            // The step is done and saved; interrupted, the evaluation is made after the resume.
            if self.job.interrupt.raised() {
                return Ok(false);
            }
            let sequences: Vec<_> = batch.iter().map(Prepared::sequence).collect();
            match self.job.model.loss(&self.adapter, &sequences) {
                Err(ModelError::Stopped) if self.job.interrupt.raised() => return Ok(false),
                of_these => sums.add(&of_these?),
            }
        }
        let tokens = sums.tokens.max(1) as f64;
        let (eval_loss, mean_token_accuracy) = (sums.nll / tokens, sums.correct as f64 / tokens);
        if !eval_loss.is_finite() {
            return Err(self.diverged(step, "the evaluation's loss", eval_loss));
        }
        self.position.evaluated = Some((step, eval_loss));
        let best = self.position.watch.see(step, eval_loss, self.job.config.early_stopping_threshold);
        self.metrics.line(&serde_json::json!({
            "step": step, "epoch": self.position.epoch, "eval_loss": eval_loss,
            "eval_mean_token_accuracy": mean_token_accuracy, "eval_entropy": sums.entropy / tokens,
        }))?;
        on_event(&Event::Eval { step, eval_loss, mean_token_accuracy, best });
        Ok(true)
    }

    /// Whether the last step is done, or none better is waited for any more.
    pub(super) fn ended(&self) -> bool {
        self.position.step >= self.steps.total || self.position.watch.over(self.job.config.early_stopping_patience)
    }

    /// The step of the best evaluation, where `final/` is to be made from it.
    pub(super) fn best_step(&self) -> Option<u64> {
        self.position.watch.best.map(|(step, _)| step).filter(|_| self.job.config.load_best_model_at_end)
    }

    /// The same, where its checkpoint is to be there at the end: it is delivered, or the training goes on past it to see
    /// whether a better one comes.
    pub(super) fn best_kept(&self) -> Option<u64> {
        let config = self.job.config;
        let kept = config.load_best_model_at_end || config.early_stopping_patience.is_some();
        self.position.watch.best.map(|(step, _)| step).filter(|_| kept)
    }
}
