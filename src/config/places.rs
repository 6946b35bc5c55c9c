//! Where a config file may send what is written: into its own project or the working folder. A cloned project is data; a
//! place elsewhere is the user's to name, on the command line.

use std::path::{Component, Path, PathBuf};

use super::options::Raw;
use crate::input::{Bounds, expand_home};

/// The faults of `file`'s places that the command line (`flags`) does not replace.
pub(super) fn check(file: &Raw, flags: &Raw, origin: &Path, bounds: &Bounds) -> Vec<String> {
    let places = [
        ("output", &file.output, &flags.output),
        ("runs_dir", &file.runs_dir, &flags.runs_dir),
        ("models_yaml", &file.models_yaml, &flags.models_yaml),
    ];
    let roots = roots(origin, bounds);
    let mut faults = Vec::new();
    for (key, said, replaced) in places {
        let Some(path) = said.as_ref().filter(|_| replaced.is_none()) else { continue };
        // As it will be read: `~` is the home folder. (Where that is not known, the path is refused later.)
        let named = expand_home(path, bounds.home.as_deref()).unwrap_or_else(|_| path.clone());
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

/// The working folder, from which relative paths start, and the project that holds the file.
fn roots(origin: &Path, bounds: &Bounds) -> Vec<PathBuf> {
    let whole = std::path::absolute(origin).map(|path| plain(&path)).ok();
    let own = whole.as_deref().and_then(Path::parent).map(|folder| bounds.project_of(folder));
    bounds.working.iter().cloned().chain(own).collect()
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
        let bounds = Bounds { home: Some(dir.path().join("home")), ..Bounds::of_process() };
        let faults = |output: PathBuf, flags: &Raw| {
            let file = Raw { output: Some(output), ..Raw::default() };
            check(&file, flags, &origin, &bounds).len()
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
        let said = check(&file, &none, &origin, &bounds).join("\n");
        assert!(said.contains("--runs-dir") && said.contains("--models-yaml"), "{said}");
    }

    /// An archive unpacked somewhere below a home folder that is under version control.
    #[test]
    fn a_config_file_does_not_write_elsewhere_at_home() {
        for mark in [".git", "configs"] {
            let dir = tempfile::tempdir().unwrap();
            let home = dir.path().join("home");
            for folder in [mark, "src/x", "work"] {
                std::fs::create_dir_all(home.join(folder)).unwrap();
            }
            for working in ["src/x", "work"] {
                let bounds = Bounds { working: Some(home.join(working)), home: Some(home.clone()) };
                let faults = |runs_dir: PathBuf| {
                    let file = Raw { runs_dir: Some(runs_dir), ..Raw::default() };
                    check(&file, &Raw::default(), &home.join("src/x/config.json"), &bounds).len()
                };
                for outside in [PathBuf::from("~/.local/share"), home.join(".ssh"), home.join("src/y")] {
                    assert_eq!(faults(outside.clone()), 1, "{} from {working}", outside.display());
                }
                assert_eq!(faults(home.join("src/x/runs")) + faults("~/src/x/runs".into()), 0);
            }
        }
    }
}
