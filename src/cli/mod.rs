//! Arguments, progress, words to the user: the only place that prints.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the room that prints")]

mod args;
mod ask;
mod flags;
mod progress;
mod say;
mod sparkline;

use std::process::ExitCode;

use clap::Parser;

use crate::config::Env;
use crate::steps::{Context, Failure, Interrupt, Kind};
use args::{Cli, Command, Common};
use progress::{Level, Screen};

/// Parses the command line, runs the command, ends with its exit code.
pub fn main() -> ExitCode {
    if let Some(argument) = std::env::args_os().find(|argument| argument.to_str().is_none()) {
        // Configs, lineages and --json are UTF-8, so a path that is not could be used but never be written down.
        eprintln!("error: the argument {argument:?} is not valid UTF-8\n  hint: rename the file or folder");
        return ExitCode::from(Kind::Usage.exit_code());
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => {
            let usage = e.use_stderr();
            // A closed pipe while printing help is nobody's fault.
            drop(e.print());
            return ExitCode::from(if usage { Kind::Usage.exit_code() } else { 0 });
        }
    };
    let interrupt = Interrupt::default();
    let raised = interrupt.clone();
    // The first Ctrl-C asks every loop to stop where it can be continued; the second ends at once.
    let handler = ctrlc::set_handler(move || {
        if raised.raised() {
            std::process::exit(i32::from(Kind::Interrupted.exit_code()));
        }
        raised.raise();
        eprintln!("\nstopping where it can be continued; Ctrl-C again to stop at once");
    });
    if let Err(e) = handler {
        eprintln!("warning: Ctrl-C can't be caught: {e}");
    }
    let env = Env::read();
    let mut screen = screen(&cli.common, &env);
    let mut context = Context {
        ollama_host: cli.common.ollama_host.clone(),
        models_yaml_said: cli.common.models_yaml.is_some(),
        models_yaml: cli.common.models_yaml.clone().unwrap_or_else(|| "configs/models.yaml".into()),
        seed: cli.common.seed,
        force: forced(&cli.command),
        parallel: None,
        env,
        interrupt,
        report: &mut screen,
    };
    let ended = crate::steps::promotion::recover(&mut context).and_then(|()| dispatch(&mut context, &cli));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(failure) => end(&failure, cli.common.json),
    }
}

/// Whether an adapter may be used on a base that it was not trained on.
fn forced(command: &Command) -> bool {
    match command {
        Command::Prove { force, .. } => *force,
        Command::Run(run) => run.force,
        Command::Train(train) => train.force,
        Command::Merge(merge) => merge.force,
        Command::Export(export) => export.force,
        Command::Query(query) => query.force,
        _ => false,
    }
}

fn screen(common: &Common, env: &Env) -> Screen {
    let level = match (common.quiet, common.verbose) {
        (true, _) => Level::Quiet,
        (_, true) => Level::Verbose,
        _ => Level::Normal,
    };
    Screen::new(level, !common.no_progress && !env.ci, env)
}

fn end(failure: &Failure, json: bool) -> ExitCode {
    if json {
        let object = serde_json::json!({"error": failure.to_string(), "exit_code": failure.kind.exit_code()});
        println!("{object}");
    }
    eprintln!("error: {failure}");
    ExitCode::from(failure.kind.exit_code())
}

/// One arm per command; what each prints is in `say`.
fn dispatch(context: &mut Context<'_>, cli: &Cli) -> Result<u8, Failure> {
    let json = cli.common.json;
    match &cli.command {
        Command::Init { dir } => say::init(crate::steps::init::run(dir)?, json),
        Command::Data(data) => ask::data(context, data, json)?,
        Command::Train(train) => ask::train(context, train, json)?,
        Command::Merge(merge) => ask::merge(context, merge, json)?,
        Command::Export(export) => ask::export(context, export, json)?,
        Command::Modelfile(args) => ask::modelfile(context, args, json)?,
        Command::Register { modelfile, name, force } => ask::register(context, (modelfile, name, *force), json)?,
        Command::Query(query) => ask::query(context, query, json)?,
        Command::Bases(bases) => ask::bases(context, bases, json)?,
        Command::Doctor => return Ok(say::doctor(&crate::steps::doctor::run(context)?, json)),
        Command::Demo(demo) => return ask::demo(context, demo, json),
        Command::Run(run) => return ask::run(context, run, json),
        Command::Plan(plan) => ask::plan(context, plan, json)?,
        Command::Prove { run, name, probes, num_thread, force: _ } => {
            let proof = crate::steps::prove::again(context, run.as_deref(), name.as_deref(), (*probes, *num_thread))?;
            return Ok(say::proof(&proof, json));
        }
        Command::Eval(eval) => return ask::eval(context, eval, json),
        Command::Promote { role, to, force } => {
            say::swapped(&crate::steps::promotion::by_hand(context, role, to, *force)?, json);
        }
        Command::Rollback { role, to, force } => {
            say::swapped(&crate::steps::promotion::rollback(context, role, to.as_deref(), *force)?, json);
        }
        Command::History { role } => say::history(&crate::steps::promotion::history(context, role.as_deref())?, json),
        Command::Lineage { model } => say::lineage(&crate::steps::promotion::lineage(context, model)?, json),
        Command::Serve { port, store } => crate::steps::serving::serve(context, *port, store)?,
    }
    Ok(0)
}
