//! Where a config file may send what is written: into its own project. A cloned project is data; a place elsewhere is the
//! user's to name, on the command line.

use std::path::{Component, Path, PathBuf};

use super::raw::Raw;
use super::value::expand_home;

/// The faults of `file`'s places that the command line (`flags`) does not replace.
pub(super) fn check(file: &Raw, flags: &Raw, origin: &Path, home: Option<&Path>) -> Vec<String> {
    let places = [
        ("output", &file.output, &flags.output),
        ("runs_dir", &file.runs_dir, &flags.runs_dir),
        ("models_yaml", &file.models_yaml, &flags.models_yaml),
    ];
    let roots = projects(origin);
    let mut faults = Vec::new();
    for (key, said, replaced) in places {
        let Some(path) = said.as_ref().filter(|_| replaced.is_none()) else { continue };
        // As it will be read: `~` is the home folder. (Where that is not known, the path is refused later.)
        let named = expand_home(path, home).unwrap_or_else(|_| path.clone());
        let whole = plain(&std::path::absolute(&named).unwrap_or(named));
        if !roots.iter().any(|root| whole.starts_with(root)) {
            let flag = key.replace('_', "-");
            faults.push(format!(
                "{key}: {} lies outside the project; if that is meant, name it on the command line (--{flag})",
                path.display()
            ));
        }
    }
    faults
}

/// The working folder, and the project that holds the file: the nearest folder above it with `configs` or `.git`, else
/// its own folder.
fn projects(origin: &Path) -> Vec<PathBuf> {
    let working = std::env::current_dir().ok();
    let whole = std::path::absolute(origin).map(|path| plain(&path)).ok();
    let own = whole.as_deref().and_then(Path::parent).map(|folder| {
        let marked = |at: &&Path| at.join(".git").exists() || at.join("configs").is_dir();
        folder.ancestors().find(marked).unwrap_or(folder).to_path_buf()
    });
    working.into_iter().chain(own).collect()
}

/// Without `.` and `..`, by the text alone: links are looked at where something is written.
fn plain(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_config_file_writes_into_its_project_only() {
        let dir = tempfile::tempdir().unwrap();
        let project = dir.path().join("project");
        std::fs::create_dir_all(project.join("configs/more")).unwrap();
        let origin = project.join("configs/more/c.json");
        let faults = |output: PathBuf, flags: &Raw| {
            let file = Raw { output: Some(output), ..Raw::default() };
            check(&file, flags, &origin, Some(&dir.path().join("home"))).len()
        };
        let none = Raw::default();
        for inside in [
            project.join("output/x"),
            project.join("configs/../out"),
            PathBuf::from("output"),
            PathBuf::from("./a/../b"),
        ] {
            assert_eq!(faults(inside.clone(), &none), 0, "{}", inside.display());
        }
        let outside = [
            dir.path().join("elsewhere"),
            project.join("../elsewhere"),
            PathBuf::from("../up"),
            PathBuf::from("a/../../up"),
            dir.path().join("project2"),
            PathBuf::from("~/.ssh"),
        ];
        for place in outside {
            assert_eq!(faults(place.clone(), &none), 1, "{}", place.display());
            let said = Raw { output: Some(place.clone()), ..Raw::default() };
            assert_eq!(faults(place, &said), 0);
        }
        let file = Raw {
            runs_dir: Some(dir.path().join("r")),
            models_yaml: Some(dir.path().join("m.yaml")),
            ..Raw::default()
        };
        let said = check(&file, &none, &origin, None).join("\n");
        assert!(said.contains("--runs-dir") && said.contains("--models-yaml"), "{said}");
    }
}
