//! The loop: steps, evaluations, checkpoints; it emits events and has no face.

use std::path::PathBuf;
use std::time::Instant;

use super::adamw::{self, Moments};
use super::checkpoint::{self, Position, WholeFolder};
use super::engine::Work;
use super::identity::Identity;
use super::metrics::Metrics;
use super::schedule::{Steps, factor};
use super::step::{self, Prepared, Taken};
use super::{Event, StepMetrics, Summary, TrainError};
use crate::batch::epoch_order;
use crate::lora::{Adapter, Hf, Stored};
use crate::model::{Grads, LossSums};
use crate::store::write_whole;

pub(super) struct Trainer<'t, 'a> {
    job: &'t Work<'a>,
    train: Vec<Prepared>,
    eval: Vec<Prepared>,
    steps: Steps,
    identity: Identity,
    adapter: Adapter<Stored>,
    moments: Moments,
    grads: Grads,
    position: Position,
    metrics: Metrics,
    started: Instant,
    seconds_before: f64,
    /// Examples in this epoch's order.
    order: (u64, Vec<usize>),
    /// The last checkpoint of this run that is on the disk.
    saved: Option<PathBuf>,
}

impl<'t, 'a> Trainer<'t, 'a> {
    pub(super) fn new(job: &'t Work<'a>, on_event: &mut dyn FnMut(&Event)) -> Result<Self, TrainError> {
        let started = Instant::now();
        let (train, eval) = (Prepared::all(job.train), Prepared::all(job.eval));
        if train.is_empty() {
            return Err(TrainError::Other(
                "no token of the examples is trained: check the dataset with `data preview`".to_owned(),
            ));
        }
        let steps = Steps::of(job.config, train.len());
        let start = start(job)?;
        let identity = Identity::of(job, &start.config);
        let mut loaded = None;
        if job.resume {
            loaded = checkpoint::newest(job, (&identity, &start.config), on_event)?;
        } else {
            checkpoint::clear(job.output)?;
        }
        let saved = loaded.as_ref().map(|l| job.output.join(format!("checkpoint-{}", l.position.step)));
        let (adapter, moments, position) = match loaded {
            Some(l) => (l.adapter.to_stored(job.weights), stored(job, &l.adapter, &l.moments), l.position),
            None => {
                let moments = Moments::zero(&start.pairs);
                (start.to_stored(job.weights), moments, Position::default())
            }
        };
        let metrics = Metrics::open(job.output, position.step)?;
        let grads = adamw::zeros(&adapter.pairs);
        let seconds_before = position.totals.seconds;
        let order = (u64::MAX, Vec::new());
        Ok(Self {
            job,
            train,
            eval,
            steps,
            identity,
            adapter,
            moments,
            grads,
            position,
            metrics,
            started,
            seconds_before,
            order,
            saved,
        })
    }

    pub(super) fn run(mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
        let (trainable, percent) = self.trainable();
        on_event(&Event::Started {
            steps: self.steps.total,
            first_step: self.position.step,
            trainable_params: trainable,
            trainable_percent: percent,
        });
        let mut first = true;
        self.evaluate_if_due(on_event)?;
        while self.position.step < self.steps.total {
            self.step(first, on_event)?;
            first = false;
            self.evaluate_if_due(on_event)?;
            let done = self.position.step;
            if done == self.steps.total
                || (self.job.config.save_every > 0 && done.is_multiple_of(self.job.config.save_every))
            {
                self.save(on_event)?;
            }
            self.stop_if_interrupted(on_event)?;
        }
        self.finish(on_event)
    }

    fn stop_if_interrupted(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        if !self.job.interrupt.raised() {
            return Ok(());
        }
        let folder = self.save(on_event)?;
        Err(TrainError::Interrupted { step: self.position.step, folder })
    }

    /// One optimiser step.
    fn step(&mut self, first: bool, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let began = Instant::now();
        let (step, config) = (self.position.step, self.job.config);
        let indices = self.indices();
        let examples: Vec<&Prepared> = indices.iter().map(|i| &self.train[*i]).collect();
        let learning_rate = config.learning_rate * factor(config.scheduler, step, self.steps.warmup, self.steps.total);
        let Some(taken) = step::gradients(
            self.job.model,
            (&self.adapter, config),
            (&examples, step),
            &self.job.interrupt,
            &mut self.grads,
        )?
        else {
            self.stop_if_interrupted(on_event)?;
            return Ok(());
        };
        let loss = taken.loss.nll / taken.loss.tokens.max(1) as f64;
        if !loss.is_finite() {
            return Err(self.diverged(step + 1, loss));
        }
        if first {
            step::check_reached(&self.adapter, &self.grads, &examples)?;
        }
        let norm = adamw::clip(&mut self.grads, config.max_grad_norm);
        if !norm.is_finite() {
            return Err(self.diverged(step + 1, norm));
        }
        let rates = (learning_rate, config.weight_decay);
        adamw::update(&mut self.adapter.pairs, &self.grads, &mut self.moments, step + 1, rates);
        let taken_in = indices.len() as u64;
        self.advance(&taken, taken_in, began.elapsed().as_secs_f64());
        let metrics = self.step_metrics(&taken, (loss, norm, learning_rate), began.elapsed().as_secs_f64());
        self.metrics.line(&metrics)?;
        on_event(&Event::Step(metrics));
        Ok(())
    }

    fn diverged(&self, step: u64, loss: f64) -> TrainError {
        let checkpoint = self.saved.as_ref().map_or("none".to_owned(), |p| p.display().to_string());
        TrainError::Diverged { step, loss, learning_rate: self.job.config.learning_rate, checkpoint }
    }

    /// The examples of the next step.
    fn indices(&mut self) -> Vec<usize> {
        let (epoch, within) = (self.position.step / self.steps.per_epoch, self.position.step % self.steps.per_epoch);
        if self.order.0 != epoch {
            let config = self.job.config;
            self.order = (epoch, epoch_order(self.train.len(), config.seed, epoch as usize, config.shuffle));
        }
        let per_step = self.job.config.batch_size.max(1) * self.job.config.gradient_accumulation.max(1);
        let from = (within as usize * per_step).min(self.order.1.len());
        self.order.1[from..(from + per_step).min(self.order.1.len())].to_vec()
    }

    fn advance(&mut self, taken: &Taken, examples: u64, seconds: f64) {
        let p = &mut self.position;
        p.step += 1;
        p.epoch = self.steps.epoch_of(p.step);
        let ended = p.step.is_multiple_of(self.steps.per_epoch);
        p.order_position = if ended { 0 } else { p.order_position + examples };
        let t = &mut p.totals;
        t.nll += taken.loss.nll;
        t.correct += taken.loss.correct;
        t.entropy += taken.loss.entropy;
        t.trained_tokens += taken.loss.tokens;
        t.num_tokens += taken.num_tokens;
        t.samples += taken.samples;
        t.training_seconds += seconds;
    }

    fn step_metrics(
        &self,
        taken: &Taken,
        (train_loss, grad_norm, learning_rate): (f64, f64, f64),
        seconds: f64,
    ) -> StepMetrics {
        let per_token = |sum: f64| sum / taken.loss.tokens.max(1) as f64;
        let per_second = |count: u64| count as f64 / seconds.max(1e-9);
        StepMetrics {
            step: self.position.step,
            epoch: self.position.epoch,
            train_loss,
            mean_token_accuracy: per_token(taken.loss.correct as f64),
            entropy: per_token(taken.loss.entropy),
            grad_norm,
            learning_rate,
            num_tokens: self.position.totals.num_tokens,
            tokens_per_second: per_second(taken.num_tokens),
            trained_tokens_per_second: per_second(taken.loss.tokens),
            train_samples_per_second: per_second(taken.samples),
        }
    }

    /// At the end of each epoch and of the training, once.
    fn evaluate_if_due(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let step = self.position.step;
        let due = step > 0 && (step.is_multiple_of(self.steps.per_epoch) || step == self.steps.total);
        let done = self.position.evaluated.is_some_and(|(at, _)| at == step);
        if self.eval.is_empty() || !due || done {
            return Ok(());
        }
        let mut sums = LossSums::default();
        for batch in self.eval.chunks(self.job.config.batch_size.max(1)) {
            if self.job.interrupt.raised() {
                // The step is done and saved; the evaluation is made after the resume.
                return Ok(());
            }
            let sequences: Vec<_> = batch.iter().map(Prepared::sequence).collect();
            sums.add(&self.job.model.loss(&self.adapter, &sequences)?);
        }
        let tokens = sums.tokens.max(1) as f64;
        let (eval_loss, mean_token_accuracy) = (sums.nll / tokens, sums.correct as f64 / tokens);
        if !eval_loss.is_finite() {
            return Err(self.diverged(step, eval_loss));
        }
        self.position.evaluated = Some((step, eval_loss));
        self.metrics.line(&serde_json::json!({
            "step": step, "epoch": self.position.epoch, "eval_loss": eval_loss,
            "eval_mean_token_accuracy": mean_token_accuracy, "eval_entropy": sums.entropy / tokens,
        }))?;
        on_event(&Event::Eval { step, eval_loss, mean_token_accuracy });
        Ok(())
    }

    fn save(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<PathBuf, TrainError> {
        self.position.totals.seconds = self.seconds();
        let to_hf = |pairs: &Grads| {
            Adapter::<Stored>::from_pairs(self.adapter.config.clone(), pairs.clone()).to_hf(self.job.weights).pairs
        };
        let moments = Moments { first: to_hf(&self.moments.first), second: to_hf(&self.moments.second) };
        let adapter = self.adapter.to_hf(self.job.weights);
        let folder = checkpoint::save(self.job, &self.identity, &self.position, (&adapter, &moments))?;
        self.saved = Some(folder.clone());
        on_event(&Event::Saved { step: self.position.step, folder: folder.clone() });
        Ok(folder)
    }

    fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    fn trainable(&self) -> (u64, f64) {
        let trainable = self.adapter.trainable_params();
        (trainable, 100.0 * trainable as f64 / (trainable + self.job.weights.parameters()) as f64)
    }

    /// `final/`: the adapter in PEFT's layout, the tokenizer's files.
    fn finish(mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
        let adapter = self.adapter.to_hf(self.job.weights);
        let folder = self.job.output.join("final");
        let work = WholeFolder::create(&folder)?;
        adapter.save(work.path(), self.job.base_name)?;
        for (name, text) in self.job.tokenizer_files {
            write_whole(work.path().join(name), text.as_bytes())?;
        }
        work.finish()?;
        let summary = self.summary();
        self.metrics.line(&summary)?;
        on_event(&Event::Saved { step: self.position.step, folder });
        Ok((adapter, summary))
    }

    fn summary(&self) -> Summary {
        let t = &self.position.totals;
        let tokens = t.trained_tokens.max(1) as f64;
        let per_second = |count: u64| count as f64 / t.training_seconds.max(1e-9);
        let (trainable_params, trainable_percent) = self.trainable();
        Summary {
            steps: self.position.step,
            train_loss: t.nll / tokens,
            eval_loss: self.position.evaluated.map(|(_, loss)| loss),
            mean_token_accuracy: t.correct as f64 / tokens,
            entropy: t.entropy / tokens,
            num_tokens: t.num_tokens,
            tokens_per_second: per_second(t.num_tokens),
            trained_tokens_per_second: per_second(t.trained_tokens),
            train_samples_per_second: per_second(t.samples),
            trainable_params,
            trainable_percent,
            peak_memory_bytes: crate::ops::peak_memory().unwrap_or(0),
            duration_seconds: self.seconds(),
        }
    }
}

/// The adapter that training begins from: fresh, or the one given with this run's dropout.
fn start(job: &Work<'_>) -> Result<Adapter<Hf>, TrainError> {
    match &job.from_adapter {
        Some(given) => {
            let mut adapter = given.clone();
            adapter.config.dropout = job.config.lora.dropout;
            adapter.config.check()?;
            Ok(adapter)
        }
        None => Ok(Adapter::fresh(job.config.lora.clone(), job.weights.config(), job.config.seed)?),
    }
}

/// Moments lie on the disk as the adapter does, in Hugging Face's order.
fn stored(job: &Work<'_>, adapter: &Adapter<Hf>, moments: &Moments) -> Moments {
    let side =
        |pairs: &Grads| Adapter::<Hf>::from_pairs(adapter.config.clone(), pairs.clone()).to_stored(job.weights).pairs;
    Moments { first: side(&moments.first), second: side(&moments.second) }
}
