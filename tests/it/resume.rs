//! Training on the real model, interrupted by Ctrl-C and killed, goes on to the very bytes of the straight run.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::daemon;
use crate::program::{Ended, Place};

const STEPS: usize = 6;

fn args<'a>(base: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["train", "--base-model", base, "--dataset", "train.jsonl", "--output", output];
    args.extend([
        "--max-steps",
        "6",
        "--batch-size",
        "2",
        "--save-every",
        "1",
        "--lora-rank",
        "4",
        "--lora-dropout",
        "0.1",
    ]);
    args.extend(more);
    args
}

fn wait_for(place: &Place, name: &str, child: &mut Child) {
    let began = Instant::now();
    while !place.path(name).exists() {
        assert!(child.try_wait().unwrap().is_none(), "it ended before {name} was there");
        assert!(began.elapsed() < Duration::from_secs(120), "{name} never came");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_training_that_was_stopped_ends_as_the_straight_one() {
    let base = daemon::smollm2();
    let base = base.to_str().unwrap();
    let place = Place::new();
    let lines: Vec<_> = include_str!("../../data/demo/train.jsonl").lines().take(3 * STEPS).collect();
    place.write("train.jsonl", &lines.join("\n"));
    place.run(&args(base, "straight", &[])).says(0, &[]);

    let quiet = |args: &[&str]| {
        let mut command = place.command(args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    // Ctrl-C: the step that runs is given up, those before it are kept, exit code 130.
    let mut child = quiet(&args(base, "stopped", &[]));
    wait_for(&place, "stopped/checkpoint-1", &mut child);
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    Ended::of(&child.wait_with_output().unwrap()).says(130, &["interrupted"]);
    assert!(!place.path("stopped/final").exists());
    // The same command again is not meant to lose it.
    place.run(&args(base, "stopped", &[])).says(3, &["not ended", "checkpoint-", "--resume", "--overwrite"]);
    // SIGKILL, whatever it was doing, with another number of threads.
    let mut child = quiet(&args(base, "stopped", &["--resume", "--threads", "1"]));
    wait_for(&place, "stopped/checkpoint-4", &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    place.run(&args(base, "stopped", &["--resume"])).says(0, &[]);

    let of = |folder: &str| std::fs::read(place.path(folder).join("final/adapter_model.safetensors")).unwrap();
    assert!(of("stopped") == of("straight"), "the adapters differ");
    let steps = |folder: &str| -> Vec<serde_json::Value> {
        let text = place.read(&format!("{folder}/metrics.jsonl"));
        let rows = text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap());
        rows.filter(|r| r.get("train_loss").is_some())
            .map(|r| serde_json::json!([r["step"], r["train_loss"]]))
            .collect()
    };
    assert_eq!(steps("stopped"), steps("straight"));
    let manifest: serde_json::Value = serde_json::from_str(&place.read("stopped/manifest.json")).unwrap();
    let outputs = manifest["steps"]["train"]["outputs"].as_object().unwrap();
    assert!(["final/adapter_model.safetensors", "training.html"].iter().all(|name| outputs.contains_key(*name)));
    for file in ["tokenizer.json", "tokenizer_config.json", "adapter_config.json"] {
        assert!(place.path("straight/final").join(file).is_file(), "{file}");
    }
}
