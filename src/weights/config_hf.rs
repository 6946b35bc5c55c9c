//! The shape of a model from config.json, as transformers 4 and 5 write it.

use std::path::Path;

use serde_json::{Map, Value as Json};

use super::{Family, ModelConfig, RopeScaling, WeightsError, rope};

/// Reads config.json of a folder. `tied` is what the file says; the tensors are looked at later.
pub(super) fn read(path: &Path, text: &str) -> Result<ModelConfig, WeightsError> {
    let json: Map<String, Json> =
        serde_json::from_str(text).map_err(|e| WeightsError::bad(path, format!("it is no JSON object: {e}")))?;
    let file = File { path, json: &json };
    let class = json.get("architectures").and_then(|a| a.get(0)).and_then(Json::as_str);
    let family = Family::of_hf(class, json.get("model_type").and_then(Json::as_str), path)?;
    file.refuse(family)?;
    let (hidden, heads) = (file.length("hidden_size")?, file.length("num_attention_heads")?);
    let default_head = family.head_dim.unwrap_or(hidden.checked_div(heads).unwrap_or(0));
    let head_dim = file.optional("head_dim")?.unwrap_or(default_head);
    let context = file.length("max_position_embeddings")?;
    let Rope { theta: rope_theta, factors: rope_factors, scaling: rope_scaling } =
        file.rope(family, head_dim, context)?;
    let config = ModelConfig {
        family,
        hidden,
        layers: file.length("num_hidden_layers")?,
        heads,
        kv_heads: file.optional("num_key_value_heads")?.unwrap_or(heads),
        head_dim,
        ff: file.length("intermediate_size")?,
        vocab: file.length("vocab_size")?,
        rms_eps: file.number("rms_norm_eps")?.unwrap_or(1e-6) as f32,
        rope_theta,
        rope_factors,
        rope_scaling,
        // Within the window every position sees all before it, so the model is the plain one there.
        context: file.window()?.map_or(context, |w| context.min(w)),
        tied: file.flag("tie_word_embeddings")?.unwrap_or(false),
    };
    config.check(path)?;
    Ok(config)
}

/// What config.json says of rotary positions.
struct Rope {
    theta: f32,
    factors: Option<Vec<f32>>,
    scaling: Option<RopeScaling>,
}

struct File<'a> {
    path: &'a Path,
    json: &'a Map<String, Json>,
}

impl File<'_> {
    /// The value of a key; null is as good as absent.
    fn get(&self, key: &str) -> Option<&Json> {
        self.json.get(key).filter(|v| !v.is_null())
    }

    fn wrong(&self, key: &str, value: &Json, expected: &str) -> WeightsError {
        WeightsError::bad(self.path, format!("{key} is {value}, expected {expected}"))
    }

    fn optional(&self, key: &str) -> Result<Option<usize>, WeightsError> {
        self.get(key)
            .map(|v| {
                let n = v.as_u64().and_then(|n| usize::try_from(n).ok());
                n.ok_or_else(|| self.wrong(key, v, "a whole number that is not negative"))
            })
            .transpose()
    }

    fn length(&self, key: &str) -> Result<usize, WeightsError> {
        self.optional(key)?.ok_or_else(|| WeightsError::bad(self.path, format!("{key} is missing")))
    }

    fn number(&self, key: &str) -> Result<Option<f64>, WeightsError> {
        self.get(key).map(|v| v.as_f64().ok_or_else(|| self.wrong(key, v, "a number"))).transpose()
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, WeightsError> {
        self.get(key).map(|v| v.as_bool().ok_or_else(|| self.wrong(key, v, "true or false"))).transpose()
    }

    fn unsupported(&self, feature: impl Into<String>, remedy: &str) -> WeightsError {
        WeightsError::Unsupported { path: self.path.to_path_buf(), feature: feature.into(), remedy: remedy.to_owned() }
    }

    fn refuse(&self, family: &Family) -> Result<(), WeightsError> {
        if let Some(q) = self.get("quantization_config") {
            let method = q.get("quant_method").and_then(Json::as_str).unwrap_or("unknown");
            let remedy = "give the unquantised model, or a GGUF of it";
            return Err(self.unsupported(format!("the folder's weights are quantised ({method})"), remedy));
        }
        if let Some(act) =
            self.get("hidden_act").and_then(Json::as_str).filter(|a| !family.activation.names().contains(a))
        {
            return Err(self.unsupported(format!("hidden_act is {act:?}"), "take another base"));
        }
        for key in ["attention_bias", "mlp_bias"] {
            // Qwen2's biases on q, k and v are its own, whatever the file says.
            if self.flag(key)? == Some(true) && !family.qkv_bias {
                return Err(self.unsupported(format!("{key} is true"), "take another base"));
            }
        }
        for key in ["num_local_experts", "num_experts", "n_routed_experts"] {
            if self.optional(key)?.is_some_and(|n| n > 0) {
                return Err(self.unsupported(format!("it is a mixture of experts ({key})"), "take a dense base"));
            }
        }
        if self.number("partial_rotary_factor")?.is_some_and(|f| f != 1.0) {
            return Err(
                self.unsupported("only a part of each head is rotated (partial_rotary_factor)", "take another base")
            );
        }
        Ok(())
    }

    /// The length of the attention window where one is in use.
    fn window(&self) -> Result<Option<usize>, WeightsError> {
        let sliding_layer = |v: &Json| v.as_array().is_some_and(|l| l.iter().any(|t| t == "sliding_attention"));
        let used = match (self.get("layer_types"), self.flag("use_sliding_window")?) {
            (Some(types), _) => sliding_layer(types),
            (None, used) => used.unwrap_or(true),
        };
        Ok(self.optional("sliding_window")?.filter(|w| used && *w > 0))
    }

    /// transformers 5 keeps base and scaling in `rope_parameters`.
    fn rope(&self, family: &Family, head_dim: usize, context: usize) -> Result<Rope, WeightsError> {
        let section = if self.get("rope_parameters").is_some() { "rope_parameters" } else { "rope_scaling" };
        let empty = Map::new();
        let params = match self.get(section) {
            None => &empty,
            Some(v) => v.as_object().ok_or_else(|| self.wrong(section, v, "an object"))?,
        };
        if params.values().any(Json::is_object) {
            return Err(self.unsupported(format!("{section} differs between layers"), "take another base"));
        }
        let inner = Section { file: File { path: self.path, json: params }, name: section };
        let theta = match inner.file.number("rope_theta")? {
            Some(theta) => theta,
            None => self.number("rope_theta")?.unwrap_or(10_000.0),
        } as f32;
        if let Some(partial) = inner.file.number("partial_rotary_factor")?.filter(|f| *f != 1.0) {
            let feature = format!("only a part of each head is rotated (partial_rotary_factor {partial})");
            return Err(self.unsupported(feature, "take another base"));
        }
        let kind = inner.file.get("rope_type").or_else(|| inner.file.get("type"));
        let (factors, scaling) = match kind.and_then(Json::as_str).unwrap_or("default") {
            "default" => (None, None),
            "linear" => (None, Some(RopeScaling::Linear { factor: inner.positive("factor")? as f32 })),
            "yarn" => (None, Some(inner.yarn(context)?)),
            "llama3" if family.rope_factors => (Some(inner.llama3()?.factors(head_dim, theta)), None),
            other => {
                let known = if family.rope_factors { "linear, llama3 and yarn" } else { "linear and yarn" };
                let remedy = format!(
                    "the rotary scalings of {} that can be trained are {known}: take another base",
                    family.gguf
                );
                return Err(self.unsupported(format!("its rotary scaling is {other:?} ({section})"), &remedy));
            }
        };
        Ok(Rope { theta, factors, scaling })
    }
}

/// `rope_scaling` or `rope_parameters`.
struct Section<'a> {
    file: File<'a>,
    name: &'a str,
}

impl Section<'_> {
    fn optional(&self, key: &str) -> Result<Option<f64>, WeightsError> {
        match self.file.number(key)? {
            Some(n) if !(n.is_finite() && n > 0.0) => {
                let reason = format!("{}.{key} is {n}, expected a positive number", self.name);
                Err(WeightsError::bad(self.file.path, reason))
            }
            n => Ok(n),
        }
    }

    fn positive(&self, key: &str) -> Result<f64, WeightsError> {
        let missing = || WeightsError::bad(self.file.path, format!("{}.{key} is missing", self.name));
        self.optional(key)?.ok_or_else(missing)
    }

    fn llama3(&self) -> Result<rope::Llama3, WeightsError> {
        let scaling = rope::Llama3 {
            factor: self.positive("factor")?,
            low_freq_factor: self.positive("low_freq_factor")?,
            high_freq_factor: self.positive("high_freq_factor")?,
            original_context: self.positive("original_max_position_embeddings")?,
        };
        if scaling.high_freq_factor <= scaling.low_freq_factor {
            let reason = format!("{}.high_freq_factor must be above low_freq_factor", self.name);
            return Err(WeightsError::bad(self.file.path, reason));
        }
        Ok(scaling)
    }

    /// As transformers' `_compute_yarn_parameters`.
    fn yarn(&self, context: usize) -> Result<RopeScaling, WeightsError> {
        let factor = self.positive("factor")?;
        let usual = [("beta_fast", rope::BETA_FAST), ("beta_slow", rope::BETA_SLOW)];
        for (key, usual) in usual {
            if let Some(n) = self.optional(key)?.filter(|n| *n != usual) {
                return Err(self.unkept(&format!("{key} {n}")));
            }
        }
        if self.file.flag("truncate")? == Some(false) {
            return Err(self.unkept("truncate false"));
        }
        let original = self.file.optional("original_max_position_embeddings")?.unwrap_or(context);
        let attention =
            match (self.optional("attention_factor")?, self.optional("mscale")?, self.optional("mscale_all_dim")?) {
                (Some(said), _, _) => said,
                (None, Some(scale), Some(all)) => {
                    rope::yarn_attention(factor, scale) / rope::yarn_attention(factor, all)
                }
                _ => rope::yarn_attention(factor, 1.0),
            };
        let (factor, attention_factor) = (factor as f32, attention as f32);
        Ok(RopeScaling::Yarn { factor, original_context: original, attention_factor })
    }

    fn unkept(&self, setting: &str) -> WeightsError {
        let feature =
            format!("its rotary scaling is \"yarn\" with {setting} ({}), which llama.cpp does not read", self.name);
        self.file.unsupported(feature, "take another base")
    }
}
