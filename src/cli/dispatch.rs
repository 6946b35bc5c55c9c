//! One function per command: reads the arguments, calls the command, passes its result to `output`.

use std::io::{BufRead, IsTerminal};
use std::path::Path;

use super::args::{
    Bases, Data, DataFiles, Demo, Eval, Export, Format, Merge, ModelfileArgs, Plan, Prove, Query, Register, Run, Train,
};
use super::blind::AtTerminal;
use super::flags::Flags;
use super::layout::Style;
use super::{closing, documents, output, terminal};
use crate::commands::evaluate::BertFolder;
use crate::commands::votes::Voter;
use crate::commands::{
    Context, Failure, FileAction, Kind, MAX_TEXT, Start, bases, benchmark, data, delivery, demo, evaluate, export,
    pipeline, plan, promotion, prove, query, read_text, serving, training,
};
use crate::config::{Purpose, Raw, RunConfig};
use crate::export::{Floor, Quant};

pub(super) fn data(context: &mut Context<'_>, command: &Data, json: bool) -> Result<(), Failure> {
    match command {
        Data::Check { files, base_model, against } => {
            let origin =
                against.as_deref().map(|corpus| data::check_origin(context, &files.files, corpus)).transpose()?;
            output::checked(&data::check(context, &source(files), base_model.as_deref())?, origin.as_ref(), json);
        }
        Data::Preview { files, base_model, limit } => {
            let examples = data::preview(context, &source(files), base_model, *limit)?;
            output::preview(&examples, json, Style::of_stdout(&context.env));
        }
        Data::Generate(args) => documents::generate(context, args, json)?,
        Data::Split { files, share, output } => {
            let seed = context.seed.unwrap_or(42);
            output::split(&data::split(&source(files), *share, seed, output)?, json);
        }
    }
    Ok(())
}

fn source(files: &DataFiles) -> data::Source {
    data::Source { files: files.files.clone(), shape: files.shape }
}

pub(super) fn train(context: &mut Context<'_>, args: &Train, json: bool) -> Result<(), Failure> {
    let config = RunConfig::load(args.config.as_deref(), flags_of(context, &args.flags), Purpose::Train)?;
    context.adopt(&config)?;
    let start = match (config.resume, args.overwrite) {
        (_, true) => Start::Overwrite,
        (true, false) => Start::Resume,
        (false, false) => Start::New,
    };
    let (folder, summary) = training::alone(context, &config, &config.output, start)?;
    output::trained(&folder, &summary, json);
    Ok(())
}

/// What `merge` and `export` write; `gguf` is the type of a GGUF when nobody says.
fn what(format: Format, quant: Option<Quant>, floor: Option<Floor>, gguf: Quant) -> Result<export::What, Failure> {
    let unused = match format {
        Format::Gguf => None,
        Format::Hf => floor.map(|_| ("--quant-floor", "hf")),
        Format::Adapter => quant.map(|_| "--quant").or(floor.map(|_| "--quant-floor")).map(|flag| (flag, "adapter")),
    };
    if let Some((flag, format)) = unused {
        let what = format!("{flag} has no effect with --format {format}: leave it out, or give --format gguf");
        return Err(Failure::new(Kind::Usage, what));
    }
    Ok(match format {
        Format::Gguf => export::What::MergedGguf { quant: quant.unwrap_or(gguf), floor: floor.unwrap_or_default() },
        Format::Hf => export::What::MergedHf { quant: quant.unwrap_or(Quant::Keep) },
        Format::Adapter => export::What::AdapterGguf,
    })
}

pub(super) fn merge(context: &mut Context<'_>, args: &Merge, json: bool) -> Result<(), Failure> {
    let what = what(args.format, args.quant, args.quant_floor, Quant::Keep)?;
    output::exported(&export::from_folder(context, &args.base, &args.adapter, &args.output, what)?, json);
    Ok(())
}

pub(super) fn export(context: &mut Context<'_>, args: &Export, json: bool) -> Result<(), Failure> {
    let what = what(args.format, args.quant, args.quant_floor, Quant::Q8_0)?;
    output::exported(&export::from_folder(context, &args.base, &args.adapter, &args.output, what)?, json);
    Ok(())
}

pub(super) fn modelfile(context: &mut Context<'_>, args: &ModelfileArgs, json: bool) -> Result<(), Failure> {
    if let Some(path) = &args.check {
        let text = delivery::read(path)?;
        output::modelfile_checked(&delivery::check(&text)?, json);
        return Ok(());
    }
    let (Some(name), Some(gguf)) = (&args.base, &args.gguf) else {
        return Err(Failure::new(Kind::Usage, "give --base and --gguf, or --check"));
    };
    let base = context.open_base(name)?;
    let own = args.template.as_deref().map(read).transpose()?;
    let request = delivery::DeliveryOptions {
        from: gguf.clone(),
        adapter: None,
        system: args.system.clone(),
        num_ctx: args.num_ctx,
        trained_len: None,
        lineage: delivery::lineage(&base),
        user_template: own.as_deref(),
    };
    delivery::left_behind(&base).into_iter().for_each(|note| context.report.note(note));
    output::document(&delivery::modelfile(&base, &request)?, json);
    Ok(())
}

pub(super) fn register(context: &mut Context<'_>, args: &Register, json: bool) -> Result<(), Failure> {
    let text = delivery::read(&args.modelfile)?;
    let client = context.client()?;
    let folder = args.modelfile.parent().unwrap_or(Path::new(""));
    delivery::check_file(&client, &text, folder, &args.name, args.force)?;
    let digest = delivery::register(context, &client, &text, folder, &args.name)?;
    closing::registered(&args.name, digest, json, Style::of_stdout(&context.env));
    Ok(())
}

pub(super) fn prove(context: &mut Context<'_>, args: &Prove, json: bool) -> Result<u8, Failure> {
    let probes = usize::from(args.probes);
    let proof = prove::again(context, args.run.as_deref(), args.name.as_deref(), probes, args.num_thread)?;
    Ok(output::proof(&proof, json))
}

fn read(path: impl AsRef<Path>) -> Result<String, Failure> {
    Ok(read_text(FileAction::READING, path.as_ref(), MAX_TEXT)?)
}

pub(super) fn query(context: &mut Context<'_>, args: &Query, json: bool) -> Result<(), Failure> {
    let answering = query::open(context, &args.model, args.base_model.as_deref(), args.threads)?;
    let request = query::QueryRequest {
        temperature: args.temperature,
        top_p: args.top_p,
        max_tokens: args.max_tokens,
        seed: context.seed.unwrap_or(42),
    };
    let mut conversation = query::opening(args.system.as_deref());
    if let Some(prompt) = &args.prompt {
        return ask_once(&answering, &mut conversation, prompt, &request, json);
    }
    let interactive = std::io::stdin().is_terminal();
    let mut lines = std::io::stdin().lock().lines();
    loop {
        if interactive {
            terminal::prompt();
        }
        match lines.next() {
            Some(Ok(line)) if line.trim().is_empty() => {}
            Some(Ok(line)) => ask_once(&answering, &mut conversation, &line, &request, json)?,
            Some(Err(e)) => return Err(Failure::input(format!("standard input: {e}"))),
            None => return Ok(()),
        }
        context.check_interrupt()?;
    }
}

fn ask_once(
    answering: &query::Answering,
    conversation: &mut Vec<query::Message>,
    prompt: &str,
    request: &query::QueryRequest,
    json: bool,
) -> Result<(), Failure> {
    conversation.push(query::user(prompt));
    let text = query::answer(answering, conversation, request, &mut |piece| {
        if !json {
            terminal::print_piece(piece);
        }
    })?;
    if json {
        terminal::print_json(&serde_json::json!({"prompt": prompt, "answer": text}).to_string());
    } else {
        terminal::print("");
    }
    Ok(())
}

pub(super) fn bases(context: &mut Context<'_>, command: &Bases, json: bool) -> Result<(), Failure> {
    match command {
        Bases::List => output::bases(&bases::list(context)?, json),
        Bases::Show { name } => output::base(&bases::show(context, name)?, json),
        Bases::Pull { name } => output::text(&bases::pull(context, name)?, json),
    }
    Ok(())
}

pub(super) fn demo(context: &mut Context<'_>, args: &Demo, json: bool) -> Result<u8, Failure> {
    context.parallel = args.parallel.map(usize::from);
    let request = demo::DemoOptions {
        dir: args.dir.clone(),
        embedded: args.embedded,
        without_replay: args.without_replay,
        quick: args.quick,
        base_model: args.base_model.clone(),
        pull: args.pull,
        threads: args.threads.filter(|n| *n > 0),
    };
    Ok(closing::demo(&demo::run(context, &request)?, json, Style::of_stdout(&context.env)))
}

/// What the command line says of a config's keys, the common options among them.
fn flags_of(context: &Context<'_>, flags: &Flags) -> Raw {
    let models_yaml = context.models_yaml_said.then(|| context.models_yaml.clone());
    Raw { models_yaml, seed: context.seed, ..flags.0.clone() }
}

/// The config of `run` and `plan`, a run's own, a file, or flags alone; what it is for, if that is not said: `train` where
/// it names no new model.
fn run_config(
    file: Option<&Path>,
    resume: Option<&Path>,
    said: Raw,
    purpose: Option<Purpose>,
) -> Result<(RunConfig, Purpose), Failure> {
    let own = resume.map(|run| run.join("run.yaml"));
    if let Some(own) = own.as_ref().filter(|p| !p.is_file()) {
        return Err(Failure::input(format!("{}: no such run", own.display())));
    }
    let usual = Path::new("configs/training_config.json");
    let found = own.as_deref().or(file).or_else(|| (said.dataset_path.is_none() && usual.is_file()).then_some(usual));
    let (said, place) = RunConfig::said(found, said)?;
    let named = said.output_model_name.is_some();
    let purpose = purpose.unwrap_or(if named { Purpose::Run } else { Purpose::Train });
    Ok((RunConfig::resolve(said, purpose, &place)?, purpose))
}

/// `--embedded` is also the remedy where no daemon answers.
pub(super) fn run(context: &mut Context<'_>, args: &Run, json: bool) -> Result<u8, Failure> {
    run_or_plan(context, args, json).map_err(Failure::or_embedded)
}

fn run_or_plan(context: &mut Context<'_>, args: &Run, json: bool) -> Result<u8, Failure> {
    let said = flags_of(context, &args.flags);
    let (config, purpose) = run_config(args.config.as_deref(), args.resume.as_deref(), said, Some(Purpose::Run))?;
    context.adopt(&config)?;
    context.parallel = args.parallel.map(usize::from);
    if args.dry_run {
        output::plan(&plan::plan(context, &config, purpose)?, json);
        return Ok(0);
    }
    promotion::recover(context)?;
    // It lives as long as the run.
    let _server = args.embedded.then(|| serving::embedded(context, &config.runs_dir.join("store"))).transpose()?;
    if args.pull {
        bases::pull_missing(context, &config.model_to_fine_tune)?;
    }
    let options = pipeline::Options {
        until: args.until.unwrap_or(pipeline::Step::Promote),
        force: args.force,
        resumed: args.resume.clone(),
        against: None,
        limit: None,
        likelihood: args.likelihood,
        control: args.control,
    };
    Ok(closing::ended(&pipeline::run(context, &config, &options)?, json, Style::of_stdout(&context.env)))
}

pub(super) fn plan(context: &mut Context<'_>, args: &Plan, json: bool) -> Result<(), Failure> {
    let (config, purpose) = run_config(args.config.as_deref(), None, flags_of(context, &args.flags), None)?;
    context.adopt(&config)?;
    output::plan(&plan::plan(context, &config, purpose)?, json);
    Ok(())
}

pub(super) fn eval(context: &mut Context<'_>, args: &Eval, json: bool) -> Result<u8, Failure> {
    context.parallel = args.parallel.map(usize::from);
    let suites = args.suite.iter().map(|said| evaluate::suite_name(said)).collect::<Result<Vec<_>, _>>()?;
    if benchmark::is_asked(&suites)? {
        let verdict_only = [
            args.blind,
            args.judge.is_some(),
            args.samples.is_some(),
            args.no_cache,
            args.bert_score.is_some(),
            args.likelihood,
            args.control,
        ];
        if verdict_only.contains(&true) {
            let what = "--blind, --judge, --samples, --no-cache, --bert-score, --likelihood and --control belong to an evaluation with a verdict; jarvis has none";
            return Err(Failure::new(Kind::Usage, what).hint("give them with another suite"));
        }
        let request = benchmark::BenchmarkRequest {
            model: args.model.clone(),
            against: args.against.clone(),
            role: args.role.clone(),
            embed: args.embed.clone(),
            limit: args.limit,
            output: args.output.clone(),
            num_thread: args.num_thread,
            junit: args.junit.clone(),
        };
        output::benchmark(&benchmark::run(context, &request)?, json);
        return Ok(0);
    }
    let Some(model) = &args.model else {
        return Err(Failure::new(
            Kind::Usage,
            "give --model MODEL, the candidate; only `--suite jarvis` finds one itself",
        ));
    };
    promotion::check_registry(context)?;
    let request = evaluate::EvalRequest {
        role: args.role.clone(),
        suites,
        model: model.clone(),
        against: args.against.clone(),
        embed: args.embed.clone(),
        limit: args.limit,
        output: args.output.clone(),
        junit: args.junit.clone(),
        judge: args.judge.clone(),
        samples: args.samples,
        no_cache: args.no_cache,
        bert_score: args.bert_score.clone().map(|folder| BertFolder { folder, layers: args.bert_layers }),
        num_thread: args.num_thread,
        likelihood: args.likelihood,
        control: args.control,
    };
    let mut person = args.blind.then(|| AtTerminal::new(&context.env)).transpose()?;
    let voter = person.as_mut().map(|person| person as &mut dyn Voter);
    let outcome = evaluate::alone(context, &request, voter)?;
    // The role's own suites, against what it uses now: its gate.
    let own = args.suite.is_empty() && outcome.suite_digests.iter().any(|(name, _)| name != evaluate::GENERAL);
    if let (Some(role), true, None) = (&args.role, own, &args.against) {
        promotion::record_gate(context, role, model, &outcome);
    }
    Ok(output::evaluated(&outcome, json))
}
