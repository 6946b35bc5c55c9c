//! A project that somebody else prepared: links in the place of state files and outputs, hostile registries, metrics,
//! answers and roles. Whatever a command says to it, nothing outside the project changes, and nothing of it is read into the
//! project, the daemon or the terminal.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tunesmith::store::{Digest, terminal_acts_on};

use crate::program::{Ended, Place};
use crate::tiny::QWEN3;
use crate::tiny_run;
use crate::tiny_server::TinyServer;

/// Name → (kind and mode, content or where a link leads, inode): what a write, a removal or a replacement changes.
type Tree = BTreeMap<PathBuf, (u32, Vec<u8>, u64)>;

fn tree(root: &Path) -> Tree {
    let mut found = Tree::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let meta = std::fs::symlink_metadata(&path).unwrap();
            let content = if meta.is_file() {
                std::fs::read(&path).unwrap()
            } else if meta.is_symlink() {
                std::fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes()
            } else {
                folders.push(path.clone());
                Vec::new()
            };
            found.insert(path, (meta.mode(), content, meta.ino()));
        }
    }
    found
}

/// Stands in every file outside; it may be nowhere else afterwards.
const SECRET: &str = "only-for-the-owner-4711";

/// A project in one folder, a server that answers, and beside both what is not the project's.
struct Hostile {
    place: Place,
    server: TinyServer,
    outside: tempfile::TempDir,
    before: Tree,
}

/// A base that trains in a moment, so that commands get as far as to write.
fn base() -> &'static Path {
    static BASE: OnceLock<tempfile::TempDir> = OnceLock::new();
    BASE.get_or_init(|| QWEN3.folder()).path()
}

fn config() -> Value {
    json!({
        "model_to_fine_tune": base(), "dataset_path": "data.jsonl", "output_model_name": "x:v3", "quant": "f16",
        "max_steps": 1, "batch_size": 1, "lora_rank": 2, "probes": 1, "replay": "off", "max_seq_len": 32,
    })
}

const ROLES: &str = "models:\n  router:\n    model_name: \"x:v1\"\n    general: off\n    \
                     options: {num_predict: 2, num_ctx: 128}\n    eval: [{suite: ../suite.jsonl, goal: hold}]\n";

/// Outside: files that would be taken for the project's own, each with the secret in it.
fn outside_files() -> [(&'static str, String); 9] {
    let template = include_str!("../../templates/modelfile.tera");
    let mut config = config();
    config["system"] = json!(SECRET);
    [
        ("file", format!("{ROLES}# {SECRET}\n")),
        ("models.yaml", format!("{ROLES}    system: {SECRET}\n")),
        ("config.json", config.to_string()),
        ("modelfile.tera", format!("{template}LICENSE {SECRET}\n")),
        ("folder/modelfile.tera", format!("{template}LICENSE {SECRET}\n")),
        ("folder/state.json", json!({"format": SECRET}).to_string()),
        ("folder/adapter_config.json", json!({"peft_type": SECRET}).to_string()),
        ("folder/.tunesmith-1-abc.partial", SECRET.to_owned()),
        ("folder/metrics.jsonl", format!("{}\n", json!({"step": 1, "train_loss": SECRET}))),
    ]
}

impl Hostile {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(outside.path().join("folder/checkpoint-5")).unwrap();
        for (name, text) in outside_files() {
            std::fs::write(outside.path().join(name), text).unwrap();
        }
        let before = tree(outside.path());
        let server = TinyServer::with_models(&["x:v1", "x:v2"]);
        let place = Place::new().with("OLLAMA_HOST", server.address());
        place.write("configs/models.yaml", ROLES);
        place.write("suite.jsonl", "{\"prompt\": \"say a\", \"expected\": \"a\"}\n");
        let line = |i: usize| format!("{}\n", json!({"instruction": format!("say {i}"), "output": "b"}));
        place.write("data.jsonl", &(0..10).map(line).collect::<String>());
        place.write("configs/training_config.json", &config().to_string());
        Self { place, server, outside, before }
    }

    /// A link in the project to something outside, in place of what is there.
    fn link(&self, name: &str, target: &str) {
        let path = self.place.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir_all(&path);
        symlink(self.outside.path().join(target), path).unwrap();
    }

    /// Where the answers of a model of the server are kept.
    fn answers_of(&self, model: &str) -> String {
        let tag = self.server.client().tag(model).unwrap().unwrap();
        format!("configs/.tunesmith/answers/{}.jsonl", Digest::of_bytes(tag.digest.as_bytes()).hex())
    }

    /// Every command that reads or writes a project; how each ended.
    fn commands(&self) -> Vec<(&'static str, i32)> {
        let commands: [&'static [&'static str]; 13] = [
            &["history"],
            &["lineage", "x:v1"],
            &["eval", "--role", "router", "--model", "x:v2"],
            &["promote", "--role", "router", "--to", "x:v2", "--force"],
            &["rollback", "--role", "router", "--force"],
            &["run", "configs/training_config.json", "--until", "data"],
            &["run", "configs/training_config.json", "--until", "register"],
            &["run", "configs/training_config.json", "--embedded", "--until", "register", "--seed", "7"],
            &["plan", "configs/training_config.json"],
            &["train", "--config", "configs/training_config.json"],
            &["data", "split", "data.jsonl", "--output", "output/parts"],
            &["init"],
            &["clean", "--remove"],
        ];
        let run = |command: &&'static [&'static str]| {
            let ended = self.place.run(command);
            let all = format!("{}{}", ended.out, ended.err);
            assert!(!all.contains("panicked") && ended.code >= 0, "{command:?} ended with {}: {all}", ended.code);
            assert!(!all.contains(SECRET), "{command:?} printed what is outside: {all}");
            assert!(!all.contains(terminal_acts_on), "{command:?} printed what a terminal acts on: {all:?}");
            self.unchanged(command);
            (command[0], ended.code)
        };
        let ended = commands.iter().map(run).collect();
        for root in [self.place.path(""), self.server.store().to_path_buf()] {
            for (path, (_, content, _)) in tree(&root) {
                assert!(!holds(&content, SECRET), "{} holds what is outside", path.display());
            }
        }
        ended
    }

    fn unchanged(&self, command: &[&str]) {
        let after = tree(self.outside.path());
        let changed: Vec<_> = self
            .before
            .iter()
            .filter(|(path, was)| after.get(*path) != Some(was))
            .map(|(path, _)| path)
            .chain(after.keys().filter(|path| !self.before.contains_key(*path)))
            .collect();
        assert!(changed.is_empty(), "{command:?} changed {changed:?}");
    }
}

fn holds(content: &[u8], text: &str) -> bool {
    content.windows(text.len()).any(|part| part == text.as_bytes())
}

/// Without this the tests below could pass because nothing happens.
#[test]
fn without_a_link_every_command_does_its_work() {
    let hostile = Hostile::new();
    let ended = hostile.commands();
    let (judged, rest): (Vec<_>, Vec<_>) = ended.into_iter().partition(|(name, _)| *name == "eval");
    assert!(judged.iter().all(|(_, code)| [0, 100, 101].contains(code)), "{judged:?}");
    // `x:v1` was not made by tunesmith, so that it has no lineage.
    assert!(rest.iter().all(|(name, code)| *code == if *name == "lineage" { 3 } else { 0 }), "{rest:?}");
    for written in [
        "configs/.tunesmith/registry.jsonl",
        "configs/.tunesmith/answers",
        "Modelfiles/x-v3.Modelfile",
        "output/eval/summary.md",
        "output/x-v3/final/adapter_model.safetensors",
        "templates/modelfile.tera",
    ] {
        assert!(hostile.place.path(written).exists(), "{written}");
    }
}

#[test]
fn links_in_a_project_lead_nowhere() {
    let links = [
        ("configs/.tunesmith", "folder"),
        ("configs/.tunesmith/answers", "folder"),
        ("configs/.tunesmith/registry.jsonl", "file"),
        ("configs/.tunesmith/lock", "file"),
        ("configs/.tunesmith/1-models.yaml.backup", "file"),
        ("configs/.models.yaml.tunesmith-new", "file"),
        ("configs/models.yaml", "models.yaml"),
        ("Modelfiles", "folder"),
        ("output", "folder"),
        ("output/eval", "folder"),
        ("output/x-v3", "folder"),
        ("output/x-v3/final", "folder"),
        ("output/x-v3/checkpoint-5", "folder"),
        ("output/x-v3/events.jsonl", "file"),
        ("output/parts", "folder"),
        ("runs", "folder"),
        ("configs/training_config.json", "config.json"),
        ("templates", "folder"),
        ("templates/modelfile.tera", "modelfile.tera"),
    ];
    for (name, target) in links {
        let hostile = Hostile::new();
        hostile.link(name, target);
        hostile.commands();
    }
}

/// A clone brings a run that is done, and in its adapter's folder a link to a file of the user's.
#[test]
fn links_in_a_run_are_not_copied_out_of_it() {
    let hostile = Hostile::new();
    let run = ["run", "configs/training_config.json", "--until", "train"];
    hostile.place.run(&run).says(0, &[]);
    let folder = std::fs::read_dir(hostile.place.path("runs")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_dir_all(hostile.place.path("output")).unwrap();
    symlink(hostile.outside.path().join("file"), folder.join("final/x")).unwrap();
    hostile.place.run(&run).says(0, &["trained already"]);
    let copied = hostile.place.path("output/x-v3/final");
    assert!(copied.join("adapter_model.safetensors").is_file());
    assert!(std::fs::symlink_metadata(copied.join("x")).is_err(), "a link was followed");
    hostile.commands();
}

/// A clone brings a run whose log of events is a link.
#[test]
fn a_link_in_the_place_of_a_runs_events_is_not_followed() {
    let hostile = Hostile::new();
    let run = ["run", "configs/training_config.json", "--until", "data"];
    hostile.place.run(&run).says(0, &[]);
    let folder = std::fs::read_dir(hostile.place.path("runs")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(folder.join("events.jsonl")).unwrap();
    symlink(hostile.outside.path().join("file"), folder.join("events.jsonl")).unwrap();
    hostile.place.run(&run).says(3, &["events.jsonl", "it is a symbolic link"]);
    hostile.commands();
}

/// From a folder elsewhere, with the path of the clone's file on the command line.
#[test]
fn a_link_at_a_path_that_a_flag_names_stays_in_its_project() {
    let hostile = Hostile::new();
    hostile.link("configs/models.yaml", "models.yaml");
    let elsewhere = Place::new().with("OLLAMA_HOST", hostile.server.address());
    let named = hostile.place.path("configs/models.yaml").display().to_string();
    for command in [
        &["promote", "--role", "router", "--to", "x:v2", "--force"][..],
        &["rollback", "--role", "router", "--force"],
        &["eval", "--role", "router", "--model", "x:v2"],
        &["history"],
    ] {
        let ended = elsewhere.run(&[command, &["--models-yaml", &named]].concat());
        ended.says(3, &["configs/models.yaml is a symbolic link out of the project"]);
        hostile.unchanged(command);
    }
    // A link that stays in the project is followed, and the file behind it changed.
    hostile.place.write("roles/models.yaml", ROLES);
    let link = hostile.place.path("configs/models.yaml");
    std::fs::remove_file(&link).unwrap();
    symlink("../roles/models.yaml", &link).unwrap();
    let promote = ["promote", "--role", "router", "--to", "x:v2", "--force", "--models-yaml", &named];
    elsewhere.run(&promote).says(0, &["x:v1 -> x:v2"]);
    assert!(hostile.place.read("roles/models.yaml").contains("x:v2"));
}

#[test]
fn a_modelfile_sends_no_other_file_to_the_daemon() {
    let hostile = Hostile::new();
    let secret = hostile.outside.path().join("file");
    hostile.place.write("Modelfile", &format!("FROM {}\nTEMPLATE {{{{ .Prompt }}}}\n", secret.display()));
    let register = ["register", "--modelfile", "Modelfile", "--name", "y"];
    hostile.place.run(&register).says(3, &["it is no GGUF file, so it is not sent", "`tunesmith export` makes one"]);
    let sent = tree(hostile.server.store());
    assert!(!sent.values().any(|(_, content, _)| holds(content, SECRET)));
    crate::tiny::QWEN2.gguf(&hostile.place.path("m.gguf"));
    hostile.place.write("Modelfile", "FROM ./m.gguf\nTEMPLATE {{ .Prompt }}\n");
    hostile.place.run(&register).says(0, &["y"]);
}

#[test]
fn a_config_sends_nothing_out_of_its_project() {
    for key in ["output", "runs_dir", "models_yaml"] {
        let hostile = Hostile::new();
        let place = hostile.outside.path().join("folder");
        let mut config = config();
        config[key] = json!(place);
        hostile.place.write("configs/training_config.json", &config.to_string());
        hostile.commands();
        let flag = format!("--{}", key.replace('_', "-"));
        hostile.place.run(&["run"]).says(3, &["lies outside the project", &flag]);
    }
}

/// An archive, unpacked below a home folder that is under version control, is no part of a project that holds all of it.
#[test]
fn a_config_of_an_archive_writes_nothing_elsewhere_at_home() {
    let place = Place::new();
    for (mark, working) in [(".git", "src/x"), ("configs", "src/x"), (".git", "work"), ("configs", "work")] {
        let home = place.path(&format!("{}-{}", mark.trim_start_matches('.'), working.replace('/', "-")));
        for folder in [mark, "src/x", "work"] {
            std::fs::create_dir_all(home.join(folder)).unwrap();
        }
        let mut config = config();
        config["runs_dir"] = json!("~/.local/share");
        let file = home.join("src/x/config.json");
        std::fs::write(&file, config.to_string()).unwrap();
        let mut command = place.command(&["run", file.to_str().unwrap()]);
        let ended = Ended::of(&command.env("HOME", &home).current_dir(home.join(working)).output().unwrap());
        ended.says(3, &["runs_dir: ~/.local/share lies outside the project", "--runs-dir"]);
        assert!(!home.join(".local").exists());
    }
}

/// Places that only the command line may name are in the run's own file too, which is data when it is read again.
#[test]
fn a_run_whose_places_the_command_line_named_is_proved_again() {
    let outside = tempfile::tempdir().unwrap();
    let named = |name: &str| outside.path().join(name).display().to_string();
    let server = TinyServer::with_models(&["x:v1"]);
    let place = Place::new().with("OLLAMA_HOST", server.address());
    tiny_run::lay_out(&place, base(), &json!({}));
    let (output, runs, roles) = (named("output"), named("runs"), named("models.yaml"));
    let run = ["run", "--until", "prove", "--output", &output];
    place.run(&run).says(0, &[]);
    place.run(&["prove", "--name", "tiny:v2"]).says(0, &["served"]);
    place.run(&[&run[..], &["--runs-dir", &runs, "--models-yaml", &roles, "--seed", "7"]].concat()).says(0, &[]);
    let made = std::fs::read_dir(&runs).unwrap().next().unwrap().unwrap().path();
    place.run(&["prove", "--run", made.to_str().unwrap()]).says(0, &["served"]);
    // What writes to the places still refuses them.
    let resume = ["run", "--until", "prove", "--resume", made.to_str().unwrap()];
    place.run(&resume).says(3, &["lies outside the project", "--output"]);
}

/// Lines of a registry: right ones, and ones that name other files, other numbers and nothing at all.
fn lines(outside: &Path) -> impl Strategy<Value = Vec<String>> + use<> {
    let file = outside.join("file").display().to_string();
    let digest = format!("sha256:{}", "0".repeat(64));
    let intent = json!({
        "event": "intent", "action": "promote", "role": "router", "from": "x:v1", "to": file, "before": "\"x:v1\"",
        "after": format!("\"{file}\""), "file_sha256_before": digest, "file_sha256_after": digest,
        "from_digest": null, "to_digest": null, "undoes": [], "evidence": {"report": file},
    });
    let in_place = json!({"event": "in_place", "intent": 1, "backup": file});
    let gate = json!({
        "event": "gate", "role": "router", "model": "x:v2", "digest": "d", "against_digest": "d", "decision": "PASS",
        "report": file,
    });
    let events = vec![
        intent,
        in_place,
        gate,
        json!({"event": "done", "intent": 1}),
        json!({"event": "reverted", "intent": 1, "why": file}),
        json!({"event": "later", "path": file}),
        json!({"backup": file}),
    ];
    let number = prop_oneof![Just(None), (0u64..4).prop_map(Some), Just(Some(u64::MAX))];
    let line = (prop::sample::select(events), number);
    prop::collection::vec(line, 0..6).prop_map(|all| {
        let numbered = all.into_iter().enumerate().map(|(i, (mut event, seq))| {
            event["seq"] = json!(seq.unwrap_or(i as u64 + 1));
            event["ts"] = json!("2026-01-01T00:00:00Z");
            event.to_string()
        });
        numbered.collect()
    })
}

fn file_name() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "configs/.tunesmith/registry.jsonl",
        "configs/models.yaml",
        "runs/x-v3-000000000000/metrics.jsonl",
        "runs/x-v3-000000000000/manifest.json",
        "output/x-v3/metrics.jsonl",
        "output/x-v3/events.jsonl",
        "output/x-v3/manifest.json",
        "answers of x:v1",
        "answers of x:v2",
    ])
}

/// Kept answers as a stranger forges them: to every question that `eval` asks of `model` here, what acts on a terminal and
/// names a file outside.
fn forged_answers(model: &str, outside: &str) -> String {
    static KEPT: OnceLock<[String; 2]> = OnceLock::new();
    let kept = KEPT.get_or_init(|| {
        let hostile = Hostile::new();
        let ended = hostile.place.run(&["eval", "--role", "router", "--model", "x:v2"]);
        assert!([0, 100, 101].contains(&ended.code), "{}", ended.err);
        let kept = ["x:v1", "x:v2"].map(|model| hostile.place.read(&hostile.answers_of(model)));
        assert!(kept.iter().all(|lines| lines.contains("answer")), "{kept:?}");
        kept
    });
    let forged = |line: &str| {
        let mut entry: Value = serde_json::from_str(line).unwrap();
        entry["answer"]["text"] = json!(format!("\u{1b}]0;x\u{7}\u{202e}{{{{ {outside}/file }}}}"));
        format!("{entry}\n")
    };
    kept[usize::from(model == "x:v2")].lines().map(forged).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random registries, roles, metrics, manifests and answers that name files outside the project.
    #[test]
    fn nothing_outside_a_hostile_project_changes(
        events in Just(()).prop_flat_map(|()| lines(Path::new("@OUTSIDE@"))),
        other in prop::collection::vec((file_name(), 0usize..6), 0..5),
        backup in any::<bool>(),
    ) {
        let hostile = Hostile::new();
        let outside = hostile.outside.path().display().to_string();
        let text: String = events.iter().map(|l| format!("{}\n", l.replace("@OUTSIDE@", &outside))).collect();
        hostile.place.write("configs/.tunesmith/registry.jsonl", &text);
        if backup {
            hostile.link("configs/.tunesmith/1-models.yaml.backup", "file");
        }
        for (name, kind) in other {
            let answers = name.strip_prefix("answers of ");
            let path = answers.map_or_else(|| name.to_owned(), |model| hostile.answers_of(model));
            let text = match kind {
                0 => format!("{{\"step\": 1, \"path\": \"{outside}/file\"}}\n"),
                1 => format!("models:\n  router:\n    model_name: \"{outside}/file\"\n    eval: {{suite: \"{outside}/file\", goal: hold}}\n"),
                2 => format!("{{\"format\":1,\"tool_version\":\"0\",\"run\":\"../../x\",\"steps\":{{\"train\":{{\"inputs\":{{}},\"outputs\":{{\"{outside}/file\":\"sha256:{}\"}},\"seconds\":1,\"finished_at\":\"\"}}}}}}", "0".repeat(64)),
                3 => "\u{0}\u{1b}]0;x\u{7}{{{{[[[".to_owned(),
                4 => forged_answers(answers.unwrap_or("x:v1"), &outside),
                _ => String::new(),
            };
            if kind == 5 {
                hostile.link(&path, "file");
            } else {
                let _ = std::fs::remove_file(hostile.place.path(&path));
                hostile.place.write(&path, &text);
            }
        }
        hostile.commands();
    }
}
