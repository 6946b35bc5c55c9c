//! What config.json and a GGUF's metadata say of a model's shape, and the same written again.

use std::path::Path;

use serde_json::json;

use super::{Family, RopeScaling, WeightsError, rope};
use crate::gguf::{Metadata, Value};

/// The shape of one model, as its files say it; [`ModelConfig::spec`] is what it computes. All lengths in elements.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelConfig {
    pub family: &'static Family,
    pub hidden: usize,
    pub layers: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub ff: usize,
    pub vocab: usize,
    pub rms_eps: f32,
    pub rope_theta: f32,
    /// Divisors of the rotary frequencies, head_dim/2 of them, that a GGUF holds in a tensor (Llama 3's scaling), if any.
    pub rope_factors: Option<Vec<f32>>,
    /// A scaling besides, if any.
    pub rope_scaling: Option<RopeScaling>,
    pub context: usize,
    /// The head is the embedding.
    pub tied: bool,
}

/// No model of today comes near; what is beyond is a broken file, and would overflow later.
const MAX_LENGTH: usize = 1 << 24;
const MAX_LAYERS: usize = 4096;
/// Positions are counted in 32 bits, and f32 holds whole numbers up to here.
const MAX_CONTEXT: usize = 1 << 24;

impl ModelConfig {
    /// Whether the lengths make sense together.
    pub(super) fn check(&self, path: &Path) -> Result<(), WeightsError> {
        let bad = |reason: String| Err(WeightsError::bad(path, reason));
        for (name, n) in [
            ("hidden size", self.hidden),
            ("feed-forward size", self.ff),
            ("vocabulary size", self.vocab),
            ("number of heads", self.heads),
            ("number of key/value heads", self.kv_heads),
            ("head size", self.head_dim),
            ("context length", self.context),
        ] {
            let most = if name == "context length" { MAX_CONTEXT } else { MAX_LENGTH };
            if n == 0 || n > most {
                return bad(format!("the {name} is {n}, expected 1 to {most}"));
            }
        }
        if self.layers == 0 || self.layers > MAX_LAYERS {
            return bad(format!("the number of layers is {}, expected 1 to {MAX_LAYERS}", self.layers));
        }
        if !self.heads.is_multiple_of(self.kv_heads) {
            return bad(format!("{} heads can't share {} key/value heads evenly", self.heads, self.kv_heads));
        }
        if !self.head_dim.is_multiple_of(2) {
            return bad(format!("the head size {} is odd, and rotary positions turn pairs", self.head_dim));
        }
        if !(self.rms_eps > 0.0 && self.rms_eps < 1.0) {
            return bad(format!("the epsilon of the norms is {}, expected more than 0 and less than 1", self.rms_eps));
        }
        if !(self.rope_theta.is_finite() && self.rope_theta > 1.0) {
            return bad(format!("the rotary base is {}, expected more than 1", self.rope_theta));
        }
        match self.rope_scaling {
            Some(RopeScaling::Linear { factor }) if !(factor.is_finite() && factor > 0.0) => {
                return bad(format!("the rotary scaling's factor is {factor}, expected a positive number"));
            }
            Some(RopeScaling::Yarn { factor, original_context, attention_factor }) => {
                if !(factor.is_finite() && factor >= 1.0) {
                    return bad(format!("the rotary scaling's factor is {factor}, expected 1 or more"));
                }
                if !(attention_factor.is_finite() && attention_factor > 0.0) {
                    return bad(format!("the attention factor is {attention_factor}, expected a positive number"));
                }
                if original_context == 0 || original_context > MAX_CONTEXT {
                    return bad(format!(
                        "the original context length is {original_context}, expected 1 to {MAX_CONTEXT}"
                    ));
                }
            }
            _ => {}
        }
        if let Some(factors) = &self.rope_factors {
            let half = self.head_dim / 2;
            if factors.len() != half {
                return bad(format!(
                    "{} rotary factors were found, expected {half} (half the head size)",
                    factors.len()
                ));
            }
            if let Some(f) = factors.iter().find(|f| !(f.is_finite() && **f > 0.0)) {
                return bad(format!("a rotary factor is {f}, expected a positive number"));
            }
        }
        Ok(())
    }

    /// The architecture's keys of a GGUF made from a Hugging Face folder (what llama.cpp's converter
    /// writes). The rotary factors go into the tensor `rope_freqs.weight`; name, file type and tokenizer are the
    /// exporter's.
    pub fn to_gguf_metadata(&self) -> Metadata {
        let a = self.family.gguf;
        let count = |n: usize| Value::U32(u32::try_from(n).unwrap_or(u32::MAX));
        let mut m = Metadata::from([
            ("general.architecture".to_owned(), Value::String(a.to_owned())),
            ("general.type".to_owned(), Value::String("model".to_owned())),
            ("general.quantization_version".to_owned(), Value::U32(2)),
        ]);
        for (key, value) in [
            ("block_count", count(self.layers)),
            ("context_length", count(self.context)),
            ("embedding_length", count(self.hidden)),
            ("feed_forward_length", count(self.ff)),
            ("attention.head_count", count(self.heads)),
            ("attention.head_count_kv", count(self.kv_heads)),
            ("attention.key_length", count(self.head_dim)),
            ("attention.value_length", count(self.head_dim)),
            ("attention.layer_norm_rms_epsilon", Value::F32(self.rms_eps)),
            ("rope.freq_base", Value::F32(self.rope_theta)),
        ] {
            m.insert(format!("{a}.{key}"), value);
        }
        if let Some(scaling) = self.rope_scaling {
            m.extend(rope_keys(scaling).into_iter().map(|(key, value)| (format!("{a}.rope.scaling.{key}"), value)));
        }
        if self.family.permuted_qk {
            m.insert(format!("{a}.rope.dimension_count"), count(self.head_dim));
            m.insert(format!("{a}.vocab_size"), count(self.vocab));
        }
        m
    }

    /// config.json of a Hugging Face folder made from this model. `bos`, `eos`: token ids. `None` when the rotary
    /// factors are none of the published scalings, for which config.json has no words.
    pub fn to_hf_json(&self, dtype: &str, bos: Option<u32>, eos: Option<u32>) -> Option<serde_json::Value> {
        let mut json = json!({
            "architectures": [self.family.hf[0]],
            "model_type": self.family.model_types[0],
            "hidden_size": self.hidden,
            "intermediate_size": self.ff,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "vocab_size": self.vocab,
            "hidden_act": self.family.activation.names()[0],
            "max_position_embeddings": self.context,
            "rms_norm_eps": shortest(self.rms_eps),
            "rope_theta": shortest(self.rope_theta),
            "rope_scaling": null,
            "tie_word_embeddings": self.tied,
            "attention_bias": self.family.qkv_bias,
            "torch_dtype": dtype,
            "bos_token_id": bos,
            "eos_token_id": eos,
            "use_cache": true,
        });
        match (&self.rope_factors, self.rope_scaling) {
            (Some(factors), None) => json["rope_scaling"] = rope::name_of(factors, self.head_dim, self.rope_theta)?,
            (None, Some(scaling)) => json["rope_scaling"] = scaling.to_hf_json(),
            (Some(_), Some(_)) => return None,
            (None, None) => {}
        }
        Some(json)
    }
}

/// The keys below `rope.scaling.`, as llama.cpp's converter writes them and its reader reads them.
fn rope_keys(scaling: RopeScaling) -> Vec<(&'static str, Value)> {
    match scaling {
        RopeScaling::Linear { factor } => {
            vec![("type", Value::String("linear".to_owned())), ("factor", Value::F32(factor))]
        }
        RopeScaling::Yarn { factor, original_context, attention_factor } => {
            // llama.cpp multiplies by the usual factor itself.
            let usual = rope::yarn_attention(factor.into(), 1.0) as f32;
            let mut keys = vec![
                ("type", Value::String("yarn".to_owned())),
                ("factor", Value::F32(factor)),
                ("original_context_length", Value::U32(u32::try_from(original_context).unwrap_or(u32::MAX))),
            ];
            if attention_factor != usual {
                keys.push(("attn_factor", Value::F32(attention_factor / usual)));
            }
            keys
        }
    }
}

/// 1e-5 as people write it, not as the nearest f64 of an f32.
fn shortest(x: f32) -> f64 {
    x.to_string().parse().unwrap_or_else(|_| x.into())
}
