//! Rows of scores: one for each suite, every two columns tested on the prompts that both were asked.

use std::collections::BTreeMap;

use serde::Serialize;

use super::entrant::{Entrant, PromptScore, SuiteScores};
use super::interval::{ModelScore, clusters, is_binary};
use super::values::lacking;
use crate::eval::bootstrap::{Confidence, bootstrap_t};
use crate::eval::paired::{Pairs, Z95, tango_interval};
use crate::eval::sign_flip::{holm, sign_flip};

/// A difference is one where Holm's adjusted p is at most this.
const ALPHA: f64 = 0.05;

/// The difference of two columns on the prompts that both have a score for: second minus first.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ScoreTest {
    pub n: usize,
    pub clusters: usize,
    pub difference: f64,
    /// Bounds of the 90 % interval.
    pub low: f64,
    pub high: f64,
    /// Two-sided, adjusted for the pairs of the row.
    pub p: f64,
}

/// Two columns on one suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScorePair {
    pub first: String,
    pub second: String,
    pub test: Option<ScoreTest>,
    /// Why they are not tested.
    pub not_a_test: Option<&'static str>,
}

impl ScorePair {
    /// The label of the one that is shown to be better.
    pub(super) fn winner(&self) -> Option<&str> {
        let test = self.test.filter(|test| test.p <= ALPHA)?;
        Some(if test.difference > 0.0 { &self.second } else { &self.first })
    }

    fn is_of(&self, a: &str, b: &str) -> bool {
        (self.first == a && self.second == b) || (self.first == b && self.second == a)
    }
}

/// One suite.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoreRow {
    pub suite: String,
    pub metric: String,
    pub is_general: bool,
    /// By the labels of the columns that were asked.
    pub scores: BTreeMap<String, ModelScore>,
    pub lacking: Vec<String>,
    /// One: it is shown to be better than every other. Several: the highest score, and what is not shown to be worse.
    pub best: Vec<String>,
    /// Why the highest score is none that a test shows.
    pub not_a_test: Option<&'static str>,
    pub pairs: Vec<ScorePair>,
}

impl ScoreRow {
    /// A sentence where one name stands for several suites.
    pub(super) fn other_prompts(&self, entrants: &[Entrant]) -> Option<String> {
        let mut groups: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for entrant in entrants {
            if let Some(scores) = entrant.suite(&self.suite) {
                groups.entry(&scores.digest).or_default().push(&entrant.label);
            }
        }
        let listed: Vec<String> = groups.values().map(|labels| labels.join(", ")).collect();
        (listed.len() > 1).then(|| {
            let suite = &self.suite;
            format!(
                "the suite {suite} had other prompts in each of these, so their scores do not compare: {}",
                listed.join(" | ")
            )
        })
    }
}

/// The runs' own suites first.
pub(super) fn rows(entrants: &[Entrant], seed: u64) -> Vec<ScoreRow> {
    let mut names: Vec<&str> = Vec::new();
    for scores in entrants.iter().flat_map(|entrant| &entrant.suites) {
        if !names.contains(&scores.suite.as_str()) {
            names.push(&scores.suite);
        }
    }
    names.sort_by_key(|name| is_general(name));
    names.into_iter().map(|name| row(name, entrants, seed)).collect()
}

fn is_general(suite: &str) -> bool {
    suite.starts_with("builtin:general")
}

fn row(suite: &str, entrants: &[Entrant], seed: u64) -> ScoreRow {
    let asked: Vec<(&str, &SuiteScores)> =
        entrants.iter().filter_map(|entrant| Some((entrant.label.as_str(), entrant.suite(suite)?))).collect();
    let mut pairs = Vec::new();
    for (i, (first, scores)) in asked.iter().enumerate() {
        for (second, others) in &asked[i + 1..] {
            let (test, not_a_test) = match tested(scores, others, seed) {
                Ok(test) => (Some(test), None),
                Err(why) => (None, Some(why)),
            };
            pairs.push(ScorePair { first: (*first).to_owned(), second: (*second).to_owned(), test, not_a_test });
        }
    }
    let adjusted = holm(&pairs.iter().filter_map(|pair| Some(pair.test?.p)).collect::<Vec<_>>());
    for (test, p) in pairs.iter_mut().filter_map(|pair| pair.test.as_mut()).zip(adjusted) {
        test.p = p;
    }
    let scores: BTreeMap<String, ModelScore> = asked
        .iter()
        .filter_map(|(label, scores)| Some(((*label).to_owned(), ModelScore::of(&scores.prompts, seed)?)))
        .collect();
    let (best, not_a_test) = best(&asked, &scores, &pairs);
    ScoreRow {
        suite: suite.to_owned(),
        metric: asked.first().map(|(_, scores)| scores.metric.clone()).unwrap_or_default(),
        is_general: is_general(suite),
        lacking: lacking(entrants, |entrant| scores.contains_key(&entrant.label)),
        scores,
        best,
        not_a_test,
        pairs,
    }
}

/// The highest score and those that are not shown to be worse; or why nothing can be said.
fn best(
    asked: &[(&str, &SuiteScores)],
    scores: &BTreeMap<String, ModelScore>,
    pairs: &[ScorePair],
) -> (Vec<String>, Option<&'static str>) {
    let scored = || asked.iter().filter_map(|(label, _)| Some((*label, scores.get(*label)?.score)));
    let Some((top, _)) = scored().max_by(|a, b| a.1.total_cmp(&b.1)).filter(|_| scored().count() > 1) else {
        return (Vec::new(), None);
    };
    let of = |label: &str| pairs.iter().find(|pair| pair.is_of(top, label));
    let others = || scored().map(|(label, _)| label).filter(|label| *label != top);
    if let Some(why) = others().find_map(|label| of(label)?.not_a_test) {
        return (Vec::new(), Some(why));
    }
    let level = scored().map(|(label, _)| label).filter(|label| of(label).and_then(ScorePair::winner) != Some(top));
    (level.map(str::to_owned).collect(), None)
}

/// The same prompts, asked in the same way and scored in the same way; or why they are not.
fn tested(first: &SuiteScores, second: &SuiteScores, seed: u64) -> Result<ScoreTest, &'static str> {
    if first.digest != second.digest {
        return Err("other prompts");
    }
    if (&first.metric, &first.signature) != (&second.metric, &second.signature) {
        return Err("another metric");
    }
    if first.asked != second.asked {
        return Err("asked with other options");
    }
    let others: BTreeMap<&str, f64> = second.prompts.iter().map(|prompt| (prompt.id.as_str(), prompt.score)).collect();
    let both: Vec<(&PromptScore, f64, f64)> = first
        .prompts
        .iter()
        .filter_map(|prompt| Some((prompt, prompt.score, *others.get(prompt.id.as_str())?)))
        .collect();
    if both.is_empty() {
        return Err("no prompt in common");
    }
    let groups = clusters(both.iter().map(|(prompt, first, second)| (*prompt, second - first)));
    let is_binary = both.iter().all(|(_, first, second)| is_binary(*first) && is_binary(*second));
    let (low, high) = if is_binary && groups.len() == both.len() {
        let broken = both.iter().filter(|(_, first, second)| second < first).count();
        let fixed = both.iter().filter(|(_, first, second)| second > first).count();
        tango_interval(Pairs { n: both.len(), broken, fixed }, Z95)
    } else {
        bootstrap_t(&groups, seed, Confidence::P95)
    };
    let sums: Vec<f64> = groups.iter().map(|differences| differences.iter().sum()).collect();
    let difference = sums.iter().sum::<f64>() / both.len() as f64;
    Ok(ScoreTest { n: both.len(), clusters: groups.len(), difference, low, high, p: sign_flip(&sums, seed) })
}
