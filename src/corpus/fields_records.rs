//! Paragraphs of one section that are records: each states the keys that others state, of another thing.

use std::collections::{BTreeMap, BTreeSet};

use super::error::slice;
use super::key_value::{Pair, pairs};
use super::markup::plain;
use super::names::{Names, folded};
use super::outline::{Block, BlockKind, heading_text};

/// Keys that two records have in common, where their first keys differ.
const COMMON: usize = 2;

/// What the pairs of a paragraph belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// What the unit is about.
    Unit,
    /// The thing that the record names.
    Record(String),
    /// A record that names nothing.
    Unknown,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) pairs: Vec<Pair>,
    pub(super) owner: Owner,
}

impl Group {
    fn first(&self) -> String {
        self.pairs.first().map(|pair| folded(&pair.key)).unwrap_or_default()
    }

    fn keys(&self) -> BTreeSet<String> {
        self.pairs.iter().map(|pair| folded(&pair.key)).collect()
    }

    fn value<'a>(&self, text: &'a str, key: &str) -> Option<&'a str> {
        let pair = self.pairs.iter().find(|pair| folded(&pair.key) == key)?;
        plain(text, pair.value).map(|span| slice(text, span))
    }
}

/// The pairs of each block, one group for each record.
pub(super) fn groups(text: &str, blocks: &[Block]) -> Vec<Vec<Group>> {
    let mut all: Vec<Vec<Group>> = blocks.iter().map(|block| divided(block_pairs(text, block))).collect();
    let candidates: Vec<&Group> = all.iter().flatten().filter(|group| group.pairs.len() >= 2).collect();
    let firsts = counts(candidates.iter().map(|group| group.first()));
    let keys = counts(candidates.iter().flat_map(|group| group.keys()));
    let repeats = |group: &&Group| {
        let common = group.keys().iter().filter(|key| keys.get(*key).is_some_and(|n| *n > 1)).count();
        firsts.get(&group.first()).is_some_and(|n| *n > 1) || common >= COMMON
    };
    let records: Vec<&Group> = candidates.iter().copied().filter(repeats).collect();
    if records.len() < 2 {
        return all;
    }
    let title = title(text, &records);
    let places: BTreeSet<usize> = records.iter().filter_map(|group| Some(group.pairs.first()?.value.start)).collect();
    for group in all.iter_mut().flatten() {
        let is_record = group.pairs.first().is_some_and(|pair| places.contains(&pair.value.start));
        if is_record {
            let named = title.as_deref().and_then(|title| group.value(text, title));
            group.owner = named.map_or(Owner::Unknown, |name| Owner::Record(name.to_owned()));
            group.pairs.retain(|pair| Some(folded(&pair.key)) != title);
        }
    }
    all
}

fn counts(keys: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_insert(0) += 1;
    }
    counts
}

fn block_pairs(text: &str, block: &Block) -> Vec<Pair> {
    match &block.kind {
        BlockKind::Prose => pairs(text, block.span),
        BlockKind::Heading { .. } => pairs(text, heading_text(text, block.span)),
        BlockKind::List(items) => items.iter().flat_map(|item| pairs(text, item.span)).collect(),
        _ => Vec::new(),
    }
}

/// Records that follow each other without an empty line begin with the same key, and repeat another.
fn divided(pairs: Vec<Pair>) -> Vec<Group> {
    let keys: Vec<String> = pairs.iter().map(|pair| folded(&pair.key)).collect();
    let repeated: BTreeSet<String> =
        counts(keys.iter().cloned()).into_iter().filter(|(_, n)| *n > 1).map(|(key, _)| key).collect();
    let several = repeated.len() >= COMMON && keys.first().is_some_and(|first| repeated.contains(first));
    let mut groups: Vec<Group> = Vec::new();
    for (pair, key) in pairs.into_iter().zip(&keys) {
        match groups.last_mut().filter(|_| !(several && Some(key) == keys.first())) {
            Some(group) => group.pairs.push(pair),
            None => groups.push(Group { pairs: vec![pair], owner: Owner::Unit }),
        }
    }
    groups
}

/// The folded key that names the records: the first that says so, best one that tells them apart; or the first of each, where
/// it tells them apart and is no attribute.
fn title(text: &str, records: &[&Group]) -> Option<String> {
    let tells = |key: &str| {
        let values: BTreeSet<String> =
            records.iter().filter_map(|record| record.value(text, key)).map(folded).collect();
        values.len() == records.len()
    };
    let named = |key: &String| Names::Title.has(key) && records.iter().all(|record| record.value(text, key).is_some());
    let keys: Vec<String> = records.first()?.pairs.iter().map(|pair| folded(&pair.key)).collect();
    let titles: Vec<&String> = keys.iter().filter(|key| named(key)).collect();
    if let Some(title) = titles.iter().find(|key| tells(key)).or(titles.first()) {
        return Some((*title).clone());
    }
    let first = keys.into_iter().next()?;
    let is_first = records.iter().all(|record| record.first() == first);
    (is_first && tells(&first) && !Names::Attribute.has(&first)).then_some(first)
}
