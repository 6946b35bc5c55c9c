//! Where a run writes, looked at before its first step: what takes hours must not end at a folder that takes no file.

use std::path::{Path, PathBuf};

use super::state::{Options, Step};
use crate::commands::{Context, Failure, delivery, earlier};
use crate::config::RunConfig;
use crate::promote;
use crate::roles::{NewScalar, Role, same_model, swap};
use crate::store::{FileAction, MAX_TEXT, check_cache_writable, check_writable, read_text};

/// `Modelfiles/` beside the runs: in the user's folder, the demo's in its own.
pub(super) fn modelfiles(config: &RunConfig) -> PathBuf {
    config.runs_dir.parent().unwrap_or(Path::new("")).join("Modelfiles")
}

/// Every folder that the run comes to write in, up to its last step.
pub(super) fn check(
    context: &Context<'_>,
    config: &RunConfig,
    options: &Options,
    role: Option<&Role>,
) -> Result<(), Failure> {
    let hint = "nothing was done yet: make it writable, or name another place";
    let mut folders = vec![config.runs_dir.clone()];
    if options.until >= Step::Train {
        folders.push(config.output.join("final"));
    }
    if options.until >= Step::Register {
        folders.push(modelfiles(config));
    }
    for folder in folders {
        check_writable(&folder).map_err(|e| Failure::from(e).hint(hint))?;
    }
    if options.until >= Step::Train {
        earlier::refuse_training(&config.output)?;
    }
    if options.until > Step::Register {
        let cache = delivery::lock_folder(context);
        let hint = "nothing was done yet: make the cache's folder writable, or name another one by TUNESMITH_CACHE";
        check_cache_writable(&cache).map_err(|e| Failure::from(e).hint(hint))?;
    }
    if options.until >= Step::Eval && role.is_some() {
        let swapped = options.until == Step::Promote;
        promote::check_place(&context.models_yaml, swapped).map_err(|e| Failure::from(e).hint(hint))?;
    }
    if let (Step::Promote, Some(role)) = (options.until, role)
        && !same_model(&role.model_name, &config.output_model_name)
    {
        // The promotion replaces the name in the text, which fails for an alias or a block scalar: found out now, before
        // the training.
        let text = read_text(FileAction::READING, &context.models_yaml, MAX_TEXT)?;
        swap(&text, &role.name, &role.model_name, NewScalar::Name(&config.output_model_name))?;
    }
    Ok(())
}
