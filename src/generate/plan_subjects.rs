//! What can be taught, with the wordings that can be used.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::corpus::Language;
use crate::store::Digest;

use super::dedupe::{Place, Screened};
use super::parts::hash;
use super::{Family, Item, Shape};

/// The four families.
pub(super) const FAMILIES: usize = Family::ALL.len();
/// Of so many families of wordings one is held out for all facts.
const HELD_OUT: usize = 10;

/// A usable wording.
#[derive(Clone, Copy, Debug)]
pub(super) struct Choice {
    pub place: Place,
    pub family: Family,
    pub language: Language,
    /// Of a family that is held out for all facts.
    pub new_family: bool,
}

/// What shares the examples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stratum {
    /// One attribute of one entity.
    Direct,
    Derived(Shape),
    Unanswerable,
    LowInformation,
}

/// All items of one id: what is taught, in every language.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub id: Digest,
    /// One of its items.
    pub item: u32,
    pub stratum: Stratum,
    /// Of its own usable wordings, in [`Subjects::choices`].
    first: u32,
    count: u32,
    /// Usable wordings of each family, those of families that are held out for all facts left out.
    pub families: [u16; FAMILIES],
    /// Usable wordings of families that are held out for all facts.
    pub new: u16,
    /// Whether it has facts: a question on prose has none.
    has_facts: bool,
    /// The families in the order in which they are held out for this item.
    pub preference: [u8; FAMILIES],
}

impl Subject {
    /// Wordings that can be taught.
    pub(super) fn wordings(&self) -> usize {
        self.families.iter().map(|n| usize::from(*n)).sum()
    }

    /// Whether it asks for one fact.
    pub(super) fn is_direct(&self) -> bool {
        self.stratum == Stratum::Direct && self.has_facts
    }
}

#[derive(Debug)]
pub(super) struct Subjects {
    /// By their ids.
    pub list: Vec<Subject>,
    choices: Vec<Choice>,
}

impl Subjects {
    pub(super) fn choices(&self, subject: &Subject) -> &[Choice] {
        &self.choices[subject.first as usize..(subject.first + subject.count) as usize]
    }
}

/// The items' indices by what they are, so that nothing depends on the order in which they were given.
pub(super) fn canonical_order(items: &[Item]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..items.len() as u32).collect();
    let key = |i: &u32| {
        let item = &items[*i as usize];
        (item.id, item.language, item.wordings.first().map(|w| &w.question), item.wordings.len())
    };
    order.sort_by(|a, b| key(a).cmp(&key(b)));
    order
}

/// `hold_out`: whether one family of wordings in ten is kept from training.
pub(super) fn subjects(items: &[Item], order: &[u32], screened: &Screened, holding: Holding) -> Subjects {
    let held = if holding.hold_out { held_out(items, holding.seed) } else { HashSet::new() };
    let mut out = Subjects { list: Vec::new(), choices: Vec::new() };
    for run in order.chunk_by(|a, b| items[*a as usize].id == items[*b as usize].id) {
        let first = out.choices.len();
        for index in run {
            let item = &items[*index as usize];
            for (wording, at) in item.wordings.iter().zip(0..) {
                let place = Place { item: *index, wording: at };
                if screened.is_usable(place) {
                    let new_family = held.contains(&FamilyKey::of(&wording.template, wording.family));
                    let (family, language) = (wording.family, item.language);
                    out.choices.push(Choice { place, family, language, new_family });
                }
            }
        }
        keep_held_families_out(&mut out.choices, first);
        if let Some(subject) = subject_of(items, run, &out.choices[first..]) {
            let preference = preference(holding.seed, &subject.id);
            out.list.push(Subject { first: first as u32, preference, ..subject });
        }
    }
    out
}

/// Whether and by which seed families are held out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Holding {
    pub hold_out: bool,
    pub seed: u64,
}

/// Where one wording of a family is held out for all facts, the item's other wordings of that family are not taught either:
/// else the family would not be new for it.
fn keep_held_families_out(choices: &mut Vec<Choice>, first: usize) {
    let new: BTreeSet<Family> = choices[first..].iter().filter(|c| c.new_family).map(|c| c.family).collect();
    if !new.is_empty() {
        let mut rest = choices.split_off(first);
        rest.retain(|choice| choice.new_family || !new.contains(&choice.family));
        choices.append(&mut rest);
    }
}

fn subject_of(items: &[Item], run: &[u32], choices: &[Choice]) -> Option<Subject> {
    let index = *run.first()?;
    let item = items.get(index as usize)?;
    let mut families = [0u16; FAMILIES];
    let mut new = 0u16;
    for choice in choices {
        let count = if choice.new_family { &mut new } else { &mut families[choice.family as usize] };
        *count = count.saturating_add(1);
    }
    let stratum = match item.shape {
        Shape::Unanswerable => Stratum::Unanswerable,
        _ if item.low_information => Stratum::LowInformation,
        Shape::Value | Shape::List => Stratum::Direct,
        shape => Stratum::Derived(shape),
    };
    let taught = families.iter().any(|n| *n > 0);
    let count = choices.len() as u32;
    let preference = [0; 4];
    let has_facts = !item.facts.is_empty();
    taught.then_some(Subject {
        id: item.id,
        item: index,
        stratum,
        first: 0,
        count,
        families,
        new,
        has_facts,
        preference,
    })
}

fn preference(seed: u64, id: &Digest) -> [u8; FAMILIES] {
    let mut order: [u8; FAMILIES] = std::array::from_fn(|family| family as u8);
    let hex = id.hex();
    order.sort_by_cached_key(|family| hash(seed, &[b"family", hex.as_bytes(), &[*family]]));
    order
}

/// A family of the templates of one kind of attribute: of `host/fr/direct/2` the first part, and the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct FamilyKey<'a> {
    stem: &'a str,
    family: Family,
}

impl<'a> FamilyKey<'a> {
    pub(super) fn of(template: &'a str, family: Family) -> Self {
        Self { stem: template.split('/').next().unwrap_or_default(), family }
    }
}

/// A tenth of all families, chosen by hash: at most one of each kind of attribute, and only where two others are left.
fn held_out(items: &[Item], seed: u64) -> HashSet<FamilyKey<'_>> {
    let mut stems: BTreeMap<&str, BTreeSet<Family>> = BTreeMap::new();
    for wording in items.iter().flat_map(|item| &item.wordings) {
        let key = FamilyKey::of(&wording.template, wording.family);
        stems.entry(key.stem).or_default().insert(key.family);
    }
    let all: usize = stems.values().map(BTreeSet::len).sum();
    let number = |stem: &str, family: &Family| hash(seed, &[b"held out", stem.as_bytes(), &[*family as u8]]);
    let mut candidates: Vec<(u64, FamilyKey<'_>)> = Vec::new();
    for (stem, families) in stems.iter().filter(|(_, families)| families.len() > 2) {
        let least = families.iter().map(|family| (number(stem, family), FamilyKey { stem, family: *family })).min();
        candidates.extend(least);
    }
    candidates.sort_unstable();
    candidates.into_iter().take(all / HELD_OUT).map(|(_, key)| key).collect()
}

#[cfg(test)]
impl Subject {
    pub(super) fn for_test(id: Digest, families: [u16; FAMILIES], new: u16) -> Self {
        let (stratum, preference) = (Stratum::Direct, [0, 1, 2, 3]);
        Self { id, item: 0, stratum, first: 0, count: 0, families, new, has_facts: true, preference }
    }
}
