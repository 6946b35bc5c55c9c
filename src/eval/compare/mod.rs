//! Several arms' answers to the same questions: who is better in what, and which to use.
//!
//! The way: result files → [`ArmPair`] (every two arms, tested question by question) → rules (each cites its numbers) →
//! [`ArmComparison`], which is written as JSON and as Markdown.

mod comparison;
mod conditions;
mod finding;
mod markdown;
mod metric;
mod pairs;
mod rules;

use super::fault::EvalError;
use super::results::{AnswerArm, RecordPair, ResultExtras, ResultFile, pair_records};
pub use comparison::{ArmComparison, BuildCosts, CompareInput, Needs, TaughtFacts, TaughtQuestions};
pub use conditions::{ConditionDifference, condition_differences};
pub use markdown::{comparison_markdown, comparison_overview};
pub use pairs::ArmResults;

use comparison::{ArmSummary, FORMAT_VERSION, MetricWinner, Point};
use metric::ArmMetric;
use pairs::{ArmPair, MetricPair, Paired};

/// Compares; refuses results of different questions.
pub fn compare_arms(input: &CompareInput<'_>) -> Result<ArmComparison, EvalError> {
    let pairs = all_pairs(input.arms, input.seed)?;
    let questions = input.arms.iter().map(|results| results.file.results.len()).max().filter(|n| *n > 0);
    let mut comparison = ArmComparison {
        format_version: FORMAT_VERSION,
        is_tested: input.arms.iter().all(|results| !results.file.is_bare()),
        questions,
        margin: input.margin,
        arms: input.arms.iter().map(|results| summary(results, &pairs)).collect(),
        winners: winners(input.arms, &pairs),
        asked_otherwise: condition_differences(input.arms),
        on_taught: input.taught.map(|taught| on_taught(input, taught)).transpose()?.flatten(),
        pairs,
        build_costs: input.costs,
        break_even: None,
        recommendation: None,
        caution: None,
        rules: Vec::new(),
    };
    comparison.break_even = break_even(&comparison);
    let decided = rules::decide(&comparison, input);
    comparison.recommendation = decided.arm;
    comparison.caution = decided.caution;
    comparison.rules = decided.findings;
    Ok(comparison)
}

fn all_pairs(arms: &[ArmResults], seed: u64) -> Result<Vec<ArmPair>, EvalError> {
    let mut pairs = Vec::new();
    for (i, first) in arms.iter().enumerate() {
        for second in arms.iter().skip(i + 1) {
            let records: Option<Vec<RecordPair<'_>>> = match first.file.is_bare() || second.file.is_bare() {
                true => None,
                false => Some(pair_records(&first.file, &second.file)?),
            };
            pairs.push(ArmPair::new(first, second, Paired { records: records.as_deref(), seed }));
        }
    }
    Ok(pairs)
}

/// None where all questions ask what was taught, or none does.
fn on_taught(input: &CompareInput<'_>, taught: &TaughtQuestions) -> Result<Option<Vec<ArmPair>>, EvalError> {
    let mut arms = Vec::new();
    for ArmResults { arm, file } in input.arms {
        let records: Vec<_> = file.results.iter().filter(|r| taught.ids.contains(&r.id)).cloned().collect();
        let Some(header) = file.header.clone().filter(|_| !records.is_empty() && records.len() < file.results.len())
        else {
            return Ok(None);
        };
        arms.push(ArmResults { arm: *arm, file: ResultFile::new(header, records, ResultExtras::default())? });
    }
    all_pairs(&arms, input.seed).map(Some)
}

fn summary(results: &ArmResults, pairs: &[ArmPair]) -> ArmSummary {
    let (arm, file) = (results.arm, &results.file);
    let value = |metric: ArmMetric| Some((metric.as_str(), metric.of_file(file)?));
    let right = file.results.iter().filter(|r| r.measures.pass == Some(true)).count();
    let per_right = |total: f64| (right > 0).then(|| total / right as f64);
    let own = |pair: &ArmPair, row: &MetricPair| match arm {
        arm if arm == pair.first => Some((row.first?, pair.second, row.second?)),
        arm if arm == pair.second => Some((row.second?, pair.first, row.first?)),
        _ => None,
    };
    let mut points: (Vec<Point>, Vec<Point>) = Default::default();
    for pair in pairs.iter().filter(|pair| ![pair.first, pair.second].contains(&AnswerArm::Oracle)) {
        for row in &pair.metrics {
            if let (Some((value, than, other)), Some(winner)) = (own(pair, row), row.winner) {
                let list = if winner == arm { &mut points.0 } else { &mut points.1 };
                list.push(Point { metric: row.metric, value, than, other });
            }
        }
    }
    ArmSummary {
        arm,
        model: file.header.as_ref().map(|header| header.model.clone()),
        questions: (!file.is_bare()).then_some(file.results.len()),
        values: ArmMetric::ALL.into_iter().filter_map(value).collect(),
        seconds_per_right: per_right(file.results.iter().map(|r| r.seconds).sum()),
        tokens_per_right: per_right(file.metrics.total_tokens as f64),
        pros: points.0,
        cons: points.1,
    }
}

fn winners(arms: &[ArmResults], pairs: &[ArmPair]) -> Vec<MetricWinner> {
    let usable: Vec<AnswerArm> =
        arms.iter().map(|results| results.arm).filter(|arm| *arm != AnswerArm::Oracle).collect();
    let wins = |arm: AnswerArm, metric: ArmMetric| {
        let against = |pair: &&ArmPair| {
            [pair.first, pair.second].contains(&arm) && ![pair.first, pair.second].contains(&AnswerArm::Oracle)
        };
        pairs.iter().filter(against).filter(|p| p.of(metric).is_some_and(|row| row.winner == Some(arm))).count()
    };
    let best = |metric: ArmMetric| {
        usable.iter().copied().find(|arm| usable.len() > 1 && wins(*arm, metric) + 1 == usable.len())
    };
    ArmMetric::ALL.into_iter().map(|metric| MetricWinner { metric, winner: best(metric) }).collect()
}

/// None where training costs are unknown, or retrieval is as fast.
fn break_even(comparison: &ArmComparison) -> Option<f64> {
    let build = comparison.build_costs.train_seconds? - comparison.build_costs.index_seconds?;
    let seconds = |arm| comparison.value(arm, ArmMetric::AvgTimeSeconds);
    let saved = seconds(AnswerArm::Rag)? - seconds(AnswerArm::Finetuned)?;
    (saved > 0.0).then(|| (build / saved).max(0.0).ceil())
}

#[cfg(test)]
mod tests;
