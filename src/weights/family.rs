//! The tables: the names of linear layers and norms, and what distinguishes one architecture from another.

use std::path::Path;

use super::WeightsError;

/// The linear layers that a decoder block may have, in PEFT's names (`q_proj` …). A new one is added at the end: the random
/// numbers of a fresh adapter depend on the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub enum Site {
    Q,
    K,
    V,
    O,
    Gate,
    Up,
    Down,
}

impl Site {
    pub const ALL: [Self; 7] = [Self::Q, Self::K, Self::V, Self::O, Self::Gate, Self::Up, Self::Down];

    /// `q_proj` …
    pub fn module(self) -> &'static str {
        self.names().0
    }

    /// `self_attn.q_proj` … inside `model.layers.N.`
    pub fn hf(self) -> &'static str {
        self.names().1
    }

    /// `attn_q` … inside `blk.N.`
    pub fn gguf(self) -> &'static str {
        self.names().2
    }

    fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Q => ("q_proj", "self_attn.q_proj", "attn_q"),
            Self::K => ("k_proj", "self_attn.k_proj", "attn_k"),
            Self::V => ("v_proj", "self_attn.v_proj", "attn_v"),
            Self::O => ("o_proj", "self_attn.o_proj", "attn_output"),
            Self::Gate => ("gate_proj", "mlp.gate_proj", "ffn_gate"),
            Self::Up => ("up_proj", "mlp.up_proj", "ffn_up"),
            Self::Down => ("down_proj", "mlp.down_proj", "ffn_down"),
        }
    }
}

/// One linear layer of the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LinearId {
    pub layer: usize,
    pub site: Site,
}

/// The norms of a block, and the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Norm {
    /// Before the attention.
    Attn,
    /// Before the feed-forward.
    Ffn,
    /// Of each head of the queries, before they are rotated.
    Q,
    /// Of each head of the keys, before they are rotated.
    K,
    /// Before the head.
    Output,
}

impl Norm {
    /// The norms that a block may have.
    pub(super) const BLOCK: [Self; 4] = [Self::Attn, Self::Ffn, Self::Q, Self::K];

    /// `input_layernorm` … inside `model.layers.N.`
    pub fn hf(self) -> &'static str {
        self.names().0
    }

    /// (Hugging Face inside `model.layers.N.`, GGUF inside `blk.N.`); the whole names for `Output`.
    pub(super) fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Attn => ("input_layernorm", "attn_norm"),
            Self::Ffn => ("post_attention_layernorm", "ffn_norm"),
            Self::Q => ("self_attn.q_norm", "attn_q_norm"),
            Self::K => ("self_attn.k_norm", "attn_k_norm"),
            Self::Output => ("model.norm", "output_norm"),
        }
    }
}

/// What a feed-forward does to its gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Silu,
}

impl Activation {
    /// `hidden_act` of config.json: what is written, then what is also read.
    pub(super) fn names(self) -> &'static [&'static str] {
        match self {
            Self::Silu => &["silu", "swish"],
        }
    }
}

/// What distinguishes an architecture, as data.
#[derive(Debug, PartialEq)]
pub struct Family {
    /// `general.architecture`
    pub gguf: &'static str,
    /// `architectures[0]` of config.json
    pub hf: &'static [&'static str],
    /// `model_type` of config.json, in the order of `hf`
    pub model_types: &'static [&'static str],
    pub activation: Activation,
    pub qkv_bias: bool,
    pub qk_norm: bool,
    /// ggml stores q/k rows permuted.
    pub permuted_qk: bool,
    /// llama.cpp reads `rope_freqs.weight` for it.
    pub rope_factors: bool,
    /// `head_dim` where config.json has none; None: hidden / heads. (transformers 5.23, class defaults)
    pub head_dim: Option<usize>,
}

/// Every architecture that can be trained.
pub fn families() -> &'static [Family] {
    &[
        Family {
            gguf: "llama",
            hf: &["LlamaForCausalLM", "MistralForCausalLM"],
            model_types: &["llama", "mistral"],
            activation: Activation::Silu,
            qkv_bias: false,
            qk_norm: false,
            permuted_qk: true,
            rope_factors: true,
            head_dim: None,
        },
        Family {
            gguf: "qwen2",
            hf: &["Qwen2ForCausalLM"],
            model_types: &["qwen2"],
            activation: Activation::Silu,
            qkv_bias: true,
            qk_norm: false,
            permuted_qk: false,
            rope_factors: false,
            head_dim: None,
        },
        Family {
            gguf: "qwen3",
            hf: &["Qwen3ForCausalLM"],
            model_types: &["qwen3"],
            activation: Activation::Silu,
            qkv_bias: false,
            qk_norm: true,
            permuted_qk: false,
            rope_factors: false,
            head_dim: Some(128),
        },
    ]
}

impl Family {
    /// By `general.architecture`.
    pub fn named(gguf: &str) -> Option<&'static Self> {
        families().iter().find(|f| f.gguf == gguf)
    }

    pub(super) fn of_gguf(name: &str, path: &Path) -> Result<&'static Self, WeightsError> {
        Self::named(name).ok_or_else(|| unknown(name, path))
    }

    /// By `architectures[0]`, or by `model_type` where the file names no class.
    pub(super) fn of_hf(
        class: Option<&str>,
        model_type: Option<&str>,
        path: &Path,
    ) -> Result<&'static Self, WeightsError> {
        let found = match (class, model_type) {
            (Some(class), _) => families().iter().find(|f| f.hf.contains(&class)),
            (None, Some(model_type)) => families().iter().find(|f| f.model_types.contains(&model_type)),
            (None, None) => None,
        };
        found.ok_or_else(|| unknown(class.or(model_type).unwrap_or("none named"), path))
    }
}

fn unknown(found: &str, path: &Path) -> WeightsError {
    let known = families().iter().map(|f| format!("{} ({})", f.gguf, f.hf.join(", "))).collect::<Vec<_>>().join(", ");
    WeightsError::UnknownArchitecture { path: path.to_path_buf(), found: found.to_owned(), known }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_site_has_three_names_of_its_own() {
        for site in Site::ALL {
            assert!(site.hf().ends_with(site.module()));
        }
        for name in [Site::module, Site::hf, Site::gguf] {
            let names: BTreeSet<_> = Site::ALL.into_iter().map(name).collect();
            assert_eq!(names.len(), Site::ALL.len(), "{names:?}");
        }
    }

    #[test]
    fn an_unknown_architecture_is_told_the_known_ones() {
        let e = Family::of_gguf("phi3", Path::new("m.gguf")).unwrap_err().to_string();
        assert!(e.contains("phi3") && e.contains("qwen3") && e.contains("MistralForCausalLM"), "{e}");
        let e = Family::of_hf(Some("Gemma2ForCausalLM"), Some("llama"), Path::new("x")).unwrap_err().to_string();
        assert!(e.contains("Gemma2ForCausalLM"), "{e}");
        assert_eq!(Family::of_hf(None, Some("mistral"), Path::new("x")).unwrap().gguf, "llama");
    }
}
