//! The shape of a model from GGUF metadata.

use super::{Family, ModelConfig, RopeScaling, WeightsError, rope};
use crate::gguf::{GgmlType, Gguf, Value};

/// Keys of features that are not computed; a zero (or false) there means off.
const REFUSED: &[(&str, &str)] = &[
    ("expert_count", "a mixture of experts"),
    ("attn_logit_softcapping", "soft-capped attention"),
    ("final_logit_softcapping", "soft-capped logits"),
    ("logit_scale", "scaled logits"),
    ("embedding_scale", "a scaled embedding"),
    ("residual_scale", "scaled residuals"),
    ("attention.scale", "its own attention scale"),
    ("attention.clamp_kqv", "clamped attention inputs"),
    ("use_parallel_residual", "parallel residuals"),
];

/// Reads and checks everything but the tensors' shapes.
pub(super) fn read(gguf: &Gguf) -> Result<ModelConfig, WeightsError> {
    one_file(gguf)?;
    let family = Family::of_gguf(gguf.architecture()?, gguf.path())?;
    let keys = Keys { gguf, arch: family.gguf };
    keys.refuse()?;
    let (hidden, heads) = (keys.length("embedding_length")?, keys.length("attention.head_count")?);
    let or_heads = || hidden.checked_div(heads).unwrap_or(0);
    let head_dim = keys.optional("attention.key_length")?.unwrap_or_else(or_heads);
    for (key, what) in [("attention.value_length", "value heads"), ("rope.dimension_count", "rotated parts of heads")] {
        if let Some(n) = keys.optional(key)?.filter(|n| *n != head_dim) {
            return Err(keys.unsupported(&format!("{what} of {n} elements while its heads have {head_dim}")));
        }
    }
    let embedding = gguf.tensor("token_embd.weight").ok_or_else(|| missing(gguf, "token_embd.weight"))?;
    let context = keys.length("context_length")?;
    let config = ModelConfig {
        family,
        hidden,
        layers: keys.length("block_count")?,
        heads,
        kv_heads: keys.optional("attention.head_count_kv")?.unwrap_or(heads),
        head_dim,
        ff: keys.length("feed_forward_length")?,
        vocab: embedding.ne.get(1).map_or(0, |&n| usize::try_from(n).unwrap_or(usize::MAX)),
        rms_eps: gguf.f64(&keys.name("attention.layer_norm_rms_epsilon"))? as f32,
        // ggml's default where the key is absent
        rope_theta: if keys.has("rope.freq_base") { gguf.f64(&keys.name("rope.freq_base"))? as f32 } else { 10_000.0 },
        rope_factors: keys.rope_factors(head_dim)?,
        rope_scaling: keys.rope_scaling(context)?,
        // Within the window every position sees all before it, so the model is the plain one there.
        context: keys.optional("attention.sliding_window")?.filter(|w| *w > 0).map_or(context, |w| context.min(w)),
        tied: gguf.tensor("output.weight").is_none(),
    };
    config.check(gguf.path())?;
    keys.vocabulary(&config)?;
    Ok(config)
}

fn missing(gguf: &Gguf, tensor: &str) -> WeightsError {
    WeightsError::bad(gguf.path(), format!("the tensor {tensor} is missing"))
}

fn one_file(gguf: &Gguf) -> Result<(), WeightsError> {
    let kind = gguf.metadata().get("general.type").and_then(Value::as_str).unwrap_or("model");
    if kind != "model" {
        return Err(WeightsError::bad(gguf.path(), format!("it holds an {kind}, not a model; give the model itself")));
    }
    match gguf.metadata().get("split.count").and_then(Value::as_u64) {
        Some(n) if n > 1 => Err(WeightsError::Unsupported {
            path: gguf.path().to_path_buf(),
            feature: format!("it is one of {n} parts of a split GGUF"),
            remedy: "join them first with `llama-gguf-split --merge FIRST-PART OUT.gguf`".to_owned(),
        }),
        _ => Ok(()),
    }
}

struct Keys<'a> {
    gguf: &'a Gguf,
    arch: &'static str,
}

impl Keys<'_> {
    fn name(&self, key: &str) -> String {
        format!("{}.{key}", self.arch)
    }

    fn has(&self, key: &str) -> bool {
        self.gguf.metadata().contains_key(&self.name(key))
    }

    fn unsupported(&self, feature: &str) -> WeightsError {
        WeightsError::Unsupported {
            path: self.gguf.path().to_path_buf(),
            feature: format!("the model has {feature}"),
            remedy: "take another base".to_owned(),
        }
    }

    fn refuse(&self) -> Result<(), WeightsError> {
        for (key, what) in REFUSED {
            let value = self.gguf.metadata().get(&self.name(key));
            // ggml reads an attention or logit scale of 1 as none, as we do.
            let off = value.is_none_or(|v| v.as_f64() == Some(0.0) || v.as_bool() == Some(false))
                || (key.ends_with("scale") && value.and_then(Value::as_f64) == Some(1.0) && *key != "attention.scale");
            if !off {
                return Err(self.unsupported(&format!("{what} ({})", self.name(key))));
            }
        }
        if self.gguf.metadata().get(&self.name("attention.causal")).and_then(Value::as_bool) == Some(false) {
            return Err(self.unsupported("attention in both directions"));
        }
        Ok(())
    }

    /// A number, or a list of equal numbers (some converters write one per layer).
    fn optional(&self, key: &str) -> Result<Option<usize>, WeightsError> {
        let name = self.name(key);
        let Some(value) = self.gguf.metadata().get(&name) else { return Ok(None) };
        let number = match value.to_i64s() {
            Some(list) => match list.first() {
                Some(first) if list.iter().all(|n| n == first) => u64::try_from(*first).ok(),
                Some(_) => return Err(self.unsupported(&format!("layers of different shapes ({name})"))),
                None => None,
            },
            None => value.as_u64(),
        };
        match number.and_then(|n| usize::try_from(n).ok()) {
            Some(n) => Ok(Some(n)),
            None => Err(self.gguf.key_error(&name, format!("holds {}, not a length", value.kind())).into()),
        }
    }

    fn length(&self, key: &str) -> Result<usize, WeightsError> {
        match self.optional(key)? {
            Some(n) => Ok(n),
            None => Err(self.gguf.key_error(&self.name(key), "is missing".to_owned()).into()),
        }
    }

    /// `rope_freqs.weight` (Llama 3).
    fn rope_factors(&self, head_dim: usize) -> Result<Option<Vec<f32>>, WeightsError> {
        for name in ["rope_factors_long.weight", "rope_factors_short.weight"] {
            if self.gguf.tensor(name).is_some() {
                return Err(self.unsupported(&format!("LongRoPE ({name})")));
            }
        }
        let Some(info) = self.gguf.tensor("rope_freqs.weight") else { return Ok(None) };
        if info.ty != GgmlType::F32 || info.ne.len() != 1 || info.ne[0] != (head_dim / 2) as u64 {
            let (ty, ne, half) = (info.ty.name(), &info.ne, head_dim / 2);
            let reason = format!("the tensor rope_freqs.weight is {ty} of shape {ne:?}, expected F32 of [{half}]");
            return Err(WeightsError::bad(self.gguf.path(), reason));
        }
        let bytes = self.gguf.bytes(info).chunks_exact(4);
        Ok(Some(bytes.map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()))
    }

    /// `rope.scaling.*`, as llama.cpp reads it (llama-model.cpp, llama-context.cpp): linear where no type is said.
    fn rope_scaling(&self, context: usize) -> Result<Option<RopeScaling>, WeightsError> {
        let key = |key: &str| self.gguf.metadata().get(&self.name(key));
        let factor = key("rope.scaling.factor").or_else(|| key("rope.scale_linear")).and_then(Value::as_f64);
        let factor = factor.filter(|f| *f != 0.0).unwrap_or(1.0);
        let more = key("rope.scaling.attn_factor").and_then(Value::as_f64).unwrap_or(1.0);
        match key("rope.scaling.type").and_then(Value::as_str) {
            None | Some("linear") if more != 1.0 => {
                Err(self.unsupported(&format!("an attention factor of {more} beside a linear rotary scaling")))
            }
            None | Some("linear") => Ok((factor != 1.0).then_some(RopeScaling::Linear { factor: factor as f32 })),
            Some("none") => Ok(None),
            Some("yarn") => {
                let original_context = self.optional("rope.scaling.original_context_length")?.unwrap_or(context);
                let attention_factor = (rope::yarn_attention(factor, 1.0) * more) as f32;
                Ok(Some(RopeScaling::Yarn { factor: factor as f32, original_context, attention_factor }))
            }
            Some(other) => Err(self.unsupported(&format!("the rotary scaling {other:?}"))),
        }
    }

    fn vocabulary(&self, config: &ModelConfig) -> Result<(), WeightsError> {
        if let Some(n) = self.optional("vocab_size")?.filter(|n| *n != config.vocab) {
            let (key, rows) = (self.name("vocab_size"), config.vocab);
            let reason = format!("the metadata key {key} is {n}, but token_embd.weight has {rows} rows");
            return Err(WeightsError::bad(self.gguf.path(), reason));
        }
        let tokens = self.gguf.metadata().get("tokenizer.ggml.tokens").and_then(Value::as_strings);
        match tokens.map(<[String]>::len) {
            Some(n) if n != config.vocab => {
                let reason =
                    format!("the vocabulary holds {n} tokens, but token_embd.weight has {} rows", config.vocab);
                Err(WeightsError::bad(self.gguf.path(), reason))
            }
            _ => Ok(()),
        }
    }
}
