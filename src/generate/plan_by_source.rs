//! The split by source: whole groups of sources belong to one part.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::{Part, quotas};
use super::plan_fill::{Allotment, Demand, Proportions, fill};
use super::plan_subjects::Subject;

/// The subjects of each part, in the order of teaching.
#[derive(Debug)]
pub(super) struct SourceParts<'s> {
    train: Vec<&'s Subject>,
    val: Vec<&'s Subject>,
    test: Vec<&'s Subject>,
}

/// What one part's subjects give.
#[derive(Debug)]
pub(super) struct FilledPart {
    pub part: Part,
    pub allotments: Vec<Allotment>,
}

impl<'s> SourceParts<'s> {
    /// `groups`: of each subject of `order`; those of several parts are left out. `number` orders the groups.
    pub(super) fn new(
        order: &[&'s Subject],
        groups: Vec<BTreeSet<u32>>,
        parts: [u32; 3],
        number: &dyn Fn(u32) -> u64,
    ) -> Self {
        let mut sizes: BTreeMap<u32, usize> = BTreeMap::new();
        for (subject, groups) in order.iter().zip(&groups) {
            for group in groups {
                *sizes.entry(*group).or_default() += subject.wordings();
            }
        }
        let of_group = assign(&sizes, parts, number);
        let mut out = Self { train: Vec::new(), val: Vec::new(), test: Vec::new() };
        for (subject, groups) in order.iter().zip(groups) {
            let mut parts: BTreeSet<Part> = groups.iter().filter_map(|group| of_group.get(group)).copied().collect();
            if let (Some(part), None) = (parts.pop_first(), parts.first()) {
                out.list(part).push(subject);
            }
        }
        out
    }

    fn list(&mut self, part: Part) -> &mut Vec<&'s Subject> {
        match part {
            Part::Val => &mut self.val,
            Part::Test => &mut self.test,
            Part::Train | Part::Unseen => &mut self.train,
        }
    }

    pub(super) fn order(&self, part: Part) -> &[&'s Subject] {
        match part {
            Part::Val => &self.val,
            Part::Test => &self.test,
            Part::Train | Part::Unseen => &self.train,
        }
    }

    /// The largest count that all parts can give.
    pub(super) fn largest(&self, proportions: Proportions) -> usize {
        let all: usize = [&self.train, &self.val, &self.test].into_iter().flatten().map(|s| s.wordings()).sum();
        let (mut low, mut high) = (0, all);
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            if fill_parts(self, proportions, middle).is_some() { low = middle } else { high = middle - 1 }
        }
        low
    }
}

/// Groups in the order of their numbers to test, then to validation, until each has its share of all wordings; the largest group
/// is always taught.
fn assign(sizes: &BTreeMap<u32, usize>, parts: [u32; 3], number: &dyn Fn(u32) -> u64) -> BTreeMap<u32, Part> {
    let total: usize = sizes.values().sum();
    let [_, val, test] = quotas(total, parts).unwrap_or([total, 0, 0]);
    let largest = sizes.iter().max_by_key(|(group, size)| (**size, number(**group))).map(|(group, _)| *group);
    let mut order: Vec<(u64, u32)> = sizes.keys().map(|group| (number(*group), *group)).collect();
    order.sort_unstable();
    let mut wanted = [(Part::Test, test), (Part::Val, val)].into_iter().filter(|(_, size)| *size > 0).peekable();
    let mut so_far = 0;
    let mut out = BTreeMap::new();
    for (_, group) in order {
        let Some((part, size)) = wanted.peek().filter(|_| Some(group) != largest) else {
            out.insert(group, Part::Train);
            continue;
        };
        out.insert(group, *part);
        so_far += sizes[&group];
        if so_far >= *size {
            wanted.next();
            so_far = 0;
        }
    }
    out
}

/// Exactly `count` examples in the parts; validation and test ask one wording of each fact before a second. None where a part has
/// too few.
pub(super) fn fill_parts(split: &SourceParts<'_>, proportions: Proportions, count: usize) -> Option<Vec<FilledPart>> {
    let demand = proportions.demand(count);
    let sizes = [(Part::Train, demand.train), (Part::Val, demand.val), (Part::Test, demand.test)];
    let filled = sizes.into_iter().filter(|(_, size)| *size > 0).map(|(part, size)| {
        let wordings = if part == Part::Train { proportions.wordings } else { 1 };
        let alone = Proportions { parts: [1, 0, 0], wordings, ..proportions }.demand(size);
        let allotments = fill(split.order(part), Demand { val: 0, test: 0, ..alone })?;
        Some(FilledPart { part, allotments })
    });
    filled.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_whole_and_the_largest_is_taught() {
        let sizes: BTreeMap<u32, usize> = (0..50).map(|group| (group, if group == 7 { 500 } else { 10 })).collect();
        let parts = assign(&sizes, [80, 10, 10], &|group| u64::from(group) * 37 % 101);
        let size = |part| parts.iter().filter(|(_, p)| **p == part).map(|(group, _)| sizes[group]).sum::<usize>();
        assert_eq!(parts[&7], Part::Train);
        assert_eq!([Part::Train, Part::Val, Part::Test].map(size), [790, 100, 100]);
    }
}
