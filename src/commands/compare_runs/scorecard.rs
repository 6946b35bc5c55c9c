//! What a run's scorecards say of each model.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::Value;

use crate::commands::Failure;
use crate::eval::{PromptScore, Quantity, SuiteScores};
use crate::quantile::median;
use crate::store::{FileAction, StoreError, read_nofollow};

/// A scorecard holds every answer of two models.
const MAX_BYTES: u64 = 1 << 28;
/// JSON files of an evaluation, at most.
const MOST_FILES: usize = 100;

/// One model on one suite.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Card {
    pub(super) scores: SuiteScores,
    /// The median of its answers.
    pub(super) tokens_per_second: Option<f64>,
    /// Of each answer.
    pub(super) seconds: Vec<f64>,
}

/// A model that runs were compared with.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct V1 {
    pub(super) model: String,
    pub(super) digest: String,
    pub(super) cards: Vec<Card>,
}

/// The newest evaluation in a run's folder.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Evaluated {
    pub(super) tuned: Vec<Card>,
    pub(super) v1: Option<V1>,
    /// Of the model that was asked.
    pub(super) digest: Option<String>,
    pub(super) verdict: Option<String>,
}

impl Evaluated {
    /// Reads `eval/*.json`. Scorecards of an earlier evaluation, on suites that the role no longer has, are passed over.
    pub(super) fn read(run: &Path) -> Result<Self, Failure> {
        let folder = run.join("eval");
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(Self::default()) };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.retain(|path| path.extension().is_some_and(|ending| ending == "json"));
        paths.sort();
        if paths.len() > MOST_FILES {
            let what = format!("{} has {} JSON files; at most {MOST_FILES} are read", folder.display(), paths.len());
            return Err(Failure::input(what).hint("remove the scorecards of earlier evaluations"));
        }
        let (mut newest, mut of_newest) = (String::new(), Vec::new());
        for path in &paths {
            let Some(bytes) = read_nofollow(path, MAX_BYTES)? else { continue };
            let document: Value = serde_json::from_slice(&bytes).map_err(|e| damaged(path, &e.to_string()))?;
            if !document["metadata"]["suite"].is_string() {
                continue;
            }
            let time = text(&document["metadata"]["timestamp"]);
            if time > newest {
                of_newest.clear();
                newest.clone_from(&time);
            }
            if time == newest {
                of_newest.push(document);
            }
        }
        let Some(first) = of_newest.first() else { return Ok(Self::default()) };
        let metadata = &first["metadata"];
        Ok(Self {
            tuned: of_newest.iter().map(|document| card(document, "finetuned")).collect(),
            v1: Some(V1 {
                model: text(&metadata["base_model"]),
                digest: text(&metadata["base_digest"]),
                cards: of_newest.iter().map(|document| card(document, "base")).collect(),
            }),
            digest: metadata["finetuned_digest"].as_str().filter(|digest| !digest.is_empty()).map(str::to_owned),
            verdict: first["statistics"]["gate"].as_str().map(str::to_owned),
        })
    }
}

fn damaged(path: &Path, what: &str) -> Failure {
    let what = format!("{what}; remove it and evaluate again");
    StoreError::new(FileAction::READING, path, std::io::Error::new(std::io::ErrorKind::InvalidData, what)).into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn card(document: &Value, arm: &str) -> Card {
    let metadata = &document["metadata"];
    let of = |result: &Value, name: &str| result[format!("{name}_{arm}")].as_f64().filter(|value| value.is_finite());
    let results = document["results"].as_array().map_or(&[][..], Vec::as_slice);
    let prompt = |result: &Value| {
        let score = of(result, "score")?;
        let cluster = result["cluster"].as_str().map(str::to_owned);
        Some(PromptScore { id: text(&result["prompt_id"]), cluster, score })
    };
    let asked = serde_json::json!({
        "options": metadata["options"], "system": metadata["system"], "samples": metadata["samples"],
    });
    Card {
        scores: SuiteScores {
            suite: text(&metadata["suite"]),
            digest: text(&metadata["suite_digest"]),
            metric: text(&metadata["metric"]),
            signature: text(&metadata["metric_signature"]),
            asked: asked.to_string(),
            served: without_port(&text(&metadata["device"])),
            prompts: results.iter().filter_map(prompt).collect(),
        },
        tokens_per_second: of(&document["statistics"], "tokens_per_second"),
        seconds: results.iter().filter_map(|result| of(result, "seconds")).collect(),
    }
}

/// The embedded server takes any free port.
fn without_port(device: &str) -> String {
    let host = device.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
    host.map_or(device, |(host, _)| host).to_owned()
}

/// How fast a model answered: the medians of its suites by their numbers of prompts, and the median of all answers' seconds.
pub(super) fn speeds(cards: &[Card]) -> BTreeMap<Quantity, f64> {
    let mut values = BTreeMap::new();
    let rates = || cards.iter().filter_map(|card| Some((card.tokens_per_second?, card.seconds.len() as f64)));
    let prompts: f64 = rates().map(|(_, prompts)| prompts).sum();
    if prompts > 0.0 {
        let sum: f64 = rates().map(|(rate, prompts)| rate * prompts).sum();
        values.insert(Quantity::AnswerTokensPerSecond, sum / prompts);
    }
    let seconds = cards.iter().flat_map(|card| card.seconds.iter().copied());
    values.extend(median(seconds).map(|seconds| (Quantity::AnswerSeconds, seconds)));
    values
}

/// One column for each model, with every suite that it was asked.
pub(super) fn merge(known: &mut Vec<V1>, found: V1) {
    let key = |v1: &V1| if v1.digest.is_empty() { v1.model.clone() } else { v1.digest.clone() };
    match known.iter_mut().find(|v1| key(v1) == key(&found)) {
        Some(same) => {
            for card in found.cards {
                let is_known =
                    |other: &Card| other.scores.digest == card.scores.digest && other.scores.asked == card.scores.asked;
                if !same.cards.iter().any(is_known) {
                    same.cards.push(card);
                }
            }
        }
        None => known.push(found),
    }
}
