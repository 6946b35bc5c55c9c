//! `--control`: a third model in the daemon for as long as the suites ask it, the base exported as the candidate was, with a tune of
//! zero. It says which part of a change is the export's.

use std::path::{Path, PathBuf};

use super::progress::show;
use crate::base::Base;
use crate::commands::pipeline::{Registered, exported_file};
use crate::commands::{Context, Failure, Kind, adapter, delivery, prove};
use crate::config::{Delivery, Raw, RunConfig};
use crate::eval::{
    self, AnswerCache, Answerer, Arm, ArmAsking, Bench, CaseAnswers, Control, ControlSuite, ModelAnswers,
};
use crate::events::{Outcome, Stage, Unit, Warning};
use crate::export::{self, Survival};
use crate::lora::{Adapter, Hf};
use crate::modelfile::{Command, Modelfile};
use crate::ollama::{Client, OllamaError};
use crate::store::{Digest, FileAction, MAX_TEXT, TempFolder, read_nofollow, read_text, write_whole};

/// The file of an evaluation.
pub(super) const FILE: &str = "control.json";

/// How the candidate was made, so that the control is made alike.
#[derive(Debug)]
pub struct ControlPlan<'a> {
    pub base: &'a Base,
    pub adapter: &'a Adapter<Hf>,
    pub config: &'a RunConfig,
    /// The run's folder.
    pub run: &'a Path,
    /// The candidate's name.
    pub name: &'a str,
}

/// The run that made a candidate, opened again for `eval`.
#[derive(Debug)]
pub(super) struct MadeBy {
    run: PathBuf,
    config: RunConfig,
    base: Base,
    adapter: Adapter<Hf>,
    name: String,
}

impl MadeBy {
    /// From the run's folder, which the candidate's own file names.
    pub(super) fn open(context: &mut Context<'_>, model: &str) -> Result<Self, Failure> {
        let run = prove::run_of(context, model).map_err(|e| {
            let what =
                format!("--control exports the base as {model} was exported, and that is not known: {}", e.message());
            Failure::new(e.kind, what)
                .hint("evaluate a model of `tunesmith run` in its project, or leave out --control")
        })?;
        let config = RunConfig::of_run(&run, Raw::default())?;
        refuse_other_export(context, model, &run, &config)?;
        let base = context.open_base(&config.model_to_fine_tune)?;
        let adapter = adapter::load(context, &run.join("final"), &base)?;
        Ok(Self { run, config, base, adapter, name: model.to_owned() })
    }

    pub(super) fn plan(&self) -> ControlPlan<'_> {
        let Self { run, config, base, adapter, name } = self;
        ControlPlan { base, adapter, config, run, name }
    }
}

/// The run's settings must be those that the served file was exported by: a later `run --until export` may have changed them.
fn refuse_other_export(context: &mut Context<'_>, model: &str, run: &Path, config: &RunConfig) -> Result<(), Failure> {
    let registered = Registered::of_run(run).filter(|registered| registered.file == exported_file(config));
    let show = context.client()?.show(model)?.ok_or_else(|| OllamaError::NoModel(model.to_owned()))?;
    let served = show.adapters.first().unwrap_or(&show.from);
    let is_served = match registered {
        Some(registered) => served.ends_with(&Digest::of_file(run.join(registered.file))?.blob_name()),
        None => false,
    };
    if is_served {
        return Ok(());
    }
    let what =
        format!("--control: {model} is not served from what the settings of its run {} export now", run.display());
    Err(Failure::input(what).hint("`tunesmith run` it again, or leave out --control"))
}

/// The control in the daemon. It is removed when this is dropped, after a failure and an interruption too.
struct RegisteredControl<'a> {
    client: &'a Client,
    name: String,
    removed: bool,
}

impl RegisteredControl<'_> {
    fn remove(&mut self) -> Result<(), Failure> {
        self.removed = true;
        Ok(self.client.uninterrupted()?.delete(&self.name)?)
    }
}

impl Drop for RegisteredControl<'_> {
    fn drop(&mut self) {
        if !self.removed
            && let Err(e) = self.remove()
        {
            tracing::warn!(model = self.name, error = %e, "the control is not removed");
        }
    }
}

/// What is asked of the control, and by whom.
pub(super) struct ControlAsking<'a> {
    pub client: &'a Client,
    pub answerer: &'a dyn Answerer,
    pub benches: &'a [Bench],
    /// As of v1 and v2.
    pub samples: usize,
    pub cache: &'a mut AnswerCache,
    /// Answers of v1 and v2.
    pub answered: usize,
}

/// The control's answers: it is exported, registered, asked and removed.
pub(super) fn ask(
    context: &mut Context<'_>,
    plan: &ControlPlan<'_>,
    asking: ControlAsking<'_>,
) -> Result<ControlAnswers, Failure> {
    let ControlAsking { client, answerer, benches, samples, cache, answered } = asking;
    let name = delivery::control_name(plan.name, run_id(plan.run));
    let mut registered = register(context, plan, client, &name)?;
    let interrupt = context.interrupt.clone();
    let report = &mut context.report;
    let arm = ArmAsking { arm: Arm::Control, model: &name, benches, samples, interrupt: &interrupt, answered };
    let asked = eval::ask_model(&arm, answerer, cache, &mut |event| show(report, event));
    let removed = registered.remove();
    if let Err(e) = removed {
        context.report.warn(Warning::ModelNotRemoved { model: name.clone(), reason: e.message() });
    }
    Ok(ControlAnswers { name, asked: asked? })
}

/// What the control answered.
pub(super) struct ControlAnswers {
    name: String,
    asked: ModelAnswers,
}

fn run_id(run: &Path) -> &str {
    run.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn register<'c>(
    context: &mut Context<'_>,
    plan: &ControlPlan<'_>,
    client: &'c Client,
    name: &str,
) -> Result<RegisteredControl<'c>, Failure> {
    let work = TempFolder::create_in(plan.run)?;
    let path = work.path().join("control.gguf");
    export(context, plan, &path)?;
    let mut file = Modelfile::parse(&read_text(FileAction::READING, &plan.run.join("Modelfile"), MAX_TEXT)?)?;
    for command in &mut file.commands {
        match command {
            Command::From(from) if plan.config.delivery == Delivery::Merged => *from = path.display().to_string(),
            Command::Adapter(adapter) => *adapter = path.display().to_string(),
            _ => {}
        }
    }
    let text = file.to_text()?;
    // From here on there may be a model of that name, whatever the daemon says.
    let registered = RegisteredControl { client, name: name.to_owned(), removed: false };
    delivery::register(context, client, &text, Path::new(""), name)?;
    Ok(registered)
}

/// The file of the control.
fn export(context: &mut Context<'_>, plan: &ControlPlan<'_>, output: &Path) -> Result<(), Failure> {
    const MAX_BYTES: u64 = 64 << 20;
    let ControlPlan { base, adapter, config, run, name } = *plan;
    let survival: Vec<Survival> = match read_nofollow(&run.join("gguf/survival.json"), MAX_BYTES)? {
        Some(bytes) => serde_json::from_slice(&bytes)
            .map_err(|e| Failure::input(format!("{}: {e}", run.join("gguf/survival.json").display())))?,
        None => Vec::new(),
    };
    let mut lineage = delivery::lineage(base);
    lineage.push(("control_of".to_owned(), name.to_owned()));
    let request = export::Request {
        weights: &base.weights,
        tokenizer: &base.tokenizer,
        chat_template: Some(base.template.source()),
        adapter,
        lineage: &lineage,
        seed: config.seed,
        output,
        interrupt: context.interrupt.clone(),
    };
    context.report.begin(Stage::Export, Unit::Tensors, Some(base.weights.tensor_names().len() as u64));
    let report = &mut context.report;
    let exported = match config.delivery {
        Delivery::Adapter => export::control_adapter(&request)?,
        Delivery::Merged => {
            let mut progress = |done: usize, _: usize| report.advance(done as u64, None);
            export::control_gguf(
                &request,
                export::TuneFile { quant: config.quant, floor: config.quant_floor, survival: &survival },
                &mut progress,
            )?
        }
    };
    let (path, bytes) = (exported.path.clone(), exported.bytes);
    context.report.end(Outcome::Exported { path, bytes, survival: None });
    Ok(())
}

impl ControlAnswers {
    /// The prompts of suite `index` answered by v1 and the control, then by the control and v2.
    pub(super) fn pairs(&self, index: usize, answers: &[CaseAnswers]) -> [Vec<CaseAnswers>; 2] {
        let control = &self.asked.answers[index];
        let export = answers.iter().zip(control);
        let export = export.map(|(case, control)| CaseAnswers { base: case.base.clone(), tuned: control.clone() });
        let training = answers.iter().zip(control);
        let training = training.map(|(case, control)| CaseAnswers { base: control.clone(), tuned: case.tuned.clone() });
        [export.collect(), training.collect()]
    }

    /// Every suite in two parts.
    pub(super) fn found(&self, suites: Vec<ControlSuite>) -> Control {
        let (model, digest) = (self.name.clone(), self.asked.digest.clone());
        Control { version: Control::VERSION, timestamp: String::new(), model, digest, suites }
    }
}

/// Writes [`FILE`] of the evaluation at this time.
pub(super) fn write(mut found: Control, timestamp: &str, folder: &Path) -> Result<Control, Failure> {
    found.timestamp = timestamp.to_owned();
    let json = serde_json::to_vec_pretty(&found).map_err(|e| Failure::new(Kind::Error, e))?;
    write_whole(folder.join(FILE), &json)?;
    Ok(found)
}
