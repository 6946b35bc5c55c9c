//! Event files of a real training. `tests/oracles/tfevents.py` reads the one that this leaves under target/tmp/tensorboard.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::program::Place;
use crate::tiny::QWEN2;
use crate::tiny_run;

fn event_files(training: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(training.join("tensorboard")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// Records of a TFRecord file, by their lengths.
fn records(file: &Path) -> usize {
    let bytes = std::fs::read(file).unwrap();
    let (mut rest, mut records) = (&bytes[..], 0);
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().unwrap()) as usize;
        rest = &rest[8 + 4 + length + 4..];
        records += 1;
    }
    records
}

#[test]
fn a_training_writes_its_scalars_for_tensorboard_where_it_is_told_to() {
    let (base, place) = (QWEN2.folder(), Place::new());
    tiny_run::lay_out(&place, base.path(), &json!({"eval_split": 0.25, "output": "tuned"}));
    let train = ["train", "--config", "configs/training_config.json"];
    place.run(&train).says(0, &[]);
    let training = place.path("tuned");
    assert!(!training.join("tensorboard").exists());
    // Another arithmetic of the learning rate: the first training is finished, and this one is another.
    place.run(&[&train[..], &["--tensorboard", "--overwrite"]].concat()).says(0, &[]);
    let found = event_files(&training);
    let [file] = &found[..] else { panic!("{found:?}") };
    assert!(file.file_name().unwrap().to_str().unwrap().starts_with("events.out.tfevents."), "{found:?}");
    let lines: Vec<Value> =
        place.read("tuned/metrics.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let with_step = lines.iter().filter(|line| line.get("step").is_some()).count();
    assert!(with_step >= 6, "four steps, evaluations, epochs: {lines:?}");
    // The version and the session's start come first.
    assert_eq!(records(file), with_step + 2);

    let left = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tensorboard");
    let _ = std::fs::remove_dir_all(&left);
    std::fs::create_dir_all(left.join("tensorboard")).unwrap();
    std::fs::copy(file, left.join("tensorboard").join(file.file_name().unwrap())).unwrap();
    std::fs::copy(training.join("metrics.jsonl"), left.join("metrics.jsonl")).unwrap();
}
