//! The lexical list and the vector list to one: scores of each list scaled to 0..1, then weighted.
//!
//! Reciprocal ranks are not used: a list that finds nothing useful would count as much as one that does.

use std::collections::BTreeMap;

use super::ranked::{Ranked, best};

/// Documents of each list that are fused.
pub const CANDIDATES: usize = 100;

/// The two lists, best first, as one. `weight`: of the vector list, 0 to 1; at 0 and 1 only one list counts. A document that is
/// missing in a list has 0 there, as its last one has.
pub fn fuse(lexical: &[Ranked], vector: &[Ranked], weight: f64) -> Vec<Ranked> {
    let mut scores: BTreeMap<usize, f64> = BTreeMap::new();
    for (list, weight) in [(lexical, 1.0 - weight), (vector, weight)] {
        if weight > 0.0 {
            let list = &list[..list.len().min(CANDIDATES)];
            for (ranked, scaled) in list.iter().zip(min_max(list)) {
                *scores.entry(ranked.document).or_default() += weight * scaled;
            }
        }
    }
    let all: Vec<Ranked> = scores.into_iter().map(|(document, s)| Ranked { document, score: s as f32 }).collect();
    let count = all.len();
    best(all, count)
}

/// 1 for the best, 0 for the worst; 1 for all where they are equal.
fn min_max(list: &[Ranked]) -> Vec<f64> {
    let scores = || list.iter().map(|r| f64::from(r.score));
    let (low, high) = (scores().fold(f64::INFINITY, f64::min), scores().fold(f64::NEG_INFINITY, f64::max));
    scores().map(|score| if high > low { (score - low) / (high - low) } else { 1.0 }).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn list(scores: &[(usize, f32)]) -> Vec<Ranked> {
        scores.iter().map(|&(document, score)| Ranked { document, score }).collect()
    }

    #[test]
    fn scores_are_scaled_then_weighted() {
        let lexical = list(&[(7, 30.0), (8, 20.0), (9, 10.0)]);
        let vector = list(&[(8, 0.9), (5, 0.7), (7, 0.5)]);
        assert_eq!(fuse(&lexical, &vector, 0.5), list(&[(8, 0.75), (7, 0.5), (5, 0.25), (9, 0.0)]));
        assert_eq!(fuse(&lexical, &vector, 0.0), list(&[(7, 1.0), (8, 0.5), (9, 0.0)]));
        assert_eq!(fuse(&lexical, &vector, 1.0), list(&[(8, 1.0), (5, 0.5), (7, 0.0)]));
        assert_eq!(fuse(&list(&[(1, 3.0)]), &[], 0.25), list(&[(1, 0.75)]));
        assert!(fuse(&[], &[], 0.5).is_empty());
    }

    proptest! {
        #[test]
        fn fused_scores_lie_in_0_to_1_and_every_document_is_there_once(
            lexical in prop::collection::btree_map(0usize..50, -9.0f32..9.0, 0..20),
            vector in prop::collection::btree_map(0usize..50, -1.0f32..1.0, 0..20),
            weight in 0.01..0.99,
        ) {
            let [lexical, vector] = [lexical, vector].map(|m| list(&m.into_iter().collect::<Vec<_>>()));
            let fused = fuse(&lexical, &vector, weight);
            prop_assert!(fused.is_sorted_by(|a, b| a.score >= b.score));
            prop_assert!(fused.iter().all(|r| (0.0..=1.0001).contains(&r.score)));
            let documents: BTreeSet<_> = fused.iter().map(|r| r.document).collect();
            let given: BTreeSet<_> = lexical.iter().chain(&vector).map(|r| r.document).collect();
            prop_assert!(documents == given && documents.len() == fused.len());
        }
    }
}
