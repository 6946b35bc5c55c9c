//! A project to start from: the files that the program embeds, laid out; what exists is left alone.

use std::path::{Path, PathBuf};

use super::Failure;
use crate::store::write_whole;

const FILES: &[(&str, &str)] = &[
    ("configs/training_config.json", include_str!("../../configs/training_config.json")),
    ("configs/defaults.yaml", include_str!("../../configs/defaults.yaml")),
    ("configs/models.yaml", include_str!("../../configs/models.yaml")),
    ("configs/suites/example.jsonl", include_str!("../../configs/suites/example.jsonl")),
    ("templates/modelfile.tera", include_str!("../../templates/modelfile.tera")),
    ("data/training/example.jsonl", EXAMPLE),
];

/// Tests that call the program, for projects that run pytest.
const TESTS: &[(&str, &str)] = &[
    ("tests/performance/test_model_accuracy.py", include_str!("../../templates/pytest/test_model_accuracy.py")),
    ("tests/regression/test_model_regression.py", include_str!("../../templates/pytest/test_model_regression.py")),
];

const EXAMPLE: &str = concat!(
    r#"{"messages":[{"role":"user","content":"What do you do?"},{"role":"assistant","content":"I answer in your house's own words."}]}"#,
    "\n",
    r#"{"instruction":"Name the colour.","input":"the sky on a clear day","output":"blue"}"#,
    "\n",
);

/// The files of a new project.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct InitFiles {
    pub written: Vec<PathBuf>,
    /// They existed already and were left as they are.
    pub kept: Vec<PathBuf>,
}

/// Lays out the project; with `tests`, its pytest templates too.
pub fn run(dir: &Path, tests: bool) -> Result<InitFiles, Failure> {
    let mut files = InitFiles::default();
    for (name, text) in FILES.iter().chain(TESTS.iter().filter(|_| tests)) {
        let path = dir.join(name);
        if path.exists() {
            files.kept.push(path);
        } else {
            write_whole(&path, text.as_bytes())?;
            files.written.push(path);
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_second_init_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let first = super::run(dir.path(), false).unwrap();
        assert!(first.kept.is_empty() && first.written.len() == super::FILES.len());
        std::fs::write(&first.written[0], "mine").unwrap();
        let again = super::run(dir.path(), false).unwrap();
        assert!(again.written.is_empty() && again.kept == first.written);
        assert_eq!(std::fs::read_to_string(&first.written[0]).unwrap(), "mine");
    }

    #[test]
    fn tests_are_laid_out_where_they_are_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        super::run(dir.path(), false).unwrap();
        assert!(!dir.path().join("tests").exists());
        let files = super::run(dir.path(), true).unwrap();
        let wanted = ["tests/performance/test_model_accuracy.py", "tests/regression/test_model_regression.py"];
        assert_eq!(files.written, wanted.map(|name| dir.path().join(name)));
        assert_eq!(files.kept.len(), super::FILES.len());
    }

    #[test]
    fn the_suite_that_models_yaml_names_is_laid_out_and_read() {
        let dir = tempfile::tempdir().unwrap();
        super::run(dir.path(), false).unwrap();
        let roles = std::fs::read_to_string(dir.path().join("configs/models.yaml")).unwrap();
        let named: Vec<_> = roles.lines().filter_map(|l| l.split_once("suite: ")).map(|(_, path)| path).collect();
        assert!(!named.is_empty());
        for name in named {
            crate::eval::Suite::read(&dir.path().join("configs").join(name)).unwrap();
        }
    }
}
