//! Both models asked every prompt of every suite, arm by arm; one verdict a suite, one decision, scorecards on disk.

mod options;
mod suites;
mod trained;
mod written;
mod comparison;

use std::path::{Path, PathBuf};

use super::daemon::{AskOptions, DaemonAnswerer, DaemonEmbedder};
use super::judging::{Judge, Judging};
use super::votes::{self, VotedModel, Voter, VotesFile, Voting};
use super::{Context, Failure, Kind, reporting};
use crate::base::Base;
use crate::bert::Bert;
use crate::eval::{
    self, Arm, Asking, Bench, Demand, Gate, GateInput, Goal, Judgement, Measured, Metadata, Rules, Suite,
};
use crate::events::{self, Detail, Event, Note, Reporter, Stage, SuiteResult, Unit};
use crate::ollama::{Client, OllamaError};
use crate::roles::{OnInconclusive, Role, SuiteRef, same_model};
use crate::store::{Digest, Inputs, check_replaceable, check_writable, create_folder, write_whole};
pub use comparison::{Comparison, Outcome};
pub use suites::{GENERAL, check_suites, suites, terms};
use suites::{bench, renders};
use written::{SUMMARY, scorecard};

/// Asks, measures, judges; writes `<suite>.json` and `summary.md` under `comparison.output`.
pub fn judge(context: &mut Context<'_>, client: &Client, comparison: &Comparison<'_>) -> Result<Outcome, Failure> {
    let answers = scored(context, client, comparison)?;
    write(context, comparison, answers)
}

/// Every suite's answers with their scores.
struct Scored {
    suites: Vec<(Suite, Demand)>,
    measured: Vec<Measured>,
    provenance: Provenance,
}

fn scored(context: &mut Context<'_>, client: &Client, comparison: &Comparison<'_>) -> Result<Scored, Failure> {
    let mut suites = suites(comparison.role, comparison.general, comparison.held_out, comparison.trained)?;
    if let Some(n) = comparison.limit {
        suites = suites.into_iter().map(|(s, d)| (s.limited(n), d)).collect();
    }
    let benches: Vec<Bench> = suites.iter().map(|(s, _)| bench(comparison.role, s.clone())).collect();
    written::check(context, comparison, &suites)?;
    let asked = ask_options(comparison)?;
    let samples = options::samples(comparison.samples, comparison.role, &asked)?;
    let answerer = DaemonAnswerer::new(client, asked, context.parallel)?;
    for bench in &benches {
        if let Some(template) = answerer.raw(bench.plain) {
            renders(bench, template)?;
        }
    }
    let by_chat: Vec<_> =
        benches.iter().filter(|b| answerer.raw(b.plain).is_none()).map(|b| b.suite.name.clone()).collect();
    if !by_chat.is_empty() {
        context.report.note(Note::AskedByChat { suites: by_chat });
    }
    if answerer.served_otherwise(&comparison.v1)? {
        context.report.note(Note::ServedWithOtherPrompt { model: comparison.v1.clone() });
    }
    create_folder(&comparison.output)?;
    let mut cache = written::kept_answers(context, comparison)?;
    if comparison.anew {
        cache.ask_anew();
    }
    let interrupt = context.interrupt.clone();
    let asking = Asking {
        benches: &benches,
        base_model: &comparison.v1,
        tuned_model: &comparison.v2,
        samples,
        interrupt: &interrupt,
    };
    let report = &mut context.report;
    let asked = eval::ask_all(&asking, &answerer, &mut cache, &mut |event| show(report, event))?;
    let mut embedder = comparison.role.embedding.as_ref().map(|model| DaemonEmbedder::new(client, model));
    // What the base says off the domain: the embedder's notion of what relevance is not.
    let general = suites.iter().position(|(s, _)| s.name == GENERAL);
    let outside: Vec<String> = general.map_or_else(Vec::new, |i| {
        asked.answers[i].iter().flat_map(|a| &a.base).map(|reply| reply.text().to_owned()).collect()
    });
    let mut measured = Vec::new();
    for ((suite, demand), answers) in suites.iter().zip(&asked.answers) {
        let embedder = embedder.as_mut().map(|e| e as &mut dyn eval::Embedder);
        let mut scores = eval::measure(suite, demand.metric, answers, embedder, &outside)?;
        if let Some(bert) = comparison.bert {
            eval::add_bert_score(suite, &mut scores, bert, &interrupt)?;
        }
        measured.push(scores);
    }
    let provenance =
        Provenance { v1_digest: asked.base_digest, v2_digest: asked.tuned_digest, device: answerer.describe() };
    Ok(Scored { suites, measured, provenance })
}

/// The role's options, and the base's template where it is known.
fn ask_options<'a>(comparison: &Comparison<'a>) -> Result<AskOptions<'a>, Failure> {
    let role = comparison.role;
    let mut options = options::options(role)?;
    options.num_thread = comparison.num_thread.or(options.num_thread);
    let seed = role.options.get("seed").filter(|s| !s.is_null()).map(|_| options.seed);
    Ok(AskOptions { template: comparison.base.map(|b| &b.template), options, seed, think: role.think, format: None })
}

fn show(report: &mut Reporter<'_>, event: &eval::Event<'_>) {
    match event {
        eval::Event::ArmStarted { arm, model, questions, kept } => {
            let stage = if *arm == Arm::Base { Stage::AskV1 } else { Stage::AskV2 };
            report.begin(stage, Unit::Prompts, Some(*questions as u64));
            report.advance(*kept as u64, Some(Detail::Item((*model).to_owned())));
        }
        eval::Event::Answered { index, suite, case, .. } => {
            report.advance(*index as u64 + 1, Some(Detail::Item(format!("{suite} {}", case.id))));
        }
        eval::Event::ArmDone { model, .. } => report.end(events::Outcome::Answered { model: (*model).to_owned() }),
    }
}

/// Which models answered, and where they were computed.
struct Provenance {
    v1_digest: String,
    v2_digest: String,
    device: String,
}

/// Verdicts, decision, files.
fn write(context: &mut Context<'_>, comparison: &Comparison<'_>, scored: Scored) -> Result<Outcome, Failure> {
    let Scored { suites, measured, provenance: Provenance { v1_digest, v2_digest, device } } = scored;
    let judged: Vec<_> = suites.iter().zip(&measured).map(|((_, d), m)| eval::judge(m, *d, comparison.seed)).collect();
    let overlaps: Vec<_> = suites.iter().map(|(s, _)| eval::overlaps(s, comparison.trained)).collect();
    let judgements: Vec<Judgement<'_>> = measured
        .iter()
        .zip(&judged)
        .zip(&overlaps)
        .map(|((measured, judged), overlaps)| Judgement { measured, judged, overlaps })
        .collect();
    let limited = comparison.limit.map(|n| format!("only the first {n} prompts of each suite were asked"));
    let gate: Gate = eval::gate(&GateInput { suites: &judgements, rules: rules(comparison.role), limited });
    let metadata = Metadata {
        device,
        base_digest: v1_digest.clone(),
        finetuned_digest: v2_digest.clone(),
        ..metadata(comparison)
    };
    let document = |(m, j)| eval::document(&metadata, m, j, Some(gate.decision)).with_gate(&gate);
    let documents: Vec<_> = measured.iter().zip(&judged).map(document).collect();
    for (measured, document) in measured.iter().zip(&documents) {
        write_whole(comparison.output.join(scorecard(&measured.suite)), document.to_json().as_bytes())?;
    }
    if let Some(path) = &comparison.junit {
        let suites: Vec<_> =
            measured.iter().zip(&judged).map(|(measured, judged)| eval::JunitSuite { measured, judged }).collect();
        write_whole(path, eval::junit(&suites, &metadata.timestamp).as_bytes())?;
    }
    let parts: Vec<_> = measured.iter().zip(&judged).zip(&documents).map(|((m, j), d)| (m, j, d)).collect();
    let summary = eval::summary(&metadata, &gate, &parts)?;
    let report = comparison.output.join(SUMMARY);
    write_whole(&report, summary.as_bytes())?;
    judged.iter().for_each(|judged| context.report.emit(&Event::Suite(suite_result(judged))));
    context.report.emit(&Event::Verdict {
        decision: gate.decision.name().to_owned(),
        reasons: gate.reasons.clone(),
        notes: gate.notes.clone(),
    });
    let suite_digests = suites.iter().map(|(s, _)| (s.name.clone(), s.digest.to_string())).collect();
    // Neither a part of the prompts nor a v1 that failed on many is what `on_inconclusive: promote` was said for.
    let allow_inconclusive = comparison.role.gate.on_inconclusive == OnInconclusive::Promote && gate.complete;
    Ok(Outcome {
        decision: gate.decision,
        suites: gate.suites,
        reasons: gate.reasons,
        notes: gate.notes,
        report,
        summary,
        suite_digests,
        terms: terms(comparison.role, &suites),
        v1_digest,
        v2_digest,
        allow_inconclusive,
        votes: None,
        judge: None,
    })
}

fn suite_result(judged: &eval::Judged) -> SuiteResult {
    let demand = judged.demand;
    SuiteResult {
        suite: judged.suite.clone(),
        prompts: judged.n,
        v1: judged.base,
        v2: judged.tuned,
        low: judged.interval.low,
        high: judged.interval.high,
        fixed: judged.fixed,
        broken: judged.broken,
        margin: (demand.goal == eval::Goal::Hold).then_some(demand.margin),
        verdict: judged.verdict.name().to_owned(),
    }
}

fn rules(role: &Role) -> Rules {
    let degenerate_margin = role.gate.degenerate_margin.unwrap_or(Rules::DEGENERATE_MARGIN);
    Rules { degenerate_margin, latency_ratio: role.gate.latency_ratio }
}

/// What is known before anything is asked.
fn metadata(comparison: &Comparison<'_>) -> Metadata {
    Metadata {
        base_model: comparison.v1.clone(),
        finetuned_model: comparison.v2.clone(),
        lora_adapter: comparison.adapter.clone(),
        timestamp: jiff::Timestamp::now().to_string(),
        options: serde_json::Value::Object(comparison.role.options.clone()),
        system: comparison.role.system.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        role: Some(comparison.role.name.clone()).filter(|n| !n.is_empty()),
        ..Metadata::default()
    }
}

/// A suite of the command line: what everybody should know, in any version, is to be held; any other to be improved.
fn named(suite: &str) -> SuiteRef {
    let goal = if suite.starts_with("builtin:") { Goal::Hold } else { Goal::Improve };
    SuiteRef { goal, suite: suite.to_owned(), metric: None, margin: None, min_gain: None }
}

/// A suite as the command line names it: a file, or the name of one of the program's, with or without `builtin:`.
pub fn suite_name(said: &str) -> Result<String, Failure> {
    suite_name_in(Path::new(""), said)
}

/// As [`suite_name`], of a file in this folder. A folder of the same name is no suite.
fn suite_name_in(folder: &Path, said: &str) -> Result<String, Failure> {
    if said.starts_with("builtin:") || folder.join(said).is_file() {
        return Ok(said.to_owned());
    }
    match eval::nearest_builtin(said).filter(|_| !said.contains(['/', '\\', '.'])) {
        Some(name) if name == said => Ok(format!("builtin:{name}")),
        Some(name) => Err(Failure::input(format!("--suite {said}: there is no such file"))
            .hint(format!("did you mean {name}, a suite of the program?"))),
        None => Ok(said.to_owned()),
    }
}

/// `tunesmith eval`: a role's suites, or files, without a run.
#[derive(Clone, Debug)]
pub struct EvalRequest {
    pub role: Option<String>,
    pub suites: Vec<String>,
    pub model: String,
    pub against: Option<String>,
    /// The embedding model; None: the role's.
    pub embed: Option<String>,
    pub limit: Option<usize>,
    pub output: PathBuf,
    /// Also write JUnit XML to this file.
    pub junit: Option<PathBuf>,
    /// The model that says which answers are better.
    pub judge: Option<String>,
    /// Times that each prompt is asked of each model; None: as the role says.
    pub samples: Option<usize>,
    /// Asks everything again, whatever was answered before.
    pub no_cache: bool,
    /// The folder of a BERT that compares answers with reference texts, and how many of its layers are computed.
    pub bert_score: Option<BertFolder>,
    pub num_thread: Option<u64>,
}

/// A BERT in a folder.
#[derive(Clone, Debug)]
pub struct BertFolder {
    pub folder: PathBuf,
    /// That are computed; None: three quarters.
    pub layers: Option<usize>,
}

/// `voter`: a person who is asked which answer is better, before the verdict is known.
pub fn alone(
    context: &mut Context<'_>,
    request: &EvalRequest,
    voter: Option<&mut dyn Voter>,
) -> Result<Outcome, Failure> {
    let client = context.client()?;
    client.capabilities()?;
    let roles = context.roles()?;
    context.warn_of_roles(roles.as_ref());
    let mut role = match (&request.role, roles) {
        (Some(name), Some(roles)) => roles.role(name)?.clone(),
        (Some(name), None) => {
            return Err(Failure::input(format!("--role {name}: {} is not there", context.models_yaml.display())));
        }
        (None, _) => Role::bare("", ""),
    };
    if !request.suites.is_empty() {
        role.eval = request.suites.iter().map(|suite| named(suite)).collect();
    }
    role.embedding = request.embed.clone().or(role.embedding);
    let mut read = Inputs::default();
    read.add("the roles", &context.models_yaml);
    role.eval.iter().for_each(|suite| {
        read.add("a suite", Path::new(&suite.suite));
    });
    let is_written = |name: &str| name.ends_with(".json") || name == SUMMARY || name == reporting::NAME;
    read.refuse_overwrite_in(&request.output, is_written)?;
    if let Some(path) = &request.junit {
        read.refuse_overwrite(path)?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        check_writable(folder)?;
    }
    let v1 = match (&request.against, role.model_name.is_empty()) {
        (Some(name), _) => name.clone(),
        (None, false) => role.model_name.clone(),
        (None, true) => {
            return Err(Failure::new(Kind::Usage, "give --against MODEL, or --role, whose model is then v1"));
        }
    };
    if same_model(&v1, &request.model) {
        let whose = if request.against.is_some() { "--against names" } else { "the role uses" };
        let why = format!("{whose} {v1} itself: there is nothing to compare it with");
        return Err(Failure::new(Kind::Usage, why).hint("name another model by --against MODEL"));
    }
    // Before the first question, which may be the first of hours.
    for model in [&v1, &request.model] {
        client.tag(model)?.ok_or_else(|| OllamaError::NoModel(model.clone()))?;
    }
    let base = base_of_both(context, &client, &v1, &request.model)?;
    let trained = trained::records(context, &request.model, &role, base.as_ref());
    let bert = request.bert_score.as_ref().map(|bert| Bert::open(&bert.folder, bert.layers)).transpose()?;
    let comparison = Comparison {
        samples: request.samples,
        bert: bert.as_ref(),
        anew: request.no_cache,
        general: request.suites.is_empty(),
        v1,
        v2: request.model.clone(),
        held_out: &[],
        trained: &trained,
        base: base.as_ref(),
        output: request.output.clone(),
        limit: request.limit,
        num_thread: request.num_thread,
        seed: context.seed.unwrap_or(42),
        adapter: None,
        junit: request.junit.clone(),
        role: &role,
    };
    let page = request.output.join(reporting::NAME);
    check_replaceable(&page).map_err(|e| Failure::from(e).hint("nothing was asked yet: move it away"))?;
    let judge = request.judge.as_deref().map(|judge| Judge::new(&client, judge, [&comparison.v1, &comparison.v2]));
    let judge = judge.transpose()?;
    let wants_votes = voter.is_some() || judge.is_some();
    let mut votes = wants_votes.then(|| votes::open(context, &request.output)).transpose()?;
    let answers = scored(context, &client, &comparison)?;
    let voted = match (voter, &mut votes) {
        (Some(voter), Some(file)) => Some(votes::ask(file, voter, on(context, &comparison, &answers))?),
        _ => None,
    };
    let pairs = eval::answer_pairs(&answers.measured);
    let cases = answers.measured.iter().flat_map(|suite| &suite.cases);
    let equal_answers = cases.filter(|case| case.identical).count();
    let outcome = write(context, &comparison, answers)?;
    reporting::write(context, &request.output);
    let judged = judge.map(|judge| {
        let votes = votes.as_ref().map(VotesFile::votes).unwrap_or_default();
        let judging = Judging { pairs: &pairs, equal_answers, votes, output: &request.output };
        judge.judge(context, &client, &judging)
    });
    Ok(Outcome { votes: voted, judge: judged.transpose()?, ..outcome })
}

fn on<'a>(context: &'a Context<'_>, comparison: &Comparison<'_>, answers: &Scored) -> Voting<'a> {
    Voting {
        pairs: eval::answer_pairs(&answers.measured),
        models: [
            VotedModel::new(&comparison.v1, &answers.provenance.v1_digest),
            VotedModel::new(&comparison.v2, &answers.provenance.v2_digest),
        ],
        // Another order each time, so that nobody votes on the same first pairs only.
        seed: context.seed.unwrap_or_else(|| jiff::Timestamp::now().as_nanosecond() as u64),
        interrupt: &context.interrupt,
    }
}

/// v1, where v2 is a tune of that very file: then both have its template, and are asked as `run` asks them.
fn base_of_both(context: &mut Context<'_>, client: &Client, v1: &str, v2: &str) -> Result<Option<Base>, Failure> {
    let lineage = client.show(v2)?.and_then(|show| super::delivery::lineage_of(&show, "base"));
    let Some(digest) = lineage.and_then(|text| text.parse::<Digest>().ok()) else { return Ok(None) };
    match client.show(v1)? {
        Some(show) if show.from.ends_with(&digest.blob_name()) => {}
        _ => return Ok(None),
    }
    // The files of a daemon elsewhere can't be read from here: said, and asked otherwise.
    let opened = context.open_base(v1);
    // With another template than its file's, v1 as it is served is not what those prompts would ask.
    if opened.as_ref().is_ok_and(|base| !base.is_served_as_trained()) {
        return Ok(None);
    }
    if let Err(e) = &opened {
        context.report.note(Note::TemplateUnknown { model: v1.to_owned(), reason: e.to_string() });
    }
    Ok(opened.ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_of_the_program_needs_no_prefix_and_a_wrong_word_gets_the_nearest() {
        assert_eq!(suite_name("jarvis").unwrap(), "builtin:jarvis");
        for said in ["builtin:none", "suites/jarvis.jsonl", "jarvis.jsonl", "x"] {
            assert_eq!(suite_name(said).unwrap(), said);
        }
        let e = suite_name("jarvs").unwrap_err();
        assert_eq!(e.hint.as_deref(), Some("did you mean jarvis, a suite of the program?"));
    }

    #[test]
    fn only_a_file_stands_before_a_suite_of_the_program() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("jarvis")).unwrap();
        assert_eq!(suite_name_in(dir.path(), "jarvis").unwrap(), "builtin:jarvis");
        std::fs::write(dir.path().join("smoke"), "{}").unwrap();
        assert_eq!(suite_name_in(dir.path(), "smoke").unwrap(), "smoke");
    }

    #[test]
    fn builtin_suites_are_held_in_every_version() {
        assert_eq!(["builtin:general", "builtin:general-v1"].map(|suite| named(suite).goal), [Goal::Hold; 2]);
        assert_eq!(named("builtin.jsonl").goal, Goal::Improve);
    }
}
