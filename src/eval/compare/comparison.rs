//! What is compared, and what a comparison holds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::conditions::ConditionDifference;
use super::finding::RuleFinding;
use super::metric::ArmMetric;
use super::pairs::{ArmPair, ArmResults};
use crate::eval::results::AnswerArm;

/// The form of the JSON that is written.
pub(super) const FORMAT_VERSION: u32 = 1;
/// Fewer questions decide nothing.
pub(super) const FEWEST_QUESTIONS: usize = 30;

/// What the answers are to be used for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Needs {
    /// Each answer must name its source.
    pub citations: bool,
    /// The documents change often.
    pub updates: bool,
}

/// What building an arm took, in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct BuildCosts {
    pub train_seconds: Option<f64>,
    pub index_seconds: Option<f64>,
}

/// What is known of the training data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TaughtQuestions {
    /// Ids of the questions all of whose facts were taught.
    pub ids: BTreeSet<String>,
    /// Of the set's other questions.
    pub others: BTreeSet<String>,
    /// Refusals among the training examples, in percent.
    pub refusals: f64,
    /// Of the documents' facts those that were taught.
    pub facts: TaughtFacts,
}

/// Facts of the documents.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TaughtFacts {
    pub taught: usize,
    pub all: usize,
}

/// What is compared.
#[derive(Clone, Debug)]
pub struct CompareInput<'a> {
    /// Each arm once.
    pub arms: &'a [ArmResults],
    /// Differences that do not matter, in points.
    pub margin: f64,
    pub needs: Needs,
    pub costs: BuildCosts,
    pub taught: Option<&'a TaughtQuestions>,
    pub seed: u64,
}

/// One arm.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmSummary {
    pub arm: AnswerArm,
    /// None of the earlier tools' files.
    pub model: Option<String>,
    pub questions: Option<usize>,
    pub values: BTreeMap<&'static str, f64>,
    /// Per right answer.
    pub seconds_per_right: Option<f64>,
    pub tokens_per_right: Option<f64>,
    /// What it does better than another arm, and worse.
    pub pros: Vec<Point>,
    pub cons: Vec<Point>,
}

/// A difference of two arms in one metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Point {
    pub metric: ArmMetric,
    pub value: f64,
    pub than: AnswerArm,
    pub other: f64,
}

/// Which arm is best in a metric.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricWinner {
    pub metric: ArmMetric,
    /// Better than every other arm but `oracle`, which nobody can use.
    pub winner: Option<AnswerArm>,
}

/// The whole comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmComparison {
    pub(super) format_version: u32,
    /// Whether differences were tested question by question; false: by value alone, as the earlier tools' files allow.
    pub is_tested: bool,
    /// None: the files do not say.
    pub questions: Option<usize>,
    pub margin: f64,
    pub arms: Vec<ArmSummary>,
    pub winners: Vec<MetricWinner>,
    pub pairs: Vec<ArmPair>,
    /// What a difference of two arms may come from besides the arms.
    pub asked_otherwise: Vec<ConditionDifference>,
    /// The same on the questions whose facts were taught, where others are asked too.
    pub on_taught: Option<Vec<ArmPair>>,
    pub build_costs: BuildCosts,
    /// Questions after which training has paid for itself.
    pub break_even: Option<f64>,
    pub recommendation: Option<AnswerArm>,
    /// What is against the recommended arm nevertheless, shown by a test or not.
    pub caution: Option<String>,
    pub rules: Vec<RuleFinding>,
}

impl ArmComparison {
    pub fn to_json(&self) -> String {
        // Texts, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// The two arms, in either order.
    pub(super) fn pair(&self, a: AnswerArm, b: AnswerArm) -> Option<&ArmPair> {
        self.pairs.iter().find(|pair| (pair.first, pair.second) == (a, b) || (pair.first, pair.second) == (b, a))
    }

    pub(super) fn value(&self, arm: AnswerArm, metric: ArmMetric) -> Option<f64> {
        self.arms.iter().find(|summary| summary.arm == arm)?.values.get(metric.as_str()).copied()
    }

    pub(super) fn has(&self, arm: AnswerArm) -> bool {
        self.arms.iter().any(|summary| summary.arm == arm)
    }
}
