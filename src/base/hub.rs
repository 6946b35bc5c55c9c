//! Hugging Face ids (`Qwen/Qwen2.5-1.5B-Instruct`): a snapshot in the local hub cache, else the Ollama name of the same
//! model. Nothing is downloaded from a hub.

use std::path::{Path, PathBuf};

use super::shortcuts::{self, Shortcut};

/// Who publishes others' models again under their names, unchanged but for the format.
const MIRRORS: [&str; 2] = ["unsloth", "mlx-community"];

/// What such copies append to a model's name.
const FORMATS: [&str; 8] = ["-unsloth-bnb-4bit", "-bnb-4bit", "-gguf", "-4bit", "-8bit", "-bf16", "-fp8", "-mlx"];

/// `owner/name` as the hub allows it: no tag, no path.
pub fn is_id(name: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p.len() <= 96
            && !p.starts_with(['.', '-'])
            && p.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    name.split_once('/').is_some_and(|(owner, model)| part(owner) && part(model) && !model.ends_with(".gguf"))
}

/// The shortcut that is the same model as a Hugging Face id, where it is known.
pub(super) fn shortcut(id: &str) -> Option<&'static Shortcut> {
    let (owner, model) = id.split_once('/').filter(|_| is_id(id))?;
    let mut model = model.to_ascii_lowercase();
    let mirror = MIRRORS.iter().any(|m| m.eq_ignore_ascii_case(owner));
    if let Some(plain) = FORMATS.iter().find_map(|f| model.strip_suffix(f)).filter(|_| mirror) {
        model = plain.to_owned();
    }
    shortcuts::SHORTCUTS.iter().find(|s| {
        s.hub.iter().any(|known| {
            let (of, name) = known.split_once('/').unwrap_or_default();
            name.eq_ignore_ascii_case(&model) && (mirror || of.eq_ignore_ascii_case(owner))
        })
    })
}

/// The Ollama name of the model that a Hugging Face id means, where it is known.
pub fn ollama_name(id: &str) -> Option<&'static str> {
    shortcut(id).map(|s| s.name)
}

/// The snapshot of a model in a hub cache: that of `main`, else the only one.
pub(super) fn snapshot(cache: &Path, id: &str) -> Option<PathBuf> {
    let folder = cache.join(format!("models--{}", id.replace('/', "--")));
    let snapshots = folder.join("snapshots");
    let revision = std::fs::read_to_string(folder.join("refs/main")).ok().map(|text| text.trim().to_owned());
    let named = revision.filter(|r| !r.is_empty() && r.chars().all(|c| c.is_ascii_alphanumeric()));
    if let Some(found) = named.map(|r| snapshots.join(r)).filter(|p| p.is_dir()) {
        return Some(found);
    }
    let mut all = std::fs::read_dir(&snapshots).ok()?.flatten().map(|e| e.path()).filter(|p| p.is_dir());
    let only = all.next()?;
    all.next().is_none().then_some(only)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_told_from_names_of_ollama_and_paths() {
        for id in ["Qwen/Qwen2.5-1.5B-Instruct", "unsloth/X", "a/b"] {
            assert!(is_id(id), "{id}");
        }
        for other in
            ["qwen2.5:0.5b", "user/model:v1", "a/b/c", "./a", "../a", "a/", "/a", "dir/x.gguf", "a b/c", "qwen3"]
        {
            assert!(!is_id(other), "{other}");
        }
    }

    #[test]
    fn known_models_have_their_name_in_ollama_whoever_published_the_copy() {
        let name = |id: &str| shortcut(id).map(|s| s.name);
        assert_eq!(name("Qwen/Qwen2.5-1.5B-Instruct"), Some("qwen2.5:1.5b"));
        assert_eq!(name("qwen/qwen2.5-1.5b-instruct"), Some("qwen2.5:1.5b"));
        assert_eq!(name("unsloth/Llama-3.2-1B-Instruct-bnb-4bit"), Some("llama3.2:1b"));
        assert_eq!(name("unsloth/Qwen3-0.6B-unsloth-bnb-4bit"), Some("qwen3:0.6b"));
        assert_eq!(name("HuggingFaceTB/SmolLM2-135M-Instruct"), Some("smollm2:135m"));
        // Another model of the same last name, a base model, an unknown one.
        for id in ["someone/Qwen2.5-1.5B-Instruct", "Qwen/Qwen2.5-1.5B", "unsloth/X", "Qwen/Qwen2.5-1.5B-Instruct-4bit"]
        {
            assert_eq!(name(id), None, "{id}");
        }
    }

    #[test]
    fn the_snapshot_is_mains_or_the_only_one() {
        let dir = tempfile::tempdir().unwrap();
        let of = |revision: &str| dir.path().join("models--o--m/snapshots").join(revision);
        assert_eq!(snapshot(dir.path(), "o/m"), None);
        std::fs::create_dir_all(of("aaa")).unwrap();
        assert_eq!(snapshot(dir.path(), "o/m"), Some(of("aaa")));
        std::fs::create_dir_all(of("bbb")).unwrap();
        assert_eq!(snapshot(dir.path(), "o/m"), None);
        std::fs::create_dir_all(dir.path().join("models--o--m/refs")).unwrap();
        std::fs::write(dir.path().join("models--o--m/refs/main"), "bbb\n").unwrap();
        assert_eq!(snapshot(dir.path(), "o/m"), Some(of("bbb")));
        std::fs::write(dir.path().join("models--o--m/refs/main"), "../../../x").unwrap();
        assert_eq!(snapshot(dir.path(), "o/m"), None);
    }
}
