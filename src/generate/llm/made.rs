//! One entry of the plan, made: its example, or why there is none.

use std::sync::Arc;

use crate::corpus::Unit;
use crate::generate::{Draft, Item};
use crate::store::Digest;

use super::calibration::Calibration;
use super::calls::{Asked, CallCost, Pause, Stop};
use super::options::LlmOptions;
use super::plan::PlanEntry;
use super::rejected::RejectedDraft;
use super::text::shortened;
use super::values::Names;

/// What one entry of the plan gave.
#[derive(Debug)]
pub(super) struct EntryResult {
    pub(super) made: Option<Draft>,
    /// In the order of the attempts; the last one is why there is no example.
    pub(super) rejected: Vec<RejectedDraft>,
    pub(super) cost: CallCost,
}

/// What all entries share.
pub(super) struct Setting<'a> {
    pub(super) units: &'a [Unit],
    pub(super) items: &'a [Item],
    pub(super) options: &'a LlmOptions,
    pub(super) names: Names,
    pub(super) calibration: Option<Calibration>,
}

/// A stage is tried so often, each time with another seed.
const TRIES: u32 = 3;

/// The attempts of one entry.
pub(super) struct Attempts {
    item: Digest,
    source: Arc<str>,
    pub(super) rejected: Vec<RejectedDraft>,
}

impl Attempts {
    pub(super) fn of(entry: &PlanEntry) -> Self {
        Self { item: entry.key, source: entry.source.clone(), rejected: Vec::new() }
    }

    /// Tries until something is not rejected; `make` leaves what the model wrote in its last argument.
    pub(super) fn run<T>(
        &mut self,
        asked: &mut Asked<'_>,
        make: impl Fn(&mut Asked<'_>, u32, &mut String) -> Result<T, Stop>,
    ) -> Result<Option<T>, Pause> {
        for attempt in 0..TRIES {
            let mut reply = String::new();
            match make(asked, attempt, &mut reply) {
                Ok(made) => return Ok(Some(made)),
                Err(Stop::Waits(call)) => return Err(call),
                Err(Stop::Rejected(rejection)) => self.rejected.push(RejectedDraft {
                    item: self.item,
                    source: self.source.to_string(),
                    code: rejection.code,
                    detail: rejection.detail,
                    reply: shortened(&reply),
                    attempt,
                }),
            }
        }
        Ok(None)
    }

    pub(super) fn finish(self, made: Option<Draft>, cost: CallCost) -> EntryResult {
        EntryResult { made, rejected: self.rejected, cost }
    }
}
