//! The config in the engine's words: the adapter, the model in its memory, and what of both is said before the first step.

use std::collections::BTreeSet;

use super::{Context, Failure, Kind};
use crate::base::Base;
use crate::batch::Example;
use crate::config::{Choice, Numbers, Replay, RunConfig};
use crate::dataset::Record;
use crate::events::{ComputeChoice, Note};
use crate::lora::{Adapter, Hf, LoraConfig, Pattern, Ranks};
use crate::model::{DeviceKind, LEAST_WIDTH, MemoryLimit, Model, TEACHER_STATES_BYTES};
use crate::ops::{Compute, RowOrder};
use crate::store::DIGEST_BUFFER;
use crate::train::{self, TrainConfig};
use crate::weights::Weights;

/// The adapter in PEFT's words.
fn lora_config(config: &RunConfig) -> Result<LoraConfig, Failure> {
    let pattern = |key, said: &Numbers| Pattern::new(said.0.iter().cloned()).map_err(|e| Failure::from(e).about(key));
    Ok(LoraConfig {
        rank: config.lora_rank,
        alpha: config.lora_alpha,
        dropout: config.lora_dropout,
        targets: config.target_modules.clone(),
        layers_to_transform: config.layers_to_transform.clone(),
        rank_pattern: pattern("rank_pattern", &config.rank_pattern)?,
        alpha_pattern: pattern("alpha_pattern", &config.alpha_pattern)?,
        rslora: config.use_rslora,
    })
}

/// The config in the engine's words.
pub(super) fn train_config(config: &RunConfig) -> Result<TrainConfig, Failure> {
    TrainConfig::from_options(lora_config(config)?, |key| config.value(key))
        .map_err(|e| Failure::new(Kind::Error, format!("the options of the training: {e}")))
}

/// Refuses what this base can't be trained with, or not here, before anything of it is computed.
pub(super) fn check(config: &RunConfig, base: &Base) -> Result<(), Failure> {
    place(config).check(compute(config, base)?)?;
    let model = base.weights.spec();
    let lora = train_config(config)?.lora;
    lora.check()?;
    if config.from_adapter.is_none() {
        lora.targeted(model)?;
    }
    if let Some(said) = config.max_seq_len.filter(|n| *n > model.context) {
        let (name, context) = (&base.name, model.context);
        return Err(Failure::input(format!("max_seq_len is {said}, and the context of {name} holds {context} tokens"))
            .hint(format!("give at most {context}, or leave it out")));
    }
    Ok(())
}

/// Refuses to ask for what no evaluation will say.
pub(super) fn check_evaluation(config: &RunConfig, held_out: &[Record]) -> Result<(), Failure> {
    let asked = [
        ("early_stopping_patience", config.early_stopping_patience.is_some()),
        ("load_best_model_at_end", config.load_best_model_at_end),
        ("eval_steps", config.eval_steps > 0),
    ];
    match asked.iter().find(|(_, said)| *said && held_out.is_empty()) {
        Some((key, _)) => Err(Failure::input(format!("{key} needs an evaluation, and nothing is held out"))
            .hint("give eval_split (a share of the dataset, 0.1 say) or eval_dataset (a file)")),
        None => Ok(()),
    }
}

/// Bytes of the adapter, its gradient, its two moments, a copy of the trained one, and the one that was begun from; of what
/// the base says of replayed examples; of what saving takes.
fn reserved(config: &RunConfig, base: &Base, given: Option<&Adapter<Hf>>) -> Result<u64, Failure> {
    let spec = base.weights.spec();
    let (ranks, copies) = match given {
        Some(given) => (given.ranks(), 6),
        None => (train_config(config)?.lora.ranks(spec)?, 5),
    };
    let teacher_states = if config.replay == Replay::Off { 0 } else { TEACHER_STATES_BYTES as u64 };
    Ok(copies * adapter_bytes(&base.weights, &ranks) + teacher_states + saving_bytes(config, &base.weights, &ranks))
}

/// Bytes of an adapter's values.
fn adapter_bytes(weights: &Weights, ranks: &Ranks) -> u64 {
    let values = ranks.iter().filter_map(|(id, rank)| {
        let linear = weights.spec().linear(*id)?;
        Some(rank * (linear.rows + linear.cols))
    });
    (size_of::<f32>() * values.sum::<usize>()) as u64
}

/// Bytes that saving takes beside what a step leaves in memory: B of the linears whose rows lie permuted, put in Hugging Face's
/// order, of the adapter and of its two moments, or the best adapter, read again at the end; and the buffers through which
/// two files are read for their digests.
pub(super) fn saving_bytes(config: &RunConfig, weights: &Weights, ranks: &Ranks) -> u64 {
    let permuted = ranks.iter().filter(|(id, _)| weights.linear(**id).row_order == RowOrder::Ggml);
    let moved = permuted.filter_map(|(id, rank)| Some(3 * rank * weights.spec().linear(*id)?.rows));
    let moved = (size_of::<f32>() * moved.sum::<usize>()) as u64;
    let best = if config.load_best_model_at_end { adapter_bytes(weights, ranks) } else { 0 };
    best.max(moved) + 2 * DIGEST_BUFFER as u64
}

/// The model that leaves room for these, training and held-out examples: their ids, masks and targets, twice.
pub(super) fn beside(model: Model, examples: [&[Example]; 2]) -> Model {
    const A_TOKEN: usize = 17;
    const AN_EXAMPLE: usize = 160;
    let bytes = |e: &Example| (A_TOKEN * e.ids.len() + AN_EXAMPLE) as u64;
    model.leaving(examples.into_iter().flatten().map(bytes).sum())
}

/// Where the training is computed.
pub(super) fn place(config: &RunConfig) -> DeviceKind {
    match config.device {
        _ if config.force_cpu => DeviceKind::Cpu,
        Choice::Auto => DeviceKind::found().place,
        Choice::Named(place) => place,
    }
}

/// What a training computes with.
#[derive(Clone, Copy)]
pub(super) struct Setup<'a> {
    pub base: &'a Base,
    pub model: &'a Model,
    /// The adapter that it begins from, where one is given.
    pub given: Option<&'a Adapter<Hf>>,
    pub examples: &'a [Example],
}

/// Says how the model will compute the steps; refuses what fits in no way, before any is made.
pub(super) fn say_how(context: &mut Context<'_>, config: &RunConfig, setup: Setup<'_>) -> Result<(), Failure> {
    let Setup { base, model, given, examples } = setup;
    let train_config = train_config(config)?;
    let ranks = match given {
        Some(given) => given.ranks(),
        None => train_config.lora.ranks(base.weights.spec())?,
    };
    let (largest, most) = train::largest(model, &train_config, &ranks, examples)?;
    model.plan(&most)?;
    let (route, threads, plan) = (model.route(), model.threads(), model.plan(&largest)?.to_string());
    context.report.note(Note::Engine { route, threads, plan });
    say_compute(context, config, base)?;
    say_unshared(context, config, examples);
    say_kept(context, config, base, given)
}

/// Says what dropout costs beside its own work, where examples begin alike, by more than the tokens of any turn.
pub(super) fn say_unshared(context: &mut Context<'_>, config: &RunConfig, examples: &[Example]) {
    const ALIKE: usize = 8;
    let beginnings: BTreeSet<_> = examples.iter().map(|e| &e.ids[..e.ids.len().min(ALIKE)]).collect();
    let several = config.batch_size * config.gradient_accumulation > 1;
    if config.lora_dropout > 0.0 && several && beginnings.len() < examples.len() {
        context.report.note(Note::DropoutUnshared { lora_dropout: config.lora_dropout });
    }
}

/// The arithmetic that training uses, `auto` decided by the machine and the base alone, so that a memory limit or another
/// data set changes nothing of the result.
fn compute(config: &RunConfig, base: &Base) -> Result<Compute, Failure> {
    Ok(match config.compute {
        Choice::Auto => place(config).fastest(base.weights.spec())?,
        Choice::Named(compute) => compute,
    })
}

/// Says which arithmetic `auto` has taken, and why.
pub(super) fn say_compute(context: &mut Context<'_>, config: &RunConfig, base: &Base) -> Result<(), Failure> {
    if config.compute != Choice::Auto {
        return Ok(());
    }
    let choice = match compute(config, base)? {
        Compute::Int8 => ComputeChoice::Int8,
        Compute::Bf16 => ComputeChoice::Bf16,
        Compute::F32 if base.weights.config().hidden < LEAST_WIDTH => ComputeChoice::F32NarrowBase,
        Compute::F32 => ComputeChoice::F32,
    };
    context.report.note(Note::ComputeChosen { choice });
    Ok(())
}

/// The base, resident for this training, and the adapter that it begins from, where one is given. Ctrl-C is heard between
/// the base's layers.
pub(super) fn model(
    context: &mut Context<'_>,
    config: &RunConfig,
    base: &Base,
) -> Result<(Model, Option<Adapter<Hf>>), Failure> {
    let given = match &config.from_adapter {
        Some(folder) => Some(super::adapter::load(context, folder, base)?),
        None => None,
    };
    let reserved = reserved(config, base, given.as_ref())?;
    let limit = MemoryLimit { max_memory: config.max_memory.map(|m| m.0), reserved };
    let model = Model::on(place(config), &base.weights, config.threads.unwrap_or(0), limit)?;
    let model = model.computing(compute(config, base)?)?;
    let interrupt = context.interrupt.clone();
    Ok((model.with_label_smoothing(config.label_smoothing_factor).with_cancellation(move || interrupt.raised()), given))
}

/// Says what an adapter that training begins from keeps of its own, where the config means something else.
pub(super) fn say_kept(
    context: &mut Context<'_>,
    config: &RunConfig,
    base: &Base,
    given: Option<&Adapter<Hf>>,
) -> Result<(), Failure> {
    let Some(own) = given else { return Ok(()) };
    let said = lora_config(config)?;
    // What names no linear of this base is not used either.
    let targets = said.targeted(base.weights.spec()).unwrap_or_default();
    // An adapter's file lists its linears, whichever words they were chosen by.
    let same = own.pairs.keys().eq(&targets)
        && targets
            .iter()
            .all(|id| own.config.rank_of(*id) == said.rank_of(*id) && own.config.scale_of(*id) == said.scale_of(*id));
    if !same {
        let (rank, alpha, linears) = (own.config.rank, own.config.alpha, own.pairs.len());
        context.report.note(Note::AdapterSettingsKept { rank, alpha, linears });
    }
    Ok(())
}

/// What the training of this config begins from: the given one, or a fresh one.
pub(super) fn adapter(config: &RunConfig, base: &Base, given: Option<Adapter<Hf>>) -> Result<Adapter<Hf>, Failure> {
    match given {
        Some(mut given) => {
            given.config.dropout = config.lora_dropout;
            Ok(given)
        }
        None => Ok(Adapter::fresh(lora_config(config)?, base.weights.spec(), config.seed)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::reported;
    use crate::config::{Purpose, Raw};
    use crate::events::Event;

    #[test]
    fn dropout_says_that_nothing_is_shared_where_something_would_be() {
        // All begin with the same tokens, as every turn does.
        let example = |then: u32| Example {
            ids: vec![1, 2, 3, then, 5, 6, 7, 8, 9],
            mask: vec![true; 9],
            line: 1,
            cut: 0,
            distilled: false,
        };
        let said = |lora_dropout, batch_size, examples: &[Example]| {
            let raw = Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), ..Raw::default() };
            let raw = Raw { lora_dropout: Some(lora_dropout), batch_size: Some(batch_size), ..raw };
            let config = RunConfig::resolve(raw, Purpose::Train, "a test").unwrap();
            reported(|context| say_unshared(context, &config, examples)).1
        };
        let alike = [example(1), example(2), example(1)];
        assert_eq!(said(0.1, 4, &alike), [Event::Note(Note::DropoutUnshared { lora_dropout: 0.1 })]);
        for (dropout, batch_size, examples) in [(0.0, 4, &alike[..]), (0.1, 1, &alike), (0.1, 4, &alike[..2])] {
            assert_eq!(said(dropout, batch_size, examples), []);
        }
    }
}
