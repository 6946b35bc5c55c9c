//! The whole way on one page: a JSONL file becomes a better model in Ollama, with proof, or the way says why not.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use super::evaluate::{self, Trial};
use super::training::TrainingSet;
use super::{Context, Failure, Kind, data, delivery, export, promotion, prove, training};
use crate::base::Base;
use crate::config::{Delivery, General, Role, RunConfig};
use crate::dataset::{self, Record};
use crate::eval::Decision;
use crate::lora::{Adapter, Hf};
use crate::model::Model;
use crate::modelfile::Modelfile;
use crate::ollama::Client;
use crate::store::{Digest, RunDir, write_whole};

/// The stages, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// The daemon is the embedded server.
    pub embedded: bool,
    /// v1 of the evaluation, where it is not the role's own model.
    pub against: Option<String>,
    /// Prompts of each suite, for a quick look; the verdict is then INCONCLUSIVE.
    pub limit: Option<usize>,
}

/// How a way ended.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Ended {
    pub run: std::path::PathBuf,
    pub model: String,
    /// None: the way ended before its gate, or there was none.
    pub verdict: Option<Decision>,
    pub promoted: Option<String>,
    /// Why not promoted, when not.
    pub because: Option<String>,
    /// The evaluation's words, for people.
    pub summary: Option<String>,
}

/// What is open during a way.
struct Way<'a> {
    config: &'a RunConfig,
    options: &'a Options,
    base: Base,
    client: Client,
    run: RunDir,
    records: Vec<Record>,
    held_out: Vec<Record>,
    role: Option<Role>,
    why_no_role: Option<String>,
    /// models.yaml as it was read: nobody may change it until the swap.
    roles_file: Option<Digest>,
}

/// Everything that can be refused is refused before the first step trains.
pub fn run(context: &mut Context<'_>, config: &RunConfig, options: &Options) -> Result<Ended, Failure> {
    let mut way = open(context, config, options)?;
    let mut ended = Ended {
        run: way.run.root().to_path_buf(),
        model: config.output_model_name.clone(),
        verdict: None,
        promoted: None,
        because: None,
        summary: None,
    };
    if options.until == Step::Data {
        return Ok(ended);
    }
    let adapter = way.train(context)?;
    if options.until == Step::Train {
        return Ok(ended);
    }
    let (exported, digest) = way.export(context, &adapter)?;
    if options.until == Step::Export {
        return Ok(ended);
    }
    let modelfile = way.modelfile(context, &exported)?;
    way.register_and_prove(context, (&adapter, &exported, digest), &modelfile)?;
    if options.until <= Step::Prove {
        return Ok(ended);
    }
    let Some(role) = way.role.clone() else {
        let why = way.why_no_role.clone().unwrap_or_default();
        context.report.note(&format!("not promoted: {why}"));
        ended.because = Some(why);
        return Ok(ended);
    };
    if crate::config::same_model(&role.model_name, &config.output_model_name) {
        context.report.note(&format!("role {} uses {} already", role.name, role.model_name));
        ended.promoted = Some(role.name);
        return Ok(ended);
    }
    let outcome = evaluate::judge(context, &way.client, &way.trial(&role))?;
    ended.verdict = Some(outcome.decision);
    ended.summary = Some(outcome.summary.clone());
    if !outcome.promotable() {
        ended.because = Some(outcome.reasons.join("; "));
    } else if options.until == Step::Promote {
        let evidence = promotion::Evidence { run: Some(way.run.id()), gguf: Some(digest), read: way.roles_file };
        promotion::promote(context, &way.client, (&role, &config.output_model_name), (&outcome, &evidence))?;
        ended.promoted = Some(role.name);
    }
    Ok(ended)
}

/// Daemon, base, data, name, role, run folder: in the order in which a user would want to hear of a fault.
fn open<'a>(context: &mut Context<'_>, config: &'a RunConfig, options: &'a Options) -> Result<Way<'a>, Failure> {
    // A fault of the data is heard before a fault of the daemon.
    dataset::read(&config.dataset_path)?;
    let client = context.client()?;
    let capabilities = client.capabilities()?;
    if config.delivery == Delivery::Adapter && !capabilities.lora_adapters {
        return Err(Failure::new(
            Kind::Daemon,
            format!(
                "delivery: adapter, but Ollama {} takes no LoRA adapters (0.34.0 was the last that did)",
                capabilities.version.text
            ),
        )
        .hint("leave `delivery` out: the merged model is delivered"));
    }
    let base = context.open_base(&config.model_to_fine_tune)?;
    base.weights.check_finite()?;
    delivery::check_name(&client, &config.output_model_name, options.force)?;
    let (role, why_no_role) = find_role(context, config)?;
    let roles_file = context.roles()?.map(|r| r.digest);
    let (records, held_out) = records(config, role.as_ref())?;
    if let Some(role) = &role {
        evaluate::check_suites(role, config, &held_out, &records)?;
    }
    let id = run_id(config, &base)?;
    let run = RunDir::open(&config.runs_dir.join(&id), &id)?;
    write_whole(run.path("run.yaml"), config.to_yaml().as_bytes())?;
    context.report.note(&format!("run: {}", run.root().display()));
    Ok(Way { config, options, base, client, run, records, held_out, role, why_no_role, roles_file })
}

/// A role without a suite is judged on this share of the dataset, held out of training.
const HELD_OUT: f64 = 0.1;

/// The name, and what decides the result: the same inputs find the same run again.
fn run_id(config: &RunConfig, base: &Base) -> Result<String, Failure> {
    let mut text = format!("{}\n{}\n{}", config.digest(), base.digest, Digest::of_file(&config.dataset_path)?);
    if let Some(path) = &config.eval_dataset {
        text.push_str(&Digest::of_file(path)?.to_string());
    }
    let name: String = config
        .output_model_name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
        .collect();
    Ok(format!("{name}-{}", Digest::of_bytes(text.as_bytes()).short()))
}

/// (trained, held out): the eval file, or a tenth of the dataset where a role has no suite of its own.
pub fn records(config: &RunConfig, role: Option<&Role>) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    let all = dataset::read(&config.dataset_path)?;
    Ok(match &config.eval_dataset {
        Some(path) => (all, dataset::read(path)?),
        None if role.is_some_and(|r| r.eval.is_empty()) => dataset::split(all, HELD_OUT, config.seed),
        None => (all, Vec::new()),
    })
}

/// `role:` of the config, else the one role that uses the model to fine-tune; else none, and why.
pub fn find_role(context: &Context<'_>, config: &RunConfig) -> Result<(Option<Role>, Option<String>), Failure> {
    let Some(roles) = context.roles()? else {
        return Ok((None, Some(format!("{} is not there", context.models_yaml.display()))));
    };
    if let Some(name) = &config.role {
        return Ok((Some(roles.role(name)?.clone()), None));
    }
    let users = roles.roles_of_model(&config.model_to_fine_tune);
    let named = roles.role(&config.model_to_fine_tune).ok();
    match (named, users.as_slice()) {
        (Some(role), _) => Ok((Some(role.clone()), None)),
        (None, [role]) => Ok((Some((*role).clone()), None)),
        _ => Ok((None, Some(format!("no single role uses {}", config.model_to_fine_tune)))),
    }
}

impl Way<'_> {
    fn inputs(&self, pairs: &[(&str, String)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect()
    }

    fn train(&mut self, context: &mut Context<'_>) -> Result<Adapter<Hf>, Failure> {
        let inputs = self.inputs(&[
            ("config", self.config.digest().to_string()),
            ("base", self.base.digest.to_string()),
            ("dataset", Digest::of_file(&self.config.dataset_path)?.to_string()),
        ]);
        let folder = self.run.path("final");
        if self.run.done("train", &inputs)? {
            context.report.note("trained already: nothing of it changed");
            return Ok(Adapter::load(&folder, self.base.weights.config())?);
        }
        let started = Instant::now();
        let model = Model::new(&self.base.weights, self.config.threads.unwrap_or(0))?;
        let set: TrainingSet =
            training::prepare(context, self.config, (&self.base, &model), (&self.records, &self.held_out))?;
        let fingerprint = serde_json::json!({
            "dataset": self.config.dataset_path, "records": set.records, "held_out": set.held_out, "replayed": set.replayed, "tokens": set.tokens,
        });
        write_whole(self.run.path("data/fingerprint.json"), fingerprint.to_string().as_bytes())?;
        let root = self.run.root().to_path_buf();
        let (adapter, summary) = training::train(context, self.config, (&self.base, &model, &set), &root, true)?;
        let text = serde_json::to_vec_pretty(&summary).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("train.json"), &text)?;
        let outputs = ["final/adapter_config.json", "final/adapter_model.safetensors"];
        self.run.record("train", inputs, &outputs, started.elapsed())?;
        copy_for_people(&folder, &self.config.output.join("final"))?;
        Ok(adapter)
    }

    fn export(
        &mut self,
        context: &mut Context<'_>,
        adapter: &Adapter<Hf>,
    ) -> Result<(std::path::PathBuf, Digest), Failure> {
        let (name, what) = match self.config.delivery {
            Delivery::Adapter => ("gguf/adapter.gguf".to_owned(), export::What::AdapterGguf),
            Delivery::Merged => {
                let quant = self.config.quant;
                (format!("gguf/model-{quant}.gguf"), export::What::MergedGguf(quant, self.config.quant_floor))
            }
        };
        let weights = Digest::of_file(self.run.path("final/adapter_model.safetensors"))?;
        let inputs = self.inputs(&[
            ("adapter", weights.to_string()),
            ("base", self.base.digest.to_string()),
            ("what", format!("{what:?}")),
            ("seed", self.config.seed.to_string()),
        ]);
        let path = self.run.path(&name);
        if self.run.done("export", &inputs)? {
            context.report.note("exported already");
            return Ok((path.clone(), Digest::of_file(&path)?));
        }
        let started = Instant::now();
        let lineage = [
            ("name", self.config.output_model_name.clone()),
            ("run", self.run.id().to_owned()),
            ("base", self.base.digest.to_string()),
            ("adapter", weights.to_string()),
            ("dataset", Digest::of_file(&self.config.dataset_path)?.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v));
        let exported = export::write(context, &self.base, adapter, &path, (what, &lineage))?;
        let survival = serde_json::to_vec_pretty(&exported.survival).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("gguf/survival.json"), &survival)?;
        self.run.record("export", inputs, &[&name], started.elapsed())?;
        Ok((path, exported.digest))
    }

    /// The Modelfile, kept in the run and where people look for it.
    fn modelfile(&self, context: &mut Context<'_>, exported: &Path) -> Result<String, Failure> {
        let adapter = self.config.delivery == Delivery::Adapter;
        let base_path = match &self.base.source {
            crate::base::Source::Ollama { name, .. } => std::path::PathBuf::from(name),
            crate::base::Source::GgufFile(path) | crate::base::Source::HfFolder(path) => path.clone(),
        };
        let wishes = delivery::Wishes {
            from: if adapter { &base_path } else { exported },
            adapter: adapter.then_some(exported),
            system: self.config.system.clone().or_else(|| only_system(&self.records)),
            num_ctx: self.config.num_ctx,
            lineage: vec![
                ("run".to_owned(), self.run.id().to_owned()),
                ("base".to_owned(), self.base.digest.to_string()),
            ],
            user_template: None,
        };
        let text = delivery::modelfile(context, &self.base, &wishes)?;
        // Beside the runs: `Modelfiles/` in the user's folder, the demo's in its own.
        let beside = self.config.runs_dir.parent().unwrap_or(Path::new("")).join("Modelfiles");
        delivery::keep_modelfile(&text, (&beside, &self.run.path("Modelfile")), &self.config.output_model_name)?;
        Ok(text)
    }

    /// As a candidate, proved, then under its name: a good model is never overwritten by an unproved one.
    fn register_and_prove(
        &mut self,
        context: &mut Context<'_>,
        (adapter, exported, digest): (&Adapter<Hf>, &Path, Digest),
        modelfile: &str,
    ) -> Result<(), Failure> {
        let name = &self.config.output_model_name;
        let inputs = self.inputs(&[
            ("file", digest.to_string()),
            ("modelfile", Digest::of_bytes(modelfile.as_bytes()).to_string()),
            ("daemon", self.client.host().to_string()),
            ("probes", self.config.probes.to_string()),
        ]);
        let proved = self.run.done("prove", &inputs)?;
        if proved && self.serves(name)? {
            context.report.note(&format!("{name} is registered and proved already"));
            return Ok(());
        }
        let candidate = delivery::candidate_name(name);
        delivery::register(context, &self.client, modelfile, &candidate)?;
        if self.options.until == Step::Register {
            context.report.note(&format!("{candidate} is registered, not proved"));
            return Ok(());
        }
        let started = Instant::now();
        let file = Modelfile::parse(modelfile)?;
        let wishes = prove::Wishes {
            model: &candidate,
            exported,
            system: file.system(),
            sample: &data::conversations(&self.records),
            probes: self.config.probes,
            num_thread: self.config.num_thread,
            threads: self.config.threads.unwrap_or(0),
            embedded: self.options.embedded,
            seed: self.config.seed,
        };
        let proof = prove::prove(context, &self.client, (&self.base, adapter), &wishes)?;
        let text = serde_json::to_vec_pretty(&proof).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("proof.json"), &text)?;
        if let Some(fault) = proof.first_fault() {
            return Err(Failure::new(Kind::Proof, format!("the proof failed, {fault}")).hint(format!(
                "{name} is untouched; the candidate stays as {candidate}; all numbers: {}",
                self.run.path("proof.json").display()
            )));
        }
        delivery::settle(&self.client, &candidate, name)?;
        self.run.record("prove", inputs, &["proof.json"], started.elapsed())?;
        Ok(())
    }

    /// Whether the daemon has the model of this very run under `name`.
    fn serves(&self, name: &str) -> Result<bool, Failure> {
        let run = self.client.show(name)?.and_then(|show| delivery::lineage_of(&show, "run"));
        Ok(run.as_deref() == Some(self.run.id()))
    }

    fn trial<'w>(&'w self, role: &'w Role) -> Trial<'w> {
        Trial {
            role,
            v1: self.options.against.clone().unwrap_or_else(|| role.model_name.clone()),
            v2: self.config.output_model_name.clone(),
            general: self.config.general == General::On,
            held_out: &self.held_out,
            trained: &self.records,
            // Both arms are fed by raw prompts only where both have the base's own template.
            base: self.same_as_v1(role).then_some(&self.base),
            output: self.run.path("eval"),
            limit: self.options.limit,
            num_thread: self.config.num_thread,
            seed: self.config.seed,
            adapter: Some(self.run.path("final").display().to_string()),
        }
    }

    fn same_as_v1(&self, role: &Role) -> bool {
        let v1 = self.options.against.as_deref().unwrap_or(&role.model_name);
        crate::config::same_model(v1, &self.config.model_to_fine_tune)
            || self.client.show(v1).ok().flatten().is_some_and(|s| s.from.ends_with(&self.base.digest.blob_name()))
    }
}

/// The system text of the data, when every conversation has the same one.
fn only_system(records: &[Record]) -> Option<String> {
    let conversations = data::conversations(records);
    let mut texts =
        conversations.iter().map(|c| c.first().filter(|m| m.role == crate::chat::Role::System).map(|m| &m.content));
    let first = texts.next()??;
    texts.all(|t| t == Some(first)).then(|| first.clone())
}

/// `output/**/final`, for old habits.
fn copy_for_people(from: &Path, to: &Path) -> Result<(), Failure> {
    let fault = |e| crate::store::StoreError::new("reading", from, e);
    for entry in std::fs::read_dir(from).map_err(fault)? {
        let path = entry.map_err(fault)?.path();
        if let (true, Some(name)) = (path.is_file(), path.file_name()) {
            write_whole(to.join(name), &std::fs::read(&path).map_err(fault)?)?;
        }
    }
    Ok(())
}
