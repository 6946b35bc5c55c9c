//! The loop: steps, evaluations, checkpoints; it emits events and has no face.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Instant;

use super::adamw::{self, Moments};
use super::checkpoint::{self, Position, WholeFolder};
use super::identity::Identity;
use super::metrics::Metrics;
use super::order::Order;
use super::retention;
use super::schedule::Steps;
use super::step::{self, Batch, Prepared};
use super::{Event, Job, Summary, TrainError, folders};
use crate::lora::{Adapter, Hf, LoraConfig, Stored};
use crate::model::Grads;
use crate::store::write_whole;

/// Values of one optimiser step.
#[derive(Clone, Copy, Debug)]
pub(super) struct StepValues {
    pub train_loss: f64,
    pub grad_norm: f64,
    pub learning_rate: f64,
}

pub(super) struct Trainer<'t, 'a> {
    pub(super) job: &'t Job<'a>,
    pub(super) train: Vec<Prepared>,
    pub(super) eval: Vec<Prepared>,
    pub(super) steps: Steps,
    identity: Identity,
    pub(super) adapter: Adapter<Stored>,
    moments: Moments,
    grads: Grads,
    pub(super) position: Position,
    pub(super) metrics: Metrics,
    started: Instant,
    seconds_before: f64,
    order: Order,
    /// Gradients were seen to reach every variable.
    reached: bool,
    /// A checkpoint was saved and no older one removed for it yet: the next loss says whether it is a good one.
    unproved: bool,
}

impl<'t, 'a> Trainer<'t, 'a> {
    pub(super) fn new(job: &'t Job<'a>, on_event: &mut dyn FnMut(&Event)) -> Result<Self, TrainError> {
        let started = Instant::now();
        let (train, eval) = (Prepared::all(job.train), Prepared::all(job.eval));
        if train.is_empty() {
            return Err(TrainError::Other(
                "no token of the examples is trained: check the dataset with `data preview`".to_owned(),
            ));
        }
        let steps = Steps::of(job.config, train.len());
        let (lora, start) = start(job)?;
        let identity = Identity::of(job, &lora);
        let mut loaded = None;
        retention::sweep(job.output)?;
        if job.resume {
            loaded = checkpoint::newest(job, &identity, &lora, on_event)?;
        } else {
            checkpoint::clear(job.output)?;
        }
        let (adapter, moments, position) = match loaded {
            Some(l) => (l.adapter.to_stored(job.weights), stored(job, &l.adapter, &l.moments), l.position),
            None => {
                let adapter = Adapter { config: lora, ..start.to_stored(job.weights) };
                (adapter, Moments::zero(&start.pairs), Position::default())
            }
        };
        let evaluated = position.evaluated.is_some_and(|(at, _)| at == position.step);
        let metrics = Metrics::open(job.output, position.step, evaluated)?;
        let grads = adamw::zeros(&adapter.pairs);
        let seconds_before = position.totals.seconds;
        let order = Order::default();
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
            reached: false,
            unproved: false,
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
        // Interrupted within an evaluation, the earlier part ended without it.
        let evaluated = self.evaluate_if_due(on_event);
        if self.saved_first(evaluated, on_event)? {
            self.save_if_due(on_event)?;
        }
        self.stop_if_interrupted(on_event)?;
        while !self.ended() {
            let stepped = self.step(on_event);
            self.saved_first(stepped, on_event)?;
            let evaluated = self.evaluate_if_due(on_event);
            self.saved_first(evaluated, on_event)?;
            self.save_if_due(on_event)?;
            self.stop_if_interrupted(on_event)?;
        }
        self.finish(on_event)
    }

    /// Where memory or the device fails, what was trained lies whole on the host: it is saved before the run ends.
    fn saved_first<T>(
        &mut self,
        done: Result<T, TrainError>,
        on_event: &mut dyn FnMut(&Event),
    ) -> Result<T, TrainError> {
        match done {
            Err(TrainError::Model(source))
                if self.position.step > 0 && (source.is_memory() || source.is_of_device()) =>
            {
                match self.save(on_event) {
                    Ok(folder) => Err(TrainError::CutShort { source, folder }),
                    Err(save) => Err(TrainError::Lost { source, save: Box::new(save) }),
                }
            }
            done => done,
        }
    }

    fn save_if_due(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let (step, every) = (self.position.step, self.job.config.save_every);
        let due = self.ended() || (every > 0 && step.is_multiple_of(every)) || self.best_kept() == Some(step);
        if due {
            self.save(on_event)?;
            self.unproved = true;
            if self.ended() {
                self.retire()?;
            }
        }
        Ok(())
    }

    /// Removes the checkpoints beyond those that are kept.
    fn retire(&mut self) -> Result<(), TrainError> {
        let best = self.position.watch.best.map(|(step, _)| step);
        self.unproved = false;
        retention::retire(self.job.output, self.job.config.save_total_limit, best, self.position.step)
    }

    fn stop_if_interrupted(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        if !self.job.interrupt.raised() {
            return Ok(());
        }
        let folder = self.save(on_event)?;
        Err(TrainError::Interrupted { step: self.position.step, folder })
    }

    /// One optimiser step; interrupted, none of it stays, and it is made after the resume.
    fn step(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(), TrainError> {
        let began = Instant::now();
        let (step, config) = (self.position.step, self.job.config);
        let indices = self.order.of_step(config, &self.steps, &self.train, step);
        let examples: Vec<&Prepared> = indices.iter().map(|i| &self.train[*i]).collect();
        let learning_rate = config.learning_rate * self.steps.factor(config.lr_scheduler, step);
        let batch = Batch { config, examples: &examples, step };
        let gradients = step::gradients(self.job.model, &self.adapter, &batch, &self.job.interrupt, &mut self.grads);
        let taken = match gradients {
            Ok(Some(taken)) => taken,
            Ok(None) => return self.stop_if_interrupted(on_event),
            Err(e) => return Err(e),
        };
        let loss = taken.loss.nll / taken.loss.tokens.max(1) as f64;
        if !loss.is_finite() {
            return Err(self.diverged(step + 1, "the loss", loss));
        }
        if !self.reached {
            self.reached = step::check_reached(&self.adapter, &self.grads, &examples)?;
        }
        let norm = adamw::clip(&mut self.grads, config.max_grad_norm);
        if !adamw::takes(norm, config.max_grad_norm) {
            return Err(self.diverged(step + 1, "the gradient's norm", norm));
        }
        if self.unproved {
            self.retire()?;
        }
        let update = adamw::Update { step: step + 1, learning_rate, weight_decay: config.weight_decay };
        adamw::update(&mut self.adapter.pairs, &self.grads, &mut self.moments, update);
        let taken_in = indices.len() as u64;
        self.advance(&taken, taken_in, norm, began.elapsed().as_secs_f64());
        let values = StepValues { train_loss: loss, grad_norm: norm, learning_rate };
        let metrics = self.step_metrics(&taken, values, began.elapsed().as_secs_f64());
        self.metrics.line(&metrics)?;
        let ms = began.elapsed().as_millis() as u64;
        tracing::debug!(step = step + 1, examples = taken_in, tokens = taken.loss.tokens, loss, norm, ms, "step taken");
        on_event(&Event::Step(metrics));
        if let Some(metrics) = self.epoch_metrics(learning_rate) {
            self.metrics.line(&metrics)?;
            on_event(&Event::Epoch(metrics));
        }
        Ok(())
    }

    /// What became so that there is no training on, and its value.
    pub(super) fn diverged(&self, step: u64, what: &'static str, value: f64) -> TrainError {
        // What was saved last is the very adapter that has no loss.
        let steps = folders::steps_in(self.job.output).unwrap_or_default();
        let good = steps.into_iter().rfind(|saved| *saved < self.position.step);
        let checkpoint = good.map_or("none (save_every keeps some)".to_owned(), |step| {
            let folder = folders::folder(self.job.output, step);
            format!("{0} (go on from it in a training of its own: --from-adapter {0})", folder.display())
        });
        let config = self.job.config;
        // A finite one would have been clipped.
        let remedy = match value.is_finite() {
            true => format!(", or clip the gradients (max_grad_norm 1; now {})", config.max_grad_norm),
            false => String::new(),
        };
        TrainError::Diverged { what, value, step, learning_rate: config.learning_rate, remedy, checkpoint }
    }

    fn save(&mut self, on_event: &mut dyn FnMut(&Event)) -> Result<PathBuf, TrainError> {
        self.position.totals.seconds = self.seconds();
        let folder = checkpoint::save(self.job, &self.identity, &self.position, &self.adapter, &self.moments)?;
        on_event(&Event::Saved { step: self.position.step, folder: folder.clone() });
        Ok(folder)
    }

    pub(super) fn seconds(&self) -> f64 {
        self.seconds_before + self.started.elapsed().as_secs_f64()
    }

    /// `final/`: the adapter, the last or the best, in PEFT's layout; the tokenizer's files.
    fn finish(mut self, on_event: &mut dyn FnMut(&Event)) -> Result<(Adapter<Hf>, Summary), TrainError> {
        let step = self.best_step().unwrap_or(self.position.step);
        let best = match step == self.position.step {
            true => None,
            false => Some(checkpoint::adapter_at(self.job, step, &self.adapter.config)?),
        };
        self.changed(best.as_ref())?;
        let folder = self.job.output.join("final");
        let work = WholeFolder::create(&folder)?;
        match &best {
            Some(best) => best.save(work.path(), self.job.base_name)?,
            None => self.adapter.save(work.path(), self.job.base_name, self.job.weights)?,
        }
        self.job.origin.map_or(Ok(()), |origin| origin.save(work.path()))?;
        for (name, text) in self.job.tokenizer_files {
            write_whole(work.path().join(name), text.as_bytes())?;
        }
        work.finish()?;
        let summary = self.summary(step);
        self.metrics.line(&summary)?;
        on_event(&Event::Saved { step: self.position.step, folder });
        Ok((best.unwrap_or_else(|| self.adapter.into_hf(self.job.weights)), summary))
    }

    /// An adapter whose B are all zero is the base itself: nothing was trained, so nothing is given out as trained.
    fn changed(&self, best: Option<&Adapter<Hf>>) -> Result<(), TrainError> {
        let zero = |b: &[f32]| b.iter().all(|x| *x == 0.0);
        let unchanged = match best {
            Some(best) => best.pairs.values().all(|pair| zero(&pair.b)),
            None => self.adapter.pairs.values().all(|pair| zero(&pair.b)),
        };
        let (steps, learning_rate) = (self.position.step, self.job.config.learning_rate);
        if unchanged { Err(TrainError::Unchanged { steps, learning_rate }) } else { Ok(()) }
    }
}

/// The adapter that training begins from: fresh, or the one given with this run's dropout.
fn start<'j>(job: &'j Job<'_>) -> Result<(LoraConfig, Cow<'j, Adapter<Hf>>), TrainError> {
    match &job.from_adapter {
        Some(given) => {
            let config = LoraConfig { dropout: job.config.lora.dropout, ..given.config.clone() };
            config.check()?;
            Ok((config, Cow::Borrowed(given)))
        }
        None => {
            let fresh = Adapter::fresh(job.config.lora.clone(), job.weights.spec(), job.config.seed)?;
            Ok((fresh.config.clone(), Cow::Owned(fresh)))
        }
    }
}

/// Moments lie on the disk as the adapter does, in Hugging Face's order.
fn stored(job: &Job<'_>, adapter: &Adapter<Hf>, moments: &Moments) -> Moments {
    let side =
        |pairs: &Grads| Adapter::<Hf>::from_pairs(adapter.config.clone(), pairs.clone()).to_stored(job.weights).pairs;
    Moments { first: side(&moments.first), second: side(&moments.second) }
}
