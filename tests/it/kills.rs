//! The program, killed for real (SIGKILL) at any moment: the next start finds everything whole.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::daemon;
use crate::program::Place;
use crate::tiny::QWEN3;

const ROLES: &str = "models:\n  router: # kept\n    model_name: \"kills:v1\"  # swapped\n    general: off\n";

#[test]
fn a_swap_killed_at_any_moment_is_done_or_not_begun() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "kills:v1");
    client.copy("kills:v1", "kills:v2").unwrap();
    let place = Place::new().with("OLLAMA_HOST", daemon.host().to_string());
    place.write("configs/models.yaml", ROLES);
    let (v1, v2) = (ROLES.to_owned(), ROLES.replace("kills:v1", "kills:v2"));
    let promote = ["promote", "--role", "router", "--to", "kills:v2", "--force"];

    // How long one takes, then kills spread over that time.
    let began = Instant::now();
    place.run(&promote).says(0, &[]);
    let whole = began.elapsed();
    assert_eq!(place.read("configs/models.yaml"), v2);
    place.run(&["rollback", "--role", "router"]).says(0, &[]);
    let mut swapped = 0;
    for i in 0..40u32 {
        let mut child = place.command(&promote).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(f64::from(i) / 38.0) + Duration::from_micros(u64::from(i % 7) * 300));
        child.kill().unwrap();
        child.wait().unwrap();
        // Whole at once, for programs that read it now …
        let found = place.read("configs/models.yaml");
        assert!(found == v1 || found == v2, "kill {i}: {found}");
        // … the history, which changes nothing, …
        place.run(&["history", "--role", "router"]).says(0, &[]);
        assert_eq!(place.read("configs/models.yaml"), found, "kill {i}");
        // … and the next change of the file finishes or reverts what was open, as the file says, and leaves nothing.
        swapped += usize::from(found == v2);
        let back = place.run(&["rollback", "--role", "router"]);
        back.says(if found == v2 { 0 } else { 3 }, &[]);
        assert_eq!(place.read("configs/models.yaml"), v1, "kill {i}: {}", back.err);
        let history = place.run(&["history", "--role", "router"]);
        assert!(!history.out.lines().any(|l| l.contains("open")), "kill {i}: {}", history.out);
        assert_eq!(leftovers(&place.path("")), [""; 0], "kill {i}");
    }
    assert!((1..40).contains(&swapped), "{swapped} of 40 swapped: the kills missed the swap");
}

/// Temporary files and folders below `root`.
fn leftovers(root: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(".tunesmith-") {
            found.push(entry.path().display().to_string());
        } else if entry.file_type().unwrap().is_dir() {
            found.extend(leftovers(&entry.path()));
        }
    }
    found
}

/// `TUNESMITH_KILLS`: how many; a few by default.
fn kills() -> u32 {
    std::env::var("TUNESMITH_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(8)
}

/// Data, training, export, registration, proof and evaluation of a tiny model, each in its turn killed.
#[test]
fn a_run_killed_at_any_moment_leaves_nothing_that_the_next_start_does_not_sweep() {
    let base = QWEN3.folder();
    let place = Place::new();
    let lines: Vec<_> = (0..12)
        .map(|i| format!("{{\"messages\":[{{\"role\":\"user\",\"content\":\"say {i}\"}},{{\"role\":\"assistant\",\"content\":\"{i} it is\"}}]}}"))
        .collect();
    place.write("data.jsonl", &lines.join("\n"));
    let config = json!({
        "model_to_fine_tune": base.path(), "dataset_path": "data.jsonl", "output_model_name": "killed:v1", "quant": "f16",
        "max_steps": 4, "batch_size": 2, "lora_rank": 2, "save_every": 1, "probes": 2, "replay": "off", "max_seq_len": 32,
    });
    place.write("configs/training_config.json", &config.to_string());
    let seed = |i: u32| i.to_string();
    let args = |seed: &str| ["run", "--embedded", "--until", "register", "--seed", seed].map(str::to_owned);
    let start = |seed: &str| place.command(&args(seed).each_ref().map(String::as_str));
    let whole = {
        let began = Instant::now();
        let ended = place.run(&args("1000").each_ref().map(String::as_str));
        ended.says(0, &[]);
        began.elapsed()
    };
    let (mut killed, mut at_work) = (0, 0);
    for i in 0..kills() {
        // A run of its own, so that every step has something to do; spread over its time by the golden ratio.
        let share = (f64::from(i) * 0.618_034).fract();
        let mut child = start(&seed(i)).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(whole.mul_f64(share));
        killed += u32::from(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
        at_work += u32::from(!leftovers(&place.path("")).is_empty());
        let again = start(&seed(i)).output().unwrap();
        assert!(again.status.success(), "kill {i}: {}", String::from_utf8_lossy(&again.stderr));
        assert_eq!(leftovers(&place.path("")), [""; 0], "kill {i} at {share:.3} of {whole:?}");
    }
    println!("{killed} of {} killed at work, {at_work} with something unfinished; a run takes {whole:?}", kills());
    assert!(killed > kills() / 2, "{killed}: the kills came too late");
}
