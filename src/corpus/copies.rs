//! Paths that repeat another path: some programs write the metadata twice.

use std::collections::HashMap;

use super::path_statistics::PathStatistics;
use super::record::{Record, Table, Value};

/// The values of a path in the sample, each record's with its place in the sample.
type Sampled<'a> = Vec<(usize, Vec<&'a str>)>;

/// Of two paths with the same last part and the same values in all records, the longer one. A path that no record of the
/// sample has is compared with none: that says nothing about the others.
pub(super) fn copies(table: &Table, sample: &[&Record], statistics: &[PathStatistics]) -> Vec<usize> {
    let mut sampled: Vec<Sampled<'_>> = vec![Vec::new(); table.paths.len()];
    for (at, record) in sample.iter().enumerate() {
        for slot in &record.slots {
            if let Some(of_path) = sampled.get_mut(slot.path) {
                of_path.push((at, texts(&slot.values).collect()));
            }
        }
    }
    // 1. Paths that are equal in the sample.
    let mut alike: HashMap<(&str, &Sampled<'_>), Vec<usize>> = HashMap::new();
    for (path, (of, values)) in statistics.iter().zip(&sampled).enumerate() {
        if !values.is_empty() {
            alike.entry((of.name(), values)).or_default().push(path);
        }
    }
    // 2. Of these, those that are equal in all records.
    let length = |path: usize| statistics.get(path).map_or(0, |of| of.parts.len());
    let mut copies: Vec<usize> = Vec::new();
    for paths in alike.into_values() {
        let Some(first) = paths.iter().copied().min_by_key(|path| length(*path)) else { continue };
        let longer = paths.into_iter().filter(|path| length(*path) > length(first));
        copies.extend(longer.filter(|path| is_equal(table, *path, first)));
    }
    copies.sort_unstable();
    copies
}

fn is_equal(table: &Table, path: usize, of: usize) -> bool {
    table.records.iter().all(|record| texts(record.values(path)).eq(texts(record.values(of))))
}

fn texts(values: &[Value]) -> impl Iterator<Item = &str> {
    values.iter().map(|value| value.text.as_str())
}
