//! Models to train on: the shortcuts, what the daemon's stores hold, one base looked at, one fetched.

use super::{Context, Failure};
use crate::base::{self, SHORTCUTS};
use crate::events::{Detail, Outcome, Stage, Unit, Warning};
use crate::ollama::OllamaError;

#[derive(Clone, Debug, serde::Serialize)]
pub struct Listed {
    pub name: String,
    /// `shortcut`, `daemon`, or both.
    pub from: String,
    pub family: String,
    pub size: String,
    pub trainable: bool,
}

/// Shortcuts and, when a daemon answers, its models.
pub fn list(context: &mut Context<'_>) -> Result<Vec<Listed>, Failure> {
    let mut found: Vec<Listed> = SHORTCUTS
        .iter()
        .map(|s| Listed {
            name: s.name.to_owned(),
            from: if s.package.is_some() { "shortcut (package)" } else { "shortcut" }.to_owned(),
            family: s.family.to_owned(),
            size: s.parameters.to_owned(),
            trainable: crate::weights::Family::named(s.family).is_some(),
        })
        .collect();
    match context.client()?.tags() {
        Ok(tags) => found.extend(tags.into_iter().map(|t| Listed {
            trainable: crate::weights::Family::named(&t.family).is_some(),
            name: t.name,
            from: "daemon".to_owned(),
            family: t.family,
            size: format!("{} {}", t.parameter_size, t.quantization),
        })),
        // Without a daemon there are the shortcuts; a daemon that answers wrongly is a fault.
        Err(e @ (OllamaError::Unreachable { .. } | OllamaError::TooOld { .. })) => {
            context.report.warn(Warning::Daemon { reason: e.to_string() });
        }
        Err(e) => return Err(e.into()),
    }
    Ok(found)
}

#[derive(Clone, Debug, serde::Serialize)]
pub struct Shown {
    pub name: String,
    /// Of everything that makes it this base.
    pub digest: String,
    /// The digests of its parts: weights, config, tokenizer, template and what Ollama keeps beside them.
    pub parts: crate::store::Identity,
    pub family: String,
    pub parameters: u64,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub feed_forward: usize,
    pub vocabulary: usize,
    pub context: usize,
    /// Trainable parameters of rank 16 on all linear layers.
    pub lora_rank_16: u64,
    /// What the weights take in memory: training computes with them as they lie in their file.
    pub resident_bytes: u64,
    pub wrappers: crate::chat::Wrappers,
}

pub fn show(context: &mut Context<'_>, name: &str) -> Result<Shown, Failure> {
    let base = context.open_base(name)?;
    let (c, identity) = (base.weights.config(), base.identity());
    let lora_rank_16: usize = base.weights.spec().linears().map(|(_, l)| 16 * (l.rows + l.cols)).sum();
    Ok(Shown {
        name: base.name.clone(),
        digest: identity.digest().to_string(),
        parts: identity,
        family: c.family.gguf.to_owned(),
        parameters: base.weights.parameters(),
        layers: c.layers,
        hidden: c.hidden,
        heads: c.heads,
        kv_heads: c.kv_heads,
        feed_forward: c.ff,
        vocabulary: c.vocab,
        context: c.context,
        lora_rank_16: lora_rank_16 as u64,
        resident_bytes: base.weights.stored_bytes(),
        wrappers: base.template.wrappers().clone(),
    })
}

/// Through the package that the registry names, else through the daemon.
pub fn pull(context: &mut Context<'_>, name: &str) -> Result<String, Failure> {
    // Of a Hugging Face id, the same model's name in Ollama.
    let name = base::ollama_name(name).unwrap_or(name);
    let package = SHORTCUTS.iter().find(|s| s.name == name).and_then(|s| s.package.as_ref());
    if let Some(package) = package {
        let path = base::fetch_package(package, &context.env.cache_dir())?;
        return Ok(path.display().to_string());
    }
    let client = context.client()?;
    pull_through(context, &client, name)?;
    Ok(name.to_owned())
}

/// `--pull`: the daemon pulls a base that Ollama may have and the daemon has not. A path, a snapshot of the hub's cache
/// and a Hugging Face id that has no name in Ollama are no such.
pub fn pull_missing(context: &mut Context<'_>, name: &str) -> Result<(), Failure> {
    let Some(name) = context.resolver().to_pull(name).map(str::to_owned) else { return Ok(()) };
    let client = context.client()?;
    if client.show(&name)?.is_some() {
        return Ok(());
    }
    pull_through(context, &client, &name)
}

/// The daemon pulls it.
pub fn pull_through(context: &mut Context<'_>, client: &crate::ollama::Client, name: &str) -> Result<(), Failure> {
    context.report.begin(Stage::Pull, Unit::Bytes, None);
    let report = &mut context.report;
    client.pull(name, &mut |status, done, total| {
        report.advance_of(done, Some(total), Some(Detail::Item(status.to_owned())));
    })?;
    context.report.end(Outcome::Pulled { model: name.to_owned() });
    Ok(())
}
