//! The table of options. Each is declared here once: key, type, default, section, help, and what [`Spec`] has besides. The
//! reader of files, the checks, the flags, `configs/defaults.yaml` and the reference documents are made from it.

use std::path::PathBuf;

use super::kind::{NoValue, OptionType};
use super::memory::Memory;
use super::spec::{Commands, RUN, RUN_AND_TRAIN, Section, Spec, TRAINING};
use super::value::{Numbers, Paths};
use super::words::{Choice, Delivery, Replay};
use crate::dataset::Shape;
use crate::export::{Floor, Quant};
use crate::input::FromValue;
use crate::lora::TargetModules;
use crate::model::DeviceKind;
use crate::ops::Compute;
use crate::roles::General;
use crate::train::{Range, Scheduler, range};

/// Makes the two structs, the table and what goes over all fields from one list. Of the lines of documentation, the first
/// is the help; what follows goes to the reference only.
macro_rules! options {
    ($($section:ident: $($(#[doc = $doc:literal])+ $key:ident: $type:ty = $default:literal { $($column:ident: $value:expr),* $(,)? })+)+) => {
        /// What a file or the command line says, nothing filled in: [`Raw::over`] lays one on the other.
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
        pub struct Raw {
            $($($(#[doc = $doc])+ #[serde(skip_serializing_if = "Option::is_none")] pub $key: Option<<$type as OptionType>::Said>,)+)+
        }

        /// What is meant: every value resolved and checked, defaults included. Its keys are those of [`Raw`], so a `run.yaml`
        /// is a config again.
        #[derive(Clone, Debug, PartialEq, serde::Serialize)]
        pub struct RunConfig {
            $($($(#[doc = $doc])+ pub $key: $type,)+)+
        }

        /// Every option, in the order of `configs/defaults.yaml`.
        pub const OPTIONS: &[Spec] = &[$($(Spec {
            key: stringify!($key),
            docs: &[$($doc),+],
            kind: <$type as OptionType>::KIND,
            required: <$type as OptionType>::REQUIRED,
            default: $default,
            section: Section::$section,
            accepts: |texts| <<$type as OptionType>::Said as FromValue>::from_flag(texts).map(drop),
            $($column: $value,)*
            ..Spec::PLAIN
        }),+),+];

        /// The keys of [`OPTIONS`].
        pub const KEYS: &[&str] = &[$($(stringify!($key)),+),+];

        impl Raw {
            pub(super) fn set(&mut self, key: &str, value: &serde_yaml::Value) -> Result<(), String> {
                match key {
                    $($(stringify!($key) => self.$key = Some(FromValue::from_value(value)?),)+)+
                    other => return Err(format!("{other:?} is an unknown key")),
                }
                Ok(())
            }

            /// Takes what a flag says; `texts` are its values.
            ///
            /// # Errors
            /// The texts are no value of this option.
            pub fn set_flag(&mut self, key: &str, texts: &[&str]) -> Result<(), String> {
                match key {
                    $($(stringify!($key) => self.$key = Some(FromValue::from_flag(texts)?),)+)+
                    other => return Err(format!("{other:?} is an unknown key")),
                }
                Ok(())
            }

            /// Every path with `~` as the home folder.
            pub(super) fn expand_paths(&mut self, home: Option<&std::path::Path>, faults: &mut Vec<String>) {
                $($(if let Some(Err(what)) = self.$key.as_mut().map(|said| said.expand_home(home)) {
                    faults.push(format!("{}: {what}", stringify!($key)));
                })+)+
            }

            /// What `self` says, else what `below` says.
            pub fn over(self, below: Raw) -> Raw {
                Raw { $($($key: self.$key.or(below.$key),)+)+ }
            }

            /// The config that is meant; None after a fault. All faults are found.
            pub(super) fn checked(self, faults: &mut Vec<String>) -> Option<RunConfig> {
                $($(let $key = check::<$type>(stringify!($key), self.$key, faults);)+)+
                Some(RunConfig { $($($key: $key?,)+)+ })
            }

            /// By key, each value that `self` gives, as `run.yaml` writes it.
            pub(super) fn values(self) -> serde_json::Map<String, serde_json::Value> {
                let mut values = serde_json::Map::new();
                $($(if let Ok(value) = <$type as OptionType>::of(self.$key) {
                    values.insert(stringify!($key).to_owned(), serde_json::json!(value));
                })+)+
                values
            }
        }

        impl RunConfig {
            /// The value of this option, as `run.yaml` writes it; None for another key, or a path that is no UTF-8.
            pub fn value(&self, key: &str) -> Option<serde_json::Value> {
                match key {
                    $($(stringify!($key) => serde_json::to_value(&self.$key).ok(),)+)+
                    _ => None,
                }
            }
        }
    };
}

/// The row of `key`.
pub fn option(key: &str) -> Option<&'static Spec> {
    OPTIONS.iter().find(|spec| spec.key == key)
}

/// The value that is meant, within its range.
fn check<T: OptionType>(key: &str, said: Option<T::Said>, faults: &mut Vec<String>) -> Option<T> {
    let spec = option(key)?;
    let fault = match T::of(said) {
        Ok(value) => match (value.number(), spec.range) {
            (Some(number), Some(range)) if !range.holds(number) => {
                format!("{key}: {number} is invalid; expected {}", spec.expected())
            }
            (Some(number), None) if !number.is_finite() => format!("{key}: {number} is invalid; expected a number"),
            _ => return Some(value),
        },
        Err(NoValue::Missing) => format!("{key} is missing: {}", spec.help()),
        Err(NoValue::Invalid(what)) => format!("{key}: {what}"),
    };
    faults.push(fault);
    None
}

options! {
    Model:
    /// Name the model to start from: a path, a role, a model in Ollama's store, a Hugging Face id, or a shortcut
    /// A path is a Hugging Face folder or a GGUF file; a role is one of models.yaml; a Hugging Face id is looked up in the local
    /// cache. Nothing is downloaded.
    model_to_fine_tune: String = "null" {
        flag: "base-model", value: "BASE", taken_by: TRAINING, aliases: &["base_model"], elsewhere: &["model", "model_name"],
    }
    /// Name the new model in Ollama
    /// `run` needs it; `train` registers nothing and names the output folder after it.
    output_model_name: String = "null" {
        unset: "for `train`, <base>-tuned", value: "NAME", taken_by: TRAINING, aliases: &["name"],
    }
    /// Name the role to promote
    role: Option<String> = "null" { unset: "the role that uses the base or the new model", value: "ROLE", taken_by: RUN }
    /// Continue training this adapter (of tunesmith, PEFT or mlx-lm) instead of a new one
    /// Its rank, alpha and target modules stay.
    from_adapter: Option<PathBuf> = "null" { value: "DIR", taken_by: TRAINING }
    /// Write the trained adapter to this folder
    /// `train` writes checkpoints and `final/` there; `run` writes a copy of `final/`.
    output: PathBuf = "null" {
        unset: "output/<output_model_name>", value: "DIR", taken_by: RUN_AND_TRAIN, short: Some('o'), elsewhere: &["output_dir"],
    }
    /// Continue from the newest checkpoint in the output folder
    /// `run` always does. `train --overwrite` starts over.
    resume: bool = "false" { taken_by: Commands::Some(&["train"]) }

    Data:
    /// Read training examples from these files: JSONL, a JSON list, CSV or TSV, also gzipped; a path or a glob; may repeat
    dataset_path: Paths = "null" {
        flag: "dataset", value: "FILE", taken_by: TRAINING, aliases: &["dataset"], elsewhere: &["data"],
    }
    /// Choose the notation to read where records have several
    shape: Option<Shape> = "null" { taken_by: TRAINING }
    /// Report the loss on these held-out records, written as the dataset
    eval_dataset: Option<Paths> = "null" {
        unset: "a tenth of the dataset where a role has no suite", value: "FILE", taken_by: TRAINING,
    }
    /// Hold out this share of the dataset instead
    /// The loss on it is reported, and it is the suite of a role that has none.
    eval_split: Option<f64> = "null" {
        range: Some(Range::above(0.0).below(1.0)), value: "SHARE", taken_by: TRAINING, decides_training: true,
        elsewhere: &["val_size", "val_set_size"],
    }
    /// Cut examples to this many tokens; what is cut is listed
    max_seq_len: Option<usize> = "null" {
        unset: "2048, or the base's context where that is less", range: Some(Range::from(8.0).to(16_777_216.0)), value: "TOKENS",
        taken_by: TRAINING, decides_training: true, elsewhere: &["max_seq_length", "cutoff_len"],
    }
    /// Keep the order of the file
    no_shuffle: bool = "false" { taken_by: TRAINING, decides_training: true, elsewhere: &["shuffle"] }
    /// Put examples of similar length into the same batch
    group_by_length: bool = "false" { taken_by: TRAINING, decides_training: true }
    /// Mix in general prompts against forgetting: auto (the program's own), off, or a file; `train` mixes in none unless told
    /// The base itself answers them. docs/benchmarks/replay.md has measurements.
    replay: Replay = "auto" { value: "REPLAY", taken_by: TRAINING, decides_training: true }
    /// Set the share of replayed prompts among all examples
    replay_share: f64 = "0.2" {
        range: Some(Range::above(0.0).below(1.0).usual("replay: off turns replay off")), value: "SHARE", taken_by: TRAINING,
        decides_training: true,
    }

    Lora:
    /// Set the rank
    lora_rank: usize = "16" {
        range: Some(Range::from(1.0).to(4096.0)), value: "N", taken_by: TRAINING, decides_training: true,
        elsewhere: &["rank", "r", "lora_r"],
    }
    /// Set alpha: the update is scaled by alpha / rank
    lora_alpha: f64 = "null" {
        unset: "twice the rank", range: Some(Range::above(0.0).usual("twice the rank is usual")), value: "ALPHA", taken_by: TRAINING,
        decides_training: true, elsewhere: &["alpha"],
    }
    /// Set the dropout of the adapter's input
    /// Above 0, what examples have in common is computed for each of them instead of once.
    lora_dropout: f64 = "0" {
        range: Some(Range::from(0.0).below(1.0)), value: "SHARE", taken_by: TRAINING, decides_training: true, elsewhere: &["dropout"],
    }
    /// Scale the update by alpha / sqrt(rank) (rsLoRA)
    use_rslora: bool = "false" { taken_by: TRAINING, decides_training: true, elsewhere: &["rslora"] }
    /// Choose the linear layers: all-linear, a list such as q_proj,v_proj, or a regular expression of the whole path
    /// Names are those of PEFT: q_proj, k_proj, v_proj, o_proj, gate_proj, up_proj, down_proj, or longer ones such as
    /// layers.0.mlp.up_proj. An expression: '.*\.layers\.[01]\.self_attn\.(q|v)_proj'.
    target_modules: TargetModules = "all-linear" { value: "MODULES", taken_by: TRAINING, decides_training: true }
    /// Train only these layers, counted from 0
    layers_to_transform: Option<Vec<usize>> = "null" { unset: "all layers", value: "LIST", taken_by: TRAINING, decides_training: true }
    /// Give some modules another rank; may repeat, the first that matches decides
    /// As in PEFT: {q_proj: 4, layers.1.mlp.down_proj: 2}. A key is a regular expression of the path's end.
    rank_pattern: Numbers = "{}" { value: "MODULE=N", taken_by: TRAINING, decides_training: true }
    /// Give some modules another alpha; may repeat, the first that matches decides
    alpha_pattern: Numbers = "{}" { value: "MODULE=N", taken_by: TRAINING, decides_training: true }

    Training:
    /// Set the passes over the dataset; may be a fraction
    epochs: f64 = "3" {
        range: Some(range::EPOCHS), value: "N", taken_by: TRAINING, decides_training: true, elsewhere: &["num_epochs", "num_train_epochs"],
    }
    /// Set the optimiser steps, instead of the epochs
    max_steps: Option<u64> = "null" {
        unset: "as many as the epochs have", range: Some(range::AT_LEAST_ONE), value: "N", taken_by: TRAINING, decides_training: true,
    }
    /// Set the examples of a micro-batch
    batch_size: usize = "4" {
        range: Some(range::BATCH), value: "N", taken_by: TRAINING, decides_training: true,
        elsewhere: &["per_device_train_batch_size", "micro_batch_size"],
    }
    /// Set the micro-batches of an optimiser step
    gradient_accumulation: usize = "1" {
        range: Some(range::BATCH), value: "N", taken_by: TRAINING, decides_training: true, elsewhere: &["gradient_accumulation_steps"],
    }
    /// Set the peak learning rate
    learning_rate: f64 = "2e-4" {
        range: Some(range::LEARNING_RATE), value: "LR", taken_by: TRAINING, decides_training: true, elsewhere: &["lr"],
    }
    /// Choose how the learning rate falls after its warm-up
    lr_scheduler: Scheduler = "linear" { value: "SCHEDULER", taken_by: TRAINING, decides_training: true, elsewhere: &["lr_scheduler_type"] }
    /// Raise the learning rate over this share of the steps
    /// Rounded up to whole steps, and down in a run of fewer than 10 steps. `constant` has no warm-up.
    warmup_ratio: f64 = "0.03" { range: Some(range::WARMUP_RATIO), value: "SHARE", taken_by: TRAINING, decides_training: true }
    /// Set the decoupled weight decay of AdamW
    weight_decay: f64 = "0" { range: Some(range::WEIGHT_DECAY), value: "DECAY", taken_by: TRAINING, decides_training: true }
    /// Clip gradients to this norm; 0 = no clipping
    max_grad_norm: f64 = "1" { range: Some(range::MAX_GRAD_NORM), value: "NORM", taken_by: TRAINING, decides_training: true }
    /// Set the label smoothing factor, as PyTorch's label_smoothing; 0 = off
    /// 0.1 is usual. It changes the training loss only: neither eval_loss nor what is replayed.
    label_smoothing_factor: f64 = "0" {
        range: Some(Range::from(0.0).below(1.0).usual("0 turns it off")), value: "FACTOR", taken_by: TRAINING, decides_training: true,
        elsewhere: &["label_smoothing"],
    }
    /// Set the seed of everything random
    seed: u64 = "42" { value: "N", taken_by: Commands::All, decides_training: true }
    /// Write a checkpoint every N steps; 0 = only at the end
    save_every: u64 = "50" { value: "N", taken_by: TRAINING, aliases: &["save_steps"] }
    /// Keep at most N checkpoints, the newest, and the best one beside them
    save_total_limit: Option<u64> = "null" { unset: "all", range: Some(range::AT_LEAST_ONE), value: "N", taken_by: TRAINING }
    /// Write the scalars for TensorBoard too, to tensorboard/ beside metrics.jsonl
    /// `tensorboard --logdir runs` shows every run, also while it trains.
    tensorboard: bool = "false" { taken_by: RUN_AND_TRAIN, elsewhere: &["report_to", "logging_dir"] }

    Evaluation:
    /// Evaluate every N steps as well as at the end of each epoch; 0 = only there
    eval_steps: u64 = "0" { value: "N", taken_by: TRAINING, decides_training: true }
    /// Stop after N evaluations without a better one than the best, whose checkpoint is kept
    early_stopping_patience: Option<u64> = "null" {
        unset: "never", range: Some(range::AT_LEAST_ONE), value: "N", taken_by: TRAINING, decides_training: true, elsewhere: &["patience"],
    }
    /// Count an evaluation as better only if its loss is lower by this much, in nats
    early_stopping_threshold: f64 = "0" {
        range: Some(range::EARLY_STOPPING_THRESHOLD), value: "NATS", taken_by: TRAINING, decides_training: true,
    }
    /// Make final/ from the checkpoint with the lowest evaluation loss, not from the last
    load_best_model_at_end: bool = "false" { taken_by: TRAINING, decides_training: true }

    Memory:
    /// Choose the device to train on; auto takes the GPU that this program was built for, if there is one
    device: Choice<DeviceKind> = "auto" { taken_by: TRAINING }
    /// Train on the CPU, as --device cpu
    force_cpu: bool = "false" { taken_by: TRAINING }
    /// Choose the arithmetic of the matrix products with the base; auto takes the fastest that this CPU has
    /// f32 is exact. int8 needs a CPU with AVX-512 VNNI, AVX-VNNI or AMX; bf16 needs AMX, where int8 is faster. Evaluations are always in f32.
    compute: Choice<Compute> = "auto" { taken_by: TRAINING, decides_training: true }
    /// Use N threads; 0 = every core
    threads: Option<usize> = "null" { unset: "every core", range: Some(Range::from(0.0).to(4096.0)), value: "N", taken_by: TRAINING }
    /// Limit the memory of training (2GiB, 800MiB), on a GPU that of the GPU
    /// Values of layers are computed again rather than kept. The limit of a container counts as what is free.
    max_memory: Option<Memory> = "null" { unset: "four fifths of what is free", value: "SIZE", taken_by: TRAINING }

    Delivery:
    /// Choose what is registered: the merged model, or base and adapter (Ollama up to 0.34.0, some architectures)
    delivery: Delivery = "merged" {}
    /// Choose the type of the exported tensors; keep takes the types of the base
    quant: Quant = "keep" { value: "TYPE", taken_by: TRAINING }
    /// With keep, choose the type of trained tensors below 8 bit; same keeps their type
    quant_floor: Floor = "q8_0" { value: "FLOOR", taken_by: TRAINING }
    /// Set the context length of the registered model, in tokens
    num_ctx: Option<u64> = "null" {
        unset: "the base's own parameter (else 4096), or max_seq_len where that is more", range: Some(Range::from(16.0).to(16_777_216.0)),
    }
    /// Set the SYSTEM text of the registered model
    system: Option<String> = "null" { unset: "the base's own, or that of the data if it has exactly one" }

    Gate:
    /// Set the number of prompts of the log-probability proof
    probes: usize = "16" { range: Some(Range::from(1.0).to(1024.0)) }
    /// Choose whether builtin:general guards the gate (a role may turn it off too)
    general: General = "on" {}
    /// Set the threads that the daemon uses in proof and evaluation
    num_thread: Option<u64> = "null" { unset: "the daemon's choice", range: Some(Range::from(1.0).to(4096.0)) }

    Places:
    /// Connect to the daemon at this address
    /// Another machine must be named on the command line or by OLLAMA_HOST too.
    ollama_host: Option<String> = "null" { unset: "OLLAMA_HOST, else 127.0.0.1:11434", value: "HOST", taken_by: Commands::All }
    /// Read the roles from this file
    models_yaml: PathBuf = "configs/models.yaml" { value: "FILE", taken_by: Commands::All }
    /// Keep the folders of runs here
    runs_dir: PathBuf = "runs" { value: "DIR", taken_by: RUN }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::Kind;

    /// A resumed training is compared with the checkpoint's by these options, and otherwise by its examples, base and route.
    #[test]
    fn what_decides_a_training_is_recorded_in_its_checkpoints() {
        const OF_THE_EXAMPLES: [&str; 4] = ["eval_split", "max_seq_len", "replay", "replay_share"];
        const OF_THE_ROUTE: [&str; 1] = ["compute"];
        let decides = OPTIONS.iter().filter(|spec| spec.decides_training).map(|spec| spec.key);
        let otherwise = [&OF_THE_EXAMPLES[..], &OF_THE_ROUTE].concat();
        let expected: BTreeSet<_> = decides.filter(|key| !otherwise.contains(key)).map(str::to_owned).collect();
        assert_eq!(crate::train::identity_keys().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn every_row_is_complete_and_sound() {
        for spec in OPTIONS {
            let Spec { key, default, .. } = spec;
            assert!(
                !spec.help().is_empty() && !spec.help().ends_with('.'),
                "{key}: help is one line without a full stop"
            );
            assert!(spec.help().starts_with(char::is_uppercase), "{key}: {}", spec.help());
            let shown = spec.kind.noun();
            if *default == "null" {
                let given =
                    !spec.required || matches!(*key, "model_to_fine_tune" | "dataset_path") || !spec.unset.is_empty();
                assert!(given, "{key} has no default and says not what holds then");
            } else {
                assert!(spec.unset.is_empty(), "{key} has a default and `unset` too");
                let mut raw = Raw::default();
                raw.set(key, &serde_yaml::from_str(default).unwrap()).unwrap_or_else(|e| panic!("{key}, {shown}: {e}"));
            }
            let number = matches!(spec.kind, Kind::Whole | Kind::Number);
            assert!(number || spec.range.is_none(), "{key} is no number and has a range");
            let names = OPTIONS.iter().flat_map(|s| s.aliases.iter().chain(s.elsewhere).chain([&s.key]));
            for name in spec.aliases.iter().chain(spec.elsewhere).chain([key]) {
                assert_eq!(names.clone().filter(|other| *other == name).count(), 1, "{name} is said of two options");
            }
        }
    }

    #[test]
    fn every_default_is_in_its_range() {
        let given = Raw {
            model_to_fine_tune: Some("m".into()),
            output_model_name: Some("n".into()),
            output: Some("o".into()),
            dataset_path: Some("d".into()),
            lora_alpha: Some(32.0),
            ..Raw::default()
        };
        let mut faults = Vec::new();
        assert!(given.over(Raw::defaults()).checked(&mut faults).is_some(), "{faults:?}");
    }
}
