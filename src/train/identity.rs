//! What must be the same for a resumed run to be the same run.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Map, Value, json};

use super::{Job, TrainConfig};
use crate::batch::Example;
use crate::lora::{Adapter, Hf, LoraConfig, Pattern};
use crate::store::{Digest, HashingWriter, Identity as Parts};
use crate::weights::Weights;

/// Recorded in each checkpoint.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Identity {
    /// The options that are not at the engine's defaults: one that is added later does not make older checkpoints another run's.
    pub config: Map<String, Value>,
    /// Of the training examples' ids, masks and kinds, in order.
    pub data_digest: Digest,
    pub eval_digest: Digest,
    /// Of every tensor's name, shape, type and ends.
    pub base_digest: Digest,
    /// Config, tokenizer, template and the rest, where the caller knows the base's identity.
    #[serde(default)]
    pub base_parts: Parts,
    /// Of the adapter that training began from, where one was given.
    pub from_adapter: Option<Digest>,
    pub route: String,
}

impl Identity {
    pub(super) fn of(job: &Job<'_>, lora: &LoraConfig) -> Self {
        let defaults = defaults();
        let mut config = options(job.config, lora, job.model.label_smoothing());
        config.retain(|key, value| defaults.get(key) != Some(value));
        Self {
            config,
            data_digest: of_examples(job.train),
            eval_digest: of_examples(job.eval),
            base_digest: of_base(job.weights),
            base_parts: job.origin.map(|origin| origin.base_parts.clone()).unwrap_or_default(),
            from_adapter: job.from_adapter.as_ref().map(of_adapter),
            route: job.model.route(),
        }
    }

    /// What is not as it was, in words; empty when all is.
    pub(super) fn differences(&self, now: &Self) -> Vec<String> {
        let mut out = Vec::new();
        let mut compare = |name: &str, then: Option<&Value>, now: Option<&Value>| {
            if then != now {
                let text = |v: Option<&Value>| v.map_or("absent".to_owned(), Value::to_string);
                out.push(format!("{name} was {} and is {}", text(then), text(now)));
            }
        };
        let defaults = defaults();
        let new = now.config.keys().filter(|k| !self.config.contains_key(*k));
        for key in self.config.keys().chain(new) {
            let default = defaults.get(key);
            compare(key, self.config.get(key).or(default), now.config.get(key).or(default));
        }
        compare("the route of computing", Some(&json!(self.route)), Some(&json!(now.route)));
        // Checkpoints of earlier builds have none.
        let parts = if self.base_parts.is_empty() { Vec::new() } else { self.base_parts.of_adapter(&now.base_parts) };
        if !parts.is_empty() {
            out.push(format!("the base's {} has changed", Parts::list(&parts)));
        }
        for (name, then, now) in [
            ("the base", Some(self.base_digest), Some(now.base_digest)),
            ("the training data", Some(self.data_digest), Some(now.data_digest)),
            ("the evaluation data", Some(self.eval_digest), Some(now.eval_digest)),
            ("--from-adapter", self.from_adapter, now.from_adapter),
        ] {
            if then != now {
                out.push(format!("{name} has changed"));
            }
        }
        out
    }
}

/// What checkpoints leave out. (The defaults of the engine, not those of configs/defaults.yaml.)
fn defaults() -> Map<String, Value> {
    options(&TrainConfig::default(), &LoraConfig::default(), 0.0)
}

/// The keys of the options that a checkpoint is compared by.
#[cfg(test)]
pub(crate) fn identity_keys() -> impl Iterator<Item = String> {
    defaults().into_iter().map(|(key, _)| key)
}

/// Everything that decides the result; how often is saved does not.
fn options(config: &TrainConfig, lora: &LoraConfig, label_smoothing: f32) -> Map<String, Value> {
    const OF_SAVING: [&str; 2] = ["save_every", "save_total_limit"];
    let of_lora = json!({
        "lora_rank": lora.rank,
        "lora_alpha": lora.alpha,
        "lora_dropout": lora.dropout,
        "use_rslora": lora.rslora,
        "rank_pattern": of_pattern(&lora.rank_pattern),
        "alpha_pattern": of_pattern(&lora.alpha_pattern),
        "target_modules": lora.targets.to_json(),
        "layers_to_transform": lora.layers_to_transform,
        "label_smoothing_factor": label_smoothing,
    });
    let mut options = of_lora.as_object().cloned().unwrap_or_default();
    options.extend(config.values().into_iter().filter(|(key, _)| !OF_SAVING.contains(&key.as_str())));
    options
}

/// A list, since the order decides.
fn of_pattern(pattern: &Pattern) -> Vec<(&str, f64)> {
    pattern.entries().collect()
}

fn of_examples(examples: &[Example]) -> Digest {
    let mut bytes = Vec::new();
    for e in examples {
        bytes.extend((e.ids.len() as u64).to_le_bytes());
        bytes.extend(e.ids.iter().flat_map(|id| id.to_le_bytes()));
        bytes.extend(e.mask.iter().map(|m| u8::from(*m)));
        bytes.push(u8::from(e.distilled));
    }
    Digest::of_bytes(&bytes)
}

fn of_adapter(adapter: &Adapter<Hf>) -> Digest {
    let mut hasher = HashingWriter::new(std::io::sink());
    for values in adapter.pairs.values().flat_map(|p| [&p.a, &p.b]) {
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        // Nothing is written that could fail.
        let _ = hasher.write_all(&bytes);
    }
    hasher.finish().1
}

/// Not every byte, which would read a large base in full at each start: every tensor's first and last bytes.
fn of_base(weights: &Weights) -> Digest {
    const END: usize = 256;
    let mut bytes = Vec::new();
    let mut text = String::new();
    for name in weights.tensor_names() {
        let Some(t) = weights.tensor(&name) else { continue };
        let _ = writeln!(text, "{name} {} {} {}", t.encoding, t.rows, t.cols);
        let end = END.min(t.bytes.len());
        bytes.extend_from_slice(&t.bytes[..end]);
        bytes.extend_from_slice(&t.bytes[t.bytes.len() - end..]);
    }
    bytes.extend(text.into_bytes());
    Digest::of_bytes(&bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(config: Map<String, Value>) -> Identity {
        let digest = Digest::of_bytes(b"");
        Identity {
            config,
            data_digest: digest,
            eval_digest: digest,
            base_digest: digest,
            base_parts: Parts::default(),
            from_adapter: None,
            route: String::new(),
        }
    }

    #[test]
    fn what_was_not_recorded_was_the_default() {
        let (defaults, none) = (identity(defaults()), identity(Map::new()));
        assert_eq!(defaults.differences(&none), Vec::<String>::new());
        assert_eq!(none.differences(&defaults), Vec::<String>::new());
        let mut other = Map::new();
        other.insert("weight_decay".to_owned(), json!(0.5));
        assert_eq!(none.differences(&identity(other.clone())), ["weight_decay was 0.0 and is 0.5"]);
        assert_eq!(identity(other).differences(&defaults), ["weight_decay was 0.5 and is 0.0"]);
    }

    /// Checkpoints are compared by these: if this test fails, the checkpoints' format (`checkpoint::FORMAT`) must be raised, so that older
    /// ones are refused.
    #[test]
    fn the_defaults_that_checkpoints_leave_out_have_not_changed() {
        let left_out: Map<String, Value> = serde_json::from_str(
            r#"{"lora_rank":8,"lora_alpha":8.0,"lora_dropout":0.0,"use_rslora":false,"rank_pattern":[],"alpha_pattern":[],"target_modules":"all-linear","layers_to_transform":null,"epochs":1.0,"max_steps":null,"batch_size":8,"gradient_accumulation":1,"learning_rate":0.0002,"lr_scheduler":"linear","label_smoothing_factor":0.0,"warmup_ratio":0.0,"weight_decay":0.0,"max_grad_norm":1.0,"seed":42,"no_shuffle":false,"group_by_length":false,"eval_steps":0,"early_stopping_patience":null,"early_stopping_threshold":0.0,"load_best_model_at_end":false}"#,
        )
        .unwrap();
        for (key, value) in left_out {
            assert_eq!(defaults().get(&key), Some(&value), "the default of {key} has changed");
        }
    }
}
