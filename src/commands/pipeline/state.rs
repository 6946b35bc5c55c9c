//! The options of a pipeline run, and what is open during it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::Base;
use crate::config::RunConfig;
use crate::dataset::Record;
use crate::ollama::Client;
use crate::roles::Role;
use crate::store::{Digest, RunDir};

/// What a step was made from, by name: a digest or a word.
pub(super) type Inputs = BTreeMap<String, String>;

/// The stages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Step {
    Data,
    Train,
    Export,
    Register,
    Prove,
    Eval,
    Promote,
}

#[derive(Clone, Debug)]
pub struct Options {
    /// The last stage to do.
    pub until: Step,
    /// Take the output name from a model of another lineage.
    pub force: bool,
    /// The run that is to be continued: another is refused.
    pub resumed: Option<PathBuf>,
    /// v1 of the evaluation, where it is not the role's own model.
    pub against: Option<String>,
    /// Prompts of each suite, for a quick look; the verdict is then INCONCLUSIVE.
    pub limit: Option<usize>,
    /// The evaluation also compares how likely both models find the same texts.
    pub likelihood: bool,
    /// It also asks a control: the base, exported as the new model is, with a tune of zero.
    pub control: bool,
}

/// What is open during a run of the pipeline.
pub(super) struct PipelineRun<'a> {
    pub config: &'a RunConfig,
    pub options: &'a Options,
    pub base: Base,
    pub client: Client,
    pub embedded: bool,
    pub run: RunDir,
    /// What decides the training.
    pub inputs: Inputs,
    /// Of the bytes that the records were read from.
    pub dataset: Digest,
    pub records: Vec<Record>,
    pub held_out: Vec<Record>,
    pub role: Option<Role>,
    pub why_no_role: Option<String>,
    /// The user's own Modelfile template.
    pub template: Option<String>,
    /// The roles whose model has the output's name already.
    pub served_by: Vec<String>,
    /// models.yaml as it was read: nobody may change it until the swap.
    pub roles_file: Option<Digest>,
}

pub(super) fn inputs(pairs: &[(&str, String)]) -> Inputs {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
}
