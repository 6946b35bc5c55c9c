//! A judge tried on pairs that people voted on.

use serde::Serialize;

use super::verdict::{JudgeVerdict, PairVerdict, pair_verdict, share};
use crate::eval::votes::{Choice, Side};

/// Votes below which nothing is said of the judge.
const LEAST_VOTES: usize = 20;
/// Cohen's κ from which a judge is taken for one.
const LEAST_KAPPA: f64 = 0.6;
const LEAST_CONSISTENCY: f64 = 0.8;

/// How a judge agrees with people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Calibration {
    /// Pairs with a vote and a verdict.
    pub votes: usize,
    /// Cohen's κ (Cohen 1960, Educ Psychol Meas 20:37) over v1, v2 and tie.
    pub kappa: Option<f64>,
    /// Pairs with the same verdict in both orders.
    pub consistency: Option<f64>,
    /// Of the pairs where people prefer v2, those where the judge does.
    pub true_positive_rate: Option<f64>,
    /// Of the pairs where people prefer v1, those where the judge does.
    pub true_negative_rate: Option<f64>,
    pub is_calibrated: bool,
    /// Why not, for people.
    pub lacks: Option<String>,
}

/// `judged`: what people chose, and what the judge said in both orders. Neither will do is a tie.
pub fn calibration(judged: &[(Choice, [JudgeVerdict; 2])]) -> Calibration {
    let verdicts: Vec<(Option<Side>, PairVerdict)> =
        judged.iter().map(|(choice, orders)| (choice.side(), pair_verdict(orders))).collect();
    let readable = verdicts.iter().filter_map(|(person, verdict)| Some((*person, verdict.choice()?.side(), verdict)));
    let readable: Vec<_> = readable.collect();
    let n = readable.len();
    let count = |wanted: &dyn Fn(Option<Side>, Option<Side>) -> bool| {
        readable.iter().filter(|(person, judge, _)| wanted(*person, *judge)).count()
    };
    let kappa = kappa(n, &count);
    let consistent = readable.iter().filter(|(.., verdict)| **verdict != PairVerdict::Inconsistent).count();
    let consistency = share(consistent, n);
    let rate = |side: Side| {
        share(count(&|person, judge| person == Some(side) && judge == person), count(&|person, _| person == Some(side)))
    };
    let lacks = lacks(n, kappa, consistency);
    Calibration {
        votes: n,
        kappa,
        consistency,
        true_positive_rate: rate(Side::V2),
        true_negative_rate: rate(Side::V1),
        is_calibrated: lacks.is_none(),
        lacks,
    }
}

/// None where all agree on one label: there is no chance to correct for.
fn kappa(n: usize, count: &dyn Fn(&dyn Fn(Option<Side>, Option<Side>) -> bool) -> usize) -> Option<f64> {
    let labels = [Some(Side::V1), Some(Side::V2), None];
    let observed = share(count(&|person, judge| person == judge), n)?;
    let by_chance: f64 = labels
        .into_iter()
        .filter_map(|label| {
            Some(share(count(&|person, _| person == label), n)? * share(count(&|_, judge| judge == label), n)?)
        })
        .sum();
    (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

fn lacks(n: usize, kappa: Option<f64>, consistency: Option<f64>) -> Option<String> {
    if n < LEAST_VOTES {
        return Some(format!("{n} of at least {LEAST_VOTES} pairs with a person's vote (tunesmith eval --blind)"));
    }
    match (kappa, consistency) {
        (None, _) => {
            Some("all votes and verdicts are the same: agreement by chance can't be told from any other".to_owned())
        }
        (Some(kappa), _) if kappa < LEAST_KAPPA => {
            Some(format!("agreement with people, Cohen's κ, is {kappa:.2}; {LEAST_KAPPA} is demanded"))
        }
        (_, Some(same)) if same < LEAST_CONSISTENCY => Some(format!(
            "the verdict is the same in both orders in {:.0} % of the pairs; {:.0} % is demanded",
            100.0 * same,
            100.0 * LEAST_CONSISTENCY
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(one: Choice, other: Choice) -> [JudgeVerdict; 2] {
        let said = |choice| JudgeVerdict::Said { choice, reason: String::new() };
        [said(one), said(other)]
    }

    fn times(n: usize, person: Choice, judge: Choice) -> Vec<(Choice, [JudgeVerdict; 2])> {
        vec![(person, said(judge, judge)); n]
    }

    #[test]
    fn kappa_is_cohens() {
        // statsmodels.stats.inter_rater.cohens_kappa of [[12, 4, 2], [3, 9, 3], [2, 2, 13]]: 0.518941.
        use Choice::{Tie, V1, V2};
        let cells = [
            (12, V1, V1),
            (4, V1, V2),
            (2, V1, Tie),
            (3, V2, V1),
            (9, V2, V2),
            (3, V2, Tie),
            (2, Tie, V1),
            (2, Tie, V2),
            (13, Tie, Tie),
        ];
        let judged: Vec<_> = cells.into_iter().flat_map(|(n, person, judge)| times(n, person, judge)).collect();
        let calibration = calibration(&judged);
        assert!((calibration.kappa.unwrap() - 0.518_941).abs() < 1e-6, "{:?}", calibration.kappa);
        assert_eq!(calibration.true_negative_rate, Some(12.0 / 18.0));
        assert_eq!(calibration.true_positive_rate, Some(9.0 / 15.0));
        assert!(!calibration.is_calibrated && calibration.lacks.unwrap().contains("κ, is 0.52"));
    }

    #[test]
    fn too_few_votes_calibrate_nothing_and_a_good_judge_is_taken() {
        use Choice::{Bad, Tie, V1, V2};
        let few = calibration(&times(19, V2, V2));
        assert_eq!(few.lacks.unwrap(), "19 of at least 20 pairs with a person's vote (tunesmith eval --blind)");
        let good = [times(10, V1, V1), times(10, V2, V2), times(2, Bad, Tie)].concat();
        let good = calibration(&good);
        assert_eq!((good.kappa, good.is_calibrated, good.lacks), (Some(1.0), true, None));
        // A judge that always takes the first is inconsistent, and its verdicts are ties.
        let biased: Vec<_> = (0..20).map(|i| (if i % 2 == 0 { V1 } else { V2 }, said(V1, V2))).collect();
        let biased = calibration(&biased);
        assert_eq!((biased.consistency, biased.kappa), (Some(0.0), Some(0.0)));
        let same = calibration(&times(30, V2, V2));
        assert!(same.kappa.is_none() && !same.is_calibrated);
        let unreadable = calibration(&[(V1, [JudgeVerdict::Unreadable, JudgeVerdict::Unreadable])]);
        assert_eq!(unreadable.votes, 0);
    }
}
