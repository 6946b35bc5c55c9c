//! Answers that are no answers, counted over all suites of a run and tested for harm: one loop among hundreds of answers
//! is chance, one in twenty is not.

use std::collections::BTreeMap;

use super::judgement::{Judgement, listed, points};
use super::measured::ArmScores;
use super::paired::{Pairs, mcnemar_worse};

/// A kind of bad answer. Their levels add up to one-sided 5 %, so that the two tests together accuse an equal model no
/// more often than that. Cut answers have the smaller share: a healthy, talkative model has many of them, so their flips
/// are many, while degenerate and failed answers are rare in a healthy model, and the test hardly ever meets one.
/// They are not pooled with the others: a tune that learns to be brief cuts fewer answers, which would hide its loops.
#[derive(Debug)]
struct Kind {
    what: &'static str,
    alpha: f64,
    is: fn(&ArmScores) -> bool,
}

const KINDS: [Kind; 2] = [
    Kind { what: "degenerate or failed answers", alpha: 0.04, is: |a| a.degenerate.is_some() },
    Kind { what: "answers cut at the token limit", alpha: 0.01, is: |a| a.degenerate.is_none() && a.cut },
];

/// What was counted of one kind, and whether it refuses the candidate.
#[derive(Debug)]
pub(super) struct Harm {
    pub refuses: bool,
    /// The numbers, in a sentence.
    pub sentence: String,
}

/// One [`Harm`] for each kind that any answer is of.
pub(super) fn harms(suites: &[Judgement<'_>], margin: f64) -> Vec<Harm> {
    KINDS.iter().filter_map(|kind| harm(kind, suites, margin)).collect()
}

fn harm(kind: &Kind, suites: &[Judgement<'_>], margin: f64) -> Option<Harm> {
    let (mut n, mut base, mut tuned) = (0usize, 0usize, 0usize);
    let mut new = Vec::new();
    // +1: only v2's answer is of this kind, −1: only v1's. Prompts of one cluster are not independent: they count once.
    let mut clusters: BTreeMap<(usize, &str), i64> = BTreeMap::new();
    let mut flips = Vec::new();
    for (index, suite) in suites.iter().enumerate() {
        for case in &suite.measured.cases {
            let [before, after] = [&case.base, &case.tuned].map(|arm| usize::from((kind.is)(arm)));
            (n, base, tuned) = (n + 1, base + before, tuned + after);
            if after > before {
                new.push(case.id.as_str());
            }
            let flip = after as i64 - before as i64;
            match &case.cluster {
                Some(name) => *clusters.entry((index, name)).or_default() += flip,
                None => flips.push(flip),
            }
        }
    }
    if base + tuned == 0 {
        return None;
    }
    flips.extend(clusters.into_values());
    let count = |wanted: i64| flips.iter().filter(|f| f.signum() == wanted).count();
    let p = mcnemar_worse(Pairs { n: flips.len(), broken: count(1), fixed: count(-1) });
    let increase = (tuned as f64 - base as f64) / n as f64;
    let refuses = p <= kind.alpha && increase > margin;
    let what = if refuses { "more than chance explains" } else { "no objection" };
    let numbers = format!(
        "{tuned} of {n}, {base} before: {what} (exact McNemar, one-sided p = {p:.4}; refused at p ≤ {} with an increase above {} points)",
        kind.alpha,
        points(margin)
    );
    let named = if refuses { listed(kind.what, &new, "new").map(|l| format!("; {l}")) } else { None };
    Some(Harm { refuses, sentence: format!("{}: {numbers}{}", kind.what, named.unwrap_or_default()) })
}
