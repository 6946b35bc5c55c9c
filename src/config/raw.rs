//! What was said: a config file's keys or the command line's flags, nothing filled in.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::fault::{ConfigError, nearest};
use super::value::{FromValue, Modules, Numbers, Paths, kind, parse};
use crate::store::read_text;

/// Makes the struct, the list of its keys, the reader of one key and the merge from one table.
macro_rules! keys {
    ($($(#[doc = $doc:literal])* $key:ident: $kind:ty,)*) => {
        /// Every key optional: flags and files are both this, and [`Raw::over`] lays one on the other.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct Raw {
            $($(#[doc = $doc])* #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<$kind>,)*
        }

        /// Every key, in the order of `configs/defaults.yaml`.
        pub const KEYS: &[&str] = &[$(stringify!($key)),*];

        impl Raw {
            fn set(&mut self, key: &str, value: &Value) -> Result<(), String> {
                match key {
                    $(stringify!($key) => self.$key = Some(<$kind as FromValue>::from_value(value)?),)*
                    other => return Err(format!("{other:?} is no key")),
                }
                Ok(())
            }

            /// What `self` says, else what `below` says.
            pub fn over(self, below: Raw) -> Raw {
                Raw { $($key: self.$key.or(below.$key),)* }
            }
        }
    };
}

keys! {
    /// A path, a role, a model in the daemon's store, a Hugging Face id in the local cache, or a shortcut.
    model_to_fine_tune: String,
    dataset_path: Paths,
    shape: String,
    output_model_name: String,
    role: String,
    eval_dataset: Paths,
    eval_split: f64,
    output: PathBuf,
    from_adapter: PathBuf,
    resume: bool,
    epochs: f64,
    max_steps: u64,
    batch_size: u64,
    gradient_accumulation: u64,
    learning_rate: f64,
    lr_scheduler: String,
    warmup_ratio: f64,
    weight_decay: f64,
    max_grad_norm: f64,
    label_smoothing_factor: f64,
    lora_rank: u64,
    lora_alpha: f64,
    lora_dropout: f64,
    use_rslora: bool,
    target_modules: Modules,
    layers_to_transform: Vec<usize>,
    rank_pattern: Numbers,
    alpha_pattern: Numbers,
    max_seq_len: u64,
    no_shuffle: bool,
    group_by_length: bool,
    seed: u64,
    eval_steps: u64,
    early_stopping_patience: u64,
    early_stopping_threshold: f64,
    load_best_model_at_end: bool,
    save_every: u64,
    save_total_limit: u64,
    replay: String,
    replay_share: f64,
    device: String,
    force_cpu: bool,
    compute: String,
    threads: u64,
    max_memory: String,
    quant: String,
    quant_floor: String,
    delivery: String,
    num_ctx: u64,
    system: String,
    num_thread: u64,
    probes: u64,
    general: String,
    ollama_host: String,
    models_yaml: PathBuf,
    runs_dir: PathBuf,
}

/// The flags' names for three keys that the config names otherwise, and transformers' for one.
const ALIASES: &[(&str, &str)] = &[
    ("base_model", "model_to_fine_tune"),
    ("dataset", "dataset_path"),
    ("name", "output_model_name"),
    ("save_steps", "save_every"),
];

/// What other trainers call our keys: suggested, never taken.
const ELSEWHERE: &[(&str, &str)] = &[
    ("lr", "learning_rate"),
    ("rank", "lora_rank"),
    ("r", "lora_rank"),
    ("lora_r", "lora_rank"),
    ("alpha", "lora_alpha"),
    ("dropout", "lora_dropout"),
    ("rslora", "use_rslora"),
    ("num_epochs", "epochs"),
    ("num_train_epochs", "epochs"),
    ("per_device_train_batch_size", "batch_size"),
    ("micro_batch_size", "batch_size"),
    ("gradient_accumulation_steps", "gradient_accumulation"),
    ("lr_scheduler_type", "lr_scheduler"),
    ("max_seq_length", "max_seq_len"),
    ("cutoff_len", "max_seq_len"),
    ("val_size", "eval_split"),
    ("val_set_size", "eval_split"),
    ("patience", "early_stopping_patience"),
    ("label_smoothing", "label_smoothing_factor"),
    ("output_dir", "output"),
    ("model", "model_to_fine_tune"),
    ("model_name", "model_to_fine_tune"),
    ("data", "dataset_path"),
    ("shuffle", "no_shuffle"),
];

/// Bytes of a config file, at most.
const MAX_CONFIG: u64 = 4 << 20;

/// Why `modules_to_save` is refused.
pub const NO_MODULES_TO_SAVE: &str = "whole modules are not trained beside the adapter: a LoRA GGUF can't hold them, \
                                      and a merged one would replace the base's; name the linear layers in \
                                      target_modules";

/// What PEFT has and tunesmith does not, with the reason.
const UNSUPPORTED: &[(&str, &str)] = &[
    ("modules_to_save", NO_MODULES_TO_SAVE),
    ("use_dora", "only plain LoRA and rsLoRA are trained; leave it out"),
    ("bias", "biases are not trained; leave it out"),
];

impl Raw {
    /// Reads a config file, YAML or JSON; all faults at once.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text("reading config", path, MAX_CONFIG)?;
        Self::parse(&text, &path.display().to_string())
    }

    /// `place` names the text in errors.
    pub fn parse(text: &str, place: &str) -> Result<Self, ConfigError> {
        let value = parse(text).map_err(|reason| ConfigError::Syntax { place: place.into(), reason })?;
        let map = match &value {
            Value::Mapping(map) => map,
            Value::Null => return Ok(Self::default()),
            other => {
                let faults = vec![format!("a config is a mapping of keys to values, this is {}", kind(other))];
                return Err(ConfigError::Faults { place: place.into(), faults });
            }
        };
        let mut raw = Self::default();
        let mut said: Vec<&str> = Vec::new();
        let mut faults = Vec::new();
        for (key, value) in map {
            let Some(written) = key.as_str() else {
                faults.push(format!("{} stands where a key is wanted", kind(key)));
                continue;
            };
            let key = ALIASES.iter().find(|(a, _)| *a == written).map_or(written, |(_, k)| *k);
            if !KEYS.contains(&key) {
                faults.push(unknown(written));
            } else if said.contains(&key) {
                faults.push(format!("{key}: said twice, once as {written}"));
            } else if !value.is_null()
                && let Err(what) = raw.set(key, value)
            {
                faults.push(format!("{written}: {what}"));
            }
            said.push(key);
        }
        if faults.is_empty() { Ok(raw) } else { Err(ConfigError::Faults { place: place.into(), faults }) }
    }
}

fn unknown(key: &str) -> String {
    if let Some((_, why)) = UNSUPPORTED.iter().find(|(k, _)| *k == key) {
        return format!("{key}: {why}");
    }
    let shown: String = key.chars().take(60).collect();
    let elsewhere = ELSEWHERE.iter().find(|(e, _)| *e == key).map(|(_, k)| *k);
    match elsewhere.or_else(|| nearest(key, KEYS)) {
        Some(near) => format!("{shown:?} is no key; did you mean {near:?}?"),
        None => format!("{shown:?} is no key; configs/defaults.yaml lists all of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_is_named_at_once() {
        let text = "epoch: 3\nlr: 0.1\nbatch_size: four\nlora_rank: -2\ncolour: red\nmodules_to_save: [lm_head]\ndataset: a\ndataset_path: b\n7: x\n";
        let e = Raw::parse(text, "c.yaml").unwrap_err().to_string();
        for needle in [
            "c.yaml: 8 faults",
            "modules_to_save: whole modules are not trained",
            "\"epoch\" is no key; did you mean \"epochs\"?",
            "did you mean \"learning_rate\"?",
            "batch_size: wants a whole number, got the text \"four\"",
            "lora_rank: wants a whole number of 0 or more, got -2",
            "\"colour\" is no key; configs/defaults.yaml",
            "dataset_path: said twice",
            "the number 7 stands where a key",
        ] {
            assert!(e.contains(needle), "{needle} not in {e}");
        }
    }

    #[test]
    fn flags_lie_over_the_file() {
        let file = Raw::parse("epochs: 3\nseed: 1\nreplay: false", "f").unwrap();
        assert_eq!(file.replay.as_deref(), Some("off"));
        let both = Raw { epochs: Some(1.0), ..Raw::default() }.over(file);
        assert_eq!((both.epochs, both.seed), (Some(1.0), Some(1)));
    }

    #[test]
    fn the_defaults_name_every_key_in_order() {
        let text = super::super::DEFAULTS_YAML;
        let mut at = 0;
        for key in KEYS {
            let found = text[at..]
                .find(&format!("\n{key}:"))
                .unwrap_or_else(|| panic!("{key} not in defaults.yaml, or not in its place"));
            at += found + 1;
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z_:\\[\\]{}\"'&*!|>\\n 0-9.,#-]{0,200}") {
            let _ = Raw::parse(&text, "p");
        }
    }
}
