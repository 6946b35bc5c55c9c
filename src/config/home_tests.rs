//! `~` in the values of a config that are paths.

use super::*;
use crate::config::{KEYS, Raw};

/// Keys whose values are paths, or may be.
const PATHS: [&str; 8] = [
    "model_to_fine_tune",
    "dataset_path",
    "eval_dataset",
    "output",
    "from_adapter",
    "replay",
    "models_yaml",
    "runs_dir",
];

/// The value of `key`, of a config that says nothing else, and the faults found in it.
fn read(key: &str, value: &str, home: Option<&Path>) -> (serde_json::Value, Vec<String>) {
    let mut faults = Vec::new();
    let raw = Raw::parse(&format!("{key}: {value}"), "c.yaml").unwrap();
    let raw = serde_json::to_value(at_home(raw, home, &mut faults)).unwrap();
    (raw[key].clone(), faults)
}

#[test]
fn every_path_may_begin_at_home() {
    let home = Some(Path::new("/h"));
    for key in PATHS {
        assert_eq!(read(key, &format!("~/a/{key}"), home), (format!("/h/a/{key}").into(), vec![]));
        // Only at the beginning of a path, and only as a part of its own.
        for other in [format!("a/~/{key}"), format!("~{key}/a"), format!("/a/{key}")] {
            assert_eq!(read(key, &other, home), (other.clone().into(), vec![]));
        }
        let (_, faults) = read(key, "~/a", None);
        assert!(faults.len() == 1 && faults[0].starts_with(&format!("{key}: ")), "{faults:?}");
        assert!(faults[0].contains("HOME is not set"), "{faults:?}");
    }
    for key in ["dataset_path", "eval_dataset"] {
        let (several, faults) = read(key, "[~/a.jsonl, b.jsonl, '~/c/*.csv']", home);
        assert_eq!((several, faults), (serde_json::json!(["/h/a.jsonl", "b.jsonl", "/h/c/*.csv"]), vec![]));
    }
}

#[test]
fn no_path_was_forgotten() {
    let is_path = |key: &str| Raw::parse(&format!("{key}: true"), "c").is_err_and(|e| e.to_string().contains("a path"));
    let found: Vec<_> = KEYS.iter().filter(|key| is_path(key)).collect();
    assert!(found.len() >= 6 && found.iter().all(|key| PATHS.contains(key)), "{found:?}");
}
