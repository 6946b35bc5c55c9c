//! Two arms, metric by metric, question by question.

use std::collections::BTreeMap;

use serde::Serialize;

use super::metric::{ArmMetric, MetricUnit};
use crate::eval::bootstrap::{Confidence, bootstrap_t};
use crate::eval::paired::{Pairs, Z95, tango_interval};
use crate::eval::results::{AnswerArm, RecordPair, ResultFile};
use crate::eval::sign_flip::{holm, sign_flip};

/// A difference is one where Holm's adjusted p is at most this.
const ALPHA: f64 = 0.05;

/// The answers of an arm.
#[derive(Clone, Debug)]
pub struct ArmResults {
    pub arm: AnswerArm,
    pub file: ResultFile,
}

/// A difference of two arms on the questions that count for a metric: second minus first, in the metric's unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairedTest {
    /// Questions.
    pub n: usize,
    /// Of questions whose answers are independent.
    pub clusters: usize,
    pub difference: f64,
    /// Bounds of the 90 % interval: each holds with 95 %.
    pub low: f64,
    pub high: f64,
    /// Two-sided, adjusted for the metrics of this pair.
    pub p: f64,
}

/// One metric of two arms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct MetricPair {
    pub metric: ArmMetric,
    pub first: Option<f64>,
    pub second: Option<f64>,
    /// None: nothing but the two values is known.
    pub test: Option<PairedTest>,
    /// The arm with the better value: where there is a test, only if that shows a difference.
    pub winner: Option<AnswerArm>,
}

/// Two arms.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ArmPair {
    pub first: AnswerArm,
    pub second: AnswerArm,
    pub metrics: Vec<MetricPair>,
}

impl ArmPair {
    pub(super) fn of(&self, metric: ArmMetric) -> Option<&MetricPair> {
        self.metrics.iter().find(|m| m.metric == metric)
    }

    /// Compares by value, and by `records` where both files have them.
    pub(super) fn new(first: &ArmResults, second: &ArmResults, paired: Paired<'_>) -> Self {
        let mut metrics: Vec<MetricPair> = ArmMetric::ALL
            .into_iter()
            .map(|metric| MetricPair {
                metric,
                first: metric.of_file(&first.file),
                second: metric.of_file(&second.file),
                test: paired.records.and_then(|records| test(metric, records, paired.seed)),
                winner: None,
            })
            .collect();
        let adjusted = holm(&metrics.iter().filter_map(|m| Some(m.test?.p)).collect::<Vec<_>>());
        for (test, p) in metrics.iter_mut().filter_map(|m| m.test.as_mut()).zip(adjusted) {
            test.p = p;
        }
        for row in &mut metrics {
            let by_value = row.first.zip(row.second).map(|(first, second)| second - first);
            let shown = match row.test {
                Some(test) => Some(test.difference).filter(|_| test.p <= ALPHA),
                // Sums are of unknown numbers of questions.
                None => by_value.filter(|_| paired.records.is_none() && row.metric != ArmMetric::TotalTokens),
            };
            let is_second = |difference: f64| (difference > 0.0) == row.metric.is_better_higher();
            row.winner = shown.filter(|d| *d != 0.0).map(|d| if is_second(d) { second.arm } else { first.arm });
        }
        Self { first: first.arm, second: second.arm, metrics }
    }
}

/// What two arms are compared with beyond their rates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Paired<'a> {
    pub(super) records: Option<&'a [RecordPair<'a>]>,
    pub(super) seed: u64,
}

/// None where no question counts.
fn test(metric: ArmMetric, records: &[RecordPair<'_>], seed: u64) -> Option<PairedTest> {
    let mut clusters: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for pair in records {
        if let (Some(first), Some(second)) = (metric.of_record(pair.first), metric.of_record(pair.second)) {
            clusters.entry(&pair.first.cluster).or_default().push(second - first);
        }
    }
    let clusters: Vec<Vec<f64>> = clusters.into_values().collect();
    let n: usize = clusters.iter().map(Vec::len).sum();
    let sums: Vec<f64> = clusters.iter().map(|differences| differences.iter().sum()).collect();
    let total: f64 = sums.iter().sum();
    let (low, high) = interval(metric, &clusters, seed);
    let difference = total / n as f64;
    (n > 0).then(|| PairedTest { n, clusters: clusters.len(), difference, low, high, p: sign_flip(&sums, seed) })
}

/// Tango's interval of answers that are right or wrong and independent, else bootstrap-t over the clusters.
fn interval(metric: ArmMetric, clusters: &[Vec<f64>], seed: u64) -> (f64, f64) {
    let all = || clusters.iter().flatten().copied();
    let scale = match metric.unit() {
        MetricUnit::Percent => 100.0,
        // The bootstrap's differences are at most 1.
        _ => all().fold(0.0, |most: f64, d| most.max(d.abs())).max(f64::MIN_POSITIVE),
    };
    let is_binary = metric.unit() == MetricUnit::Percent && all().all(|d| d == 0.0 || d.abs() == scale);
    let (low, high) = if is_binary && clusters.iter().all(|cluster| cluster.len() == 1) {
        let count = |value: f64| all().filter(|d| *d == value).count();
        tango_interval(Pairs { n: clusters.len(), broken: count(-scale), fixed: count(scale) }, Z95)
    } else {
        let scaled: Vec<Vec<f64>> = clusters.iter().map(|c| c.iter().map(|d| d / scale).collect()).collect();
        bootstrap_t(&scaled, seed, Confidence::P95)
    };
    (low * scale, high * scale)
}
