//! What `run` would do: tokens, steps, memory, disk, time (from one timed step), the smallest margin the suites can prove.

use std::time::Instant;

use super::{Context, Failure, data, evaluate, training, way};
use crate::config::{Replay, RunConfig};
use crate::lora::Adapter;
use crate::model::{Grads, Model, Sequence};

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
    pub margin: f64,
    /// What a suite of this size can prove at best, no answer flipping.
    pub smallest_margin: f64,
}

pub fn plan(context: &mut Context<'_>, config: &RunConfig) -> Result<Plan, Failure> {
    let base = context.open_base(&config.model_to_fine_tune)?;
    let (role, not_promoted) = way::find_role(context, config)?;
    let (records, held_out) = way::records(config, role.as_ref())?;
    let encoded = data::encode(&records, &base, config.max_seq_len.unwrap_or(2048))?;
    let train = training::train_config(config)?;
    let adapter = Adapter::fresh(train.lora.clone(), base.weights.config(), config.seed)?;
    let trainable_params = adapter.trainable_params();
    let replayed = match config.replay {
        Replay::Off => 0,
        _ => (records.len() as f64 * config.replay_share / (1.0 - config.replay_share)).round() as usize,
    };
    let steps = crate::train::steps(&train, encoded.examples.len() + replayed);
    let model = Model::new(&base.weights, config.threads.unwrap_or(0))?;
    context.report.begin("time", None);
    let stored = adapter.to_stored(&base.weights);
    let seconds =
        time_step(&model, &stored, &encoded.examples, config.batch_size)? * config.gradient_accumulation as f64;
    context.report.end(&format!("{seconds:.2} s a step"));
    let suites = match &role {
        None => Vec::new(),
        Some(role) => evaluate::suites(role, config.general == crate::config::General::On, &held_out)?
            .into_iter()
            .map(|(suite, demand)| Suite {
                prompts: suite.cases.len(),
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
        available_bytes: crate::ops::available_memory(),
        export_bytes: export_bytes(config, &base, &adapter)?,
        seconds_per_step: seconds,
        training_seconds: seconds * steps as f64,
        role: role.map(|r| r.name),
        suites,
        not_promoted,
    })
}

/// The second of two micro-batches: the first one warms up.
fn time_step(
    model: &Model,
    adapter: &Adapter<crate::lora::Stored>,
    examples: &[crate::batch::Example],
    batch: usize,
) -> Result<f64, Failure> {
    let chosen: Vec<_> = examples.iter().take(batch).collect();
    let targets: Vec<Vec<Option<u32>>> = chosen.iter().map(|e| targets(e)).collect();
    let sequences: Vec<Sequence<'_>> =
        chosen.iter().zip(&targets).map(|(e, t)| Sequence { ids: &e.ids, targets: t, distilled: false }).collect();
    let mut seconds = 0.0;
    for _ in 0..2 {
        let mut grads = Grads::new();
        let started = Instant::now();
        model.loss_and_grads(adapter, &sequences, 1.0, None, &mut grads)?;
        seconds = started.elapsed().as_secs_f64();
    }
    Ok(seconds)
}

/// Position `i` predicts token `i + 1`, where that is trained.
fn targets(example: &crate::batch::Example) -> Vec<Option<u32>> {
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
