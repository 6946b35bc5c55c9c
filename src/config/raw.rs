//! What was said: the reader of config files.

use std::path::Path;

use serde_yaml::Value;

use super::fault::ConfigError;
use super::options::{KEYS, OPTIONS, Raw};
use crate::input::{kind, nearest, parse};
use crate::store::{FileAction, read_text};

/// Bytes of a config file, at most.
const MAX_CONFIG: u64 = 4 << 20;

/// What PEFT has and tunesmith does not, with the reason.
pub const UNSUPPORTED: &[(&str, &str)] = &[
    (
        "modules_to_save",
        "whole modules are not trained beside the adapter: a LoRA GGUF can't hold them, and a merged one would replace \
         the base's; name the linear layers in target_modules",
    ),
    ("use_dora", "only plain LoRA and rsLoRA are trained; leave it out"),
    ("bias", "biases are not trained; leave it out"),
];

impl Raw {
    /// What holds where nothing is said.
    pub fn defaults() -> Self {
        let mut raw = Self::default();
        for spec in OPTIONS {
            // A test reads each of them.
            let value: Value = serde_yaml::from_str(spec.default).unwrap_or_default();
            if !value.is_null() {
                let _ = raw.set(spec.key, &value);
            }
        }
        raw
    }

    /// Reads a config file, YAML or JSON; all faults at once.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(FileAction::Reading("config"), path, MAX_CONFIG)?;
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
                faults.push(format!("expected a key, got {}", kind(key)));
                continue;
            };
            let Some(key) = meant(written) else {
                faults.push(unknown(written));
                continue;
            };
            if said.contains(&key) {
                faults.push(format!("{key} is given twice, once as {written}"));
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

/// The key that this key or alias means.
fn meant(written: &str) -> Option<&'static str> {
    OPTIONS.iter().find(|spec| spec.key == written || spec.aliases.contains(&written)).map(|spec| spec.key)
}

fn unknown(key: &str) -> String {
    if let Some((_, why)) = UNSUPPORTED.iter().find(|(k, _)| *k == key) {
        return format!("{key}: {why}");
    }
    let shown: String = key.chars().take(60).collect();
    let elsewhere = OPTIONS.iter().find(|spec| spec.elsewhere.contains(&key)).map(|spec| spec.key);
    match elsewhere.or_else(|| nearest(key, KEYS)) {
        Some(near) => format!("unknown key {shown:?}; did you mean {near:?}?"),
        None => format!("unknown key {shown:?}; configs/defaults.yaml lists all of them"),
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
            "unknown key \"epoch\"; did you mean \"epochs\"?",
            "unknown key \"lr\"; did you mean \"learning_rate\"?",
            "batch_size: expected a whole number, got the text \"four\"",
            "lora_rank: expected a whole number of 0 or more, got -2",
            "unknown key \"colour\"; configs/defaults.yaml",
            "dataset_path is given twice, once as dataset_path",
            "expected a key, got the number 7",
        ] {
            assert!(e.contains(needle), "{needle} not in {e}");
        }
    }

    #[test]
    fn aliases_are_keys_and_what_others_call_them_is_suggested() {
        let raw = Raw::parse("base_model: m\ndataset: d\nname: n\nsave_steps: 5", "c").unwrap();
        assert_eq!((raw.model_to_fine_tune.as_deref(), raw.dataset_path), (Some("m"), Some("d".into())));
        assert_eq!((raw.output_model_name.as_deref(), raw.save_every), (Some("n"), Some(5)));
        for spec in OPTIONS {
            for other in spec.elsewhere {
                let e = Raw::parse(&format!("{other}: 1"), "c").unwrap_err().to_string();
                assert!(e.contains(&format!("unknown key {other:?}; did you mean {:?}?", spec.key)), "{e}");
            }
        }
        for (key, why) in UNSUPPORTED {
            let e = Raw::parse(&format!("{key}: 1"), "c").unwrap_err().to_string();
            assert!(e.contains(&format!("{key}: {why}")), "{e}");
        }
    }

    #[test]
    fn flags_lie_over_the_file() {
        let file = Raw::parse("epochs: 3\nseed: 1\nreplay: false", "f").unwrap();
        assert_eq!(file.replay.as_deref(), Some("off"));
        let both = Raw { epochs: Some(1.0), ..Raw::default() }.over(file);
        assert_eq!((both.epochs, both.seed), (Some(1.0), Some(1)));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "[a-z_:\\[\\]{}\"'&*!|>\\n 0-9.,#-]{0,200}") {
            let _ = Raw::parse(&text, "p");
        }
    }
}
