//! Adapters between PEFT and here (tests/oracles/adapters.py, load_in_peft.py).

use std::path::Path;

use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Hf};
use tunesmith::model::Model;
use tunesmith::weights::Weights;

use crate::oracle::{Arrays, fixture, folder, max_relative};

/// name, base
const ADAPTERS: [(&str, &str); 6] = [
    ("llama-all", "llama-gqa8"),
    ("headdim-rslora", "llama-headdim"),
    ("rope3-regex", "llama-rope3"),
    ("tied-layer1", "llama-tied"),
    ("qwen2-patterns", "qwen2"),
    ("qwen3-all-linear", "qwen3"),
];

fn load(name: &str, weights: &Weights) -> Adapter<Hf> {
    Adapter::load(&fixture(&format!("adapters/{name}")), weights.spec()).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn logits(weights: &Weights, adapter: &Adapter<Hf>, ids: &[u32]) -> Vec<f32> {
    Model::new(weights, 2).unwrap().logits(Some(&adapter.to_stored(weights)), ids).unwrap()
}

#[test]
fn adapters_made_by_peft_answer_here_as_there() {
    let golden = Arrays::open("adapters");
    for (name, base) in ADAPTERS {
        let dir = folder(base);
        let from_folder = Weights::from_hf(dir.path()).unwrap();
        let from_gguf = Weights::from_gguf(Gguf::open(fixture(&format!("{base}.f16.gguf"))).unwrap()).unwrap();
        for (kind, weights) in [("folder", &from_folder), ("f16 GGUF", &from_gguf)] {
            let ours = logits(weights, &load(name, weights), &golden.u32(&format!("{name}.ids")));
            let error = max_relative(&ours, &golden.f32(&format!("{name}.logits")));
            println!(
                "parity: logits of {base} ({kind}) with PEFT's adapter {name}: max|Δ|/max|logit| {error:.1e} (limit 1e-4)"
            );
            assert!(error <= 1e-4, "{name} on {kind}: {error:.2e}");
        }
    }
}

/// What we save holds the very tensors PEFT saved, and `load_in_peft.py` takes it from there: this test leaves base, adapter
/// and our logits for it under the target folder.
#[test]
fn adapters_saved_here_hold_what_peft_saved() {
    let golden = Arrays::open("adapters");
    for (name, base) in ADAPTERS {
        let dir = folder(base);
        let weights = Weights::from_hf(dir.path()).unwrap();
        let adapter = load(name, &weights);
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load_in_peft").join(name);
        adapter.save(&out.join("adapter"), "tiny").unwrap();
        let again = Adapter::load(&out.join("adapter"), weights.spec()).unwrap();
        assert_eq!(again.pairs, adapter.pairs, "{name}");
        let (ours, theirs) = (
            Arrays::at(&out.join("adapter/adapter_model.safetensors")),
            Arrays::at(&fixture(&format!("adapters/{name}/adapter_model.safetensors"))),
        );
        let sorted = |a: &Arrays| {
            let mut n = a.names();
            n.sort();
            n
        };
        assert_eq!(sorted(&ours), sorted(&theirs), "{name}");
        for key in theirs.names() {
            assert_eq!((ours.shape(&key), ours.f32(&key)), (theirs.shape(&key), theirs.f32(&key)), "{name}: {key}");
        }
        let ids = golden.u32(&format!("{name}.ids"));
        let told = serde_json::json!({"base": base, "ids": ids, "logits": logits(&weights, &again, &ids)});
        std::fs::write(out.join("ours.json"), told.to_string()).unwrap();
    }
}
