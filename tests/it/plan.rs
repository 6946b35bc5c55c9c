//! What `plan` says is what `train` then does.

use serde_json::Value;

use crate::daemon;
use crate::program::Place;
use crate::tiny::{self, Tiny};

/// What a training held, which its plan foresaw within 15 %. The time is not compared: the machine may be busy.
#[track_caller]
fn right_size(planned: &Value, trained: &Value) -> f64 {
    let bytes = |value: &Value| value.as_f64().unwrap();
    let (peak, held) = (bytes(&planned["peak_bytes"]), bytes(&trained["summary"]["peak_memory_bytes"]));
    assert!((0.85..=1.15).contains(&(peak / held)), "{peak} planned, {held} held");
    held
}

/// Of both real models in the default arithmetic.
#[test]
fn a_plan_knows_the_memory_of_a_training() {
    let place = Place::new();
    let lines: Vec<_> = include_str!("../fixtures/tickets_fr/train.jsonl").lines().take(16).collect();
    place.write("d.jsonl", &lines.join("\n"));
    for base in [daemon::smollm2(), daemon::needed("TUNESMITH_QWEN")] {
        let base = base.to_str().unwrap();
        let said = ["--json", "--base-model", base, "--dataset", "d.jsonl", "--batch-size", "4", "--lora-rank", "8"];
        let planned = place.run(&[&["plan"], &said[..]].concat()).json();
        let trained = place.run(&[&["train", "--overwrite", "--output", "o"], &said[..]].concat()).json();
        right_size(&planned, &trained);
        place
            .run(&["export", "--base", base, "--adapter", "o/final", "--quant", "keep", "--output", "m.gguf"])
            .says(0, &[]);
        let (said, bytes) =
            (planned["export_bytes"].as_f64().unwrap(), place.path("m.gguf").metadata().unwrap().len() as f64);
        assert!((0.97..=1.05).contains(&(said / bytes)), "{said} planned, {bytes} exported");
    }
}

/// Of a Qwen3 whose heads are wider than its residual stream, and of a rank as wide as that; without a limit and within one.
#[test]
fn a_plan_knows_the_memory_of_wide_heads_and_of_a_high_rank() {
    let wide_heads = Tiny { layers: 8, hidden: 256, heads: 8, kv_heads: 4, head_dim: 128, ..tiny::QWEN3 };
    let llama = Tiny { layers: 8, hidden: 256, heads: 4, kv_heads: 4, head_dim: 64, ..tiny::GQA8 };
    let attention = "q_proj,k_proj,v_proj,o_proj";
    for (tiny, rank, targets) in [(wide_heads, "8", "all-linear"), (llama, "256", attention)] {
        let (base, place) = (tiny.folder(), Place::new());
        let lines: Vec<_> = include_str!("../fixtures/tickets_fr/train.jsonl").lines().take(16).collect();
        place.write("d.jsonl", &lines.join("\n"));
        let base = base.path().to_str().unwrap();
        let said = ["--json", "--base-model", base, "--dataset", "d.jsonl", "--batch-size", "8", "--max-steps", "2"];
        let said = [&said[..], &["--lora-rank", rank, "--target-modules", targets]].concat();
        let planned = place.run(&[&["plan"], &said[..]].concat()).json();
        let trained = place.run(&[&["train", "--output", "o"], &said[..]].concat()).json();
        let held = right_size(&planned, &trained);
        let most = (0.85 * held) as u64 >> 20;
        let limit = format!("{most}MiB");
        let limited = [&said[..], &["--max-memory", &limit]].concat();
        let planned = place.run(&[&["plan"], &limited[..]].concat()).json();
        let trained = place.run(&[&["train", "--output", "within"], &limited[..]].concat()).json();
        assert_eq!((&planned["fits"], &planned["recomputed"]), (&true.into(), &true.into()), "{planned}");
        let within = right_size(&planned, &trained);
        assert!(within <= (most << 20) as f64, "{within} of {held}, within {most} MiB");
    }
}

#[test]
fn a_plan_counts_what_the_training_then_does() {
    let base = daemon::smollm2();
    let base = base.to_str().unwrap();
    let place = Place::new();
    let lines: Vec<_> = include_str!("../../data/demo/train.jsonl").lines().take(20).collect();
    place.write("d.jsonl", &lines.join("\n"));
    let said =
        ["--base-model", base, "--dataset", "d.jsonl", "--eval-split", "0.2", "--batch-size", "4", "--threads", "2"];
    // Exact arithmetic: without a limit eight bits keep codes of the weights, so less memory is not always computing again.
    let said = [&said[..], &["--epochs", "2", "--eval-steps", "3", "--lora-rank", "8", "--compute", "f32"]].concat();
    let run = ["plan", "--output-model-name", "p:v1", "--replay", "off"];
    let planned = place.run(&[&run[..], &["--json"], &said[..]].concat()).json();
    let trained = place.run(&[&["train", "--json", "--output", "o"], &said[..]].concat()).json();
    let summary = &trained["summary"];
    for key in ["steps", "trainable_params"] {
        assert_eq!(planned[key], summary[key], "{key}");
    }
    let metrics = place.read("o/metrics.jsonl");
    let evaluations = metrics.lines().filter(|l| l.contains("eval_mean_token_accuracy")).count();
    assert_eq!(planned["time"]["evaluation_passes"], evaluations);
    let number = |key: &str| planned["time"][key].as_f64().unwrap();
    let parts: f64 = ["start", "replay", "steps", "evaluations"].map(number).iter().sum();
    assert!((planned["training_seconds"].as_f64().unwrap() - parts).abs() < 1e-9 && number("evaluations") > 0.0);
    assert_eq!(planned["would_fit"], serde_json::json!([]));
    let held = right_size(&planned, &trained);
    // With a limit it stays within it, and trains the same; without a name it is `train` that is planned, without replay.
    let most = (0.85 * held) as u64 >> 20;
    let limited = format!("{most}MiB");
    let limited = [&said[..], &["--max-memory", &limited]].concat();
    let within = place.run(&[&["train", "--json", "--output", "within"], &limited[..]].concat()).json();
    let peak = within["summary"]["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak <= most << 20, "{peak} of {held}, within {most} MiB");
    let adapter =
        |output: &str| std::fs::read(place.path(&format!("{output}/final/adapter_model.safetensors"))).unwrap();
    assert!(adapter("o") == adapter("within"));
    let alone = place.run(&[&["plan", "--json"], &limited[..]].concat()).json();
    assert_eq!((&alone["steps"], &alone["replayed"]), (&planned["steps"], &serde_json::json!(0)));
    assert_eq!(alone["available_bytes"], most << 20);
    assert!(alone["fits"] == true && alone["recomputed"] == true, "{alone}");
    place
        .run(&[&run[..], &said[..]].concat())
        .says(0, &["min of training", "MiB at the peak of training", "device    cpu", "evaluations"]);
}
