//! Counts of n-grams: runs of n neighbouring tokens or characters.

use std::collections::HashMap;
use std::hash::Hash;

/// Each n-gram of a text and how often it occurs.
pub(super) struct NgramCounts<'a, T>(HashMap<&'a [T], usize>);

impl<'a, T: Eq + Hash> NgramCounts<'a, T> {
    pub(super) fn new(items: &'a [T], order: usize) -> Self {
        let mut counts = HashMap::new();
        items.windows(order.max(1)).for_each(|ngram| *counts.entry(ngram).or_default() += 1);
        Self(counts)
    }

    /// Each count becomes the larger of the two.
    pub(super) fn take_larger(&mut self, other: Self) {
        for (ngram, count) in other.0 {
            let own = self.0.entry(ngram).or_default();
            *own = (*own).max(count);
        }
    }

    /// The n-grams that both have, each as often as it is in both.
    pub(super) fn matched(&self, other: &Self) -> usize {
        self.0.iter().map(|(ngram, count)| other.0.get(ngram).copied().unwrap_or(0).min(*count)).sum()
    }
}

/// How many n-grams a text of `length` tokens has.
pub(super) fn ngram_total(length: usize, order: usize) -> usize {
    (length + 1).saturating_sub(order.max(1))
}
