//! `eval --suite jarvis`: the base and the latest adapter answer, natively or through a daemon; the files, their keys, what is found.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::{Value, json};

use crate::program::{Ended, Place};
use crate::tiny::QWEN2;
use crate::tiny_server::TinyServer;

fn base() -> &'static str {
    static BASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    BASE.get_or_init(|| QWEN2.folder()).path().to_str().unwrap()
}

/// A project with an adapter in `output/NAME/final` for each name, in this order.
fn trained(names: &[&str]) -> Place {
    let place = Place::new();
    place.write("data.jsonl", &"{\"instruction\":\"a\",\"output\":\"b\"}\n".repeat(2));
    for name in names {
        let config = json!({
            "model_to_fine_tune": base(), "dataset_path": "data.jsonl", "max_steps": 2, "batch_size": 1,
            "lora_rank": 4, "max_seq_len": 256, "learning_rate": 0.05, "output": format!("output/{name}"),
        });
        place.write("train.json", &config.to_string());
        place.run(&["train", "--config", "train.json"]).says(0, &[]);
    }
    place
}

fn results(place: &Place, folder: &str) -> Value {
    serde_json::from_str(&place.read(&format!("{folder}/benchmark_results.json"))).unwrap()
}

fn sorted_keys(object: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

/// `"2/3"`.
fn counted(value: &Value) -> (usize, usize) {
    let (found, total) = value.as_str().unwrap().split_once('/').unwrap();
    (found.parse().unwrap(), total.parse().unwrap())
}

#[test]
fn the_latest_adapter_is_found_and_compared_with_its_base() {
    let place = trained(&["older", "deep/newer"]);
    let args = ["eval", "--suite", "jarvis", "--limit", "6", "--json"];
    let ended = place.run(&args);
    ended.says(
        0,
        &[
            "adapter: output/deep/newer/final, the latest of 2",
            "by the last hidden state of",
            "1/6 commande-01    base  keywords",
            "6/6 outil-02       tuned keywords",
            ", cosine ",
        ],
    );
    let file = results(&place, "output/eval");
    assert_eq!(file, ended.json());
    assert_eq!(sorted_keys(&file), ["by_category", "metadata", "results", "statistics"]);
    assert_eq!(sorted_keys(&file["metadata"]), ["base_model", "device", "lora_adapter", "timestamp"]);
    assert_eq!(file["metadata"]["lora_adapter"], "output/deep/newer/final");
    assert_eq!(file["statistics"]["total_tests"], 6);
    let of_each = ["commandes_vocales", "corrections_vocales", "tool_routing"];
    assert_eq!(sorted_keys(&file["by_category"]), of_each);
    let rows = file["results"].as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let mut shares = 0.0;
    for row in rows {
        let (found, total) = counted(&row["keyword_match_finetuned"]);
        assert!(found <= total && total == row["keywords_expected"].as_array().unwrap().len(), "{row}");
        shares += found as f64 / total as f64;
        let cosine = row["cosine_similarity_score"].as_f64().unwrap();
        assert!((-1.0..=1.000_001).contains(&cosine), "{row}");
        let same = row["base_model_response"] == row["finetuned_response"];
        assert_eq!(same, cosine > 0.999_999, "{row}");
    }
    let mean = file["statistics"]["avg_keyword_match_finetuned"].as_f64().unwrap();
    assert!((mean - shares / 6.0).abs() < 1e-9, "{mean} {shares}");
    assert!(rows.iter().any(|row| row["base_model_response"] != row["finetuned_response"]), "the adapter does nothing");
    let summary = place.read("output/eval/benchmark_results_summary.txt");
    assert!(summary.contains("the first 6 of 30, each asked once: temperature 0.7, top-p 0.9, seed 42"), "{summary}");
    let page = place.read("output/eval/benchmark_results_charts.html");
    assert!(page.contains("Content-Security-Policy") && !page.contains("<script"), "{page}");
    // The same seed says the same, asked anew and otherwise grouped; another seed does not.
    let again = |more: &[&str]| {
        place.run(&[&args[..], more].concat()).says(0, &[]);
        results(&place, more[1])["results"].clone()
    };
    assert_eq!(again(&["--output", "b", "--parallel", "1"]), file["results"]);
    assert_ne!(again(&["--output", "c", "--seed", "7"]), file["results"]);
    // One that is named is taken, with the base that is named.
    let named =
        ["eval", "--suite", "builtin:jarvis", "--limit", "1", "--model", "output/older", "--base-model", base()];
    let ended = place.run(&named);
    ended.says(0, &["JARVIS benchmark", "output/older/final", "wrote output/eval/benchmark_results_charts.html"]);
    assert!(!ended.err.contains("the latest of"), "{}", ended.err);
}

#[test]
fn without_an_adapter_the_base_is_asked_alone() {
    let place = Place::new();
    place.run(&["eval", "--suite", "jarvis"]).says(2, &["none is below output/", "--against BASE"]);
    place.write("configs/training_config.json", &json!({"model_to_fine_tune": base()}).to_string());
    for more in [&["--limit", "2"][..], &["--limit", "2", "--against", base()]] {
        let ended = place.run(&[&["eval", "--suite", "jarvis"], more].concat());
        ended.says(0, &["none below output: the base is asked alone", "2/2 correction-01  base  keywords"]);
        assert!(!ended.err.contains("cosine"), "{}", ended.err);
        let file = results(&place, "output/eval");
        assert_eq!(file["metadata"]["lora_adapter"], Value::Null);
        assert!(
            Path::new(file["metadata"]["base_model"].as_str().unwrap())
                .ends_with(Path::new(base()).file_name().unwrap())
        );
        let row = &file["results"][0];
        for key in
            ["finetuned_response", "cosine_similarity_score", "keyword_match_finetuned", "jarvis_relevance_finetuned"]
        {
            assert_eq!(row[key], Value::Null, "{key}");
        }
        assert!(row["base_model_response"].is_string() && counted(&row["keyword_match_base"]).1 == 3, "{row}");
        assert_eq!(file["statistics"]["avg_cosine_similarity"], Value::Null);
    }
}

/// Of `(model, request)`, each once.
fn kept(place: &Place, folder: &str) -> usize {
    let files = std::fs::read_dir(place.path(&format!("{folder}/.tunesmith/answers"))).unwrap().flatten();
    let lines = files
        .filter(|file| file.path().extension().is_some_and(|extension| extension == "jsonl"))
        .map(|file| std::fs::read_to_string(file.path()).unwrap().lines().count());
    lines.sum()
}

#[cfg(unix)]
#[test]
fn what_was_answered_before_ctrl_c_is_not_asked_again() {
    let place = trained(&["a"]);
    let args = ["eval", "--suite", "jarvis", "--output", "cut", "--parallel", "2"];
    let mut child = place.command(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains(" 4/30 ") {
        assert_ne!(lines.read_line(&mut said).unwrap(), 0, "{said}");
    }
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    lines.read_to_string(&mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{said}");
    assert!(said.contains("answers so far are kept"), "{said}");
    assert!(!place.path("cut/benchmark_results.json").exists());
    let before = kept(&place, "cut");
    assert!((4..60).contains(&before), "{before}");
    place.run(&args).says(0, &["30/30 outil-10"]);
    assert_eq!(kept(&place, "cut"), 60, "each answer is asked once");
    place.run(&["eval", "--suite", "jarvis", "--output", "straight"]).says(0, &[]);
    assert_eq!(results(&place, "cut")["results"], results(&place, "straight")["results"]);
}

#[test]
fn two_models_of_a_daemon_are_asked_through_it() {
    let server = TinyServer::with_models(&["x:v1", "x:v2"]);
    let place = Place::new().with("OLLAMA_HOST", server.address());
    let ask = |more: &[&str]| place.run(&[&["eval", "--suite", "jarvis", "--limit", "2", "--model"], more].concat());
    ask(&["x:v2"]).says(2, &["name its base too", "--against MODEL"]);
    ask(&["x:v2", "--against", "x:v2"]).says(2, &["nothing to compare it with"]);
    ask(&["x:v3", "--against", "x:v1"]).says(3, &["x:v3"]);
    ask(&["x:v2", "--against", "x:v1", "--embed", "none:v1"]).says(3, &["none:v1"]);
    ask(&["x:v2", "--against", "x:v1"]).says(0, &["cosine similarity: none: no embedding model is named"]);
    let file = results(&place, "output/eval");
    assert_eq!((&file["metadata"]["base_model"], &file["metadata"]["lora_adapter"]), (&"x:v1".into(), &Value::Null));
    assert!(file["metadata"]["device"].as_str().unwrap().starts_with("Ollama "), "{file}");
    let row = &file["results"][0];
    assert!(row["finetuned_response"].is_string() && row["cosine_similarity_score"].is_null(), "{row}");
    // The program's other suites are asked as any suite.
    for (suite, prompts) in [("smoke", "26"), ("builtin:refusals", "30")] {
        let ended = place.run(&["eval", "--suite", suite, "--model", "x:v2", "--against", "x:v1", "--json"]);
        assert!([100, 101].contains(&ended.code), "{}", ended.err);
        assert!(ended.err.contains(&format!("builtin:{}", suite.trim_start_matches("builtin:"))), "{}", ended.err);
        assert!(ended.out.contains("FAIL") || ended.out.contains("INCONCLUSIVE"), "{} {prompts}", ended.out);
    }
}

#[test]
fn a_wrong_suite_or_a_wrong_mixture_is_said() {
    let place = Place::new();
    let eval = |args: &[&str]| -> Ended { place.run(&[&["eval"], args].concat()) };
    eval(&["--suite", "jarvs", "--model", "m"])
        .says(3, &["--suite jarvs: there is no such file", "did you mean jarvis"]);
    eval(&["--suite", "jarvis", "--suite", "smoke"]).says(2, &["give it without other suites"]);
    eval(&["--suite", "smoke"]).says(2, &["give --model MODEL"]);
    eval(&[]).says(2, &["--model"]);
    eval(&["--suite", "jarvis", "--model", base()]).says(3, &["no adapter there"]);
    place.write("taken/benchmark_results_charts.html/x", "mine");
    let taken = eval(&["--suite", "jarvis", "--against", base(), "--output", "taken"]);
    taken.says(1, &["benchmark_results_charts.html", "nothing was asked yet"]);
}
