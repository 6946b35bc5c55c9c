//! Candidate, proof, final name; what a run remembers of it.

use std::path::Path;
use std::time::Instant;

use super::registration::{FILE, Registered};
use super::state::{PipelineRun, Step, inputs};
use super::{ground, places};
use crate::commands::{Context, Failure, Kind, data, delivery, prove};
use crate::events::{Note, Stage};
use crate::lora::{Adapter, Hf};
use crate::modelfile::Modelfile;
use crate::promote;
use crate::roles::Role;
use crate::store::{Digest, write_whole};

impl PipelineRun<'_> {
    /// What this run registered, where the daemon still has that very model under the output's name.
    pub(super) fn registered(&self) -> Result<Option<Registered>, Failure> {
        let Some(found) = Registered::of_run(self.run.root()) else { return Ok(None) };
        let now = self.client.tag(&self.config.output_model_name)?;
        Ok(Some(found).filter(|r| now.is_some_and(|tag| tag.digest == r.tag)))
    }

    /// As a candidate, proved, then under its name: a good model is never overwritten by an unproved one. Whether the
    /// name has a new model now.
    pub(super) fn register_and_prove(
        &mut self,
        context: &mut Context<'_>,
        adapter: &Adapter<Hf>,
        exported: &Path,
        digest: Digest,
    ) -> Result<bool, Failure> {
        let name = &self.config.output_model_name;
        // Wherever the project lies.
        let words = delivery::modelfile(&self.base, &self.delivery_options(Path::new("exported")))?;
        let made_of =
            inputs(&[("file", digest.to_string()), ("modelfile", Digest::of_bytes(words.as_bytes()).to_string())]);
        let mut proved_by = inputs(&[
            // (The embedded server takes any free port.)
            ("daemon", if self.embedded { "embedded".to_owned() } else { self.client.host().to_string() }),
            ("version", self.client.capabilities()?.version.text),
            ("probes", self.config.probes.to_string()),
        ]);
        proved_by.extend(made_of.clone());
        let standing = self.registered()?.is_some_and(|r| r.made_of == made_of);
        if standing {
            context.report.skip(Stage::Register);
            if self.options.until == Step::Register {
                return Ok(false);
            }
            if self.run.done("prove", &proved_by)? {
                context.report.skip(Stage::Prove);
                return Ok(false);
            }
        } else if self.options.until > Step::Register {
            self.refuse_live_name(&context.models_yaml)?;
        }
        let text = delivery::modelfile(&self.base, &self.delivery_options(exported))?;
        let mut proved = name.clone();
        if !standing {
            let beside = places::modelfiles(self.config);
            delivery::keep_modelfile(&text, &beside, &self.run.path("Modelfile"), name)?;
            proved = delivery::candidate_name(name, self.run.id());
            delivery::register(context, &self.client, &text, Path::new(""), &proved)?;
        }
        if self.options.until == Step::Register {
            context.report.note(Note::NotProved { model: proved });
            return Ok(false);
        }
        let started = Instant::now();
        self.base.weights.check_length()?;
        // What the proof is about, whatever comes to have the name meanwhile.
        let asked = self.client.tag(&proved)?.map(|t| t.digest).unwrap_or_default();
        let file = Modelfile::parse(&text)?;
        let request = prove::ProofRequest {
            model: &proved,
            exported,
            modelfile: &file,
            sample: &data::conversations(&self.records),
            probes: self.config.probes,
            num_thread: self.config.num_thread,
            threads: self.config.threads.unwrap_or(0),
            seed: self.config.seed,
        };
        let proof = prove::prove(context, &self.client, &self.base, adapter, &request)?;
        prove::report_legs(context, &proof);
        let json = serde_json::to_vec_pretty(&proof).map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path("proof.json"), &json)?;
        if let Some(fault) = proof.first_fault() {
            let left = if standing {
                format!("{name} was proved before, and what it is has not changed: the daemon has")
            } else {
                format!("{name} is untouched; the candidate stays as {proved}")
            };
            let numbers = self.run.path("proof.json");
            return Err(Failure::new(Kind::Proof, format!("the proof failed, {fault}"))
                .hint(format!("{left}; all numbers: {}", numbers.display())));
        }
        if standing {
            self.still(name, &asked)?;
        } else {
            let _lock = delivery::lock_name(context, &self.client, name)?;
            self.served_by = ground::roles_served_by(context, name)?;
            self.refuse_live_name(&context.models_yaml)?;
            delivery::settle(&self.client, delivery::Proved { candidate: &proved, digest: &asked }, name)?;
        }
        let tag = asked;
        let inside = exported.strip_prefix(self.run.root()).unwrap_or(exported).display().to_string();
        let json = serde_json::to_vec_pretty(&Registered { tag, file: inside, made_of })
            .map_err(|e| Failure::new(Kind::Error, e))?;
        write_whole(self.run.path(FILE), &json)?;
        self.run.record("prove", proved_by, &["proof.json", FILE], started.elapsed())?;
        Ok(!standing)
    }

    /// What was proved again must be what the daemon still has.
    fn still(&self, name: &str, digest: &str) -> Result<(), Failure> {
        match self.client.tag(name)? {
            Some(tag) if tag.digest == digest => Ok(()),
            _ => Err(Failure::new(Kind::Proof, format!("{name} was replaced while it was being proved"))
                .hint("start the run again")),
        }
    }

    /// Whether a gate on record has passed the very model that the daemon has under the output's name, against what it is
    /// compared with.
    pub(super) fn has_passed(&self, models_yaml: &Path, role: &Role) -> Result<bool, Failure> {
        let digest = |model: &str| Ok::<_, Failure>(self.client.tag(model)?.map(|tag| tag.digest));
        let name = self.config.output_model_name.as_str();
        let (Some(tuned), Some(compared)) = (digest(name)?, digest(self.v1(role))?) else { return Ok(false) };
        Ok(promote::passed_gate(models_yaml, &role.name, &promote::TaggedModel { name, digest: &tuned }, &compared)?
            .is_some())
    }

    /// Refuses an output's name by which a role is served already: the role would get the new model before any gate. Only
    /// where the daemon has no such model (it was removed, or this is another daemon), so that the role has no answer there
    /// now, and another model to compare with is named, the role gets the new one at once; the gate judges it afterwards,
    /// and where it does not pass, the run says that the role is served by it.
    pub(super) fn refuse_live_name(&self, models_yaml: &Path) -> Result<(), Failure> {
        let name = &self.config.output_model_name;
        let Some(role) = self.served_by.first() else { return Ok(()) };
        let compared = self.options.against.as_deref().is_some_and(|v1| !crate::roles::same_model(v1, name));
        if compared && self.client.tag(name)?.is_none() {
            return Ok(());
        }
        let what = format!(
            "the role {role} is served by {name} already: a new model of that name would be live before its gate"
        );
        Err(Failure::input(what).hint(format!(
            "give the new model a name of its own (output_model_name), or take the role back first: `tunesmith rollback --role {role} --models-yaml {}`",
            models_yaml.display()
        )))
    }
}
