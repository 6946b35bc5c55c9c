//! Training on the real model, interrupted by Ctrl-C and killed, goes on to the very bytes of the straight run.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::daemon;
use crate::program::{Ended, Place};

const STEPS: usize = 6;

fn args<'a>(base: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["train", "--base-model", base, "--dataset", "train.jsonl", "--output", output];
    args.extend(["--batch-size", "2", "--lora-rank", "4", "--lora-dropout", "0.1"]);
    args.extend(more);
    args
}

/// Begins a training that somebody stops.
fn begin(place: &Place, args: &[&str]) -> Child {
    place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// (step, train_loss) of every whole line of a training's steps.
fn steps_of(place: &Place, folder: &str) -> Vec<(u64, f64)> {
    let text = std::fs::read_to_string(place.path(folder).join("metrics.jsonl")).unwrap_or_default();
    let rows = text.split_inclusive('\n').filter_map(|l| serde_json::from_str::<Value>(l).ok());
    rows.filter_map(|r| Some((r["step"].as_u64()?, r["train_loss"].as_f64()?))).collect()
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
    let args = |output, more: &[&'static str]| {
        args(base, output, &[&["--max-steps", "6", "--save-every", "1"][..], more].concat())
    };
    place.run(&args("straight", &[])).says(0, &[]);

    // Ctrl-C: the step that runs is given up, those before it are kept, exit code 130.
    let mut child = begin(&place, &args("stopped", &[]));
    wait_for(&place, "stopped/checkpoint-1", &mut child);
    let pid = child.id().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    Ended::of(&child.wait_with_output().unwrap()).says(130, &["interrupted"]);
    assert!(!place.path("stopped/final").exists());
    // The same command again is not meant to lose it.
    place.run(&args("stopped", &[])).says(3, &["not ended", "checkpoint-", "--resume", "--overwrite"]);
    // SIGKILL, whatever it was doing, with another number of threads.
    let mut child = begin(&place, &args("stopped", &["--resume", "--threads", "1"]));
    wait_for(&place, "stopped/checkpoint-4", &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
    place.run(&args("stopped", &["--resume"])).says(0, &[]);

    let of = |folder: &str| std::fs::read(place.path(folder).join("final/adapter_model.safetensors")).unwrap();
    assert!(of("stopped") == of("straight"), "the adapters differ");
    assert_eq!(steps_of(&place, "stopped"), steps_of(&place, "straight"));
    let manifest: Value = serde_json::from_str(&place.read("stopped/manifest.json")).unwrap();
    let outputs = manifest["steps"]["train"]["outputs"].as_object().unwrap();
    assert!(["final/adapter_model.safetensors", "final/tunesmith.json"].iter().all(|name| outputs.contains_key(*name)));
    assert!(place.read("stopped/report.html").contains("<figcaption>Loss</figcaption>"));
    for file in ["tokenizer.json", "tokenizer_config.json", "adapter_config.json"] {
        assert!(place.path("straight/final").join(file).is_file(), "{file}");
    }
}

/// SIGKILL at random moments: while it starts, within a step, an evaluation or a save. What was not saved is done again.
#[test]
fn a_training_killed_at_random_moments_ends_as_the_straight_one() {
    const STEPS: u64 = 12;
    let base = daemon::smollm2();
    let base = base.to_str().unwrap();
    let place = Place::new();
    let mut lines: Vec<_> = include_str!("../../data/demo/train.jsonl").lines().collect();
    lines.sort_by_key(|l| l.len());
    place.write("eval.jsonl", &lines[..2].join("\n"));
    place.write("train.jsonl", &lines[2..18].join("\n"));
    let args = |output, more: &[&'static str]| {
        let all = ["--max-steps", "12", "--save-every", "2", "--eval-dataset", "eval.jsonl", "--eval-steps", "3"];
        args(base, output, &[&all[..], more].concat())
    };
    let began = Instant::now();
    place.run(&args("straight", &[])).says(0, &[]);
    let step = began.elapsed() / STEPS as u32;

    let done = || steps_of(&place, "killed").last().map_or(0, |(step, _)| *step);
    // (the step that was waited for, the pause after it, the last step that was told of by then)
    let mut kills: Vec<(u64, Duration, u64)> = Vec::new();
    while kills.len() < 4 && done() + 2 < STEPS {
        let random = RandomState::new().build_hasher().finish();
        let wanted = done() + random % 4;
        let pause = step.mul_f64((random >> 32) as f64 / f64::from(u32::MAX));
        let resume: &[_] = if kills.is_empty() { &[] } else { &["--resume"] };
        let mut child = begin(&place, &args("killed", resume));
        let began = Instant::now();
        while done() < wanted.min(STEPS - 1) {
            assert!(child.try_wait().unwrap().is_none(), "it ended before step {wanted}; kills {kills:?}");
            assert!(began.elapsed() < Duration::from_secs(120), "step {wanted} never came; kills {kills:?}");
            std::thread::sleep(Duration::from_millis(2));
        }
        std::thread::sleep(pause);
        child.kill().unwrap();
        child.wait().unwrap();
        kills.push((wanted, pause, done()));
    }
    assert!(kills.len() >= 2, "{kills:?}");
    place.run(&args("killed", &["--resume"])).says(0, &[]);

    let last = format!("checkpoint-{STEPS}");
    for file in ["final/adapter_model.safetensors", "adapter_model.safetensors", "optimizer.safetensors"] {
        let file = if file.starts_with("final") { file.to_owned() } else { format!("{last}/{file}") };
        let of = |folder: &str| std::fs::read(place.path(folder).join(&file)).unwrap();
        assert!(of("killed") == of("straight"), "{file} differs after the kills {kills:?}");
    }
    // Where the trainer stands: order, sums, evaluations; of all that only times differ.
    let state = |folder: &str| -> Vec<String> {
        let text = place.read(&format!("{folder}/{last}/state.json"));
        text.lines().filter(|l| !l.contains("seconds\":")).map(str::to_owned).collect()
    };
    assert_eq!(state("killed"), state("straight"), "{kills:?}");
    assert_eq!(steps_of(&place, "killed"), steps_of(&place, "straight"), "{kills:?}");
    // What a kill left half saved is gone.
    let unfinished = |e: std::io::Result<std::fs::DirEntry>| {
        e.unwrap().file_name().into_string().ok().filter(|name| name.starts_with(".tunesmith-train-"))
    };
    let left: Vec<_> = std::fs::read_dir(place.path("killed")).unwrap().filter_map(unfinished).collect();
    assert!(left.is_empty(), "{left:?} after the kills {kills:?}");
}
