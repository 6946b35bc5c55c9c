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

/// The label of a person and of the judge for one pair; None: a tie.
#[derive(Clone, Copy)]
struct Labels {
    person: Option<Side>,
    judge: Option<Side>,
    is_consistent: bool,
}

impl Labels {
    /// None where the judge's verdict can't be read.
    fn new(choice: Choice, verdict: &PairVerdict) -> Option<Self> {
        let judge = verdict.choice()?.side();
        Some(Self { person: choice.side(), judge, is_consistent: *verdict != PairVerdict::Inconsistent })
    }

    fn agree(self) -> bool {
        self.person == self.judge
    }
}

/// `judged`: what people chose, and what the judge said in both orders. Neither will do is a tie.
pub fn calibration(judged: &[(Choice, [JudgeVerdict; 2])]) -> Calibration {
    let labels: Vec<Labels> =
        judged.iter().filter_map(|(choice, orders)| Labels::new(*choice, &pair_verdict(orders))).collect();
    let kappa = kappa(&labels);
    let consistency = share(labels.iter().filter(|pair| pair.is_consistent).count(), labels.len());
    let rate = |side: Side| {
        let preferred: Vec<&Labels> = labels.iter().filter(|pair| pair.person == Some(side)).collect();
        share(preferred.iter().filter(|pair| pair.agree()).count(), preferred.len())
    };
    let lacks = lacks(labels.len(), kappa, consistency);
    Calibration {
        votes: labels.len(),
        kappa,
        consistency,
        true_positive_rate: rate(Side::V2),
        true_negative_rate: rate(Side::V1),
        is_calibrated: lacks.is_none(),
        lacks,
    }
}

/// None where all agree on one label: there is no chance to correct for.
fn kappa(labels: &[Labels]) -> Option<f64> {
    let part = |is: &dyn Fn(&Labels) -> bool| share(labels.iter().filter(|pair| is(pair)).count(), labels.len());
    let observed = part(&|pair| pair.agree())?;
    let by_chance: f64 = [Some(Side::V1), Some(Side::V2), None]
        .into_iter()
        .filter_map(|label| Some(part(&|pair| pair.person == label)? * part(&|pair| pair.judge == label)?))
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
