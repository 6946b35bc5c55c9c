//! `eval` of a model that a run made: no suite may hold what it was trained on.

use serde_json::json;

use crate::program::Place;
use crate::tiny::QWEN2;
use crate::tiny_run;
use crate::tiny_server::TinyServer;

const ROLES: &str = "models:\n  router:\n    model_name: tiny:v1\n    general: off\n    \
                     options: {num_predict: 4, num_ctx: 512}\n    eval: {suite: suite.jsonl, goal: improve}\n";

#[test]
fn a_suite_that_holds_the_training_data_is_seen_by_eval_too() {
    let (base, server) = (QWEN2.folder(), TinyServer::with_models(&["tiny:v1"]));
    let place = Place::new().with("OLLAMA_HOST", server.address());
    tiny_run::lay_out(&place, base.path(), &json!({}));
    let suite = |prompts: &[&str]| {
        let lines: Vec<_> = prompts.iter().map(|p| json!({"prompt": p, "expected": "yes"}).to_string()).collect();
        place.write("configs/suite.jsonl", &lines.join("\n"));
    };
    place.write("configs/models.yaml", ROLES);
    suite(&["Is it late?", "Do birds sing?"]);
    place.run(&["run", "--role", "router", "--until", "prove"]).says(0, &["prove"]);

    let eval = ["eval", "--role", "router", "--model", "tiny:v2"];
    let untouched = place.run(&eval);
    assert!(!untouched.err.contains("training data"), "{}", untouched.err);
    // A verdict holds for more than one promotion.
    let registry = place.read("configs/.tunesmith/registry.jsonl");
    assert!(registry.contains("\"decision\":\"") && !registry.contains("PASS"), "{registry}");
    let passed = ["FAIL", "INCONCLUSIVE"].iter().fold(registry, |text, said| text.replace(said, "PASS"));
    place.write("configs/.tunesmith/registry.jsonl", &passed);
    let promote = ["promote", "--role", "router", "--to", "tiny:v2"];
    for _ in 0..2 {
        place.run(&promote).says(0, &["tiny:v1 -> tiny:v2"]);
        place.run(&promote).says(3, &["the role router uses tiny:v2 already"]);
        place.run(&["eval", "--role", "router", "--model", "tiny:v2"]).says(2, &["nothing to compare it with"]);
        place.run(&["rollback", "--role", "router"]).says(0, &["tiny:v2 -> tiny:v1"]);
    }
    let ended = place.run(&["eval", "--role", "router", "--model", "tiny:v9"]);
    ended.says(3, &["tiny:v9"]);
    assert!(!ended.err.contains("ask v1"), "{}", ended.err);

    suite(&["Is it late?", "say 3"]);
    place.run(&eval).says(100, &["1 prompts stand in the training data", "line-2 = line 4 of the dataset"]);

    // What can't be known is said.
    let unknown = |eval: &[&str], why: &str| {
        let ended = place.run(eval);
        assert!(ended.err.contains("no suite was compared with the training data"), "{}", ended.err);
        assert!(ended.err.contains(why), "{why}: {}", ended.err);
    };
    place.write("data.jsonl", &place.read("data.jsonl").replace("say 5", "say five"));
    unknown(&eval, "has changed since");
    unknown(&["eval", "--role", "router", "--model", "tiny:v1", "--against", "tiny:v2"], "was not made by a run");
}
