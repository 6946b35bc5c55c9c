//! The input of an evaluation, and its outcome.

use std::path::PathBuf;

use super::control::ControlPlan;
use super::likelihood::LikelihoodArms;
use crate::base::Base;
use crate::bert::Bert;
use crate::commands::judging::JudgeReport;
use crate::commands::votes::Voted;
use crate::dataset::Record;
use crate::eval::{Control, Decision, MultipleChoice, NoiseFloor};
use crate::likelihood::Likelihood;
use crate::promote::Terms;
use crate::roles::Role;

/// What is compared, and on what.
#[derive(Debug)]
pub struct Comparison<'a> {
    pub role: &'a Role,
    pub v1: String,
    pub v2: String,
    pub general: bool,
    pub held_out: &'a [Record],
    /// Training records: no suite may hold them.
    pub trained: &'a [Record],
    /// Set: both arms are fed by raw prompts of this base's template, where it opens no thought; else through `/api/chat`.
    pub base: Option<&'a Base>,
    pub output: PathBuf,
    pub limit: Option<usize>,
    /// Also compares answers with reference texts by this BERT.
    pub bert: Option<&'a Bert>,
    /// Times that each prompt is asked; None: as the role says.
    pub samples: Option<usize>,
    /// Asks everything again, whatever was answered before.
    pub no_cache: bool,
    pub num_thread: Option<u64>,
    pub seed: u64,
    pub adapter: Option<String>,
    /// Also written as JUnit XML.
    pub junit: Option<PathBuf>,
    /// Set: how likely both find the same texts is measured, too.
    pub likelihood: Option<LikelihoodArms<'a>>,
    /// Set: a control is asked, too.
    pub control: Option<ControlPlan<'a>>,
}

/// The outcome of an evaluation.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    pub decision: Decision,
    pub suites: Vec<String>,
    pub reasons: Vec<String>,
    /// Numbers that object to nothing.
    pub notes: Vec<String>,
    /// The Markdown summary's file, and its text.
    pub report: PathBuf,
    #[serde(skip)]
    pub summary: String,
    pub suite_digests: Vec<(String, String)>,
    #[serde(skip)]
    pub terms: Terms,
    pub v1_digest: String,
    pub v2_digest: String,
    /// The role promotes on INCONCLUSIVE (`gate.on_inconclusive: promote`).
    pub allow_inconclusive: bool,
    /// What a person preferred (`eval --blind`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub votes: Option<Voted>,
    /// What a model preferred (`eval --judge`): no part of the decision.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub judge: Option<JudgeReport>,
    /// What changes when v1 is asked twice.
    pub noise: NoiseFloor,
    /// Where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub likelihood: Option<Likelihood>,
    /// With the likelihoods, where a suite has choices.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub choices: Option<MultipleChoice>,
    /// Where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub control: Option<Control>,
}

impl Outcome {
    pub fn promotable(&self) -> bool {
        self.decision.promotes(self.allow_inconclusive)
    }
}
