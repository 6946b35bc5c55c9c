//! Paragraphs of one section that are records: each states the keys that others state, of another thing.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Span;
use super::error::slice;
use super::key_value::{Pair, pairs};
use super::markup::{plain, said, without_marker};
use super::names::{Names, name_key};
use super::outline::{Block, BlockKind, Item, heading_text, trimmed};

/// Keys that two records have in common, where their first keys differ.
const COMMON: usize = 2;
/// Of the line that names an item of a list, at most.
const MAX_NAME: usize = 60;
const MAX_NAME_WORDS: usize = 8;

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
        self.pairs.first().map(|pair| name_key(&pair.key)).unwrap_or_default()
    }

    fn keys(&self) -> BTreeSet<String> {
        self.pairs.iter().map(|pair| name_key(&pair.key)).collect()
    }

    fn value<'a>(&self, text: &'a str, key: &str) -> Option<Cow<'a, str>> {
        let pair = self.pairs.iter().find(|pair| name_key(&pair.key) == key)?;
        plain(text, pair.value).map(|span| said(text, span))
    }
}

/// The pairs of each block, one group for each record.
pub(super) fn groups(text: &str, blocks: &[Block]) -> Vec<Vec<Group>> {
    let of_block = |block| named_items(text, block).unwrap_or_else(|| divided(block_pairs(text, block)));
    let mut all: Vec<Vec<Group>> = blocks.iter().map(of_block).collect();
    let is_candidate = |group: &&Group| group.pairs.len() >= 2 && group.owner == Owner::Unit;
    let candidates: Vec<&Group> = all.iter().flatten().filter(is_candidate).collect();
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
    for group in all.iter_mut().flatten().filter(|group| group.owner == Owner::Unit) {
        let is_record = group.pairs.first().is_some_and(|pair| places.contains(&pair.value.start));
        if is_record {
            let named = title.as_deref().and_then(|title| group.value(text, title));
            group.owner = named.map_or(Owner::Unknown, |name| Owner::Record(name.into_owned()));
            group.pairs.retain(|pair| Some(name_key(&pair.key)) != title);
        }
    }
    all
}

/// The items of a list that are records, each named by its first line: `1. Pump P-101` above `Location: Hall A`. None: an item
/// is another thing.
fn named_items(text: &str, block: &Block) -> Option<Vec<Group>> {
    let BlockKind::List(items) = &block.kind else { return None };
    let groups: Option<Vec<Group>> = items.iter().map(|item| named_item(text, item)).collect();
    groups.filter(|groups| !groups.is_empty())
}

/// The record that an item of a list is.
fn named_item(text: &str, item: &Item) -> Option<Group> {
    let first = slice(text, item.span).lines().next()?;
    let end = item.span.start + first.len();
    // `Pump P-101:` names what is below it, `Location: Hall A` is a pair.
    let name = first.trim_end().trim_end_matches(':');
    let name = plain(text, Span { start: item.span.start, end: item.span.start + name.len() })?;
    let name = said(text, name);
    let name = name.trim_end_matches([':', ' ', '\u{a0}', '\u{202f}']);
    let is_name = name.starts_with(char::is_alphanumeric)
        && !name.ends_with(['.', ';', ',', '!', '?', '…'])
        && !name.contains(": ")
        && name.chars().count() <= MAX_NAME
        && name.split_whitespace().count() <= MAX_NAME_WORDS;
    let pairs = pairs_below(text, Span { start: end, end: item.span.end }).filter(|_| is_name)?;
    Some(Group { pairs, owner: Owner::Record(name.to_owned()) })
}

/// The pairs that the lines are, which may be items of a list themselves. None: the first of them is no pair.
fn pairs_below(text: &str, span: Span) -> Option<Vec<Pair>> {
    let span = trimmed(text, span);
    let mut starts: Vec<usize> = vec![span.start];
    let mut at = span.start;
    for line in slice(text, span).split_inclusive('\n') {
        if at > span.start && line.trim_start().starts_with(['-', '*', '+']) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([span.end]);
    let mut pairs_of = starts.iter().zip(ends).map(|(start, end)| {
        let line = trimmed(text, Span { start: *start, end });
        // `**Key** : value` begins with no mark of an item.
        let marked = slice(text, line).starts_with("**");
        pairs(text, if marked { line } else { without_marker(text, line) })
    });
    let mut found = pairs_of.next().filter(|pairs| !pairs.is_empty())?;
    found.extend(pairs_of.flatten());
    Some(found)
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
    let keys: Vec<String> = pairs.iter().map(|pair| name_key(&pair.key)).collect();
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
            records.iter().filter_map(|record| record.value(text, key)).map(|value| name_key(&value)).collect();
        values.len() == records.len()
    };
    let named = |key: &String| Names::Title.has(key) && records.iter().all(|record| record.value(text, key).is_some());
    let keys: Vec<String> = records.first()?.pairs.iter().map(|pair| name_key(&pair.key)).collect();
    let titles: Vec<&String> = keys.iter().filter(|key| named(key)).collect();
    if let Some(title) = titles.iter().find(|key| tells(key)).or(titles.first()) {
        return Some((*title).clone());
    }
    let first = keys.into_iter().next()?;
    let is_first = records.iter().all(|record| record.first() == first);
    (is_first && tells(&first) && !Names::Attribute.has(&first)).then_some(first)
}
