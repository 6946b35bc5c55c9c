//! The same model from a Hugging Face folder and from llama.cpp's GGUF of it is the same numbers, tensor by tensor.

use tunesmith::gguf::Gguf;
use tunesmith::lora::unpermute_rows;
use tunesmith::ops::{RowOrder, WeightRef, decode};
use tunesmith::weights::{LinearId, Norm, Site, Weights};

use crate::oracle::{fixture, folder};

const MODELS: [&str; 6] = ["llama-gqa8", "llama-headdim", "llama-rope3", "llama-tied", "qwen2", "qwen3"];

fn floats(weight: WeightRef<'_>) -> Vec<f32> {
    let mut out = vec![0.0; weight.rows * weight.cols];
    decode(weight.encoding, weight.bytes, &mut out);
    out
}

fn in_hf_rows(weights: &Weights, id: LinearId) -> Vec<f32> {
    let (weight, config) = (weights.linear(id), weights.config());
    let heads = if id.site == Site::Q { config.heads } else { config.kv_heads };
    match weight.row_order {
        RowOrder::Hf => floats(weight),
        RowOrder::Ggml => unpermute_rows(&floats(weight), heads, weight.cols),
    }
}

#[test]
fn a_gguf_holds_the_folders_numbers() {
    for name in MODELS {
        let dir = folder(name);
        let hf = Weights::from_hf(dir.path()).unwrap();
        let gguf = Weights::from_gguf(Gguf::open(fixture(&format!("{name}.f16.gguf"))).unwrap()).unwrap();
        let (a, b) = (hf.config(), gguf.config());
        assert_eq!(
            (a.hidden, a.layers, a.heads, a.kv_heads, a.head_dim, a.ff, a.vocab),
            (b.hidden, b.layers, b.heads, b.kv_heads, b.head_dim, b.ff, b.vocab),
            "{name}"
        );
        assert_eq!(
            (a.family.gguf, a.rms_eps, a.rope_theta, a.context, a.tied),
            (b.family.gguf, b.rms_eps, b.rope_theta, b.context, b.tied),
            "{name}"
        );
        match (&a.rope_factors, &b.rope_factors) {
            (Some(a), Some(b)) => assert!(
                a.len() == b.len() && a.iter().zip(b).all(|(x, y)| (x / y - 1.0).abs() < 1e-5),
                "{name}: {a:?} {b:?}"
            ),
            (a, b) => assert_eq!(a, b, "{name}"),
        }
        assert_eq!(floats(hf.embedding()), floats(gguf.embedding()), "{name}");
        assert_eq!(floats(hf.head()), floats(gguf.head()), "{name}");
        assert_eq!(hf.norm(0, Norm::Output), gguf.norm(0, Norm::Output), "{name}");
        let mut permuted = 0;
        for layer in 0..a.layers {
            for norm in [Norm::Attn, Norm::Ffn, Norm::Q, Norm::K] {
                assert_eq!(hf.norm(layer, norm), gguf.norm(layer, norm), "{name}: {norm:?} of {layer}");
            }
            for site in Site::ALL {
                let id = LinearId { layer, site };
                assert_eq!(in_hf_rows(&hf, id), in_hf_rows(&gguf, id), "{name}: {id:?}");
                assert_eq!(hf.bias(id), gguf.bias(id), "{name}: {id:?}");
                permuted += usize::from(gguf.linear(id).row_order == RowOrder::Ggml);
            }
        }
        assert_eq!(
            permuted,
            if a.family.gguf == "llama" { 2 * a.layers } else { 0 },
            "{name}: q and k of llama alone are permuted"
        );
    }
}
