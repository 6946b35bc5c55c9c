//! How well a score tells supported replies from unsupported ones.

/// Area under the ROC curve: the share of pairs in which the positive has the higher score, ties counted half. None
/// without a positive or a negative, or where a score is not a number.
pub fn auc(positives: &[f64], negatives: &[f64]) -> Option<f64> {
    if positives.is_empty() || negatives.is_empty() || positives.iter().chain(negatives).any(|s| s.is_nan()) {
        return None;
    }
    let mut sorted: Vec<f64> = negatives.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wins = |score: &f64| {
        let below = sorted.partition_point(|n| n < score);
        let not_above = sorted.partition_point(|n| n <= score);
        (below + not_above) as f64 / 2.0
    };
    let won: f64 = positives.iter().map(wins).sum();
    Some(won / (positives.len() as f64 * negatives.len() as f64))
}

/// The lowest score above which at most `share` of the negatives lie; what is kept lies *above* it.
pub fn threshold(negatives: &[f64], share: f64) -> Option<f64> {
    let mut sorted: Vec<f64> = negatives.to_vec();
    sorted.sort_by(|a, b| b.total_cmp(a));
    let most = (share.clamp(0.0, 1.0) * negatives.len() as f64).floor() as usize;
    sorted.get(most.min(negatives.len().saturating_sub(1))).copied()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(serde::Deserialize)]
    struct Case {
        positives: Vec<f64>,
        negatives: Vec<f64>,
        auc: f64,
        threshold: f64,
    }

    #[test]
    fn agrees_with_sklearn() {
        let cases: Vec<Case> = serde_json::from_str(include_str!("../../../tests/fixtures/auc.json")).unwrap();
        assert!(cases.len() >= 30);
        for case in cases {
            let found = auc(&case.positives, &case.negatives).unwrap();
            assert!((found - case.auc).abs() < 1e-12, "{found} {}", case.auc);
            assert_eq!(threshold(&case.negatives, 0.05), Some(case.threshold));
        }
    }

    #[test]
    fn nothing_to_compare_has_no_area() {
        assert_eq!((auc(&[], &[1.0]), auc(&[1.0], &[]), auc(&[f64::NAN], &[1.0])), (None, None, None));
        assert_eq!(threshold(&[], 0.05), None);
    }

    proptest! {
        #[test]
        fn at_most_the_share_of_negatives_is_kept(
            negatives in prop::collection::vec(prop_oneof![Just(0.5), -3.0..3.0f64], 1..60),
            share in 0.0..1.0f64,
        ) {
            let limit = threshold(&negatives, share).unwrap();
            let kept = negatives.iter().filter(|s| **s > limit).count();
            prop_assert!(kept as f64 <= share * negatives.len() as f64);
        }

        #[test]
        fn swapping_the_classes_mirrors_the_area(a in prop::collection::vec(-1.0..1.0f64, 1..30), b in prop::collection::vec(-1.0..1.0f64, 1..30)) {
            let (there, back) = (auc(&a, &b).unwrap(), auc(&b, &a).unwrap());
            prop_assert!((there + back - 1.0).abs() < 1e-12);
        }
    }
}
