//! What is counted at each scored token, and the numbers that follow.

use super::passages::Passages;
use super::result::TextLikelihood;
use crate::model::{argmax, kl_divergence};

/// Values of every scored token, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Sums {
    /// −log p(token), in nats.
    v1: Vec<f64>,
    v2: Vec<f64>,
    kl: Vec<f64>,
    same_top: usize,
    /// Σ (p2(token) − p1(token))².
    squares: f64,
}

impl Sums {
    /// `v1` and `v2`: log-probabilities over the vocabulary, before the token `target`.
    pub(super) fn add(&mut self, v1: &[f32], v2: &[f32], target: u32) {
        let [lp1, lp2] = [v1, v2].map(|row| f64::from(row[target as usize]));
        self.v1.push(-lp1);
        self.v2.push(-lp2);
        self.kl.push(kl_divergence(v1, v2));
        self.same_top += usize::from(argmax(v1) == argmax(v2));
        self.squares += (lp2.exp() - lp1.exp()).powi(2);
    }

    pub(super) fn of(self, text: &Passages) -> TextLikelihood {
        let tokens = self.kl.len();
        let n = tokens as f64;
        // Bits of a mean over tokens, per byte of text.
        let per_byte = n / (text.bytes as f64 * std::f64::consts::LN_2);
        let (v1, v2) = (Mean::of(&self.v1), Mean::of(&self.v2));
        let differences: Vec<f64> = self.v2.iter().zip(&self.v1).map(|(b, a)| b - a).collect();
        let difference = Mean::of(&differences);
        let kl = Mean::of(&self.kl);
        let mut sorted = self.kl;
        sorted.sort_by(f64::total_cmp);
        TextLikelihood {
            text: text.name.to_owned(),
            digest: text.digest.to_string(),
            texts: text.texts,
            left_out: text.left_out,
            tokens,
            bytes: text.bytes,
            bits_per_byte_v1: v1.value * per_byte,
            bits_per_byte_v2: v2.value * per_byte,
            bits_per_byte_difference: difference.value * per_byte,
            bits_per_byte_difference_standard_error: difference.standard_error * per_byte,
            mean_kl: kl.value,
            mean_kl_standard_error: kl.standard_error,
            p99_kl: percentile(&sorted, 0.99),
            max_kl: sorted.last().copied().unwrap_or_default(),
            same_top: self.same_top as f64 / n,
            rms_delta_p: (self.squares / n).sqrt(),
        }
    }
}

struct Mean {
    value: f64,
    standard_error: f64,
}

impl Mean {
    fn of(values: &[f64]) -> Self {
        let n = values.len() as f64;
        let value = values.iter().sum::<f64>() / n;
        let squares: f64 = values.iter().map(|v| (v - value).powi(2)).sum();
        Self { value, standard_error: (squares / (n - 1.0).max(1.0) / n).sqrt() }
    }
}

/// Between the two nearest values, as numpy's default does.
fn percentile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let (low, high) = (sorted[at as usize], sorted[(at as usize + 1).min(last)]);
    low + (high - low) * at.fract()
}
