//! What `run` would do: tokens, steps, memory and time (of steps that are really made), disk, the smallest margin the suites can prove.

mod fit;
mod measure;

use super::{Context, Failure, cuts, data, evaluate, pipeline, replay, setup};
use crate::base::Base;
use crate::batch::Example;
use crate::config::{Purpose, RunConfig};
pub use crate::eval::Goal;
use crate::events::Part;
use crate::lora::{Adapter, Hf};
pub use fit::Setting;
use measure::Subject;
pub use measure::Time;

#[derive(Clone, Debug, serde::Serialize)]
pub struct Plan {
    pub base: String,
    /// How it computes.
    pub device: String,
    pub threads: usize,
    pub records: usize,
    pub held_out: usize,
    /// Replay examples that will be added (their tokens are not in `tokens`).
    pub replayed: usize,
    pub tokens: data::Tokens,
    pub steps: u64,
    pub trainable_params: u64,
    /// Weights, which training reads as they are mapped.
    pub weights_bytes: u64,
    /// The most that training will hold; None where the system does not say what a process holds.
    pub peak_bytes: Option<u64>,
    /// Layers are computed again in the backward, because what they keep would not fit.
    pub recomputed: bool,
    /// The largest step can be made at all.
    pub fits: bool,
    /// What training may hold: `max_memory`, else four fifths of what is free beside what is held already; on a device, of
    /// its memory.
    pub available_bytes: Option<u64>,
    /// Where it does not fit: what would, the cheapest first.
    pub would_fit: Vec<Setting>,
    /// The exported file.
    pub export_bytes: u64,
    /// The mean over the whole run.
    pub seconds_per_step: f64,
    /// Of all that `time` lists, which has no steps where they do not fit; early stopping makes it less.
    pub training_seconds: f64,
    pub time: Time,
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

/// Of `run`, or of `train`, which registers nothing and asks no role.
pub fn plan(context: &mut Context<'_>, config: &RunConfig, purpose: Purpose) -> Result<Plan, Failure> {
    let base = context.open_base(&config.model_to_fine_tune)?;
    setup::check(config, &base)?;
    let (role, not_promoted) = match purpose {
        Purpose::Run => pipeline::find_role(context, config)?,
        Purpose::Train => (None, Some("without output_model_name this is the plan of `train`".to_owned())),
    };
    let dataset = data::read(config)?;
    data::say_notes(context, &dataset);
    let (records, held_out) = pipeline::records(context, config, role.as_ref(), &base, dataset.records)?;
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    if let Some(role) = &role {
        let split = data::Split { train: &records, held_out: &held_out };
        let note = evaluate::check_suites(role, config, &base, split)?;
        note.into_iter().for_each(|note| context.report.note(note));
    }
    setup::check_evaluation(config, &held_out)?;
    // Before the examples, as a training makes it.
    let started = std::time::Instant::now();
    let (model, given) = setup::model(context, config, &base)?;
    let start = started.elapsed().as_secs_f64();
    let limit = data::limit(config, &base);
    let encoded = data::encode(&records, &base, limit)?;
    cuts::warn(context, Part::Training, &encoded, limit);
    let eval = data::encode_held_out(&held_out, &base, limit)?.examples;
    let replay = replay::expected(context, config, &base, &model, records.len())?;
    let (replayed, tokens) = (replay.examples.len(), data::Tokens::of(&encoded.examples));
    let train: Vec<Example> = encoded.examples.into_iter().chain(replay.examples).collect();
    if train.is_empty() {
        return Err(Failure::input("max_seq_len cuts off all that would be trained").hint("a longer --max-seq-len"));
    }
    setup::say_compute(context, config, &base)?;
    setup::say_unshared(context, config, &train);
    setup::say_kept(context, config, &base, given.as_ref())?;
    let adapter = setup::adapter(config, &base, given)?;
    let model = setup::beside(model, [&train, &eval]);
    let available_bytes =
        config.max_memory.map(|most| most.0).or_else(|| model.available_bytes().map(|bytes| bytes + model.beside()));
    let subject =
        Subject { config, weights: &base.weights, model: &model, adapter: &adapter, train: &train, eval: &eval };
    let measured = measure::measure(context, &subject)?;
    let would_fit = fit::settings(context, &subject, &measured)?;
    let time = Time {
        start: start + measured.first,
        replay: replay.seconds,
        replay_answers: replay.to_answer,
        ..measured.time
    };
    let trainable_params = adapter.trainable_params();
    let export_bytes = export_bytes(config, &base, adapter)?;
    Ok(Plan {
        base: base.name.clone(),
        device: model.route(),
        threads: model.threads(),
        records: records.len(),
        held_out: held_out.len(),
        replayed,
        tokens,
        steps: measured.course.steps,
        trainable_params,
        weights_bytes: model.resident_bytes(),
        peak_bytes: measured.peak,
        recomputed: measured.recomputed,
        fits: measured.fits,
        available_bytes,
        would_fit,
        export_bytes,
        seconds_per_step: time.steps / measured.course.steps.max(1) as f64,
        training_seconds: time.all(),
        time,
        suites: suites(config, role.as_ref(), &held_out, &records)?,
        role: role.map(|r| r.name),
        not_promoted,
    })
}

fn suites(
    config: &RunConfig,
    role: Option<&crate::roles::Role>,
    held_out: &[crate::dataset::Record],
    trained: &[crate::dataset::Record],
) -> Result<Vec<Suite>, Failure> {
    let Some(role) = role else { return Ok(Vec::new()) };
    Ok(evaluate::suites(role, config.general == crate::roles::General::On, held_out, trained)?
        .into_iter()
        .map(|(suite, demand)| Suite {
            prompts: suite.cases.len(),
            goal: demand.goal,
            least_fixed: crate::eval::least_fixed(suite.cases.len()),
            margin: demand.margin,
            smallest_margin: crate::eval::smallest_margin(suite.cases.len()),
            name: suite.name,
        })
        .collect())
}

/// `adapter`: as training begins it. An adapter without a ΔW would leave every tensor its type.
fn export_bytes(config: &RunConfig, base: &Base, mut adapter: Adapter<Hf>) -> Result<u64, Failure> {
    for pair in adapter.pairs.values_mut() {
        pair.b.fill(1.0);
    }
    let request = crate::export::Request {
        weights: &base.weights,
        tokenizer: &base.tokenizer,
        chat_template: None,
        adapter: &adapter,
        lineage: &[],
        seed: config.seed,
        output: std::path::Path::new(""),
        interrupt: crate::store::Interrupt::default(),
    };
    Ok(crate::export::plan_gguf(&request, config.quant, config.quant_floor)?.bytes)
}
