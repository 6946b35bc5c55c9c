//! Which checks of grounding this model can make: all are tried on replies that are known to be right or wrong, made from the
//! same corpus; the thresholds keep at most one wrong reply in twenty.

use serde::Serialize;

use crate::generate::Scores;

use super::auc::{auc, threshold};
use super::rejected::{Rejected, Rejection};
use super::scores::WantedScores;

/// Replies of each class that are made.
pub(super) const SAMPLES: usize = 24;
/// With fewer there is nothing to set a threshold by.
const LEAST_SAMPLES: usize = 8;
const LEAST_AUC: f64 = 0.8;
const MOST_NEGATIVES: f64 = 0.05;

/// A check with a threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// c4.
    Overlap,
    /// c5.
    Likelihood,
    /// c4 and c5: the sum of their standard scores.
    Together,
    /// c9.
    YesNo,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Overlap => "content words of the passage",
            Self::Likelihood => "likelihood given the passage",
            Self::Together => "words and likelihood",
            Self::YesNo => "the judge's yes or no",
        }
    }
}

/// How one check did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CheckResult {
    pub check: Check,
    /// None: it gave no score for a part of the samples.
    pub auc: Option<f64>,
    /// A reply is kept above it.
    pub threshold: f64,
    pub positives_kept: f64,
    pub negatives_kept: f64,
    /// Its area is large enough.
    pub usable: bool,
}

impl std::fmt::Display for CheckResult {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { check, auc, positives_kept, negatives_kept, usable, .. } = self;
        let name = check.name();
        let (right, wrong) = (100.0 * positives_kept, 100.0 * negatives_kept);
        match (auc, usable) {
            (None, _) => write!(f, "{name}: gives no score, and is not used"),
            (Some(auc), true) => {
                write!(f, "{name}: AUC {auc:.3}; keeps {right:.0} % of right and {wrong:.0} % of wrong replies")
            }
            (Some(auc), false) if *auc < LEAST_AUC => {
                write!(f, "{name}: AUC {auc:.3}, and is not used below {LEAST_AUC}")
            }
            (Some(auc), false) => write!(
                f,
                "{name}: AUC {auc:.3}, but is not used: it was tried on fewer than {LEAST_SAMPLES} right or wrong replies"
            ),
        }
    }
}

/// Mean and standard deviation over all samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
struct Scale {
    mean: f64,
    deviation: f64,
}

impl Scale {
    fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let mean = values.iter().sum::<f64>() / n;
        let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n;
        Self { mean, deviation: variance.sqrt() }
    }

    /// 0 where all samples are the same.
    fn standard(self, value: f64) -> f64 {
        if self.deviation > 0.0 { (value - self.mean) / self.deviation } else { 0.0 }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Calibration {
    pub positives: usize,
    pub negatives: usize,
    /// In the order of [`Check`].
    pub checks: Vec<CheckResult>,
    overlap: Scale,
    likelihood: Scale,
}

impl Calibration {
    /// From the scores of right and of wrong replies.
    pub fn of(positives: &[Scores], negatives: &[Scores]) -> Self {
        let all = || positives.iter().chain(negatives);
        let overlap = Scale::of(&all().map(|s| s.overlap).collect::<Vec<_>>());
        let likelihood = Scale::of(&all().filter_map(|s| s.likelihood).collect::<Vec<_>>());
        let mut calibration =
            Self { positives: positives.len(), negatives: negatives.len(), checks: Vec::new(), overlap, likelihood };
        for check in [Check::Overlap, Check::Likelihood, Check::Together, Check::YesNo] {
            let values =
                |scores: &[Scores]| scores.iter().map(|s| calibration.value(check, s)).collect::<Option<Vec<f64>>>();
            let wanted = all().any(|s| calibration.value(check, s).is_some());
            let result = match (values(positives), values(negatives)) {
                (Some(right), Some(wrong)) => result(check, &right, &wrong),
                _ => CheckResult {
                    check,
                    auc: None,
                    threshold: 0.0,
                    positives_kept: 0.0,
                    negatives_kept: 0.0,
                    usable: false,
                },
            };
            if wanted {
                calibration.checks.push(result);
            }
        }
        calibration
    }

    fn value(&self, check: Check, scores: &Scores) -> Option<f64> {
        match check {
            Check::Overlap => Some(scores.overlap),
            Check::Likelihood => scores.likelihood,
            Check::Together => {
                let likelihood = self.likelihood.standard(scores.likelihood?);
                Some(self.overlap.standard(scores.overlap) + likelihood)
            }
            Check::YesNo => scores.yes,
        }
    }

    fn usable(&self, check: Check) -> Option<&CheckResult> {
        self.checks.iter().find(|c| c.check == check && c.usable)
    }

    /// The checks that decide: overlap and likelihood together where both can be used, else the one that can; and c9.
    pub fn deciding(&self) -> Vec<CheckResult> {
        let (overlap, likelihood) = (self.usable(Check::Overlap), self.usable(Check::Likelihood));
        let grounding = match (overlap, likelihood) {
            (Some(overlap), Some(_)) => self.usable(Check::Together).or(Some(overlap)),
            (one, other) => one.or(other),
        };
        grounding.into_iter().chain(self.usable(Check::YesNo)).copied().collect()
    }

    /// The scores that the deciding checks need.
    pub(super) fn wanted(&self) -> WantedScores {
        let deciding = self.deciding();
        let needs = |checks: &[Check]| deciding.iter().any(|c| checks.contains(&c.check));
        WantedScores { likelihood: needs(&[Check::Likelihood, Check::Together]), yes_no: needs(&[Check::YesNo]) }
    }

    /// Checks that are switched off.
    pub fn off(&self) -> Vec<Check> {
        self.checks.iter().filter(|c| !c.usable).map(|c| c.check).collect()
    }

    /// Rejects what a deciding check does not keep.
    pub(super) fn decide(&self, scores: &Scores) -> Result<(), Rejection> {
        for check in self.deciding() {
            let value = self.value(check.check, scores);
            if !value.is_some_and(|v| v > check.threshold) {
                let code = match check.check {
                    Check::Overlap => Rejected::Overlap,
                    Check::Likelihood => Rejected::Likelihood,
                    Check::Together => Rejected::Together,
                    Check::YesNo => Rejected::JudgedNo,
                };
                let found = value.map_or("no score".to_owned(), |v| format!("{v:.3}"));
                return Err(Rejection::new(code, format!("{found}, kept above {:.3}", check.threshold)));
            }
        }
        Ok(())
    }
}

fn result(check: Check, right: &[f64], wrong: &[f64]) -> CheckResult {
    let area = auc(right, wrong);
    let limit = threshold(wrong, MOST_NEGATIVES).unwrap_or_default();
    let kept = |values: &[f64]| values.iter().filter(|v| **v > limit).count() as f64 / values.len().max(1) as f64;
    let enough = right.len().min(wrong.len()) >= LEAST_SAMPLES;
    CheckResult {
        check,
        auc: area,
        threshold: limit,
        positives_kept: kept(right),
        negatives_kept: kept(wrong),
        usable: enough && area.is_some_and(|a| a >= LEAST_AUC),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(overlap: f64, likelihood: f64, yes: f64) -> Scores {
        Scores { overlap, likelihood: Some(likelihood), yes: Some(yes) }
    }

    /// Values that spread evenly around `mean`.
    fn spread(i: usize, mean: f64) -> f64 {
        mean + (i as f64 / 23.0 - 0.5) * 0.5
    }

    #[test]
    fn checks_that_cannot_tell_are_off_and_the_others_decide() {
        let positives: Vec<Scores> = (0..24).map(|i| scores(spread(i, 0.8), spread(i, -1.0), spread(i, 0.5))).collect();
        let negatives: Vec<Scores> =
            (0..24).map(|i| scores(spread(23 - i, 0.4), spread(23 - i, -1.5), spread(i, 0.5))).collect();
        let calibration = Calibration::of(&positives, &negatives);
        assert_eq!(calibration.off(), [Check::YesNo]);
        assert_eq!(calibration.deciding().iter().map(|c| c.check).collect::<Vec<_>>(), [Check::Together]);
        assert!(calibration.checks.iter().all(|c| c.negatives_kept <= 0.05));
        assert!(calibration.decide(&scores(0.9, -0.9, 0.0)).is_ok());
        assert_eq!(calibration.decide(&scores(0.3, -1.6, 1.0)).unwrap_err().code, Rejected::Together);
        assert_eq!(
            calibration.decide(&Scores { overlap: 0.9, ..Scores::default() }).unwrap_err().code,
            Rejected::Together
        );
    }

    #[test]
    fn without_likelihood_overlap_alone_decides() {
        let of = |i, mean| Scores { overlap: spread(i, mean), ..Scores::default() };
        let positives: Vec<Scores> = (0..24).map(|i| of(i, 0.9)).collect();
        let negatives: Vec<Scores> = (0..24).map(|i| of(i, 0.3)).collect();
        let calibration = Calibration::of(&positives, &negatives);
        assert_eq!((calibration.checks.len(), calibration.off()), (1, vec![]));
        assert_eq!(calibration.decide(&of(0, 0.1)).unwrap_err().code, Rejected::Overlap);
        // Seven samples set no threshold, and one that lacks a score switches its check off.
        let few = Calibration::of(&positives[..7], &negatives);
        assert_eq!(few.deciding(), []);
        let said = "content words of the passage: AUC 1.000, but is not used: it was tried on fewer than 8 right or wrong replies";
        assert_eq!(few.checks[0].to_string(), said);
        let alike = Calibration::of(&positives, &positives);
        assert_eq!(alike.checks[0].to_string(), "content words of the passage: AUC 0.500, and is not used below 0.8");
        let mut lacking: Vec<Scores> = (0..24).map(|i| scores(0.9, spread(i, 3.0), 0.5)).collect();
        lacking[5].likelihood = None;
        let negatives: Vec<Scores> = (0..24).map(|i| scores(0.1, spread(i, -3.0), 0.5)).collect();
        assert_eq!(Calibration::of(&lacking, &negatives).deciding()[0].check, Check::Overlap);
        assert_eq!(Calibration::of(&[], &[]).deciding(), []);
    }
}
