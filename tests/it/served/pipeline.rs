//! The whole way on a real model through the real daemon: seven keys, from JSONL to promotion, and back.

use serde_json::{Value, json};

use crate::daemon;
use crate::program::Place;

const BASE: &str = "way-base:v1";
const TUNED: &str = "way-router:v2";
const ROLES: &str = "# who answers what\nmodels:\n  router:   # tickets\n    model_name: 'way-base:v1'  # swapped by the way\n    options: {temperature: 0, num_ctx: 1024, num_predict: 8}\n    eval:\n      - {suite: ../suite.jsonl, goal: improve, metric: exact_match}\n";

#[test]
fn seven_keys_from_jsonl_to_promotion_and_back() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, BASE);
    // Where its store is, the daemon says.
    let place = Place::new().with("OLLAMA_HOST", daemon.host().to_string());
    place.write("data/training/tickets.jsonl", include_str!("../../fixtures/pipeline/train.jsonl"));
    place.write("suite.jsonl", include_str!("../../fixtures/pipeline/suite.jsonl"));
    place.write("configs/models.yaml", ROLES);
    let config = json!({
        "model_to_fine_tune": BASE, "dataset_path": "data/training/tickets.jsonl", "output_model_name": TUNED,
        "epochs": 2, "learning_rate": 5e-4, "batch_size": 4, "lora_rank": 8,
    });
    place.write("configs/training_config.json", &config.to_string());

    let ended = place.run(&["--json", "run", "configs/training_config.json"]);
    ended.says(0, &[]);
    let result = ended.json();
    assert_eq!((&result["promoted"], &result["verdict"]), (&json!("router"), &json!("PASS")), "{}", ended.err);
    println!("{}", result["summary"].as_str().unwrap());

    let run = result["run"].as_str().unwrap();
    let proof: Value = serde_json::from_str(&place.read(&format!("{run}/proof.json"))).unwrap();
    assert_eq!((&proof["passed"], &proof["kind"]), (&json!(true), &json!("proved")));
    let legs: Vec<_> = proof["legs"].as_array().unwrap().iter().map(|l| l["name"].as_str().unwrap()).collect();
    assert_eq!(legs, ["prompt", "exported", "served"]);
    for file in
        ["run.yaml", "Modelfile", "manifest.json", "metrics.jsonl", "final/adapter_config.json", "eval/summary.md"]
    {
        assert!(place.path(run).join(file).is_file(), "{file}");
    }
    assert!(place.path("configs/.tunesmith/answers").is_dir());
    assert!(place.path("Modelfiles/way-router-v2.Modelfile").is_file());
    let scorecard = std::fs::read_dir(place.path(run).join("eval"))
        .unwrap()
        .filter_map(|e| std::fs::read_to_string(e.unwrap().path()).ok())
        .filter_map(|t| serde_json::from_str::<Value>(&t).ok())
        .find(|v| v["metadata"]["suite"].as_str().is_some_and(|s| s.contains("suite.jsonl")))
        .expect("the role's scorecard");
    assert!(scorecard["statistics"]["total_tests"].as_u64().unwrap() >= 40);
    for key in [
        "prompt_id",
        "category",
        "prompt",
        "keywords_expected",
        "base_model_response",
        "finetuned_response",
        "cosine_similarity_score",
    ] {
        assert!(scorecard["results"][0].get(key).is_some(), "{key}");
    }

    // Only the scalar changed; the candidate's name is gone; a second run does nothing again.
    assert_eq!(place.read("configs/models.yaml"), ROLES.replace("'way-base:v1'", "'way-router:v2'"));
    let names: Vec<_> = client.tags().unwrap().into_iter().map(|t| t.name).collect();
    assert!(names.iter().any(|n| n == TUNED) && !names.iter().any(|n| n.contains("candidate")), "{names:?}");
    place.run(&["lineage", TUNED]).says(0, &["run", run.rsplit('/').next().unwrap()]);
    place.run(&["history"]).says(0, &["way-base:v1 -> way-router:v2", "done"]);

    place.run(&["rollback", "--role", "router"]).says(0, &["way-router:v2 -> way-base:v1"]);
    assert_eq!(place.read("configs/models.yaml"), ROLES);

    // The change in its parts: the training's is large, the export's none; and the same texts read by both.
    let judged = ["--json", "eval", "--model", TUNED, "--against", BASE, "--suite", "suite.jsonl", "--limit", "12"];
    let parts = place.run(&[&judged[..], &["--control", "--likelihood"]].concat());
    parts.says(101, &[]);
    let parts = parts.json();
    let suite = &parts["control"]["suites"][0];
    let number = |value: &Value| value.as_f64().unwrap_or_else(|| panic!("{value} is no number: {parts}"));
    assert_eq!((&suite["source"], &suite["export"]["after"]), (&json!("training"), &suite["training"]["before"]));
    assert!(number(&suite["training"]["difference"]) > 0.5 && number(&suite["export"]["difference"]).abs() < 0.2);
    let [general, own] = [0, 1].map(|i| &parts["likelihood"]["texts"][i]);
    assert_eq!((&general["text"], &own["text"]), (&json!("general"), &json!("own")));
    assert!(number(&own["bits_per_byte_difference"]) < 0.0 && number(&general["mean_kl"]) > 0.0, "{general} {own}");
    for file in ["control.json", "likelihood.json"] {
        assert!(place.path("output/eval").join(file).is_file(), "{file}");
    }
    assert!(client.tags().unwrap().iter().all(|tag| !tag.name.contains("control")));

    // The same run again: trained, exported and proved already; it asks nothing it has an answer to, and promotes.
    let again = place.run(&["run", "configs/training_config.json"]);
    again.says(0, &["trained already", "exported already", "proved already", "role router now uses it"]);
    let third = place.run(&["run", "configs/training_config.json"]);
    third.says(0, &["role router uses way-router:v2 already"]);

    // Another tune under the name that the role is served by would be live before its gate.
    let other = place.run(&["run", "configs/training_config.json", "--learning-rate", "1e-4"]);
    other.says(3, &["the role router is served by way-router:v2 already", "rollback --role router"]);
    let resumed = place.run(&["run", "--resume", run, "--learning-rate", "1e-4"]);
    resumed.says(3, &["it would be another run"]);
    place.run(&["rollback", "--role", "router"]).says(0, &[]);
    // By hand: the gate that it passed is on record.
    place.run(&["promote", "--role", "router", "--to", TUNED]).says(0, &["way-base:v1 -> way-router:v2"]);
}
