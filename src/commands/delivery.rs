//! A GGUF becomes a model in the daemon: Modelfile, upload, candidate, final name.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Context, Failure, Kind};
use crate::base::Base;
use crate::events::{Detail, Note, Outcome, Stage, Unit, Warning};
use crate::gguf::begins_as_gguf;
use crate::modelfile::{self, Modelfile, Spec};
use crate::ollama::{Client, Create, Show};
use crate::roles::same_model;
use crate::store::{Digest, FileAction, Lock, LockWait, MAX_TEXT, read_regular, write_whole};

/// What a Modelfile of ours needs beside the base.
#[derive(Clone, Debug)]
pub struct DeliveryOptions<'a> {
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
/// [`Base::served_otherwise`]).
pub fn left_behind(base: &Base) -> Vec<Note> {
    let mut notes = Vec::new();
    if base.system.is_some() && !base.template.takes_system() {
        notes.push(Note::SystemNotTaken {});
    }
    if !base.messages.is_empty() {
        notes.push(Note::MessagesNotTaken { messages: base.messages.len() });
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
pub fn modelfile(base: &Base, options: &DeliveryOptions<'_>) -> Result<String, Failure> {
    let template = go_template(base)?;
    let system = match &options.system {
        Some(_) if !base.template.takes_system() => {
            return Err(Failure::input(format!("the chat template of {} has no place for a system text", base.name))
                .hint("leave `system` out; write it into the user turns of the examples instead"));
        }
        None if base.template.takes_system() => base.system.clone(),
        said => said.clone(),
    };
    let own: Vec<_> = base.parameters.iter().filter(|(k, _)| k != "num_ctx" && k != "stop").cloned().collect();
    let base_ctx = base.parameters.iter().find(|(k, _)| k == "num_ctx").and_then(|(_, v)| v.parse().ok());
    let needed = options.trained_len.unwrap_or(0) as u64;
    let num_ctx = options.num_ctx.unwrap_or_else(|| base_ctx.unwrap_or(4096).max(needed));
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
        from: absolute(&options.from),
        adapter: options.adapter.map(absolute),
        template,
        system,
        parameters,
        license: base.license.clone(),
        renderer: None,
        parser: None,
        lineage: options.lineage.clone(),
    };
    Ok(modelfile::render(&spec, options.user_template)?)
}

/// Writes the Modelfile where the run keeps it, and where people look for it (`<folder>/<name>.Modelfile`).
pub fn keep_modelfile(text: &str, folder: &Path, run: &Path, name: &str) -> Result<PathBuf, Failure> {
    let file: String = name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let copy = folder.join(format!("{file}.Modelfile"));
    write_whole(&copy, text.as_bytes())?;
    write_whole(run, text.as_bytes())?;
    Ok(copy)
}

/// The name of a run's candidate until it is proved: `name`'s model, with the run in the tag, so that no other run
/// creates its own there meanwhile.
pub fn candidate_name(name: &str, run: &str) -> String {
    temporary_name(name, "candidate", run)
}

/// The name of the control of `name`'s model, for as long as the suites ask it.
pub fn control_name(name: &str, run: &str) -> String {
    temporary_name(name, "control", run)
}

fn temporary_name(name: &str, what: &str, run: &str) -> String {
    // Ollama's tags have at most 80 characters; the end of a run's name is its digest.
    const MAX_TAG: usize = 80;
    let (model, tag) = match name.rsplit_once(':') {
        Some((model, tag)) if !tag.contains('/') => (model, tag),
        _ => (name, "latest"),
    };
    let run = run.rsplit('-').next().unwrap_or(run);
    let end = format!("-{what}-{run}");
    let tag: String = tag.chars().take(MAX_TAG.saturating_sub(end.len())).collect();
    format!("{model}:{tag}{end}")
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
    if force || lineage_of(&show, "name").is_some_and(|made| same_model(&made, name)) {
        return Ok(());
    }
    Err(Failure::input(format!("the daemon already has a model {name} that tunesmith did not make under that name"))
        .hint("choose another output_model_name, or take the name with --force"))
}

/// As [`check_name`]; the model that has the name may also be what the Modelfile says: then nothing is lost.
pub fn check_file(client: &Client, text: &str, folder: &Path, name: &str, force: bool) -> Result<(), Failure> {
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
    folder: &Path,
    name: &str,
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
        let (parameter, reason) = (gone.name.clone(), gone.why.to_owned());
        context.report.warn(Warning::ParameterLeftOut { parameter, reason });
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
        let found = upload(context, client, "FROM", &from)?;
        create.files.push(("model.gguf".to_owned(), found));
        digest = Some(found);
    } else {
        create.from = Some(said.to_owned());
    }
    if let Some(adapter) = file.adapter() {
        let found = upload(context, client, "ADAPTER", &folder.join(adapter))?;
        create.adapters.push(("adapter.gguf".to_owned(), found));
        digest = Some(found);
    }
    context.report.begin(Stage::Register, Unit::Steps, None);
    let report = &mut context.report;
    client.create(&create, &mut |status| report.advance(0, Some(Detail::Item(status.to_owned()))))?;
    context.report.end(Outcome::Registered { model: name.to_owned(), daemon_version: capabilities.version.text });
    Ok(digest)
}

/// Only what is a GGUF leaves for the daemon: the Modelfile, which names the file, may be a stranger's.
fn upload(context: &mut Context<'_>, client: &Client, command: &str, path: &Path) -> Result<Digest, Failure> {
    if !begins_as_gguf(path)? {
        return Err(Failure::input(format!("{command} {}: it is no GGUF file, so it is not sent", path.display()))
            .hint("name a GGUF file; of a base and an adapter `tunesmith export` makes one"));
    }
    let digest = Digest::of_file(path)?;
    let bytes = std::fs::metadata(path).map_err(|e| crate::store::StoreError::new(FileAction::READING, path, e))?.len();
    context.report.begin(Stage::Upload, Unit::Bytes, Some(bytes));
    let report = &mut context.report;
    client.upload(path, digest, &mut |sent, _| report.advance(sent, None))?;
    context.report.end(Outcome::Uploaded { digest, bytes });
    Ok(digest)
}

/// A model in the daemon as it was proved.
#[derive(Clone, Copy, Debug)]
pub struct Proved<'a> {
    pub candidate: &'a str,
    /// Of the manifest behind the candidate's name when its proof began.
    pub digest: &'a str,
}

/// The proved candidate takes its final name, `name`; the candidate's name goes. What is copied must be what was proved,
/// and what the daemon then has under the final name as well: only then is the candidate deleted.
pub fn settle(client: &Client, proved: Proved<'_>, name: &str) -> Result<(), Failure> {
    let Proved { candidate, digest } = proved;
    let now = |name: &str| client.tag(name).map(|tag| tag.map(|t| t.digest));
    let found = now(candidate)?;
    if found.as_deref() != Some(digest) {
        let (was, now) = (short(Some(digest)), short(found.as_deref()));
        let what = format!("{candidate} is not what was proved (digest {was} then, {now} now); {name} is untouched");
        return Err(Failure::new(Kind::Proof, what).hint("something else created it meanwhile: start the run again"));
    }
    client.copy(candidate, name)?;
    let copied = now(name)?;
    if copied.as_deref() != Some(digest) {
        let (was, now) = (short(Some(digest)), short(copied.as_deref()));
        let what = format!(
            "the daemon said that it copied {candidate} to {name}, but {name} is not that model (digest {was} expected, {now} found)"
        );
        return Err(Failure::new(Kind::Daemon, what)
            .hint(format!("{candidate} is still there, proved: start the run again to name it")));
    }
    Ok(client.delete(candidate)?)
}

fn short(digest: Option<&str>) -> &str {
    digest.map_or("no model", |d| d.get(..12).unwrap_or(d))
}

/// One run at a time gives a model to `name` at this daemon, wherever the runs lie.
pub fn lock_name(context: &mut Context<'_>, client: &Client, name: &str) -> Result<Lock, Failure> {
    const MAX_WAIT: Duration = Duration::from_secs(60);
    let key = Digest::of_bytes(format!("{}\n{}", client.host(), crate::roles::normalise(name)).as_bytes());
    let path = lock_folder(context).join(format!("{}.lock", key.short()));
    let report = &mut context.report;
    let mut announce = |path: &Path, limit: Duration| {
        report.warn(Warning::WaitingForLock { path: path.to_path_buf(), seconds: limit.as_secs() });
    };
    let interrupt = context.interrupt.clone();
    let mut wait = LockWait { limit: MAX_WAIT, interrupt, announce: Some(&mut announce) };
    Ok(Lock::acquire_in_cache(path, &mut wait)?)
}

/// Where the locks of [`lock_name`] lie.
pub fn lock_folder(context: &Context<'_>) -> PathBuf {
    context.env.cache_dir().join("locks")
}

/// A Modelfile's text, decoded by its byte order mark.
pub fn read(path: &Path) -> Result<String, Failure> {
    let fault = |reason: String| Failure::input(format!("{}: {reason}", path.display()));
    let bytes = read_regular(FileAction::READING, path, MAX_TEXT)?;
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
#[path = "delivery_tests.rs"]
mod lock_tests;

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::ollama::Host;
    use crate::store::Interrupt;

    #[test]
    fn a_candidate_is_a_tag_of_the_same_model_and_of_one_run() {
        let c = |name| candidate_name(name, "demo-assistant-v1-0123456789ab");
        assert_eq!(c("demo-assistant:v1"), "demo-assistant:v1-candidate-0123456789ab");
        assert_eq!(c("support"), "support:latest-candidate-0123456789ab");
        assert_eq!(c("host:5000/ns/support"), "host:5000/ns/support:latest-candidate-0123456789ab");
        let long = c(&format!("x:{}", "v".repeat(80)));
        assert!(long.len() == 82 && long.ends_with("v-candidate-0123456789ab"), "{long}");
    }

    /// (name, digest)
    type Models = Vec<(String, String)>;

    /// A daemon that has `models` (name, digest); its copies do what `copies` says.
    fn daemon(models: &[(&str, &str)], copies: fn(&mut Models)) -> (Client, Arc<Mutex<Vec<String>>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = Host::parse(&listener.local_addr().unwrap().to_string()).unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (log, mut models): (_, Models) =
            (Arc::clone(&asked), models.iter().map(|(n, d)| ((*n).to_owned(), (*d).to_owned())).collect());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let (mut first, mut length) = (String::new(), 0);
                reader.read_line(&mut first).unwrap();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) < 3 {
                        break;
                    }
                    if let Some(n) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                        length = n.trim().parse().unwrap();
                    }
                }
                reader.take(length).read_to_end(&mut Vec::new()).unwrap();
                let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
                log.lock().unwrap().push(path.clone());
                let body = match path.as_str() {
                    "/api/version" => "{\"version\":\"0.34.4\"}".to_owned(),
                    "/api/tags" => {
                        let list: Vec<_> = models
                            .iter()
                            .map(|(name, digest)| serde_json::json!({"name": name, "model": name, "digest": digest, "size": 1, "modified_at": "", "details": {}}))
                            .collect();
                        serde_json::json!({"models": list}).to_string()
                    }
                    "/api/copy" => {
                        copies(&mut models);
                        String::new()
                    }
                    _ => String::new(),
                };
                let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes());
            }
        });
        (Client::new(host, Interrupt::default()).unwrap(), asked)
    }

    #[test]
    fn only_what_was_proved_is_named_and_only_what_was_copied_is_deleted() {
        const CANDIDATE: Proved<'static> = Proved { candidate: "x:v1-candidate-1", digest: "d1" };
        let was_asked = |asked: &Arc<Mutex<Vec<String>>>, path: &str| asked.lock().unwrap().iter().any(|p| p == path);
        // Another model under the candidate's name, or none.
        for models in [&[("x:v1-candidate-1", "d2")][..], &[]] {
            let (client, asked) = daemon(models, |_| {});
            let e = settle(&client, CANDIDATE, "x:v1").unwrap_err();
            assert!(e.kind == Kind::Proof && e.to_string().contains("x:v1 is untouched"), "{e}");
            assert!(!was_asked(&asked, "/api/copy") && !was_asked(&asked, "/api/delete"));
        }
        // It says 200 and copies nothing, or something else.
        let copies: [fn(&mut Models); 2] = [|_| {}, |m| m.push(("x:v1".into(), "d3".into()))];
        for copy in copies {
            let (client, asked) = daemon(&[("x:v1-candidate-1", "d1")], copy);
            let e = settle(&client, CANDIDATE, "x:v1").unwrap_err();
            assert!(e.kind == Kind::Daemon && e.to_string().contains("still there"), "{e}");
            assert!(!was_asked(&asked, "/api/delete"));
        }
        let (client, asked) = daemon(&[("x:v1-candidate-1", "d1")], |m| m.push(("x:v1".into(), "d1".into())));
        settle(&client, CANDIDATE, "x:v1").unwrap();
        assert!(was_asked(&asked, "/api/delete"));
    }
}
