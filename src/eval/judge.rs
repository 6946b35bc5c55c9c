//! One suite's verdict (docs/internals/statistics.md): what the difference between the arms proves at the margin that was set.

use std::collections::BTreeMap;

use super::bootstrap::{self, Confidence, bootstrap_t};
use super::measured::{CaseScores, Measured};
use super::paired::{Pairs, mcnemar_midp, tango_interval};
use super::power::{needed, smallest_margin};
use super::score::Metric;
pub use crate::roles::Goal;

/// The terms of one suite.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Demand {
    pub goal: Goal,
    pub metric: Metric,
    /// 0.05 = five points.
    pub margin: f64,
    /// With `Improve`: a PASS with at least this gain suffices too.
    pub min_gain: Option<f64>,
}

impl Demand {
    /// A role's own suite: five points.
    pub const ROLE_MARGIN: f64 = 0.05;
    /// `builtin:general`: ten points. A model 10 points worse gets through in one run in twenty, whatever the size of the
    /// suite; one that is equal nearly always, where a tune with replay flips 4–6 % of the answers (`docs/internals/statistics.md`). 15
    /// points would let 10 points of forgetting through in 26–37 % of runs.
    pub const GENERAL_MARGIN: f64 = 0.10;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Verdict {
    /// Better beyond doubt (L > 0).
    Improved,
    /// Not worse by more than the margin (L > −margin).
    Pass,
    /// Worse (one-sided 95 %), yet by less than the margin (L > −margin).
    RegressedWithinTolerance,
    /// Worse (one-sided 99 %: a refusal takes more than a doubt), and by the margin or more.
    Fail,
    /// Neither is proved.
    Inconclusive,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Improved => "IMPROVED",
            Self::Pass => "PASS",
            Self::RegressedWithinTolerance => "REGRESSED_WITHIN_TOLERANCE",
            Self::Fail => "FAIL",
            Self::Inconclusive => "INCONCLUSIVE",
        }
    }
}

/// One-sided 95 % bounds of tuned − base (together a 90 % interval).
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
    /// `tango`, `bootstrap-t` or `bonett-price`.
    pub method: &'static str,
}

/// A suite judged.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Judged {
    pub suite: String,
    pub demand: Demand,
    pub n: usize,
    pub base: f64,
    pub tuned: f64,
    pub difference: f64,
    pub interval: Interval,
    /// Worse with one-sided 99 %: without it, no suite refuses a candidate.
    pub surely_worse: bool,
    /// Prompts better, and worse, than before.
    pub fixed: usize,
    pub broken: usize,
    /// Shown only; binary metrics with one sample.
    pub mcnemar_midp: Option<f64>,
    /// The least margin a suite of this size can prove.
    pub smallest_margin: f64,
    pub verdict: Verdict,
    /// About how many prompts would decide, when it is INCONCLUSIVE.
    pub needs_prompts: Option<u64>,
    /// Why it can't be more than INCONCLUSIVE, if so.
    pub capped: Option<String>,
}

/// Fewer clusters, or fewer prompts of a continuous score, have no trustworthy bound.
const LEAST_CLUSTERS: usize = 20;
const LEAST_CONTINUOUS: usize = 30;

/// Judges one suite. `seed` is the bootstrap's.
pub fn judge(measured: &Measured, demand: Demand, seed: u64) -> Judged {
    let scores: Vec<(&CaseScores, f64, f64)> =
        measured.cases.iter().filter_map(|c| Some((c, c.base.score?, c.tuned.score?))).collect();
    let n = scores.len();
    let mean = |f: fn(&(&CaseScores, f64, f64)) -> f64| {
        if n == 0 { 0.0 } else { scores.iter().map(f).sum::<f64>() / n as f64 }
    };
    let (base, tuned) = (mean(|s| s.1), mean(|s| s.2));
    let fixed = scores.iter().filter(|s| s.2 > s.1).count();
    let broken = scores.iter().filter(|s| s.2 < s.1).count();
    let pairs = Pairs { n, broken, fixed };
    let clusters = clusters(&scores);
    let clustered = clusters.len() < n;
    let binary = demand.metric.is_binary() && measured.samples == 1;
    let tango = binary && !clustered;
    let bounds = |confidence: Confidence| match tango {
        true => tango_interval(pairs, confidence.z()),
        false => bootstrap_t(&clusters, seed, confidence),
    };
    let (low, high) = bounds(Confidence::P95);
    let interval = Interval { low, high, method: if tango { "tango" } else { bootstrap::method(&clusters) } };
    let capped = if n == 0 {
        Some("no prompt could be scored".to_owned())
    } else if clustered && clusters.len() < LEAST_CLUSTERS {
        Some(format!("{} clusters are too few for a bound ({LEAST_CLUSTERS} at least)", clusters.len()))
    } else if !binary && n < LEAST_CONTINUOUS {
        Some(format!("{n} prompts are too few for a score that is not 0 or 1 ({LEAST_CONTINUOUS} at least)"))
    } else {
        None
    };
    let difference = tuned - base;
    let surely_worse = capped.is_none() && bounds(Confidence::P99).1 < 0.0;
    let refused = surely_worse && difference <= -demand.margin;
    let verdict = if capped.is_some() { Verdict::Inconclusive } else { verdict(interval, demand.margin, refused) };
    let margin = if demand.goal == Goal::Improve { 0.0 } else { demand.margin };
    Judged {
        suite: measured.suite.clone(),
        n,
        base,
        tuned,
        difference,
        interval,
        surely_worse,
        fixed,
        broken,
        mcnemar_midp: binary.then(|| mcnemar_midp(pairs)),
        smallest_margin: smallest_margin(n),
        needs_prompts: needed(difference, spread(&scores), margin),
        verdict,
        capped,
        demand,
    }
}

/// The order matters: an improvement is a pass too, and a proved loss is named before the tolerance.
fn verdict(interval: Interval, margin: f64, refused: bool) -> Verdict {
    let Interval { low, high, .. } = interval;
    if low > 0.0 {
        Verdict::Improved
    } else if high < 0.0 && low > -margin {
        Verdict::RegressedWithinTolerance
    } else if low > -margin {
        Verdict::Pass
    } else if refused {
        Verdict::Fail
    } else {
        Verdict::Inconclusive
    }
}

/// Mean square of the differences: for 0/1 scores the share that flipped.
fn spread(scores: &[(&CaseScores, f64, f64)]) -> f64 {
    if scores.is_empty() { 0.0 } else { scores.iter().map(|s| (s.2 - s.1).powi(2)).sum::<f64>() / scores.len() as f64 }
}

fn clusters(scores: &[(&CaseScores, f64, f64)]) -> Vec<Vec<f64>> {
    let mut named: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    let mut groups = Vec::new();
    for (case, base, tuned) in scores {
        match &case.cluster {
            Some(name) => named.entry(name).or_default().push(tuned - base),
            None => groups.push(vec![tuned - base]),
        }
    }
    groups.extend(named.into_values());
    groups
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::eval::measured::ArmScores;

    /// `kinds`: how many prompts go base → tuned (0/1 each).
    pub(crate) fn measured(kinds: &[(f64, f64, usize)]) -> Measured {
        let arm = |score: f64| ArmScores { score: Some(score), ..ArmScores::default() };
        let pairs = kinds.iter().flat_map(|(b, t, n)| std::iter::repeat_n((*b, *t), *n));
        let cases = pairs.enumerate().map(|(i, (b, t))| CaseScores {
            id: format!("c{i}"),
            base: arm(b),
            tuned: arm(t),
            ..CaseScores::default()
        });
        Measured { suite: "s".into(), samples: 1, cases: cases.collect(), ..Measured::default() }
    }

    fn demand(goal: Goal, margin: f64) -> Demand {
        Demand { goal, metric: Metric::Pass, margin, min_gain: None }
    }

    fn of(both: usize, broken: usize, fixed: usize, neither: usize, margin: f64) -> Judged {
        judge(
            &measured(&[(1., 1., both), (1., 0., broken), (0., 1., fixed), (0., 0., neither)]),
            demand(Goal::Hold, margin),
            1,
        )
    }

    #[test]
    fn the_five_verdicts() {
        // A new skill: 0 of 30 → 20 of 30.
        assert_eq!(of(0, 0, 20, 10, 0.05).verdict, Verdict::Improved);
        // The measured replay run, scaled to 120: 75 → 87, 24 % flips.
        assert_eq!(of(67, 8, 20, 25, 0.10).verdict, Verdict::Improved);
        assert_eq!(of(60, 14, 14, 32, 0.10).verdict, Verdict::Pass, "equal, 23 % flips");
        assert_eq!(of(56, 19, 15, 30, 0.10).verdict, Verdict::Inconclusive);
        assert_eq!(of(64, 10, 14, 32, 0.10).verdict, Verdict::Pass, "a little better");
        assert_eq!(of(380, 14, 2, 4, 0.10).verdict, Verdict::RegressedWithinTolerance);
        // Four of 40 lost and none won is chance in one of 16 suites of equal models: it doesn't pass, and refuses nothing.
        assert_eq!(of(30, 4, 0, 6, 0.05).verdict, Verdict::Inconclusive);
        assert_eq!(of(28, 6, 0, 6, 0.05).verdict, Verdict::Fail);
        // Without replay: 25 → 4 of 40.
        assert_eq!(of(4, 21, 0, 15, 0.10).verdict, Verdict::Fail);
        let unsure = of(10, 1, 1, 8, 0.05);
        assert_eq!((unsure.verdict, unsure.interval.method), (Verdict::Inconclusive, "tango"));
        assert!(unsure.needs_prompts.unwrap() > 100);
        assert!(unsure.smallest_margin > 0.05);
    }

    #[test]
    fn few_continuous_scores_or_clusters_decide_nothing() {
        let mut m = measured(&[(0.2, 0.9, 29)]);
        let d = Demand { metric: Metric::TokenF1, ..demand(Goal::Improve, 0.05) };
        let j = judge(&m, d, 1);
        assert_eq!((j.verdict, j.interval.method), (Verdict::Inconclusive, "bootstrap-t"));
        assert!(j.capped.unwrap().contains("29 prompts"));
        assert_eq!(judge(&measured(&[(0.2, 0.9, 20), (0.3, 0.8, 20)]), d, 1).verdict, Verdict::Improved);
        m = measured(&[(0., 1., 60)]);
        for (i, c) in m.cases.iter_mut().enumerate() {
            c.cluster = Some(format!("k{}", i % 10));
        }
        let j = judge(&m, demand(Goal::Improve, 0.05), 1);
        assert!(j.capped.unwrap().contains("10 clusters"));
        assert_eq!(judge(&measured(&[]), demand(Goal::Hold, 0.1), 1).verdict, Verdict::Inconclusive);
    }
}
