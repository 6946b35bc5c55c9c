//! What we export against what PEFT, transformers and llama.cpp make of the same base and adapter (tests/oracles/adapters.py).
//!
//! The files are left under target/tmp/exported, where gguf_forward.py and open_everywhere.py find them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tunesmith::export::{self, Floor, Quant, Request};
use tunesmith::gguf::Gguf;
use tunesmith::lora::{Adapter, Hf};
use tunesmith::model::Model;
use tunesmith::ops::Encoding;
use tunesmith::tokenizer::Tokenizer;
use tunesmith::weights::Weights;

use crate::oracle::{Arrays, fixture, folder, max_relative};

const MODELS: [(&str, &str); 5] = [
    ("llama-all", "llama-gqa8"),
    ("headdim-rslora", "llama-headdim"),
    ("rope3-regex", "llama-rope3"),
    ("qwen2-patterns", "qwen2"),
    ("qwen3-all-linear", "qwen3"),
];

fn of_gguf(base: &str) -> (Weights, Tokenizer) {
    let gguf = Gguf::open(fixture(&format!("{base}.f16.gguf"))).unwrap();
    let tokenizer = Tokenizer::from_gguf(&gguf).unwrap();
    (Weights::from_gguf(gguf).unwrap(), tokenizer)
}

fn load(name: &str, weights: &Weights) -> Adapter<Hf> {
    Adapter::load(&fixture(&format!("adapters/{name}")), weights.spec()).unwrap()
}

fn place(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("exported");
    std::fs::create_dir_all(&folder).unwrap();
    folder.join(name)
}

struct Case<'a> {
    name: &'a str,
    weights: &'a Weights,
    tokenizer: &'a Tokenizer,
}

impl Case<'_> {
    /// Exports, leaves our logits over the file beside it, and returns them.
    fn merged(&self, file: &str, quant: Quant, ids: &[u32]) -> Vec<f32> {
        let (output, adapter) = (place(file), load(self.name, self.weights));
        let request = Request {
            weights: self.weights,
            tokenizer: self.tokenizer,
            chat_template: None,
            adapter: &adapter,
            lineage: &[],
            seed: 7,
            output: &output,
            interrupt: Default::default(),
        };
        export::merged_gguf(&request, quant, Floor::Q8_0, &mut |_, _| {}).unwrap_or_else(|e| panic!("{file}: {e}"));
        let weights = Weights::from_gguf(Gguf::open(&output).unwrap()).unwrap();
        let logits = Model::new(&weights, 2).unwrap().logits(None, ids).unwrap();
        let told = serde_json::json!({"ids": ids, "logits": logits});
        std::fs::write(output.with_extension("json"), told.to_string()).unwrap();
        logits
    }
}

#[test]
fn merged_files_answer_as_pefts_merge_does() {
    let golden = Arrays::open("adapters");
    for (name, base) in MODELS {
        let dir = folder(base);
        let (from_gguf, tokenizer) = of_gguf(base);
        let from_folder = Weights::from_hf(dir.path()).unwrap();
        let ids = golden.u32(&format!("{name}.ids"));
        let exact = golden.f32(&format!("{name}.logits"));
        // From a folder of f32 weights `keep` is exact. Elsewhere rounding shows: dithered in f16, since all of these bases'
        // values lie on its grid.
        for (kind, weights) in [("folder", &from_folder), ("gguf", &from_gguf)] {
            let f32 = weights.embedding().encoding == Encoding::F32;
            let case = Case { name, weights, tokenizer: &tokenizer };
            let limits = [
                ("keep", Quant::Keep, if f32 { 1e-4 } else { 5e-3 }),
                ("f16", Quant::F16, 5e-3),
                ("bf16", Quant::Bf16, 3e-2),
                ("q8_0", Quant::Q8_0, 5e-2),
            ];
            for (file, quant, limit) in limits {
                let ours = case.merged(&format!("{name}.{kind}.{file}.gguf"), quant, &ids);
                let error = max_relative(&ours, &exact);
                println!(
                    "parity: {base} ({kind}) + {name} merged to {file}: max|Δ|/max|logit| against PEFT {error:.1e} (limit {limit:.0e})"
                );
                assert!(error <= limit, "{name}.{kind}.{file}: {error:.2e}");
            }
        }
    }
}

/// The LoRA GGUF holds what llama.cpp's convert_lora_to_gguf.py writes, bit for bit, and says the same of itself.
#[test]
fn the_adapter_gguf_is_llama_cpps() {
    for (name, base) in [("llama-all", "llama-gqa8"), ("qwen3-all-linear", "qwen3")] {
        let dir = folder(base);
        let (from_gguf, tokenizer) = of_gguf(base);
        let from_folder = Weights::from_hf(dir.path()).unwrap();
        let theirs = Gguf::open(fixture(&format!("adapters/{name}.lora.gguf"))).unwrap();
        for (kind, weights) in [("folder", &from_folder), ("gguf", &from_gguf)] {
            let (output, adapter) = (place(&format!("{name}.{kind}.lora")), load(name, weights));
            let request = Request {
                weights,
                tokenizer: &tokenizer,
                chat_template: None,
                adapter: &adapter,
                lineage: &[],
                seed: 0,
                output: &output,
                interrupt: Default::default(),
            };
            export::adapter_gguf(&request).unwrap();
            let ours = Gguf::open(&output).unwrap();
            let table = |g: &Gguf| -> BTreeMap<String, (Vec<u64>, u32, Vec<u8>)> {
                g.tensors().iter().map(|t| (t.name.clone(), (t.ne.clone(), t.ty.0, g.bytes(t).to_vec()))).collect()
            };
            assert_eq!(table(&ours), table(&theirs), "{name} ({kind})");
            for key in ["general.architecture", "general.type", "adapter.type", "adapter.lora.alpha"] {
                assert_eq!(ours.metadata().get(key), theirs.metadata().get(key), "{name}: {key}");
            }
        }
    }
}

/// candle-transformers' quantised models, not ours, open the exported files and answer alike. (Its llama ignores
/// `rope_freqs.weight` and takes head_dim for hidden / heads, so those two models are not asked.)
#[test]
fn candle_answers_from_the_exported_files() {
    let golden = Arrays::open("adapters");
    for (name, base) in [("llama-all", "llama-gqa8"), ("qwen2-patterns", "qwen2"), ("qwen3-all-linear", "qwen3")] {
        let (weights, tokenizer) = of_gguf(base);
        let ids = golden.u32(&format!("{name}.ids"));
        for (file, quant, limit) in [("f16", Quant::F16, 1e-3), ("q8_0", Quant::Q8_0, 3e-2)] {
            let name_of_file = format!("candle-{name}.{file}.gguf");
            let ours = Case { name, weights: &weights, tokenizer: &tokenizer }.merged(&name_of_file, quant, &ids);
            let last = &ours[ours.len() - weights.config().vocab..];
            let theirs = candle(&place(&name_of_file), base, &ids);
            let error = max_relative(&theirs, last);
            println!(
                "parity: {base} + {name} merged to {file}: candle-transformers over the file against ours {error:.1e} (limit {limit:.0e})"
            );
            assert!(error <= limit, "{name_of_file}: {error:.2e}");
        }
    }
}

/// The last position's logits by candle-transformers.
fn candle(path: &Path, base: &str, ids: &[u32]) -> Vec<f32> {
    use candle_core::{Device, Tensor, quantized::gguf_file::Content};
    use candle_transformers::models::{quantized_llama, quantized_qwen2, quantized_qwen3};

    let mut file = std::fs::File::open(path).unwrap();
    let content = Content::read(&mut file).unwrap();
    let (cpu, ids) = (Device::Cpu, Tensor::new(ids, &Device::Cpu).unwrap().unsqueeze(0).unwrap());
    let logits = match base {
        "qwen2" => quantized_qwen2::ModelWeights::from_gguf(content, &mut file, &cpu).unwrap().forward(&ids, 0),
        "qwen3" => quantized_qwen3::ModelWeights::from_gguf(content, &mut file, &cpu).unwrap().forward(&ids, 0),
        _ => quantized_llama::ModelWeights::from_gguf(content, &mut file, &cpu).unwrap().forward(&ids, 0),
    };
    logits.unwrap().flatten_all().unwrap().to_vec1().unwrap()
}
