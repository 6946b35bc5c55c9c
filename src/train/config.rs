//! The options of a training.

use serde_json::{Map, Value};

use crate::lora::LoraConfig;

/// How the learning rate falls after its warm-up.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    serde::Serialize,
    serde::Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scheduler {
    Linear,
    Cosine,
    /// Without a warm-up.
    Constant,
    ConstantWithWarmup,
}

/// The fields have the keys of the options (`src/config/options.rs`), by which they are filled ([`Self::from_options`]) and
/// recorded in checkpoints.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct TrainConfig {
    #[serde(skip)]
    pub lora: LoraConfig,
    pub epochs: f64,
    pub max_steps: Option<u64>,
    pub batch_size: usize,
    pub gradient_accumulation: usize,
    pub learning_rate: f64,
    pub lr_scheduler: Scheduler,
    pub warmup_ratio: f64,
    pub weight_decay: f64,
    /// 0 = off.
    pub max_grad_norm: f64,
    pub seed: u64,
    /// In the order of the data.
    pub no_shuffle: bool,
    /// Examples of like length side by side.
    pub group_by_length: bool,
    /// Evaluations at every so many steps beside those at the end of an epoch; 0 = none.
    pub eval_steps: u64,
    /// Evaluations without a better one after which training stops; None = never. The best one's checkpoint is kept.
    pub early_stopping_patience: Option<u64>,
    /// By how much an evaluation must be better to count for the patience, in nats.
    pub early_stopping_threshold: f64,
    /// `final/` is made from the checkpoint with the least eval_loss, which is kept.
    pub load_best_model_at_end: bool,
    /// 0 = only at the end.
    pub save_every: u64,
    /// Checkpoints kept, the newest; the best one beside them. None = all.
    pub save_total_limit: Option<u64>,
}

impl Default for TrainConfig {
    /// One epoch at transformers' defaults, with LoRA's usual learning rate.
    fn default() -> Self {
        Self {
            lora: LoraConfig::default(),
            epochs: 1.0,
            max_steps: None,
            batch_size: 8,
            gradient_accumulation: 1,
            learning_rate: 2e-4,
            lr_scheduler: Scheduler::Linear,
            warmup_ratio: 0.0,
            weight_decay: 0.0,
            max_grad_norm: 1.0,
            seed: 42,
            no_shuffle: false,
            group_by_length: false,
            eval_steps: 0,
            early_stopping_patience: None,
            early_stopping_threshold: 0.0,
            load_best_model_at_end: false,
            save_every: 0,
            save_total_limit: None,
        }
    }
}

impl TrainConfig {
    /// The config whose values are those that `value_of` has for each key.
    ///
    /// # Errors
    /// An option has no value, or one of another type: the table of options and these fields do not fit together.
    pub fn from_options(lora: LoraConfig, value_of: impl Fn(&str) -> Option<Value>) -> Result<Self, String> {
        let mut values = Self::default().values();
        for (key, value) in &mut values {
            *value = value_of(key).ok_or_else(|| format!("no option has the key {key}"))?;
        }
        let config: Self = serde_json::from_value(Value::Object(values)).map_err(|e| e.to_string())?;
        Ok(Self { lora, ..config })
    }

    /// By key, the value of every field but `lora`.
    pub(super) fn values(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(values)) => values,
            // Numbers and words, under names, are always an object.
            _ => Map::new(),
        }
    }
}
