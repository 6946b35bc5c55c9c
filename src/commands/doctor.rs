//! What is in order here and what is not, with the remedy of each fault.

use std::path::{Path, PathBuf};

use super::{Context, Failure};
use crate::model::{DeviceKind, Found};
use crate::ollama::OllamaError;

#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {
    pub what: String,
    pub ok: bool,
    pub found: String,
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(what: &str, found: impl Into<String>) -> Self {
        Self { what: what.to_owned(), ok: true, found: found.into(), remedy: None }
    }

    fn bad(what: &str, found: impl Into<String>, remedy: &str) -> Self {
        Self { what: what.to_owned(), ok: false, found: found.into(), remedy: Some(remedy.to_owned()) }
    }
}

pub fn run(context: &mut Context<'_>) -> Result<Vec<Finding>, Failure> {
    let mut found = daemon(context)?;
    let roots = context.stores();
    found.push(match roots.first() {
        Some(root) => Finding::ok("store", root.display().to_string()),
        None => Finding::bad(
            "store",
            "none on this machine",
            "set OLLAMA_MODELS as the daemon has it; one on another host keeps its blobs there: give the base by path",
        ),
    });
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    found.push(Finding::ok("threads", format!("{threads}; {}", crate::ops::cpu_features())));
    found.push(device());
    found.push(match crate::machine::available_memory() {
        Some(bytes) if bytes < 2 << 30 => Finding::bad(
            "memory",
            format!("{} MiB free", bytes >> 20),
            "a 135M model needs about 600 MiB to train, a 1B model about 2 GiB",
        ),
        Some(bytes) => Finding::ok("memory", format!("{} MiB free", bytes >> 20)),
        None => Finding::ok("memory", "not known on this system"),
    });
    let store = roots.first().map(PathBuf::as_path);
    let disks = [("here", Some(Path::new("."))), ("in the store", store)];
    found.push(disk(disks.into_iter().filter_map(|(place, path)| Some((place, crate::export::free_disk(path?)?)))));
    found.push(match context.roles() {
        Ok(Some(roles)) => {
            context.warn_of_roles(Some(&roles));
            Finding::ok("roles", format!("{} in {}", roles.roles.len(), context.models_yaml.display()))
        }
        Ok(None) => Finding::bad(
            "roles",
            format!("{} is not there", context.models_yaml.display()),
            "`tunesmith init` lays one out",
        ),
        Err(e) => Finding::bad("roles", e.to_string(), "mend the file"),
    });
    Ok(found)
}

/// What `--device auto` would train on.
fn device() -> Finding {
    let found = match DeviceKind::found() {
        Found { place: DeviceKind::Cuda, .. } => "cuda".to_owned(),
        Found { place: DeviceKind::Metal, .. } => "metal".to_owned(),
        Found { why: Some(why), .. } => format!("cpu: {why}"),
        Found { why: None, .. } => "cpu (built without cuda and metal)".to_owned(),
    };
    Finding::ok("device", found)
}

/// Runs and exports lie here, the daemon's copies in its store: each needs room for a model.
fn disk(free: impl Iterator<Item = (&'static str, u64)>) -> Finding {
    let free: Vec<_> = free.collect();
    let words =
        free.iter().map(|(place, bytes)| format!("{} MiB free {place}", bytes >> 20)).collect::<Vec<_>>().join(", ");
    match free.iter().map(|(_, bytes)| *bytes).min() {
        None => Finding::ok("disk", "not known on this system"),
        Some(least) if least < 1 << 30 => Finding::bad(
            "disk",
            words,
            "free some: an export is about as large as its base, and the daemon's store takes a copy of it",
        ),
        Some(_) => Finding::ok("disk", words),
    }
}

fn daemon(context: &mut Context<'_>) -> Result<Vec<Finding>, Failure> {
    let client = match context.client() {
        Ok(client) => client,
        Err(e) => return Ok(vec![Finding::bad("daemon", e.to_string(), "mend OLLAMA_HOST or --ollama-host")]),
    };
    Ok(match client.capabilities() {
        Err(e) => {
            let remedy = match e {
                OllamaError::TooOld { .. } | OllamaError::Unreachable { .. } => {
                    format!("{}; `run` and `demo` also work without: --embedded", e.remedy().unwrap_or_default())
                }
                _ => "its log says why".to_owned(),
            };
            vec![Finding::bad("daemon", e.to_string(), &remedy)]
        }
        Ok(c) => {
            let adapters = if c.lora_adapters {
                "takes LoRA adapters"
            } else {
                "takes merged models only (LoRA adapters up to 0.34.0)"
            };
            vec![Finding::ok("daemon", format!("Ollama {} at {}; {adapters}", c.version.text, client.host()))]
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_that_is_nearly_full_is_found_wherever_it_is() {
        let found = disk([("here", 5 << 30), ("in the store", 5 << 20)].into_iter());
        assert!(!found.ok && found.remedy.is_some(), "{found:?}");
        assert_eq!(found.found, "5120 MiB free here, 5 MiB free in the store");
        assert!(disk([("here", 5 << 30)].into_iter()).ok);
        assert!(disk(std::iter::empty()).ok);
        #[cfg(unix)]
        assert!(crate::export::free_disk(Path::new(".")).is_some_and(|bytes| bytes > 0));
    }
}
