//! What is asked for, in order: rounds over the units of prose and over the given items.

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
        let asked = if round < options.questions_per_unit { prose.as_slice() } else { &[] };
        for unit in asked {
            let Some(about) = units.get(*unit) else { continue };
            let key = entry_key(options.seed, "prose", &about.id, round);
            entries.push(PlanEntry { key, source: about.source.clone(), task: Task::Prose { unit: *unit } });
        }
        let worded = if round < options.wordings_per_item { items } else { &[] };
        for (index, (item, unit)) in worded.iter().zip(&stated).enumerate() {
            let Some(unit) = *unit else { continue };
            let key = entry_key(options.seed, "wording", &item.id, round);
            entries.push(PlanEntry { key, source: item.source.clone(), task: Task::Wording { item: index, unit } });
        }
    }
    entries
}

fn entry_key(seed: u64, kind: &str, id: &Digest, round: usize) -> Digest {
    Digest::of_bytes(format!("llm entry v1\n{seed}\n{kind}\n{id}\n{round}").as_bytes())
}

fn is_prose(unit: &Unit) -> bool {
    words(&unit.text).len() >= LEAST_WORDS
}

/// Of each item the unit that states all its values; None: there is no single one, so that a new wording could not be
/// checked by answering it.
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
    items.iter().map(|item| can_be_checked(item).then(|| find(item)).flatten()).collect()
}
