//! An adapter's folder and the base it is used on: does the one belong to the other?

use std::path::Path;

use super::{Context, Failure};
use crate::base::Base;
use crate::events::{Note, Warning};
use crate::lora::{self, Adapter, Hf, LoraError, Origin};
use crate::store::{Digest, Identity};

/// Loads an adapter for a base. One that was trained on another base is refused, with `--force` it is only warned of.
pub(super) fn load(context: &mut Context<'_>, folder: &Path, base: &Base) -> Result<Adapter<Hf>, Failure> {
    check(context, folder, base)?;
    Ok(Adapter::load(folder, base.weights.spec())?)
}

/// What `tunesmith.json` beside the adapters of a training says.
pub(super) fn origin(base: &Base) -> Origin {
    Origin::new(&base.reference(), base.weights.config().family.gguf, base.identity())
}

fn check(context: &mut Context<'_>, folder: &Path, base: &Base) -> Result<(), Failure> {
    let wrong = match Origin::read(folder)? {
        Some(origin) => of_origin(&origin, base),
        None => match lora::weights_in_manifest(folder)? {
            Some(weights) => of_manifest(folder, weights, base),
            None => {
                unknown(context, folder, base)?;
                None
            }
        },
    };
    let Some((trained_on, why)) = wrong else { return Ok(()) };
    if context.force {
        let (adapter, base) = (folder.to_path_buf(), base.name.clone());
        context.report.warn(Warning::OtherBase { adapter, trained_on, base, reason: why });
        return Ok(());
    }
    let what = format!(
        "{}: the adapter was trained on {trained_on}, and {} is another base: {why}",
        folder.display(),
        base.name
    );
    Err(Failure::input(what).hint("give the base that it was trained on; --force uses this one all the same"))
}

/// The base that an adapter records, and in what the given one differs from it.
fn of_origin(origin: &Origin, base: &Base) -> Option<(String, String)> {
    let (now, arch) = (base.identity(), base.weights.config().family.gguf);
    let trained_on = format!("{} ({})", origin.base, origin.base_digest.short());
    if origin.architecture != arch {
        return Some((trained_on, format!("its architecture is {arch}, not {}", origin.architecture)));
    }
    let parts = origin.base_parts.of_adapter(&now);
    (!parts.is_empty()).then(|| (trained_on, format!("another {}", Identity::list(&parts))))
}

/// Of an adapter of an earlier build, whose run's manifest has the digest of the weights alone.
fn of_manifest(folder: &Path, weights: Digest, base: &Base) -> Option<(String, String)> {
    if weights == base.weights_digest() {
        return None;
    }
    let name = lora::base_name(folder).unwrap_or_else(|_| "a base without a name".to_owned());
    let why = format!("another {}", Identity::words(Identity::WEIGHTS));
    Some((format!("{name} (weights {})", weights.short()), why))
}

/// An adapter of another program: only names and shapes can be compared.
fn unknown(context: &mut Context<'_>, folder: &Path, base: &Base) -> Result<(), Failure> {
    let adapter = folder.to_path_buf();
    match lora::base_name(folder) {
        Ok(named) if !same_name(&named, base) => {
            context.report.warn(Warning::AdapterNamesOtherBase { adapter, base: base.name.clone(), named });
        }
        Ok(_) | Err(LoraError::Bad { .. }) => {
            context.report.note(Note::AdapterBaseUnverified { adapter, base: base.name.clone() });
        }
        Err(e) => return Err(e.into()),
    }
    Ok(())
}

/// Whether two names may mean one model. Only what differs plainly is not the same: publishers add formats and
/// versions to a name, Ollama leaves them out.
fn same_name(name: &str, base: &Base) -> bool {
    if let (Ok(a), Ok(b)) = (std::fs::canonicalize(name), std::fs::canonicalize(base.reference()))
        && a == b
    {
        return true;
    }
    let plain = |text: &str| -> String {
        let last = text.trim_end_matches('/').rsplit('/').next().unwrap_or(text).to_lowercase();
        let last = last.strip_suffix(":latest").unwrap_or(&last);
        last.strip_suffix(".gguf").unwrap_or(last).chars().filter(char::is_ascii_alphanumeric).collect()
    };
    let known = crate::base::ollama_name(name).map(plain);
    let adapters = [Some(plain(name)), known];
    let bases = [plain(&base.name), plain(&base.reference())];
    // A name of a letter or two stands in any other.
    let within = |a: &str, b: &str| a == b || (a.len().min(b.len()) > 2 && (a.contains(b) || b.contains(a)));
    adapters.iter().flatten().any(|a| bases.iter().any(|b| within(a, b)))
}
