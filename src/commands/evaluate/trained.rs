//! The records that a model was trained on, by the run that its own file names: no suite may hold them.

use std::path::Path;

use crate::base::Base;
use crate::commands::{Context, Failure, data, pipeline, prove};
use crate::config::{Raw, RunConfig};
use crate::dataset::Record;
use crate::events::Note;
use crate::roles::Role;
use crate::store::read_nofollow;

/// Empty where they can't be known here, which is said: a model made elsewhere, or by a run that is gone.
pub(super) fn records(context: &mut Context<'_>, model: &str, role: &Role, base: Option<&Base>) -> Vec<Record> {
    match of_run(context, model, role, base) {
        Ok(records) => records,
        Err(why) => {
            let (model, reason) = (model.to_owned(), why.message());
            context.report.note(Note::TrainingDataUnknown { model, reason });
            Vec::new()
        }
    }
}

fn of_run(context: &mut Context<'_>, model: &str, role: &Role, base: Option<&Base>) -> Result<Vec<Record>, Failure> {
    let run = prove::run_of(context, model)?;
    let config = RunConfig::of_run(&run, Raw::default())?;
    let dataset = data::read(&config)?;
    if trained_digest(&run).is_none_or(|trained| trained != dataset.digest.to_string()) {
        return Err(Failure::input(format!("the dataset of {} has changed since", run.display())));
    }
    let opened;
    let base = match base {
        Some(base) => base,
        None => {
            opened = context.open_base(&config.model_to_fine_tune)?;
            &opened
        }
    };
    let (served, _) = data::as_served(dataset.records, base, config.system.as_deref());
    Ok(pipeline::parts(&config, Some(role), base, served)?.0)
}

/// Of the dataset as the run read it.
fn trained_digest(run: &Path) -> Option<String> {
    const MAX_BYTES: u64 = 1 << 16;
    let text = read_nofollow(&run.join("data/fingerprint.json"), MAX_BYTES).ok()??;
    let value: serde_json::Value = serde_json::from_slice(&text).ok()?;
    Some(value.get("digest")?.as_str()?.to_owned())
}
