//! How far a model's confidence is its accuracy: expected calibration error (Guo et al. 2017, arXiv:1706.04599, equation 3), Brier
//! score (Brier 1950, Monthly Weather Review 78:1, over all choices), and the reliability table.

use std::f64::consts::PI;

use serde::Serialize;

/// Bins of equal width.
pub const CALIBRATION_BINS: usize = 10;

/// What a model says of one prompt.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Of each choice; they add up to 1.
    pub probabilities: Vec<f64>,
    /// Index of the expected one.
    pub expected: usize,
}

impl Prediction {
    /// From log-likelihoods, in nats.
    pub fn of(log_likelihoods: &[f64], expected: usize) -> Self {
        let most = log_likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let weights: Vec<f64> = log_likelihoods.iter().map(|value| (value - most).exp()).collect();
        let sum: f64 = weights.iter().sum();
        Self { probabilities: weights.into_iter().map(|weight| weight / sum).collect(), expected }
    }

    /// The likeliest choice; of equal ones the first.
    pub fn top(&self) -> usize {
        likeliest(&self.probabilities)
    }

    /// The probability of the likeliest choice.
    pub fn confidence(&self) -> f64 {
        self.probabilities.get(self.top()).copied().unwrap_or_default()
    }

    pub fn is_right(&self) -> bool {
        self.top() == self.expected
    }

    fn brier(&self) -> f64 {
        let square = |(i, p): (usize, &f64)| (p - f64::from(u8::from(i == self.expected))).powi(2);
        self.probabilities.iter().enumerate().map(square).sum()
    }
}

/// Index of the largest value; of equal ones the first.
pub(super) fn likeliest(values: &[f64]) -> usize {
    let later = |best: usize, i: usize| if values[i] > values[best] { i } else { best };
    (1..values.len()).fold(0, later)
}

/// A row of the reliability table: predictions whose confidence is above `low` and at most `high`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct CalibrationBin {
    pub low: f64,
    pub high: f64,
    pub prompts: usize,
    /// Mean confidence, and share of right answers; null without prompts.
    pub confidence: Option<f64>,
    pub accuracy: Option<f64>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChoiceCalibration {
    /// Mean over prompts of the probability of the likeliest choice.
    pub mean_confidence: f64,
    /// Expected calibration error: |accuracy − confidence| of each bin, by its share of the prompts; 0 to 1.
    pub ece: f64,
    /// What a perfectly calibrated model with these confidences would show, in the mean, for the number of prompts alone.
    pub ece_if_calibrated: f64,
    /// Sum over the choices of (probability − 1 if it is expected, else 0)², mean over prompts; 0 to 2.
    pub brier: f64,
    pub bins: Vec<CalibrationBin>,
}

/// Of one bin, while it is filled.
#[derive(Clone, Copy, Debug, Default)]
struct Filled {
    prompts: usize,
    right: usize,
    confidence: f64,
    /// Σ confidence × (1 − confidence): the variance of `right` where the confidences are true.
    variance: f64,
}

pub fn choice_calibration(predictions: &[Prediction]) -> ChoiceCalibration {
    let mut filled = [Filled::default(); CALIBRATION_BINS];
    for prediction in predictions {
        let confidence = prediction.confidence();
        let bin = &mut filled[bin_of(confidence)];
        bin.prompts += 1;
        bin.right += usize::from(prediction.is_right());
        bin.confidence += confidence;
        bin.variance += confidence * (1.0 - confidence);
    }
    let n = predictions.len().max(1) as f64;
    let row = |(i, bin): (usize, &Filled)| {
        let mean = |sum: f64| (bin.prompts > 0).then(|| sum / bin.prompts as f64);
        let (confidence, accuracy) = (mean(bin.confidence), mean(bin.right as f64));
        CalibrationBin { low: edge(i), high: edge(i + 1), prompts: bin.prompts, confidence, accuracy }
    };
    ChoiceCalibration {
        mean_confidence: filled.iter().map(|bin| bin.confidence).sum::<f64>() / n,
        ece: filled.iter().map(|bin| (bin.right as f64 - bin.confidence).abs()).sum::<f64>() / n,
        // The mean of a normal variable's absolute value is its deviation × √(2/π).
        ece_if_calibrated: filled.iter().map(|bin| (2.0 / PI * bin.variance).sqrt()).sum::<f64>() / n,
        brier: predictions.iter().map(Prediction::brier).sum::<f64>() / n,
        bins: filled.iter().enumerate().map(row).collect(),
    }
}

fn edge(i: usize) -> f64 {
    i as f64 / CALIBRATION_BINS as f64
}

/// The upper edge belongs to a bin.
fn bin_of(confidence: f64) -> usize {
    (0..CALIBRATION_BINS).find(|i| confidence <= edge(i + 1)).unwrap_or(CALIBRATION_BINS - 1)
}
