//! The umask decides who may read what the program writes.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::json;

use crate::program::Place;
use crate::tiny::QWEN2;
use crate::tiny_run;

/// A file's or a folder's permissions.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mode {
    bits: u32,
    is_folder: bool,
}

/// Of everything below `root`, by its path there.
fn modes(root: &Path) -> BTreeMap<PathBuf, Mode> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let mode = Mode { bits: metadata.permissions().mode() & 0o777, is_folder: metadata.is_dir() };
            found.insert(path.strip_prefix(root).unwrap().to_path_buf(), mode);
            if mode.is_folder {
                folders.push(path);
            }
        }
    }
    found
}

/// What a run up to its registration makes under this umask.
fn made_under(umask: &str) -> BTreeMap<PathBuf, Mode> {
    let base = QWEN2.folder();
    let place = Place::new();
    tiny_run::lay_out(&place, base.path(), &json!({}));
    let before = modes(&place.path(""));
    place.run_after(&format!("umask {umask}"), &["run", "--embedded", "--until", "register"]).says(0, &[]);
    let mut made = modes(&place.path(""));
    made.retain(|path, _| !before.contains_key(path));
    for part in [
        "final/adapter_model.safetensors",
        "gguf/model-f16.gguf",
        "checkpoint-4",
        "manifest.json",
        "metrics.jsonl",
        "events.jsonl",
    ] {
        assert!(made.keys().any(|path| path.starts_with("runs") && path.ends_with(part)), "no {part}: {made:#?}");
    }
    made
}

#[test]
fn a_run_makes_files_and_folders_as_the_umask_leaves_them() {
    for (umask, files, folders) in [("077", 0o600, 0o700), ("027", 0o640, 0o750), ("022", 0o644, 0o755)] {
        for (path, mode) in made_under(umask) {
            let expected = if mode.is_folder { folders } else { files };
            assert_eq!(mode.bits, expected, "umask {umask}: {} has the mode {:o}", path.display(), mode.bits);
        }
    }
}
