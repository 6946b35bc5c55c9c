//! A list of the best documents.

use std::cmp::Ordering;

/// A document with its score, higher is better.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    pub document: usize,
    pub score: f32,
}

/// Better first; of equal scores the earlier document.
fn order(a: &Ranked, b: &Ranked) -> Ordering {
    b.score.total_cmp(&a.score).then(a.document.cmp(&b.document))
}

/// The `k` best of `all`, best first.
pub(super) fn best(mut all: Vec<Ranked>, k: usize) -> Vec<Ranked> {
    if k == 0 {
        return Vec::new();
    }
    if all.len() > k {
        all.select_nth_unstable_by(k - 1, order);
        all.truncate(k);
    }
    all.sort_unstable_by(order);
    all
}
