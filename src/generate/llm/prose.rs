//! A question about a unit of prose: evidence first, then the question that it answers.

use std::ops::Range;
use std::sync::Arc;

use crate::chat::{Message, Role};
use crate::corpus::{Language, Unit};
use crate::generate::{Draft, Method, ModelRecord, Scores, Shape};
use crate::store::Digest;

use super::calibration::Calibration;
use super::calls::{Asked, Calls, Pause, Sampling, Stage, Stop};
use super::evidence::find_evidence;
use super::form::{Form, check_question, check_reply, standalone};
use super::judging::{Claim, values_asked};
use super::made::{Attempts, EntryResult, Setting};
use super::options::{QuestionStyle, QuestionType, call_seed};
use super::phrases::{directives, is_directive};
use super::plan::PlanEntry;
use super::prompt::{EVIDENCE, QUESTION, evidence, question};
use super::rejected::{Rejected, Rejection};
use super::reply::read;
use super::scores::{WantedScores, scores, stated_text};
use super::text::{shortened, words};
use super::values::{Names, Stated};
use crate::generate::identity_key::identity_key;

/// A part of a unit, and what it states in the model's words.
#[derive(Clone, Debug)]
pub(super) struct Evidence {
    pub(super) span: Range<usize>,
    pub(super) fact: String,
}

pub(super) fn style_of(entry: &PlanEntry, unit: &Unit, languages: &[Language]) -> QuestionStyle {
    let own = [unit.language.unwrap_or(Language::En)];
    QuestionStyle::draw(&entry.key, if languages.is_empty() { &own } else { languages })
}

/// Words of the shortest evidence.
const LEAST_EVIDENCE: usize = 3;

/// The evidence of an entry, after as many attempts as it takes; None: all were rejected.
pub(super) fn find(
    entry: &PlanEntry,
    unit: &Unit,
    setting: &Setting<'_>,
    asked: &mut Asked<'_>,
    attempts: &mut Attempts,
) -> Result<Option<Evidence>, Pause> {
    let style = style_of(entry, unit, &setting.options.languages);
    let temperature = setting.options.temperature;
    attempts.run(asked, |asked, attempt, reply| {
        let sampling = Sampling { attempt, temperature, top_logprobs: 0 };
        let written = asked.write(Stage::Evidence, evidence(unit, style), sampling)?;
        reply.clone_from(&written.text);
        let [quotation, fact] = pair(read(written, &EVIDENCE)?)?;
        let span = find_evidence(&unit.text, &quotation)
            .ok_or_else(|| Rejection::new(Rejected::EvidenceNotInUnit, shortened(&quotation)))?;
        let touches = |part: Range<usize>| part.start < span.end && span.start < part.end;
        if directives(&unit.text).into_iter().any(touches) || is_directive(&fact) {
            return Err(Rejection::new(Rejected::Directive, shortened(&quotation)).into());
        }
        if words(&quotation).len() < LEAST_EVIDENCE {
            return Err(Rejection::new(Rejected::TooShort, quotation).into());
        }
        check_reply(&fact, style.language)?;
        check_values(&Stated::of(&[&stated_text(unit)]), &fact, setting)?;
        Ok(Evidence { span, fact })
    })
}

fn pair(texts: Vec<String>) -> Result<[String; 2], Rejection> {
    texts.try_into().map_err(|_| Rejection::new(Rejected::Keys, "two texts are expected"))
}

/// c3.
fn check_values(stated: &Stated, text: &str, setting: &Setting<'_>) -> Result<(), Rejection> {
    match stated.first_missing(text, &setting.names) {
        Some(value) => Err(Rejection::new(Rejected::ValueNotInUnit, value.text)),
        None => Ok(()),
    }
}

/// A question that passed all checks, with its reply.
struct Accepted {
    question: String,
    reply: String,
    scores: Scores,
    known: Option<bool>,
}

/// Makes the example of an entry.
pub(super) fn make(
    entry: &PlanEntry,
    index: usize,
    setting: &Setting<'_>,
    calls: &Calls<'_>,
) -> Result<EntryResult, Pause> {
    let mut asked = Asked::new(calls, entry.key);
    let mut attempts = Attempts::of(entry);
    let Some(unit) = setting.units.get(index) else { return Ok(attempts.finish(None, asked.cost)) };
    let Some(evidence) = find(entry, unit, setting, &mut asked, &mut attempts)? else {
        return Ok(attempts.finish(None, asked.cost));
    };
    let style = style_of(entry, unit, &setting.options.languages);
    let quoted = unit.text.get(evidence.span.clone()).unwrap_or_default();
    let made = attempts.run(&mut asked, |asked, attempt, reply| {
        let prompt = question(unit, quoted, style);
        let digest = Digest::of_bytes(serde_json::json!(prompt.messages).to_string().as_bytes());
        let sampling = Sampling { attempt, temperature: setting.options.temperature, top_logprobs: 0 };
        let written = asked.write(Stage::Question, prompt, sampling)?;
        reply.clone_from(&written.text);
        let accepted = check(unit, pair(read(written, &QUESTION)?)?, style, setting, asked)?;
        let record = ModelRecord {
            unit: index,
            quotation: Some(quoted.to_owned()),
            prompt_sha256: digest,
            seed: call_seed(&entry.key, attempt),
            attempt,
            scores: Some(accepted.scores),
            known: accepted.known,
        };
        Ok(Draft { record: Some(Arc::new(record)), ..draft(unit, &evidence, style, accepted, &setting.names) })
    })?;
    Ok(attempts.finish(made, asked.cost))
}

/// All checks, the cheap ones first.
fn check(
    unit: &Unit,
    written: [String; 2],
    style: QuestionStyle,
    setting: &Setting<'_>,
    asked: &mut Asked<'_>,
) -> Result<Accepted, Stop> {
    let [question, reply] = written;
    check_question(&question, style.family, style.language)?;
    check_reply(&reply, style.language)?;
    let question = standalone(&question, unit, Form { family: style.family, language: style.language })?;
    // The question was written by the model, too: a value that stands in it alone is not stated.
    let stated = Stated::of(&[&stated_text(unit)]);
    check_values(&stated, &question, setting)?;
    check_values(&stated, &reply, setting)?;
    let claim = Claim { unit, question: &question, reply: &reply, values: &[], language: style.language };
    let calibration = setting.calibration.as_ref();
    let none = WantedScores { likelihood: false, yes_no: false };
    let scores = scores(&claim, asked, calibration.map_or(none, Calibration::wanted))?;
    calibration.map_or(Ok(()), |c| c.decide(&scores))?;
    let wanted = setting.options.checks;
    if wanted.round_trip {
        claim.round_trip(asked, &setting.names)?;
    }
    if wanted.self_consistency {
        claim.self_consistency(asked, &setting.names)?;
    }
    let known = if wanted.closed_book { Some(claim.is_known(asked, &setting.names)?) } else { None };
    Ok(Accepted { question, reply, scores, known })
}

fn draft(unit: &Unit, evidence: &Evidence, style: QuestionStyle, accepted: Accepted, names: &Names) -> Draft {
    let Range { start, end } = evidence.span;
    let Accepted { question, reply, .. } = accepted;
    let values = values_asked(&question, &reply, names).into_iter().map(|value| value.text);
    let expected = values.chain([reply.clone()]).collect();
    Draft {
        item: Digest::of_bytes(format!("llm prose v1\n{}\n{start}\n{end}", unit.id).as_bytes()),
        group: Digest::of_bytes(format!("llm question v1\n{}", identity_key(&question)).as_bytes()),
        facts: Vec::new(),
        source: unit.source.clone(),
        shape: shape(style.kind),
        language: style.language,
        family: style.family,
        template: style.name().into(),
        turns: vec![Message::new(Role::User, question), Message::new(Role::Assistant, reply)],
        expected,
        noise: Vec::new(),
        method: Method::LlmBased,
        record: None,
    }
}

/// The category: those without a shape of their own ask for a value.
fn shape(kind: QuestionType) -> Shape {
    match kind {
        QuestionType::List => Shape::List,
        QuestionType::YesNo => Shape::Boolean,
        QuestionType::Comparison => Shape::Comparison,
        QuestionType::Factual
        | QuestionType::Definition
        | QuestionType::HowTo
        | QuestionType::Reason
        | QuestionType::Condition => Shape::Value,
    }
}
