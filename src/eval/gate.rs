//! The decision: every suite's verdict and the hard rules, joined (intersection–union: each alone keeps the 5 %).

use super::judge::{Goal, Judged, Verdict};
use super::measure::{CaseScores, Measured};
use super::overlap::Overlap;
use super::paired::{Pairs, Z95, tango_interval};

/// What the gate says; its exit code is [`Decision::exit_code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Decision {
    Pass,
    Inconclusive,
    Fail,
}

impl Decision {
    /// 0 · 101 · 100 (DESIGN §5).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Inconclusive => 101,
            Self::Fail => 100,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Fail => "FAIL",
        }
    }
}

/// Limits that need no statistics.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rules {
    /// Degenerate answers of v2 allowed beyond v1's.
    pub degenerate: usize,
    /// Median seconds, v2 over v1; None: shown only.
    pub latency_ratio: Option<f64>,
}

/// One suite with its verdict, and what of it stands in the training data.
#[derive(Debug)]
pub struct Judgement<'a> {
    pub measured: &'a Measured,
    pub judged: &'a Judged,
    pub overlaps: &'a [Overlap],
}

#[derive(Debug)]
pub struct GateInput<'a> {
    pub suites: &'a [Judgement<'a>],
    pub rules: Rules,
    /// Why this run may not promote (`--limit`, `--quick`, a suite changed since): caps the decision at INCONCLUSIVE.
    pub limited: Option<String>,
}

/// The decision and every reason for it that is not a plain pass, in sentences.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Gate {
    pub decision: Decision,
    /// One sentence a suite, in the order of the suites.
    pub suites: Vec<String>,
    pub reasons: Vec<String>,
}

/// Joins all suites. No suite at all is INCONCLUSIVE: nothing was proved.
pub fn gate(input: &GateInput<'_>) -> Gate {
    let mut gate = Gate { decision: Decision::Pass, suites: Vec::new(), reasons: Vec::new() };
    for suite in input.suites {
        gate.suites.push(sentence(suite.judged));
        gate.worse(demanded(suite.judged));
        for rule in [must_pass(suite), degenerates(suite, input.rules.degenerate), cuts(suite), overlap(suite)] {
            gate.worse(rule.map(|why| (Decision::Fail, why)));
        }
        gate.worse(latency(suite, input.rules.latency_ratio).map(|why| (Decision::Fail, why)));
        let failed =
            listed(&suite.judged.suite, &suite.measured.base_failed(), "answers of v1 failed, its score is none");
        gate.worse(failed.map(|why| (Decision::Inconclusive, why)));
    }
    gate.worse(no_effect(input.suites).map(|why| (Decision::Fail, why)));
    gate.worse(input.limited.clone().map(|why| (Decision::Inconclusive, why)));
    if input.suites.is_empty() {
        gate.worse(Some((Decision::Inconclusive, "no suite was asked, so nothing is proved".into())));
    }
    gate
}

impl Gate {
    fn worse(&mut self, rule: Option<(Decision, String)>) {
        if let Some((decision, why)) = rule {
            self.decision = self.decision.max(decision);
            self.reasons.push(why);
        }
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
        (Goal::Hold, Verdict::Pass | Verdict::RegressedWithinTolerance) => None,
        (Goal::Improve, Verdict::RegressedWithinTolerance) => {
            Some((Decision::Fail, format!("{suite}: it was to improve, and is worse (within the margin)")))
        }
        (Goal::Improve, Verdict::Pass) if j.demand.min_gain.is_some_and(|g| j.difference >= g) => None,
        (Goal::Improve, Verdict::Pass | Verdict::Inconclusive) => {
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

/// A share as points, without a needless decimal.
pub(super) fn points(share: f64) -> String {
    let text = format!("{:.1}", 100.0 * share);
    text.strip_suffix(".0").map(str::to_owned).unwrap_or(text)
}

fn must_pass(s: &Judgement<'_>) -> Option<String> {
    let lost: Vec<&str> = s
        .measured
        .cases
        .iter()
        .filter(|c| c.must_pass && holds(&c.base.pass, c.base.score) && !holds(&c.tuned.pass, c.tuned.score))
        .map(|c| c.id.as_str())
        .collect();
    listed(&s.judged.suite, &lost, "prompts that must pass were answered before and no longer are")
}

fn holds(pass: &Option<bool>, score: Option<f64>) -> bool {
    pass.unwrap_or(score.is_some_and(|s| s >= 1.0))
}

fn degenerates(s: &Judgement<'_>, allowed: usize) -> Option<String> {
    let base = s.measured.cases.iter().filter(|c| c.base.degenerate.is_some()).count();
    let bad: Vec<&str> =
        s.measured.cases.iter().filter(|c| c.tuned.degenerate.is_some()).map(|c| c.id.as_str()).collect();
    if bad.len() <= base + allowed {
        return None;
    }
    listed(
        &s.judged.suite,
        &bad,
        &format!("degenerate answers (empty, looping, broken off, failed, template marks) against {base} before"),
    )
}

/// Answers that only the token limit ended: a lost end-of-turn. Small differences are chance, so this one is tested.
fn cuts(s: &Judgement<'_>) -> Option<String> {
    let count = |f: fn(&CaseScores) -> bool| s.measured.cases.iter().filter(|c| f(c)).count();
    let pairs = Pairs {
        n: s.measured.cases.len(),
        broken: count(|c| !c.base.cut && c.tuned.cut),
        fixed: count(|c| c.base.cut && !c.tuned.cut),
    };
    let (_, high) = tango_interval(pairs, Z95);
    let lost = -pairs.difference();
    (pairs.n > 0 && high < 0.0 && lost >= 0.10).then(|| {
        let [before, after] = [count(|c| c.base.cut), count(|c| c.tuned.cut)];
        format!(
            "{}: {after} of {} answers run into the token limit, {before} did before: it no longer ends its turns",
            s.judged.suite, pairs.n
        )
    })
}

fn overlap(s: &Judgement<'_>) -> Option<String> {
    let shown: Vec<String> =
        s.overlaps.iter().map(|o| format!("{} = line {} of the dataset", o.case, o.line)).collect();
    let shown: Vec<&str> = shown.iter().map(String::as_str).collect();
    listed(
        &s.judged.suite,
        &shown,
        "prompts stand in the training data, so the suite measures memory; take them out of one",
    )
}

fn latency(s: &Judgement<'_>, limit: Option<f64>) -> Option<String> {
    let limit = limit?;
    let median = |f: fn(&CaseScores) -> Option<f64>| super::document::median(s.measured.cases.iter().filter_map(f));
    let (base, tuned) = (median(|c| c.base.seconds)?, median(|c| c.tuned.seconds)?);
    (base > 0.0 && tuned / base > limit).then(|| {
        format!("{}: the median answer takes {:.2} times as long (allowed: {limit})", s.judged.suite, tuned / base)
    })
}

/// "Loaded and then ignored": not one answer of any suite differs.
fn no_effect(suites: &[Judgement<'_>]) -> Option<String> {
    let mut cases = suites.iter().flat_map(|s| &s.measured.cases).peekable();
    cases.peek()?;
    cases.all(|c| c.identical).then(|| "every answer equals v1's: the tune has no effect on what is served".to_owned())
}

fn listed(suite: &str, ids: &[&str], what: &str) -> Option<String> {
    let more = if ids.len() > 5 { ", …" } else { "" };
    (!ids.is_empty()).then(|| format!("{suite}: {} {what}: {}{more}", ids.len(), ids[..ids.len().min(5)].join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::degenerate::Degenerate;
    use crate::eval::judge::tests::measured;
    use crate::eval::judge::{Demand, judge};
    use crate::eval::score::Metric;

    fn decide(measured: &Measured, goal: Goal, margin: f64, overlaps: &[Overlap], limited: Option<String>) -> Gate {
        let judged = judge(measured, Demand { goal, metric: Metric::Pass, margin, min_gain: None }, 1);
        let rules = Rules { degenerate: 0, latency_ratio: Some(1.25) };
        gate(&GateInput { suites: &[Judgement { measured, judged: &judged, overlaps }], rules, limited })
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
        m.cases[3].tuned.degenerate = Some(Degenerate::Loop);
        fails(&m, "1 degenerate answers");
        m.cases[4].base.degenerate = Some(Degenerate::Empty);
        assert_eq!(decide(&m, Goal::Improve, 0.05, &[], None).decision, Decision::Pass);
        let mut m = good();
        m.cases.iter_mut().take(12).for_each(|c| c.tuned.cut = true);
        fails(&m, "no longer ends its turns");
        m.cases.iter_mut().take(12).skip(2).for_each(|c| c.base.cut = true);
        assert_eq!(decide(&m, Goal::Improve, 0.05, &[], None).decision, Decision::Pass);
        let mut m = good();
        m.cases.iter_mut().for_each(|c| (c.base.seconds, c.tuned.seconds) = (Some(1.0), Some(1.3)));
        fails(&m, "1.30 times as long");
        let mut m = good();
        m.cases.iter_mut().for_each(|c| c.identical = true);
        fails(&m, "no effect");
        let mut m = good();
        m.cases[4].base.degenerate = Some(Degenerate::Failed);
        let g = decide(&m, Goal::Improve, 0.05, &[], None);
        assert!(g.decision == Decision::Inconclusive && g.reasons[0].contains("1 answers of v1 failed"), "{g:?}");
        let leak = [Overlap { case: "c1".into(), line: 7, likeness: 1.0 }];
        assert_eq!(decide(&good(), Goal::Improve, 0.05, &leak, None).decision, Decision::Fail);
        assert_eq!(
            decide(&good(), Goal::Improve, 0.05, &[], Some("--limit 40".into())).decision,
            Decision::Inconclusive
        );
        assert_eq!(
            gate(&GateInput { suites: &[], rules: Rules::default(), limited: None }).decision,
            Decision::Inconclusive
        );
    }
}
