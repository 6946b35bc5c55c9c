//! What the values of each path of a table are like, in a sample of its records.

use std::collections::{HashMap, HashSet};

use super::names::name_key;
use super::record::{Record, Table};

/// Records that are looked at, spread over the file.
const SAMPLE: usize = 200;
/// Fewer records say nothing about constant values.
const MIN_FOR_CONSTANT: usize = 20;
/// Characters from which on a word of letters and digits is encoded bytes.
const MIN_ENCODED: usize = 64;
const HASH_LENGTHS: &[usize] = &[32, 40, 64, 128];

#[derive(Clone, Debug, PartialEq)]
pub(super) struct PathStatistics {
    /// The folded parts of the path.
    pub(super) parts: Vec<String>,
    /// Share of the sample that has the path.
    pub(super) share: f64,
    /// Share of those that have one value, which is text.
    pub(super) single_text: f64,
    /// Characters.
    pub(super) median: usize,
    pub(super) median_words: usize,
    /// Share of different values.
    pub(super) distinct: f64,
    pub(super) constant: bool,
    pub(super) encoded: bool,
    /// Most values consist of words, not of names, numbers and signs.
    pub(super) prose: bool,
}

impl PathStatistics {
    pub(super) fn name(&self) -> &str {
        self.parts.last().map_or("", String::as_str)
    }
}

/// The records of the sample: one of each of equal runs, at a place in it that changes from run to run, so that values
/// that alternate are seen.
pub(super) fn sample(table: &Table) -> Vec<&Record> {
    let run = table.records.len().div_ceil(SAMPLE).max(1);
    let place = |i: usize| (i.wrapping_mul(0x9e37_79b9) >> 7) % run;
    table.records.chunks(run).enumerate().filter_map(|(i, records)| records.get(place(i)).or(records.last())).collect()
}

pub(super) fn statistics(table: &Table, sample: &[&Record]) -> Vec<PathStatistics> {
    let mut values: Vec<Vec<(&str, bool)>> = vec![Vec::new(); table.paths.len()];
    let mut lists: Vec<usize> = vec![0; table.paths.len()];
    for slot in sample.iter().flat_map(|record| &record.slots) {
        let (Some(values), Some(lists)) = (values.get_mut(slot.path), lists.get_mut(slot.path)) else { continue };
        match slot.values.as_slice() {
            [value] => values.push((&value.text, value.is_text)),
            _ => *lists += 1,
        }
    }
    let all = values.iter().zip(&lists).zip(&table.paths);
    all.map(|((values, lists), path)| of_path(path, values, Size { lists: *lists, records: sample.len() })).collect()
}

struct Size {
    lists: usize,
    records: usize,
}

fn of_path(path: &str, values: &[(&str, bool)], size: Size) -> PathStatistics {
    let present = values.len() + size.lists;
    let share = |n: usize, of: usize| if of == 0 { 0.0 } else { n as f64 / of as f64 };
    let distinct: HashSet<&str> = values.iter().map(|(text, _)| *text).collect();
    let commonest = if distinct.len() == 1 { values.len() } else { commonest(values) };
    let texts = values.iter().filter(|(_, is_text)| *is_text).count();
    let encoded = values.iter().filter(|(text, _)| is_encoded(text)).count();
    PathStatistics {
        parts: path.split('.').map(name_key).collect(),
        share: share(present, size.records),
        single_text: share(texts, present),
        median: median(values.iter().map(|(text, _)| text.chars().count()).collect()),
        median_words: median(values.iter().map(|(text, _)| text.split_whitespace().count()).collect()),
        distinct: share(distinct.len(), values.len()),
        constant: size.lists == 0 && size.records >= MIN_FOR_CONSTANT && share(commonest, size.records) >= 0.99,
        encoded: encoded * 2 > present,
        prose: values.iter().filter(|(text, _)| is_prose(text)).count() * 2 > present,
    }
}

/// The paths, constant in the sample, that have one value in all records that have them, which are nearly all. A value that
/// deviates tells its record apart, so that the path is a field.
pub(super) fn constants(table: &Table, statistics: &[PathStatistics]) -> HashSet<usize> {
    struct Held<'a> {
        value: Option<&'a str>,
        records: usize,
    }
    let mut held: HashMap<usize, Held<'_>> = HashMap::new();
    for path in (0..table.paths.len()).filter(|path| statistics.get(*path).is_some_and(|of| of.constant)) {
        held.insert(path, Held { value: None, records: 0 });
    }
    for slot in table.records.iter().flat_map(|record| &record.slots) {
        let Some(of) = held.get_mut(&slot.path) else { continue };
        match slot.values.as_slice() {
            [only] if of.value.is_none_or(|value| value == only.text) => {
                of.value = Some(&only.text);
                of.records += 1;
            }
            _ => {
                held.remove(&slot.path);
            }
        }
    }
    held.retain(|_, held| held.records * 100 >= table.records.len() * 99);
    held.into_keys().collect()
}

fn commonest(values: &[(&str, bool)]) -> usize {
    let mut texts: Vec<&str> = values.iter().map(|(text, _)| *text).collect();
    texts.sort_unstable();
    texts.chunk_by(|a, b| a == b).map(<[_]>::len).max().unwrap_or(0)
}

pub(super) fn median(mut numbers: Vec<usize>) -> usize {
    let middle = numbers.len() / 2;
    if numbers.is_empty() {
        return 0;
    }
    *numbers.select_nth_unstable(middle).1
}

/// Whether seven of ten words are letters only, but for the punctuation around them.
fn is_prose(text: &str) -> bool {
    let (mut words, mut plain) = (0, 0);
    for word in text.split_whitespace() {
        let inner = word
            .trim_matches(|c: char| matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | '(' | ')' | '"' | '«' | '»' | '*'));
        words += 1;
        plain +=
            usize::from(!inner.is_empty() && inner.chars().all(|c| c.is_alphabetic() || matches!(c, '\'' | '’' | '-')));
    }
    plain * 10 >= words * 7
}

/// Base64 or a hash.
fn is_encoded(text: &str) -> bool {
    let hash = HASH_LENGTHS.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let base64 = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    let mixed = text.bytes().any(|b| b.is_ascii_uppercase()) && text.bytes().any(|b| b.is_ascii_digit());
    hash || (text.len() >= MIN_ENCODED && mixed && text.bytes().all(base64))
}
