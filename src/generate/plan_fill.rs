//! How many wordings of each subject are taught and tested, so that the parts have exactly the sizes that are wanted.
//!
//! 1. Wordings for validation and test are held out of subjects that keep enough wordings of other families: first where the
//!    wanted number of training wordings is still there, then at the cost of some, never below two (or the wanted number).
//! 2. Each subject is taught with up to `depth` wordings of the families that are left.
//! 3. As few subjects as possible are used (depth before breadth); what is too much is taken from the last of them.

use super::error::Shortage;
use super::parts::{Part, quotas};
use super::plan_subjects::{FAMILIES, Stratum, Subject};

/// What is wanted of the subjects, in the order of teaching.
#[derive(Clone, Copy, Debug)]
pub(super) struct Demand {
    pub train: usize,
    pub val: usize,
    pub test: usize,
    /// Training wordings of a fact before the next fact.
    pub wordings: usize,
    /// Training wordings of a fact at most: more than `wordings` only where all facts are taught.
    pub depth: usize,
    /// Training examples of facts whose value can be guessed, at most.
    pub low_information: usize,
    /// Training examples of unanswerable questions, at most.
    pub unanswerable: usize,
}

/// Whether a subject can be tested and still has `floor` training wordings.
fn gives(subject: &Subject, floor: usize) -> bool {
    let left = |n: &u16| *n > 0 && subject.wordings() - usize::from(*n) >= floor;
    subject.families.iter().any(left) || (subject.new > 0 && subject.wordings() >= floor)
}

/// What one subject gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Allotment {
    pub train: usize,
    /// For validation and test, of the families in `families`.
    pub held: usize,
    /// For test, of families that are held out for all facts.
    pub new: usize,
    /// Families that are not taught, as bits.
    pub families: u8,
}

/// One subject's allotment, in a part of its own where the split is by source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen<'a> {
    pub subject: &'a Subject,
    pub allotment: Allotment,
    pub part: Part,
}

/// Of test questions one in ten is of a family that is held out for all facts.
const NEW_FAMILIES: usize = 10;

struct Filling<'a> {
    order: &'a [&'a Subject],
    demand: Demand,
    out: Vec<Allotment>,
    /// Training wordings that a tested subject has at least.
    floor: usize,
}

/// Training wordings that a tested subject keeps at least, of those that are wanted.
pub fn taught_wordings(wanted: usize) -> usize {
    wanted.clamp(1, 2)
}

/// None where the subjects of `order` cannot give what is wanted.
pub(super) fn allot(order: &[&Subject], demand: Demand) -> Option<Vec<Allotment>> {
    let out = vec![Allotment::default(); order.len()];
    let mut filling = Filling { order, demand, out, floor: taught_wordings(demand.wordings) };
    filling.hold_new_families();
    filling.hold_families()?;
    filling.teach()?;
    Some(filling.out)
}

impl Filling<'_> {
    fn held_size(&self, i: usize) -> usize {
        let families = (0..FAMILIES).filter(|f| self.out[i].families >> f & 1 == 1);
        families.map(|f| usize::from(self.order[i].families[f])).sum()
    }

    /// The subjects that can be tested: few enough that each of them has its least number of training wordings.
    fn testable(&self) -> impl Iterator<Item = usize> + use<'_> {
        let most = self.demand.train / self.floor;
        let mut refusals = self.demand.unanswerable / self.demand.wordings.max(self.floor);
        let enough = move |i: &usize| {
            let subject = self.order[*i];
            let may = match subject.stratum {
                Stratum::LowInformation => false,
                Stratum::Unanswerable => {
                    let left = refusals > 0;
                    refusals -= usize::from(left);
                    left
                }
                Stratum::Direct | Stratum::Derived(_) => true,
            };
            may && gives(subject, self.floor)
        };
        (0..self.order.len()).filter(enough).take(most)
    }

    fn hold_new_families(&mut self) {
        let wanted = self.demand.test / NEW_FAMILIES;
        let givers: Vec<usize> = self.testable().filter(|i| self.order[*i].new > 0).take(wanted).collect();
        givers.into_iter().for_each(|i| self.out[i].new = 1);
    }

    fn hold_families(&mut self) -> Option<()> {
        let new: usize = self.out.iter().map(|allotment| allotment.new).sum();
        let mut wanted = self.demand.val + self.demand.test - new;
        let testable: Vec<usize> = self.testable().collect();
        let free = self.demand.depth.max(self.floor);
        // One wording of each subject, then the rest of the same families, then more families, then at the cost of depth.
        for i in &testable {
            if wanted > 0 && self.hold_family(*i, free) {
                self.out[*i].held = 1;
                wanted -= 1;
            }
        }
        self.take_rest(&testable, &mut wanted);
        for least in [free, self.floor] {
            for _ in 1..FAMILIES {
                for i in &testable {
                    if wanted == 0 {
                        return Some(());
                    }
                    self.hold_family(*i, least);
                    self.take_rest(&[*i], &mut wanted);
                }
            }
        }
        (wanted == 0).then_some(())
    }

    /// Holds one more family out where `least` wordings are left; at the cost of depth the smallest one.
    fn hold_family(&mut self, i: usize, least: usize) -> bool {
        let subject = self.order[i];
        let left = subject.wordings() - self.held_size(i);
        let size = |family: u8| usize::from(subject.families[usize::from(family)]);
        let free =
            |family: &u8| self.out[i].families >> family & 1 == 0 && size(*family) > 0 && left - size(*family) >= least;
        let mut families = subject.preference.iter().copied().filter(free);
        let found = if least >= self.demand.depth { families.next() } else { families.min_by_key(|f| size(*f)) };
        found.inspect(|family| self.out[i].families |= 1 << family).is_some()
    }

    fn take_rest(&mut self, subjects: &[usize], wanted: &mut usize) {
        for i in subjects {
            let more = (self.held_size(*i) - self.out[*i].held).min(*wanted);
            self.out[*i].held += more;
            *wanted -= more;
        }
    }

    fn floor_of(&self, i: usize) -> usize {
        if self.out[i].held + self.out[i].new > 0 { self.floor } else { 0 }
    }

    fn teach(&mut self) -> Option<()> {
        let (mut low, mut unanswerable) = (self.demand.low_information, self.demand.unanswerable);
        let mut total = 0usize;
        for i in 0..self.order.len() {
            let subject = self.order[i];
            let mut train = self.demand.depth.min(subject.wordings() - self.held_size(i));
            match subject.stratum {
                Stratum::LowInformation => {
                    train = train.min(low);
                    low -= train;
                }
                Stratum::Unanswerable => {
                    // No deeper where the depth was raised: so those that are tested have their share.
                    train = train.min(self.demand.wordings.max(self.floor)).min(unanswerable);
                    unanswerable -= train;
                }
                Stratum::Direct | Stratum::Derived(_) => {}
            }
            self.out[i].train = train;
            total += train;
        }
        self.trim(total.checked_sub(self.demand.train)?)
    }

    /// Takes `excess` training wordings away: where the depth was raised, one of each of the deepest from the last on, as often
    /// as needed; then all that the last ones have.
    fn trim(&mut self, mut excess: usize) -> Option<()> {
        for top in (self.demand.wordings.max(self.floor) + 1..=self.demand.depth).rev() {
            for allotment in self.out.iter_mut().rev().filter(|allotment| allotment.train == top) {
                let step = excess.min(1);
                allotment.train -= step;
                excess -= step;
            }
        }
        for i in (0..self.order.len()).rev() {
            let less = excess.min(self.out[i].train.saturating_sub(self.floor_of(i)));
            self.out[i].train -= less;
            excess -= less;
        }
        (excess == 0).then_some(())
    }
}

/// Sizes of the parts and the shares of a count.
#[derive(Clone, Copy, Debug)]
pub(super) struct Proportions {
    pub parts: [u32; 3],
    pub wordings: usize,
    pub low_information: f64,
    pub unanswerable: f64,
}

impl Proportions {
    pub(super) fn demand(&self, count: usize) -> Demand {
        let [train, val, test] = quotas(count, self.parts).unwrap_or([count, 0, 0]);
        let share = |share: f64| (share * train as f64).floor() as usize;
        let (low_information, unanswerable) = (share(self.low_information), share(self.unanswerable));
        Demand { train, val, test, wordings: self.wordings, depth: self.wordings, low_information, unanswerable }
    }
}

/// Allotments of as few subjects as possible, from the first on.
pub(super) fn fill(order: &[&Subject], demand: Demand) -> Option<Vec<Allotment>> {
    if allot(order, demand).is_some() {
        let few = least(1, order.len(), |n| allot(&order[..n], demand).is_some());
        return allot(&order[..few], demand);
    }
    let most = deepest(order);
    let with = |depth: usize| allot(order, Demand { depth, ..demand });
    with(most)?;
    let depth = least(demand.depth + 1, most, |depth| with(depth).is_some());
    with(depth)
}

fn deepest(order: &[&Subject]) -> usize {
    order.iter().map(|subject| subject.wordings()).max().unwrap_or(0)
}

/// The largest count that the subjects can give.
pub(super) fn largest(order: &[&Subject], proportions: Proportions) -> usize {
    let all: usize = order.iter().map(|subject| subject.wordings() + usize::from(subject.new)).sum();
    let possible = |count: usize| fill_is_possible(order, proportions.demand(count));
    if all == 0 || !possible(1) {
        return 0;
    }
    if possible(all) {
        return all;
    }
    // The first count that is too much; rounding may let a few beyond it be possible, which is not looked for.
    least(2, all, |count| !possible(count)) - 1
}

pub(super) fn fill_is_possible(order: &[&Subject], demand: Demand) -> bool {
    let depth = deepest(order).max(demand.depth);
    allot(order, Demand { depth, ..demand }).is_some() || allot(order, demand).is_some()
}

/// Why no more than the largest count is possible.
pub(super) fn shortage(order: &[&Subject], proportions: Proportions, wanted: usize) -> Shortage {
    let all: usize = order.iter().map(|subject| subject.wordings() + usize::from(subject.new)).sum();
    if all < wanted {
        return Shortage::Wordings;
    }
    // Without validation and test, and with the same shares.
    let alone = Proportions { parts: [1, 0, 0], ..proportions };
    if fill_is_possible(order, alone.demand(wanted)) { Shortage::HeldOut } else { Shortage::Shares }
}

/// The least number from `low` to `high` for which `holds`, which holds for `high` and for all above the first.
fn least(mut low: usize, mut high: usize, holds: impl Fn(usize) -> bool) -> usize {
    while low < high {
        let middle = low + (high - low) / 2;
        if holds(middle) { high = middle } else { low = middle + 1 }
    }
    high
}

#[cfg(test)]
#[path = "plan_fill_tests.rs"]
mod tests;
