//! What arms are compared by.

use serde::Serialize;

use crate::eval::result_record::AnswerRecord;
use crate::eval::results::ResultFile;

/// A number of an arm, under the name that result files give it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ArmMetric {
    SuccessRate,
    ExactMatchRate,
    PassRate,
    FactCoverage,
    FabricationRate,
    FalseRefusalRate,
    AvgTimeSeconds,
    AvgTokens,
    TotalTokens,
}

/// What a metric is counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MetricUnit {
    Percent,
    Seconds,
    Tokens,
}

impl ArmMetric {
    pub const ALL: [Self; 9] = [
        Self::SuccessRate,
        Self::ExactMatchRate,
        Self::PassRate,
        Self::FactCoverage,
        Self::FabricationRate,
        Self::FalseRefusalRate,
        Self::AvgTimeSeconds,
        Self::AvgTokens,
        Self::TotalTokens,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::SuccessRate => "success_rate",
            Self::ExactMatchRate => "exact_match_rate",
            Self::PassRate => "pass_rate",
            Self::FactCoverage => "fact_coverage",
            Self::FabricationRate => "fabrication_rate",
            Self::FalseRefusalRate => "false_refusal_rate",
            Self::AvgTimeSeconds => "avg_time_seconds",
            Self::AvgTokens => "avg_tokens",
            Self::TotalTokens => "total_tokens",
        }
    }

    /// The name for people: a file's `success_rate` says nothing of what is right.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::SuccessRate => "finished",
            _ => self.as_str(),
        }
    }

    pub fn unit(self) -> MetricUnit {
        match self {
            Self::AvgTimeSeconds => MetricUnit::Seconds,
            Self::AvgTokens | Self::TotalTokens => MetricUnit::Tokens,
            _ => MetricUnit::Percent,
        }
    }

    pub fn is_better_higher(self) -> bool {
        matches!(self, Self::SuccessRate | Self::ExactMatchRate | Self::PassRate | Self::FactCoverage)
    }

    /// A value with its unit, for people.
    pub fn shown(self, value: f64) -> String {
        match self.unit() {
            MetricUnit::Percent => format!("{value:.1} %"),
            MetricUnit::Seconds => format!("{value:.2} s"),
            MetricUnit::Tokens => format!("{value:.0}"),
        }
    }

    /// A difference of two values, for people; of rates in points.
    pub(super) fn shown_difference(self, value: f64) -> String {
        match self.unit() {
            MetricUnit::Percent => format!("{value:+.1} points"),
            MetricUnit::Seconds => format!("{value:+.2} s"),
            MetricUnit::Tokens => format!("{value:+.0}"),
        }
    }

    /// As the file states it; None where it doesn't.
    pub fn of_file(self, file: &ResultFile) -> Option<f64> {
        let extended = file.extended.as_ref();
        match self {
            Self::SuccessRate => Some(file.metrics.success_rate),
            Self::ExactMatchRate => file.metrics.exact_match_rate,
            Self::PassRate => extended.and_then(|e| e.pass_rate),
            Self::FactCoverage => extended.and_then(|e| e.fact_coverage),
            Self::FabricationRate => extended.and_then(|e| e.fabrication_rate),
            Self::FalseRefusalRate => extended.and_then(|e| e.false_refusal_rate),
            Self::AvgTimeSeconds => Some(file.metrics.avg_time_seconds),
            Self::AvgTokens => Some(file.metrics.avg_tokens),
            Self::TotalTokens => Some(file.metrics.total_tokens as f64),
        }
    }

    /// Of one answer, in the metric's unit; None where the question does not count, and of sums.
    pub(super) fn of_record(self, record: &AnswerRecord) -> Option<f64> {
        let percent = |yes: bool| if yes { 100.0 } else { 0.0 };
        let came = record.error.is_none();
        match self {
            Self::SuccessRate => Some(percent(record.measures.success)),
            Self::ExactMatchRate => record.measures.exact_match.map(percent),
            Self::PassRate => record.measures.pass.map(percent),
            Self::FactCoverage => record.measures.fact_coverage.map(|share| 100.0 * share),
            Self::FabricationRate => (!record.answerable).then(|| percent(record.measures.fabricated)),
            Self::FalseRefusalRate => record.answerable.then(|| percent(record.measures.falsely_refused)),
            Self::AvgTimeSeconds => came.then_some(record.seconds),
            Self::AvgTokens => came.then_some(record.tokens as f64),
            Self::TotalTokens => None,
        }
    }
}
