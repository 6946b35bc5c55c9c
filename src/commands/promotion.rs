//! A role gets its new model, or its old one back; what happened, and where a model comes from.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::evaluate::Outcome;
use super::{Context, Failure, Kind, delivery, evaluate};
use crate::eval::Decision;
use crate::events::{Event, Note, Warning};
use crate::ollama::Client;
use crate::promote::{
    self, Change, DamagedLine, GateRecord, Promotion, Rollback, SwapNote, Swapped, TaggedModel, Terms,
};
use crate::roles::{Role, same_model};
use crate::store::{Digest, LockWait};

/// What a promotion is remembered with, beside the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub struct Evidence<'a> {
    pub run: Option<&'a str>,
    pub gguf: Option<Digest>,
    /// models.yaml as the evaluation read it.
    pub read: Option<Digest>,
}

/// A model that a role is to be served by.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    pub role: &'a Role,
    pub model: &'a str,
}

/// Intent, rename, done; `outcome` is what the gate said.
pub fn promote(
    context: &mut Context<'_>,
    client: &Client,
    candidate: &Candidate<'_>,
    outcome: &Outcome,
    evidence: &Evidence<'_>,
) -> Result<Swapped, Failure> {
    let Candidate { role, model: to } = *candidate;
    let remembered = json!({
        "run": evidence.run, "gguf_sha256": evidence.gguf.map(|d| d.to_string()), "decision": outcome.decision,
        "suites": outcome.suites, "suite_digests": outcome.suite_digests, "terms": outcome.terms, "report": outcome.report,
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
        replace_read_only: false,
        evidence: if let Value::Object(map) = remembered { map } else { serde_json::Map::new() },
    };
    let path = context.models_yaml.clone();
    let swapped = waiting(context, |wait| promote::promote(&path, &promotion, client, wait))?;
    report_notes(context, &swapped);
    let (role, from, to) = (swapped.role.clone(), swapped.from.clone(), swapped.to.clone());
    context.report.emit(&Event::Promoted { role, from, to });
    Ok(swapped)
}

/// Another promotion takes milliseconds: it is waited for, and Ctrl-C ends the waiting.
fn waiting<T>(
    context: &mut Context<'_>,
    change: impl FnOnce(&mut LockWait<'_>) -> Result<T, promote::PromoteError>,
) -> Result<T, Failure> {
    let report = &mut context.report;
    let mut announce = |path: &Path, limit: Duration| {
        report.warn(Warning::WaitingForLock { path: path.to_path_buf(), seconds: limit.as_secs() });
    };
    let interrupt = context.interrupt.clone();
    Ok(change(&mut LockWait { limit: MAX_WAIT, interrupt, announce: Some(&mut announce) })?)
}

const MAX_WAIT: Duration = Duration::from_secs(30);

/// `tunesmith promote`: by hand. Needs a passed gate on record for this model, or `force`.
pub fn by_hand(context: &mut Context<'_>, role: &str, to: &str, force: bool) -> Result<Swapped, Failure> {
    recover(context)?;
    let roles = context.roles()?.ok_or_else(|| missing(context))?;
    let found = roles.role(role)?;
    let client = context.client()?;
    let tag = client.tag(to)?.ok_or_else(|| crate::ollama::OllamaError::NoModel(to.to_owned()))?;
    if same_model(&found.model_name, to) {
        return Err(Failure::input(format!("the role {role} uses {} already", found.model_name)));
    }
    let now = client.tag(&found.model_name)?.map(|t| t.digest).unwrap_or_default();
    let passed =
        promote::passed_gate(&context.models_yaml, role, &TaggedModel { name: to, digest: &tag.digest }, &now)?;
    if !force && passed.is_none() {
        let why = format!("{to}, as it is now, has passed no gate of the role {role} against {}", found.model_name);
        let how = match found.eval.is_empty() {
            true => "the role has no suite (`eval:`), so only `tunesmith run` judges it".to_owned(),
            false => format!("`tunesmith eval --role {role} --model {to}` asks its gate"),
        };
        return Err(Failure::new(Kind::GateInconclusive, why).hint(format!("{how}; --force promotes without")));
    }
    if let (false, Some(passed)) = (force, &passed) {
        same_terms(found, passed.terms.as_ref(), to)?;
    }
    let gate = passed.as_ref().map(|p| p.seq);
    // `gate`: the registry's line that says so.
    let evidence = json!({
        "by_hand": true, "forced": force, "decision": gate.map(|_| Decision::Pass), "gate": gate,
        "terms": passed.and_then(|p| p.terms),
        "tool_version": env!("CARGO_PKG_VERSION"), "user": context.env.user, "daemon": client.host().to_string(),
    });
    let promotion = Promotion {
        role,
        from: &found.model_name,
        to,
        decision: Decision::Pass,
        allow_inconclusive: false,
        // Nothing was evaluated: the role's own entry is compared when it is replaced, and another promotion that is
        // being done may change other roles.
        evaluated_file: None,
        // What was re-created since the look at its digest is refused, too.
        evaluated_digest: gate.map(|_| tag.digest.as_str()),
        replace_read_only: force,
        evidence: if let Value::Object(map) = evidence { map } else { serde_json::Map::new() },
    };
    let path = context.models_yaml.clone();
    let swapped = waiting(context, |wait| promote::promote(&path, &promotion, &client, wait))?;
    report_notes(context, &swapped);
    Ok(swapped)
}

/// Refuses a recorded verdict whose conditions are not those of the role now: another suite, other demands, other settings.
/// Suites are compared by their contents, since the same file has another path from another folder.
fn same_terms(role: &Role, recorded: Option<&Terms>, model: &str) -> Result<(), Failure> {
    let suites = evaluate::suites(role, true, &[], &[])?;
    let now = evaluate::terms(role, &suites);
    let name = &role.name;
    let Some(why) = (match recorded {
        None => Some(format!(
            "the recorded gate of the role {name} is of an earlier version and does not say what it asked"
        )),
        Some(then) => {
            let other = |digest: &str| then.demands.get(digest) != now.demands.get(digest);
            let suite = suites.iter().map(|(suite, _)| suite).find(|suite| other(&suite.digest.to_string()));
            let setting = now.settings.iter().find(|(key, value)| then.settings.get(*key) != Some(value));
            match (suite, setting) {
                (Some(suite), _) if then.demands.contains_key(&suite.digest.to_string()) => {
                    Some(format!("the role {name} now demands something else of the suite {}", suite.name))
                }
                (Some(suite), _) => {
                    Some(format!("the suite {} is not what the recorded gate of the role {name} asked", suite.name))
                }
                (None, Some((key, _))) => {
                    Some(format!("`{key}` of the role {name} has changed since its recorded gate"))
                }
                (None, None) => None,
            }
        }
    }) else {
        return Ok(());
    };
    let how = format!("`tunesmith eval --role {name} --model {model}` asks it as it is now; --force promotes without");
    Err(Failure::new(Kind::GateInconclusive, why).hint(how))
}

/// Puts a verdict on record, so that [`by_hand`] can rest on a PASS. One that can't be written down is still a verdict:
/// that is warned of and ends nothing.
pub fn record_gate(context: &mut Context<'_>, role: &str, model: &str, outcome: &Outcome) {
    // An evaluation without a role is nobody's gate; a model whose digest is not known could be any; one held against
    // itself says nothing.
    if role.is_empty() || outcome.v2_digest.is_empty() || outcome.v1_digest == outcome.v2_digest {
        return;
    }
    let gate = GateRecord {
        role: role.to_owned(),
        model: model.to_owned(),
        digest: outcome.v2_digest.clone(),
        against_digest: outcome.v1_digest.clone(),
        decision: outcome.decision,
        terms: Some(outcome.terms.clone()),
        report: outcome.report.clone(),
    };
    // What took hours to find out must not be lost to another promotion.
    let path = context.models_yaml.clone();
    if let Err(e) = waiting(context, |wait| promote::record_gate(&path, gate, wait)) {
        context.report.warn(Warning::VerdictNotRecorded { reason: e.to_string() });
    }
}

/// The model that the role had before, or `to`; `force` takes it even if it is no longer what it was.
pub fn rollback(context: &mut Context<'_>, role: &str, to: Option<&str>, force: bool) -> Result<Swapped, Failure> {
    there(context)?;
    check_role(context, role)?;
    let client = context.client()?;
    let (path, back) = (context.models_yaml.clone(), Rollback { role, to, force });
    let swapped = waiting(context, |wait| promote::rollback(&path, &back, &client, wait))?;
    report_notes(context, &swapped);
    Ok(swapped)
}

pub fn history(context: &Context<'_>, role: Option<&str>) -> Result<Vec<Change>, Failure> {
    there(context)?;
    role.map_or(Ok(()), |role| check_role(context, role))?;
    Ok(promote::history(&context.models_yaml, role)?)
}

/// Refuses what is no role of models.yaml, nor was one when something was promoted.
fn check_role(context: &Context<'_>, role: &str) -> Result<(), Failure> {
    if promote::history(&context.models_yaml, Some(role))?.is_empty()
        && let Some(roles) = context.roles()?
    {
        roles.role(role)?;
    }
    Ok(())
}

/// A swap that was interrupted is finished or reverted, and said, before anything that changes models.yaml.
pub fn recover(context: &mut Context<'_>) -> Result<(), Failure> {
    if context.models_yaml.exists() {
        let path = context.models_yaml.clone();
        for note in waiting(context, |wait| promote::recover(&path, wait))? {
            context.report.note(swap_note(note));
        }
    }
    Ok(())
}

/// Refuses a registry with a damaged line, for a command that appends to it after hours of other work.
pub fn check_registry(context: &Context<'_>) -> Result<(), Failure> {
    match damaged_lines(context)?.into_iter().next() {
        None => Ok(()),
        Some(DamagedLine { path, line, reason }) => Err(promote::PromoteError::Registry { path, line, reason }.into()),
    }
}

/// Warns of the registry's damaged lines, for commands that append nothing to it. A registry that can't be read at all is
/// the matter of the commands that use it.
pub fn warn_of_damage(context: &mut Context<'_>) {
    for DamagedLine { path, line, reason } in damaged_lines(context).unwrap_or_default() {
        context.report.warn(Warning::RegistryDamaged { path, line, reason });
    }
}

fn damaged_lines(context: &Context<'_>) -> Result<Vec<DamagedLine>, Failure> {
    if !context.models_yaml.exists() {
        return Ok(Vec::new());
    }
    Ok(promote::damaged_lines(&context.models_yaml)?)
}

/// Recovered swaps, and how the file was written.
fn report_notes(context: &mut Context<'_>, swapped: &Swapped) {
    for note in swapped.notes.iter().cloned() {
        context.report.note(swap_note(note));
    }
}

fn swap_note(note: SwapNote) -> Note {
    match note {
        SwapNote::Finished { role, from, to } => Note::SwapFinished { role, from, to },
        SwapNote::NotDone { role, from } => Note::SwapNotDone { role, from },
        SwapNote::Overtaken { role, from, to, now } => Note::SwapOvertaken { role, from, to, now },
        SwapNote::InPlace { path } => Note::WrittenInPlace { path },
    }
}

fn there(context: &Context<'_>) -> Result<(), Failure> {
    if context.models_yaml.exists() { Ok(()) } else { Err(missing(context)) }
}

fn missing(context: &Context<'_>) -> Failure {
    Failure::input(format!("{} is not there", context.models_yaml.display()))
        .hint("`tunesmith init` lays one out; --models-yaml names another")
}

/// What the daemon's copy of a model says of where it comes from.
pub fn lineage(context: &Context<'_>, model: &str) -> Result<Vec<(String, String)>, Failure> {
    let client = context.client()?;
    let show = client.show(model)?.ok_or_else(|| crate::ollama::OllamaError::NoModel(model.to_owned()))?;
    let keys = ["name", "run", "base", "base_identity", "adapter", "dataset", "version"];
    let found: Vec<_> = keys.iter().filter_map(|k| Some(((*k).to_owned(), delivery::lineage_of(&show, k)?))).collect();
    if found.is_empty() {
        return Err(Failure::input(format!("{model} was not made by tunesmith: its file has no lineage")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Interrupt;
    use crate::eval::Goal;
    use crate::events::{Reporter, Silent};
    use crate::input::Env;
    use crate::roles::SuiteRef;

    fn context<'r>(report: &'r mut Silent, models_yaml: &std::path::Path) -> Context<'r> {
        Context {
            env: Env::default(),
            ollama_host: None,
            models_yaml: models_yaml.to_path_buf(),
            models_yaml_said: true,
            seed: None,
            force: false,
            parallel: None,
            interrupt: Interrupt::default(),
            report: Reporter::new(report),
        }
    }

    #[test]
    fn without_models_yaml_the_remedy_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let (mut report, path) = (Silent, dir.path().join("models.yaml"));
        let mut context = context(&mut report, &path);
        let failures = [
            rollback(&mut context, "router", None, false).unwrap_err(),
            history(&context, None).unwrap_err(),
            by_hand(&mut context, "router", "x:v2", true).unwrap_err(),
        ];
        for failure in failures {
            assert_eq!(failure.kind, Kind::Input);
            assert!(failure.to_string().contains("`tunesmith init`"), "{failure}");
        }
    }

    #[test]
    fn a_verdict_on_other_terms_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("suite.jsonl");
        std::fs::write(&file, "{\"prompt\": \"p\", \"expected\": \"e\"}\n").unwrap();
        let mut role = Role::bare("router", "x:v1");
        let suite = file.display().to_string();
        role.eval = vec![SuiteRef { suite, goal: Goal::Improve, metric: None, margin: None, min_gain: None }];
        let asked = |role: &Role| evaluate::terms(role, &evaluate::suites(role, true, &[], &[]).unwrap());
        let then = asked(&role);
        assert!(same_terms(&role, Some(&then), "x:v2").is_ok());
        let refused = |role: &Role, recorded: Option<&Terms>, why: &str| {
            let failure = same_terms(role, recorded, "x:v2").unwrap_err();
            assert!(failure.kind == Kind::GateInconclusive && failure.to_string().contains(why), "{why}: {failure}");
        };
        // What only the gate asked (a held-out part, say) takes nothing away.
        let mut more = then.clone();
        more.demands.insert("d".to_owned(), true.into());
        assert!(same_terms(&role, Some(&more), "x:v2").is_ok());
        refused(&role, None, "of an earlier version");
        // A lax gate is not rested on after the role has become strict again.
        let mut lax = role.clone();
        lax.eval[0].margin = Some(0.5);
        refused(&role, Some(&asked(&lax)), "now demands something else of the suite");
        let lax = Role { general: crate::roles::General::Off, ..role.clone() };
        refused(&role, Some(&asked(&lax)), "the suite builtin:general is not what the recorded gate");
        let mut lax = role.clone();
        lax.gate.degenerate_margin = Some(0.5);
        refused(&role, Some(&asked(&lax)), "`degenerate_margin` of the role router has changed");
        let lax = Role { system: Some("s".to_owned()), ..role.clone() };
        refused(&role, Some(&asked(&lax)), "`system` of the role router has changed");
        // From another folder its path is another.
        let moved = dir.path().join("moved.jsonl");
        std::fs::rename(&file, &moved).unwrap();
        role.eval[0].suite = moved.display().to_string();
        assert!(same_terms(&role, Some(&then), "x:v2").is_ok());
        std::fs::write(&moved, "{\"prompt\": \"q\", \"expected\": \"e\"}\n").unwrap();
        refused(&role, Some(&then), "is not what the recorded gate");
        role.eval.push(role.eval[0].clone());
        assert!(same_terms(&role, Some(&then), "x:v2").unwrap_err().to_string().contains("are the same"));
    }

    #[test]
    fn a_verdict_is_recorded_for_its_role_model_and_digest() {
        let dir = tempfile::tempdir().unwrap();
        let (mut report, path) = (Silent, dir.path().join("models.yaml"));
        std::fs::write(&path, "models: {router: {model_name: x:v1}}").unwrap();
        let mut context = context(&mut report, &path);
        let mut outcome = Outcome {
            decision: Decision::Pass,
            suites: Vec::new(),
            reasons: Vec::new(),
            notes: Vec::new(),
            report: "summary.md".into(),
            summary: String::new(),
            suite_digests: Vec::new(),
            terms: Terms::default(),
            v1_digest: "d1".into(),
            v2_digest: String::new(),
            allow_inconclusive: false,
            votes: None,
            judge: None,
            noise: crate::eval::NoiseFloor::default(),
            likelihood: None,
            choices: None,
            control: None,
        };
        record_gate(&mut context, "router", "x:v2", &outcome);
        outcome.v2_digest = "d2".into();
        record_gate(&mut context, "", "x:v2", &outcome);
        assert_eq!(
            promote::passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1").unwrap(),
            None
        );
        record_gate(&mut context, "router", "x:v2", &outcome);
        assert_eq!(
            promote::passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d2" }, "d1")
                .unwrap()
                .map(|p| p.seq),
            Some(1)
        );
        assert_eq!(
            promote::passed_gate(&path, "router", &TaggedModel { name: "x:v2", digest: "d3" }, "d1").unwrap(),
            None
        );
    }
}
