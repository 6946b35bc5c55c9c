//! A run as its folder stores it.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use super::scorecard::{Evaluated, V1, speeds};
use crate::commands::pipeline::Registered;
use crate::commands::{Failure, Summary};
use crate::config::Raw;
use crate::eval::{Entrant, EntrantKind, Quantity, RunOrigin, RunState};
use crate::store::{RunDir, StepRecord, is_inner, read_nofollow};
use crate::train::METRICS;

const MAX_BYTES: u64 = 1 << 24;
/// A line a step.
const MAX_METRICS: u64 = 1 << 30;

/// A run, and what it was compared with.
#[derive(Clone, Debug)]
pub(super) struct StoredRun {
    pub(super) entrant: Entrant,
    pub(super) v1: Option<V1>,
    /// Of the model that was evaluated.
    pub(super) digest: Option<String>,
    pub(super) notes: Vec<String>,
}

/// Whether a training wrote in this folder. The manifest comes with the first step that is finished.
pub(super) fn is_run(folder: &Path) -> bool {
    ["manifest.json", "run.yaml", METRICS].iter().any(|name| folder.join(name).is_file())
}

impl StoredRun {
    pub(super) fn read(folder: &Path, label: &str) -> Result<Self, Failure> {
        let step = |name: &str| RunDir::recorded(folder, name);
        let (train, export, prove) = (step("train")?, step("export")?, step("prove")?);
        let evaluated = match train {
            Some(_) => Evaluated::read(folder)?,
            None => Evaluated::default(),
        };
        let state = match (&train, &export, &prove) {
            (None, ..) => RunState::Unfinished,
            _ if !evaluated.tuned.is_empty() => RunState::Evaluated,
            (_, None, _) => RunState::Trained,
            (_, _, None) => RunState::Exported,
            _ => RunState::Proved,
        };
        let config = config(folder);
        let mut values = BTreeMap::new();
        if train.is_some() {
            values.extend(training(&summary(folder)?));
            values.extend(export.as_ref().and_then(|export| exported(folder, export)));
            values.extend(speeds(&evaluated.tuned));
        }
        let entrant = Entrant {
            label: label.to_owned(),
            kind: EntrantKind::Run,
            state: Some(state),
            model: config.output_model_name.clone(),
            base: config.model_to_fine_tune.clone().or_else(|| base(folder)),
            folder: Some(folder.to_path_buf()),
            values,
            verdict: evaluated.verdict.clone(),
            suites: evaluated.tuned.iter().map(|card| card.scores.clone()).collect(),
            origin: train.as_ref().map(|train| origin(folder, train, &config)).unwrap_or_default(),
        };
        let registered = Registered::of_run(folder).map(|registered| registered.tag);
        let is_earlier = registered.is_some() && evaluated.digest.is_some() && registered != evaluated.digest;
        let note = || {
            format!(
                "{label}: its scores are of an earlier model than the one that it registered last; evaluate it again"
            )
        };
        let notes = is_earlier.then(note).into_iter().collect();
        Ok(Self { entrant, v1: evaluated.v1, digest: evaluated.digest, notes })
    }
}

/// What `run.yaml` says; nothing where there is none, or it is of another version.
fn config(folder: &Path) -> Raw {
    let bytes = read_nofollow(&folder.join("run.yaml"), MAX_BYTES).ok().flatten().unwrap_or_default();
    Raw::parse(&String::from_utf8_lossy(&bytes), "run.yaml").unwrap_or_default()
}

fn json(path: &Path) -> Option<Value> {
    serde_json::from_slice(&read_nofollow(path, MAX_BYTES).ok()??).ok()
}

/// As the adapter records it.
fn base(folder: &Path) -> Option<String> {
    Some(json(&folder.join("final/tunesmith.json"))?["base"].as_str()?.to_owned())
}

/// `train.json`, else the last line of `metrics.jsonl`, where `train` leaves it.
fn summary(folder: &Path) -> Result<Summary, Failure> {
    let (path, metrics) = (folder.join("train.json"), folder.join(METRICS));
    let bytes = match read_nofollow(&path, MAX_BYTES)? {
        Some(bytes) => bytes,
        None => {
            let all = read_nofollow(&metrics, MAX_METRICS)?.unwrap_or_default();
            all.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default().to_vec()
        }
    };
    serde_json::from_slice(&bytes).map_err(|e| {
        let what = format!(
            "{}: neither train.json nor the end of {METRICS} is the summary of a training: {e}",
            folder.display()
        );
        Failure::input(what).hint("move the folder away, and train again")
    })
}

fn training(summary: &Summary) -> impl Iterator<Item = (Quantity, f64)> {
    let values = [
        (Quantity::DurationSeconds, Some(summary.duration_seconds)),
        (Quantity::TrainLoss, Some(summary.train_loss)),
        (Quantity::EvalLoss, summary.eval_loss),
        (Quantity::TokenAccuracy, Some(summary.mean_token_accuracy)),
        (Quantity::Entropy, Some(summary.entropy)),
        (Quantity::TrainableParams, Some(summary.trainable_params as f64)),
        (Quantity::TrainablePercent, Some(summary.trainable_percent)),
        (Quantity::SamplesPerSecond, Some(summary.train_samples_per_second)),
        (Quantity::Tokens, Some(summary.num_tokens as f64)),
        // 0 where the system does not say.
        (Quantity::PeakMemoryBytes, Some(summary.peak_memory_bytes as f64).filter(|bytes| *bytes > 0.0)),
    ];
    values.into_iter().filter_map(|(quantity, value)| Some((quantity, value.filter(|value| value.is_finite())?)))
}

/// Bytes of the exported files.
fn exported(folder: &Path, export: &StepRecord) -> Option<(Quantity, f64)> {
    let bytes = export.outputs.keys().filter(|name| is_inner(Path::new(name))).map(|name| {
        let found = std::fs::symlink_metadata(folder.join(name)).ok().filter(std::fs::Metadata::is_file);
        found.map(|found| found.len())
    });
    let sum: Option<u64> = bytes.sum();
    Some((Quantity::ExportedBytes, sum.filter(|bytes| *bytes > 0)? as f64))
}

fn origin(folder: &Path, train: &StepRecord, config: &Raw) -> RunOrigin {
    let input = |name: &str| train.inputs.get(name).cloned();
    // Records are stored as they are served, with a base's own SYSTEM: their numbers tell other splits, too.
    let counts = json(&folder.join("data/fingerprint.json"))
        .map(|found| format!(" {} trained, {} held out", found["records"], found["held_out"]));
    let data = input("dataset").map(|digest| digest + &counts.unwrap_or_default());
    let objective = serde_json::json!([config.replay, config.replay_share, config.label_smoothing_factor]);
    RunOrigin {
        tokenizer: input("base/tokenizer"),
        data,
        held_out: input("held_out"),
        objective: Some(objective.to_string()),
    }
}
