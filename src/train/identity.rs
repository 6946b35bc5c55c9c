//! What must be the same for a resumed run to be the same run.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::{Map, Value, json};

use super::engine::Work;
use crate::batch::Example;
use crate::lora::{Adapter, Hf, LoraConfig, Pattern};
use crate::store::{Digest, HashingWriter, Identity as Parts};
use crate::weights::Weights;

/// Recorded in each checkpoint.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Identity {
    pub config: Map<String, Value>,
    pub config_digest: Digest,
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
    pub(super) fn of(job: &Work<'_>, lora: &LoraConfig) -> Self {
        let config = config(job, lora);
        Self {
            config_digest: Digest::of_bytes(Value::Object(config.clone()).to_string().as_bytes()),
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
        let new = now.config.keys().filter(|k| !self.config.contains_key(*k));
        for key in self.config.keys().chain(new) {
            compare(key, self.config.get(key), now.config.get(key));
        }
        compare("the route of computing", Some(&json!(self.route)), Some(&json!(now.route)));
        // Checkpoints of 0.1.0 have none.
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

/// Everything that decides the result; how often is saved does not.
fn config(job: &Work<'_>, lora: &LoraConfig) -> Map<String, Value> {
    let config = job.config;
    let value = json!({
        "lora_rank": lora.rank, "lora_alpha": lora.alpha, "lora_dropout": lora.dropout, "use_rslora": lora.rslora,
        "rank_pattern": of_pattern(&lora.rank_pattern), "alpha_pattern": of_pattern(&lora.alpha_pattern),
        "target_modules": lora.targets.to_json(), "layers_to_transform": lora.layers_to_transform, "epochs": config.epochs, "max_steps": config.max_steps,
        "batch_size": config.batch_size, "gradient_accumulation": config.gradient_accumulation,
        "learning_rate": config.learning_rate, "lr_scheduler": config.scheduler, "label_smoothing_factor": job.model.label_smoothing(), "warmup_ratio": config.warmup_ratio,
        "weight_decay": config.weight_decay, "max_grad_norm": config.max_grad_norm, "seed": config.seed,
        "shuffle": config.shuffle, "group_by_length": config.group_by_length, "eval_steps": config.eval_steps,
        "early_stopping_patience": config.early_stopping_patience,
        "early_stopping_threshold": config.early_stopping_threshold,
        "load_best_model_at_end": config.load_best_model_at_end,
    });
    value.as_object().cloned().unwrap_or_default()
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
        let _ = writeln!(text, "{name} {:?} {} {}", t.encoding, t.rows, t.cols);
        let end = END.min(t.bytes.len());
        bytes.extend_from_slice(&t.bytes[..end]);
        bytes.extend_from_slice(&t.bytes[t.bytes.len() - end..]);
    }
    bytes.extend(text.into_bytes());
    Digest::of_bytes(&bytes)
}
