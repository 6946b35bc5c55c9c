//! The plan: which wordings are used, how often each fact is taught, and to which part each example belongs.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::corpus::{Fact, Unit};
use crate::store::Interrupt;

use super::Item;
use super::contamination::{Asked, AskedQuestion};
use super::coverage::{Coverage, Teachable, taught_test_share};
use super::dedupe::{RejectCode, Rejected, Rejection, Screened, Screening, screen, with_texts};
use super::error::{GenerateError, Shortage};
use super::identity_key::identity_key;
use super::parts::{Part, Planned, SplitBy, hash, quotas};
use super::plan_by_source::{SourceParts, fill_parts};
use super::plan_drafts::{Drafting, assign};
use super::plan_fill::{Allotment, Chosen, Proportions, fill, largest, shortage};
use super::plan_options::{ExampleCount, PlanOptions};
use super::plan_order::{Ordering, teaching_order};
use super::plan_sizing::{Divided, Sizing};
use super::plan_sources::Sources;
use super::plan_subjects::{Holding, Subject, Subjects, canonical_order, subjects};

/// What a plan is made of.
#[derive(Clone, Copy, Debug)]
pub struct PlanInput<'a> {
    pub items: &'a [Item],
    /// The corpus' facts, which the items name by their indices.
    pub facts: &'a [Fact],
    /// The corpus' units; a split by source keeps nearly equal ones together.
    pub units: &'a [Unit],
    /// What suites ask: never generated.
    pub asked: &'a [AskedQuestion],
    /// Ends the planning with [`GenerateError::Interrupted`].
    pub interrupt: &'a Interrupt,
}

impl PlanInput<'_> {
    fn check_interrupt(&self) -> Result<(), GenerateError> {
        if self.interrupt.raised() { Err(GenerateError::Interrupted) } else { Ok(()) }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// By part, then in an order that depends on the seed.
    pub examples: Vec<Planned>,
    /// Wordings that could not be used.
    pub rejected: Vec<Rejected>,
    /// Facts that a suite asks for: nothing that is taught may state them.
    pub asked_facts: BTreeSet<usize>,
    /// Sources that are neither taught nor to be indexed.
    pub unseen_sources: Vec<Arc<str>>,
    pub(super) teachable: Teachable,
}

/// Sources from which a share is set aside by default.
const MANY_SOURCES: usize = 20;
const UNSEEN: f64 = 0.1;
/// The count that teaches all facts is looked for in steps of this part of it.
const COUNT_STEP: usize = 50;
/// Questions of unseen sources, at least, where there are so many.
const UNSEEN_QUESTIONS: usize = 30;

/// Chooses the wordings of a set of examples, and each example's part.
pub fn plan(input: PlanInput<'_>, options: &PlanOptions) -> Result<Plan, GenerateError> {
    check(input, options)?;
    let planning = Planning::new(input, options)?;
    if let (Some(share), 1) = (options.unseen.filter(|share| *share > 0.0), planning.sources.names.len()) {
        return Err(GenerateError::OneSource(share));
    }
    let chosen = planning.chosen()?;
    let drafting = Drafting { items: input.items, subjects: &planning.subjects, seed: options.seed };
    let examples = assign(drafting, &chosen, options);
    let teachable = planning.teachable();
    input.check_interrupt()?;
    let unseen_sources = planning.sources.names.iter().zip(&planning.unseen).filter(|(_, unseen)| **unseen);
    Ok(Plan {
        teachable,
        rejected: with_texts(input.items, &planning.rejected),
        unseen_sources: unseen_sources.map(|(name, _)| Arc::from(*name)).collect(),
        asked_facts: planning.asked_facts,
        examples,
    })
}

impl Plan {
    /// Of the examples as they are now.
    pub fn coverage(&self) -> Coverage {
        Coverage::measure(&self.examples, self.teachable)
    }

    /// Says another count that teaches all facts, or that none is known to.
    pub fn name_count_for_all(&mut self, count: Option<usize>) {
        self.teachable.count_for_all = count;
    }

    /// Share of test questions about one fact whose fact is taught, as the examples are now.
    pub fn taught_test_share(&self) -> Option<f64> {
        taught_test_share(&self.examples)
    }
}

fn check(input: PlanInput<'_>, options: &PlanOptions) -> Result<(), GenerateError> {
    let facts = input.facts.len();
    for item in input.items {
        if let Some(fact) = item.facts.iter().find(|fact| **fact >= facts) {
            return Err(GenerateError::FactIndex { item: item.id.short(), fact: *fact, facts });
        }
    }
    match (options.unseen, options.parts) {
        (Some(share), _) if !(0.0..1.0).contains(&share) => Err(GenerateError::UnseenShare(share)),
        (_, Some(parts)) if parts[0] == 0 => Err(GenerateError::PartShares(parts)),
        _ if options.wordings == 0 => Err(GenerateError::NoWordings),
        _ => Ok(()),
    }
}

struct Planning<'a> {
    input: PlanInput<'a>,
    options: &'a PlanOptions,
    sources: Sources<'a>,
    /// Of each source.
    unseen: Vec<bool>,
    subjects: Subjects,
    /// Indices of subjects that are taught or tested, and of those of unseen sources.
    open: Vec<u32>,
    aside: Vec<u32>,
    /// Indices of open subjects in the order of teaching.
    open_order: Vec<u32>,
    rejected: Vec<Rejection>,
    asked_facts: BTreeSet<usize>,
}

impl<'a> Planning<'a> {
    fn new(input: PlanInput<'a>, options: &'a PlanOptions) -> Result<Self, GenerateError> {
        let order = canonical_order(input.items);
        let screened = screen(
            Screening { items: input.items, order: &order, interrupt: input.interrupt },
            &Asked::new(input.asked),
        );
        input.check_interrupt()?;
        let sources = Sources::new(input.items, input.facts);
        let by_wording = options.split_by == SplitBy::Wording && options.parts.is_some();
        let default = if by_wording && sources.names.len() >= MANY_SOURCES { UNSEEN } else { 0.0 };
        let unseen = sources.unseen(options.unseen.unwrap_or(default), options.seed);
        let tested = options.parts.is_some_and(|parts| parts[2] > 0);
        let holding = Holding { hold_out: by_wording && tested, seed: options.seed };
        let subjects = subjects(input.items, &order, &screened, holding);
        let Screened { rejected, asked_facts, .. } = screened;
        let mut planning = Self {
            input,
            options,
            sources,
            unseen,
            subjects,
            open: Vec::new(),
            aside: Vec::new(),
            open_order: Vec::new(),
            rejected,
            asked_facts,
        };
        planning.set_aside();
        planning.open_order = planning.order(&planning.open);
        planning.input.check_interrupt()?;
        Ok(planning)
    }

    /// Divides the subjects into open ones, those of unseen sources, and those that would tell of an unseen source.
    fn set_aside(&mut self) {
        if !self.unseen.contains(&true) {
            self.open = (0..self.subjects.list.len() as u32).collect();
            return;
        }
        let is_unseen = |fact: &&Fact| self.sources.of_name(&fact.source).is_some_and(|s| self.unseen[s as usize]);
        let open_facts = self.input.facts.iter().filter(|fact| !is_unseen(fact));
        let open_entities: HashSet<String> = open_facts.map(|fact| identity_key(&fact.entity)).collect();
        for (subject, index) in self.subjects.list.iter().zip(0..) {
            let item = &self.input.items[subject.item as usize];
            let mut unseen = self.sources_of(subject).into_iter().map(|source| self.unseen[source as usize]);
            let first = unseen.next().unwrap_or(false);
            let code = if unseen.any(|other| other != first) {
                RejectCode::SeveralParts
            } else if !first {
                self.open.push(index);
                continue;
            } else if open_entities.contains(&identity_key(&item.entity)) {
                RejectCode::EntitySeen
            } else {
                self.aside.push(index);
                continue;
            };
            let places = self.subjects.choices(subject).iter().map(|choice| choice.place);
            self.rejected.extend(places.map(|place| Rejection { code, place }));
        }
    }

    /// Of all items that the subject's wordings are of: two refusals about one invented name are one subject, and may be made
    /// after facts of two sources.
    fn sources_of(&self, subject: &Subject) -> BTreeSet<u32> {
        let items: BTreeSet<u32> = self.subjects.choices(subject).iter().map(|choice| choice.place.item).collect();
        items.into_iter().flat_map(|item| self.sources.of_item(&self.input.items[item as usize])).collect()
    }

    fn chosen(&self) -> Result<Vec<Chosen<'_>>, GenerateError> {
        let order = self.listed(&self.open_order);
        let mut chosen = match (self.options.split_by, self.options.parts) {
            (SplitBy::Source, Some(parts)) => self.by_source(&order, parts)?,
            (SplitBy::Wording, Some(parts)) => self.filled(&order, parts)?,
            (SplitBy::Random, _) | (_, None) => self.filled(&order, [1, 0, 0])?,
        };
        chosen.extend(self.unseen_questions());
        Ok(chosen)
    }

    fn filled<'s>(&self, order: &[&'s Subject], parts: [u32; 3]) -> Result<Vec<Chosen<'s>>, GenerateError> {
        let Divided { refusals, taught: rest } = Divided::of(order);
        let sizing = self.sizing(&rest, refusals.len(), parts);
        let count = match self.options.count {
            ExampleCount::Number(count) => count,
            ExampleCount::All => sizing.largest(),
        };
        if count == 0 {
            return Err(GenerateError::NothingToTeach);
        }
        let Some(allotments) = fill(&rest, sizing.demand(count)) else {
            let refused: usize = sizing.refusals_of(count).iter().sum();
            let reason = shortage(&rest, sizing.proportions, count.saturating_sub(refused));
            return Err(too_many(count, sizing.largest_below(count), reason));
        };
        let mut chosen = chosen_of(&rest, allotments, Part::Train);
        let mut refusals = refusals.into_iter();
        for (part, size) in [Part::Train, Part::Val, Part::Test].into_iter().zip(sizing.refusals_of(count)) {
            let allotment = Allotment { train: 1, ..Allotment::default() };
            chosen.extend(refusals.by_ref().take(size).map(|subject| Chosen { subject, allotment, part }));
        }
        Ok(chosen)
    }

    fn sizing<'s>(&self, taught: &'s [&'s Subject], refusals: usize, parts: [u32; 3]) -> Sizing<'s>
    where
        'a: 's,
    {
        let proportions = Proportions { unanswerable: 0.0, ..self.proportions(parts) };
        let interrupt = self.input.interrupt;
        Sizing { order: taught, proportions, share: self.options.unanswerable, refusals, interrupt }
    }

    /// The least count, found to some percents, whose training examples teach every fact that has a question of its own. None:
    /// the split is by source or at random, where some facts are only tested, or no count does.
    fn count_for_all(&self) -> Option<usize> {
        if self.options.split_by != SplitBy::Wording && self.options.parts.is_some() {
            return None;
        }
        let parts = self.options.parts.unwrap_or([1, 0, 0]);
        let order = self.listed(&self.open_order);
        let Divided { refusals, taught: rest } = Divided::of(&order);
        let last = rest.iter().rposition(|subject| subject.is_direct())?;
        let taught: usize = rest[..=last].iter().map(|subject| subject.wordings().min(self.options.wordings)).sum();
        let sizing = self.sizing(&rest, refusals.len(), parts);
        let all_are_taught = |count: usize| {
            let allotments = fill(&rest, sizing.demand(count)).unwrap_or_default();
            allotments.len() > last
                && rest.iter().zip(&allotments).all(|(subject, given)| !subject.is_direct() || given.train > 0)
        };
        let most = sizing.largest();
        let mut count = taught.min(most);
        while count < most && !self.input.interrupt.raised() && !all_are_taught(count) {
            count = (count + count / COUNT_STEP + 1).min(most);
        }
        all_are_taught(count).then_some(count)
    }

    fn by_source<'s>(&self, order: &[&'s Subject], parts: [u32; 3]) -> Result<Vec<Chosen<'s>>, GenerateError> {
        let groups = self.sources.groups(self.input.facts, self.input.units);
        let of_subject = |subject: &&'s Subject| -> BTreeSet<u32> {
            let sources = self.sources_of(subject);
            sources.into_iter().map(|source| groups[source as usize]).collect()
        };
        let groups: Vec<BTreeSet<u32>> = order.iter().map(of_subject).collect();
        let apart: BTreeSet<u32> = groups.iter().filter(|of| of.len() == 1).flatten().copied().collect();
        let wanted = parts.iter().filter(|part| **part > 0).count();
        if self.options.count == ExampleCount::All && apart.len() < wanted {
            return Err(GenerateError::FewSources { sources: apart.len(), parts: wanted });
        }
        let number = |group: u32| hash(self.options.seed, &[b"group", self.sources.names[group as usize].as_bytes()]);
        let split = SourceParts::new(order, groups, parts, &number);
        let proportions = self.proportions(parts);
        let (count, filled) = match self.options.count {
            ExampleCount::Number(count) => (count, fill_parts(&split, proportions, count)),
            ExampleCount::All => {
                let count = split.largest(proportions);
                (count, fill_parts(&split, proportions, count))
            }
        };
        match filled {
            _ if count == 0 => Err(GenerateError::NothingToTeach),
            None => Err(too_many(count, split.largest(proportions), Shortage::Sources)),
            Some(filled) => Ok(filled
                .into_iter()
                .flat_map(|part| chosen_of(split.order(part.part), part.allotments, part.part))
                .collect()),
        }
    }

    /// Questions of the sources that are set aside, one of each fact before a second.
    fn unseen_questions(&self) -> Vec<Chosen<'_>> {
        let order = self.order(&self.aside);
        let order = self.listed(&order);
        let proportions = Proportions { wordings: 1, ..self.proportions([1, 0, 0]) };
        let test = match (self.options.count, self.options.parts) {
            (ExampleCount::Number(count), Some(parts)) => quotas(count, parts).map_or(0, |sizes| sizes[2]),
            (ExampleCount::Number(_), None) => 0,
            (ExampleCount::All, _) => order.len(),
        };
        let count = test.max(UNSEEN_QUESTIONS).min(largest(&order, proportions));
        let allotments = fill(&order, proportions.demand(count)).unwrap_or_default();
        chosen_of(&order, allotments, Part::Unseen)
    }

    fn listed(&self, order: &[u32]) -> Vec<&Subject> {
        order.iter().map(|index| &self.subjects.list[*index as usize]).collect()
    }

    /// Indices of subjects in the order of teaching.
    fn order(&self, of: &[u32]) -> Vec<u32> {
        let ordering = Ordering {
            items: self.input.items,
            sources: &self.sources,
            seed: self.options.seed,
            unanswerable: self.options.unanswerable,
            low_information: self.options.low_information,
            wordings: self.options.wordings,
        };
        teaching_order(&self.subjects.list, of, ordering)
    }

    fn proportions(&self, parts: [u32; 3]) -> Proportions {
        Proportions {
            parts,
            wordings: self.options.wordings,
            low_information: self.options.low_information,
            unanswerable: self.options.unanswerable,
        }
    }

    fn teachable(&self) -> Teachable {
        let direct = self.open.iter().map(|i| &self.subjects.list[*i as usize]).filter(|subject| subject.is_direct());
        let is_unseen = |fact: &&Fact| self.sources.of_name(&fact.source).is_some_and(|s| self.unseen[s as usize]);
        let facts = |subject: &Subject| self.input.items[subject.item as usize].facts.clone();
        let teachable: BTreeSet<usize> = direct.flat_map(facts).collect();
        Teachable {
            facts_all: self.input.facts.len(),
            facts_unseen: self.input.facts.iter().filter(is_unseen).count(),
            facts_teachable: teachable.len(),
            count_for_all: self.count_for_all(),
            wordings: self.options.wordings,
        }
    }
}

fn too_many(wanted: usize, largest: usize, reason: Shortage) -> GenerateError {
    GenerateError::TooMany { wanted, largest, reason }
}

fn chosen_of<'s>(order: &[&'s Subject], allotments: Vec<Allotment>, part: Part) -> Vec<Chosen<'s>> {
    order.iter().zip(allotments).map(|(subject, allotment)| Chosen { subject, allotment, part }).collect()
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
