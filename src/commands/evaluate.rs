//! Both models asked every prompt of every suite, arm by arm; one verdict a suite, one decision, scorecards on disk.

mod alone;
mod choices;
mod control;
mod likelihood;
mod noise;
mod options;
mod progress;
mod suites;
mod tools;
mod trained;
mod written;
mod comparison;

use super::daemon::{AskOptions, DaemonAnswerer, DaemonEmbedder};
use super::{Context, Failure, Kind};
use crate::eval::{
    self, Asking, Bench, CaseAnswers, Control, Demand, Gate, GateInput, Judgement, KeptEmbedder, Measured, Metadata,
    NoiseFloor, Rules, Suite,
};
use crate::events::{Event, Note, SuiteResult};
use crate::ollama::Client;
use crate::roles::{OnInconclusive, Role};
use crate::store::{create_folder, write_whole};
pub use alone::{BertFolder, EvalRequest, alone, suite_name};
pub use comparison::{Comparison, Outcome};
pub use control::ControlPlan;
use likelihood::ComputedHere;
pub use likelihood::{Candidate, LikelihoodArm, LikelihoodArms};
use progress::show;
pub use suites::{GENERAL, check_suites, suites, terms};
use suites::{bench, renders};
pub use tools::{check_role_tools, check_template_tools};
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
    noise: NoiseFloor,
    /// Where it was asked for.
    computed: Option<ComputedHere>,
    control: Option<Control>,
}

fn scored(context: &mut Context<'_>, client: &Client, comparison: &Comparison<'_>) -> Result<Scored, Failure> {
    let mut suites = suites(comparison.role, comparison.general, comparison.held_out, comparison.trained)?;
    for (suite, _) in &suites {
        suite.check_embedder(comparison.role.embedding.as_deref())?;
    }
    if let Some(n) = comparison.limit {
        suites = suites.into_iter().map(|(s, d)| (s.limited(n), d)).collect();
    }
    tools::check(client, suites.iter().map(|(suite, _)| suite), &[&comparison.v1, &comparison.v2])?;
    let benches: Vec<Bench> = suites.iter().map(|(s, _)| bench(comparison.role, s.clone())).collect();
    written::check(context, comparison, &suites)?;
    if comparison.bert.is_some() && !suites.iter().any(|(suite, _)| eval::has_reference_texts(suite)) {
        let what = "--bert-score: no suite has a text that answers are compared with";
        return Err(Failure::new(Kind::Usage, what).hint("give lines a \"reference\", or leave --bert-score out"));
    }
    let samples = options::samples(comparison.samples, comparison.role)?;
    let answerer = DaemonAnswerer::new(client, ask_options(comparison)?, context.parallel)?;
    for bench in &benches {
        if let Some(template) = answerer.raw(bench.plain) {
            renders(bench, template)?;
        }
    }
    let by_chat: Vec<_> = benches
        .iter()
        .filter(|b| answerer.raw(b.plain).is_none() || b.suite.with_tools().is_some())
        .map(|b| b.suite.name.clone())
        .collect();
    if !by_chat.is_empty() {
        context.report.note(Note::AskedByChat { suites: by_chat });
    }
    if answerer.served_otherwise(&comparison.v1)? {
        context.report.note(Note::ServedWithOtherPrompt { model: comparison.v1.clone() });
    }
    create_folder(&comparison.output)?;
    let mut cache = written::kept_answers(context, comparison)?;
    if comparison.no_cache {
        cache.ignore_kept();
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
    let again = eval::asked_again(&benches, &asked.answers);
    let second = noise::ask(
        context,
        comparison,
        noise::SecondAsking {
            client,
            answerer: &answerer,
            again: &again,
            samples,
            cache: &mut cache,
            answered: asked.answered,
        },
    )?;
    let control = match &comparison.control {
        Some(plan) => {
            let answered = second.answered;
            let asking = control::ControlAsking {
                client,
                answerer: &answerer,
                benches: &benches,
                samples,
                cache: &mut cache,
                answered,
            };
            Some(control::ask(context, plan, asking)?)
        }
        None => None,
    };
    let mut embedder = match &comparison.role.embedding {
        Some(model) => Some((DaemonEmbedder::new(client, model), DaemonEmbedder::identity(client, model)?)),
        None => None,
    };
    let mut embedder = match &mut embedder {
        Some((embedder, identity)) => Some(KeptEmbedder::new(embedder, &cache, identity)?),
        None => None,
    };
    // What the base says off the domain: the embedder's notion of what relevance is not.
    let general = suites.iter().position(|(s, _)| s.name == GENERAL);
    let outside: Vec<String> = general.map_or_else(Vec::new, |i| {
        asked.answers[i].iter().flat_map(|a| &a.base).map(|reply| reply.text().to_owned()).collect()
    });
    let (mut measured, mut in_two_parts, mut twice) = (Vec::new(), Vec::new(), Vec::new());
    for (i, ((suite, demand), answers)) in suites.iter().zip(&asked.answers).enumerate() {
        // Of noise and control only the scores are used: vectors are not asked for where no score depends on them.
        let mut scored = |suite: &Suite, answers: &[CaseAnswers]| {
            let embedder = embedder.as_mut().filter(|_| suite.compares_vectors());
            let embedder = embedder.map(|e| e as &mut dyn eval::Embedder);
            eval::measure(suite, demand.metric, answers, embedder, &outside)
        };
        twice.push(scored(&again[i].bench.suite, &again[i].pairs(answers, &second.answers[i]))?);
        if let Some(control) = &control {
            let [export, training] = control.pairs(i, answers);
            let [export, training] = [scored(suite, &export)?, scored(suite, &training)?];
            let judged = |measured| eval::judge(measured, *demand, comparison.seed);
            in_two_parts.push(eval::control_suite(&judged(&export), &judged(&training)));
        }
        let embedder = embedder.as_mut().map(|e| e as &mut dyn eval::Embedder);
        let mut scores = eval::measure(suite, demand.metric, answers, embedder, &outside)?;
        if let Some(bert) = comparison.bert {
            eval::add_bert_score(suite, &mut scores, bert, &interrupt)?;
        }
        measured.push(scores);
    }
    let control = control.map(|control| control.found(in_two_parts));
    let measure = |arms| likelihood::measure(context, arms, &benches, comparison.seed);
    let computed = comparison.likelihood.as_ref().map(measure).transpose()?;
    let provenance =
        Provenance { v1_digest: asked.base_digest, v2_digest: asked.tuned_digest, device: answerer.describe() };
    let noise = NoiseFloor::of(&twice);
    Ok(Scored { suites, measured, provenance, noise, computed, control })
}

/// The role's options, and the base's template where it is known.
fn ask_options<'a>(comparison: &Comparison<'a>) -> Result<AskOptions<'a>, Failure> {
    let role = comparison.role;
    let mut options = options::options(role)?;
    options.num_thread = comparison.num_thread.or(options.num_thread);
    let seed = options::has_seed(role).then_some(options.seed);
    Ok(AskOptions { template: comparison.base.map(|b| &b.template), options, seed, think: role.think, format: None })
}

/// Which models answered, and where they were computed.
struct Provenance {
    v1_digest: String,
    v2_digest: String,
    device: String,
}

/// Verdicts, decision, files.
fn write(context: &mut Context<'_>, comparison: &Comparison<'_>, scored: Scored) -> Result<Outcome, Failure> {
    let Scored { suites, measured, provenance: Provenance { v1_digest, v2_digest, device }, noise, computed, control } =
        scored;
    let judged: Vec<_> = suites.iter().zip(&measured).map(|((_, d), m)| eval::judge(m, *d, comparison.seed)).collect();
    let overlaps: Vec<_> = suites.iter().map(|(s, _)| eval::overlaps(s, comparison.trained)).collect();
    let judgements: Vec<Judgement<'_>> = measured
        .iter()
        .zip(&judged)
        .zip(&overlaps)
        .map(|((measured, judged), overlaps)| Judgement { measured, judged, overlaps })
        .collect();
    let limited = comparison.limit.map(|n| format!("only the first {n} prompts of each suite were asked"));
    let gate: Gate = eval::gate(&GateInput { suites: &judgements, rules: rules(comparison.role), limited, noise });
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
    let mut summary = eval::summary(&metadata, &gate, &parts)?;
    let control = control.map(|found| control::write(found, &metadata.timestamp, &comparison.output)).transpose()?;
    if let Some(found) = &control {
        summary = format!("{}\n\n{}", summary.trim_end(), eval::control_markdown(found));
    }
    let (mut likelihood, mut choices) = (None, None);
    if let Some(ComputedHere { likelihood: found, choices: suites }) = computed {
        let found = likelihood::write(found, &metadata.timestamp, &comparison.output)?;
        summary = format!("{}\n\n{}", summary.trim_end(), crate::likelihood::markdown(&found));
        if !suites.is_empty() {
            let of_suites = choices::write(suites, &found, &comparison.output)?;
            summary = format!("{}\n\n{}", summary.trim_end(), eval::choices_markdown(&of_suites));
            choices = Some(of_suites);
        }
        likelihood = Some(found);
    }
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
        noise,
        likelihood,
        choices,
        control,
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
