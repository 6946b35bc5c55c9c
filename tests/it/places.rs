//! What will be written is tried before anything is trained or asked.
#![cfg(unix)]

use std::path::Path;
use std::sync::OnceLock;

use serde_json::json;

use crate::program::Place;
use crate::tiny::QWEN3;
use crate::tiny_server::TinyServer;

const ROLES: &str =
    "models: {router: {model_name: \"x:v1\", general: off, eval: [{suite: ../suite.jsonl, goal: hold}]}}\n";

fn base() -> &'static Path {
    static BASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    BASE.get_or_init(|| QWEN3.folder()).path()
}

fn project(server: &TinyServer) -> Place {
    let place = Place::new().with("OLLAMA_HOST", server.address());
    let config = json!({
        "model_to_fine_tune": base(), "dataset_path": "data.jsonl", "output_model_name": "x:v2", "role": "router",
        "max_steps": 1, "batch_size": 1, "lora_rank": 2, "probes": 1, "replay": "off", "max_seq_len": 32,
    });
    place.write("configs/training_config.json", &config.to_string());
    place.write("configs/models.yaml", ROLES);
    place.write("suite.jsonl", "{\"prompt\": \"say a\", \"expected\": \"a\"}\n");
    place.write("data.jsonl", &"{\"instruction\":\"a\",\"output\":\"b\"}\n".repeat(2));
    place
}

/// Whether a training of any run began.
fn trained(place: &Place) -> bool {
    let runs = std::fs::read_dir(place.path("runs")).into_iter().flatten().flatten();
    runs.map(|run| run.path().join("metrics.jsonl")).any(|metrics| metrics.exists())
}

/// `run` ends at once, with `name` named, and has trained nothing.
fn refused(place: &Place, name: &str) {
    let ended = place.run(&["run", "configs/training_config.json"]);
    let all = format!("{}{}", ended.out, ended.err);
    assert!(ended.code > 0 && all.contains(name) && !all.contains("panicked"), "{name}: {}: {all}", ended.code);
    assert!(!trained(place), "{name}: {all}");
}

#[test]
fn a_file_in_the_place_of_a_folder_is_said_before_anything_is_trained() {
    let server = TinyServer::with_models(&["x:v1"]);
    for name in ["output", "output/x-v2", "Modelfiles", "runs", "configs/.tunesmith"] {
        let place = project(&server);
        place.write(name, "a file");
        refused(&place, name);
        assert_eq!(place.read(name), "a file");
    }
}

#[test]
fn what_cannot_be_replaced_or_appended_to_is_said_before_anything_is_trained() {
    let server = TinyServer::with_models(&["x:v1"]);
    for name in ["registry.jsonl", "lock"] {
        let place = project(&server);
        let name = format!("configs/.tunesmith/{name}");
        std::fs::create_dir_all(place.path(&name)).unwrap();
        refused(&place, &name);
    }
    let place = project(&server).with("TUNESMITH_CACHE", "cache");
    place.write("cache", "a file");
    refused(&place, "cache");
    place.run(&["run", "configs/training_config.json"]).says(1, &["TUNESMITH_CACHE", "nothing was done yet"]);
}

/// A name that the promotion could not replace in the text.
#[test]
fn a_role_whose_name_cannot_be_replaced_is_said_before_anything_is_trained() {
    let server = TinyServer::with_models(&["x:v1"]);
    for name in ["*v1", "|-\n      x:v1"] {
        let place = project(&server);
        let rest = "general: off\n    eval: [{suite: ../suite.jsonl, goal: hold}]\n";
        let roles =
            format!("models:\n  other: {{model_name: &v1 \"x:v1\"}}\n  router:\n    model_name: {name}\n    {rest}");
        place.write("configs/models.yaml", &roles);
        refused(&place, "can't be rewritten in place");
        assert_eq!(place.read("configs/models.yaml"), roles);
    }
}

/// Roles, data, pipes: `--output` replaces GGUFs only.
#[test]
fn an_export_replaces_nothing_but_a_gguf() {
    let server = TinyServer::with_models(&["x:v1"]);
    let place = project(&server);
    place.run(&["train", "--config", "configs/training_config.json"]).says(0, &[]);
    let export = |output: &str| {
        let base = base().to_str().unwrap();
        place.run(&["export", "--base", base, "--adapter", "output/x-v2/final", "--output", output])
    };
    for name in ["configs/models.yaml", "data.jsonl"] {
        let before = place.read(name);
        export(name).says(3, &[name, "it is no GGUF", "another --output"]);
        assert_eq!(place.read(name), before);
    }
    let pipe = place.path("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert_ne!(export("pipe").code, 0);
    assert!(std::os::unix::fs::FileTypeExt::is_fifo(&pipe.metadata().unwrap().file_type()));
    for _ in 0..2 {
        export("m.gguf").says(0, &[]);
    }
}

/// With everything in order the same project trains: what is refused above is refused for its fault.
#[test]
fn a_project_in_order_trains() {
    let server = TinyServer::with_models(&["x:v1"]);
    let place = project(&server);
    place.run(&["run", "configs/training_config.json", "--until", "register"]).says(0, &[]);
    assert!(trained(&place) && place.path("Modelfiles/x-v2.Modelfile").is_file());
}

/// Both write to `output/<name>` where nothing else is said.
#[test]
fn a_run_leaves_alone_what_train_made() {
    let server = TinyServer::with_models(&["x:v1"]);
    let place = project(&server);
    place.run(&["train", "--config", "configs/training_config.json"]).says(0, &[]);
    let adapter = |output: &str| std::fs::read(place.path(output).join("final/adapter_model.safetensors")).unwrap();
    let trained_alone = adapter("output/x-v2");
    refused(&place, "output/x-v2 holds a training of its own");
    // Until a step that writes nothing there, it goes on.
    place.run(&["run", "configs/training_config.json", "--until", "data"]).says(0, &[]);
    let elsewhere =
        ["run", "configs/training_config.json", "--until", "train", "--output", "output/run", "--seed", "7"];
    place.run(&elsewhere).says(0, &[]);
    assert!(adapter("output/x-v2") == trained_alone && adapter("output/run") != trained_alone);
    // The copy of an earlier run is replaced, what is somebody else's is not.
    place.write("output/run/final/adapter_config.json", "{}");
    place.run(&elsewhere).says(0, &["trained already"]);
    assert_ne!(place.read("output/run/final/adapter_config.json"), "{}");
    place.write("output/run/final/thesis.tex", "mine");
    place.run(&elsewhere).says(3, &["would be replaced, and holds thesis.tex"]);
    assert_eq!(place.read("output/run/final/thesis.tex"), "mine");
    std::fs::remove_file(place.path("output/run/final/thesis.tex")).unwrap();
    assert_eq!(crate::program::unfinished(&place.path("")), [""; 0]);
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_anything_is_asked() {
    let server = TinyServer::with_models(&["x:v1", "x:v2"]);
    let place = project(&server);
    place.write("file", "a file");
    std::fs::create_dir_all(place.path("taken/summary.md")).unwrap();
    let eval = |output: &str| place.run(&["eval", "--role", "router", "--model", "x:v2", "--output", output]);
    // Nobody, not even root, creates a file in /proc.
    for (output, name) in
        [("file", "file"), ("file/below", "file"), ("taken", "taken/summary.md"), ("/proc/self", "/proc/self")]
    {
        if output.starts_with("/proc") && !Path::new(output).exists() {
            continue;
        }
        let ended = eval(output);
        let all = format!("{}{}", ended.out, ended.err);
        assert!(![0, 100, 101].contains(&ended.code) && all.contains(name), "{output}: {}: {all}", ended.code);
        assert!(all.contains("nothing was asked yet"), "{output}: {all}");
        assert!(!place.path("configs/.tunesmith/answers").exists(), "{output}: something was asked");
    }
    let asked = eval("scores");
    assert!([0, 100, 101].contains(&asked.code) && place.path("configs/.tunesmith/answers").exists(), "{}", asked.err);
}
