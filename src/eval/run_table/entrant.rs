//! What is compared: a run, or a model that runs were compared with.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Serialize;

use super::quantity::Quantity;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EntrantKind {
    Run,
    /// v1 of an evaluation: it was asked what the runs were asked.
    V1,
}

/// How far a run came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    Unfinished,
    Trained,
    Exported,
    Proved,
    Evaluated,
}

/// What decides whether two runs' values compare; None where the folder does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RunOrigin {
    /// Digest of the base's tokenizer.
    pub tokenizer: Option<String>,
    /// Of the dataset, and how many of its records were trained and held out.
    pub data: Option<String>,
    /// Of the held-out records.
    pub held_out: Option<String>,
    /// What is added to the loss: replay, label smoothing.
    pub objective: Option<String>,
}

/// An answer's score, 0 to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct PromptScore {
    pub id: String,
    /// Prompts of one cluster are not independent.
    pub cluster: Option<String>,
    pub score: f64,
}

/// The scores of one model on one suite.
#[derive(Clone, Debug, PartialEq)]
pub struct SuiteScores {
    pub suite: String,
    pub digest: String,
    pub metric: String,
    /// How the metric is computed.
    pub signature: String,
    /// Options, system text and samples.
    pub asked: String,
    /// The daemon.
    pub served: String,
    pub prompts: Vec<PromptScore>,
}

/// A column of the table.
#[derive(Clone, Debug, PartialEq)]
pub struct Entrant {
    pub label: String,
    pub kind: EntrantKind,
    /// None of a v1.
    pub state: Option<RunState>,
    pub model: Option<String>,
    pub base: Option<String>,
    pub folder: Option<PathBuf>,
    pub values: BTreeMap<Quantity, f64>,
    /// Of the whole gate.
    pub verdict: Option<String>,
    pub suites: Vec<SuiteScores>,
    pub origin: RunOrigin,
}

impl Entrant {
    pub fn suite(&self, name: &str) -> Option<&SuiteScores> {
        self.suites.iter().find(|scores| scores.suite == name)
    }

    /// On what its answers were measured: digests and numbers of prompts.
    pub(super) fn questions(&self) -> String {
        let mut suites: Vec<String> =
            self.suites.iter().map(|s| format!("{} {} {}", s.digest, s.prompts.len(), s.asked)).collect();
        suites.sort();
        suites.join("; ")
    }

    /// The daemons that served its answers.
    pub(super) fn served(&self) -> String {
        let mut served: Vec<&str> = self.suites.iter().map(|s| s.served.as_str()).collect();
        served.sort_unstable();
        served.dedup();
        served.join("; ")
    }
}
