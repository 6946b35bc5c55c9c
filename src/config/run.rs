//! What is meant: every value resolved and checked, defaults included; written to a run's `run.yaml`.

use std::path::{Path, PathBuf};

use super::env::Env;
use super::fault::ConfigError;
use super::memory::Memory;
use super::name::{folder_name, model_name_fault};
use super::project::Bounds;
use super::raw::Raw;
use super::value::{Modules, Numbers, Paths, expand_home};
use super::words::{Compute, Delivery, Device, General, Quant, QuantFloor, Replay, Scheduler, Shape};
use super::{DEFAULTS_YAML, places, same_model};
use crate::store::{Digest, check_read_inside};

/// What the config is for: `run` needs a name for the new model and replays by default; `train` does neither.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Run,
    Train,
}

/// A config as it is meant. Its keys are those of [`Raw`], so a `run.yaml` is a config again.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct RunConfig {
    pub model_to_fine_tune: String,
    pub dataset_path: Paths,
    /// Where records have several.
    pub shape: Option<Shape>,
    /// For [`Purpose::Train`] without one: `<base>-tuned`; nothing is registered then.
    pub output_model_name: String,
    pub role: Option<String>,
    pub eval_dataset: Option<Paths>,
    /// Of the dataset, kept out of training.
    pub eval_split: Option<f64>,
    pub output: PathBuf,
    pub from_adapter: Option<PathBuf>,
    pub resume: bool,
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
    pub label_smoothing_factor: f64,
    pub lora_rank: usize,
    pub lora_alpha: f64,
    pub lora_dropout: f64,
    /// The scale is alpha / √rank.
    pub use_rslora: bool,
    pub target_modules: Modules,
    /// None: all.
    pub layers_to_transform: Option<Vec<usize>>,
    pub rank_pattern: Numbers,
    pub alpha_pattern: Numbers,
    /// None: min(2048, the base's).
    pub max_seq_len: Option<usize>,
    pub no_shuffle: bool,
    pub group_by_length: bool,
    pub seed: u64,
    /// 0 = only at the ends of epochs.
    pub eval_steps: u64,
    pub early_stopping_patience: Option<u64>,
    pub early_stopping_threshold: f64,
    pub load_best_model_at_end: bool,
    /// 0 = only at the end.
    pub save_every: u64,
    pub save_total_limit: Option<u64>,
    pub replay: Replay,
    pub replay_share: f64,
    pub device: Device,
    pub force_cpu: bool,
    pub compute: Compute,
    pub threads: Option<usize>,
    /// Of the whole process, in training; on a GPU, of its memory.
    pub max_memory: Option<Memory>,
    pub quant: Quant,
    pub quant_floor: QuantFloor,
    pub delivery: Delivery,
    pub num_ctx: Option<u64>,
    pub system: Option<String>,
    pub num_thread: Option<u64>,
    pub probes: usize,
    pub general: General,
    pub ollama_host: Option<String>,
    pub models_yaml: PathBuf,
    pub runs_dir: PathBuf,
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
        let mut checker = Checker { faults: Vec::new() };
        let replay_said = said.replay.is_some();
        let said = checker.at_home(said, Env::read().home.as_deref());
        let raw = said.over(Raw::parse(DEFAULTS_YAML, "configs/defaults.yaml")?);
        let mut config = checker.config(raw, purpose);
        if purpose == Purpose::Train && !replay_said {
            config.replay = Replay::Off;
        }
        checker.ranges(&config);
        checker.names(&config, purpose);
        if checker.faults.is_empty() {
            Ok(config)
        } else {
            Err(ConfigError::Faults { place: place.to_owned(), faults: checker.faults })
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
        let decides = Self {
            model_to_fine_tune: String::new(),
            dataset_path: Paths::default(),
            // The records that it chooses decide.
            shape: None,
            output_model_name: String::new(),
            role: None,
            eval_dataset: None,
            output: PathBuf::new(),
            from_adapter: None,
            resume: false,
            save_every: 0,
            save_total_limit: None,
            // Where it is computed, each checkpoint says.
            device: Device::Auto,
            force_cpu: false,
            threads: None,
            max_memory: None,
            quant: Quant::Keep,
            quant_floor: QuantFloor::Q8_0,
            delivery: Delivery::Merged,
            num_ctx: None,
            system: None,
            num_thread: None,
            probes: 0,
            general: General::On,
            ollama_host: None,
            models_yaml: PathBuf::new(),
            runs_dir: PathBuf::new(),
            ..self.clone()
        };
        Digest::of_bytes(decides.to_yaml().as_bytes())
    }
}

const MAX_EPOCHS: f64 = 1e6;

/// Collects faults on the way; a faulty value is replaced by anything, since the config is then refused.
struct Checker {
    faults: Vec<String>,
}

impl Checker {
    fn config(&mut self, raw: Raw, purpose: Purpose) -> RunConfig {
        let model_to_fine_tune =
            self.needed(raw.model_to_fine_tune, "model_to_fine_tune", "the model to start from, as Ollama names it");
        let name = match (purpose, raw.output_model_name) {
            (Purpose::Train, None) => {
                format!("{}-tuned", model_to_fine_tune.rsplit('/').next().unwrap_or_default().replace(':', "-"))
            }
            (_, said) => self.needed(said, "output_model_name", "the name of the new model in Ollama"),
        };
        let lora_rank = self.whole(raw.lora_rank, "lora_rank", 1, 4096) as usize;
        RunConfig {
            dataset_path: self.needed(raw.dataset_path, "dataset_path", "the file with the examples to train on"),
            shape: raw.shape.map(|text| self.word(Some(text), "shape", Shape::Messages)),
            output: raw.output.unwrap_or_else(|| Path::new("output").join(folder_name(&name))),
            role: raw.role,
            eval_dataset: raw.eval_dataset,
            eval_split: raw.eval_split,
            from_adapter: raw.from_adapter,
            resume: raw.resume.unwrap_or_default(),
            epochs: raw.epochs.unwrap_or_default(),
            max_steps: raw.max_steps.map(|n| self.whole(Some(n), "max_steps", 1, u64::MAX)),
            batch_size: self.whole(raw.batch_size, "batch_size", 1, 1 << 16) as usize,
            gradient_accumulation: self.whole(raw.gradient_accumulation, "gradient_accumulation", 1, 1 << 16) as usize,
            learning_rate: raw.learning_rate.unwrap_or_default(),
            lr_scheduler: self.word(raw.lr_scheduler, "lr_scheduler", Scheduler::Linear),
            warmup_ratio: raw.warmup_ratio.unwrap_or_default(),
            weight_decay: raw.weight_decay.unwrap_or_default(),
            max_grad_norm: raw.max_grad_norm.unwrap_or_default(),
            label_smoothing_factor: raw.label_smoothing_factor.unwrap_or_default(),
            lora_rank,
            lora_alpha: raw.lora_alpha.unwrap_or(2.0 * lora_rank as f64),
            lora_dropout: raw.lora_dropout.unwrap_or_default(),
            use_rslora: raw.use_rslora.unwrap_or_default(),
            target_modules: raw.target_modules.unwrap_or_default(),
            layers_to_transform: raw.layers_to_transform,
            rank_pattern: raw.rank_pattern.unwrap_or_default(),
            alpha_pattern: raw.alpha_pattern.unwrap_or_default(),
            max_seq_len: raw.max_seq_len.map(|n| self.whole(Some(n), "max_seq_len", 8, 1 << 24) as usize),
            no_shuffle: raw.no_shuffle.unwrap_or_default(),
            group_by_length: raw.group_by_length.unwrap_or_default(),
            seed: raw.seed.unwrap_or_default(),
            eval_steps: raw.eval_steps.unwrap_or_default(),
            early_stopping_patience: raw
                .early_stopping_patience
                .map(|n| self.whole(Some(n), "early_stopping_patience", 1, u64::MAX)),
            early_stopping_threshold: raw.early_stopping_threshold.unwrap_or_default(),
            load_best_model_at_end: raw.load_best_model_at_end.unwrap_or_default(),
            save_every: raw.save_every.unwrap_or_default(),
            save_total_limit: raw.save_total_limit.map(|n| self.whole(Some(n), "save_total_limit", 1, u64::MAX)),
            replay: self.word(raw.replay, "replay", Replay::Off),
            replay_share: raw.replay_share.unwrap_or_default(),
            device: self.word(raw.device, "device", Device::Auto),
            force_cpu: raw.force_cpu.unwrap_or_default(),
            compute: self.word(raw.compute, "compute", Compute::Auto),
            max_memory: raw.max_memory.map(|text| self.word(Some(text), "max_memory", Memory(0))),
            threads: raw.threads.map(|n| self.whole(Some(n), "threads", 1, 4096) as usize),
            quant: self.word(raw.quant, "quant", Quant::Keep),
            quant_floor: self.word(raw.quant_floor, "quant_floor", QuantFloor::Q8_0),
            delivery: self.word(raw.delivery, "delivery", Delivery::Merged),
            num_ctx: raw.num_ctx.map(|n| self.whole(Some(n), "num_ctx", 16, 1 << 24)),
            system: raw.system,
            num_thread: raw.num_thread.map(|n| self.whole(Some(n), "num_thread", 1, 4096)),
            probes: self.whole(raw.probes, "probes", 1, 1024) as usize,
            general: self.word(raw.general, "general", General::On),
            ollama_host: raw.ollama_host,
            models_yaml: raw.models_yaml.unwrap_or_default(),
            runs_dir: raw.runs_dir.unwrap_or_default(),
            model_to_fine_tune,
            output_model_name: name,
        }
    }

    /// Every path with `~` as the home folder.
    fn at_home(&mut self, mut raw: Raw, home: Option<&Path>) -> Raw {
        let mut expand = |key: &str, path: &mut PathBuf| match expand_home(path, home) {
            Ok(found) => *path = found,
            Err(what) => self.faults.push(format!("{key}: {what}")),
        };
        for (key, paths) in [("dataset_path", &mut raw.dataset_path), ("eval_dataset", &mut raw.eval_dataset)] {
            paths.iter_mut().flat_map(|paths| &mut paths.0).for_each(|path| expand(key, path));
        }
        for (key, path) in [
            ("output", &mut raw.output),
            ("from_adapter", &mut raw.from_adapter),
            ("models_yaml", &mut raw.models_yaml),
            ("runs_dir", &mut raw.runs_dir),
        ] {
            path.iter_mut().for_each(|path| expand(key, path));
        }
        // A path or a word.
        for (key, text) in [("model_to_fine_tune", &mut raw.model_to_fine_tune), ("replay", &mut raw.replay)] {
            if let Some(text) = text.as_mut().filter(|text| text.starts_with("~/")) {
                let mut path = PathBuf::from(&*text);
                expand(key, &mut path);
                *text = path.to_string_lossy().into_owned();
            }
        }
        raw
    }

    fn needed<T: Default>(&mut self, value: Option<T>, key: &str, what: &str) -> T {
        value.unwrap_or_else(|| {
            self.faults.push(format!("{key} is missing: {what}"));
            T::default()
        })
    }

    fn whole(&mut self, value: Option<u64>, key: &str, least: u64, most: u64) -> u64 {
        let value = value.unwrap_or_default();
        if value < least {
            self.faults.push(format!("{key}: {value} is too small; {least} is the least"));
        } else if value > most {
            self.faults.push(format!("{key}: {value} is too large; {most} is the most"));
        }
        value.clamp(least, most)
    }

    fn word<T: std::str::FromStr<Err = String>>(&mut self, value: Option<String>, key: &str, fallback: T) -> T {
        value.unwrap_or_default().parse().unwrap_or_else(|what| {
            self.faults.push(format!("{key}: {what}"));
            fallback
        })
    }

    fn ranges(&mut self, c: &RunConfig) {
        let mut number = |key: &str, value: f64, good: bool, wants: &str| {
            if !value.is_finite() || !good {
                self.faults.push(format!("{key}: {value} is invalid; expected {wants}"));
            }
        };
        number(
            "epochs",
            c.epochs,
            c.epochs > 0.0 && c.epochs <= MAX_EPOCHS,
            &format!("a number above 0 and at most {MAX_EPOCHS}"),
        );
        number(
            "learning_rate",
            c.learning_rate,
            c.learning_rate > 0.0 && c.learning_rate <= 1.0,
            "a number above 0 and at most 1 (LoRA: 1e-5 to 1e-3)",
        );
        number("warmup_ratio", c.warmup_ratio, (0.0..1.0).contains(&c.warmup_ratio), "0 or more, below 1");
        number("weight_decay", c.weight_decay, (0.0..=1.0).contains(&c.weight_decay), "0 to 1");
        number("max_grad_norm", c.max_grad_norm, c.max_grad_norm >= 0.0, "0 (off) or more");
        let split = c.eval_split.unwrap_or(0.5);
        number("eval_split", split, split > 0.0 && split < 1.0, "a share above 0 and below 1");
        number("early_stopping_threshold", c.early_stopping_threshold, c.early_stopping_threshold >= 0.0, "0 or more");
        let smoothing = c.label_smoothing_factor;
        number("label_smoothing_factor", smoothing, (0.0..1.0).contains(&smoothing), "0 (off) or more, below 1");
        number("lora_alpha", c.lora_alpha, c.lora_alpha > 0.0, "a number above 0 (the usual is 2 x lora_rank)");
        number("lora_dropout", c.lora_dropout, (0.0..1.0).contains(&c.lora_dropout), "0 or more, below 1");
        number(
            "replay_share",
            c.replay_share,
            c.replay_share > 0.0 && c.replay_share < 1.0,
            "a share above 0 and below 1 (replay: off turns it off)",
        );
        if c.eval_dataset.is_some() && c.eval_split.is_some() {
            self.faults.push("eval_split: eval_dataset names what is held out; leave one of the two out".into());
        }
        let built = |device| match device {
            Device::Cuda => cfg!(feature = "cuda"),
            Device::Metal => cfg!(feature = "metal"),
            Device::Auto | Device::Cpu => true,
        };
        if !built(c.device) && !c.force_cpu {
            let device = c.device;
            self.faults.push(format!(
                "device: {device}: this program was built without it (cargo build --release --features {device}); leave it out, or say cpu"
            ));
        }
    }

    fn names(&mut self, c: &RunConfig, purpose: Purpose) {
        if purpose == Purpose::Train || c.output_model_name.is_empty() {
            return;
        }
        if let Err(what) = model_name_fault(&c.output_model_name) {
            self.faults.push(format!("output_model_name: {what}"));
        }
        if same_model(&c.output_model_name, &c.model_to_fine_tune) {
            self.faults.push(format!(
                "output_model_name: {:?} is the model to fine-tune itself; give the new one its own name (or tag)",
                c.output_model_name
            ));
        }
    }
}

#[cfg(test)]
#[path = "home_tests.rs"]
mod home_tests;

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_ne!(RunConfig { compute: Compute::Bf16, ..c.clone() }.training_digest(), c.training_digest());
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
            "lora_rank: 0 is too small",
            "batch_size: 0",
            "warmup_ratio: 1",
            "lora_dropout: -0.1",
            "replay_share: 1",
            "quant: \"q9\"",
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
