//! The sources of a plan: which are set aside, and which belong together.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::corpus::{Fact, Unit};

use super::dedupe_near::{QUESTION, alike};
use super::dedupe_text::shingles;
use super::identity_key::identity_key;
use super::parts::hash;
use super::{Item, Shape};

/// Every source of the items and their facts, sorted by name.
#[derive(Debug)]
pub(super) struct Sources<'a> {
    pub names: Vec<&'a str>,
    index: BTreeMap<&'a str, u32>,
    /// Of each fact.
    of_facts: Vec<u32>,
}

impl<'a> Sources<'a> {
    pub(super) fn new(items: &'a [Item], facts: &'a [Fact]) -> Self {
        let all = facts.iter().map(|fact| &*fact.source).chain(items.iter().map(|item| &*item.source));
        let names: Vec<&str> = all.collect::<BTreeSet<_>>().into_iter().collect();
        let index: BTreeMap<&str, u32> = names.iter().copied().zip(0..).collect();
        let of_facts = facts.iter().map(|fact| index[&*fact.source]).collect();
        Self { names, index, of_facts }
    }

    pub(super) fn of_name(&self, name: &str) -> Option<u32> {
        self.index.get(name).copied()
    }

    /// The item's own source and those of its facts, rising.
    pub(super) fn of_item(&self, item: &Item) -> BTreeSet<u32> {
        let facts = item.facts.iter().filter_map(|fact| self.of_facts.get(*fact)).copied();
        // A question over many facts belongs to these; its own source is where it was first seen. A refusal's own source is
        // that of the entity which it is about.
        let is_own = item.facts.is_empty() || item.shape == Shape::Unanswerable;
        let own = if is_own { self.of_name(&item.source) } else { None };
        facts.chain(own).collect()
    }

    /// The sources that are set aside: `share` of them, rounded, at least one and never all.
    pub(super) fn unseen(&self, share: f64, seed: u64) -> Vec<bool> {
        let n = self.names.len();
        let wanted = if share > 0.0 && n > 1 { ((share * n as f64).round() as usize).clamp(1, n - 1) } else { 0 };
        let mut order: Vec<(u64, usize)> =
            self.names.iter().map(|name| hash(seed, &[b"unseen", name.as_bytes()])).zip(0..).collect();
        order.sort_unstable();
        let mut unseen = vec![false; n];
        order.iter().take(wanted).for_each(|(_, source)| unseen[*source] = true);
        unseen
    }

    /// A number for each source, the same for those that state an entity in common, or hold nearly the same unit.
    pub(super) fn groups(&self, facts: &[Fact], units: &[Unit]) -> Vec<u32> {
        let mut forest = Forest::new(self.names.len());
        let mut of_entity: HashMap<String, u32> = HashMap::new();
        for (fact, source) in facts.iter().zip(&self.of_facts) {
            let first = *of_entity.entry(identity_key(&fact.entity)).or_insert(*source);
            forest.join(first, *source);
        }
        let sets: Vec<Vec<u128>> = units.iter().map(|unit| shingles(&identity_key(&unit.text))).collect();
        for near in alike(&sets, QUESTION) {
            if let (Some(a), Some(b)) = (self.of_name(&units[near.text].source), self.of_name(&units[near.kept].source))
            {
                forest.join(a, b);
            }
        }
        (0..self.names.len() as u32).map(|source| forest.root(source)).collect()
    }
}

/// Disjoint sets; the root of a set is its least member.
struct Forest(Vec<u32>);

impl Forest {
    fn new(n: usize) -> Self {
        Self((0..n as u32).collect())
    }

    fn root(&mut self, mut at: u32) -> u32 {
        while self.0[at as usize] != at {
            let above = self.0[at as usize];
            self.0[at as usize] = self.0[above as usize];
            at = above;
        }
        at
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b) as usize] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_joined_through_any_member() {
        let mut forest = Forest::new(6);
        [(4, 2), (5, 4), (0, 1)].into_iter().for_each(|(a, b)| forest.join(a, b));
        assert_eq!((0..6).map(|i| forest.root(i)).collect::<Vec<_>>(), [0, 0, 2, 3, 2, 2]);
    }
}
