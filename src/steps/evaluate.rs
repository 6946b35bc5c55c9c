//! Both models asked every prompt of every suite, arm by arm; one verdict a suite, one decision, scorecards on disk.

mod daemon;

use std::path::{Path, PathBuf};

use super::{Context, Failure, Kind};
use crate::base::Base;
use crate::config::{General, Goal as Word, Metric as MetricWord, OnInconclusive, Role, RunConfig, SuiteRef};
use crate::dataset::Record;
use crate::eval::{
    self, Arm, Asking, Bench, Decision, Demand, Event, Gate, GateInput, Goal, Journal, Judgement, Measured, Metadata,
    Metric, Rules, Suite,
};
use crate::ollama::Client;
use crate::store::{Digest, write_whole};
use daemon::{DaemonAnswerer, DaemonEmbedder};

/// The suite that guards every gate, embedded in the program.
pub const GENERAL: &str = "builtin:general";
/// Its answers are short by the questions' own wording.
const GENERAL_TOKENS: u64 = 32;

/// What is compared, and on what.
#[derive(Debug)]
pub struct Trial<'a> {
    pub role: &'a Role,
    pub v1: String,
    pub v2: String,
    pub general: bool,
    pub held_out: &'a [Record],
    /// Training records: no suite may hold them.
    pub trained: &'a [Record],
    /// Set: both arms are fed by raw prompts of this base's template; else through `/api/chat`.
    pub base: Option<&'a Base>,
    pub output: PathBuf,
    pub limit: Option<usize>,
    pub num_thread: Option<u64>,
    pub seed: u64,
    pub adapter: Option<String>,
}

/// What came of it.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Outcome {
    pub decision: Decision,
    pub suites: Vec<String>,
    pub reasons: Vec<String>,
    /// The Markdown summary's file, and its text.
    pub report: PathBuf,
    #[serde(skip)]
    pub summary: String,
    pub suite_digests: Vec<(String, String)>,
    pub v1_digest: String,
    pub v2_digest: String,
    /// The role promotes on INCONCLUSIVE (`gate.on_inconclusive: promote`).
    pub allow_inconclusive: bool,
}

impl Outcome {
    pub fn promotable(&self) -> bool {
        self.decision == Decision::Pass || (self.allow_inconclusive && self.decision == Decision::Inconclusive)
    }
}

/// The suites of a role with their demands; reads every file, so that a fault is found before anything trains.
pub fn suites(role: &Role, general: bool, held_out: &[Record]) -> Result<Vec<(Suite, Demand)>, Failure> {
    let mut found = Vec::new();
    for wanted in &role.eval {
        let suite = open(wanted)?;
        found.push((demand(wanted, &suite)?, suite));
    }
    if role.eval.is_empty() && !held_out.is_empty() {
        let suite = Suite::from_records("held-out", held_out)?;
        let metric = suite.natural_metric();
        found.push((Demand { goal: Goal::Improve, metric, margin: Demand::ROLE_MARGIN, min_gain: None }, suite));
    }
    let named = role.eval.iter().any(|s| s.suite == GENERAL);
    if general && role.general == General::On && !named {
        let suite = general_suite()?;
        let metric = suite.natural_metric();
        found.push((Demand { goal: Goal::Hold, metric, margin: Demand::GENERAL_MARGIN, min_gain: None }, suite));
    }
    Ok(found.into_iter().map(|(d, s)| (s, d)).collect())
}

fn open(wanted: &SuiteRef) -> Result<Suite, Failure> {
    match Suite::builtin(&wanted.suite) {
        Some(builtin) => Ok(builtin?),
        None => Ok(Suite::read(Path::new(&wanted.suite))?),
    }
}

fn general_suite() -> Result<Suite, Failure> {
    let none = || eval::EvalError::NoBuiltin(GENERAL.to_owned());
    Ok(Suite::builtin(GENERAL).ok_or_else(none)??)
}

fn demand(wanted: &SuiteRef, suite: &Suite) -> Result<Demand, Failure> {
    let metric = match wanted.metric {
        None => suite.natural_metric(),
        Some(MetricWord::ExactMatch) => Metric::ExactMatch,
        Some(MetricWord::KeywordMatch) => Metric::KeywordMatch,
        Some(MetricWord::Pass) => Metric::Pass,
        Some(MetricWord::TokenF1) => Metric::TokenF1,
    };
    suite.check_metric(metric)?;
    let (goal, margin) = match wanted.goal {
        Word::Improve => (Goal::Improve, Demand::ROLE_MARGIN),
        Word::Hold => (Goal::Hold, if wanted.suite == GENERAL { Demand::GENERAL_MARGIN } else { Demand::ROLE_MARGIN }),
    };
    Ok(Demand { goal, metric, margin: wanted.margin.unwrap_or(margin), min_gain: wanted.min_gain })
}

/// What can be refused before training: unreadable suites, and a suite that the training data holds.
pub fn check_suites(role: &Role, config: &RunConfig, held_out: &[Record], trained: &[Record]) -> Result<(), Failure> {
    for (suite, _) in suites(role, config.general == General::On, held_out)? {
        let shared = eval::overlaps(&suite, trained);
        if let Some(first) = shared.first() {
            let (n, name) = (shared.len(), &suite.name);
            return Err(Failure::input(format!(
                "{n} prompts of the suite {name} stand in the training data too; the first: {} (line {})",
                first.case, first.line
            ))
            .hint("take them out of one of the two: a suite that was trained on measures memory"));
        }
    }
    Ok(())
}

/// Asks, measures, judges; writes `<suite>.json`, `summary.md` and the journal of answers under `trial.output`.
pub fn judge(context: &mut Context<'_>, client: &Client, trial: &Trial<'_>) -> Result<Outcome, Failure> {
    let mut suites = suites(trial.role, trial.general, trial.held_out)?;
    if let Some(n) = trial.limit {
        suites = suites.into_iter().map(|(s, d)| (s.limited(n), d)).collect();
    }
    let benches: Vec<Bench> = suites.iter().map(|(s, _)| bench(trial, s)).collect();
    let mut answerer = DaemonAnswerer::new(client, trial)?;
    if trial.base.is_none() {
        context.report.note("asked through /api/chat: each model with its own template and SYSTEM");
    }
    std::fs::create_dir_all(&trial.output)
        .map_err(|e| crate::store::StoreError::new("creating folder", &trial.output, e))?;
    let mut journal = Journal::open(&trial.output.join("answers.jsonl"))?;
    let interrupt = context.interrupt.clone();
    let asking =
        Asking { benches: &benches, base_model: &trial.v1, tuned_model: &trial.v2, samples: 1, interrupt: &interrupt };
    let report = &mut *context.report;
    let answers = eval::ask_all(&asking, &mut answerer, &mut journal, &mut |event| show(report, event))?;
    let mut embedder = trial.role.embedding.as_ref().map(|model| DaemonEmbedder::new(client, model));
    // What the base says off the domain: the embedder's notion of what relevance is not.
    let general = suites.iter().position(|(s, _)| s.name == GENERAL);
    let outside: Vec<String> = general.map_or_else(Vec::new, |i| {
        answers[i].iter().flat_map(|a| &a.base).map(|reply| reply.text().to_owned()).collect()
    });
    let mut measured = Vec::new();
    for ((suite, demand), answers) in suites.iter().zip(&answers) {
        let embedder = embedder.as_mut().map(|e| e as &mut dyn eval::Embedder);
        measured.push(eval::measure(suite, demand.metric, answers, embedder, &outside)?);
    }
    let digests = (eval::Answerer::digest(&mut answerer, &trial.v1), eval::Answerer::digest(&mut answerer, &trial.v2));
    let digests = (digests.0.unwrap_or_default(), digests.1.unwrap_or_default());
    write(context, trial, (&suites, &measured), (digests, answerer.describe()))
}

fn bench(trial: &Trial<'_>, suite: &Suite) -> Bench {
    let general = suite.name == GENERAL;
    let tokens = trial.role.options.get("num_predict").and_then(serde_json::Value::as_u64);
    Bench {
        suite: suite.clone(),
        // General questions are asked as anybody would: without the role's own words.
        system: if general { None } else { trial.role.system.clone() },
        max_tokens: if general { Some(GENERAL_TOKENS) } else { tokens },
    }
}

fn show(report: &mut dyn super::Report, event: &Event<'_>) {
    match event {
        Event::ArmStarted { arm, model, questions, kept } => {
            let what = if *arm == Arm::Base { "ask v1" } else { "ask v2" };
            report.begin(what, Some(*questions as u64));
            report.advance(*kept as u64, model);
        }
        Event::Answered { index, suite, case, .. } => {
            report.advance(*index as u64 + 1, &format!("{suite} {}", case.id))
        }
        Event::ArmDone { .. } => report.end("answered"),
    }
}

/// Verdicts, decision, files.
fn write(
    context: &mut Context<'_>,
    trial: &Trial<'_>,
    (suites, measured): (&[(Suite, Demand)], &[Measured]),
    ((v1_digest, v2_digest), device): ((String, String), String),
) -> Result<Outcome, Failure> {
    let judged: Vec<_> = suites.iter().zip(measured).map(|((_, d), m)| eval::judge(m, *d, trial.seed)).collect();
    let overlaps: Vec<_> = suites.iter().map(|(s, _)| eval::overlaps(s, trial.trained)).collect();
    let judgements: Vec<Judgement<'_>> = measured
        .iter()
        .zip(&judged)
        .zip(&overlaps)
        .map(|((measured, judged), overlaps)| Judgement { measured, judged, overlaps })
        .collect();
    let limited = trial.limit.map(|n| format!("only the first {n} prompts of each suite were asked"));
    let rules = Rules { degenerate: trial.role.gate.degenerate, latency_ratio: trial.role.gate.latency_ratio };
    let gate: Gate = eval::gate(&GateInput { suites: &judgements, rules, limited });
    let metadata = Metadata {
        base_model: trial.v1.clone(),
        finetuned_model: trial.v2.clone(),
        lora_adapter: trial.adapter.clone(),
        device,
        timestamp: jiff::Timestamp::now().to_string(),
        base_digest: v1_digest.clone(),
        finetuned_digest: v2_digest.clone(),
        options: serde_json::Value::Object(trial.role.options.clone()),
        system: trial.role.system.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        role: Some(trial.role.name.clone()).filter(|n| !n.is_empty()),
    };
    let documents: Vec<_> =
        measured.iter().zip(&judged).map(|(m, j)| eval::document(&metadata, m, j, Some(gate.decision))).collect();
    for (measured, document) in measured.iter().zip(&documents) {
        write_whole(trial.output.join(format!("{}.json", file_name(&measured.suite))), document.to_json().as_bytes())?;
    }
    let parts: Vec<_> = measured.iter().zip(&judged).zip(&documents).map(|((m, j), d)| (m, j, d)).collect();
    let summary = eval::summary(&metadata, &gate, &parts)?;
    let report = trial.output.join("summary.md");
    write_whole(&report, summary.as_bytes())?;
    for sentence in &gate.suites {
        context.report.note(sentence);
    }
    let suite_digests = suites.iter().map(|(s, _)| (s.name.clone(), s.digest.to_string())).collect();
    let allow_inconclusive = trial.role.gate.on_inconclusive == OnInconclusive::Promote && trial.limit.is_none();
    Ok(Outcome {
        decision: gate.decision,
        suites: gate.suites,
        reasons: gate.reasons,
        report,
        summary,
        suite_digests,
        v1_digest,
        v2_digest,
        allow_inconclusive,
    })
}

fn file_name(suite: &str) -> String {
    let stem = Path::new(suite).file_stem().and_then(|s| s.to_str()).unwrap_or(suite);
    let clean: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    // Two suites of one file name must not share a scorecard.
    if stem == suite { clean } else { format!("{clean}-{}", &Digest::of_bytes(suite.as_bytes()).short()[..4]) }
}

/// `tunesmith eval`: a role's suites, or files, without a run.
#[derive(Clone, Debug)]
pub struct Wishes {
    pub role: Option<String>,
    pub suites: Vec<String>,
    pub model: String,
    pub against: Option<String>,
    pub limit: Option<usize>,
    pub output: PathBuf,
    pub num_thread: Option<u64>,
}

pub fn alone(context: &mut Context<'_>, wishes: &Wishes) -> Result<Outcome, Failure> {
    let client = context.client()?;
    client.capabilities()?;
    let mut role = match (&wishes.role, context.roles()?) {
        (Some(name), Some(roles)) => roles.role(name)?.clone(),
        (Some(name), None) => {
            return Err(Failure::input(format!("--role {name}: {} is not there", context.models_yaml.display())));
        }
        (None, _) => Role::bare("", ""),
    };
    if !wishes.suites.is_empty() {
        let goal = |s: &str| if s == GENERAL { Word::Hold } else { Word::Improve };
        let suite =
            |s: &String| SuiteRef { goal: goal(s), suite: s.clone(), metric: None, margin: None, min_gain: None };
        role.eval = wishes.suites.iter().map(suite).collect();
    }
    let v1 = match (&wishes.against, role.model_name.is_empty()) {
        (Some(name), _) => name.clone(),
        (None, false) => role.model_name.clone(),
        (None, true) => {
            return Err(Failure::new(Kind::Usage, "give --against MODEL, or --role, whose model is then v1"));
        }
    };
    let base = base_of_both(context, &client, (&v1, &wishes.model))?;
    let trial = Trial {
        general: wishes.suites.is_empty(),
        v1,
        v2: wishes.model.clone(),
        held_out: &[],
        trained: &[],
        base: base.as_ref(),
        output: wishes.output.clone(),
        limit: wishes.limit,
        num_thread: wishes.num_thread,
        seed: context.seed.unwrap_or(42),
        adapter: None,
        role: &role,
    };
    judge(context, &client, &trial)
}

/// v1, where v2 is a tune of that very file: then both have its template, and are asked as `run` asks them.
fn base_of_both(context: &mut Context<'_>, client: &Client, (v1, v2): (&str, &str)) -> Result<Option<Base>, Failure> {
    let lineage = client.show(v2)?.and_then(|show| super::delivery::lineage_of(&show, "base"));
    let Some(digest) = lineage.and_then(|text| text.parse::<Digest>().ok()) else { return Ok(None) };
    match client.show(v1)? {
        Some(show) if show.from.ends_with(&digest.blob_name()) => Ok(context.open_base(v1).ok()),
        _ => Ok(None),
    }
}
