//! Bases of every family in small, whole enough for a daemon: random weights by the oracles' formula under the tokenizers
//! of tests/fixtures/tokenizers and chat templates as the families have them.

use std::path::{Path, PathBuf};

use half::bf16;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::{Value as Json, json};
use tempfile::TempDir;
use tunesmith::base::{Base, Resolver};
use tunesmith::export::{self, Floor, Quant};
use tunesmith::gguf::{self, Gguf, GgufError, Metadata, PlannedTensor, TensorInfo};
use tunesmith::lora::{Adapter, LoraConfig};
use tunesmith::store::Interrupt;
use tunesmith::tokenizer::Tokenizer;

use crate::oracle::values;

#[derive(Clone, Copy, Debug)]
pub struct Tiny {
    pub name: &'static str,
    pub class: &'static str,
    pub model_type: &'static str,
    pub layers: usize,
    pub hidden: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub tied: bool,
    /// Llama 3's rotary scaling, in reach of short prompts.
    pub llama3: bool,
    pub tokenizer: &'static str,
    /// Texts of special tokens beside the tokenizer's own `<bos>` and `<eot>`; the first of them is the eos, if any.
    pub specials: &'static [&'static str],
    pub template: &'static str,
    /// Answers hold halves of characters too.
    pub halves: bool,
}

const CHATML: &[&str] = &["<|im_end|>", "<|im_start|>"];

const LLAMA: Tiny = Tiny {
    name: "",
    class: "LlamaForCausalLM",
    model_type: "llama",
    layers: 2,
    hidden: 64,
    heads: 4,
    kv_heads: 2,
    head_dim: 16,
    tied: false,
    llama3: false,
    tokenizer: "",
    specials: CHATML,
    template: "chatml",
    halves: false,
};

/// Biases on q, k and v; the head is the embedding.
pub const QWEN2: Tiny = Tiny {
    name: "qwen2",
    class: "Qwen2ForCausalLM",
    model_type: "qwen2",
    tied: true,
    tokenizer: "qwen2",
    template: "chatml-default-system",
    ..LLAMA
};

/// Norms on q and k; heads wider than hidden / heads.
pub const QWEN3: Tiny = Tiny {
    name: "qwen3",
    class: "Qwen3ForCausalLM",
    model_type: "qwen3",
    head_dim: 32,
    tokenizer: "qwen2",
    specials: &["<|im_end|>", "<|im_start|>", "<think>", "</think>"],
    template: "think",
    ..LLAMA
};

/// Llama 3.2: rotary factors, a tied head, a BOS that template and tokenizer both write.
pub const LLAMA3: Tiny = Tiny {
    name: "llama3",
    tied: true,
    llama3: true,
    tokenizer: "llama-bpe",
    specials: &["<|eot_id|>", "<|start_header_id|>", "<|end_header_id|>"],
    template: "header",
    ..LLAMA
};

/// Eight heads share one of keys and values.
pub const GQA8: Tiny = Tiny { name: "gqa8", heads: 8, kv_heads: 1, head_dim: 8, tokenizer: "smollm", ..LLAMA };

/// Three heads of 32 on a hidden size of 64.
pub const HEAD_DIM: Tiny = Tiny {
    name: "head-dim",
    heads: 3,
    kv_heads: 3,
    head_dim: 32,
    tokenizer: "gpt-2",
    specials: &["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"],
    template: "phi",
    ..LLAMA
};

/// SentencePiece with a BOS.
pub const MISTRAL: Tiny = Tiny {
    name: "mistral",
    class: "MistralForCausalLM",
    model_type: "mistral",
    tokenizer: "spm",
    specials: &[],
    template: "inst-folded",
    ..LLAMA
};

/// SentencePiece as newer folders write it, without a BOS.
pub const METASPACE: Tiny =
    Tiny { name: "metaspace", tokenizer: "spm-metaspace", specials: &[], template: "zephyr", ..LLAMA };

const FF: usize = 96;

impl Tiny {
    /// As a Hugging Face folder.
    pub fn folder(&self) -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        self.write_tokenizer(dir.path());
        let tokenizer = Tokenizer::from_folder(dir.path()).unwrap();
        // More rows than tokens, as Qwen's embeddings have.
        let rows = (tokenizer.vocab_size() + 1).next_multiple_of(32);
        std::fs::write(dir.path().join("config.json"), self.config(rows).to_string()).unwrap();
        self.write_weights(dir.path(), rows, &tokenizer);
        dir
    }

    /// As a GGUF in f16, with its tokenizer and chat template.
    pub fn gguf(&self, to: &Path) {
        let folder = self.folder();
        let base = Self::open(folder.path());
        let request = export::Request {
            weights: &base.weights,
            tokenizer: &base.tokenizer,
            chat_template: Some(base.template.source()),
            // As it begins, it changes nothing.
            adapter: &Adapter::fresh(LoraConfig::default(), base.weights.spec(), 1).unwrap(),
            lineage: &[],
            seed: 1,
            output: to,
            interrupt: Interrupt::default(),
        };
        export::merged_gguf(&request, Quant::F16, Floor::Q8_0, &mut |_, _| {}).unwrap();
    }

    pub fn open(path: &Path) -> Base {
        Resolver::default().open(path.to_str().unwrap()).unwrap()
    }

    fn write_tokenizer(&self, to: &Path) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folder = fixtures.join("tokenizers").join(self.tokenizer);
        let read = |name: &str| -> Json {
            serde_json::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap()
        };
        let (mut tokenizer, mut config) = (read("tokenizer.json"), read("tokenizer_config.json"));
        let first = tokenizer["model"]["vocab"].as_object().unwrap().len();
        let added = tokenizer["added_tokens"].as_array_mut().unwrap();
        for (i, text) in self.specials.iter().enumerate() {
            let mut token = added[0].clone();
            (token["id"], token["content"]) = (json!(first + i), json!(text));
            added.push(token);
        }
        if let Some(eos) = self.specials.first() {
            config["eos_token"] = json!(eos);
        }
        std::fs::write(to.join("tokenizer.json"), tokenizer.to_string()).unwrap();
        std::fs::write(to.join("tokenizer_config.json"), config.to_string()).unwrap();
        let template = fixtures.join("chat_templates").join(format!("{}.jinja", self.template));
        std::fs::copy(template, to.join("chat_template.jinja")).unwrap();
    }

    fn config(&self, rows: usize) -> Json {
        let mut config = json!({
            "architectures": [self.class],
            "model_type": self.model_type,
            "vocab_size": rows,
            "hidden_size": self.hidden,
            "intermediate_size": FF,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "max_position_embeddings": 2048,
            "rms_norm_eps": 1e-6,
            "rope_theta": 10000.0,
            "tie_word_embeddings": self.tied,
        });
        if self.llama3 {
            config["rope_scaling"] = json!({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
                "high_freq_factor": 4.0, "original_max_position_embeddings": 64});
        }
        config
    }

    /// (name, shape, offset, scale): scales keep every layer's output and the logits at a spread of about 2.
    fn tensors(&self, rows: usize) -> Vec<(String, Vec<usize>, f32, f32)> {
        let (h, q, kv) = (self.hidden, self.heads * self.head_dim, self.kv_heads * self.head_dim);
        let unit = |cols: usize| (3.0 / cols as f32).sqrt();
        let matrix = |name: &str, rows: usize, cols: usize, gain: f32| {
            (format!("{name}.weight"), vec![rows, cols], 0.0, gain * unit(cols))
        };
        let norm = |name: &str, n: usize| (format!("{name}.weight"), vec![n], 1.0, 0.25);
        let mut all = vec![matrix("model.embed_tokens", rows, h, 2.0)];
        for layer in 0..self.layers {
            let of = |name: &str| format!("model.layers.{layer}.{name}");
            for (name, n, gain) in [("q", q, 1.5), ("k", kv, 1.5), ("v", kv, 1.0)] {
                all.push(matrix(&of(&format!("self_attn.{name}_proj")), n, h, gain));
                if self.model_type == "qwen2" {
                    all.push((of(&format!("self_attn.{name}_proj.bias")), vec![n], 0.0, gain));
                }
            }
            all.push(matrix(&of("self_attn.o_proj"), h, q, 1.0));
            all.push(matrix(&of("mlp.gate_proj"), FF, h, 1.0));
            all.push(matrix(&of("mlp.up_proj"), FF, h, 1.0));
            all.push(matrix(&of("mlp.down_proj"), h, FF, 1.0));
            all.push(norm(&of("input_layernorm"), h));
            all.push(norm(&of("post_attention_layernorm"), h));
            if self.model_type == "qwen3" {
                all.push(norm(&of("self_attn.q_norm"), self.head_dim));
                all.push(norm(&of("self_attn.k_norm"), self.head_dim));
            }
        }
        all.push(norm("model.norm", h));
        if !self.tied {
            all.push(matrix("lm_head", rows, h, 2.0));
        }
        all
    }

    fn write_weights(&self, to: &Path, rows: usize, tokenizer: &Tokenizer) {
        let head = if self.tied { "model.embed_tokens.weight" } else { "lm_head.weight" };
        let data = self.tensors(rows).into_iter().map(|(name, shape, offset, scale)| {
            let mut all = values(&format!("{}/{name}", self.name), shape.iter().product(), offset, scale);
            if name == head {
                let quiet = |id: &usize| !self.is_answer(tokenizer, *id as u32);
                for id in (0..rows).filter(quiet) {
                    all[id * self.hidden..(id + 1) * self.hidden].iter_mut().for_each(|v| *v *= 0.1);
                }
            }
            let bytes: Vec<u8> = all.iter().flat_map(|v| bf16::from_f32(*v).to_le_bytes()).collect();
            (name, shape, bytes)
        });
        let data: Vec<_> = data.collect();
        let view = |shape: &Vec<usize>, bytes| TensorView::new(Dtype::BF16, shape.clone(), bytes).unwrap();
        let views = data.iter().map(|(name, shape, bytes)| (name, view(shape, bytes)));
        std::fs::write(to.join("model.safetensors"), safetensors::serialize(views, None).unwrap()).unwrap();
    }

    /// What a trained model would write: no special token, no row without a token, no half of a character.
    fn is_answer(&self, tokenizer: &Tokenizer, id: u32) -> bool {
        let special = tokenizer.token_text(id).is_none_or(|t| t.starts_with('<') && t.len() > 1);
        let whole = |bytes: Vec<u8>| self.halves || std::str::from_utf8(&bytes).is_ok();
        !special && tokenizer.token_bytes(id).is_some_and(whole)
    }
}

/// A GGUF with something changed in it.
pub fn changed(
    file: &Path,
    to: PathBuf,
    change: impl FnOnce(&mut Metadata, &mut Vec<(PlannedTensor, Vec<u8>)>),
) -> PathBuf {
    let gguf = Gguf::open(file).unwrap();
    let planned = |t: &TensorInfo| PlannedTensor { name: t.name.clone(), ne: t.ne.clone(), ty: t.ty };
    let mut tensors: Vec<_> = gguf.tensors().iter().map(|t| (planned(t), gguf.bytes(t).to_vec())).collect();
    let mut metadata = gguf.metadata().clone();
    change(&mut metadata, &mut tensors);
    let plan: Vec<_> = tensors.iter().map(|t| t.0.clone()).collect();
    gguf::write(&to, &metadata, &plan, |i, out| {
        out.extend(&tensors[i].1);
        Ok::<_, GgufError>(())
    })
    .unwrap();
    to
}
