//! The run: plan, calibration, entries in windows, counts of losses.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::corpus::Unit;
use crate::generate::{Draft, Item, Journal};

use super::calibration::Calibration;
use super::calls::{CallAnswer, CallCost, Calls, settle};
use super::error::LlmError;
use super::estimate::TimedEntry;
use super::made::{EntryResult, Setting};
use super::options::{LlmOptions, Tier, tier};
use super::phrases::directives;
use super::plan::{PlanEntry, Task, plan};
use super::rejected::{Rejected, RejectedDraft};
use super::samples::calibrate;
use super::values::Names;
use super::wording::Place;
use super::writer::Participants;
use super::{prose, wording};
use crate::generate::identity_key::identity_key;

/// What happens while the run goes on.
#[derive(Clone, Debug)]
pub enum LlmEvent<'a> {
    Calibrated(&'a Calibration),
    Progress(Progress),
    /// Many answers are rejected for one reason.
    ManyRejected {
        code: Rejected,
        rejected: usize,
        tried: usize,
    },
}

/// After each entry of the plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    pub accepted: usize,
    pub tried: usize,
    pub planned: usize,
    pub cost: CallCost,
    /// Why the last entry gave no example.
    pub rejected: Option<Rejected>,
}

/// What was made. Every entry that was tried is in `drafts` or in `losses`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LlmOutcome {
    #[serde(skip)]
    pub drafts: Vec<Draft>,
    /// Of all attempts.
    pub rejected: Vec<RejectedDraft>,
    /// Entries without an example, by the reason of their last attempt.
    pub losses: BTreeMap<Rejected, usize>,
    /// None: no prose was asked about.
    pub calibration: Option<Calibration>,
    pub planned: usize,
    /// Entries of the whole plan, of which [`LlmOptions::most_entries`] may leave some out.
    pub possible: usize,
    pub tried: usize,
    pub cost: CallCost,
    /// Of each entry, in the order of the plan.
    pub timed: Vec<TimedEntry>,
    /// Sources with instructions to an assistant, which were left out of what the models were shown.
    pub instructed: BTreeSet<String>,
    /// Drafts whose answer the judge knows without the unit.
    pub known: usize,
}

/// Entries before which no rate of rejection is looked at.
const LEAST_TRIED: usize = 40;
const HINT_SHARE: f64 = 0.3;
const STOP_SHARE: f64 = 0.9;
/// Rejected answers that the error shows.
const SHOWN: usize = 3;

/// What the writer can do; refuses one that is too small to write, unless it is forced.
pub fn check_writer(options: &LlmOptions) -> Result<Tier, LlmError> {
    match (options.parameters.map_or(Tier::FindsFacts, tier), options.parameters) {
        (Tier::RatesOnly, Some(parameters)) if !options.force => Err(LlmError::TooSmall { parameters }),
        (tier, _) => Ok(tier),
    }
}

/// Asks the writer about units of prose and for new wordings of items, and keeps what passes the checks.
pub fn generate(
    sources: &Sources<'_>,
    options: &LlmOptions,
    parts: Participants<'_>,
    journal: &mut Journal<CallAnswer>,
    on_event: &mut dyn FnMut(&LlmEvent<'_>),
) -> Result<LlmOutcome, LlmError> {
    let tier = check_writer(options)?;
    let mut entries = plan(sources.units, sources.items, options);
    if tier == Tier::WordsFacts && !options.force {
        entries.retain(|entry| matches!(entry.task, Task::Wording { .. }));
    }
    if entries.is_empty() {
        return Err(LlmError::NothingToAsk);
    }
    let possible = entries.len();
    entries.truncate(options.most_entries.unwrap_or(usize::MAX));
    let names = Names::of(sources.units);
    let mut setting = Setting { units: sources.units, items: sources.items, options, names, calibration: None };
    let mut calls = Calls::new(parts, journal, options.num_ctx);
    let mut run = Run { outcome: LlmOutcome::default(), asked: BTreeSet::new(), hinted: BTreeSet::new(), on_event };
    run.outcome.planned = entries.len();
    run.outcome.possible = possible;
    run.outcome.instructed = instructed(sources.units);
    run.go(&entries, &mut setting, &mut calls).map_err(|fault| match fault {
        LlmError::Interrupted { .. } => LlmError::Interrupted { accepted: run.outcome.drafts.len() },
        fault => fault,
    })?;
    Ok(run.outcome)
}

/// What is asked about, in the order in which it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Sources<'a> {
    pub units: &'a [Unit],
    pub items: &'a [Item],
}

fn instructed(units: &[Unit]) -> BTreeSet<String> {
    units.iter().filter(|unit| !directives(&unit.text).is_empty()).map(|unit| unit.source.to_string()).collect()
}

struct Run<'a> {
    outcome: LlmOutcome,
    /// Questions that were accepted.
    asked: BTreeSet<String>,
    /// Reasons that were hinted at.
    hinted: BTreeSet<Rejected>,
    on_event: &'a mut dyn FnMut(&LlmEvent<'_>),
}

impl Run<'_> {
    fn go(&mut self, entries: &[PlanEntry], setting: &mut Setting<'_>, calls: &mut Calls<'_>) -> Result<(), LlmError> {
        if entries.iter().any(|entry| matches!(entry.task, Task::Prose { .. })) {
            let calibration = calibrate(setting, entries, calls)?;
            if calibration.deciding().is_empty() && setting.options.strict {
                return Err(LlmError::NotCalibrated { reason: reason(&calibration) });
            }
            (self.on_event)(&LlmEvent::Calibrated(&calibration));
            self.outcome.calibration = Some(calibration.clone());
            setting.calibration = Some(calibration);
        }
        let wanted = setting.options.count.unwrap_or(usize::MAX);
        let mut rest = entries;
        while !rest.is_empty() && self.outcome.drafts.len() < wanted {
            let missing = wanted - self.outcome.drafts.len();
            let (window, later) = rest.split_at(setting.options.parallel.max(1).min(missing).min(rest.len()));
            rest = later;
            let results = settle(calls, window.len(), |index, calls| made(window.get(index), setting, calls))?;
            for (entry, result) in window.iter().zip(results.into_iter().flatten()) {
                self.take(entry, result)?;
            }
        }
        Ok(())
    }

    fn take(&mut self, entry: &PlanEntry, result: EntryResult) -> Result<(), LlmError> {
        let EntryResult { made, rejected, cost } = result;
        let outcome = &mut self.outcome;
        outcome.tried += 1;
        outcome.cost.add(cost);
        let mut lost = rejected.last().map(|r| r.code);
        outcome.rejected.extend(rejected);
        let accepted = match made {
            None => false,
            Some(draft) if self.asked.insert(identity_key(question(&draft))) => {
                outcome.known += usize::from(draft.record.as_ref().is_some_and(|record| record.known == Some(true)));
                outcome.drafts.push(draft);
                true
            }
            Some(draft) => {
                outcome.rejected.push(duplicate(entry, &draft));
                lost = Some(Rejected::Duplicate);
                false
            }
        };
        outcome.timed.push(TimedEntry { cost, accepted });
        let lost = lost.filter(|_| !accepted);
        lost.into_iter().for_each(|code| *outcome.losses.entry(code).or_default() += 1);
        let progress = Progress {
            accepted: outcome.drafts.len(),
            tried: outcome.tried,
            planned: outcome.planned,
            cost: outcome.cost,
            rejected: lost,
        };
        (self.on_event)(&LlmEvent::Progress(progress));
        self.check_losses()
    }

    /// Hints at a reason that is common; stops where nearly everything is rejected.
    fn check_losses(&mut self) -> Result<(), LlmError> {
        let outcome = &self.outcome;
        let tried = outcome.tried;
        let Some((code, count)) = outcome.losses.iter().max_by_key(|(_, count)| **count).map(|(c, n)| (*c, *n)) else {
            return Ok(());
        };
        if tried < LEAST_TRIED {
            return Ok(());
        }
        let rejected = tried - outcome.drafts.len();
        if rejected as f64 >= STOP_SHARE * tried as f64 {
            let samples = outcome.rejected.iter().filter(|r| r.code == code).take(SHOWN).cloned().collect();
            return Err(LlmError::Unusable { code, rejected, tried, samples });
        }
        if count as f64 >= HINT_SHARE * tried as f64 && self.hinted.insert(code) {
            (self.on_event)(&LlmEvent::ManyRejected { code, rejected: count, tried });
        }
        Ok(())
    }
}

fn made(
    entry: Option<&PlanEntry>,
    setting: &Setting<'_>,
    calls: &Calls<'_>,
) -> Result<Option<EntryResult>, super::calls::Pause> {
    let Some(entry) = entry else { return Ok(None) };
    let result = match entry.task {
        Task::Prose { unit } => prose::make(entry, unit, setting, calls)?,
        Task::Wording { item, unit } => wording::make(entry, Place { item, unit }, setting, calls)?,
    };
    Ok(Some(result))
}

fn question(draft: &Draft) -> &str {
    draft.turns.first().map_or("", |turn| &turn.content)
}

fn duplicate(entry: &PlanEntry, draft: &Draft) -> RejectedDraft {
    RejectedDraft {
        item: entry.key,
        source: entry.source.to_string(),
        code: Rejected::Duplicate,
        detail: String::new(),
        reply: question(draft).to_owned(),
        attempt: draft.record.as_ref().map_or(0, |record| record.attempt),
    }
}

fn reason(calibration: &Calibration) -> String {
    let areas: Vec<String> = calibration
        .checks
        .iter()
        .map(|c| {
            format!("{:?}: area under the curve {}", c.check, c.auc.map_or("none".to_owned(), |a| format!("{a:.2}")))
        })
        .collect();
    format!("{} right and {} wrong replies; {}", calibration.positives, calibration.negatives, areas.join(", "))
}
