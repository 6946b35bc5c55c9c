//! A GGUF becomes a model in the daemon: Modelfile, upload, candidate, final name.

use std::path::{Path, PathBuf};

use super::{Context, Failure, Kind};
use crate::base::Base;
use crate::modelfile::{self, Modelfile, Spec};
use crate::ollama::{Client, Create, Show};
use crate::store::{Digest, write_whole};

/// What a Modelfile of ours needs beside the base.
#[derive(Clone, Debug)]
pub struct Wishes<'a> {
    pub from: PathBuf,
    pub adapter: Option<&'a Path>,
    pub system: Option<String>,
    pub num_ctx: Option<u64>,
    /// Tokens of the longest example that was trained on, where the user said so: the context is no shorter.
    pub trained_len: Option<usize>,
    pub lineage: Vec<(String, String)>,
    /// The user's own tera template.
    pub user_template: Option<&'a str>,
}

/// What of the base as Ollama has it does not go into the tuned model, and why (beside its template, see
/// [`Base::template_note`]).
pub fn left_behind(base: &Base) -> Vec<String> {
    let mut notes = Vec::new();
    if base.system.is_some() && !base.template.takes_system() {
        notes.push("the base's SYSTEM is not taken over: its chat template has no place for it".to_owned());
    }
    if !base.messages.is_empty() {
        notes.push(format!(
            "the base's {} MESSAGEs are not taken over: they are no part of the training",
            base.messages.len()
        ));
    }
    notes
}

/// The Go template that is served: the base's own where it proves equal to its Jinja, else the derived one.
fn go_template(base: &Base) -> Result<String, Failure> {
    match &base.go_template {
        Some(own) if base.is_served_as_trained() => Ok(own.clone()),
        _ => Ok(base.template.go_template()?),
    }
}

/// Modelfile text: explicit TEMPLATE, stop parameters, SYSTEM, num_ctx, LICENSE, lineage. Paths are made absolute: Ollama
/// takes them from the Modelfile's own folder.
pub fn modelfile(base: &Base, wishes: &Wishes<'_>) -> Result<String, Failure> {
    let template = go_template(base)?;
    let system = match &wishes.system {
        Some(_) if !base.template.takes_system() => {
            return Err(Failure::input(format!("the chat template of {} has no place for a system text", base.name))
                .hint("leave `system` out; write it into the user turns of the examples instead"));
        }
        None if base.template.takes_system() => base.system.clone(),
        said => said.clone(),
    };
    let own: Vec<_> = base.parameters.iter().filter(|(k, _)| k != "num_ctx" && k != "stop").cloned().collect();
    let base_ctx = base.parameters.iter().find(|(k, _)| k == "num_ctx").and_then(|(_, v)| v.parse().ok());
    let needed = wishes.trained_len.unwrap_or(0) as u64;
    let num_ctx = wishes.num_ctx.unwrap_or_else(|| base_ctx.unwrap_or(4096).max(needed));
    let num_ctx = num_ctx.min(base.weights.config().context as u64);
    let absolute = |path: &Path| match std::path::absolute(path) {
        Ok(found) if path.is_file() => found.display().to_string(),
        _ => path.display().to_string(),
    };
    let mut stops: Vec<String> = base.template.wrappers().stop.clone();
    for (_, stop) in base.parameters.iter().filter(|(k, _)| k == "stop") {
        if !stops.contains(stop) {
            stops.push(stop.clone());
        }
    }
    let mut parameters = own;
    parameters.push(("num_ctx".to_owned(), num_ctx.to_string()));
    parameters.extend(stops.into_iter().map(|s| ("stop".to_owned(), s)));
    let spec = Spec {
        from: absolute(&wishes.from),
        adapter: wishes.adapter.map(absolute),
        template,
        system,
        parameters,
        license: base.license.clone(),
        renderer: None,
        parser: None,
        lineage: wishes.lineage.clone(),
    };
    Ok(modelfile::render(&spec, wishes.user_template)?)
}

/// Writes the Modelfile where the run keeps it, and where people look for it (`<folder>/<name>.Modelfile`).
pub fn keep_modelfile(text: &str, (folder, run): (&Path, &Path), name: &str) -> Result<PathBuf, Failure> {
    let file: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let copy = folder.join(format!("{file}.Modelfile"));
    write_whole(&copy, text.as_bytes())?;
    write_whole(run, text.as_bytes())?;
    Ok(copy)
}

/// `name` with the tag that a candidate has until it is proved.
pub fn candidate_name(name: &str) -> String {
    match name.rsplit_once(':') {
        Some((model, tag)) if !tag.contains('/') => format!("{model}:{tag}-candidate"),
        _ => format!("{name}:latest-candidate"),
    }
}

/// What every file and Modelfile made of a base records of it: `base` is the digest of its weights (of a GGUF, the name
/// of its blob in Ollama's store), `base_identity` that of everything.
pub fn lineage(base: &Base) -> Vec<(String, String)> {
    let identity = base.identity();
    vec![
        ("base".to_owned(), base.weights_digest().to_string()),
        ("base_identity".to_owned(), identity.digest().to_string()),
    ]
}

/// A value of our GGUF keys (`tunesmith.<key>`), as the daemon shows it; some versions put the architecture before it.
/// Where an adapter was delivered, its own file has it, not the base's.
pub fn lineage_of(show: &Show, key: &str) -> Option<String> {
    let wanted = format!("tunesmith.{key}");
    if let Some(adapter) = show.adapters.first() {
        let gguf = crate::gguf::Gguf::open(adapter).ok()?;
        return gguf.str(&wanted).ok().map(str::to_owned);
    }
    show.model_info.iter().find(|(k, _)| k.ends_with(&wanted)).and_then(|(_, v)| v.as_str().map(str::to_owned))
}

/// A name is free, or its model was made here under that name; else only with `force`.
pub fn check_name(client: &Client, name: &str, force: bool) -> Result<(), Failure> {
    let Some(show) = client.show(name)? else { return Ok(()) };
    if force || lineage_of(&show, "name").as_deref() == Some(name) {
        return Ok(());
    }
    Err(Failure::input(format!("the daemon already has a model {name} that tunesmith did not make under that name"))
        .hint("choose another output_model_name, or take the name with --force"))
}

/// As [`check_name`]; the model that has the name may also be what the Modelfile says: then nothing is lost.
pub fn check_file(client: &Client, text: &str, (folder, name): (&Path, &str), force: bool) -> Result<(), Failure> {
    let file = Modelfile::parse(text)?;
    let from = file.from().map(|said| folder.join(said)).filter(|path| path.is_file());
    if let (Some(show), Some(path), None) = (client.show(name)?, from, file.adapter())
        && show.adapters.is_empty()
        && show.template == file.template().unwrap_or_default()
        && show.system == file.system().unwrap_or_default()
        && parameters(&show.parameters) == parameters(&file.parameter_pairs())
        && show.from.ends_with(&Digest::of_file(&path)?.blob_name())
    {
        return Ok(());
    }
    check_name(client, name, force)
}

fn parameters<T: AsRef<str>>(pairs: &[(T, T)]) -> Vec<(&str, &str)> {
    let mut sorted: Vec<_> = pairs.iter().map(|(k, v)| (k.as_ref(), v.as_ref())).collect();
    sorted.sort_unstable();
    sorted
}

/// Uploads the files a Modelfile names (from `folder`, where they are relative) and creates `name` from it; the digest
/// of what was uploaded last.
pub fn register(
    context: &mut Context<'_>,
    client: &Client,
    text: &str,
    (folder, name): (&Path, &str),
) -> Result<Option<Digest>, Failure> {
    let file = Modelfile::parse(text)?;
    let capabilities = client.capabilities()?;
    if file.adapter().is_some() && !capabilities.lora_adapters {
        let version = capabilities.version.text;
        return Err(Failure::new(
            Kind::Daemon,
            format!("Ollama {version} takes no LoRA adapters (0.34.0 was the last that did)"),
        )
        .hint("deliver the merged model: `delivery: merged`"));
    }
    let parameters = file.parameters()?;
    for gone in &parameters.left_out {
        context.report.warn(&gone.to_string());
    }
    let mut create = Create {
        model: name.to_owned(),
        template: file.template().map(str::to_owned),
        system: file.system().map(str::to_owned),
        parameters: parameters.json,
        license: file.licenses().into_iter().map(str::to_owned).collect(),
        renderer: file.renderer().map(str::to_owned),
        parser: file.parser().map(str::to_owned),
        ..Create::default()
    };
    let said = file.from().ok_or_else(|| Failure::input("the Modelfile has no FROM"))?;
    let mut digest = None;
    let from = folder.join(said);
    if from.is_file() {
        let found = upload(context, client, &from)?;
        create.files.push(("model.gguf".to_owned(), found));
        digest = Some(found);
    } else {
        create.from = Some(said.to_owned());
    }
    if let Some(adapter) = file.adapter() {
        let found = upload(context, client, &folder.join(adapter))?;
        create.adapters.push(("adapter.gguf".to_owned(), found));
        digest = Some(found);
    }
    context.report.begin("register", None);
    let report = &mut *context.report;
    client.create(&create, &mut |status| report.advance(0, status))?;
    context.report.end(&format!("{name} in Ollama {}", capabilities.version.text));
    Ok(digest)
}

fn upload(context: &mut Context<'_>, client: &Client, path: &Path) -> Result<Digest, Failure> {
    let digest = Digest::of_file(path)?;
    let bytes = std::fs::metadata(path).map_err(|e| crate::store::StoreError::new("reading", path, e))?.len();
    context.report.begin("upload", Some(bytes >> 20));
    let report = &mut *context.report;
    client.upload(path, digest, &mut |sent, _| report.advance(sent >> 20, "MiB"))?;
    context.report.end(&format!("{} ({} MiB)", digest.short(), bytes >> 20));
    Ok(digest)
}

/// The proved candidate takes its final name; the candidate's name goes.
pub fn settle(client: &Client, candidate: &str, name: &str) -> Result<(), Failure> {
    client.copy(candidate, name)?;
    Ok(client.delete(candidate)?)
}

/// A Modelfile's text, decoded by its byte order mark.
pub fn read(path: &Path) -> Result<String, Failure> {
    let fault = |reason: String| Failure::input(format!("{}: {reason}", path.display()));
    let bytes = std::fs::read(path).map_err(|e| fault(e.to_string()))?;
    crate::modelfile::decode(&bytes).map_err(|e| fault(e.to_string()))
}

/// What a Modelfile holds, in words; all of its faults as one error.
pub fn check(text: &str) -> Result<Vec<String>, Failure> {
    let file = Modelfile::check(text)?;
    let from = file.from().ok_or_else(|| Failure::input("the Modelfile has no FROM"))?;
    let mut words = vec![format!("FROM {from}")];
    words.extend(file.adapter().map(|a| format!("ADAPTER {a}")));
    words.push(match file.template() {
        Some(t) => format!("TEMPLATE of {} bytes", t.len()),
        None => "no TEMPLATE: the daemon guesses one, which may drop turns".to_owned(),
    });
    words.extend(file.parameter_pairs().iter().map(|(k, v)| format!("PARAMETER {k} {v}")));
    words.extend(file.parameters()?.left_out.iter().map(ToString::to_string));
    words.extend(file.system().map(|s| format!("SYSTEM of {} bytes", s.len())));
    if !file.dropped_by_ollama().is_empty() {
        words.push(format!("`ollama create -f` drops these characters of it: {:?}", file.dropped_by_ollama()));
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_candidate_is_a_tag_of_the_same_model() {
        use super::candidate_name as c;
        assert_eq!(c("demo-assistant:v1"), "demo-assistant:v1-candidate");
        assert_eq!(c("support"), "support:latest-candidate");
        assert_eq!(c("host:5000/ns/support"), "host:5000/ns/support:latest-candidate");
    }
}
