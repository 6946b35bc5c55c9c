//! The smallest project that `run` takes: a tiny base, a dozen examples, four steps.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::program::Place;

/// Writes the data, and the config with `more` laid over it, to where `run` looks for them.
pub fn lay_out(place: &Place, base: &Path, more: &Json) {
    let turn = |role: &str, content: String| json!({"role": role, "content": content});
    let example = |i| json!({"messages": [turn("user", format!("say {i}")), turn("assistant", format!("{i} it is"))]});
    place.write("data.jsonl", &(0..12).map(|i| example(i).to_string()).collect::<Vec<_>>().join("\n"));
    let mut config = json!({
        "model_to_fine_tune": base, "dataset_path": "data.jsonl", "output_model_name": "tiny:v2", "quant": "f16",
        "max_steps": 4, "batch_size": 2, "lora_rank": 2, "save_every": 1, "probes": 2, "replay": "off",
    });
    config.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    place.write("configs/training_config.json", &config.to_string());
}
