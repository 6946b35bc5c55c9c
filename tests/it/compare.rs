//! Trainings side by side: `compare --bases` trains tiny bases and makes the table, `compare --runs` makes it again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tunesmith::store::Digest;

use crate::program::{Ended, Place};
use crate::tiny::{GQA8, QWEN2, Tiny};
use crate::tiny_run;
use crate::tiny_server::{self, TinyServer};

const V1: &str = "tiny:v1";
const ROLES: &str = "# who answers what\nmodels:\n  router: # kept\n    model_name: \"tiny:v1\"  # never swapped\n    general: off\n    \
                     options: {num_predict: 4, num_ctx: 512}\n    eval: {suite: suite.jsonl, goal: improve}\n    \
                     gate: {on_inconclusive: promote, degenerate_margin: 0.99}\n";

/// Another model than any that is trained, as the role's present one.
fn v1(dir: &Path) -> PathBuf {
    let path = dir.join("v1.gguf");
    Tiny { name: "another", ..QWEN2 }.gguf(&path);
    path
}

/// Two bases, a role with three prompts, a config of four steps.
struct Project {
    place: Place,
    bases: [tempfile::TempDir; 2],
}

impl Project {
    fn new() -> Self {
        let (place, files) = (Place::new(), tempfile::tempdir().unwrap());
        let bases = [QWEN2.folder(), GQA8.folder()];
        tiny_run::lay_out(&place, Path::new("not-used"), &json!({"role": "router", "eval_split": 0.25}));
        place.write("configs/models.yaml", ROLES);
        let case = |prompt| json!({"prompt": prompt, "expected": "yes"}).to_string();
        place.write(
            "configs/suite.jsonl",
            &["Is it late?", "Do birds sing?", "Is one more than two?"].map(case).join("\n"),
        );
        drop(tiny_server::filled(&place.path("runs/store"), &v1(files.path()), &[V1]));
        Self { place, bases }
    }

    fn bases(&self) -> [&str; 2] {
        self.bases.each_ref().map(|base| base.path().to_str().unwrap())
    }

    fn arguments(&self) -> Vec<&str> {
        let [first, second] = self.bases();
        vec![
            "compare",
            "--bases",
            first,
            second,
            "--config",
            "configs/training_config.json",
            "--embedded",
            "--output",
            "out/bases",
        ]
    }

    /// The folders of runs.
    fn runs(&self) -> Vec<PathBuf> {
        let entries =
            std::fs::read_dir(self.place.path("runs")).into_iter().flatten().map(|entry| entry.unwrap().path());
        let mut runs: Vec<_> = entries.filter(|path| path.join("run.yaml").is_file()).collect();
        runs.sort();
        runs
    }

    fn adapters(&self) -> BTreeMap<PathBuf, Digest> {
        let adapter = |run: PathBuf| {
            let file = run.join("final/adapter_model.safetensors");
            file.is_file().then(|| (run, Digest::of_file(&file).unwrap()))
        };
        self.runs().into_iter().filter_map(adapter).collect()
    }

    /// Both trained and judged; the role as it was, and nothing tried to change it.
    #[track_caller]
    fn assert_compared(&self, ended: &Ended) {
        ended.says(0, &["role score: ", "training time", "wrote out/bases.json"]);
        let table: Value = serde_json::from_str(&self.place.read("out/bases.json")).unwrap();
        let columns = table["columns"].as_array().unwrap();
        let labels: Vec<_> = columns.iter().map(|column| column["label"].as_str().unwrap()).collect();
        let [first, second] = self.bases();
        assert_eq!(labels, [first, second, "tiny:v1 (v1)"], "{table:#}");
        for (column, base) in columns.iter().zip(self.bases()) {
            assert_eq!((&column["state"], &column["base"]), (&json!("evaluated"), &json!(base)), "{table:#}");
            for row in table["values"].as_array().unwrap() {
                assert!(row["values"][base].as_f64().is_some_and(f64::is_finite), "{base}: {row:#}");
            }
            assert_eq!(table["scores"][0]["scores"][base]["n"], 3, "{table:#}");
        }
        // Tokens of other tokenizers: losses have no winner, and it is said why.
        let loss = table["values"].as_array().unwrap().iter().find(|row| row["quantity"] == "train_loss").unwrap();
        assert!(loss["not_compared"].as_str().unwrap().contains("other tokens"), "{loss:#}");
        assert_eq!(table["scores"][0]["pairs"].as_array().unwrap().len(), 3, "{table:#}");
        assert_eq!(self.place.read("configs/models.yaml"), ROLES);
        let registry = self.place.read("configs/.tunesmith/registry.jsonl");
        assert!(registry.contains("\"gate\"") && !registry.contains("\"intent\""), "{registry}");
    }
}

#[test]
fn bases_are_trained_once_each_and_none_is_promoted() {
    let project = Project::new();
    let ended = project.place.run(&project.arguments());
    project.assert_compared(&ended);
    ended.says(0, &["base 1 of 2: ", "base 2 of 2: "]);
    let made = project.adapters();
    assert_eq!(made.len(), 2, "{made:?}");
    // Again: everything is there.
    let again = project.place.run(&project.arguments());
    project.assert_compared(&again);
    assert_eq!(again.err.matches("trained already").count(), 2, "{}", again.err);
    assert_eq!(project.adapters(), made);
    // The same table from the runs, by folder and by id.
    let runs = project.runs();
    let id = runs[1].file_name().unwrap().to_str().unwrap();
    let table = project.place.run(&["compare-models", "--runs", runs[0].to_str().unwrap(), id, "--json"]);
    table.says(0, &[]);
    let table = table.json();
    assert_eq!(table["columns"][1]["label"], id);
    assert_eq!(table["scores"][0]["pairs"][0]["test"]["n"], 3, "{table:#}");
    // What can't be compared.
    project.place.run(&["compare", "--runs", id]).says(2, &["give two runs at least"]);
    project.place.run(&["compare", "--runs", id, "nothing"]).says(3, &["no run of this id in runs", id]);
    project.place.run(&["compare", "--runs", id, "--rag-results", "a.json"]).says(2, &["cannot be used with"]);
    project.place.run(&["compare", "--bases", "a", "b"]).says(2, &["--config"]);
    let [base, _] = project.bases();
    let twice = ["compare", "--bases", base, base, "--config", "configs/training_config.json", "--embedded"];
    project.place.run(&twice).says(2, &["is given twice"]);
    let missing = ["compare", "--bases", base, "no/such", "--config", "configs/training_config.json", "--embedded"];
    project.place.run(&missing).says(3, &["no/such"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_goes_on_where_it_ended() {
    let project = Project::new();
    let mut child =
        project.place.command(&project.arguments()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    while project.adapters().is_empty() && child.try_wait().unwrap().is_none() {
        assert!(began.elapsed() < Duration::from_secs(120), "no adapter came");
        std::thread::sleep(Duration::from_millis(1));
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let code = child.wait().unwrap().code();
    assert_eq!(code, Some(130), "interrupted before its end");
    let first = project.adapters();
    assert!(!project.place.path("out/bases.json").exists());
    let again = project.place.run(&project.arguments());
    project.assert_compared(&again);
    let both = project.adapters();
    assert!(both.len() == 2 && first.iter().all(|(run, digest)| both[run] == *digest), "{first:?} {both:?}");
}

/// The templates of `init --tests`, run as pytest runs them; JUnit as Python's own parser reads it.
#[test]
fn junit_and_the_tests_of_init_say_what_the_scorecard_says() {
    let files = tempfile::tempdir().unwrap();
    let server = TinyServer::of(&v1(files.path()), &[V1]);
    let other = files.path().join("v2.gguf");
    QWEN2.gguf(&other);
    let second = tiny_server::filled(server.store(), &other, &["tiny:v2"]);
    let place = Place::new().with("OLLAMA_HOST", second.address().to_string());
    place.write("configs/models.yaml", ROLES);
    let cases = [
        json!({"id": "a&b", "prompt": "Is <it> late?", "expected": "yes", "category": "x"}),
        json!({"id": "c", "prompt": "Do birds sing?", "not_keywords": ["birdsong"], "category": "x"}),
        json!({"id": "d", "prompt": "Is one more?", "expected": "yes", "category": "y"}),
    ];
    place.write("configs/suite.jsonl", &cases.map(|case| case.to_string()).join("\n"));
    place.run(&["init", "--tests"]).says(0, &["tests/performance/test_model_accuracy.py"]);
    let by_role = place.run(&["eval", "--role", "router", "--model", "tiny:v2"]);
    assert!([0, 100, 101].contains(&by_role.code), "{}", by_role.err);
    // As the template asks.
    let suite = "configs/suite.jsonl";
    let eval = ["eval", "--suite", suite, "--model", "tiny:v2", "--against", V1, "--output", "eval"];
    let ended = place.run(&[&eval[..], &["--junit", "results.xml"]].concat());
    assert!([0, 100, 101].contains(&ended.code), "{}", ended.err);
    place.run(&[&eval[..], &["--junit", "configs/suite.jsonl"]].concat()).says(3, &["would be overwritten"]);
    place.run(&[&eval[..], &["--junit", "eval/summary.md"]].concat()).says(2, &["is a file of the evaluation itself"]);
    let card = std::fs::read_dir(place.path("eval")).unwrap().map(|entry| entry.unwrap().path());
    let card = card.into_iter().find(|path| path.extension().is_some_and(|ending| ending == "json")).unwrap();
    let card: Value = serde_json::from_str(&std::fs::read_to_string(card).unwrap()).unwrap();
    let results = card["results"].as_array().unwrap();
    let failed: Vec<&str> = results
        .iter()
        .filter(|result| result["pass_finetuned"] == false || !result["degenerate_finetuned"].is_null())
        .map(|result| result["prompt_id"].as_str().unwrap())
        .collect();
    assert!(failed.contains(&"a&b"), "{card:#}");

    place.write("driver.py", include_str!("pytest_driver.py"));
    let python = Command::new("python3")
        .arg("driver.py")
        .current_dir(place.path(""))
        .env("TUNESMITH", env!("CARGO_BIN_EXE_tunesmith"))
        .env("TUNESMITH_SUITE", "configs/suite.jsonl")
        .env("TUNESMITH_MODEL", "tiny:v2")
        .env("TUNESMITH_BASE", V1)
        .env("TUNESMITH_ROLE", "router")
        .env("OLLAMA_HOST", second.address().to_string())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&python.stdout);
    let found: Value = serde_json::from_str(&said)
        .unwrap_or_else(|e| panic!("{e}: {said}{}", String::from_utf8_lossy(&python.stderr)));
    assert_eq!(found["junit"], json!(["a&b", "c", "d"]), "{found:#}");
    assert_eq!(found["junit_failed"], json!(failed), "{found:#}");
    assert_eq!(found["accuracy"], json!(["a&b", "c", "d"]));
    assert_eq!(found["accuracy_failed"], json!(failed));
    let verdict = match by_role.code {
        0 => "passed",
        101 => "skipped",
        _ => "failed",
    };
    assert_eq!(found["regression"], verdict);
}
