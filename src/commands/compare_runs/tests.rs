//! Folders of made-up runs.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::commands::report::reported;
use crate::eval::Quantity;
use crate::store::RunDir;

/// A project with the folder `runs`.
struct Runs(tempfile::TempDir);

/// The prompts that a model passes, of 40.
type Right = std::ops::Range<usize>;

impl Runs {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn dir(&self) -> PathBuf {
        self.0.path().join("runs")
    }

    fn write(&self, run: &str, name: &str, value: &Value) {
        write_whole(self.dir().join(run).join(name), value.to_string().as_bytes()).unwrap();
    }

    /// With train.json, run.yaml and a manifest that says that these steps are done.
    fn trained(&self, run: &str, loss: f64, steps: &[&str]) {
        let summary = json!({
            "steps": 140, "train_loss": loss, "eval_loss": null, "best": null, "final_step": 140, "stopped_early": false,
            "mean_token_accuracy": 0.88, "entropy": 1.3, "grad_norm": 0.9, "num_tokens": 63592, "tokens_per_second": 856.4,
            "trained_tokens_per_second": 167.1, "train_samples_per_second": 14.98, "trainable_params": 4_884_480,
            "trainable_percent": 3.5, "peak_memory_bytes": 901_578_752, "duration_seconds": 74.7,
        });
        self.write(run, "train.json", &summary);
        self.write(
            run,
            "run.yaml",
            &json!({"output_model_name": format!("{run}:v1"), "model_to_fine_tune": "smollm2:135m"}),
        );
        self.write(run, "data/fingerprint.json", &json!({"records": 417, "held_out": 0}));
        write_whole(self.dir().join(run).join("gguf/model.gguf"), &[0; 3 << 20]).unwrap();
        let mut folder = RunDir::open(&self.dir().join(run), run).unwrap();
        for step in steps {
            let inputs =
                BTreeMap::from([("dataset", "sha256:d"), ("base/tokenizer", "sha256:t"), ("held_out", "sha256:h")]);
            let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            let outputs: &[&str] = if *step == "export" { &["gguf/model.gguf"] } else { &[] };
            folder.record(step, inputs, outputs, Duration::from_secs(1)).unwrap();
        }
    }

    /// A scorecard of the suite `s`.
    fn evaluated(&self, run: &str, time: &str, v1: Right, tuned: Right) {
        let score = |right: &Right, i: usize| f64::from(u8::from(right.contains(&i)));
        let result = |i: usize| {
            json!({
                "prompt_id": format!("q{i}"), "cluster": null, "prompt": "p", "score_base": score(&v1, i), "score_finetuned": score(&tuned, i),
                "seconds_base": 2.0, "seconds_finetuned": 1.0 + i as f64 / 39.0,
            })
        };
        let document = json!({
            "metadata": {
                "suite": format!("{time}.jsonl"), "suite_digest": format!("sha256:{time}"), "metric": "pass", "metric_signature": "pass:v3",
                "samples": 1, "options": {"temperature": 0}, "system": null, "timestamp": time, "device": "Ollama 0.34.4 at http://127.0.0.1:4271",
                "base_model": "smollm2:135m", "base_digest": "b1", "finetuned_model": format!("{run}:v1"), "finetuned_digest": format!("tag-{run}"),
            },
            "statistics": {"gate": "PASS", "tokens_per_second_base": 9.0, "tokens_per_second_finetuned": 8.0},
            "by_category": {}, "results": (0..40).map(result).collect::<Vec<_>>(),
        });
        self.write(run, &format!("eval/{time}.json"), &document);
    }

    fn compared(&self, runs: &[&str], output: Option<PathBuf>) -> Result<ComparedRuns, Failure> {
        let request = RunsRequest {
            runs: runs.iter().map(PathBuf::from).collect(),
            runs_dir: self.dir(),
            output,
            formats: Formats { json: true, markdown: true },
        };
        reported(|context| run(context, &request)).0
    }
}

const WHOLE: [&str; 3] = ["train", "export", "prove"];

#[test]
fn stored_runs_make_a_table_with_the_model_that_they_were_compared_with() {
    let runs = Runs::new();
    for (run, loss, right) in [("a", 0.25, 0..30), ("b", 0.5, 10..20)] {
        runs.trained(run, loss, &WHOLE);
        // An evaluation on a suite that the role no longer has.
        runs.evaluated(run, "2026-01", 0..40, 0..40);
        runs.evaluated(run, "2026-02", 0..5, right);
    }
    let whole = runs.dir().join("b").display().to_string();
    let output = runs.0.path().join("out/table");
    let ComparedRuns { comparison, files } = runs.compared(&["a", &whole], Some(output.clone())).unwrap();
    let labels: Vec<&str> = comparison.columns.iter().map(|column| column.label.as_str()).collect();
    assert_eq!(labels, ["a", "b", "smollm2:135m (v1)"]);
    let value = |quantity: Quantity, label: &str| {
        comparison.values.iter().find(|row| row.quantity == quantity).unwrap().values.get(label).copied()
    };
    assert_eq!((value(Quantity::TrainLoss, "a"), value(Quantity::TrainLoss, "b")), (Some(0.25), Some(0.5)));
    assert_eq!(value(Quantity::ExportedBytes, "a"), Some(f64::from(3 << 20)));
    assert_eq!(value(Quantity::PeakMemoryBytes, "b"), Some(901_578_752.0));
    assert_eq!(value(Quantity::EvalLoss, "a"), None);
    assert_eq!(value(Quantity::AnswerTokensPerSecond, "a"), Some(8.0));
    assert_eq!(value(Quantity::AnswerTokensPerSecond, labels[2]), Some(9.0));
    assert_eq!(
        (value(Quantity::AnswerSeconds, "b"), value(Quantity::AnswerSeconds, labels[2])),
        (Some(1.5), Some(2.0))
    );
    let [row] = &comparison.scores[..] else { panic!("{:?}", comparison.scores) };
    assert_eq!((row.suite.as_str(), &row.best[..]), ("2026-02.jsonl", &["a".to_owned()][..]));
    assert_eq!((row.scores["a"].score, row.scores["b"].score, row.scores[labels[2]].score), (0.75, 0.25, 0.125));
    assert!(comparison.notes.is_empty(), "{:?}", comparison.notes);
    assert_eq!(files, [output.with_extension("json"), output.with_extension("md")]);
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&files[0]).unwrap()).unwrap();
    assert_eq!(json["columns"][0]["base"], "smollm2:135m");
    assert!(std::fs::read_to_string(&files[1]).unwrap().contains("75.0 %"));
}

#[test]
fn a_model_that_another_run_was_compared_with_is_one_column() {
    let runs = Runs::new();
    runs.trained("first", 0.5, &WHOLE);
    runs.evaluated("first", "2026-02", 0..5, 0..20);
    runs.trained("second", 0.4, &WHOLE);
    runs.evaluated("second", "2026-02", 0..20, 0..30);
    // The first run's model was v1 of the second's evaluation.
    let path = runs.dir().join("second/eval/2026-02.json");
    let text = std::fs::read_to_string(&path).unwrap().replace(r#""base_digest":"b1""#, r#""base_digest":"tag-first""#);
    std::fs::write(&path, text).unwrap();
    let comparison = runs.compared(&["first", "second"], None).unwrap().comparison;
    let labels: Vec<&str> = comparison.columns.iter().map(|column| column.label.as_str()).collect();
    assert_eq!(labels, ["first", "second", "smollm2:135m (v1)"]);
}

#[test]
fn what_is_not_finished_is_said_and_has_no_values() {
    let runs = Runs::new();
    runs.trained("whole", 0.25, &WHOLE);
    runs.evaluated("whole", "2026-02", 0..5, 0..30);
    runs.trained("proved", 0.25, &WHOLE);
    runs.trained("trained", 0.25, &WHOLE[..1]);
    runs.trained("begun", 0.25, &[]);
    let comparison = runs.compared(&["whole", "proved", "trained", "begun"], None).unwrap().comparison;
    let states: Vec<_> = comparison.columns.iter().map(|column| json!(column.state)).collect();
    assert_eq!(states, [json!("evaluated"), json!("proved"), json!("trained"), json!("unfinished"), Value::Null]);
    assert_eq!(comparison.notes.len(), 3);
    assert!(comparison.notes[2].starts_with("begun: its training is not finished"), "{:?}", comparison.notes);
    let lacking = |quantity| &comparison.values.iter().find(|row| row.quantity == quantity).unwrap().lacking;
    assert_eq!(lacking(Quantity::TrainLoss), &["begun"]);
    assert_eq!(lacking(Quantity::ExportedBytes), &["trained", "begun"]);
    assert_eq!(comparison.scores[0].lacking, ["proved", "trained", "begun"]);
}

/// `train` alone leaves the summary as the last line of its metrics.
#[test]
fn the_output_of_train_is_a_run_too() {
    let runs = Runs::new();
    for run in ["a", "b"] {
        runs.trained(run, 0.25, &["train"]);
        let folder = runs.dir().join(run);
        let summary = std::fs::read_to_string(folder.join("train.json")).unwrap();
        std::fs::write(folder.join("metrics.jsonl"), format!("{{\"step\":1,\"train_loss\":3}}\n{summary}\n")).unwrap();
        runs.write(run, "final/tunesmith.json", &json!({"base": "/bases/x.gguf"}));
        std::fs::remove_file(folder.join("train.json")).unwrap();
        std::fs::remove_file(folder.join("run.yaml")).unwrap();
    }
    let comparison = runs.compared(&["a", "b"], None).unwrap().comparison;
    assert_eq!(comparison.columns[0].base.as_deref(), Some("/bases/x.gguf"));
    assert_eq!(comparison.values[1].values["a"], 0.25);
    std::fs::write(runs.dir().join("b/metrics.jsonl"), "{\"step\":1}\n").unwrap();
    let failure = runs.compared(&["a", "b"], None).unwrap_err();
    assert!(failure.message().contains("is the summary of a training"), "{failure}");
}

#[test]
fn what_is_no_run_is_refused_with_a_remedy() {
    let runs = Runs::new();
    runs.trained("a", 0.25, &WHOLE);
    runs.trained("b", 0.25, &WHOLE);
    let refused = |named: &[&str]| runs.compared(named, None).unwrap_err();
    assert_eq!(refused(&["a"]).kind, Kind::Usage);
    let twice = refused(&["a", "b", &runs.dir().join("a").display().to_string()]);
    assert!(twice.kind == Kind::Usage && twice.to_string().contains("is given twice"), "{twice}");
    let missing = refused(&["a", "c"]);
    assert!(missing.kind == Kind::Input && missing.to_string().contains("no run of this id"), "{missing}");
    assert_eq!(missing.hint.as_deref(), Some("the runs there are a, b"));
    let folder = refused(&["a", &runs.dir().display().to_string()]);
    assert!(folder.to_string().contains("is no run's folder") && folder.hint.unwrap().contains("a, b"));
    std::fs::write(runs.dir().join("b/manifest.json"), "{").unwrap();
    assert!(refused(&["a", "b"]).message().contains("manifest.json"));
    runs.trained("c", 0.25, &WHOLE);
    std::fs::create_dir_all(runs.dir().join("c/eval")).unwrap();
    std::fs::write(runs.dir().join("c/eval/s.json"), "{\"metadata\"").unwrap();
    assert!(refused(&["a", "c"]).message().contains("remove it and evaluate again"));
}

#[test]
fn an_output_that_is_read_is_refused() {
    let runs = Runs::new();
    runs.trained("a", 0.25, &WHOLE);
    runs.trained("b", 0.25, &WHOLE);
    let failure = runs.compared(&["a", "b"], Some(runs.dir().join("a/train.json"))).unwrap_err();
    assert!(failure.message().contains("would be overwritten"), "{failure}");
}

#[test]
fn folders_of_one_name_are_told_apart_by_their_paths() {
    let paths = ["x/runs/a", "y/runs/a", "y/runs/b"].map(PathBuf::from);
    assert_eq!(labels(&paths), ["x/runs/a", "y/runs/a", "b"]);
}
