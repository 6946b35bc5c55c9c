//! Examples to an adapter: the training set with its replay, the loop, the files people look for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::data::{self, Tokens, encode, encode_held_out};
use super::earlier::{self, Start};
use super::pace::Pace;
use super::{Context, Failure, curves, cuts, replay};
use crate::base::Base;
use crate::batch::{Cut, Example};
use crate::config::{Compute, Device, Modules, Numbers, Replay, RunConfig, Scheduler as Word};
use crate::dataset::{self, Record};
use crate::lora::{Adapter, Hf, LoraConfig, Pattern, TargetModules};
use crate::model::{Model, Place, TAUGHT_KEPT};
use crate::ops;
use crate::store::{Digest, RunDir};
use crate::train::{self, Event, Job, Scheduler, Summary, TrainConfig};
use crate::weights::LinearId;

/// What a training leaves, in its folder.
pub const OUTPUTS: [&str; 3] = ["final/adapter_config.json", "final/adapter_model.safetensors", "training.html"];

/// What the dataset came to, before the first step.
#[derive(Debug)]
pub struct TrainingSet {
    /// The dataset's own records that are trained on, and those that are not.
    pub records: usize,
    pub held_out: usize,
    pub train: Vec<Example>,
    pub eval: Vec<Example>,
    pub replayed: usize,
    pub tokens: Tokens,
    /// What `max_seq_len` took from the dataset's own training records.
    pub cuts: Vec<Cut>,
}

/// Encodes training and held-out records, adds replay, says what was cut.
pub fn prepare(
    context: &mut Context<'_>,
    config: &RunConfig,
    (base, model): (&Base, &Model),
    (records, held_out): (&[Record], &[Record]),
) -> Result<TrainingSet, Failure> {
    let limit = data::limit(config, base);
    warn_of_records(context, records);
    let encoded = encode(records, base, limit)?;
    cuts::warn(context, "training", &encoded, limit);
    let (mut train, cuts) = (encoded.examples, encoded.cuts);
    let encoded = encode_held_out(held_out, base, limit)?;
    cuts::warn(context, "held out", &encoded, limit);
    let eval = encoded.examples;
    let replayed = replay::examples(context, config, base, model, records)?;
    let count = replayed.len();
    train.extend(replayed);
    Ok(TrainingSet {
        records: records.len(),
        held_out: held_out.len(),
        tokens: Tokens::of(&train),
        cuts,
        train,
        eval,
        replayed: count,
    })
}

/// The first few things in the data that are seldom meant.
fn warn_of_records(context: &mut Context<'_>, records: &[Record]) {
    const SHOWN: usize = 3;
    let warnings = dataset::warnings(records);
    for warning in warnings.iter().take(SHOWN) {
        context.report.warn(&format!("dataset, {warning}"));
    }
    if warnings.len() > SHOWN {
        context
            .report
            .warn(&format!("dataset: {} more like these (`tunesmith data check` lists them)", warnings.len() - SHOWN));
    }
}

/// The adapter in PEFT's words.
fn lora_config(config: &RunConfig) -> Result<LoraConfig, Failure> {
    let pattern = |key, said: &Numbers| Pattern::new(said.0.iter().cloned()).map_err(|e| Failure::from(e).about(key));
    Ok(LoraConfig {
        rank: config.lora_rank,
        alpha: config.lora_alpha,
        dropout: config.lora_dropout,
        targets: match &config.target_modules {
            Modules::All => TargetModules::AllLinear,
            Modules::Names(names) => TargetModules::Names(names.clone()),
            Modules::Regex(regex) => TargetModules::Regex(regex.clone()),
        },
        layers_to_transform: config.layers_to_transform.clone(),
        rank_pattern: pattern("rank_pattern", &config.rank_pattern)?,
        alpha_pattern: pattern("alpha_pattern", &config.alpha_pattern)?,
        rslora: config.use_rslora,
    })
}

/// The config in the engine's words.
pub fn train_config(config: &RunConfig) -> Result<TrainConfig, Failure> {
    let scheduler = match config.lr_scheduler {
        Word::Linear => Scheduler::Linear,
        Word::Cosine => Scheduler::Cosine,
        Word::Constant => Scheduler::Constant,
        Word::ConstantWithWarmup => Scheduler::ConstantWithWarmup,
    };
    let lora = lora_config(config)?;
    Ok(TrainConfig {
        lora,
        epochs: config.epochs,
        max_steps: config.max_steps,
        batch_size: config.batch_size,
        gradient_accumulation: config.gradient_accumulation,
        learning_rate: config.learning_rate,
        scheduler,
        warmup_ratio: config.warmup_ratio,
        weight_decay: config.weight_decay,
        max_grad_norm: config.max_grad_norm,
        seed: config.seed,
        shuffle: !config.no_shuffle,
        group_by_length: config.group_by_length,
        eval_steps: config.eval_steps,
        early_stopping_patience: config.early_stopping_patience,
        early_stopping_threshold: config.early_stopping_threshold,
        load_best_model_at_end: config.load_best_model_at_end,
        save_every: config.save_every,
        save_total_limit: config.save_total_limit,
    })
}

/// Refuses what this base can't be trained with, or not here, before anything of it is computed.
pub fn check(config: &RunConfig, base: &Base) -> Result<(), Failure> {
    place(config).check(compute(config))?;
    let model = base.weights.config();
    let lora = train_config(config)?.lora;
    lora.check()?;
    match &config.from_adapter {
        Some(folder) => drop(Adapter::load(folder, model)?),
        None => drop(lora.targeted(model)?),
    }
    if let Some(said) = config.max_seq_len.filter(|n| *n > model.context) {
        let (name, context) = (&base.name, model.context);
        return Err(Failure::input(format!("max_seq_len is {said}, and the context of {name} holds {context} tokens"))
            .hint(format!("give at most {context}, or leave it out")));
    }
    Ok(())
}

/// Refuses to ask for what no evaluation will say.
pub fn check_evaluation(config: &RunConfig, held_out: &[Record]) -> Result<(), Failure> {
    let asked = [
        ("early_stopping_patience", config.early_stopping_patience.is_some()),
        ("load_best_model_at_end", config.load_best_model_at_end),
        ("eval_steps", config.eval_steps > 0),
    ];
    match asked.iter().find(|(_, said)| *said && held_out.is_empty()) {
        Some((key, _)) => Err(Failure::input(format!("{key} wants an evaluation, and nothing is held out"))
            .hint("give eval_split (a share of the dataset, 0.1 say) or eval_dataset (a file)")),
        None => Ok(()),
    }
}

/// transformers' `tokenizer_config.json`, with the chat template.
fn tokenizer_config(base: &Base) -> String {
    let mut config = base.tokenizer.to_config_json();
    config["chat_template"] = base.template.source().into();
    format!("{config:#}\n")
}

/// Bytes of the adapter, its gradient, its two moments, a copy of the trained one, and the one that was begun from; of what
/// the base says of replayed examples.
fn reserved(config: &RunConfig, base: &Base) -> Result<u64, Failure> {
    let lora = train_config(config)?.lora;
    let of = |id: LinearId| {
        let (out, inn) = base.weights.config().shape(id.site);
        (lora.rank_of(id) * (out + inn)) as u64
    };
    let (params, copies) = match &config.from_adapter {
        Some(folder) => (Adapter::load(folder, base.weights.config())?.trainable_params(), 6),
        None => (lora.targeted(base.weights.config())?.into_iter().map(of).sum(), 5),
    };
    let taught = if config.replay == Replay::Off { 0 } else { TAUGHT_KEPT as u64 };
    Ok(4 * copies * params + taught)
}

/// Bytes of examples that are made ready to train, ids, masks and targets.
pub fn bytes_of(examples: &[Example]) -> u64 {
    const A_TOKEN: usize = 17;
    const AN_EXAMPLE: usize = 160;
    examples.iter().map(|e| (A_TOKEN * e.ids.len() + AN_EXAMPLE) as u64).sum()
}

/// Where the training is computed.
pub fn place(config: &RunConfig) -> Place {
    match config.device {
        _ if config.force_cpu => Place::Cpu,
        Device::Auto => Place::found().place,
        Device::Cpu => Place::Cpu,
        Device::Cuda => Place::Cuda,
        Device::Metal => Place::Metal,
    }
}

/// Says how the model will compute the steps over these examples; refuses what fits in no way, before any is made.
pub fn say_how(
    context: &mut Context<'_>,
    config: &RunConfig,
    (base, model): (&Base, &Model),
    examples: &[Example],
) -> Result<(), Failure> {
    let (largest, most) = train::largest(model, &train_config(config)?, examples)?;
    model.plan(&most)?;
    context.report.note(&format!("{}, {} threads: {}", model.route(), model.threads(), model.plan(&largest)?));
    say_unshared(context, config, examples);
    say_kept(context, config, base)
}

/// Says what dropout costs beside its own work, where examples begin alike, by more than the tokens of any turn.
pub fn say_unshared(context: &mut Context<'_>, config: &RunConfig, examples: &[Example]) {
    const ALIKE: usize = 8;
    let beginnings: BTreeSet<_> = examples.iter().map(|e| &e.ids[..e.ids.len().min(ALIKE)]).collect();
    let several = config.batch_size * config.gradient_accumulation > 1;
    if config.lora_dropout > 0.0 && several && beginnings.len() < examples.len() {
        context.report.note(&format!(
            "lora_dropout {}: each example has masks of its own, so what examples have in common is computed for each of \
             them (without dropout: once a step)",
            config.lora_dropout
        ));
    }
}

fn compute(config: &RunConfig) -> ops::Compute {
    match config.compute {
        Compute::F32 => ops::Compute::F32,
        Compute::Bf16 => ops::Compute::Bf16,
        Compute::Int8 => ops::Compute::Int8,
    }
}

/// The base, resident for this training; Ctrl-C is heard between its layers.
pub fn model(context: &Context<'_>, config: &RunConfig, base: &Base) -> Result<Model, Failure> {
    let memory = (config.max_memory.map(|m| m.0), reserved(config, base)?);
    let model = Model::on(place(config), (&base.weights, config.threads.unwrap_or(0)), memory)?;
    let model = model.computing(compute(config))?;
    let interrupt = context.interrupt.clone();
    Ok(model.with_label_smoothing(config.label_smoothing_factor).heeding(move || interrupt.raised()))
}

/// Says what an adapter that training begins from keeps of its own, where the config means something else.
pub fn say_kept(context: &mut Context<'_>, config: &RunConfig, base: &Base) -> Result<(), Failure> {
    let Some(folder) = &config.from_adapter else { return Ok(()) };
    let (model, said) = (base.weights.config(), lora_config(config)?);
    let own = Adapter::load(folder, model)?;
    let targets = said.targeted(model).unwrap_or_default();
    // An adapter's file lists its linears, whichever words they were chosen by.
    let same = own.pairs.keys().eq(&targets)
        && targets
            .iter()
            .all(|id| own.config.rank_of(*id) == said.rank_of(*id) && own.config.scale_of(*id) == said.scale_of(*id));
    if !same {
        context.report.note(&format!(
            "from_adapter: its own rank {}, alpha {} and {} linears stay; those of this config are not used",
            own.config.rank,
            own.config.alpha,
            own.pairs.len()
        ));
    }
    Ok(())
}

/// What the training of this config begins from.
pub fn adapter(config: &RunConfig, base: &Base) -> Result<Adapter<Hf>, Failure> {
    let model = base.weights.config();
    let Some(folder) = &config.from_adapter else {
        return Ok(Adapter::fresh(lora_config(config)?, model, config.seed)?);
    };
    let mut adapter = Adapter::load(folder, model)?;
    adapter.config.dropout = config.lora_dropout;
    Ok(adapter)
}

/// Runs the loop into `output`, continuing from its newest checkpoint when `resume`.
pub fn train(
    context: &mut Context<'_>,
    config: &RunConfig,
    (base, model, set): (&Base, &Model, &TrainingSet),
    output: &Path,
    resume: bool,
) -> Result<(Adapter<Hf>, Summary), Failure> {
    let train_config = train_config(config)?;
    let from_adapter = match &config.from_adapter {
        Some(folder) => Some(Adapter::load(folder, base.weights.config())?),
        None => None,
    };
    let tokenizer_files = [
        ("tokenizer.json".to_owned(), base.tokenizer.to_json()?),
        ("tokenizer_config.json".to_owned(), tokenizer_config(base)),
    ];
    let job = Job {
        weights: &base.weights,
        model,
        base_name: &base.name,
        tokenizer_files: &tokenizer_files,
        train: &set.train,
        eval: &set.eval,
        config: &train_config,
        from_adapter,
        output,
        resume,
        interrupt: context.interrupt.clone(),
    };
    let report = &mut *context.report;
    let mut pace = Pace::new(config, model.on_cpu());
    let mut last = 0;
    let result = train::run(job, &mut |event| match event {
        Event::Started { steps, first_step, trainable_params, trainable_percent } => {
            pace.started(*steps, *first_step, Instant::now());
            last = *steps;
            report.begin("train", Some(*steps));
            let words = format!("{trainable_params} trainable parameters ({trainable_percent:.2} %)");
            report.advance(*first_step, &words);
        }
        Event::Step(m) => {
            report.mark(m.train_loss);
            report.advance(m.step, &format!("loss {:.3} {:.0} tok/s", m.train_loss, m.tokens_per_second));
            pace.step(m.step, Instant::now()).iter().for_each(|words| report.warn(words));
        }
        Event::Eval { step, eval_loss, best, .. } => {
            report.advance(*step, &format!("eval loss {eval_loss:.3}{}", if *best { ", the best" } else { "" }));
        }
        Event::PassedOver { folder, reason } => report.warn(&format!("{}: passed over: {reason}", folder.display())),
        // The last one's end is the training's.
        Event::Epoch(m) if m.step < last => report.note(&format!(
            "epoch {}: loss {:.3}, accuracy {:.3}, gradient norm {:.2}, {:.0} tok/s",
            m.epoch, m.epoch_train_loss, m.epoch_mean_token_accuracy, m.epoch_grad_norm, m.epoch_tokens_per_second
        )),
        Event::Epoch(_) | Event::Saved { .. } => {}
    });
    let (adapter, summary) = result?;
    curves::write(output)?;
    let eval = summary.eval_loss.map(|l| format!(", eval loss {l:.3}")).unwrap_or_default();
    context.report.end(&format!(
        "{} steps, {} tokens, loss {:.3}{eval}, accuracy {:.3}, entropy {:.3}",
        summary.steps, summary.num_tokens, summary.train_loss, summary.mean_token_accuracy, summary.entropy
    ));
    of_best(output, &summary).iter().for_each(|words| context.report.note(words));
    context.report.note(&format!(
        "{} trainable parameters ({:.2} %); {:.0} tok/s, {:.0} trained, {:.2} examples/s; {:.0} s, peak {} MiB",
        summary.trainable_params,
        summary.trainable_percent,
        summary.tokens_per_second,
        summary.trained_tokens_per_second,
        summary.train_samples_per_second,
        summary.duration_seconds,
        summary.peak_memory_bytes >> 20
    ));
    Ok((adapter, summary))
}

/// The best evaluation, what `final/` is made from, and where the best lies if that is another.
fn of_best(output: &Path, summary: &Summary) -> Option<String> {
    let (step, loss) = summary.best?;
    let (from, folder) = (summary.final_step, train::checkpoint_folder(output, step));
    let made = match from {
        last if last == summary.steps => "the last step",
        _ => "the best evaluation (load_best_model_at_end)",
    };
    let stopped = if summary.stopped_early { "stopped early: no better evaluation came; " } else { "" };
    let best = match from != step && folder.is_dir() {
        true => format!("; the best lies in {} (load_best_model_at_end makes final/ from it)", folder.display()),
        false => String::new(),
    };
    Some(format!("{stopped}least eval loss {loss:.3} at step {step}; final/ is made from step {from}, {made}{best}"))
}

/// What decides the training, beside the base; the same inputs find the same run again.
pub fn inputs(
    config: &RunConfig,
    (records, held_out): (&[Record], &[Record]),
) -> Result<BTreeMap<String, String>, Failure> {
    let of_records = |records: &[Record]| Digest::of_bytes(format!("{records:?}").as_bytes()).to_string();
    let mut inputs: BTreeMap<_, _> = [
        ("config", config.training_digest().to_string()),
        ("trained", of_records(records)),
        ("held_out", of_records(held_out)),
    ]
    .map(|(k, v)| (k.to_owned(), v))
    .into();
    if let Some(folder) = &config.from_adapter {
        for name in ["adapter_config.json", "adapter_model.safetensors"] {
            inputs.insert(format!("from_adapter/{name}"), Digest::of_file(folder.join(name))?.to_string());
        }
    }
    if let Replay::File(path) = &config.replay {
        inputs.insert("replay".to_owned(), Digest::of_file(path)?.to_string());
    }
    Ok(inputs)
}

/// `tunesmith train`: everything from the config, the adapter in `output/final`, what it was made from in
/// `output/manifest.json`.
pub fn alone(
    context: &mut Context<'_>,
    config: &RunConfig,
    output: &Path,
    start: Start,
) -> Result<(PathBuf, Summary), Failure> {
    let base = context.open_base(&config.model_to_fine_tune)?;
    check(config, &base)?;
    base.begin_digest();
    base.weights.check_finite()?;
    let records = dataset::read(&config.dataset_path)?;
    let records = data::served(context, records, &base, config.system.as_deref());
    let (records, held_out) = data::held_out(config, records, &base, None)?;
    check_evaluation(config, &held_out)?;
    earlier::check_adapter(config, output, start)?;
    let mut inputs = inputs(config, (&records, &held_out))?;
    let id = output.file_name().unwrap_or_default().to_string_lossy();
    let mut folder = RunDir::open(output, &id)?;
    earlier::check(context, output, start)?;
    let started = Instant::now();
    // After the records, which are held too.
    let model = model(context, config, &base)?;
    let set = prepare(context, config, (&base, &model), (&records, &held_out))?;
    let model = model.leaving(bytes_of(&set.train) + bytes_of(&set.eval));
    say_how(context, config, (&base, &model), &set.train)?;
    let (_, summary) = train(context, config, (&base, &model, &set), output, start == Start::Resume)?;
    inputs.insert("base".to_owned(), base.digest().to_string());
    folder.record("train", inputs, &OUTPUTS, started.elapsed())?;
    Ok((output.join("final"), summary))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Purpose, Raw};
    use crate::steps::report::told;

    #[test]
    fn where_the_best_checkpoint_lies_is_said_unless_final_is_made_from_it() {
        let dir = tempfile::tempdir().unwrap();
        let summary = |final_step| Summary {
            steps: 9,
            best: Some((4, 1.5)),
            final_step,
            stopped_early: true,
            ..Summary::default()
        };
        let said = |final_step| of_best(dir.path(), &summary(final_step)).unwrap();
        assert!(said(9).ends_with("step 4; final/ is made from step 9, the last step"), "{}", said(9));
        std::fs::create_dir(dir.path().join("checkpoint-4")).unwrap();
        assert!(said(9).contains("the best lies in") && said(9).contains("checkpoint-4"), "{}", said(9));
        assert!(said(4).ends_with("the best evaluation (load_best_model_at_end)"), "{}", said(4));
        assert_eq!(of_best(dir.path(), &Summary::default()), None);
    }

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
            told(|context| say_unshared(context, &config, examples)).1
        };
        let alike = [example(1), example(2), example(1)];
        let notes = said(0.1, 4, &alike);
        assert!(notes.len() == 1 && notes[0].contains("lora_dropout 0.1"), "{notes:?}");
        for (dropout, batch_size, examples) in [(0.0, 4, &alike[..]), (0.1, 1, &alike), (0.1, 4, &alike[..2])] {
            assert_eq!(said(dropout, batch_size, examples), Vec::<String>::new());
        }
    }
}
