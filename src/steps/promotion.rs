//! A role gets its new model, or its old one back; what happened, and where a model comes from.

use serde_json::{Value, json};

use super::evaluate::Outcome;
use super::{Context, Failure, Kind, delivery};
use crate::config::Role;
use crate::eval::Decision;
use crate::ollama::Client;
use crate::promote::{self, Change, Promotion, Rollback, Swapped};
use crate::store::Digest;

/// What a promotion is remembered with, beside the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    pub run: Option<&'a str>,
    pub gguf: Option<Digest>,
    /// models.yaml as the evaluation read it.
    pub read: Option<Digest>,
}

/// Intent, rename, done; `outcome` is what the gate said.
pub fn promote(
    context: &mut Context<'_>,
    client: &Client,
    (role, to): (&Role, &str),
    (outcome, evidence): (&Outcome, &Evidence<'_>),
) -> Result<Swapped, Failure> {
    let remembered = json!({
        "run": evidence.run, "gguf_sha256": evidence.gguf.map(|d| d.to_string()), "decision": outcome.decision,
        "suites": outcome.suites, "suite_digests": outcome.suite_digests, "report": outcome.report,
        "tool_version": env!("CARGO_PKG_VERSION"), "user": context.env.user, "daemon": client.host().to_string(),
    });
    let promotion = Promotion {
        role: &role.name,
        from: &role.model_name,
        to,
        decision: outcome.decision,
        allow_inconclusive: outcome.allow_inconclusive,
        evaluated_file: evidence.read,
        evaluated_digest: Some(outcome.v2_digest.as_str()).filter(|d| !d.is_empty()),
        evidence: if let Value::Object(map) = remembered { map } else { serde_json::Map::new() },
    };
    let swapped = promote::promote(&context.models_yaml, &promotion, client)?;
    said(context, &swapped);
    Ok(swapped)
}

/// `tunesmith promote`: by hand. Needs a passed gate on record for this model, or `force`.
pub fn by_hand(context: &mut Context<'_>, role: &str, to: &str, force: bool) -> Result<Swapped, Failure> {
    let roles = context.roles()?.ok_or_else(|| missing(context))?;
    let found = roles.role(role)?;
    let client = context.client()?;
    let tag = client.tag(to)?.ok_or_else(|| crate::ollama::OllamaError::NoModel(to.to_owned()))?;
    let passed = promote::history(&context.models_yaml, Some(role))?.iter().any(|c| {
        c.state == "done" && crate::config::same_model(&c.to, to) && c.to_digest.as_deref() == Some(tag.digest.as_str())
    });
    if !force && !passed {
        return Err(Failure::new(Kind::GateInconclusive, format!("{to} has passed no gate for the role {role}"))
            .hint("`tunesmith run` evaluates and promotes; --force promotes without"));
    }
    let evidence = json!({"by_hand": true, "forced": force, "user": context.env.user});
    let promotion = Promotion {
        role,
        from: &found.model_name,
        to,
        decision: Decision::Pass,
        allow_inconclusive: false,
        evaluated_file: Some(roles.digest),
        evaluated_digest: None,
        evidence: if let Value::Object(map) = evidence { map } else { serde_json::Map::new() },
    };
    let swapped = promote::promote(&context.models_yaml, &promotion, &client)?;
    said(context, &swapped);
    Ok(swapped)
}

pub fn rollback(context: &mut Context<'_>, role: &str) -> Result<Swapped, Failure> {
    let client = context.client()?;
    let swapped = promote::rollback(&context.models_yaml, &Rollback { role, to: None, force: false }, &client)?;
    said(context, &swapped);
    Ok(swapped)
}

pub fn history(context: &Context<'_>, role: Option<&str>) -> Result<Vec<Change>, Failure> {
    Ok(promote::history(&context.models_yaml, role)?)
}

/// A swap that was interrupted is finished or reverted at the next start, and said.
pub fn recover(context: &mut Context<'_>) -> Result<(), Failure> {
    if context.models_yaml.exists() {
        for note in promote::recover(&context.models_yaml)? {
            context.report.note(&note);
        }
    }
    Ok(())
}

fn said(context: &mut Context<'_>, swapped: &Swapped) {
    for note in &swapped.notes {
        context.report.note(note);
    }
}

fn missing(context: &Context<'_>) -> Failure {
    Failure::input(format!("{} is not there", context.models_yaml.display()))
        .hint("`tunesmith init` lays one out; --models-yaml names another")
}

/// What the daemon's copy of a model says of where it comes from.
pub fn lineage(context: &Context<'_>, model: &str) -> Result<Vec<(String, String)>, Failure> {
    let client = context.client()?;
    let show = client.show(model)?.ok_or_else(|| crate::ollama::OllamaError::NoModel(model.to_owned()))?;
    let keys = ["name", "run", "base", "adapter", "dataset", "version"];
    let found: Vec<_> = keys.iter().filter_map(|k| Some(((*k).to_owned(), delivery::lineage_of(&show, k)?))).collect();
    if found.is_empty() {
        return Err(Failure::input(format!("{model} was not made by tunesmith: its file has no lineage")));
    }
    Ok(found)
}
