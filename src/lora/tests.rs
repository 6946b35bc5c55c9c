//! Shapes and adapters for the tests of this module and of those below it.

use proptest::prelude::*;

use crate::lora::{Adapter, Hf, LoraConfig};
use crate::weights::{Family, ModelConfig};

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
        rope_scaling: None,
        context: 64,
        tied: true,
    }
}

pub(crate) fn any_model() -> impl Strategy<Value = ModelConfig> {
    (1usize..4, 1usize..3, 1usize..5, 1usize..6).prop_map(|(kv, group, h, f)| model(kv * group, kv, h * 8, f * 8))
}

/// An adapter on all layers; with random B when `trained`.
pub(crate) fn adapter(
    model: &ModelConfig,
    rank: usize,
    alpha: f64,
    seed: u64,
    trained: bool,
) -> (Adapter<Hf>, LoraConfig) {
    let config = LoraConfig { rank, alpha, ..LoraConfig::default() };
    let mut fresh = Adapter::fresh(config.clone(), &model.spec(), seed).unwrap();
    if trained {
        for (i, pair) in fresh.pairs.values_mut().enumerate() {
            let a = &pair.a;
            pair.b.iter_mut().enumerate().for_each(|(k, b)| *b = a[(k * 7 + i) % a.len()]);
        }
    }
    (fresh, config)
}

/// About normal, as weights are: the sum of four uniform numbers, of variance one.
fn weight(tensor: usize, i: usize) -> f32 {
    let uniform = |k: usize| crate::ops::uniform_at(tensor as u64, (4 * i + k) as u64) as f32 - 0.5;
    (0..4).map(uniform).sum::<f32>() * 3f32.sqrt()
}

/// A Hugging Face folder of that shape: F32, every matrix of other numbers, norms of one.
pub(crate) fn folder(at: &std::path::Path, model: &ModelConfig) -> crate::weights::Weights {
    let mut tensors: Vec<(String, Vec<usize>)> = vec![
        ("model.embed_tokens.weight".into(), vec![model.vocab, model.hidden]),
        ("model.norm.weight".into(), vec![model.hidden]),
    ];
    if !model.tied {
        tensors.push(("lm_head.weight".into(), vec![model.vocab, model.hidden]));
    }
    for (layer, block) in model.spec().blocks.iter().enumerate() {
        for n in &block.norms {
            tensors.push((format!("model.layers.{layer}.{}.weight", n.norm.hf()), vec![n.width]));
        }
        for l in &block.linears {
            let name = format!("model.layers.{layer}.{}", l.site.hf());
            tensors.push((format!("{name}.weight"), vec![l.rows, l.cols]));
            tensors.extend(l.bias.then(|| (format!("{name}.bias"), vec![l.rows])));
        }
    }
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = tensors
        .into_iter()
        .enumerate()
        .map(|(k, (name, shape))| {
            let n: usize = shape.iter().product();
            let value = |i: usize| if shape.len() == 1 { 1.0 } else { 0.1 * weight(k, i) };
            let bytes = (0..n).flat_map(|i| value(i).to_le_bytes()).collect();
            (name, shape, bytes)
        })
        .collect();
    let views = data.iter().map(|(n, s, d)| {
        (n.clone(), safetensors::tensor::TensorView::new(safetensors::Dtype::F32, s.clone(), d).unwrap())
    });
    std::fs::create_dir_all(at).unwrap();
    std::fs::write(at.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    let json = model.to_hf_json("float32", None, None).unwrap();
    std::fs::write(at.join("config.json"), json.to_string()).unwrap();
    crate::weights::Weights::from_hf(at).unwrap()
}
