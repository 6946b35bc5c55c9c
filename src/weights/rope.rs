//! Rotary scalings as divisors of the frequencies.

use std::f64::consts::TAU;

use serde_json::{Value as Json, json};

/// A scaling that a GGUF holds in its keys (`rope.scaling.*`), not in a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RopeScaling {
    /// Positions are divided by the factor.
    Linear { factor: f32 },
    /// Short waves stay, long ones are slowed by the factor, those between are blended; queries and keys are both
    /// multiplied by `attention_factor`.
    Yarn { factor: f32, original_context: usize, attention_factor: f32 },
}

/// Rotations within the original context above which a wave stays, and below which it is slowed. The papers' numbers,
/// and the only ones that llama.cpp has for the architectures that can be trained.
pub(super) const BETA_FAST: f64 = 32.0;
pub(super) const BETA_SLOW: f64 = 1.0;

/// YaRN's usual attention factor: what transformers and llama.cpp (`get_mscale`) compute where none is given.
pub(super) fn yarn_attention(factor: f64, mscale: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * mscale * factor.ln() + 1.0 }
}

impl RopeScaling {
    /// `head_dim / 2` divisors, by transformers' `_compute_yarn_parameters` and ggml's `rope_yarn`.
    pub fn divisors(self, head_dim: usize, theta: f32) -> Vec<f32> {
        let Self::Yarn { factor, original_context, .. } = self else {
            let Self::Linear { factor } = self else { return Vec::new() };
            return vec![factor; head_dim / 2];
        };
        let (dim, factor) = (head_dim as f64, f64::from(factor));
        // The pair that turns so many times within the original context.
        let pair_of = |turns: f64| dim * (original_context as f64 / (turns * TAU)).ln() / (2.0 * f64::from(theta).ln());
        let low = pair_of(BETA_FAST).floor().max(0.0);
        let high = pair_of(BETA_SLOW).ceil().min(dim - 1.0);
        let width = (high - low).max(0.001);
        let one = |i: usize| {
            let slowed = ((i as f64 - low) / width).clamp(0.0, 1.0);
            (1.0 / (slowed / factor + (1.0 - slowed))) as f32
        };
        (0..head_dim / 2).map(one).collect()
    }

    /// By what cosines and sines are multiplied.
    pub fn attention_factor(self) -> f32 {
        match self {
            Self::Linear { .. } => 1.0,
            Self::Yarn { attention_factor, .. } => attention_factor,
        }
    }

    /// `rope_scaling` of config.json.
    pub(super) fn to_hf_json(self) -> Json {
        match self {
            Self::Linear { factor } => json!({"rope_type": "linear", "factor": factor}),
            Self::Yarn { factor, original_context, attention_factor } => json!({
                "rope_type": "yarn",
                "factor": factor,
                "original_max_position_embeddings": original_context,
                "attention_factor": attention_factor,
            }),
        }
    }
}

/// Llama 3's scaling: long waves are slowed, short ones left, those between blended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Llama3 {
    pub factor: f64,
    pub low_freq_factor: f64,
    pub high_freq_factor: f64,
    pub original_context: f64,
}

/// The published ones: Llama 3.1 and 3.3, then 3.2.
const PUBLISHED: [Llama3; 2] = [
    Llama3 { factor: 8.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192.0 },
    Llama3 { factor: 32.0, low_freq_factor: 1.0, high_freq_factor: 4.0, original_context: 8192.0 },
];

impl Llama3 {
    /// `head_dim / 2` divisors, by llama.cpp's conversion/llama.py (`generate_extra_tensors`).
    pub(super) fn factors(self, head_dim: usize, theta: f32) -> Vec<f32> {
        let (low, high) = (self.original_context / self.low_freq_factor, self.original_context / self.high_freq_factor);
        let one = |i: usize| {
            let frequency = f64::from(theta).powf(-((2 * i) as f64) / head_dim as f64);
            let wave = TAU / frequency;
            if wave < high {
                1.0
            } else if wave > low {
                self.factor
            } else {
                let smooth = (self.original_context / wave - self.low_freq_factor)
                    / (self.high_freq_factor - self.low_freq_factor);
                1.0 / ((1.0 - smooth) / self.factor + smooth)
            }
        };
        (0..head_dim / 2).map(|i| one(i) as f32).collect()
    }
}

/// `rope_scaling` of config.json for the divisors of a tensor, if they are a published Llama 3 scaling or a linear one.
pub(super) fn name_of(factors: &[f32], head_dim: usize, theta: f32) -> Option<Json> {
    let first = *factors.first()?;
    if factors.iter().all(|f| *f == first) {
        return Some(RopeScaling::Linear { factor: first }.to_hf_json());
    }
    let near = |a: &f32, b: &f32| (a - b).abs() <= 1e-5 * b.abs();
    let found =
        PUBLISHED.into_iter().find(|p| p.factors(head_dim, theta).iter().zip(factors).all(|(a, b)| near(a, b)))?;
    Some(json!({
        "rope_type": "llama3",
        "factor": found.factor,
        "low_freq_factor": found.low_freq_factor,
        "high_freq_factor": found.high_freq_factor,
        "original_max_position_embeddings": found.original_context as u64,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// transformers 5.23, `ROPE_INIT_FUNCTIONS["llama3"]`: plain inv_freq / its inv_freq, head_dim 16, theta 5e5,
    /// factor 32 (tests/oracles/rope_factors.py).
    const ORACLE: [f32; 8] = [1.0, 1.0, 1.0, 1.0, 3.2922626, 32.0, 32.0, 32.0];

    #[test]
    fn factors_agree_with_transformers_and_are_recognised() {
        let found = PUBLISHED[1].factors(16, 500_000.0);
        for (a, b) in found.iter().zip(ORACLE) {
            assert!((a - b).abs() <= 2e-6 * b, "{found:?}");
        }
        assert_eq!(name_of(&found, 16, 500_000.0).unwrap()["factor"], 32.0);
        assert_eq!(name_of(&[2.0; 8], 16, 1e4).unwrap()["rope_type"], "linear");
        assert_eq!(name_of(&[2.0, 3.0], 4, 1e4), None);
    }
}
