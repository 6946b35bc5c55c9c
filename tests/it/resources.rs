//! The limits of a process and a model file that is cut short while it is in use: exit code 5 and a sentence, no signal
//! and no panic.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Ended, Place};
use crate::tiny::LLAMA3;

/// The system's loader could not even start the program.
const NOT_LOADED: i32 = 127;
const EXAMPLE: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;

/// The program with `limit` (of the shell's `ulimit`) set for it.
fn limited(place: &Place, limit: &str, args: &[&str]) -> Ended {
    let program = place.command(args);
    let mut shell = Command::new("sh");
    shell.args(["-c", &format!("ulimit {limit} && exec \"$0\" \"$@\"")]).arg(program.get_program());
    shell.args(program.get_args()).current_dir(place.path(""));
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    Ended::of(&shell.output().unwrap())
}

#[test]
fn a_file_beyond_the_limit_is_said() {
    let place = Place::new();
    let line = |i: usize| EXAMPLE.replace("\"a\"", &format!("\"{i} {}\"", "a".repeat(1000)));
    place.write("d.jsonl", &(0..100).map(line).collect::<Vec<_>>().join("\n"));
    // Blocks of 512 or 1024 bytes, as the shell counts.
    let ended = limited(&place, "-f 8", &["data", "split", "d.jsonl", "--output", "parts"]);
    ended.says(5, &["parts", "ulimit -f"]);
    let left = std::fs::read_dir(place.path("parts")).unwrap().count();
    assert_eq!(left, 0, "something torn was left");
    place.run(&["data", "split", "d.jsonl", "--output", "parts"]).says(0, &[]);
}

#[test]
fn too_many_open_files_are_said() {
    let place = Place::new();
    place.write("d.jsonl", EXAMPLE);
    place.write("configs/models.yaml", "models: {router: {model_name: x}}\n");
    let mut refused = 0;
    for n in 4..12 {
        for args in [
            &["data", "check", "d.jsonl"][..],
            &["history"],
            &["bases", "list"],
            &["promote", "--role", "router", "--to", "y"],
        ] {
            let ended = limited(&place, &format!("-n {n}"), args);
            // Either it had enough, or it says what it lacked; a daemon that is not there is exit code 4.
            let all = format!("{}{}", ended.out, ended.err);
            if ended.code == NOT_LOADED {
                continue;
            }
            assert!(!all.contains("panicked"), "-n {n} {args:?}: {all}");
            assert!([0, 4, 5].contains(&ended.code), "-n {n} {args:?} ended with {}: {all}", ended.code);
            if ended.code == 5 {
                assert!(all.contains("ulimit -n"), "-n {n} {args:?}: {all}");
                refused += 1;
            }
        }
    }
    assert!(refused > 0, "no limit was too small");
}

#[test]
fn memory_beyond_the_limit_is_said() {
    let base = LLAMA3.folder();
    let place = Place::new();
    place.write("d.jsonl", &[EXAMPLE; 4].join("\n"));
    let base = base.path().to_str().unwrap();
    let args =
        ["train", "--base-model", base, "--dataset", "d.jsonl", "--output", "out", "--max-steps", "1", "--overwrite"];
    let mut refused = 0;
    for kib in (50_000..90_000).step_by(4000).chain([400_000, 4_000_000]) {
        let ended = limited(&place, &format!("-v {kib}"), &args);
        let all = format!("{}{}", ended.out, ended.err);
        if ended.code == NOT_LOADED {
            continue;
        }
        assert!([0, 5].contains(&ended.code) && !all.contains("panicked"), "-v {kib} ended with {}: {all}", ended.code);
        refused += u32::from(ended.code == 5);
    }
    assert!(refused > 0, "no limit was too small");
}

/// As `ollama pull` never does, but a copy over the file does.
#[test]
fn a_base_that_is_cut_short_while_it_is_mapped_is_said() {
    let base = LLAMA3.folder();
    let place = Place::new();
    let lines: Vec<_> = (0..8).map(|i| EXAMPLE.replace("\"a\"", &format!("\"{i}\""))).collect();
    place.write("d.jsonl", &lines.join("\n"));
    let args = [
        "train",
        "--base-model",
        base.path().to_str().unwrap(),
        "--dataset",
        "d.jsonl",
        "--output",
        "out",
        "--max-steps",
        "200000",
    ];
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let began = Instant::now();
    while !std::fs::metadata(place.path("out/metrics.jsonl")).is_ok_and(|m| m.len() > 0) {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120), "it did not train");
        std::thread::sleep(Duration::from_millis(5));
    }
    let weights = std::fs::File::options().write(true).open(base.path().join("model.safetensors")).unwrap();
    weights.set_len(1024).unwrap();
    Ended::of(&child.wait_with_output().unwrap()).says(5, &["model.safetensors", "cut short"]);
}
