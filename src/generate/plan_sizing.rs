//! How many examples a plan can have, where a share of them refuses to answer.

use crate::store::Interrupt;

use super::parts::quotas;
use super::plan_fill::{Demand, Proportions, fill_is_possible, largest};
use super::plan_subjects::{Stratum, Subject};

/// How many examples the subjects can give where some are refusals. These teach nothing, so they need no wording of their own
/// in training: each is in one part, and every part has its share.
pub(super) struct Sizing<'a> {
    /// What is taught.
    pub order: &'a [&'a Subject],
    pub proportions: Proportions,
    /// Of refusals, of all examples.
    pub share: f64,
    /// That there are.
    pub refusals: usize,
    pub interrupt: &'a Interrupt,
}

impl Sizing<'_> {
    /// Refusals of training, validation and test.
    pub(super) fn refusals_of(&self, count: usize) -> [usize; 3] {
        let wanted = (self.share * count as f64).floor() as usize;
        quotas(wanted.min(self.refusals), self.proportions.parts).unwrap_or_default()
    }

    /// What is taught of a count.
    pub(super) fn demand(&self, count: usize) -> Demand {
        let [train, val, test] = self.refusals_of(count);
        let demand = self.proportions.demand(count);
        Demand {
            train: demand.train.saturating_sub(train),
            val: demand.val.saturating_sub(val),
            test: demand.test.saturating_sub(test),
            ..demand
        }
    }

    pub(super) fn largest(&self) -> usize {
        self.largest_below(usize::MAX)
    }

    pub(super) fn largest_below(&self, count: usize) -> usize {
        let taught = largest(self.order, self.proportions);
        let refusals = (self.share * taught as f64 / (1.0 - self.share).max(f64::EPSILON)).floor() as usize;
        let mut below = (taught + refusals.min(self.refusals)).min(count.saturating_sub(1));
        while below > 0 && !self.interrupt.raised() && !fill_is_possible(self.order, self.demand(below)) {
            below -= 1;
        }
        below
    }
}

/// What is taught, and what is refused, each in the order of teaching.
pub(super) struct Divided<'s> {
    pub taught: Vec<&'s Subject>,
    pub refusals: Vec<&'s Subject>,
}

impl<'s> Divided<'s> {
    pub(super) fn of(order: &[&'s Subject]) -> Self {
        let is_refusal = |subject: &&Subject| subject.stratum == Stratum::Unanswerable;
        Self {
            taught: order.iter().copied().filter(|subject| !is_refusal(subject)).collect(),
            refusals: order.iter().copied().filter(is_refusal).collect(),
        }
    }
}
