//! The whole pipeline on one page: dataset and base to a model in Ollama that is proved, evaluated and promoted, or the
//! reason why not.

mod changed;
mod ground;
mod likelihood;
mod places;
mod registered;
mod registration;
mod state;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::evaluate::{self, Comparison, ControlPlan};
use super::training::TrainingSet;
use super::{Context, Failure, Kind, data, delivery, export, promotion, reporting, setup, training};
use crate::base::Source;
use crate::config::{Delivery, RunConfig};
use crate::eval::Decision;
use crate::events::{Note, Stage};
use crate::lora::{Adapter, Hf};
use crate::roles::{General, Role};
use crate::store::{
    Digest, FileAction, Lock, LockWait, OpenFor, StoreError, WholeFile, check_read_inside, create_folder,
    open_nofollow, write_whole,
};
use crate::train;
pub use ground::{find_role, parts, records};
pub use registration::{Registered, exported_file};
pub use state::{Options, Step};
use state::{PipelineRun, inputs};

/// How a run of the pipeline ended.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Ended {
    pub run: PathBuf,
    pub model: String,
    /// Whether the daemon has it under its name, proved.
    pub registered: bool,
    /// The daemon is the embedded server, which ends with the program.
    pub embedded: bool,
    pub models_yaml: PathBuf,
    /// Of this run's gate, or of the one on record that has passed this very model. None: the run ended before its gate, or
    /// there was none.
    pub verdict: Option<Decision>,
    pub promoted: Option<String>,
    /// Why not promoted, when not.
    pub because: Option<String>,
    /// The evaluation's words, for people.
    pub summary: Option<String>,
}

/// Everything that can be refused is refused before the first step trains.
pub fn run(context: &mut Context<'_>, config: &RunConfig, options: &Options) -> Result<Ended, Failure> {
    let mut pipeline = ground::open(context, config, options)?;
    let ended = steps(context, &mut pipeline);
    reporting::write_end(context, pipeline.run.root(), ended.as_ref().err());
    ended
}

fn steps(context: &mut Context<'_>, pipeline: &mut PipelineRun<'_>) -> Result<Ended, Failure> {
    let (config, options) = (pipeline.config, pipeline.options);
    let mut ended = Ended {
        run: pipeline.run.root().to_path_buf(),
        model: config.output_model_name.clone(),
        registered: false,
        embedded: pipeline.embedded,
        models_yaml: context.models_yaml.clone(),
        verdict: None,
        promoted: None,
        because: None,
        summary: None,
    };
    if options.until == Step::Data {
        return Ok(ended);
    }
    let adapter = pipeline.train(context)?;
    if options.until == Step::Train {
        return Ok(ended);
    }
    let (exported, digest) = pipeline.export(context, &adapter)?;
    if options.until == Step::Export {
        return Ok(ended);
    }
    let fresh = pipeline.register_and_prove(context, &adapter, &exported, digest)?;
    ended.registered = options.until >= Step::Prove;
    if options.until <= Step::Prove {
        return Ok(ended);
    }
    let Some(role) = pipeline.role.clone() else {
        let why = pipeline.why_no_role.clone().unwrap_or_default();
        context.report.note(Note::NotPromoted { reason: why.clone() });
        ended.because = Some(why);
        return Ok(ended);
    };
    let named_already = crate::roles::same_model(&role.model_name, &config.output_model_name);
    if named_already && !fresh {
        // What has nothing but itself to be compared with is not judged; else a verdict on record is needed.
        let compared = !crate::roles::same_model(pipeline.v1(&role), &config.output_model_name);
        if !compared || pipeline.has_passed(&context.models_yaml, &role)? {
            context.report.note(Note::RoleUsesAlready { role: role.name.clone(), model: role.model_name.clone() });
            ended.verdict = compared.then_some(Decision::Pass);
            ended.promoted = Some(role.name);
            return Ok(ended);
        }
    }
    let likelihood = match options.likelihood {
        true => Some(pipeline.likelihood(context, &role, &exported, &adapter)?),
        false => None,
    };
    let control = options.control.then(|| pipeline.control(&adapter));
    let outcome =
        evaluate::judge(context, &pipeline.client, &Comparison { likelihood, control, ..pipeline.comparison(&role) })?;
    ended.verdict = Some(outcome.decision);
    ended.summary = Some(outcome.summary.clone());
    promotion::record_gate(context, &role.name, &config.output_model_name, &outcome);
    if !outcome.promotable() {
        let mut reasons = outcome.reasons;
        if named_already {
            reasons.push(format!("the role {} is served by it all the same: models.yaml names it already", role.name));
        }
        ended.because = Some(reasons.join("; "));
    } else if named_already {
        ended.promoted = Some(role.name);
    } else if options.until == Step::Promote {
        let candidate = promotion::Candidate { role: &role, model: &config.output_model_name };
        let evidence =
            promotion::Evidence { run: Some(pipeline.run.id()), gguf: Some(digest), read: pipeline.roles_file };
        promotion::promote(context, &pipeline.client, &candidate, &outcome, &evidence)?;
        ended.promoted = Some(role.name);
    }
    Ok(ended)
}

impl PipelineRun<'_> {
    fn train(&mut self, context: &mut Context<'_>) -> Result<Adapter<Hf>, Failure> {
        let folder = self.run.path("final");
        if self.run.done("train", &self.inputs)? {
            context.report.skip(Stage::Train);
            copy_for_people(&folder, &self.config.output)?;
            return Ok(Adapter::load(&folder, self.base.weights.spec())?);
        }
        let started = Instant::now();
        self.base.weights.check_length()?;
        let (model, given) = setup::model(context, self.config, &self.base)?;
        let set: TrainingSet = training::prepare(context, self.config, &self.base, &model, self.split())?;
        let model = setup::beside(model, [&set.train, &set.eval]);
        let fingerprint = serde_json::json!({
            "dataset": self.config.dataset_path, "digest": self.dataset.to_string(), "records": set.records, "held_out": set.held_out, "replayed": set.replayed, "tokens": set.tokens, "cuts": set.cuts,
        });
        write_whole(self.run.path("data/fingerprint.json"), fingerprint.to_string().as_bytes())?;
        let root = self.run.root().to_path_buf();
        let setup = setup::Setup { base: &self.base, model: &model, given: given.as_ref(), examples: &set.train };
        setup::say_how(context, self.config, setup)?;
        let training = training::Training { config: self.config, base: &self.base, model: &model, set: &set };
        let (adapter, summary) = training::train(context, &training, given, &root, true)?;
        let text = serde_json::to_vec_pretty(&summary).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("train.json"), &text)?;
        self.run.record("train", self.inputs.clone(), &training::OUTPUTS, started.elapsed())?;
        reporting::write(context, &root);
        copy_for_people(&folder, &self.config.output)?;
        Ok(adapter)
    }

    fn export(
        &mut self,
        context: &mut Context<'_>,
        adapter: &Adapter<Hf>,
    ) -> Result<(std::path::PathBuf, Digest), Failure> {
        let RunConfig { quant, quant_floor: floor, delivery, .. } = *self.config;
        let what = match delivery {
            Delivery::Adapter => export::What::AdapterGguf,
            Delivery::Merged => export::What::MergedGguf { quant, floor },
        };
        let name = registration::exported_file(self.config);
        let weights = Digest::of_file(self.run.path("final/adapter_model.safetensors"))?;
        let inputs = inputs(&[
            ("adapter", weights.to_string()),
            ("base", self.base.identity().digest().to_string()),
            ("name", self.config.output_model_name.clone()),
            ("what", serde_json::json!({"version": 1, "what": what}).to_string()),
            ("rounding", crate::export::ROUNDING.to_string()),
            ("seed", self.config.seed.to_string()),
        ]);
        let path = self.run.path(&name);
        if self.run.done("export", &inputs)? {
            context.report.skip(Stage::Export);
            return Ok((path.clone(), Digest::of_file(&path)?));
        }
        let started = Instant::now();
        self.base.weights.check_length()?;
        let mut lineage = delivery::lineage(&self.base);
        let own = [
            ("name", self.config.output_model_name.clone()),
            ("run", self.run.id().to_owned()),
            ("adapter", weights.to_string()),
            ("dataset", self.dataset.to_string()),
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
        ]
        .map(|(k, v)| (k.to_owned(), v));
        lineage.extend(own);
        let target = export::ExportTarget { what, output: &path, lineage: &lineage };
        let exported = export::write(context, &self.base, adapter, &target)?;
        let survival = serde_json::to_vec_pretty(&exported.survival).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("gguf/survival.json"), &survival)?;
        self.run.record("export", inputs, &[&name], started.elapsed())?;
        Ok((path, exported.digest))
    }

    /// What the Modelfile of `exported` is to say.
    fn delivery_options<'w>(&'w self, exported: &'w Path) -> delivery::DeliveryOptions<'w> {
        let adapter = self.config.delivery == Delivery::Adapter;
        let from = match &self.base.source {
            _ if !adapter => exported.to_path_buf(),
            Source::Ollama { name, .. } => PathBuf::from(name),
            Source::GgufFile(path) | Source::HfFolder(path) => path.clone(),
        };
        delivery::DeliveryOptions {
            from,
            adapter: adapter.then_some(exported),
            system: self.config.system.clone().or_else(|| self.only_system()),
            num_ctx: self.config.num_ctx,
            trained_len: self.config.max_seq_len,
            lineage: std::iter::once(("run".to_owned(), self.run.id().to_owned()))
                .chain(delivery::lineage(&self.base))
                .collect(),
            user_template: self.template.as_deref(),
        }
    }

    fn comparison<'w>(&'w self, role: &'w Role) -> Comparison<'w> {
        Comparison {
            samples: None,
            bert: None,
            no_cache: false,
            role,
            v1: self.v1(role).to_owned(),
            v2: self.config.output_model_name.clone(),
            general: self.config.general == General::On,
            held_out: &self.held_out,
            trained: &self.records,
            // Both arms are fed by raw prompts only where both are served with the base's own template.
            base: (self.base.is_served_as_trained() && self.same_as_v1(role)).then_some(&self.base),
            output: self.run.path("eval"),
            limit: self.options.limit,
            num_thread: self.config.num_thread,
            seed: self.config.seed,
            adapter: Some(self.run.path("final").display().to_string()),
            junit: None,
            likelihood: None,
            control: None,
        }
    }

    fn control<'w>(&'w self, adapter: &'w Adapter<Hf>) -> ControlPlan<'w> {
        ControlPlan {
            base: &self.base,
            adapter,
            config: self.config,
            run: self.run.root(),
            name: &self.config.output_model_name,
        }
    }

    fn split(&self) -> data::Split<'_> {
        data::Split { train: &self.records, held_out: &self.held_out }
    }

    fn same_as_v1(&self, role: &Role) -> bool {
        let v1 = self.v1(role);
        crate::roles::same_model(v1, &self.config.model_to_fine_tune)
            || self
                .client
                .show(v1)
                .ok()
                .flatten()
                .is_some_and(|s| s.from.ends_with(&self.base.weights_digest().blob_name()))
    }
}

/// `final/` of the output, whole, for old habits. The run's folder may be a stranger's, whose links are not followed.
fn copy_for_people(from: &Path, output: &Path) -> Result<(), Failure> {
    /// For another run that puts its adapter there; a training takes longer.
    const MAX_WAIT: Duration = Duration::from_secs(10);
    let fault = |e| StoreError::new(FileAction::READING, from, e);
    check_read_inside(from)?;
    create_folder(output)?;
    // The lock of a training follows no link; one that stays in the project is followed here.
    let output = std::fs::canonicalize(output).map_err(|e| StoreError::new(FileAction::Finding, output, e))?;
    let mut wait = LockWait { limit: MAX_WAIT, ..LockWait::none() };
    let _lock = Lock::acquire_within(output.join(".lock"), &mut wait)?;
    train::sweep(&output)?;
    let whole = train::WholeFolder::create(&output.join("final"))?;
    for entry in std::fs::read_dir(from).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        if entry.file_type().map_err(fault)?.is_file() {
            let mut file = open_nofollow(&entry.path(), OpenFor::Read)?;
            let mut copy = WholeFile::create(whole.path().join(entry.file_name()))?;
            std::io::copy(&mut file, &mut copy).map_err(fault)?;
            copy.finish()?;
        }
    }
    Ok(whole.finish()?)
}
