//! The parts of a generated set, their exact sizes, and the examples assigned to them.

use serde::{Deserialize, Serialize};

use crate::store::Digest;

use super::Draft;

/// What an example is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    Train,
    Val,
    Test,
    /// Of sources that are neither taught nor indexed; outside the count.
    Unseen,
}

impl Part {
    pub const ALL: [Self; 4] = [Self::Train, Self::Val, Self::Test, Self::Unseen];

    /// As file names have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Val => "val",
            Self::Test => "test",
            Self::Unseen => "unseen",
        }
    }
}

/// What keeps train and test apart.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum SplitBy {
    /// Test asks what train states, in families of wordings that train lacks for that fact.
    #[default]
    Wording,
    /// Test asks about sources that train lacks: for skills, not for knowledge.
    Source,
    /// Any example may be in any part; the share of test facts that are in train is measured.
    Random,
}

/// An example and its part.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    pub draft: Draft,
    pub part: Part,
    /// Its family of wordings is held out for all facts.
    pub new_family: bool,
}

impl Planned {
    /// As the files have it: the shape, or `new-family`.
    pub fn category(&self) -> &'static str {
        if self.new_family { "new-family" } else { self.draft.shape.into() }
    }
}

/// `total` divided by `shares`, by largest remainders: the sum is `total`. None where the shares sum to 0.
pub(super) fn quotas(total: usize, shares: [u32; 3]) -> Option<[usize; 3]> {
    let sum: u128 = shares.iter().map(|share| u128::from(*share)).sum();
    if sum == 0 {
        return None;
    }
    let exact = shares.map(|share| total as u128 * u128::from(share));
    let mut sizes = exact.map(|product| (product / sum) as usize);
    let mut by_remainder = [0, 1, 2];
    by_remainder.sort_by_key(|i| std::cmp::Reverse(exact[*i] % sum));
    let missing = total - sizes.iter().sum::<usize>();
    by_remainder.iter().take(missing).for_each(|i| sizes[*i] += 1);
    Some(sizes)
}

/// Of `total` examples those that are not training examples; None where the shares sum to 0.
pub fn held_out_count(total: usize, shares: [u32; 3]) -> Option<usize> {
    quotas(total, shares).map(|[_, val, test]| val + test)
}

/// The least count from which on each part that has a share has an example; None where the shares sum to 0.
pub fn least_count(shares: [u32; 3]) -> Option<usize> {
    let is_whole = |count: usize| {
        quotas(count, shares).is_some_and(|sizes| sizes.iter().zip(shares).all(|(size, share)| share == 0 || *size > 0))
    };
    let sum: u32 = shares.iter().sum();
    // A count of the shares' sum gives each part its share.
    (1..=sum as usize).rev().take_while(|count| is_whole(*count)).last()
}

/// A number that depends on the seed and on `parts`, and on nothing else: places and parts are chosen by it, so that an
/// example keeps its place when others are added.
pub(super) fn hash(seed: u64, parts: &[&[u8]]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    u64::from_le_bytes(first)
}

/// Of a question before noise: the item, its language and the question.
pub(super) fn group_of(item: Digest, language: &str, question: &str) -> Digest {
    Digest::of_bytes(format!("{item}\0{language}\0{question}").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_sum_to_the_total_and_are_within_one() {
        assert_eq!(quotas(100, [80, 10, 10]), Some([80, 10, 10]));
        assert_eq!(quotas(7, [80, 10, 10]), Some([5, 1, 1]));
        assert_eq!(quotas(1, [80, 10, 10]), Some([1, 0, 0]));
        assert_eq!(quotas(4, [80, 10, 10]), Some([3, 1, 0]));
        assert_eq!(quotas(5, [0, 0, 0]), None);
        for total in 0..300 {
            let sizes = quotas(total, [70, 20, 11]).unwrap();
            assert_eq!(sizes.iter().sum::<usize>(), total);
            for (size, share) in sizes.iter().zip([70.0, 20.0, 11.0]) {
                assert!((*size as f64 - total as f64 * share / 101.0).abs() < 1.0);
            }
        }
    }

    #[test]
    fn the_least_count_leaves_no_part_empty() {
        assert_eq!(least_count([80, 10, 10]), Some(7));
        assert_eq!(least_count([90, 10, 0]), Some(6));
        assert_eq!(least_count([100, 0, 0]), Some(1));
        assert_eq!(least_count([98, 1, 1]), Some(67));
        assert_eq!(least_count([0, 0, 0]), None);
    }

    #[test]
    fn a_hash_depends_on_every_part_and_on_where_it_ends() {
        let all = [hash(1, &[b"ab", b"c"]), hash(1, &[b"a", b"bc"]), hash(2, &[b"ab", b"c"]), hash(1, &[b"abc"])];
        let distinct: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), 4);
    }
}
