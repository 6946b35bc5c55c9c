//! What is asked for, in order: rounds over the units of prose and over the given items. A run ends when it has enough, so
//! every beginning of the order asks about all sources, and about prose and items in proportion.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::corpus::Unit;
use crate::generate::{Item, Shape};
use crate::store::Digest;

use super::options::LlmOptions;
use super::text::{padded, words};

/// Shorter units hold no sentence to ask about.
const LEAST_WORDS: usize = 8;
/// Units of an item's source that are searched for its values, where none has its entity as title.
const MOST_SEARCHED: usize = 256;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Task {
    /// A question about a unit of prose.
    Prose { unit: usize },
    /// A new wording of an item, which the unit states.
    Wording { item: usize, unit: usize },
}

/// One entry of the plan: at most one example.
#[derive(Clone, Debug)]
pub(super) struct PlanEntry {
    /// Of the run's seed, what is asked about, and the round.
    pub(super) key: Digest,
    pub(super) source: Arc<str>,
    pub(super) task: Task,
}

pub(super) fn plan(units: &[Unit], items: &[Item], options: &LlmOptions) -> Vec<PlanEntry> {
    let prose: Vec<usize> = (0..units.len()).filter(|i| units.get(*i).is_some_and(is_prose)).collect();
    let stated = stating_units(units, items);
    let rounds = options.questions_per_unit.max(options.wordings_per_item);
    let mut entries = Vec::new();
    for round in 0..rounds {
        let (mut questions, mut wordings) = (Vec::new(), Vec::new());
        let asked = if round < options.questions_per_unit { prose.as_slice() } else { &[] };
        for unit in asked {
            let Some(about) = units.get(*unit) else { continue };
            let key = entry_key(options.seed, "prose", &about.id, round);
            questions.push(PlanEntry { key, source: about.source.clone(), task: Task::Prose { unit: *unit } });
        }
        let worded = if round < options.wordings_per_item { items } else { &[] };
        for (index, (item, unit)) in worded.iter().zip(&stated).enumerate() {
            let Some(unit) = *unit else { continue };
            let key = entry_key(options.seed, "wording", &item.id, round);
            wordings.push(PlanEntry { key, source: item.source.clone(), task: Task::Wording { item: index, unit } });
        }
        entries.extend(in_proportion(over_sources(questions), over_sources(wordings)));
    }
    entries
}

/// One entry of each source, then a second one of each, and so on; sources and entries in the order of the seed.
fn over_sources(mut entries: Vec<PlanEntry>) -> Vec<PlanEntry> {
    entries.sort_by_key(|entry| entry.key);
    let mut taken: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    let turn = |entry: PlanEntry| {
        let turn = taken.entry(entry.source.clone()).or_default();
        *turn += 1;
        (*turn, entry)
    };
    let mut turns: Vec<(usize, PlanEntry)> = entries.into_iter().map(turn).collect();
    // Stable: within a turn the order is that of the seed.
    turns.sort_by_key(|(turn, _)| *turn);
    turns.into_iter().map(|(_, entry)| entry).collect()
}

/// Both lists as one, each in its order and evenly over the whole.
fn in_proportion(one: Vec<PlanEntry>, other: Vec<PlanEntry>) -> Vec<PlanEntry> {
    let (ones, others) = (one.len(), other.len());
    let mut placed: Vec<(usize, PlanEntry)> = Vec::with_capacity(ones + others);
    // The middles of the places, in units of 1 / (2 · ones · others) of the whole.
    placed.extend(one.into_iter().enumerate().map(|(i, entry)| ((2 * i + 1) * others, entry)));
    placed.extend(other.into_iter().enumerate().map(|(i, entry)| ((2 * i + 1) * ones, entry)));
    placed.sort_by_key(|(place, _)| *place);
    placed.into_iter().map(|(_, entry)| entry).collect()
}

fn entry_key(seed: u64, kind: &str, id: &Digest, round: usize) -> Digest {
    Digest::of_bytes(format!("llm entry v1\n{seed}\n{kind}\n{id}\n{round}").as_bytes())
}

/// The unit of an item whose question the writer asked about prose.
fn asked_about(item: &Item) -> Option<usize> {
    let record = item.wordings.first()?.record.as_ref()?;
    item.facts.is_empty().then_some(record.unit)
}

fn is_prose(unit: &Unit) -> bool {
    words(&unit.text).len() >= LEAST_WORDS
}

/// Of each item the unit that states all its values, or that its question was asked about; None: there is no single one, so
/// that a new wording could not be checked by answering it.
pub(super) fn stating_units(units: &[Unit], items: &[Item]) -> Vec<Option<usize>> {
    if items.is_empty() {
        return Vec::new();
    }
    let texts: Vec<String> = units.iter().map(|u| padded(&u.text)).collect();
    let heads: Vec<String> = units
        .iter()
        .map(|u| padded(&format!("{} | {}", u.title.as_deref().unwrap_or_default(), u.path.join(" | "))))
        .collect();
    let mut of_title: BTreeMap<(&str, String), Vec<usize>> = BTreeMap::new();
    let mut of_source: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, unit) in units.iter().enumerate() {
        let source = of_source.entry(&unit.source).or_default();
        if source.len() < MOST_SEARCHED {
            source.push(index);
        }
        if let Some(title) = &unit.title {
            of_title.entry((&unit.source, padded(title))).or_default().push(index);
        }
    }
    let states = |item: &Item, unit: &usize| {
        let (Some(text), Some(head)) = (texts.get(*unit), heads.get(*unit)) else { return false };
        let entity = padded(&item.entity);
        item.values.iter().all(|v| text.contains(&padded(v))) && (text.contains(&entity) || head.contains(&entity))
    };
    let find = |item: &Item| {
        let titled = of_title.get(&(item.source.as_ref(), padded(&item.entity))).into_iter().flatten();
        let others = of_source.get(item.source.as_ref()).into_iter().flatten();
        titled.chain(others).find(|unit| states(item, unit)).copied()
    };
    let can_be_checked = |item: &Item| {
        matches!(item.shape, Shape::Value | Shape::List) && !item.values.is_empty() && !item.wordings.is_empty()
    };
    items.iter().map(|item| asked_about(item).or_else(|| can_be_checked(item).then(|| find(item)).flatten())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(kind: &str, source: &str, count: usize) -> Vec<PlanEntry> {
        let entry = |unit: usize| PlanEntry {
            key: entry_key(1, kind, &Digest::of_bytes(format!("{source} {unit}").as_bytes()), 0),
            source: source.into(),
            task: if kind == "prose" { Task::Prose { unit } } else { Task::Wording { item: unit, unit } },
        };
        (0..count).map(entry).collect()
    }

    #[test]
    fn every_beginning_asks_about_all_sources() {
        let sizes = [("a", 100), ("b", 3), ("c", 10)];
        let all: Vec<PlanEntry> = sizes.iter().flat_map(|(source, count)| entries("prose", source, *count)).collect();
        let order = over_sources(all.clone());
        let of = |n: usize, source: &str| order.iter().take(n).filter(|entry| &*entry.source == source).count();
        assert_eq!([of(9, "a"), of(9, "b"), of(9, "c")], [3, 3, 3]);
        assert_eq!([of(23, "a"), of(23, "b"), of(23, "c")], [10, 3, 10]);
        assert_eq!([of(113, "a"), of(113, "b"), of(113, "c")], [100, 3, 10]);
        let reversed = over_sources(all.into_iter().rev().collect());
        let keys = |entries: &[PlanEntry]| entries.iter().map(|entry| entry.key).collect::<Vec<_>>();
        assert_eq!(keys(&order), keys(&reversed), "the order of the documents says nothing");
    }

    #[test]
    fn prose_and_items_are_asked_about_in_proportion() {
        let order = in_proportion(entries("prose", "a", 30), entries("wording", "a", 10));
        let prose = |n: usize| order.iter().take(n).filter(|entry| matches!(entry.task, Task::Prose { .. })).count();
        assert_eq!([prose(4), prose(8), prose(20), prose(40)], [3, 6, 15, 30]);
        assert_eq!(in_proportion(Vec::new(), entries("wording", "a", 3)).len(), 3);
    }
}
