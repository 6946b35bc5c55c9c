//! Does the daemon serve what was trained? The three legs, shown as they end.

use std::path::{Path, PathBuf};

use super::{Context, Failure};
use crate::base::Base;
use crate::chat::Message;
use crate::events::{Detail, Event, Outcome, Stage, Unit};
use crate::lora::{Adapter, Hf};
use crate::modelfile::Modelfile;
use crate::ollama::{Client, OllamaError};
use crate::proof::{self, Proof, Request};
use crate::store::{FileAction, MAX_TEXT, read_text};

#[derive(Debug)]
pub struct ProofRequest<'a> {
    pub model: &'a str,
    pub exported: &'a Path,
    /// What was registered.
    pub modelfile: &'a Modelfile,
    pub sample: &'a [Vec<Message>],
    pub probes: usize,
    pub num_thread: Option<u64>,
    pub threads: usize,
    pub seed: u64,
}

/// The context in which the proof asks: the model's own, as far as probes are worth the memory.
fn num_ctx(file: &Modelfile) -> Result<usize, Failure> {
    const MOST: u64 = 8192;
    let said = file.parameters()?.json.get("num_ctx").and_then(serde_json::Value::as_u64);
    Ok(said.unwrap_or(2048).min(MOST) as usize)
}

/// Proves; a failed proof is a value here, the caller decides what it stops.
pub fn prove(
    context: &mut Context<'_>,
    client: &Client,
    base: &Base,
    adapter: &Adapter<Hf>,
    request: &ProofRequest<'_>,
) -> Result<Proof, Failure> {
    let request = Request {
        client,
        model: request.model,
        base,
        adapter,
        exported: request.exported,
        system: request.modelfile.system(),
        sample: request.sample,
        probes: request.probes,
        num_thread: request.num_thread,
        threads: request.threads,
        seed: request.seed,
        num_ctx: num_ctx(request.modelfile)?,
        interrupt: context.interrupt.clone(),
    };
    context.report.begin(Stage::Prove, Unit::Probes, None);
    let report = &mut context.report;
    let proof = proof::prove(&request, &mut |leg, done, total| {
        report.advance_of(done as u64, Some(total as u64), Some(Detail::Item(leg.to_owned())));
    })?;
    context.report.end(Outcome::Proved {
        passed: proof.passed,
        kind: proof.kind.clone(),
        daemon_version: proof.daemon_version.clone(),
    });
    Ok(proof)
}

/// Reports the parts of a proof, for a command whose result does not have them.
pub(super) fn report_legs(context: &mut Context<'_>, proof: &Proof) {
    for leg in &proof.legs {
        context.report.emit(&Event::ProofLeg {
            leg: leg.name.clone(),
            passed: leg.passed,
            summary: leg.summary.clone(),
            faults: leg.faults.clone(),
        });
    }
}

/// `tunesmith prove --run|--name`: a run's model again, from what its folder says.
pub fn again(
    context: &mut Context<'_>,
    run: Option<&Path>,
    name: Option<&str>,
    probes: usize,
    num_thread: Option<u64>,
) -> Result<Proof, Failure> {
    let found;
    let run = match (run, name) {
        (Some(run), _) => run,
        (None, name) => {
            found = run_of(context, name.unwrap_or_default())?;
            &found
        }
    };
    of_run(context, run, name, probes, num_thread)
}

/// The folder of the run that made a model, by what the model's own file says.
pub(super) fn run_of(context: &mut Context<'_>, name: &str) -> Result<PathBuf, Failure> {
    const RUNS: &str = "runs";
    let show = context.client()?.show(name)?.ok_or_else(|| OllamaError::NoModel(name.to_owned()))?;
    let id = super::delivery::lineage_of(&show, "run").ok_or_else(|| {
        Failure::input(format!("{name} was not made by a run of tunesmith: there is nothing to prove it against"))
    })?;
    // It is the file's word: no path may hide in it.
    let known = Path::new(&id).components().count() == 1 && !id.contains(['/', '\\']) && id != "..";
    Some(Path::new(RUNS).join(&id)).filter(|run| known && run.is_dir()).ok_or_else(|| {
        Failure::input(format!("the run {id:?}, which made {name}, is not under {RUNS}/ here"))
            .hint("go to the project's folder, or say where the run is: --run FOLDER")
    })
}

fn of_run(
    context: &mut Context<'_>,
    run: &Path,
    name: Option<&str>,
    probes: usize,
    num_thread: Option<u64>,
) -> Result<Proof, Failure> {
    use crate::config::{Raw, RunConfig};
    let config = RunConfig::of_run(run, Raw { seed: context.seed, ..Raw::default() })?;
    context.adopt(&config)?;
    let base = context.open_base(&config.model_to_fine_tune)?;
    let adapter = super::adapter::load(context, &run.join("final"), &base)?;
    let registered = super::pipeline::Registered::of_run(run)
        .ok_or_else(|| Failure::input(format!("{}: this run has registered nothing yet", run.display())))?;
    let exported = run.join(registered.file);
    let text = read_text(FileAction::READING, &run.join("Modelfile"), MAX_TEXT)?;
    let file = Modelfile::parse(&text)?;
    let records = super::data::read(&config)?.records;
    let (records, _) = super::data::as_served(records, &base, config.system.as_deref());
    let client = context.client()?;
    let request = ProofRequest {
        model: name.unwrap_or(&config.output_model_name),
        exported: &exported,
        modelfile: &file,
        sample: &super::data::conversations(&records),
        probes,
        num_thread: num_thread.or(config.num_thread),
        threads: config.threads.unwrap_or(0),
        seed: config.seed,
    };
    prove(context, &client, &base, &adapter, &request)
}
