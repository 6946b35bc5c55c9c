//! Replies that are known to be right or wrong, to calibrate the checks with.

use crate::corpus::{Language, Unit};
use crate::generate::{Item, Scores, Shape};
use crate::store::Digest;

use super::calibration::{Calibration, SAMPLES};
use super::calls::{Asked, Calls, Stop, settle};
use super::error::LlmError;
use super::judging::Claim;
use super::made::{Attempts, Setting};
use super::plan::{PlanEntry, Task, stating_units};
use super::prose::{find, style_of};
use super::scores::{WantedScores, scores};
use super::text::padded;

/// A reply to a question about a unit.
#[derive(Clone, Debug)]
struct Sample {
    unit: usize,
    question: String,
    reply: String,
    language: Language,
}

/// As many right replies as wrong ones.
#[derive(Debug, Default)]
struct Samples {
    right: Vec<Sample>,
    wrong: Vec<Sample>,
}

/// With fewer rule facts evidence is asked for.
const LEAST_ITEMS: usize = 8;
/// Entries whose evidence is asked for, at most: it is the first call of their examples, so that it is not made twice.
const MOST_ENTRIES: usize = 2 * SAMPLES;

/// Scores all samples with the models of the run.
pub(super) fn calibrate(
    setting: &Setting<'_>,
    entries: &[PlanEntry],
    calls: &mut Calls<'_>,
) -> Result<Calibration, LlmError> {
    let mut samples = of_items(setting.units, setting.items, setting.options.seed);
    if samples.right.len() < LEAST_ITEMS {
        samples = of_evidence(setting, entries, calls)?;
    }
    let all: Vec<&Sample> = samples.right.iter().chain(&samples.wrong).collect();
    let wanted = WantedScores { likelihood: true, yes_no: setting.options.checks.yes_no };
    let scored = settle(calls, all.len(), |index, calls| {
        let Some((sample, unit)) = all.get(index).and_then(|s| Some((s, setting.units.get(s.unit)?))) else {
            return Ok(Scores::default());
        };
        let claim =
            Claim { unit, question: &sample.question, reply: &sample.reply, values: &[], language: sample.language };
        let key =
            Digest::of_bytes(format!("llm sample v1\n{}\n{}\n{}", unit.id, sample.question, sample.reply).as_bytes());
        match scores(&claim, &mut Asked::new(calls, key), wanted) {
            Ok(scores) => Ok(scores),
            // A call that fails leaves the scores that cost none.
            Err(Stop::Rejected(_)) => {
                Ok(Scores { overlap: super::scores::overlap(&sample.reply, unit), ..Scores::default() })
            }
            Err(Stop::Waits(call)) => Err(call),
        }
    })?;
    let (right, wrong) = scored.split_at(samples.right.len().min(scored.len()));
    Ok(Calibration::of(right, wrong))
}

/// Rule facts as sentences; wrong: with the value of another entity, or the sentence of another source.
fn of_items(units: &[Unit], items: &[Item], seed: u64) -> Samples {
    let stated = stating_units(units, items);
    let mut facts: Vec<(Digest, &Item, usize)> = items
        .iter()
        .zip(&stated)
        .filter(|(item, _)| item.shape == Shape::Value && item.values.len() == 1)
        .filter_map(|(item, unit)| Some((Digest::of_bytes(format!("{seed} {}", item.id).as_bytes()), item, (*unit)?)))
        .collect();
    facts.sort_by_key(|(order, _, _)| *order);
    let mut samples = Samples::default();
    for (i, (_, item, unit)) in facts.iter().enumerate() {
        if samples.right.len() == SAMPLES {
            break;
        }
        let (Some(wording), Some(text)) = (item.wordings.first(), units.get(*unit).map(|u| padded(&u.text))) else {
            continue;
        };
        // Those behind this one, then those before it.
        let others = || facts.iter().cycle().skip(i + 1).take(facts.len().saturating_sub(1)).map(|(_, item, _)| *item);
        let swapped = || others().find_map(|other| swapped(item, other, &text));
        let foreign = || {
            let other = others().find(|o| o.source != item.source && o.language == item.language)?;
            other.wordings.first().map(|w| w.answer.to_string())
        };
        let wrong = if i % 2 == 0 { swapped().or_else(foreign) } else { foreign().or_else(swapped) };
        let Some(wrong) = wrong else { continue };
        let sample =
            |reply: String| Sample { unit: *unit, question: wording.question.clone(), reply, language: item.language };
        samples.right.push(sample(wording.answer.to_string()));
        samples.wrong.push(sample(wrong));
    }
    samples
}

/// The item's sentence with the value of another entity, which the unit (`text`, padded) does not state.
fn swapped(item: &Item, other: &Item, text: &str) -> Option<String> {
    let comparable =
        other.attribute == item.attribute && other.entity != item.entity && other.language == item.language;
    let (own, foreign) = (item.values.first()?, other.values.first()?);
    if !comparable || text.contains(&padded(foreign)) {
        return None;
    }
    let sentence = &item.wordings.first()?.answer;
    let changed = sentence.replace(own.as_str(), foreign);
    (changed != **sentence).then_some(changed)
}

/// What evidence states in the model's words; wrong: what another source's evidence states.
fn of_evidence(setting: &Setting<'_>, entries: &[PlanEntry], calls: &mut Calls<'_>) -> Result<Samples, LlmError> {
    let prose = |entry: &&PlanEntry| matches!(entry.task, Task::Prose { .. });
    let tried: Vec<&PlanEntry> = entries.iter().filter(prose).take(MOST_ENTRIES).collect();
    let found = settle(calls, tried.len(), |index, calls| {
        let Some(entry) = tried.get(index) else { return Ok(None) };
        let Task::Prose { unit } = entry.task else { return Ok(None) };
        let Some(about) = setting.units.get(unit) else { return Ok(None) };
        let mut attempts = Attempts::of(entry);
        let evidence = find(entry, about, setting, &mut Asked::new(calls, entry.key), &mut attempts)?;
        let language = style_of(entry, about, &setting.options.languages).language;
        Ok(evidence.map(|e| Sample { unit, question: general_question(language).to_owned(), reply: e.fact, language }))
    })?;
    let accepted: Vec<Sample> = found.into_iter().flatten().collect();
    let source = |s: &Sample| setting.units.get(s.unit).map(|u| &u.source);
    let mut samples = Samples::default();
    for (i, sample) in accepted.iter().enumerate().take(SAMPLES) {
        let others =
            || accepted.iter().cycle().skip(i + 1).take(accepted.len() - 1).filter(|o| o.language == sample.language);
        let foreign =
            others().find(|o| source(o) != source(sample)).or_else(|| others().find(|o| o.unit != sample.unit));
        let Some(foreign) = foreign else { continue };
        samples.right.push(sample.clone());
        samples.wrong.push(Sample { reply: foreign.reply.clone(), ..sample.clone() });
    }
    Ok(samples)
}

fn general_question(language: Language) -> &'static str {
    match language {
        Language::Fr => "Qu'est-ce qui est vrai d'après ces informations ?",
        Language::En => "What is true according to this information?",
    }
}
