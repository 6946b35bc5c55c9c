//! What `run` would do: tokens, steps, memory and time (of one step that is really made), disk, the smallest margin the suites can prove.

use std::time::Instant;

use super::{Context, Failure, cuts, data, evaluate, replay, training, way};
use crate::batch::Example;
use crate::config::RunConfig;
pub use crate::eval::Goal;
use crate::lora::Adapter;
use crate::model::{Grads, Model, Sequence};
use crate::ops::{available_memory, peak_memory};

#[derive(Clone, Debug, serde::Serialize)]
pub struct Plan {
    pub base: String,
    pub records: usize,
    pub held_out: usize,
    /// Replay examples that will be added (their tokens are not in `tokens`).
    pub replayed: usize,
    pub tokens: data::Tokens,
    pub steps: u64,
    pub trainable_params: u64,
    /// Weights in f32.
    pub weights_bytes: u64,
    /// The most that training will hold: this process's own peak over the longest examples, and the optimiser's state.
    pub peak_bytes: Option<u64>,
    pub available_bytes: Option<u64>,
    /// The exported file.
    pub export_bytes: u64,
    /// Of one micro-batch of this dataset, forward and backward, timed now.
    pub seconds_per_step: f64,
    pub training_seconds: f64,
    pub role: Option<String>,
    pub suites: Vec<Suite>,
    /// Why nothing will be promoted, if so.
    pub not_promoted: Option<String>,
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct Suite {
    pub name: String,
    pub prompts: usize,
    pub goal: Goal,
    /// For `improve`: the fewest answers that must be fixed, with none broken.
    pub least_fixed: Option<usize>,
    pub margin: f64,
    /// What a suite of this size can prove at best, no answer flipping.
    pub smallest_margin: f64,
}

pub fn plan(context: &mut Context<'_>, config: &RunConfig) -> Result<Plan, Failure> {
    // Before anything of it is taken: the peak holds the weights too.
    let available_bytes = available_memory();
    let base = context.open_base(&config.model_to_fine_tune)?;
    training::check(config, &base)?;
    let (role, not_promoted) = way::find_role(context, config)?;
    let (records, held_out) = way::records(context, config, role.as_ref(), &base)?;
    let limit = data::limit(config, &base);
    let encoded = data::encode(&records, &base, limit)?;
    cuts::warn(context, "training", &encoded, limit);
    let train = training::train_config(config)?;
    let adapter = Adapter::fresh(train.lora.clone(), base.weights.config(), config.seed)?;
    let trainable_params = adapter.trainable_params();
    let replay = replay::expected(context, config, &base, records.len())?;
    let replayed = replay.len();
    let mut all: Vec<&Example> = encoded.examples.iter().chain(&replay).collect();
    let steps = crate::train::steps(&train, all.len());
    let model = training::model(context, config, &base)?;
    context.report.begin("time", None);
    let stored = adapter.to_stored(&base.weights);
    all.sort_by_key(|e| e.ids.len());
    let batch = config.batch_size.min(all.len());
    if batch == 0 {
        return Err(Failure::input("max_seq_len cuts off all that would be trained").hint("a longer --max-seq-len"));
    }
    let (peak, seconds) = measure(&|examples| step(&model, &stored, examples), &all, batch)?;
    let peak_bytes = peak.map(|peak| peak + 2 * size_of::<f32>() as u64 * trainable_params);
    let seconds = seconds * config.gradient_accumulation as f64;
    context.report.end(&format!("{seconds:.2} s a step"));
    let suites = match &role {
        None => Vec::new(),
        Some(role) => evaluate::suites(role, config.general == crate::config::General::On, &held_out)?
            .into_iter()
            .map(|(suite, demand)| Suite {
                prompts: suite.cases.len(),
                goal: demand.goal,
                least_fixed: crate::eval::least_fixed(suite.cases.len()),
                margin: demand.margin,
                smallest_margin: crate::eval::smallest_margin(suite.cases.len()),
                name: suite.name,
            })
            .collect(),
    };
    Ok(Plan {
        base: base.name.clone(),
        records: records.len(),
        held_out: held_out.len(),
        replayed,
        tokens: data::Tokens::of(&encoded.examples),
        steps,
        trainable_params,
        weights_bytes: model.resident_bytes(),
        peak_bytes,
        available_bytes,
        export_bytes: export_bytes(config, &base, &adapter)?,
        seconds_per_step: seconds,
        training_seconds: seconds * steps as f64,
        role: role.map(|r| r.name),
        suites,
        not_promoted,
    })
}

/// (bytes at the peak, seconds of a step): by a step of the longest examples, then one of typical ones. Where what one
/// example took says that they would not fit into what is free, it is counted from that one instead.
fn measure(
    step: &dyn Fn(&[&Example]) -> Result<f64, Failure>,
    by_length: &[&Example],
    batch: usize,
) -> Result<(Option<u64>, f64), Failure> {
    let longest = &by_length[by_length.len() - batch..];
    step(&by_length[..1])?;
    let before = peak_memory();
    let alone = step(&longest[batch - 1..])?;
    if let (Some(before), Some(after), Some(free)) = (before, peak_memory(), available_memory()) {
        let needed = (after - before) * batch as u64;
        if needed > free {
            return Ok((Some(before + needed), alone * batch as f64));
        }
    }
    step(longest)?;
    let typical: Vec<_> = (0..batch).map(|i| by_length[(2 * i + 1) * by_length.len() / (2 * batch)]).collect();
    let seconds = step(&typical)?;
    Ok((peak_memory(), seconds))
}

/// Seconds of one micro-batch, forward and backward.
fn step(model: &Model, adapter: &Adapter<crate::lora::Stored>, examples: &[&Example]) -> Result<f64, Failure> {
    let targets: Vec<Vec<Option<u32>>> = examples.iter().map(|e| targets(e)).collect();
    let sequences: Vec<Sequence<'_>> = examples
        .iter()
        .zip(&targets)
        .map(|(e, t)| Sequence { ids: &e.ids, targets: t, distilled: e.distilled })
        .collect();
    let started = Instant::now();
    model.loss_and_grads(adapter, &sequences, 1.0, None, &mut Grads::new())?;
    Ok(started.elapsed().as_secs_f64())
}

/// Position `i` predicts token `i + 1`, where that is trained.
fn targets(example: &Example) -> Vec<Option<u32>> {
    let next = example.ids.iter().zip(&example.mask).skip(1).map(|(id, trained)| trained.then_some(*id));
    next.chain([None]).collect()
}

fn export_bytes(
    config: &RunConfig,
    base: &crate::base::Base,
    adapter: &Adapter<crate::lora::Hf>,
) -> Result<u64, Failure> {
    let (quant, floor) = super::export::quant(config.quant, config.quant_floor);
    let request = crate::export::Request {
        weights: &base.weights,
        tokenizer: &base.tokenizer,
        chat_template: None,
        adapter,
        lineage: &[],
        seed: config.seed,
        output: std::path::Path::new(""),
        interrupt: crate::store::Interrupt::default(),
    };
    Ok(crate::export::plan_gguf(&request, quant, floor)?.bytes)
}
