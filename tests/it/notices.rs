//! What a command says beside its result: the log, the hint of an error, a damaged registry, and a reader that is gone.

use crate::program::{Ended, Place};

/// A project with a role and a registry whose second line is damaged.
fn damaged() -> Place {
    let place = Place::new();
    place.write("configs/models.yaml", "models: {r: {model_name: 'x:v1'}}\n");
    let digest = format!("sha256:{}", "0".repeat(64));
    let intent = |seq: u64, to: &str| {
        serde_json::json!({"seq": seq, "ts": "2026-11-30T10:00:00.123456789Z", "event": "intent", "action": "promote",
            "role": "r", "from": "x:v1", "to": to, "before": "x", "after": "y", "evidence": {},
            "file_sha256_before": digest, "file_sha256_after": digest})
    };
    let done = |seq: u64, intent: u64| serde_json::json!({"seq": seq, "ts": "t", "event": "done", "intent": intent});
    let lines = [intent(1, "x:v2").to_string(), done(2, 1).to_string(), "{torn".into(), intent(4, "x:v3").to_string()];
    place.write("configs/.tunesmith/registry.jsonl", &format!("{}\n{}\n", lines.join("\n"), done(5, 4)));
    place
}

#[test]
fn a_damaged_registry_stops_only_what_appends_to_it() {
    let place = damaged();
    let refused = ["registry.jsonl: line 3 is damaged"];
    place.run(&["promote", "--role", "r", "--to", "x:v2", "--force"]).says(3, &refused);
    place.run(&["rollback", "--role", "r"]).says(3, &refused);
    place.run(&["eval", "--role", "r", "--model", "x:v2"]).says(3, &refused);
    place.write("d.jsonl", r#"{"text": "a"}"#);
    let config = r#"{"model_to_fine_tune": "m", "dataset_path": "d.jsonl", "output_model_name": "y:v1"}"#;
    place.write("c.json", config);
    place.run(&["run", "c.json"]).says(3, &refused);
    // Everything else warns and goes on.
    let warned = ["warning: ", "registry.jsonl: line 3 is damaged and passed over"];
    place.run(&["data", "check", "d.jsonl"]).says(0, &warned).says(0, &["1 records"]);
    let history = place.run(&["history"]);
    history.says(0, &warned);
    let shown: Vec<&str> = history.out.lines().map(str::trim).collect();
    assert_eq!(
        shown,
        [
            "1  2026-11-30T10:00:00Z  Promote  r: x:v1 -> x:v2  done",
            "2  2026-11-30T10:00:00Z  Promote  r: x:v1 -> x:v3  done",
        ]
    );
    place.run(&["doctor"]).says(1, &warned);
}

#[test]
fn an_error_in_json_has_its_hint_apart() {
    let place = Place::new();
    place.write("d.jsonl", r#"{"text": "a"}"#);
    let config = r#"{"model_to_fine_tune": "m", "dataset_path": "d.jsonl", "output_model_name": "y:v1"}"#;
    place.write("c.json", config);
    let run = place.run(&["--json", "run", "c.json"]).says(4, &[]).json();
    assert_eq!((run["exit_code"].as_u64(), run.as_object().unwrap().len()), (Some(4), 3), "{run}");
    assert!(run["error"].as_str().unwrap().starts_with("no Ollama daemon answers at http://127.0.0.1:9"), "{run}");
    let hint = run["hint"].as_str().unwrap();
    assert!(hint.contains("`ollama serve`") && hint.contains("--embedded"), "{hint}");
    assert!(!run["error"].as_str().unwrap().contains("ollama serve"), "{run}");
    // `eval` has no --embedded.
    let eval =
        place.run(&["--json", "eval", "--suite", "s.jsonl", "--model", "a", "--against", "b"]).says(4, &[]).json();
    assert!(!eval["hint"].as_str().unwrap().contains("--embedded"), "{eval}");
    let absent = place.run(&["--json", "data", "check", "absent.jsonl"]).says(3, &[]).json();
    assert!(absent["hint"].as_str().unwrap().starts_with("check the path"), "{absent}");
}

#[test]
fn the_remedy_of_a_missing_daemon_is_said_once() {
    let doctor = Place::new().run(&["doctor"]);
    doctor.says(1, &["no Ollama daemon answers"]);
    assert_eq!(doctor.out.matches("ollama serve").count(), 1, "{}", doctor.out);
}

/// 141 is what a shell says of a program that SIGPIPE ended.
#[test]
fn a_reader_that_is_gone_ends_the_program_quietly() {
    let place = Place::new();
    for args in [&["man", "pages"][..], &["--json", "doctor"], &["completions", "bash"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ended = Ended::of(&place.command(args).stdout(writer).output().unwrap());
        assert_eq!(
            (ended.code, ended.err.contains("error") || ended.err.contains("panicked")),
            (141, false),
            "{ended:?}"
        );
    }
}

/// A full disk is not a reader that is gone.
#[cfg(target_os = "linux")]
#[test]
fn an_output_that_takes_nothing_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let place = Place::new();
    Ended::of(&place.command(&["completions", "bash"]).stdout(full).output().unwrap())
        .says(5, &["error: standard output can't be written"]);
}

#[test]
fn the_log_has_requests_and_never_their_bodies() {
    let place = Place::new();
    place.write("d.jsonl", r#"{"text": "a"}"#);
    let request = ["DEBUG tunesmith::ollama::transport: not answered method=GET path=\"/api/version\"", " ms="];
    place.run(&["-vv", "doctor"]).says(1, &request);
    let said = |args: &[&str], place: &Place| place.run(args).err.contains("tunesmith::ollama");
    assert!(!said(&["doctor"], &place) && !said(&["-v", "doctor"], &place));
    let chosen = Place::new().with("TUNESMITH_LOG", "tunesmith::ollama=debug");
    chosen.run(&["doctor"]).says(1, &request);
    let wrong = Place::new().with("TUNESMITH_LOG", "tunesmith=loud");
    wrong.run(&["doctor"]).says(2, &["TUNESMITH_LOG=\"tunesmith=loud\" is invalid", "hint: "]);
}
