//! The limits of a process and a model file that is cut short while it is in use: exit code 5 and a sentence, no signal
//! and no panic.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::program::{Ended, Place, unfinished};
use crate::tiny::LLAMA3;

/// The system's loader could not start the program.
const NOT_LOADED: i32 = 127;
/// The kernel could not map the program's file, and ended the process before its first instruction.
const NOT_MAPPED: i32 = -libc::SIGSEGV;
const EXAMPLE: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;

/// The program with `limit` (of the shell's `ulimit`) set for it.
fn limited(place: &Place, limit: &str, args: &[&str]) -> Ended {
    place.run_after(&format!("ulimit {limit}"), args)
}

/// Whether the system can start the program at all under `limit`; what follows is the program's own to say.
fn starts(place: &Place, limit: &str) -> bool {
    let ended = limited(place, limit, &["--version"]);
    let silent = ended.out.is_empty() && ended.err.is_empty();
    !(ended.code == NOT_LOADED || ended.code == NOT_MAPPED && silent)
}

/// `n` examples, no two alike.
fn examples(n: usize) -> String {
    (0..n).map(|i| EXAMPLE.replace("\"a\"", &format!("\"{i}\""))).collect::<Vec<_>>().join("\n")
}

fn train<'a>(base: &'a str, output: &'a str, steps: &'a str) -> [&'a str; 12] {
    let [from, of, to, until, by] = ["--base-model", "--dataset", "--output", "--max-steps", "--batch-size"];
    ["train", from, base, of, "d.jsonl", to, output, "--overwrite", until, steps, by, "2"]
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

/// Whichever file is the first that is too long: what was finished before it is whole, and the next start does the rest.
#[test]
fn a_training_whose_files_are_beyond_the_limit_is_said_and_leaves_no_part_of_one() {
    let base = LLAMA3.folder();
    let base = base.path().to_str().unwrap();
    let place = Place::new();
    place.write("d.jsonl", &examples(4));
    place.run(&train(base, "whole", "1")).says(0, &[]);
    let adapter = |output: &str| std::fs::read(place.path(output).join("final/adapter_model.safetensors"));
    let whole = adapter("whole").unwrap();
    let mut refused = 0;
    for blocks in [1, 8, 64, 512, 4096] {
        let output = format!("out-{blocks}");
        let ended = limited(&place, &format!("-f {blocks}"), &train(base, &output, "1"));
        if ended.code == 5 {
            ended.says(5, &[&output, "ulimit -f"]);
            refused += 1;
        } else {
            ended.says(0, &[]);
        }
        assert_eq!(unfinished(&place.path("")), [""; 0], "-f {blocks}");
        // Its adapter is there in full or not at all.
        assert!(adapter(&output).map_or(ended.code == 5, |found| found == whole), "-f {blocks}: {}", ended.err);
        place.run(&train(base, &output, "1")).says(0, &[]);
        assert!(adapter(&output).unwrap() == whole, "-f {blocks}: another adapter after the limit was raised");
    }
    println!("{refused} limits were too small");
    assert!((2..5).contains(&refused), "{refused} of 5 limits were too small");
}

#[test]
fn an_export_beyond_the_limit_is_said_and_leaves_no_part_of_it() {
    let base = LLAMA3.folder();
    let base = base.path().to_str().unwrap();
    let place = Place::new();
    place.write("d.jsonl", &examples(4));
    place.run(&train(base, "out", "1")).says(0, &[]);
    let of = |command, output, format| {
        [command, "--base", base, "--adapter", "out/final", "--output", output, "--format", format]
    };
    for args in [
        of("export", "merged.gguf", "gguf"),
        of("export", "adapter.gguf", "adapter"),
        of("merge", "merged-hf", "hf"),
        of("merge", "merged-2.gguf", "gguf"),
    ] {
        let output = args[6];
        for blocks in [1, 8, 40] {
            // (Of a folder, the file in it.)
            let file = if output == "merged-hf" { ".safetensors" } else { output };
            limited(&place, &format!("-f {blocks}"), &args).says(5, &[file, "ulimit -f"]);
            assert!(!place.path(output).exists(), "-f {blocks}: a part of {output}");
            assert_eq!(unfinished(&place.path("")), [""; 0], "-f {blocks}: {output}");
        }
        place.run(&args).says(0, &[]);
        assert!(place.path(output).exists(), "{output}");
    }
}

#[test]
fn too_many_open_files_are_said() {
    let folder = LLAMA3.folder();
    let base = folder.path().to_str().unwrap();
    let place = Place::new();
    place.write("d.jsonl", &examples(4));
    place.write("configs/models.yaml", "models: {router: {model_name: x}}\n");
    let gguf = place.path("base.gguf");
    LLAMA3.gguf(&gguf);
    let training = train(base, "out", "1");
    // Without a base, then those that open one, which renders its template in a process of its own.
    for args in [
        &["data", "check", "d.jsonl"][..],
        &["history"],
        &["bases", "list"],
        &["promote", "--role", "router", "--to", "y"],
        &["bases", "show", base],
        &["bases", "show", gguf.to_str().unwrap()],
        &["data", "preview", "d.jsonl", "--base-model", base],
        &training,
    ] {
        let mut refused = 0;
        for n in 4..26 {
            if !starts(&place, &format!("-n {n}")) {
                continue;
            }
            // Either it had enough, or it says what it lacked; a daemon that is not there is exit code 4.
            let ended = limited(&place, &format!("-n {n}"), args);
            let all = format!("{}{}", ended.out, ended.err);
            assert!(!all.contains("panicked"), "-n {n} {args:?}: {all}");
            assert!([0, 4, 5].contains(&ended.code), "-n {n} {args:?} ended with {}: {all}", ended.code);
            if ended.code == 5 {
                assert!(all.contains("ulimit -n"), "-n {n} {args:?}: {all}");
                refused += 1;
            }
        }
        println!("{args:?}: {refused} limits were too small");
        let opens_a_base = args.contains(&base) || args.contains(&gguf.to_str().unwrap());
        assert!(refused > 0 || !opens_a_base, "no limit was too small for {args:?}");
    }
}

/// A process that ended itself by SIGABRT.
const ABORTED: i32 = -6;

/// Whether the last line is the C library's on memory that it did not get.
fn said_by_the_c_library(err: &str) -> bool {
    let last = err.lines().rfind(|line| !line.trim().is_empty());
    last.is_some_and(|line| line.starts_with("Fatal glibc error: ") && line.ends_with(": out of memory"))
}

#[test]
fn memory_beyond_the_limit_is_said() {
    let base = LLAMA3.folder();
    let place = Place::new();
    place.write("d.jsonl", &[EXAMPLE; 4].join("\n"));
    let args = train(base.path().to_str().unwrap(), "out", "1");
    let mut refused = 0;
    for kib in (30_000..250_000).step_by(4000).chain([400_000, 4_000_000]) {
        if !starts(&place, &format!("-v {kib}")) {
            continue;
        }
        let ended = limited(&place, &format!("-v {kib}"), &args);
        let all = format!("{}{}", ended.out, ended.err);
        assert!(!all.contains("panicked"), "-v {kib}: {all}");
        // The C library ends a process that has no memory for a thread's own values, and says so itself.
        if ended.code == ABORTED && said_by_the_c_library(&ended.err) {
            refused += 1;
            continue;
        }
        assert!([0, 5].contains(&ended.code), "-v {kib} ended with {}: {all}", ended.code);
        if ended.code == 0 {
            // The end of the memory comes as a kill does: the next start removes what was being written.
            assert_eq!(unfinished(&place.path("")), [""; 0], "-v {kib}: {all}");
            continue;
        }
        // (The words of std that another thread says meanwhile may begin the line.)
        let says = |said: &str| said.contains("memory") || said.contains("ulimit -v");
        let says = |line: &str| line.split_once("error: ").is_some_and(|(_, said)| says(said));
        assert!(ended.err.lines().any(says), "-v {kib}: {all:?}");
        refused += 1;
    }
    assert!(refused > 0, "no limit was too small");
}

/// Until the training has done a step.
fn wait_for_a_step(place: &Place, child: &mut Child) {
    let began = Instant::now();
    while !std::fs::metadata(place.path("out/metrics.jsonl")).is_ok_and(|m| m.len() > 0) {
        assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(120), "it did not train");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// As `ollama pull` never does, but a copy over the file does: `weights` loses all but its first bytes.
fn is_said_when_cut(base: &Path, weights: &Path) {
    let place = Place::new();
    place.write("d.jsonl", &examples(8));
    let args = train(base.to_str().unwrap(), "out", "200000");
    let mut child = place.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for_a_step(&place, &mut child);
    std::fs::File::options().write(true).open(weights).unwrap().set_len(1024).unwrap();
    let began = Instant::now();
    while child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    let name = weights.file_name().unwrap().to_str().unwrap();
    Ended::of(&child.wait_with_output().unwrap()).says(5, &[name, "cut short"]);
}

#[test]
fn a_base_that_is_cut_short_while_it_is_mapped_is_said() {
    let folder = LLAMA3.folder();
    is_said_when_cut(folder.path(), &folder.path().join("model.safetensors"));
}

#[test]
fn a_gguf_that_is_cut_short_while_it_is_mapped_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let gguf = dir.path().join("base.gguf");
    LLAMA3.gguf(&gguf);
    is_said_when_cut(&gguf, &gguf);
}
