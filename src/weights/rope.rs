//! Rotary scalings as divisors of the frequencies.

use std::f64::consts::TAU;

use serde_json::{Value as Json, json};

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

/// `rope_scaling` of config.json for these divisors, if they are a published Llama 3 scaling or a linear one.
pub(super) fn name_of(factors: &[f32], head_dim: usize, theta: f32) -> Option<Json> {
    let first = *factors.first()?;
    if factors.iter().all(|f| *f == first) {
        return Some(json!({"rope_type": "linear", "factor": first}));
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
