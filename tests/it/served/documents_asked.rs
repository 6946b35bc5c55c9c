//! Questions of documents asked through a daemon: the base alone, retrieval, both, and their comparison.

use std::path::Path;

use serde_json::Value;

use crate::daemon;
use crate::documents::{done, place};
use crate::program::Place;

fn metrics(place: &Place, name: &str) -> Value {
    let file: Value = serde_json::from_str(&place.read(name)).unwrap();
    let keys: Vec<&String> = file["metrics"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["success_rate", "exact_match_rate", "avg_time_seconds", "avg_tokens", "total_tokens"]);
    file
}

/// The results of retrieval and of the base, as `compare-models` takes them.
fn are_compared(place: &Place) {
    let compare = |rag: &str, base: &str, output: &str| {
        place.run(&["compare-models", "--rag-results", rag, "--base-results", base, "--output", output])
    };
    let (rag, base) = ("evaluation/results_rag.json", "evaluation/results_base.json");
    let compared = compare(rag, base, "evaluation/comparison");
    done(&compared);
    assert!(compared.out.contains("6 questions; fewer than 30 decide nothing"), "{}", compared.out);
    let file: Value = serde_json::from_str(&place.read("evaluation/comparison.json")).unwrap();
    assert_eq!(
        (&file["questions"], &file["recommendation"], &file["is_tested"]),
        (&6.into(), &Value::Null, &true.into())
    );
    let tokens = file["pairs"][0]["metrics"].as_array().unwrap().iter().find(|m| m["metric"] == "avg_tokens").unwrap();
    assert!(tokens["test"]["difference"].as_f64().unwrap() > 100.0, "passages are tokens: {tokens}");
    assert!(place.read("evaluation/comparison.md").contains("## rag against base"));
    let swapped = compare(base, rag, "evaluation/swapped");
    assert!(swapped.code == 3 && swapped.err.contains("--base-results"), "{} {}", swapped.code, swapped.err);
    let onto_input = compare(rag, base, "evaluation/results_rag");
    assert!(onto_input.code != 0 && !metrics(place, rag)["results"].is_null(), "{}", onto_input.err);
    // Of another daemon.
    let mut other: Value = serde_json::from_str(&place.read(base)).unwrap();
    other["served"]["daemon"] = "0.1.2".into();
    std::fs::write(place.path("evaluation/other.json"), other.to_string()).unwrap();
    let refused = compare(rag, "evaluation/other.json", "evaluation/other_comparison");
    let is_said =
        |text: &str| text.to_lowercase().contains("not asked alike") && text.contains("daemon of base is 0.1.2");
    assert!(refused.code == 3 && is_said(&refused.err), "{} {}", refused.code, refused.err);
    let forced =
        ["--rag-results", rag, "--base-results", "evaluation/other.json", "--output", "evaluation/forced", "--force"];
    let forced = place.run(&[&["compare"], &forced[..]].concat());
    done(&forced);
    assert!(is_said(&forced.err) && is_said(&forced.out), "{} {}", forced.err, forced.out);
    // Asked for longer answers.
    let mut longer: Value = serde_json::from_str(&place.read(base)).unwrap();
    assert_eq!(std::mem::replace(&mut longer["asked"]["max_tokens"], 64.into()), 48);
    assert_eq!(longer["served"]["architecture"], "llama, 135M parameters");
    std::fs::write(place.path("evaluation/longer.json"), longer.to_string()).unwrap();
    let refused = compare(rag, "evaluation/longer.json", "evaluation/other_comparison");
    let says = "--max-tokens of base is 64, of rag 48";
    assert!(refused.code == 3 && refused.err.contains(says), "{} {}", refused.code, refused.err);
    let missing = compare(rag, "evaluation/none.json", "evaluation/swapped");
    assert!(missing.code == 3 && missing.err.contains("none.json"), "{} {}", missing.code, missing.err);
}

/// Through the real daemon, on SmolLM2, with MiniLM's vectors: found passages are in the prompt, nothing is asked twice.
#[test]
fn questions_are_answered_with_and_without_passages() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    daemon::register_smollm2(&daemon.client(), "documents:v1");
    daemon::register_minilm("documents-minilm");
    let host = daemon.host().to_string();
    let place = place().with("OLLAMA_HOST", Path::new(&host));
    let index = ["rag", "index", "applications_rag_optimal.jsonl", "--output", "index/", "--embed", "documents-minilm"];
    let made = place.run(&index);
    done(&made);
    assert!(made.out.contains("13 made, 0 kept"), "{}", made.out);
    let again = place.run(&index);
    assert!(again.out.contains("0 made, 13 kept"), "{}", again.out);
    let rag = [
        "evaluate-rag",
        "evaluation/questions.jsonl",
        "--index",
        "index/",
        "--model",
        "documents:v1",
        "--output",
        "evaluation/results_rag.json",
        "--limit",
        "6",
        "--max-tokens",
        "48",
    ];
    done(&place.run(&rag));
    let file = metrics(&place, "evaluation/results_rag.json");
    assert_eq!((&file["arm"], file["results"].as_array().unwrap().len()), (&"rag".into(), 6));
    assert!(file["extended"]["retrieval"]["hit@4"].as_f64().unwrap() > 0.8, "{}", file["extended"]);
    let first = &file["results"][0];
    assert!(first["prompt_tokens"].as_u64().unwrap() > 200 && first["retrieval_seconds"].as_f64().is_some(), "{first}");
    let kept = place.run(&rag);
    done(&kept);
    let again = metrics(&place, "evaluation/results_rag.json");
    let given = |file: &Value| -> Vec<Value> {
        let seconds = |r: &Value| r["seconds"].as_f64().unwrap() - r["retrieval_seconds"].as_f64().unwrap();
        let of = |r: &Value| serde_json::json!([r["answer"], r["answer_tokens"], (seconds(r) * 1e3).round()]);
        file["results"].as_array().unwrap().iter().map(of).collect()
    };
    assert_eq!(given(&again), given(&file), "kept answers with their times, not asked again");
    done(&place.run(&[
        "evaluate-finetuned",
        "evaluation/questions.jsonl",
        "--model",
        "documents:v1",
        "--base",
        "--output",
        "evaluation/results_base.json",
        "--limit",
        "6",
        "--max-tokens",
        "48",
        "--verbose",
    ]));
    let base = metrics(&place, "evaluation/results_base.json");
    assert_eq!(base["arm"], "base");
    assert_eq!(base["questions_sha256"], file["questions_sha256"]);
    assert!(base["metrics"]["avg_tokens"].as_f64().unwrap() < file["metrics"]["avg_tokens"].as_f64().unwrap());
    are_compared(&place);
    let limits = ["--limit", "3", "--max-tokens", "32"];
    let oracle = ["--index", "index/", "--model", "documents:v1", "--output", "evaluation/oracle.json", "--oracle"];
    done(&place.run(&[&["evaluate-rag", "evaluation/questions.jsonl"], &oracle[..], &limits[..]].concat()));
    let oracle = metrics(&place, "evaluation/oracle.json");
    assert_eq!((&oracle["arm"], &oracle["extended"]["retrieval"]["hit@1"]), (&"oracle".into(), &1.0.into()));
    let hybrid = ["--index", "index/", "--model", "documents:v1", "--output", "evaluation/hybrid.json"];
    done(&place.run(&[&["evaluate-finetuned", "evaluation/questions.jsonl"], &hybrid[..], &limits[..]].concat()));
    assert_eq!(metrics(&place, "evaluation/hybrid.json")["arm"], "hybrid");
    // A model of this size writes no training data.
    let writes = ["--method", "llm-based", "--model", "documents:v1", "--output", "out/w.jsonl"];
    let refused = place.run(&[&["generate-training", "applications_rag_optimal.jsonl"], &writes[..]].concat());
    assert!(refused.code == 3 && refused.err.contains("--force"), "{} {}", refused.code, refused.err);
    assert!(!place.path("out/w.journal.jsonl").exists());
    let ask = place.run(&[
        "rag",
        "ask",
        "Qui héberge 5Trymbe ?",
        "--index",
        "index/",
        "--model",
        "documents:v1",
        "--max-tokens",
        "32",
        "--json",
    ]);
    done(&ask);
    let answer: Value = serde_json::from_str(&ask.out).unwrap();
    assert!(answer["extracts"].as_array().unwrap().iter().any(|e| e["heading"] == "5Trymbe"), "{answer}");
    assert_eq!(answer["left_out"], 0);
}
