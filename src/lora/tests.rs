//! Shapes and adapters for the tests of this room and of those below it.

use proptest::prelude::*;

use crate::lora::{Adapter, Hf, LoraConfig};
use crate::weights::{Family, ModelConfig, Site};

/// Two layers, heads of 8.
pub(crate) fn model(heads: usize, kv_heads: usize, hidden: usize, ff: usize) -> ModelConfig {
    ModelConfig {
        family: Family::named("llama").unwrap(),
        hidden,
        layers: 2,
        heads,
        kv_heads,
        head_dim: 8,
        ff,
        vocab: 32,
        rms_eps: 1e-5,
        rope_theta: 1e4,
        rope_factors: None,
        context: 64,
        tied: true,
    }
}

pub(crate) fn any_model() -> impl Strategy<Value = ModelConfig> {
    (1usize..4, 1usize..3, 1usize..5, 1usize..6).prop_map(|(kv, group, h, f)| model(kv * group, kv, h * 8, f * 8))
}

/// An adapter on all layers; with random B when `trained`.
pub(crate) fn adapter(model: &ModelConfig, rank: usize, alpha: f64, seed: u64, trained: bool) -> (Adapter<Hf>, LoraConfig) {
    let config = LoraConfig { rank, alpha, dropout: 0.0, targets: Site::ALL.to_vec(), rslora: false };
    let mut fresh = Adapter::fresh(config.clone(), model, seed).unwrap();
    if trained {
        for (i, pair) in fresh.pairs.values_mut().enumerate() {
            let a = &pair.a;
            pair.b.iter_mut().enumerate().for_each(|(k, b)| *b = a[(k * 7 + i) % a.len()]);
        }
    }
    (fresh, config)
}
