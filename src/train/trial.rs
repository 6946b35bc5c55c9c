//! A training that is tried and not made: its own steps, in its own order, on an adapter that is thrown away.

use std::time::Instant;

use super::adamw::{self, Moments};
use super::check;
use super::engine::Engine;
use super::evaluation::TOGETHER;
use super::order::Order;
use super::schedule::Steps;
use super::step::{self, Batch, Prepared};
use super::{TrainConfig, TrainError};
use crate::batch::Example;
use crate::lora::{Adapter, Ranks, Stored};
use crate::model::{Cost, Grads, Model, ModelError, TEACHER_STATES_BYTES};
use crate::store::Interrupt;

/// Steps whose work is counted one by one; of more, as many evenly spread.
const COUNTED: u64 = 256;
/// Steps that are looked through for the largest.
const LOOKED_THROUGH: u64 = 20_000;

/// What a training will take, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Course {
    pub steps: u64,
    /// Of all steps together.
    pub products: f64,
    /// The step that holds the most memory where everything is kept, and its cost, with the most that any takes at least.
    pub largest: u64,
    pub largest_cost: Cost,
    pub evaluations: u64,
    /// Of one evaluation.
    pub evaluation: Cost,
}

/// Something that was really done.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tried {
    pub seconds: f64,
    pub cost: Cost,
}

/// The cost of the largest step of the training that `run` would make of these examples with an adapter of these ranks; the
/// same with the most that any takes at least.
pub fn largest(
    model: &Model,
    config: &TrainConfig,
    ranks: &Ranks,
    train: &[Example],
) -> Result<(Cost, Cost), TrainError> {
    let train = Prepared::all(train);
    let (steps, dropout) = (Steps::of(config, train.len()), config.lora.dropout > 0.0);
    let order = &mut Order::default();
    let counted = Counted { engine: model, config, ranks, dropout };
    let (_, cost, least) = Counter { counted, train: &train, steps, order }.largest()?;
    Ok((cost, Cost { least, ..cost }))
}

/// What the cost of examples depends on.
#[derive(Clone, Copy)]
struct Counted<'c> {
    engine: &'c dyn Engine,
    config: &'c TrainConfig,
    ranks: &'c Ranks,
    dropout: bool,
}

impl Counted<'_> {
    fn cost(&self, examples: &[&Prepared], back: bool) -> Result<Cost, ModelError> {
        let (mut cost, dropout) = (Cost::default(), back && self.dropout);
        for batch in step::micro_batches(self.config, dropout, examples) {
            let sequences: Vec<_> = batch.iter().map(|e| e.sequence()).collect();
            cost.add(&self.engine.cost(self.ranks, &sequences, dropout, back)?);
        }
        Ok(cost)
    }
}

/// Counts steps.
struct Counter<'c> {
    counted: Counted<'c>,
    train: &'c [Prepared],
    steps: Steps,
    order: &'c mut Order,
}

impl Counter<'_> {
    fn cost(&mut self, step: u64) -> Result<Cost, ModelError> {
        let indices = self.order.of_step(self.counted.config, &self.steps, self.train, step);
        let examples: Vec<&Prepared> = indices.into_iter().map(|i| &self.train[i]).collect();
        self.counted.cost(&examples, true)
    }

    /// The step that holds the most memory where everything is kept, and its cost; the most that any takes at least.
    /// Counted of those that take in the most tokens, and of those with the most trained tokens and with the longest
    /// example, which one pass takes in whole.
    fn largest(&mut self) -> Result<(u64, Cost, u64), ModelError> {
        const CANDIDATES: usize = 8;
        let mut by_tokens: Vec<(usize, u64)> = Vec::new();
        let (mut longest, mut most_trained) = ((0, 0), (0, 0));
        for step in 0..self.steps.total.min(LOOKED_THROUGH) {
            let indices = self.order.of_step(self.counted.config, &self.steps, self.train, step);
            let fed = || indices.iter().map(|i| self.train[*i].fed());
            by_tokens.push((fed().sum(), step));
            longest = longest.max((fed().max().unwrap_or(0), step));
            most_trained = most_trained.max((indices.iter().map(|i| self.train[*i].trained).sum::<u64>(), step));
        }
        by_tokens.sort_unstable_by_key(|(tokens, step)| (std::cmp::Reverse(*tokens), *step));
        let (mut most, mut least) = ((0, Cost::default()), 0);
        for step in by_tokens.into_iter().take(CANDIDATES).map(|(_, step)| step).chain([longest.1, most_trained.1]) {
            let cost = self.cost(step)?;
            least = least.max(cost.least);
            if cost.kept > most.1.kept {
                most = (step, cost);
            }
        }
        Ok((most.0, most.1, least))
    }
}

/// The examples of a training: those that are trained on, and those of its evaluations.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    pub train: &'a [Example],
    pub eval: &'a [Example],
}

#[derive(Debug)]
pub struct TrialSteps<'a> {
    engine: &'a dyn Engine,
    config: &'a TrainConfig,
    interrupt: Interrupt,
    train: Vec<Prepared>,
    eval: Vec<Prepared>,
    steps: Steps,
    order: Order,
    adapter: Adapter<Stored>,
    ranks: Ranks,
    moments: Moments,
    grads: Grads,
}

impl<'a> TrialSteps<'a> {
    /// Of the training that `run` would make of these examples.
    ///
    /// # Errors
    /// Numbers that train nothing, no example that is trained.
    pub fn new(
        model: &'a Model,
        config: &'a TrainConfig,
        adapter: Adapter<Stored>,
        examples: Examples<'_>,
        interrupt: Interrupt,
    ) -> Result<Self, TrainError> {
        Self::of(model, config, adapter, examples, interrupt)
    }

    pub(super) fn of(
        engine: &'a dyn Engine,
        config: &'a TrainConfig,
        adapter: Adapter<Stored>,
        examples: Examples<'_>,
        interrupt: Interrupt,
    ) -> Result<Self, TrainError> {
        check::numbers(config)?;
        let (train, eval) = (Prepared::all(examples.train), Prepared::all(examples.eval));
        if train.is_empty() {
            return Err(TrainError::Config(
                "no token of the examples is trained (`data preview` shows them)".to_owned(),
            ));
        }
        let (moments, grads) = (Moments::zero(&adapter.pairs), adamw::zeros(&adapter.pairs));
        let (ranks, steps, order) = (adapter.ranks(), Steps::of(config, train.len()), Order::default());
        Ok(Self { engine, config, interrupt, train, eval, steps, order, adapter, ranks, moments, grads })
    }

    /// Counts the whole training.
    pub fn course(&mut self) -> Result<Course, TrainError> {
        let total = self.steps.total;
        let counted = total.min(COUNTED);
        let each = total as f64 / counted as f64;
        // What the base teaches in the first epoch, and would again in later ones; what it takes to keep all of it.
        let (mut products, mut again, mut to_keep) = (0.0, 0.0, 0.0);
        for i in 0..counted {
            // In the middle of its share of all steps.
            let step = ((2 * i + 1) as f64 * total as f64 / (2 * counted) as f64) as u64;
            let cost = self.counter().cost(step)?;
            products += each * cost.products;
            to_keep += each * cost.to_keep as f64;
            if step >= self.steps.per_epoch {
                again += each * cost.teacher;
            }
        }
        to_keep *= (self.steps.per_epoch as f64 / total as f64).min(1.0);
        products -= again * (TEACHER_STATES_BYTES as f64 / to_keep.max(1.0)).min(1.0);
        let (largest, cost, least) = self.counter().largest()?;
        let largest_cost = Cost { least, ..cost };
        let mut evaluation = Cost::default();
        for batch in self.eval.chunks(TOGETHER) {
            evaluation.add(&self.cost_of(&batch.iter().collect::<Vec<_>>(), false)?);
        }
        Ok(Course { steps: total, products, largest, largest_cost, evaluations: self.evaluations(), evaluation })
    }

    /// How many the run will make, unless it stops early.
    fn evaluations(&self) -> u64 {
        let Steps { total, per_epoch, .. } = self.steps;
        if self.eval.is_empty() {
            return 0;
        }
        let every = self.config.eval_steps;
        let multiples = |of: u64| total.checked_div(of).unwrap_or(0);
        let gcd = |mut a: u64, mut b: u64| {
            while b > 0 {
                (a, b) = (b, a % b);
            }
            a
        };
        let both = if every > 0 { multiples((per_epoch / gcd(per_epoch, every)).saturating_mul(every)) } else { 0 };
        let last = !total.is_multiple_of(per_epoch) && (every == 0 || !total.is_multiple_of(every));
        multiples(per_epoch) + multiples(every) - both + u64::from(last)
    }

    fn counter(&mut self) -> Counter<'_> {
        let dropout = self.adapter.config.dropout > 0.0;
        let counted = Counted { engine: self.engine, config: self.config, ranks: &self.ranks, dropout };
        Counter { counted, train: &self.train, steps: self.steps, order: &mut self.order }
    }

    fn cost_of(&self, examples: &[&Prepared], back: bool) -> Result<Cost, ModelError> {
        let dropout = self.adapter.config.dropout > 0.0;
        Counted { engine: self.engine, config: self.config, ranks: &self.ranks, dropout }.cost(examples, back)
    }

    /// The least that can be computed: it reads the weights for the first time.
    pub fn shortest(&mut self) -> Result<Tried, TrainError> {
        let shortest = (0..self.train.len()).min_by_key(|i| self.train[*i].fed()).unwrap_or(0);
        self.make(&[shortest], 0)
    }

    /// Makes the step of the run with this number, counted from 0.
    pub fn step(&mut self, step: u64) -> Result<Tried, TrainError> {
        let indices = self.order.of_step(self.config, &self.steps, &self.train, step);
        self.make(&indices, step)
    }

    fn make(&mut self, indices: &[usize], step: u64) -> Result<Tried, TrainError> {
        let examples: Vec<&Prepared> = indices.iter().map(|i| &self.train[*i]).collect();
        let cost = self.cost_of(&examples, true)?;
        let (config, began) = (self.config, Instant::now());
        let learning_rate = config.learning_rate * self.steps.factor(config.lr_scheduler, step);
        let batch = Batch { config, examples: &examples, step };
        step::gradients(self.engine, &self.adapter, &batch, &self.interrupt, &mut self.grads)?
            .ok_or(ModelError::Stopped)?;
        adamw::clip(&mut self.grads, config.max_grad_norm);
        let update = adamw::Update { step: step + 1, learning_rate, weight_decay: config.weight_decay };
        adamw::update(&mut self.adapter.pairs, &self.grads, &mut self.moments, update);
        Ok(Tried { seconds: began.elapsed().as_secs_f64(), cost })
    }

    /// Makes the first part of an evaluation; None where nothing is held out.
    pub fn evaluation(&self) -> Result<Option<Tried>, TrainError> {
        let Some(batch) = self.eval.chunks(TOGETHER).next() else { return Ok(None) };
        let cost = self.cost_of(&batch.iter().collect::<Vec<_>>(), false)?;
        let (sequences, began): (Vec<_>, _) = (batch.iter().map(Prepared::sequence).collect(), Instant::now());
        self.engine.loss(&self.adapter, &sequences)?;
        Ok(Some(Tried { seconds: began.elapsed().as_secs_f64(), cost }))
    }
}

/// Seconds of so many products at the speed of what was tried.
pub fn seconds(tried: &[Tried], products: f64) -> f64 {
    let sum = |of: fn(&Tried) -> f64| tried.iter().map(of).sum::<f64>();
    products * sum(|t| t.seconds) / sum(|t| t.cost.products).max(1.0)
}
