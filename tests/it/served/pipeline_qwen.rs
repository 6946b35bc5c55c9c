//! The whole pipeline on the second real model, whose tensors have four block types and an untied head: seven keys, from JSONL
//! to promotion, and back.

use serde_json::{Value, json};

use crate::daemon;
use crate::program::Place;

const BASE: &str = "qwen-base:v1";
const TUNED: &str = "qwen-tickets:v2";
const ROLES: &str = "models:\n  tickets:\n    model_name: qwen-base:v1\n    system: 'Classe le ticket du client. Réponds par un seul mot : facturation, livraison, technique, compte ou retour.'\n    options: {temperature: 0, num_ctx: 1024, num_predict: 16}\n    eval:\n      - {suite: ../suite.jsonl, goal: improve, metric: exact_match}\n";

#[test]
fn qwen_learns_french_tickets_is_proved_promoted_and_rolled_back() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_qwen(&client, BASE);
    let place = Place::new().with("OLLAMA_HOST", daemon.host().to_string());
    place.write("data/training/tickets.jsonl", include_str!("../../fixtures/tickets_fr/train.jsonl"));
    place.write("suite.jsonl", include_str!("../../fixtures/tickets_fr/suite.jsonl"));
    place.write("configs/models.yaml", ROLES);
    let config = json!({
        "model_to_fine_tune": BASE, "dataset_path": "data/training/tickets.jsonl", "output_model_name": TUNED,
        "epochs": 2, "learning_rate": 5e-4, "batch_size": 4, "lora_rank": 8,
    });
    place.write("configs/training_config.json", &config.to_string());

    let ended = place.run(&["--json", "run", "configs/training_config.json"]);
    ended.says(0, &[]);
    let result = ended.json();
    assert_eq!((&result["promoted"], &result["verdict"]), (&json!("tickets"), &json!("PASS")), "{}", ended.err);
    println!("{}", result["summary"].as_str().unwrap());
    let run = result["run"].as_str().unwrap();
    let proof: Value = serde_json::from_str(&place.read(&format!("{run}/proof.json"))).unwrap();
    assert_eq!((&proof["passed"], &proof["kind"]), (&json!(true), &json!("proved")));
    assert_eq!(place.read("configs/models.yaml"), ROLES.replace(BASE, TUNED));

    place.run(&["rollback", "--role", "tickets"]).says(0, &["qwen-tickets:v2 -> qwen-base:v1"]);
    assert_eq!(place.read("configs/models.yaml"), ROLES);
}
