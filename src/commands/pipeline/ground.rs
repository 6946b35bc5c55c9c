//! What a run of the pipeline stands on, and everything that can be refused before the first step trains.

use std::path::Path;

use super::state::{Inputs, Options, PipelineRun, Step};
use super::{changed, places};
use crate::base::{Base, Source};
use crate::commands::evaluate;
use crate::commands::{Context, Failure, Kind, data, delivery, serving, setup, training};
use crate::config::{Delivery, RunConfig};
use crate::dataset::Record;
use crate::events::{EventLog, Note};
use crate::modelfile::Modelfile;
use crate::ollama::{Client, OllamaError};
use crate::roles::{ModelsYaml, Role};
use crate::store::{Digest, FileAction, MAX_TEXT, RunDir, check_read_inside, read_text, write_whole};

/// Daemon, base, data, name, role, run folder: in the order in which a user would want to hear of a fault.
pub(super) fn open<'a>(
    context: &mut Context<'_>,
    config: &'a RunConfig,
    options: &'a Options,
) -> Result<PipelineRun<'a>, Failure> {
    // A fault of the data is heard before a fault of the daemon.
    let dataset = data::read(config)?;
    let client = context.client()?;
    let embedded = client.capabilities()?.version.is_embedded_server();
    let base = context.open_base_to_train(&config.model_to_fine_tune)?;
    check_delivery(&client, config, &base)?;
    setup::check(config, &base)?;
    base.weights.check_finite()?;
    delivery::check_name(&client, &config.output_model_name, options.force)?;
    let (role, why_no_role) = find_role(context, config)?;
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    places::check(context, config, options, role.as_ref())?;
    data::say_notes(context, &dataset);
    let (records, held_out) = records(context, config, role.as_ref(), &base, dataset.records)?;
    let split = data::Split { train: &records, held_out: &held_out };
    if let Some(role) = &role {
        let note = evaluate::check_suites(role, config, &base, split)?;
        note.into_iter().for_each(|note| context.report.note(note));
    }
    setup::check_evaluation(config, &held_out)?;
    let mut inputs = training::inputs(config, split)?;
    training::add_base(&mut inputs, &base.identity());
    inputs.insert("dataset".to_owned(), dataset.digest.to_string());
    let id = run_id(config, &inputs);
    if let Some(resumed) = options.resumed.as_deref().filter(|r| r.file_name().is_none_or(|name| *name != *id)) {
        let changed = RunDir::recorded(resumed, "train")?.map(|record| changed::words(&record, &inputs));
        let changed = changed.map(|words| format!(" ({words} changed)")).unwrap_or_default();
        return Err(Failure::input(format!(
            "{}: with these settings, data and base it would be another run, {id}{changed}",
            resumed.display()
        ))
        .hint("leave out the flags that change the training, or start it as a new run, without --resume"));
    }
    refuse_overwrite(config, &base, &id)?;
    let run = RunDir::open(&config.runs_dir.join(&id), &id)?;
    context.report.keep_in(EventLog::open(&run.path(EventLog::NAME))?);
    if run.step("train").is_none() {
        let again = changed::since_last(config, &prefix(config), &inputs)?;
        again.into_iter().for_each(|note| context.report.note(note));
    }
    context.report.note(Note::Run { path: run.root().to_path_buf() });
    let served_by = roles.as_ref().map(|r| names_served_by(r, &config.output_model_name)).unwrap_or_default();
    let roles_file = roles.map(|r| r.digest);
    let pipeline = PipelineRun {
        config,
        options,
        base,
        client,
        embedded,
        run,
        inputs,
        dataset: dataset.digest,
        records,
        held_out,
        role,
        why_no_role,
        template: own_template(context)?,
        served_by,
        roles_file,
    };
    pipeline.check(context)?;
    write_whole(pipeline.run.path("run.yaml"), config.to_yaml().as_bytes())?;
    Ok(pipeline)
}

/// The roles that `model` serves, as models.yaml is now: another run may have promoted since this one began.
pub(super) fn roles_served_by(context: &Context<'_>, model: &str) -> Result<Vec<String>, Failure> {
    Ok(context.roles()?.map(|roles| names_served_by(&roles, model)).unwrap_or_default())
}

fn names_served_by(roles: &ModelsYaml, model: &str) -> Vec<String> {
    roles.roles_of_model(model).iter().map(|r| r.name.clone()).collect()
}

fn check_delivery(client: &Client, config: &RunConfig, base: &Base) -> Result<(), Failure> {
    if config.delivery != Delivery::Adapter {
        return Ok(());
    }
    if let Some(why) = client.capabilities()?.adapter_refusal(base.weights.config().family.gguf) {
        let kind = Kind::Daemon;
        return Err(Failure::new(kind, format!("delivery: adapter: {why}")).hint("leave `delivery` out: merged"));
    }
    match &base.source {
        Source::HfFolder(path) => Err(Failure::input(format!(
            "delivery: adapter, but {} is a folder, which no daemon serves: leave `delivery` out, or give a GGUF",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// `templates/modelfile.tera` of the project, as `init` lays it out, where somebody changed it.
fn own_template(context: &mut Context<'_>) -> Result<Option<String>, Failure> {
    let path = Path::new("templates/modelfile.tera");
    if !path.exists() {
        return Ok(None);
    }
    // Its text goes to the daemon.
    check_read_inside(path)?;
    let text = read_text(FileAction::READING, path, MAX_TEXT)?;
    if text == crate::modelfile::BUILT_IN {
        return Ok(None);
    }
    context.report.note(Note::OwnModelfileTemplate { path: path.to_path_buf() });
    Ok(Some(text))
}

/// A role without a suite is judged on this share of the dataset, held out of training.
const HELD_OUT: f64 = 0.1;

/// The name that the folders of a model's runs begin with.
fn prefix(config: &RunConfig) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' };
    config.output_model_name.chars().map(plain).collect()
}

/// From the inputs as versioned JSON with sorted keys.
fn run_id(config: &RunConfig, inputs: &Inputs) -> String {
    const FORMAT: u32 = 2;
    let inputs = serde_json::json!({"format": FORMAT, "inputs": inputs}).to_string();
    format!("{}-{}", prefix(config), Digest::of_bytes(inputs.as_bytes()).short())
}

/// The run's folder, and the copy of the adapter that is made for people, are none of what the run reads.
fn refuse_overwrite(config: &RunConfig, base: &Base, id: &str) -> Result<(), Failure> {
    let mut read = training::files_read(config, base)?;
    if let Some(folder) = &config.from_adapter {
        read.add("the adapter that training begins from", folder);
    }
    read.refuse_overwrite_in(&config.runs_dir.join(id), training::is_written)?;
    Ok(read.refuse_overwrite_in(&config.output, |name| name == "final")?)
}

/// (trained, held out), as the daemon will show them: the eval file, `eval_split` of the dataset, or a tenth of it where
/// a role has no suite of its own.
pub fn records(
    context: &mut Context<'_>,
    config: &RunConfig,
    role: Option<&Role>,
    base: &Base,
    all: Vec<Record>,
) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    let all = data::served(context, all, base, config.system.as_deref());
    parts(config, role, base, all)
}

/// The same of records as they are served.
pub fn parts(
    config: &RunConfig,
    role: Option<&Role>,
    base: &Base,
    served: Vec<Record>,
) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    data::held_out(config, served, base, role.filter(|r| r.eval.is_empty()).map(|_| HELD_OUT))
}

/// `role:` of the config, else the one role that uses the model to fine-tune, or has come to use the tuned one; else
/// none, and why.
pub fn find_role(context: &Context<'_>, config: &RunConfig) -> Result<(Option<Role>, Option<String>), Failure> {
    let Some(roles) = context.roles()? else {
        return Ok((None, Some(format!("{} is not there", context.models_yaml.display()))));
    };
    if let Some(name) = &config.role {
        return Ok((Some(roles.role(name)?.clone()), None));
    }
    let mut users = roles.roles_of_model(&config.model_to_fine_tune);
    if users.is_empty() {
        users = roles.roles_of_model(&config.output_model_name);
    }
    let named = roles.role(&config.model_to_fine_tune).ok();
    match (named, users.as_slice()) {
        (Some(role), _) => Ok((Some(role.clone()), None)),
        (None, [role]) => Ok((Some((*role).clone()), None)),
        _ => Ok((None, Some(format!("no single role uses {}", config.model_to_fine_tune)))),
    }
}

impl PipelineRun<'_> {
    /// What would otherwise be heard of only after the training.
    fn check(&self, context: &mut Context<'_>) -> Result<(), Failure> {
        if self.options.until < Step::Register {
            return Ok(());
        }
        delivery::left_behind(&self.base).into_iter().for_each(|note| context.report.note(note));
        let text = delivery::modelfile(&self.base, &self.delivery_options(Path::new("model.gguf")))?;
        let file = Modelfile::parse(&text)?;
        file.parameters()?;
        if self.options.until > Step::Register && self.registered()?.is_none() {
            self.refuse_live_name(&context.models_yaml)?;
        }
        match &self.role {
            Some(role) if self.options.until >= Step::Eval => {
                evaluate::check_template_tools(role, file.template())?;
                self.check_v1(context, role)
            }
            _ => Ok(()),
        }
    }

    /// Both arms and the embedder must be there to be asked.
    fn check_v1(&self, context: &mut Context<'_>, role: &Role) -> Result<(), Failure> {
        let v1 = self.v1(role);
        let needed = std::iter::once(v1).chain(role.embedding.as_deref());
        for model in needed.filter(|m| !crate::roles::same_model(m, &self.config.output_model_name)) {
            if self.client.tag(model)?.is_some() {
                continue;
            }
            // The embedded server starts empty.
            if self.embedded && model == v1 && crate::roles::same_model(v1, &self.config.model_to_fine_tune) {
                serving::untuned(context, &self.client, &self.base, v1)?;
                continue;
            }
            return Err(Failure::from(OllamaError::NoModel(model.to_owned())).hint(format!(
                "the role {} needs it for the evaluation; {} may name another one",
                role.name,
                context.models_yaml.display()
            )));
        }
        evaluate::check_role_tools(&self.client, role, v1)?;
        if self.options.likelihood { self.check_likelihood(context, role) } else { Ok(()) }
    }

    /// What the role uses now, or what the caller compares with.
    pub(super) fn v1<'r>(&'r self, role: &'r Role) -> &'r str {
        self.options.against.as_deref().unwrap_or(&role.model_name)
    }

    /// The system text of the data, when every conversation has the same one.
    pub(super) fn only_system(&self) -> Option<String> {
        let conversations = data::conversations(&self.records);
        let mut texts =
            conversations.iter().map(|c| c.first().filter(|m| m.role == crate::chat::Role::System).map(|m| &m.content));
        let first = texts.next()??;
        texts.all(|t| t == Some(first)).then(|| first.clone())
    }
}
