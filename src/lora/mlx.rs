//! Adapters of mlx-lm: `adapters.safetensors` beside an `adapter_config.json` of its own keys.

use std::path::Path;

use serde_json::{Map, Value};

use super::{LoraConfig, LoraError, TargetModules};

/// The file that holds an mlx-lm adapter's tensors.
pub(super) const TENSORS: &str = "adapters.safetensors";

/// Whether an `adapter_config.json` is mlx-lm's: PEFT always writes `peft_type`, mlx-lm never does.
pub(super) fn is_config(fields: &Map<String, Value>) -> bool {
    let own = ["fine_tune_type", "lora_parameters", "lora_layers", "num_layers"];
    !fields.contains_key("peft_type") && own.iter().any(|key| fields.contains_key(*key))
}

/// Rank, and alpha from mlx-lm's `scale`, which is the factor itself: alpha = scale × rank.
pub(super) fn read(path: &Path, fields: &Map<String, Value>) -> Result<LoraConfig, LoraError> {
    let bad = |reason: String| LoraError::Bad { path: path.display().to_string(), reason };
    let kind = fields.get("fine_tune_type").and_then(Value::as_str).unwrap_or("lora");
    if kind != "lora" || fields.get("use_dora").and_then(Value::as_bool) == Some(true) {
        let kind = if kind == "lora" { "dora" } else { kind };
        let remedy = match kind {
            "full" => "its weights are a whole model: `mlx_lm.fuse` writes it as a folder, give that as the base",
            _ => "`mlx_lm.fuse` merges it into its base, give the folder that it writes as the base",
        };
        return Err(LoraError::Unsupported {
            path: path.display().to_string(),
            field: format!("fine_tune_type {kind:?} of mlx-lm"),
            remedy,
        });
    }
    let parameters = fields.get("lora_parameters").and_then(Value::as_object);
    let number = |key: &str| parameters.and_then(|p| p.get(key)).and_then(Value::as_f64);
    let missing = |key: &str| bad(format!("is mlx-lm's, but lora_parameters.{key} is missing or not a number"));
    let rank = number("rank").ok_or_else(|| missing("rank"))?;
    let rank = super::config::whole(rank).ok_or_else(|| bad(format!("lora_parameters.rank is {rank}")))?;
    // The first releases wrote alpha.
    let alpha = match (number("scale"), number("alpha")) {
        (Some(scale), _) => scale * rank as f64,
        (None, Some(alpha)) => alpha,
        (None, None) => return Err(missing("scale")),
    };
    let config = LoraConfig { rank, alpha, targets: TargetModules::Names(Vec::new()), ..LoraConfig::default() };
    let numbers = LoraConfig { targets: TargetModules::AllLinear, ..config.clone() };
    numbers.check().map_err(|e| bad(e.to_string()))?;
    Ok(config)
}

/// mlx-lm's matrices are the transposed ones: `lora_a` is (in, rank), `lora_b` (rank, out).
pub(super) fn transposed(values: &[f32], rows: usize, columns: usize) -> Vec<f32> {
    let mut out = vec![0.0; values.len()];
    for row in 0..rows {
        for column in 0..columns {
            out[column * rows + row] = values[row * columns + column];
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(json: Value) -> Result<LoraConfig, LoraError> {
        let fields = json.as_object().unwrap().clone();
        assert!(is_config(&fields));
        read(Path::new("adapter_config.json"), &fields)
    }

    #[test]
    fn the_scale_becomes_alpha_and_other_kinds_are_refused_by_name() {
        let parameters = serde_json::json!({"rank": 8, "scale": 20.0, "dropout": 0.0});
        let config = said(serde_json::json!({"fine_tune_type": "lora", "lora_parameters": parameters})).unwrap();
        assert_eq!((config.rank, config.alpha, config.scale()), (8, 160.0, 20.0));
        for kind in ["dora", "full"] {
            let e = said(serde_json::json!({"fine_tune_type": kind, "lora_parameters": parameters})).unwrap_err();
            assert!(e.to_string().contains(kind) && e.to_string().contains("mlx_lm.fuse"), "{e}");
        }
        let e = said(serde_json::json!({"num_layers": 4, "lora_parameters": {"scale": 1.0}})).unwrap_err().to_string();
        assert!(e.contains("lora_parameters.rank"), "{e}");
        assert!(!is_config(serde_json::json!({"peft_type": "LORA", "num_layers": 2}).as_object().unwrap()));
        assert_eq!(transposed(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
