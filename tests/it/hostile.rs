//! A project that somebody else prepared: links in the place of state files and outputs, hostile registries, metrics,
//! answers and roles. Whatever a command says to it, nothing outside the project changes.
#![cfg(unix)]

use std::collections::BTreeMap;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::program::Place;
use crate::tiny::QWEN3;

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

/// A project in one folder, and beside it what is not the project's.
struct Hostile {
    place: Place,
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
        "model_to_fine_tune": base(), "dataset_path": "data.jsonl", "output_model_name": "x:v2", "quant": "f16",
        "max_steps": 1, "batch_size": 1, "lora_rank": 2, "probes": 1, "replay": "off", "max_seq_len": 32,
    })
}

const ROLES: &str = "models:\n  router:\n    model_name: \"x:v1\"\n    general: off\n";

impl Hostile {
    fn new() -> Self {
        let outside = tempfile::tempdir().unwrap();
        let at = |name: &str| outside.path().join(name);
        std::fs::create_dir_all(at("folder/checkpoint-5")).unwrap();
        for name in
            ["file", "models.yaml", "folder/state.json", "folder/.tunesmith-1-abc.partial", "folder/metrics.jsonl"]
        {
            std::fs::write(at(name), ROLES).unwrap();
        }
        let before = tree(outside.path());
        let place = Place::new();
        place.write("configs/models.yaml", ROLES);
        place.write("data.jsonl", &"{\"instruction\":\"a\",\"output\":\"b\"}\n".repeat(2));
        place.write("configs/training_config.json", &config().to_string());
        Self { place, outside, before }
    }

    /// A link in the project to something outside, in place of what is there.
    fn link(&self, name: &str, target: &str) {
        let path = self.place.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = std::fs::remove_file(&path);
        let _ = std::fs::remove_dir_all(&path);
        symlink(self.outside.path().join(target), path).unwrap();
    }

    /// Every command that reads or writes a project; no daemon answers, but the embedded server.
    fn commands(&self) {
        let commands: [&[&str]; 12] = [
            &["history"],
            &["lineage", "x:v1"],
            &["promote", "--role", "router", "--to", "x:v2", "--force"],
            &["rollback", "--role", "router", "--force"],
            &["run", "configs/training_config.json", "--until", "data"],
            &["run", "configs/training_config.json", "--embedded", "--until", "register"],
            &["eval", "--role", "router", "--model", "x:v2"],
            &["plan", "configs/training_config.json"],
            &["train", "--config", "configs/training_config.json"],
            &["data", "split", "data.jsonl", "--output", "output/parts"],
            &["init"],
            &["clean", "--remove"],
        ];
        for command in commands {
            let ended = self.place.run(command);
            let all = format!("{}{}", ended.out, ended.err);
            assert!(!all.contains("panicked") && ended.code >= 0, "{command:?} ended with {}: {all}", ended.code);
            self.unchanged(command);
        }
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

#[test]
fn links_in_a_project_lead_nowhere() {
    let links: [(&str, &str); 12] = [
        ("configs/.tunesmith", "folder"),
        ("configs/.tunesmith/registry.jsonl", "file"),
        ("configs/.tunesmith/lock", "file"),
        ("configs/.tunesmith/1-models.yaml.backup", "file"),
        ("configs/.models.yaml.tunesmith-new", "file"),
        ("configs/models.yaml", "models.yaml"),
        ("output", "folder"),
        ("output/x-v2", "folder"),
        ("output/parts", "folder"),
        ("runs", "folder"),
        ("eval", "folder"),
        ("templates", "folder"),
    ];
    for (name, target) in links {
        let hostile = Hostile::new();
        hostile.link(name, target);
        hostile.commands();
    }
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
        "runs/x-v2-000000000000/metrics.jsonl",
        "runs/x-v2-000000000000/manifest.json",
        "output/x-v2/metrics.jsonl",
        "output/x-v2/manifest.json",
        "eval/answers.jsonl",
    ])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..ProptestConfig::default() })]

    /// Random registries, roles, metrics, manifests and answers that name files outside the project.
    #[test]
    fn nothing_outside_a_hostile_project_changes(
        events in Just(()).prop_flat_map(|()| lines(Path::new("@OUTSIDE@"))),
        other in prop::collection::vec((file_name(), 0usize..5), 0..4),
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
            let text = match kind {
                0 => format!("{{\"step\": 1, \"path\": \"{outside}/file\"}}\n"),
                1 => format!("models:\n  router:\n    model_name: \"{outside}/file\"\n    eval: {{suite: \"{outside}/file\", goal: hold}}\n"),
                2 => format!("{{\"format\":1,\"tool_version\":\"0\",\"run\":\"../../x\",\"steps\":{{\"train\":{{\"inputs\":{{}},\"outputs\":{{\"{outside}/file\":\"sha256:{}\"}},\"seconds\":1,\"finished_at\":\"\"}}}}}}", "0".repeat(64)),
                3 => "\u{0}\u{1b}]0;x\u{7}{{{{[[[".to_owned(),
                _ => String::new(),
            };
            if kind == 4 {
                hostile.link(name, "file");
            } else {
                let _ = std::fs::remove_file(hostile.place.path(name));
                hostile.place.write(name, &text);
            }
        }
        hostile.commands();
    }
}
