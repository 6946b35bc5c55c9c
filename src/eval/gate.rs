//! The decision: every suite's verdict and the run's rules, joined (intersection–union: each alone keeps the 5 % of wrong
//! promotions). What refuses a candidate is statistical, except a `must_pass` prompt lost: docs/internals/statistics.md.

use super::decision::Decision;
use super::harm::harms;
use super::judge::{Goal, Judged, Verdict};
use super::judgement::{Judgement, listed, points};
use super::measured::{ArmScores, CaseScores};
use super::noise::NoiseFloor;
use super::paired::{Pairs, mcnemar_worse};
use crate::quantile::median;

/// A role's own limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// The increase of degenerate, cut or failed answers that objects to nothing, as a share of all prompts.
    pub degenerate_margin: f64,
    /// Median seconds, v2 over v1; None: shown only.
    pub latency_ratio: Option<f64>,
}

impl Rules {
    /// Two points.
    pub const DEGENERATE_MARGIN: f64 = 0.02;
}

impl Default for Rules {
    fn default() -> Self {
        Self { degenerate_margin: Self::DEGENERATE_MARGIN, latency_ratio: None }
    }
}

/// Failed requests of v1 that are left out of a suite without capping its verdict: 2 % of the prompts, and one in any
/// case, since no verdict may depend on a single request.
const FAILED_TOLERANCE: f64 = 0.02;

/// An answer is slow beyond the limit as often as not where the true median ratio is the limit: at this level, it is more.
const LATENCY_ALPHA: f64 = 0.01;

#[derive(Debug)]
pub struct GateInput<'a> {
    pub suites: &'a [Judgement<'a>],
    pub rules: Rules,
    /// Why this run decides nothing (`--limit`, `--quick`): the decision is INCONCLUSIVE, whatever was found.
    pub limited: Option<String>,
    /// What changes when v1 is asked twice: shown.
    pub noise: NoiseFloor,
}

/// The decision and every reason for it that is not a plain pass, in sentences.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gate {
    pub decision: Decision,
    /// One sentence a suite, in the order of the suites.
    pub suites: Vec<String>,
    pub reasons: Vec<String>,
    /// Numbers that object to nothing.
    pub notes: Vec<String>,
    /// Every prompt was asked, v1 answered enough of them, and v2 those that must pass: what `on_inconclusive: promote`
    /// needs.
    pub complete: bool,
}

/// Joins all suites. No suite at all is INCONCLUSIVE: nothing was proved.
pub fn gate(input: &GateInput<'_>) -> Gate {
    let (decision, complete) = (Decision::Pass, true);
    let mut gate = Gate { decision, suites: Vec::new(), reasons: Vec::new(), notes: Vec::new(), complete };
    for suite in input.suites {
        gate.suites.push(sentence(suite.judged));
        if let Some((decision, why)) = demanded(suite.judged) {
            gate.worse(decision, Some(why));
        }
        for rule in [must_pass(suite), overlap(suite), latency(suite, input.rules.latency_ratio)] {
            gate.worse(Decision::Fail, rule);
        }
        gate.incomplete(must_pass_unanswered(suite));
        gate.failed(suite);
    }
    for harm in harms(input.suites, input.rules.degenerate_margin) {
        match harm.refuses {
            true => gate.worse(Decision::Fail, Some(harm.sentence)),
            false => gate.notes.push(harm.sentence),
        }
    }
    gate.notes.extend(input.noise.sentence());
    gate.worse(Decision::Fail, no_effect(input.suites));
    if input.limited.is_some() {
        gate.incomplete(input.limited.clone());
        gate.decision = Decision::Inconclusive;
    }
    if input.suites.is_empty() {
        gate.worse(Decision::Inconclusive, Some("no suite was asked, so nothing is proved".into()));
    }
    gate
}

impl Gate {
    fn worse(&mut self, decision: Decision, why: Option<String>) {
        if let Some(why) = why {
            self.decision = self.decision.max(decision);
            self.reasons.push(why);
        }
    }

    /// Requests of v1 that failed: a daemon that was down proves nothing for v2.
    fn failed(&mut self, suite: &Judgement<'_>) {
        let failed = suite.measured.base_failed();
        let tolerated = ((FAILED_TOLERANCE * suite.measured.cases.len() as f64) as usize).max(1);
        let what = "requests of v1 failed and are left out of the comparison";
        let Some(why) = listed(&suite.judged.suite, &failed, what) else { return };
        if failed.len() > tolerated {
            self.incomplete(Some(format!("{why} (at most {tolerated} may)")));
        } else {
            self.notes.push(why);
        }
    }

    /// Something was not asked that the decision needs.
    fn incomplete(&mut self, why: Option<String>) {
        self.complete &= why.is_none();
        self.worse(Decision::Inconclusive, why);
    }
}

/// What the verdict means for the goal; None: met.
fn demanded(j: &Judged) -> Option<(Decision, String)> {
    let (suite, goal) = (&j.suite, j.demand.goal);
    let margin = points(j.demand.margin);
    let more = match (&j.capped, j.needs_prompts) {
        (Some(why), _) => format!(": {why}"),
        (None, Some(n)) if n > j.n as u64 => format!("; about {n} prompts would decide it (it has {})", j.n),
        _ => String::new(),
    };
    match (goal, j.verdict) {
        (_, Verdict::Improved) => None,
        (_, Verdict::Fail) => {
            Some((Decision::Fail, format!("{suite}: worse, and by more than the {margin} points allowed")))
        }
        (Goal::Improve, _) if j.surely_worse => {
            Some((Decision::Fail, format!("{suite}: it was to improve, and is worse (one-sided 99 %)")))
        }
        (Goal::Hold, Verdict::Pass | Verdict::RegressedWithinTolerance) => None,
        (Goal::Improve, Verdict::Pass) if j.demand.min_gain.is_some_and(|g| j.difference >= g) => None,
        (Goal::Improve, Verdict::Pass | Verdict::RegressedWithinTolerance | Verdict::Inconclusive) => {
            Some((Decision::Inconclusive, format!("{suite}: an improvement is not proved{more}")))
        }
        (Goal::Hold, Verdict::Inconclusive) => {
            Some((Decision::Inconclusive, format!("{suite}: not proved to be within {margin} points{more}")))
        }
    }
}

/// `v2 is between 1.8 points worse and 7.9 points better (90% interval; 6 fixed, 2 broken of 120). Allowed: 5 worse. PASS.`
fn sentence(j: &Judged) -> String {
    let side = |d: f64| {
        let p = points(d.abs());
        if p == "0" { "equal".to_owned() } else { format!("{p} points {}", if d < 0.0 { "worse" } else { "better" }) }
    };
    let terms = match j.demand.goal {
        Goal::Improve => "Demanded: better.".to_owned(),
        Goal::Hold => format!("Allowed: {} worse.", points(j.demand.margin)),
    };
    format!(
        "{}: v1 {:.1} %, v2 {:.1} %; v2 is between {} and {} (90% interval; {} fixed, {} broken of {}). {terms} {}.",
        j.suite,
        100.0 * j.base,
        100.0 * j.tuned,
        side(j.interval.low),
        side(j.interval.high),
        j.fixed,
        j.broken,
        j.n,
        j.verdict.name()
    )
}

fn must_pass(s: &Judgement<'_>) -> Option<String> {
    let lost = must_pass_where(s, |tuned| !tuned.failed() && !tuned.holds());
    listed(&s.judged.suite, &lost, "prompts that must pass were answered before and no longer are")
}

fn must_pass_unanswered(s: &Judgement<'_>) -> Option<String> {
    let failed = must_pass_where(s, ArmScores::failed);
    listed(&s.judged.suite, &failed, "prompts that must pass got no answer of v2: the request failed")
}

/// The `must_pass` prompts that v1 passes, and of whose v2 this holds.
fn must_pass_where<'a>(s: &'a Judgement<'_>, is: fn(&ArmScores) -> bool) -> Vec<&'a str> {
    let cases = s.measured.cases.iter().filter(|c| c.must_pass && c.base.holds() && is(&c.tuned));
    cases.map(|c| c.id.as_str()).collect()
}

fn overlap(s: &Judgement<'_>) -> Option<String> {
    let shown: Vec<String> = s.overlaps.iter().map(|o| format!("{} = {} of the dataset", o.case, o.place)).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    listed(
        &s.judged.suite,
        &shown,
        "prompts stand in the training data, so the suite measures memory; take them out of one",
    )
}

/// The median answer is slower than allowed, and so are more single answers than chance explains (sign test).
fn latency(s: &Judgement<'_>, limit: Option<f64>) -> Option<String> {
    let limit = limit?;
    let median = |f: fn(&CaseScores) -> Option<f64>| median(s.measured.cases.iter().filter_map(f));
    let (base, tuned) = (median(|c| c.base.seconds)?, median(|c| c.tuned.seconds)?);
    let slow: Vec<bool> =
        s.measured.cases.iter().filter_map(|c| Some(c.tuned.seconds? > limit * c.base.seconds?)).collect();
    let broken = slow.iter().filter(|slow| **slow).count();
    let p = mcnemar_worse(Pairs { n: slow.len(), broken, fixed: slow.len() - broken });
    (base > 0.0 && tuned / base > limit && p <= LATENCY_ALPHA).then(|| {
        format!(
            "{}: the median answer takes {:.2} times as long (allowed: {limit}; {broken} of {} answers are slower than that)",
            s.judged.suite,
            tuned / base,
            slow.len()
        )
    })
}

/// "Loaded and then ignored": not one answer of any suite differs, of those that both models gave.
fn no_effect(suites: &[Judgement<'_>]) -> Option<String> {
    let cases = suites.iter().flat_map(|s| &s.measured.cases);
    let mut cases = cases.filter(|c| !c.base.failed() && !c.tuned.failed()).peekable();
    cases.peek()?;
    cases.all(|c| c.identical).then(|| "every answer equals v1's: the tune has no effect on what is served".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::degenerate::Degenerate;
    use crate::eval::judge::tests::measured;
    use crate::eval::judge::{Demand, judge};
    use crate::eval::measured::Measured;
    use crate::eval::overlap::Overlap;
    use crate::eval::score::Metric;

    fn decide(measured: &Measured, goal: Goal, margin: f64, overlaps: &[Overlap], limited: Option<String>) -> Gate {
        let judged = judge(measured, Demand { goal, metric: Metric::Pass, margin, min_gain: None }, 1);
        let rules = Rules { latency_ratio: Some(1.25), ..Rules::default() };
        gate(&GateInput {
            suites: &[Judgement { measured, judged: &judged, overlaps }],
            rules,
            limited,
            noise: NoiseFloor::default(),
        })
    }

    #[test]
    fn a_new_skill_is_promoted_and_forgetting_is_not() {
        let skill = decide(&measured(&[(0., 1., 20), (0., 0., 10)]), Goal::Improve, 0.05, &[], None);
        assert_eq!((skill.decision, skill.reasons.len()), (Decision::Pass, 0));
        assert!(
            skill.suites[0].ends_with("(90% interval; 20 fixed, 0 broken of 30). Demanded: better. IMPROVED."),
            "{}",
            skill.suites[0]
        );
        let forgot = decide(&measured(&[(1., 1., 12), (1., 0., 63), (0., 0., 45)]), Goal::Hold, 0.10, &[], None);
        assert_eq!(forgot.decision, Decision::Fail);
        let same =
            decide(&measured(&[(1., 1., 18), (1., 0., 1), (0., 1., 1), (0., 0., 10)]), Goal::Improve, 0.05, &[], None);
        assert_eq!(same.decision, Decision::Inconclusive);
        assert!(same.reasons[0].contains("an improvement is not proved"), "{:?}", same.reasons);
        // With `improve`, a loss proved at 99 % fails even where the suite is too small to decide about the margin.
        for same in [191, 391] {
            let worse = decide(&measured(&[(1., 1., same), (1., 0., 9)]), Goal::Improve, 0.05, &[], None);
            assert_eq!((worse.decision, worse.reasons.len()), (Decision::Fail, 1), "{worse:?}");
        }
        assert_eq!([0, 100, 101], [Decision::Pass, Decision::Fail, Decision::Inconclusive].map(|d| d.exit_code()));
    }

    #[test]
    fn the_hard_rules() {
        let good = || measured(&[(0., 1., 20), (1., 1., 20)]);
        let fails = |m: &Measured, why: &str| {
            let g = decide(m, Goal::Improve, 0.05, &[], None);
            assert!(g.decision == Decision::Fail && g.reasons.iter().any(|r| r.contains(why)), "{why}: {g:?}");
        };
        let mut m = good();
        (m.cases[39].must_pass, m.cases[39].tuned.score) = (true, Some(0.0));
        fails(&m, "must pass");
        let mut m = good();
        m.cases.iter_mut().for_each(|c| (c.base.seconds, c.tuned.seconds) = (Some(1.0), Some(1.3)));
        fails(&m, "1.30 times as long");
        // A median beyond the limit that hangs on a few answers is noise.
        m.cases.iter_mut().skip(22).for_each(|c| c.tuned.seconds = Some(1.2));
        assert_eq!(decide(&m, Goal::Improve, 0.05, &[], None).decision, Decision::Pass);
        let mut m = good();
        m.cases.iter_mut().for_each(|c| c.identical = true);
        fails(&m, "no effect");
        let leak = [Overlap { case: "c1".into(), place: "line 7".into(), likeness: 1.0 }];
        assert_eq!(decide(&good(), Goal::Improve, 0.05, &leak, None).decision, Decision::Fail);
        // A part of the prompts decides nothing, neither for a model nor against it.
        let limited = |m: &Measured| decide(m, Goal::Improve, 0.05, &[], Some("--limit 40".into()));
        let (better, without_effect) = (limited(&good()), limited(&m));
        assert_eq!([better.decision, without_effect.decision], [Decision::Inconclusive; 2]);
        assert!(without_effect.reasons.iter().any(|why| why.contains("no effect")), "{without_effect:?}");
        assert_eq!(
            gate(&GateInput { suites: &[], rules: Rules::default(), limited: None, noise: NoiseFloor::default() })
                .decision,
            Decision::Inconclusive
        );
    }

    #[test]
    fn degenerate_answers_refuse_when_they_are_more_than_chance_and_two_points() {
        let decide = |degenerate: usize, before: usize, cut: usize| {
            let mut m = measured(&[(0., 1., 40), (1., 1., 198)]);
            let bad = |arm: &mut ArmScores| arm.degenerate = Some(Degenerate::Loop);
            m.cases.iter_mut().take(degenerate).for_each(|c| bad(&mut c.tuned));
            m.cases.iter_mut().rev().take(before).for_each(|c| bad(&mut c.base));
            m.cases.iter_mut().skip(60).take(cut).for_each(|c| c.tuned.cut = true);
            decide(&m, Goal::Improve, 0.05, &[], None)
        };
        // One answer, or a few as chance gives them, are shown and object to nothing.
        for (degenerate, before, cut) in [(1, 0, 0), (4, 0, 0), (7, 3, 0), (0, 0, 6), (0, 9, 0)] {
            let g = decide(degenerate, before, cut);
            assert_eq!(
                (g.decision, g.reasons.len(), g.notes.len()),
                (Decision::Pass, 0, 1),
                "{degenerate} {before} {cut}"
            );
            assert!(g.notes[0].contains("no objection"), "{g:?}");
        }
        for (degenerate, before, cut, why) in [
            (5, 0, 0, "5 of 238, 0 before"),
            (8, 1, 0, "8 of 238, 1 before"),
            (0, 0, 7, "answers cut at the token limit: 7 of 238"),
        ] {
            let g = decide(degenerate, before, cut);
            assert!(g.decision == Decision::Fail && g.reasons[0].contains(why), "{why}: {g:?}");
        }
        assert_eq!(decide(0, 0, 0).notes, Vec::<String>::new());
    }

    /// Over two suites, and once for prompts that are not independent.
    #[test]
    fn harm_is_pooled_over_suites_and_clusters_count_once() {
        let mut halves = [measured(&[(0., 1., 40)]), measured(&[(1., 1., 40)])];
        for m in &mut halves {
            m.cases.iter_mut().take(3).for_each(|c| c.tuned.degenerate = Some(Degenerate::Empty));
        }
        let decide = |halves: &[Measured; 2]| {
            let demand = |goal| Demand { goal, metric: Metric::Pass, margin: 0.1, min_gain: None };
            let judged = [judge(&halves[0], demand(Goal::Improve), 1), judge(&halves[1], demand(Goal::Hold), 1)];
            let parts = [0, 1].map(|i| Judgement { measured: &halves[i], judged: &judged[i], overlaps: &[] });
            gate(&GateInput { suites: &parts, rules: Rules::default(), limited: None, noise: NoiseFloor::default() })
        };
        let pooled = decide(&halves);
        assert!(pooled.decision == Decision::Fail && pooled.reasons[0].contains("6 of 80"), "{pooled:?}");
        for m in &mut halves {
            m.cases.iter_mut().take(3).for_each(|c| c.cluster = Some("paraphrases".into()));
        }
        assert_ne!(decide(&halves).decision, Decision::Fail);
    }

    #[test]
    fn requests_of_v1_that_failed_prove_nothing() {
        let decide = |failed: usize| {
            let mut m = measured(&[(0., 1., 12), (1., 1., 28)]);
            for c in m.cases.iter_mut().take(failed) {
                (c.base.degenerate, c.base.score) = (Some(Degenerate::NotDone), None);
            }
            decide(&m, Goal::Improve, 0.05, &[], None)
        };
        let one = decide(1);
        assert!(
            one.decision == Decision::Pass && one.complete && one.notes[0].contains("1 requests of v1 failed"),
            "{one:?}"
        );
        assert!(one.suites[0].contains("11 fixed, 0 broken of 39"), "{one:?}");
        let two = decide(2);
        assert!(two.decision == Decision::Inconclusive && !two.complete, "{two:?}");
        assert!(two.reasons[0].contains("2 requests of v1 failed") && two.reasons[0].contains("at most 1"), "{two:?}");
        // The case that promoted a model: v1 cut off everywhere, so that v2 seemed better.
        assert_eq!(decide(12).decision, Decision::Inconclusive);
        assert_eq!(decide(40).decision, Decision::Inconclusive);
    }

    #[test]
    fn a_failed_request_of_v2_loses_no_must_pass_prompt() {
        let mut m = measured(&[(0., 1., 20), (1., 1., 19), (1., 0., 1)]);
        m.cases[39].must_pass = true;
        assert_eq!(decide(&m, Goal::Improve, 0.05, &[], None).decision, Decision::Fail);
        m.cases[39].tuned.degenerate = Some(Degenerate::NotDone);
        let g = decide(&m, Goal::Improve, 0.05, &[], None);
        assert!(g.decision == Decision::Inconclusive && g.reasons[0].contains("got no answer of v2"), "{g:?}");
        assert!(!g.complete);
    }
}
