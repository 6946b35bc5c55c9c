//! The README's first command, in its quick form, without a daemon: the embedded server, the whole way, exit code 101.

use serde_json::Value;

use crate::daemon;
use crate::program::Place;

#[test]
fn the_quick_demo_goes_the_whole_way_and_again() {
    let base = daemon::smollm2();
    let args = ["--json", "demo", "--embedded", "--quick", "--base-model", base.to_str().unwrap()];
    let place = Place::new();
    let first = place.run(&args);
    first.says(101, &[]);
    let result = first.json();
    let ended = &result["ended"];
    assert_eq!((&ended["verdict"], &ended["promoted"]), (&"INCONCLUSIVE".into(), &Value::Null));
    assert_eq!((&ended["registered"], &ended["embedded"]), (&true.into(), &true.into()));
    let run = ended["run"].as_str().unwrap();
    let proof: Value = serde_json::from_str(&place.read(&format!("{run}/proof.json"))).unwrap();
    assert_eq!((&proof["passed"], &proof["kind"]), (&true.into(), &"self-check".into()), "{proof:#}");
    assert!(place.read("tunesmith-demo/configs/models.yaml").contains("demo-assistant:base"));
    // Nothing is done again.
    let again = place.run(&args);
    again.says(101, &["trained already", "exported already", "registered already", "proved already"]);
    // A role that names the model already (promoted through another daemon, say) is no verdict: the gate is asked …
    let roles = "tunesmith-demo/configs/models.yaml";
    let named = place.read(roles).replace("demo-assistant:base", "demo-assistant:quick");
    place.write(roles, &named);
    let plain = ["demo", "--embedded", "--quick", "--base-model", base.to_str().unwrap()];
    place.run(&plain).says(101, &["INCONCLUSIVE: demo-assistant:quick is not promoted", "served by it all the same"]);
    // … unless it is on record that this very model has passed it.
    let registry = place.path("tunesmith-demo/configs/.tunesmith/registry.jsonl");
    let record = std::fs::read_to_string(&registry).unwrap();
    let mut passed: Value = serde_json::from_str(record.lines().last().unwrap()).unwrap();
    assert_eq!(passed["decision"], "INCONCLUSIVE");
    (passed["decision"], passed["seq"]) = ("PASS".into(), (passed["seq"].as_u64().unwrap() + 1).into());
    std::fs::write(&registry, format!("{record}{passed}\n")).unwrap();
    place.run(&plain).says(0, &["uses demo-assistant:quick already", "PASS: role assistant in models.yaml now uses"]);
    // The adapter answers natively.
    let model = format!("{run}/final");
    let answer = place.run(&["query", "turn up the volume", "--model", &model, "--max-tokens", "12"]);
    answer.says(0, &[]);
    assert!(!answer.out.trim().is_empty());
}

#[test]
fn a_demo_writes_over_no_file_of_the_users() {
    let names =
        ["data/train.jsonl", "configs/suites/assistant.jsonl", "configs/prompts/system.txt", "configs/models.yaml"];
    for name in names {
        let place = Place::new();
        place.write(name, "mine\n");
        place.run(&["demo", "--embedded", "--dir", "."]).says(3, &[name, "nothing was written", "--dir"]);
        let written: Vec<_> = names.iter().filter(|name| place.path(name).exists()).collect();
        assert_eq!(written, [&name]);
        assert!(place.read(name) == "mine\n" && !place.path("store").exists());
    }
}

#[test]
fn a_demo_without_a_base_names_the_ways_to_one() {
    let place = Place::new().with("PATH", "/nowhere");
    place.run(&["demo", "--embedded"]).says(3, &["ollama pull smollm2:135m", "--base-model"]);
    place.run(&["demo", "--embedded", "--base-model", "gone.gguf"]).says(3, &["gone.gguf"]);
}
