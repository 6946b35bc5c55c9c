//! What is meant: every value resolved and checked, defaults included; written to a run's `run.yaml`.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::fault::ConfigError;
use super::name::{folder_name, model_name_fault};
use super::options::{Raw, RunConfig, option};
use super::places;
use super::words::Choice;
use crate::input::{Bounds, Env, expand_home};
use crate::model::DeviceKind;
use crate::roles::same_model;
use crate::store::{Digest, check_read_inside};

/// What the config is for: `run` needs a name for the new model and replays by default; `train` does neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Run,
    Train,
}

impl RunConfig {
    /// Reads `file` (if any), lays `flags` over it and both over the defaults.
    pub fn load(file: Option<&Path>, flags: Raw, purpose: Purpose) -> Result<Self, ConfigError> {
        let (said, place) = Self::said(file, flags)?;
        Self::resolve(said, purpose, &place)
    }

    /// The config of a run that is there: only read, so its places need not lie in the project. The command line may have
    /// named them when the run was made.
    pub fn of_run(folder: &Path, flags: Raw) -> Result<Self, ConfigError> {
        let path = folder.join("run.yaml");
        check_read_inside(&path)?;
        Self::resolve(flags.over(Raw::read(&path)?), Purpose::Run, &path.display().to_string())
    }

    /// `flags` over `file` (if any), and the origin's name.
    pub fn said(file: Option<&Path>, flags: Raw) -> Result<(Raw, String), ConfigError> {
        let Some(path) = file else { return Ok((flags, "the command line".to_owned())) };
        // Its texts go into the tuned model, and faults quote it.
        check_read_inside(path)?;
        let (said, place) = (Raw::read(path)?, path.display().to_string());
        let faults = places::check(&said, &flags, path, &Bounds::of_process());
        if !faults.is_empty() {
            return Err(ConfigError::Faults { place, faults });
        }
        Ok((flags.over(said), place))
    }

    /// Fills in the defaults and checks every value; all faults at once. `place` names the origin in errors.
    pub fn resolve(said: Raw, purpose: Purpose, place: &str) -> Result<Self, ConfigError> {
        let mut faults = Vec::new();
        let said = at_home(said, Env::read().home.as_deref(), &mut faults);
        let raw = filled(said, purpose);
        contradictions(&raw, purpose, &mut faults);
        match raw.checked(&mut faults) {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigError::Faults { place: place.to_owned(), faults }),
        }
    }

    /// The text of `run.yaml`.
    pub fn to_yaml(&self) -> String {
        // Plain numbers, texts and lists: the writer has nothing to refuse.
        serde_yaml::to_string(self).unwrap_or_default()
    }

    /// Of what decides the training, the contents of files aside. What is delivered and how it is judged, the places,
    /// and the number of threads (the bytes are the same at any) may change, and the training stands.
    pub fn training_digest(&self) -> Digest {
        Digest::of_bytes(self.training_identity().to_string().as_bytes())
    }

    /// Canonical JSON (keys sorted) of the options that decide the training and are not at their defaults: an option that
    /// is added later changes nothing for the runs before it.
    fn training_identity(&self) -> Value {
        /// Raise it when a default changes, or the meaning of a value.
        const VERSION: u32 = 1;
        let defaults = Raw::defaults().values();
        let all = match json!(self) {
            Value::Object(all) => all,
            _ => serde_json::Map::new(),
        };
        let decides = |key: &str| option(key).is_some_and(|spec| spec.decides_training);
        let changed: BTreeMap<_, _> =
            all.into_iter().filter(|(key, value)| decides(key) && defaults.get(key) != Some(value)).collect();
        json!({"options": changed, "version": VERSION})
    }
}

/// Every path with `~` as the home folder.
fn at_home(mut said: Raw, home: Option<&Path>, faults: &mut Vec<String>) -> Raw {
    said.expand_paths(home, faults);
    // A path or a word.
    for (key, text) in [("model_to_fine_tune", &mut said.model_to_fine_tune), ("replay", &mut said.replay)] {
        if let Some(text) = text.as_mut().filter(|text| text.starts_with("~/")) {
            match expand_home(Path::new(&*text), home) {
                Ok(path) => *text = path.to_string_lossy().into_owned(),
                Err(what) => faults.push(format!("{key}: {what}")),
            }
        }
    }
    said
}

/// The defaults of the table, and those that follow from other values, where nothing is said.
fn filled(mut raw: Raw, purpose: Purpose) -> Raw {
    if purpose == Purpose::Train {
        raw.replay.get_or_insert("off".to_owned());
        let base = raw.model_to_fine_tune.as_deref().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        raw.output_model_name.get_or_insert(format!("{}-tuned", base.replace(':', "-")));
    }
    let mut raw = raw.over(Raw::defaults());
    let folder = folder_name(raw.output_model_name.as_deref().unwrap_or_default());
    raw.output.get_or_insert(Path::new("output").join(folder));
    // A rank of 0 is refused: its alpha need not be refused too.
    let rank = raw.lora_rank.unwrap_or_default().max(1);
    raw.lora_alpha.get_or_insert(2.0 * rank as f64);
    raw
}

/// What is valid alone and not together.
fn contradictions(raw: &Raw, purpose: Purpose, faults: &mut Vec<String>) {
    if raw.eval_dataset.is_some() && raw.eval_split.is_some() {
        faults.push("eval_split and eval_dataset are both set: give one of them".into());
    }
    let built = |place| match place {
        DeviceKind::Cuda => cfg!(feature = "cuda"),
        DeviceKind::Metal => cfg!(feature = "metal"),
        DeviceKind::Cpu => true,
    };
    let device = raw.device.as_deref().and_then(|text| text.parse().ok());
    if let (Some(Choice::Named(device)), false) = (device, raw.force_cpu == Some(true))
        && !built(device)
    {
        faults.push(format!(
            "device: {device}: this program was built without it (cargo build --release --features {device}); leave it out, or say cpu"
        ));
    }
    let (Purpose::Run, Some(name), Some(base)) = (purpose, &raw.output_model_name, &raw.model_to_fine_tune) else {
        return;
    };
    if let Err(what) = model_name_fault(name) {
        faults.push(format!("output_model_name: {what}"));
    }
    if same_model(name, base) {
        faults.push(format!(
            "output_model_name: {name:?} is the model to fine-tune itself; give the new one its own name (or tag)"
        ));
    }
}

#[cfg(test)]
#[path = "home_tests.rs"]
mod home_tests;

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::{Delivery, Memory, Replay};
    use crate::export::Quant;
    use crate::ops::Compute;

    const SEVEN: &str = include_str!("../../configs/training_config.json");

    #[test]
    fn the_seven_keys_word_for_word() {
        let raw = Raw::parse(SEVEN, "training_config.json").unwrap();
        let c = RunConfig::resolve(raw, Purpose::Run, "training_config.json").unwrap();
        assert_eq!(c.model_to_fine_tune, "qwen3-sfd-analyzer");
        assert_eq!(c.dataset_path, "data/training/sfd_analysis_dataset.jsonl".into());
        assert_eq!(c.output_model_name, "qwen3-sfd-analyzer-v2");
        assert_eq!((c.epochs, c.learning_rate, c.batch_size, c.lora_rank), (3.0, 5e-5, 4, 8));
        assert_eq!((c.lora_alpha, c.replay.clone(), c.replay_share), (16.0, Replay::Auto, 0.2));
        assert_eq!(c.output, PathBuf::from("output/qwen3-sfd-analyzer-v2"));
        assert_eq!((c.quant, c.delivery, c.max_seq_len), (Quant::Keep, Delivery::Merged, None));
    }

    #[test]
    fn a_run_yaml_is_a_config_that_means_the_same() {
        let raw = Raw::parse(SEVEN, "s").unwrap();
        let flags = Raw {
            seed: Some(7),
            max_memory: Some("2GiB".into()),
            system: Some("Be: \"brief\"\nand kind".into()),
            replay: Some("p.jsonl".into()),
            ..Raw::default()
        };
        let c = RunConfig::resolve(flags.over(raw), Purpose::Run, "s").unwrap();
        let again =
            RunConfig::resolve(Raw::parse(&c.to_yaml(), "run.yaml").unwrap(), Purpose::Run, "run.yaml").unwrap();
        assert_eq!(again, c);
        assert_eq!(again.training_digest(), c.training_digest());
        let elsewhere = RunConfig {
            quant: Quant::F16,
            threads: Some(3),
            force_cpu: true,
            max_memory: Some(Memory(3 << 30)),
            output_model_name: "z:v9".into(),
            ..c.clone()
        };
        assert_eq!(elsewhere.training_digest(), c.training_digest());
        assert_ne!(RunConfig { epochs: 2.5, ..c.clone() }.training_digest(), c.training_digest());
        assert_ne!(
            RunConfig { compute: Choice::Named(Compute::Bf16), ..c.clone() }.training_digest(),
            c.training_digest()
        );
    }

    /// Runs that are there are found again by this digest: if this test fails, `training_identity` needs another VERSION.
    #[test]
    fn what_is_stored_of_a_config_is_its_options_without_the_defaults() {
        let said = "model_to_fine_tune: m\ndataset_path: d\noutput_model_name: n\nlora_rank: 8\nlora_alpha: 16\n\
                    lora_dropout: 0\nlr_scheduler: linear\nrank_pattern: {v_proj: 4, q_proj: 2}\nepochs: 1\nreplay: off\n\
                    threads: 3\nquant: f16\n";
        let c = RunConfig::resolve(Raw::parse(said, "c").unwrap(), Purpose::Run, "c").unwrap();
        assert_eq!(
            c.training_identity().to_string(),
            r#"{"options":{"epochs":1.0,"lora_alpha":16.0,"lora_rank":8,"rank_pattern":{"v_proj":4.0,"q_proj":2.0},"replay":"off"},"version":1}"#
        );
        // Options may be added; a default that was left out of older identities must stay.
        let left_out: BTreeMap<String, Value> = serde_json::from_str(
            r#"{"alpha_pattern":{},"batch_size":4,"compute":"auto","early_stopping_patience":null,"early_stopping_threshold":0.0,"epochs":3.0,"eval_split":null,"eval_steps":0,"gradient_accumulation":1,"group_by_length":false,"label_smoothing_factor":0.0,"layers_to_transform":null,"learning_rate":0.0002,"load_best_model_at_end":false,"lora_dropout":0.0,"lora_rank":16,"lr_scheduler":"linear","max_grad_norm":1.0,"max_seq_len":null,"max_steps":null,"no_shuffle":false,"rank_pattern":{},"replay":"auto","replay_share":0.2,"seed":42,"target_modules":"all-linear","use_rslora":false,"warmup_ratio":0.03,"weight_decay":0.0}"#,
        )
        .unwrap();
        let defaults = Raw::defaults().values();
        for (key, value) in left_out {
            assert_eq!(defaults.get(&key), Some(&value), "the default of {key} has changed");
        }
    }

    #[test]
    fn the_places_of_a_run_are_not_checked_again() {
        let (run, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let flags = Raw {
            output: Some(elsewhere.path().join("out")),
            runs_dir: Some(elsewhere.path().join("runs")),
            models_yaml: Some(elsewhere.path().join("models.yaml")),
            ..Raw::default()
        };
        let c = RunConfig::resolve(flags.over(Raw::parse(SEVEN, "s").unwrap()), Purpose::Run, "s").unwrap();
        let file = run.path().join("run.yaml");
        std::fs::write(&file, c.to_yaml()).unwrap();
        let e = RunConfig::load(Some(&file), Raw::default(), Purpose::Run).unwrap_err().to_string();
        assert!(e.contains("3 faults") && e.contains("lies outside the project"), "{e}");
        assert_eq!(RunConfig::of_run(run.path(), Raw::default()).unwrap(), c);
        let seed = Raw { seed: Some(11), ..Raw::default() };
        assert_eq!(RunConfig::of_run(run.path(), seed).unwrap(), RunConfig { seed: 11, ..c });
    }

    #[test]
    fn every_value_out_of_range_is_named() {
        // No build has both.
        let device = if cfg!(feature = "metal") { "cuda" } else { "metal" };
        let unbuilt = &format!("device: {device}: this program was built without it");
        let text = format!(
            "model_to_fine_tune: a:v1\noutput_model_name: A:v1\nepochs: 0\nlearning_rate: .nan\nlora_rank: 0\nbatch_size: 0\n\
                    warmup_ratio: 1\nlora_dropout: -0.1\nreplay_share: 1\nquant: q9\ndevice: {device}\nmax_steps: 0\nlr_scheduler: cosin\nmax_grad_norm: .inf"
        );
        let e = RunConfig::resolve(Raw::parse(&text, "c").unwrap(), Purpose::Run, "c").unwrap_err().to_string();
        for needle in [
            "dataset_path is missing",
            "epochs: 0",
            "learning_rate: NaN",
            "lora_rank: 0 is invalid; expected a whole number from 1 to 4096",
            "batch_size: 0",
            "warmup_ratio: 1",
            "lora_dropout: -0.1",
            "replay_share: 1",
            "quant: \"q9\" is invalid; expected one of keep",
            unbuilt,
            "max_steps: 0",
            "did you mean \"cosine\"",
            "max_grad_norm: inf",
            "is the model to fine-tune itself",
        ] {
            assert!(e.contains(needle), "{needle} not in {e}");
        }
        assert!(e.starts_with("c: 14 faults"), "{e}");
    }

    #[test]
    fn train_needs_no_name_and_is_plain_unless_told() {
        let base = Raw {
            model_to_fine_tune: Some("/x/smollm2:135m".into()),
            dataset_path: Some("d".into()),
            ..Raw::default()
        };
        let c = RunConfig::resolve(base.clone(), Purpose::Train, "flags").unwrap();
        assert_eq!((c.replay, c.output), (Replay::Off, PathBuf::from("output/smollm2-135m-tuned")));
        let c = RunConfig::resolve(Raw { replay: Some("auto".into()), ..base }, Purpose::Train, "flags").unwrap();
        assert_eq!(c.replay, Replay::Auto);
    }

    #[test]
    fn the_cpu_may_be_said_over_a_device_that_is_not_built() {
        let device = if cfg!(feature = "metal") { "cuda" } else { "metal" };
        let raw = Raw { model_to_fine_tune: Some("m".into()), dataset_path: Some("d".into()), ..Raw::default() };
        let raw = Raw { device: Some(device.into()), force_cpu: Some(true), ..raw };
        assert!(RunConfig::resolve(raw, Purpose::Train, "c").is_ok());
    }
}
