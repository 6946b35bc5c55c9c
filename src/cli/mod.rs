//! Arguments, progress, words to the user; what is printed goes through `terminal`.

#[expect(unreachable_pub, reason = "the declaration of the command line")]
mod args;
mod blind;
mod closing;
mod compare;
mod dispatch;
mod documents;
#[cfg(test)]
mod documents_tests;
#[expect(unreachable_pub, reason = "the declaration of the command line")]
mod flags;
mod heartbeat;
mod layout;
mod logging;
mod manual;
mod notices;
mod output;
mod preference;
mod progress;
mod render;
mod sparkline;
mod terminal;
mod version;

use std::io::ErrorKind;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::commands::{Context, Failure, Interrupt, Kind, promotion, rendering, reporting};
use crate::events::Reporter;
use crate::input::Env;
use args::{Cli, Command, Common, Rag};
use progress::{BarSlot, Level, Screen};
pub use terminal::OutputLost;

/// Parses the command line, runs the command, ends with its exit code.
pub fn main() -> ExitCode {
    if std::env::args_os().skip(1).eq([rendering::WORKER]) {
        return ExitCode::from(rendering::worker());
    }
    if let Some(argument) = std::env::args_os().find(|argument| argument.to_str().is_none()) {
        // Configs, lineages and --json are UTF-8, so a path that is not could be used but never be written down.
        terminal::report(format!(
            "error: the argument {argument:?} is not valid UTF-8\n  hint: rename the file or folder"
        ));
        return ExitCode::from(Kind::Usage.exit_code());
    }
    let cli = match parse(std::env::args().collect()) {
        Ok(cli) => cli,
        Err(e) => {
            let usage = e.use_stderr();
            let plain = e.render().to_string();
            if usage && !terminal::is_plain(&plain) {
                terminal::report(plain);
            } else {
                // A closed pipe while printing help is nobody's fault.
                drop(e.print());
            }
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
        terminal::report("\nstopping where it can be continued; Ctrl-C again to stop at once");
    });
    if let Err(e) = handler {
        terminal::report(format!("warning: Ctrl-C can't be caught: {e}"));
    }
    let env = Env::read();
    let bar = BarSlot::default();
    if let Err(fault) = logging::start(env.tunesmith.get("LOG").map(String::as_str), cli.common.verbose, bar.clone()) {
        terminal::report(format!("error: {fault}\n  hint: for example TUNESMITH_LOG=tunesmith=debug"));
        return ExitCode::from(Kind::Usage.exit_code());
    }
    let mut screen = screen(&cli.common, &env, bar);
    let mut context = Context {
        ollama_host: cli.common.ollama_host.clone(),
        models_yaml_said: cli.common.models_yaml.is_some(),
        models_yaml: cli.common.models_yaml.clone().unwrap_or_else(|| "configs/models.yaml".into()),
        seed: cli.common.seed,
        force: forced(&cli.command),
        parallel: None,
        env,
        interrupt,
        report: Reporter::new(&mut screen),
    };
    match rendering::isolate().and_then(|()| run(&mut context, &cli)) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => end(&mut context, &failure, cli.common.json),
    }
}

/// Help and usage errors name a command as it was typed, an alias by itself.
fn parse(arguments: Vec<String>) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(&arguments).map_err(|e| {
        let command = Cli::command();
        let named =
            arguments.iter().skip(1).find_map(|typed| Some((typed, command.find_subcommand(typed)?.get_name())));
        let Some((typed, name)) = named.filter(|(typed, name)| typed != name) else { return e };
        let (typed, name) = (typed.clone(), name.to_owned());
        let renamed = command.mut_subcommand(name, |subcommand| {
            // Its other names would be said twice.
            subcommand.name(typed).visible_alias(clap::builder::Resettable::Reset)
        });
        renamed.try_get_matches_from(&arguments).err().unwrap_or(e)
    })
}

/// Whether an adapter may be used on a base that it was not trained on.
fn forced(command: &Command) -> bool {
    match command {
        Command::Prove(prove) => prove.force,
        Command::Run(run) => run.force,
        Command::Train(train) => train.force,
        Command::Merge(merge) => merge.force,
        Command::Export(export) => export.force,
        Command::Query(query) => query.force,
        Command::Compare(compare) => compare.force,
        Command::Eval(eval) => eval.force,
        _ => false,
    }
}

/// The end of a program whose output is lost: its exit code.
pub fn report_lost(lost: &OutputLost) -> u8 {
    /// What a shell says of a program that SIGPIPE ended. Not 0: nobody read the verdict, so nobody may take it for a PASS.
    const PIPE_CLOSED: u8 = 141;
    match lost {
        OutputLost::PipeClosed => PIPE_CLOSED,
        OutputLost::Failed { stream, fault } => {
            terminal::report_last(format!("error: {stream} can't be written: {fault}"));
            let full = matches!(fault.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded);
            if full { Kind::Resources } else { Kind::Error }.exit_code()
        }
    }
}

/// A panic's words may quote what strangers wrote, as every error does.
pub fn report_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let trace = std::backtrace::Backtrace::capture();
    let traced = trace.status() == std::backtrace::BacktraceStatus::Captured;
    terminal::report_last(if traced { format!("{panic}\n{trace}") } else { panic.to_string() });
}

/// A limit of the process that a library panicked at, on stderr.
pub fn report_limit(limit: &str) {
    terminal::report_last(format!("error: {limit}\nhint: `ulimit -a` shows the limits of this shell"));
}

fn screen(common: &Common, env: &Env, bar: BarSlot) -> Screen {
    let level = match (common.quiet, common.verbose) {
        (true, _) => Level::Quiet,
        (false, 0) => Level::Normal,
        (false, _) => Level::Verbose,
    };
    Screen::new(level, !common.no_progress && !env.ci, env, bar)
}

fn end(context: &mut Context<'_>, failure: &Failure, json: bool) -> ExitCode {
    let code = failure.kind.exit_code();
    if json {
        let object = serde_json::json!({"error": failure.message(), "hint": failure.hint, "exit_code": code});
        terminal::print_json(&object.to_string());
    }
    context.report.emit(&failure.event());
    ExitCode::from(code)
}

/// Whether a command works with a project's roles and appends nothing to the registry of their promotions; those that do
/// refuse a damaged one.
fn reads_roles(command: &Command) -> bool {
    match command {
        Command::Promote { .. } | Command::Rollback { .. } | Command::Eval(_) | Command::Demo(_) => false,
        Command::Run(run) => run.dry_run,
        Command::Init { .. } | Command::Completions { .. } | Command::Man { .. } => false,
        _ => true,
    }
}

/// One arm per command; what each prints is in `output`.
fn run(context: &mut Context<'_>, cli: &Cli) -> Result<u8, Failure> {
    let json = cli.common.json;
    if reads_roles(&cli.command) {
        promotion::warn_of_damage(context);
    }
    match &cli.command {
        Command::Init { dir, tests } => output::init(&crate::commands::init::run(dir, *tests)?, json),
        Command::Data(data) => dispatch::data(context, data, json)?,
        Command::GenerateTraining(args) => documents::generate(context, args, json)?,
        Command::Rag(Rag::Index(args)) => documents::index(context, args, json)?,
        Command::Rag(Rag::Ask(args)) => documents::ask(context, args, json)?,
        Command::EvaluateRag(args) => documents::evaluate_rag(context, args, json)?,
        Command::EvaluateFinetuned(args) => documents::evaluate_finetuned(context, args, json)?,
        Command::Compare(args) => compare::compare(context, args, json)?,
        Command::Train(train) => dispatch::train(context, train, json)?,
        Command::Merge(merge) => dispatch::merge(context, merge, json)?,
        Command::Export(export) => dispatch::export(context, export, json)?,
        Command::Modelfile(args) => dispatch::modelfile(context, args, json)?,
        Command::Register(register) => dispatch::register(context, register, json)?,
        Command::Query(query) => dispatch::query(context, query, json)?,
        Command::Bases(bases) => dispatch::bases(context, bases, json)?,
        Command::Clean { dir, remove } => output::cleaned(&crate::commands::clean::run(context, dir, *remove)?, json),
        Command::Doctor => return Ok(output::doctor(&crate::commands::doctor::run(context)?, json)),
        Command::Demo(demo) => return dispatch::demo(context, demo, json),
        Command::Run(run) => return dispatch::run(context, run, json),
        Command::Plan(plan) => dispatch::plan(context, plan, json)?,
        Command::Prove(prove) => return dispatch::prove(context, prove, json),
        Command::Eval(eval) => return dispatch::eval(context, eval, json),
        Command::Votes { file } => output::votes(&crate::commands::votes::count(context, file.as_deref())?, json),
        Command::Report { folder, output } => {
            output::written(&[reporting::again(folder, output.as_deref())?], json);
        }
        Command::Promote { role, to, force } => {
            output::swapped(&promotion::by_hand(context, role, to, *force)?, json);
        }
        Command::Rollback { role, to, force } => {
            output::swapped(&promotion::rollback(context, role, to.as_deref(), *force)?, json);
        }
        Command::History { role } => output::history(&promotion::history(context, role.as_deref())?, json),
        Command::Lineage { model } => output::lineage(&promotion::lineage(context, model)?, json),
        Command::Serve { port, store } => crate::commands::serving::serve(context, *port, store)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "tunesmith", &mut script);
            terminal::print_document(String::from_utf8_lossy(&script).trim_end());
        }
        Command::Man { dir } => output::written(&crate::commands::pages::write(dir, &manual::pages()?)?, json),
    }
    Ok(0)
}
