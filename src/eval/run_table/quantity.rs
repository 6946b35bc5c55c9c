//! What a training took and came to: one number each, its unit, and which value is the better one.

use serde::Serialize;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    DurationSeconds,
    TrainLoss,
    EvalLoss,
    TokenAccuracy,
    Entropy,
    TrainableParams,
    TrainablePercent,
    SamplesPerSecond,
    Tokens,
    PeakMemoryBytes,
    ExportedBytes,
    AnswerTokensPerSecond,
    AnswerSeconds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Better {
    Lower,
    Higher,
    Neither,
}

impl Better {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::Neither => "neither",
        }
    }

    /// The better of two values is the greater of these.
    pub(super) fn rank(self, value: f64) -> f64 {
        if self == Self::Lower { -value } else { value }
    }
}

impl Quantity {
    pub const ALL: [Self; 13] = [
        Self::DurationSeconds,
        Self::TrainLoss,
        Self::EvalLoss,
        Self::TokenAccuracy,
        Self::Entropy,
        Self::TrainableParams,
        Self::TrainablePercent,
        Self::SamplesPerSecond,
        Self::Tokens,
        Self::PeakMemoryBytes,
        Self::ExportedBytes,
        Self::AnswerTokensPerSecond,
        Self::AnswerSeconds,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::DurationSeconds => "training time",
            Self::TrainLoss => "train loss (nats a token)",
            Self::EvalLoss => "eval loss (nats a token)",
            Self::TokenAccuracy => "token accuracy",
            Self::Entropy => "entropy (nats a token)",
            Self::TrainableParams => "trainable parameters",
            Self::TrainablePercent => "share of all parameters",
            Self::SamplesPerSecond => "samples per second",
            Self::Tokens => "tokens processed",
            Self::PeakMemoryBytes => "peak memory of training",
            Self::ExportedBytes => "exported size",
            Self::AnswerTokensPerSecond => "answer tokens per second",
            Self::AnswerSeconds => "median seconds an answer",
        }
    }

    pub fn better(self) -> Better {
        match self {
            Self::TokenAccuracy | Self::SamplesPerSecond | Self::AnswerTokensPerSecond => Better::Higher,
            Self::Tokens => Better::Neither,
            _ => Better::Lower,
        }
    }

    /// A value with its unit, for people. Values that are shown alike are a tie.
    pub(super) fn shown(self, value: f64) -> String {
        const MIB: f64 = (1u64 << 20) as f64;
        match self {
            Self::DurationSeconds => format!("{value:.1} s"),
            Self::TrainLoss | Self::EvalLoss | Self::Entropy => format!("{value:.4}"),
            Self::TokenAccuracy => format!("{:.2} %", 100.0 * value),
            Self::TrainableParams | Self::Tokens => format!("{value:.0}"),
            Self::TrainablePercent => format!("{value:.3} %"),
            Self::SamplesPerSecond | Self::AnswerTokensPerSecond => format!("{value:.2}"),
            Self::PeakMemoryBytes | Self::ExportedBytes => format!("{:.1} MiB", value / MIB),
            Self::AnswerSeconds => format!("{value:.2} s"),
        }
    }
}
