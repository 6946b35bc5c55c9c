//! Examples to an adapter: the training set with its replay, the loop, the files people look for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::data::{self, Split, Tokens, encode, encode_held_out};
use super::earlier::{self, Start};
use super::pace::Pace;
use super::tensorboard::{self, Following};
use super::{Context, Failure, cuts, replay, reporting, setup};
use crate::base::Base;
use crate::batch::{Cut, Example};
use crate::config::{Replay, RunConfig};
use crate::dataset::{self, Content, Record};
use crate::events::{Detail, Event, EventLog, Note, Outcome, Part, Reporter, Stage, Unit, Warning};
use crate::lora::{Adapter, Hf};
use crate::model::Model;
use crate::store::{Digest, Identity, Inputs, RunDir};
use crate::train::{self, Job, Summary};

/// What a training leaves, in its folder.
pub const OUTPUTS: [&str; 3] = ["final/adapter_config.json", "final/adapter_model.safetensors", "final/tunesmith.json"];

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
    base: &Base,
    model: &Model,
    split: Split<'_>,
) -> Result<TrainingSet, Failure> {
    let Split { train: records, held_out } = split;
    let limit = data::limit(config, base);
    warn_of_records(context, records);
    let encoded = encode(records, base, limit)?;
    cuts::warn(context, Part::Training, &encoded, limit);
    let (mut train, cuts) = (encoded.examples, encoded.cuts);
    let encoded = encode_held_out(held_out, base, limit)?;
    cuts::warn(context, Part::HeldOut, &encoded, limit);
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
        context.report.warn(Warning::Dataset { text: warning.to_string() });
    }
    if warnings.len() > SHOWN {
        context.report.warn(Warning::DatasetMore { findings: warnings.len() - SHOWN });
    }
}

/// transformers' `tokenizer_config.json`, with the chat template.
fn tokenizer_config(base: &Base) -> String {
    let mut config = base.tokenizer.to_config_json();
    config["chat_template"] = base.template.source().into();
    format!("{config:#}\n")
}

/// What the loop is run on.
#[derive(Clone, Copy, Debug)]
pub struct Training<'a> {
    pub config: &'a RunConfig,
    pub base: &'a Base,
    pub model: &'a Model,
    pub set: &'a TrainingSet,
}

/// Runs the loop into `output`, continuing from its newest checkpoint when `resume`.
pub fn train(
    context: &mut Context<'_>,
    training: &Training<'_>,
    from_adapter: Option<Adapter<Hf>>,
    output: &Path,
    resume: bool,
) -> Result<(Adapter<Hf>, Summary), Failure> {
    let Training { config, base, model, set } = *training;
    let train_config = setup::train_config(config)?;
    if config.tensorboard {
        tensorboard::check(output)?;
    }
    let tokenizer_files = [
        ("tokenizer.json".to_owned(), base.tokenizer.to_json()?),
        ("tokenizer_config.json".to_owned(), tokenizer_config(base)),
    ];
    let (base_name, origin) = (base.reference(), super::adapter::origin(base));
    let job = Job {
        weights: &base.weights,
        model,
        base_name: &base_name,
        origin: Some(&origin),
        tokenizer_files: &tokenizer_files,
        train: &set.train,
        eval: &set.eval,
        config: &train_config,
        from_adapter,
        output,
        resume,
        interrupt: context.interrupt.clone(),
    };
    let report = &mut context.report;
    let mut pace = Pace::new(config, model.on_cpu());
    let (mut last, mut following) = (0, Following::default());
    let mut show = |event: &train::Event, report: &mut Reporter<'_>| match event {
        train::Event::Started { steps, first_step, trainable_params, trainable_percent } => {
            pace.started(*steps, *first_step, Instant::now());
            last = *steps;
            report.begin(Stage::Train, Unit::Steps, Some(*steps));
            let (trainable_params, trainable_percent) = (*trainable_params, *trainable_percent);
            report.advance(*first_step, Some(Detail::Parameters { trainable_params, trainable_percent }));
        }
        train::Event::Step(m) => {
            let (train_loss, tokens_per_second) = (m.train_loss, m.tokens_per_second);
            report.advance(m.step, Some(Detail::Step { train_loss, tokens_per_second }));
            pace.step(m.step, Instant::now()).into_iter().for_each(|warning| report.warn(warning));
        }
        train::Event::Eval { step, eval_loss, best, .. } => {
            report.advance(*step, Some(Detail::Evaluation { eval_loss: *eval_loss, best: *best }));
        }
        train::Event::PassedOver { folder, reason } => {
            report.warn(Warning::CheckpointPassedOver { path: folder.clone(), reason: reason.clone() });
        }
        // The last one's end is the training's.
        train::Event::Epoch(m) if m.step < last => report.emit(&Event::Epoch {
            epoch: m.epoch,
            train_loss: m.epoch_train_loss,
            mean_token_accuracy: m.epoch_mean_token_accuracy,
            grad_norm: m.epoch_grad_norm,
            tokens_per_second: m.epoch_tokens_per_second,
        }),
        train::Event::Epoch(_) | train::Event::Saved { .. } => {}
    };
    let result = train::run(job, &mut |event| {
        show(event, report);
        let followed = match event {
            train::Event::Started { .. } if config.tensorboard => following.begin(output),
            train::Event::Step(_) | train::Event::Eval { .. } | train::Event::Epoch(_) => following.follow(),
            _ => Ok(()),
        };
        followed.unwrap_or_else(|warning| report.warn(warning));
    });
    let (adapter, summary) = result?;
    following.follow().unwrap_or_else(|warning| context.report.warn(warning));
    context.report.end(Outcome::Trained {
        steps: summary.steps,
        num_tokens: summary.num_tokens,
        train_loss: summary.train_loss,
        eval_loss: summary.eval_loss,
        mean_token_accuracy: summary.mean_token_accuracy,
        entropy: summary.entropy,
    });
    of_best(output, &summary).into_iter().for_each(|note| context.report.note(note));
    context.report.note(Note::TrainingCost {
        trainable_params: summary.trainable_params,
        trainable_percent: summary.trainable_percent,
        tokens_per_second: summary.tokens_per_second,
        trained_tokens_per_second: summary.trained_tokens_per_second,
        examples_per_second: summary.train_samples_per_second,
        seconds: summary.duration_seconds,
        peak_memory_bytes: summary.peak_memory_bytes,
    });
    Ok((adapter, summary))
}

/// The best evaluation, what `final/` is made from, and where the best lies if that is another.
fn of_best(output: &Path, summary: &Summary) -> Option<Note> {
    let (best_step, eval_loss) = summary.best?;
    let (final_step, folder) = (summary.final_step, train::checkpoint_folder(output, best_step));
    Some(Note::FinalAdapter {
        best_step,
        eval_loss,
        final_step,
        last_step: summary.steps,
        stopped_early: summary.stopped_early,
        best_checkpoint: Some(folder).filter(|folder| final_step != best_step && folder.is_dir()),
    })
}

/// What decides the training, beside the base; the same inputs find the same run again.
pub fn inputs(config: &RunConfig, split: Split<'_>) -> Result<BTreeMap<String, String>, Failure> {
    let mut inputs: BTreeMap<_, _> = [
        ("options", config.training_digest().to_string()),
        ("trained", of_records(split.train)),
        ("held_out", of_records(split.held_out)),
    ]
    .map(|(k, v)| (k.to_owned(), v))
    .into();
    if let Some(folder) = &config.from_adapter {
        let files = ["adapter_config.json", "adapter_model.safetensors", "adapters.safetensors"];
        for name in files.into_iter().filter(|name| folder.join(name).is_file()) {
            inputs.insert(format!("from_adapter/{name}"), Digest::of_file(folder.join(name))?.to_string());
        }
    }
    if let Replay::File(path) = &config.replay {
        inputs.insert("replay".to_owned(), Digest::of_file(path)?.to_string());
    }
    Ok(inputs)
}

/// Of what is trained in the records: their texts and masks, not where they are.
fn of_records(records: &[Record]) -> String {
    let values: Vec<_> = records
        .iter()
        .map(|r| match &r.content {
            Content::Chat(messages) => serde_json::json!({"messages": messages, "untrained": r.untrained}),
            Content::Text(text) => serde_json::json!({"text": text}),
        })
        .collect();
    Digest::of_bytes(serde_json::json!({"version": 1, "records": values}).to_string().as_bytes()).to_string()
}

/// The base among the inputs of a step: its digest, and that of each part, so that what changed can be named.
pub fn add_base(inputs: &mut BTreeMap<String, String>, identity: &Identity) {
    inputs.insert("base".to_owned(), identity.digest().to_string());
    inputs.extend(identity.parts().map(|(part, digest)| (format!("base/{part}"), digest.to_string())));
}

/// What a training reads, beside the adapter that it begins from (see [`earlier::check_adapter`]).
pub fn files_read(config: &RunConfig, base: &Base) -> Result<Inputs, Failure> {
    let mut inputs = base.inputs();
    let datasets =
        [("the dataset", Some(&config.dataset_path)), ("the evaluation dataset", config.eval_dataset.as_ref())];
    for (what, paths) in datasets {
        for file in dataset::expand(paths.map_or(&[], |p| &p.0))? {
            inputs.add(what, &file);
        }
    }
    if let Replay::File(path) = &config.replay {
        inputs.add("the replay file", path);
    }
    Ok(inputs)
}

/// Whether a training, or the run that it is part of, may write or replace an entry of this name in its folder.
pub fn is_written(name: &str) -> bool {
    const WRITTEN: [&str; 14] = [
        "final",
        "data",
        "gguf",
        "eval",
        "manifest.json",
        EventLog::NAME,
        "metrics.jsonl",
        "tensorboard",
        reporting::NAME,
        "train.json",
        "run.yaml",
        "Modelfile",
        "proof.json",
        "registered.json",
    ];
    WRITTEN.contains(&name) || name.starts_with("checkpoint-")
}

/// `tunesmith train`: everything from the config, the adapter in `output/final`, what it was made from in
/// `output/manifest.json`.
pub fn alone(
    context: &mut Context<'_>,
    config: &RunConfig,
    output: &Path,
    start: Start,
) -> Result<(PathBuf, Summary), Failure> {
    // A mistyped path needs no base.
    let dataset = data::read(config)?;
    let base = context.open_base_to_train(&config.model_to_fine_tune)?;
    setup::check(config, &base)?;
    base.weights.check_finite()?;
    data::say_notes(context, &dataset);
    let records = data::served(context, dataset.records, &base, config.system.as_deref());
    let (records, held_out) = data::held_out(config, records, &base, None)?;
    setup::check_evaluation(config, &held_out)?;
    earlier::check_adapter(config, output, start)?;
    files_read(config, &base)?.refuse_overwrite_in(output, is_written)?;
    let split = Split { train: &records, held_out: &held_out };
    let mut inputs = inputs(config, split)?;
    inputs.insert("dataset".to_owned(), dataset.digest.to_string());
    let id = output.file_name().unwrap_or_default().to_string_lossy();
    let mut folder = RunDir::open(output, &id)?;
    earlier::check(context, output, start)?;
    context.report.keep_in(EventLog::open(&folder.path(EventLog::NAME))?);
    let mut trained = |context: &mut Context<'_>| -> Result<Summary, Failure> {
        let started = Instant::now();
        // After the records, which are held too.
        let (model, given) = setup::model(context, config, &base)?;
        let set = prepare(context, config, &base, &model, split)?;
        let model = setup::beside(model, [&set.train, &set.eval]);
        let setup = setup::Setup { base: &base, model: &model, given: given.as_ref(), examples: &set.train };
        setup::say_how(context, config, setup)?;
        let training = Training { config, base: &base, model: &model, set: &set };
        let (_, summary) = train(context, &training, given, output, start == Start::Resume)?;
        add_base(&mut inputs, &base.identity());
        folder.record("train", std::mem::take(&mut inputs), &OUTPUTS, started.elapsed())?;
        Ok(summary)
    };
    let trained = trained(context);
    reporting::write_end(context, output, trained.as_ref().err());
    let summary = trained?;
    // The process ends after this: freeing a tokenizer of 150,000 tokens piece by piece would take 0.2 s.
    std::mem::forget(base);
    Ok((output.join("final"), summary))
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let checkpoint = |final_step| match of_best(dir.path(), &summary(final_step)) {
            Some(Note::FinalAdapter { best_step: 4, last_step: 9, best_checkpoint, .. }) => best_checkpoint,
            other => panic!("{other:?}"),
        };
        assert_eq!(checkpoint(9), None);
        let folder = dir.path().join("checkpoint-4");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!((checkpoint(9), checkpoint(4)), (Some(folder), None));
        assert_eq!(of_best(dir.path(), &Summary::default()), None);
    }
}
