//! What users mistype or lack: one clear error with its remedy and exit code, nothing torn.

use crate::daemon;
use crate::program::Place;
use crate::tiny::LLAMA3;

const GOOD: &str = r#"{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}"#;

#[test]
fn every_command_has_help_and_an_example() {
    let place = Place::new();
    let all = place.run(&["--help"]);
    all.says(0, &["demo", "run", "rollback", "Exit codes"]);
    for command in [
        "demo",
        "init",
        "run",
        "plan",
        "train",
        "merge",
        "export",
        "modelfile",
        "register",
        "prove",
        "query",
        "eval",
        "compare",
        "promote",
        "rollback",
        "clean",
    ] {
        place.run(&[command, "--help"]).says(0, &["Example:", "tunesmith"]);
    }
    for alias in ["finetune", "merge-lora", "export-gguf", "query-finetuned", "evaluate-finetuned", "compare-models"] {
        place.run(&[alias, "--help"]).says(0, &[&format!("Usage: tunesmith {alias} ")]);
    }
}

#[test]
fn usage_is_2_and_names_the_word() {
    let place = Place::new();
    place.run(&["trian"]).says(2, &["trian"]);
    place.run(&["rollback"]).says(2, &["--role"]);
    place.run(&["export", "--base", "x", "--adapter", "y", "--output", "z", "--quant", "q9"]).says(2, &["q9", "q8_0"]);
    place.run(&["prove", "--name", "x:v1", "--probes", "0"]).says(2, &["--probes", "1..=1024"]);
    place.run(&["eval", "--suite", "jarvis", "--blind"]).says(2, &["--blind", "jarvis"]);
}

#[test]
fn votes_are_asked_for_at_a_terminal_and_counted_from_their_file() {
    let place = Place::new();
    let blind = ["eval", "--suite", "s.jsonl", "--model", "x:v2", "--against", "x:v1", "--blind"];
    place.run(&blind).says(2, &["--blind asks you at the terminal", "without redirecting"]);
    place.run(&["votes"]).says(3, &["there are no votes yet", "tunesmith eval --blind"]);
    let vote = |id: u32, choice: &str| {
        format!(
            r#"{{"version":1,"ts":"2026-12-03T00:00:0{id}Z","suite":"s.jsonl","id":"{id}","prompt":"question {id}","v1":{{"model":"x:v1","digest":"sha256:1"}},"v2":{{"model":"x:v2","digest":"sha256:2"}},"v1_answer":"one","v2_answer":"two","left":"v1","choice":"{choice}","seconds":1.5}}"#
        ) + "\n"
    };
    let votes: String = (1..=6).map(|id| vote(id, "v2")).chain([vote(7, "tie")]).collect();
    place.write("configs/models.yaml", "models: {}\n");
    place.write("configs/.tunesmith/votes.jsonl", &votes);
    place.run(&["votes"]).says(0, &["v2 better 6, v1 better 0, as good 1, neither 0", "p = 0.031", "v2 is preferred"]);
    let counted: serde_json::Value = serde_json::from_str(&place.run(&["votes", "--json"]).out).unwrap();
    assert_eq!(counted["tallies"][0]["winner"], "v2");
    assert!((counted["tallies"][0]["p"].as_f64().unwrap() - 0.031_25).abs() < 1e-12);
    place.write("other.jsonl", &format!("{votes}no vote\n"));
    place.run(&["votes", "other.jsonl"]).says(3, &["other.jsonl: line 8 is no vote"]);
}

#[test]
fn a_merged_folder_has_the_type_that_was_asked_for() {
    let (base, place) = (LLAMA3.folder(), Place::new());
    let base = base.path().to_str().unwrap();
    place.write("d.jsonl", &format!("{GOOD}\n{GOOD}\n"));
    let train = ["train", "--base-model", base, "--dataset", "d.jsonl", "--output", "out", "--max-steps", "1"];
    place.run(&train).says(0, &[]);
    let merge = |output: &str, more: &[&str]| {
        let args = ["merge", "--base", base, "--adapter", "out/final", "--output", output];
        place.run(&[&args[..], more].concat())
    };
    for (output, more, found) in [("a", &[][..], "bfloat16"), ("b", &["--quant", "f16"], "float16")] {
        merge(output, more).says(0, &[]);
        let config: serde_json::Value = serde_json::from_str(&place.read(&format!("{output}/config.json"))).unwrap();
        assert_eq!(config["torch_dtype"], found);
    }
    merge("c", &["--quant", "q8_0"]).says(1, &["safetensors has no Q8_0"]);
    // What would have no effect is not taken silently.
    merge("c", &["--quant-floor", "same"]).says(2, &["--quant-floor has no effect with --format hf"]);
    merge("c", &["--format", "adapter", "--quant", "f16"]).says(2, &["--quant has no effect with --format adapter"]);
    assert!(!place.path("c").exists());
}

#[test]
fn every_fault_of_a_dataset_is_listed_with_its_line() {
    let place = Place::new();
    place.write("d.jsonl", &format!("{GOOD}\n{{\"messages\": []}}\nnot json\n{GOOD}\n{{\"prompt\": 3}}\n"));
    place.run(&["data", "check", "d.jsonl"]).says(3, &["line 2", "line 3", "line 5"]);
    place.write("good.jsonl", &format!("{GOOD}\n{GOOD}\n"));
    place.run(&["data", "check", "good.jsonl"]).says(0, &["2 records", "line 2: the same example as line 1"]);
    place.run(&["data", "check", "absent.jsonl"]).says(3, &["absent.jsonl"]);
}

#[test]
fn a_config_is_refused_key_by_key() {
    let place = Place::new();
    place.write("c.json", r#"{"model_to_fine_tune": "x:v1", "lr": 0.1, "epochs": -1}"#);
    place.run(&["run", "c.json"]).says(3, &["c.json", "learning_rate"]);
    place.run(&["run", "absent.json"]).says(3, &["absent.json"]);
}

#[test]
fn without_a_daemon_the_way_ends_before_it_trains() {
    let place = Place::new();
    place.write("d.jsonl", GOOD);
    let text = r#"{"model_to_fine_tune": "x:v1", "dataset_path": "d.jsonl", "output_model_name": "y:v1"}"#;
    place.write("c.json", text);
    place.run(&["run", "c.json"]).says(4, &["127.0.0.1:9", "ollama serve"]);
    assert!(!place.path("runs").exists());
    place.run(&["--json", "run", "c.json"]).says(4, &["\"exit_code\":4"]);
}

#[test]
fn an_unknown_base_names_every_way_to_one() {
    let place = Place::new();
    place.write("d.jsonl", GOOD);
    place
        .run(&["train", "--dataset", "d.jsonl", "--base-model", "nobody/has:this"])
        .says(3, &["nobody/has:this", "ollama pull"]);
}

#[test]
fn torn_and_foreign_files_are_no_bases() {
    let place = Place::new();
    place.write("d.jsonl", GOOD);
    place.write("empty.gguf", "");
    place.write("foreign.gguf", "GGUF but not really, and far too short");
    let whole = std::fs::read(daemon::smollm2()).unwrap();
    std::fs::write(place.path("torn.gguf"), &whole[..whole.len() / 3]).unwrap();
    for name in ["empty.gguf", "foreign.gguf", "torn.gguf"] {
        let path = place.path(name);
        place
            .run(&["train", "--dataset", "d.jsonl", "--base-model", path.to_str().unwrap(), "--output", "o"])
            .says(3, &[name]);
        assert!(!place.path("o/final").exists());
    }
}

#[test]
fn init_lays_out_a_project_whose_files_are_read() {
    let place = Place::new();
    place.run(&["init", "p"]).says(0, &["wrote", "training_config.json"]);
    place.run(&["init", "p"]).says(0, &["kept"]);
    place.run(&["data", "check", "p/data/training/example.jsonl"]).says(0, &["2 records"]);
}

#[test]
fn preview_marks_exactly_the_answer_and_its_end() {
    let place = Place::new();
    place.write(
        "d.jsonl",
        r#"{"messages":[{"role":"user","content":"Say hi"},{"role":"assistant","content":"hi there"}]}"#,
    );
    let base = daemon::smollm2();
    let ended = place.run(&["--json", "data", "preview", "d.jsonl", "--base-model", base.to_str().unwrap()]);
    ended.says(0, &[]);
    let json = ended.json();
    let tokens = json[0]["tokens"].as_array().unwrap();
    let trained: String = tokens.iter().filter(|t| t[1] == true).map(|t| t[0].as_str().unwrap()).collect();
    assert_eq!(trained, "hi there<|im_end|>");
    let text: String = tokens.iter().map(|t| t[0].as_str().unwrap()).collect();
    assert!(text.starts_with("<|im_start|>system\nYou are a helpful AI assistant named SmolLM"), "{text}");
}
