//! `adapter_config.json`, as PEFT 0.21 writes and reads it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::whole;
use super::pattern::number;
use super::{LoraConfig, LoraError, Pattern, TargetModules};

/// The PEFT release whose layout is written.
const PEFT_VERSION: &str = "0.21.2";

const MERGE: &str = "merge it into its base with PEFT (merge_and_unload) and give the merged folder as the base";
const RETRAIN: &str = "train it again without";

/// Fields that change the arithmetic when they are set. MERGE stands only where PEFT's merge_and_unload does it.
const REFUSED: [(&str, &str); 17] = [
    ("use_dora", MERGE),
    ("use_qalora", "PEFT does not merge QALoRA: train it again without"),
    ("use_bdlora", MERGE),
    (
        "lora_bias",
        "it adds a bias to every layer that it adapts, and PEFT merges it only into layers that have a bias of their own, \
         which most have not: train it again with lora_bias=False",
    ),
    ("modules_to_save", RETRAIN),
    ("trainable_token_indices", RETRAIN),
    ("target_parameters", MERGE),
    ("layer_replication", "PEFT does not merge replicated layers: train it again without"),
    ("fan_in_fan_out", MERGE),
    (
        "alora_invocation_tokens",
        "it applies to a part of each prompt only, so that it can't be merged: train it again without",
    ),
    ("megatron_config", RETRAIN),
    (
        "arrow_config",
        "a router chooses among adapters for each token, so that it can't be merged: give one of its adapters",
    ),
    ("kasa_config", MERGE),
    ("monteclora_config", MERGE),
    ("corda_config", MERGE),
    ("lora_ga_config", MERGE),
    ("velora_config", MERGE),
];

/// Fields that say where the adapter comes from or how it was made, not what it computes.
const HARMLESS: [&str; 26] = [
    "alpha_pattern",
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "inference_mode",
    "init_lora_weights",
    "layers_pattern",
    "layers_to_transform",
    "loftq_config",
    "lora_alpha",
    "lora_dropout",
    "megatron_core",
    "peft_type",
    "peft_version",
    "qalora_group_size",
    "r",
    "rank_pattern",
    "revision",
    "runtime_config",
    "target_modules",
    "task_type",
    "use_rslora",
    "_comment",
];

/// What an `adapter_config.json` says, as far as it decides ΔW; its targets are what must have a tensor in every layer
/// that it stands for: no names when the config limits the layers itself or targets by a regular expression.
pub(super) fn read(path: &Path, text: &[u8]) -> Result<LoraConfig, LoraError> {
    let bad = |reason: String| LoraError::Bad { path: path.display().to_string(), reason };
    let fields: Map<String, Value> =
        serde_json::from_slice(text).map_err(|e| bad(format!("is no JSON object ({e})")))?;
    refuse(path, &fields)?;
    let number = |name: &str, default: Option<f64>| match fields.get(name) {
        None | Some(Value::Null) => default.ok_or_else(|| bad(format!("{name} is missing"))),
        Some(v) => v.as_f64().ok_or_else(|| bad(format!("{name} is {}, not a number", brief(v)))),
    };
    let config = LoraConfig {
        rank: whole(number("r", None)?).ok_or_else(|| bad("r is no whole number from 1 to 4096".to_owned()))?,
        alpha: number("lora_alpha", None)?,
        dropout: number("lora_dropout", Some(0.0))?,
        rslora: fields.get("use_rslora").is_some_and(set),
        rank_pattern: pattern(&fields, "rank_pattern").map_err(bad)?,
        alpha_pattern: pattern(&fields, "alpha_pattern").map_err(bad)?,
        targets: TargetModules::Names(targets(&fields)),
        layers_to_transform: None,
    };
    // Names are checked against the tensors, so that none at all is no fault here.
    let numbers = LoraConfig { targets: TargetModules::AllLinear, ..config.clone() };
    numbers.check().map_err(|e| bad(e.to_string()))?;
    Ok(config)
}

fn refuse(path: &Path, fields: &Map<String, Value>) -> Result<(), LoraError> {
    let unsupported =
        |field: String, remedy| LoraError::Unsupported { path: path.display().to_string(), field, remedy };
    if fields.get("peft_type").and_then(Value::as_str) != Some("LORA") {
        let said = fields.get("peft_type").map_or("missing".to_owned(), brief);
        return Err(unsupported(
            format!("peft_type {said}"),
            "only peft_type \"LORA\" and adapters of mlx-lm can be read",
        ));
    }
    if let Some(bias) = fields.get("bias").filter(|b| set(b) && b.as_str() != Some("none")) {
        return Err(unsupported(
            format!("bias {}", brief(bias)),
            "it also trains biases of the base, which lie beside A and B: train it again with bias \"none\", or merge it into \
             its base with PEFT (merge_and_unload) and give the merged folder as the base",
        ));
    }
    // These initialisations change the base's weights too, so ΔW alone is not the tune.
    let init = fields.get("init_lora_weights").and_then(Value::as_str).unwrap_or("");
    let kind = init.to_ascii_lowercase();
    if ["pissa", "olora", "corda", "lora_ga"].iter().any(|p| kind.starts_with(p)) {
        return Err(unsupported(
            format!("init_lora_weights {init:?}, which changes the base's weights too"),
            "save it from PEFT with path_initial_model_for_weight_conversion, which makes it plain LoRA",
        ));
    }
    if kind.starts_with("loftq") {
        return Err(unsupported(
            format!("init_lora_weights {init:?}, which belongs to a base quantised by LoftQ"),
            "PEFT has no conversion of it: train it again with init_lora_weights=True",
        ));
    }
    for (name, value) in fields.iter().filter(|(_, v)| set(v)) {
        if let Some((_, remedy)) = REFUSED.iter().find(|(field, _)| field == name) {
            return Err(unsupported(name.clone(), remedy));
        }
        if !HARMLESS.contains(&name.as_str()) {
            let field = format!("{name} = {}, which this version does not know", brief(value));
            return Err(unsupported(field, "train it again without, or use a version that knows it"));
        }
    }
    Ok(())
}

/// Not null, false, zero-length.
fn set(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(s) => !s.is_empty(),
        Value::Array(a) => !a.is_empty(),
        Value::Object(o) => !o.is_empty(),
        _ => true,
    }
}

fn brief(value: &Value) -> String {
    value.to_string().chars().take(60).collect()
}

fn pattern(fields: &Map<String, Value>, name: &str) -> Result<Pattern, String> {
    let Some(value) = fields.get(name).filter(|v| set(v)) else { return Ok(Pattern::default()) };
    let map = value.as_object().ok_or_else(|| format!("{name} is no object"))?;
    let one = |(key, value): (&String, &Value)| {
        Ok((key.clone(), value.as_f64().ok_or_else(|| format!("{name}[{key:?}] is no number"))?))
    };
    let entries = map.iter().map(one).collect::<Result<Vec<_>, String>>()?;
    Pattern::new(entries).map_err(|e| format!("{name}: {e}"))
}

fn targets(fields: &Map<String, Value>) -> Vec<String> {
    let limited = ["layers_to_transform", "layers_pattern", "exclude_modules"];
    if limited.iter().any(|name| fields.get(*name).is_some_and(set)) {
        return Vec::new();
    }
    let names = fields.get("target_modules").and_then(Value::as_array);
    names.map_or(Vec::new(), |n| n.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect())
}

/// The file PEFT 0.21 would write, field by field.
pub(super) fn write(config: &LoraConfig, target_modules: &[String], base_name: &str) -> String {
    let fields = json!({
        "alora_invocation_tokens": null, "alpha_pattern": config.alpha_pattern.to_json(), "arrow_config": null, "auto_mapping": null,
        "base_model_name_or_path": base_name, "bias": "none", "corda_config": null, "ensure_weight_tying": false,
        "eva_config": null, "exclude_modules": null, "fan_in_fan_out": false, "inference_mode": true,
        "init_lora_weights": true, "layer_replication": null, "layers_pattern": null, "layers_to_transform": null,
        "loftq_config": {}, "lora_alpha": number(config.alpha), "lora_bias": false, "lora_dropout": config.dropout,
        "megatron_config": null, "megatron_core": "megatron.core", "modules_to_save": null, "peft_type": "LORA",
        "peft_version": PEFT_VERSION, "qalora_group_size": 16, "r": config.rank, "rank_pattern": config.rank_pattern.to_json(), "revision": null,
        "target_modules": target_modules, "target_parameters": null, "task_type": "CAUSAL_LM",
        "trainable_token_indices": null, "use_dora": false, "use_qalora": false, "use_rslora": config.rslora,
    });
    format!("{fields:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::weights::{LinearId, Site};

    fn read_with(change: Value) -> Result<LoraConfig, LoraError> {
        let config = LoraConfig { alpha: 16.0, dropout: 0.05, ..LoraConfig::default() };
        let mut fields: Map<String, Value> =
            serde_json::from_str(&write(&config, &["q_proj".to_owned()], "base")).unwrap();
        fields.extend(change.as_object().unwrap().clone());
        read(Path::new("adapter_config.json"), &serde_json::to_vec(&fields).unwrap())
    }

    #[test]
    fn what_would_change_the_arithmetic_is_refused_by_name() {
        for (change, named) in [
            (json!({"use_dora": true}), "use_dora"),
            (json!({"bias": "lora_only"}), "bias"),
            (json!({"modules_to_save": ["lm_head"]}), "modules_to_save"),
            (json!({"init_lora_weights": "pissa_niter_4"}), "pissa"),
            (json!({"layer_replication": [[0, 4]]}), "layer_replication"),
            (json!({"fan_in_fan_out": true}), "fan_in_fan_out"),
            (json!({"peft_type": "IA3"}), "IA3"),
            (json!({"init_lora_weights": "loftq"}), "no conversion"),
            (json!({"a_field_of_tomorrow": {"x": 1}}), "a_field_of_tomorrow"),
            (json!({"r": 0}), "r is no whole number"),
            (json!({"r": 1e300}), "r is no whole number"),
            (json!({"lora_alpha": "many"}), "lora_alpha"),
            (json!({"rank_pattern": {"q_(proj": 4}}), "regular expression"),
            (json!({"rank_pattern": {"q_proj": 0}}), "rank_pattern"),
            (json!({"alpha_pattern": {"q_proj": "x"}}), "alpha_pattern"),
        ] {
            let said = read_with(change.clone()).unwrap_err().to_string();
            assert!(said.contains(named) && said.contains("adapter_config.json"), "{change}: {said}");
        }
    }

    #[test]
    fn no_remedy_is_one_that_peft_refuses() {
        // PEFT 0.20 raises an error when it is to merge these.
        for change in [
            json!({"lora_bias": true}),
            json!({"use_qalora": true}),
            json!({"layer_replication": [[0, 4]]}),
            json!({"alora_invocation_tokens": [1]}),
            json!({"arrow_config": {"top_k": 3}}),
        ] {
            let said = read_with(change.clone()).unwrap_err().to_string();
            assert!(!said.contains("merge_and_unload"), "{change}: {said}");
        }
        let said = read_with(json!({"lora_bias": true})).unwrap_err().to_string();
        assert!(said.contains("only into layers that have a bias") && said.contains("lora_bias=False"), "{said}");
        for kind in ["lora_only", "all"] {
            let said = read_with(json!({"bias": kind})).unwrap_err().to_string();
            assert!(said.contains(kind) && said.contains("biases of the base"), "{said}");
        }
        assert!(read_with(json!({"use_dora": true})).unwrap_err().to_string().contains("merge_and_unload"));
    }

    #[test]
    fn patterns_are_read_in_their_order_and_written_again() {
        let patterns = json!({"rank_pattern": {"v_proj": 4, ".*_proj": 2}, "alpha_pattern": {"o_proj": 1.5}});
        let config = read_with(patterns.clone()).unwrap();
        let of = |site| (config.rank_of(LinearId { layer: 1, site }), config.scale_of(LinearId { layer: 1, site }));
        assert_eq!((of(Site::V), of(Site::Q), of(Site::O)), ((4, 4.0), (2, 8.0), (2, 0.75)));
        let written: Value = serde_json::from_str(&write(&config, &[], "base")).unwrap();
        for key in ["rank_pattern", "alpha_pattern"] {
            assert_eq!(written[key].to_string(), patterns[key].to_string());
        }
    }
}
