//! A suite from a file: JSONL, a promptfoo file, or training data, whose last answers are then what is expected.

use std::path::Path;

use serde_json::Value;

use super::assertion::ASSERTION_KEYS;
use super::fault::EvalError;
use super::promptfoo;
use super::suite::Suite;
use crate::dataset;
use crate::store::{FileAction, MAX_TEXT, read_text};

impl Suite {
    /// Reads a suite (JSONL), a promptfoo file (`.yaml`, `.yml`), or training data in one of its shapes (JSONL).
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let text = read_text(FileAction::Reading("the suite"), path, MAX_TEXT)?;
        let name = path.display().to_string();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => promptfoo::parse(&text, &name),
            _ if is_training_data(&text) => {
                let records =
                    dataset::parse(&text).map_err(|source| EvalError::HeldOut { suite: name.clone(), source })?;
                Self::from_records(&name, &records)
            }
            _ => Self::parse(&text, &name),
        }
    }
}

/// Whether the first line is an example to train on: it has an answer, and nothing that judges one.
fn is_training_data(text: &str) -> bool {
    const ANSWERS: [&str; 4] = ["conversations", "completion", "output", "response"];
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty());
    let Some(Ok(Value::Object(map))) = first.map(serde_json::from_str::<Value>) else { return false };
    let judges =
        ASSERTION_KEYS.iter().map(|key| key.key).chain(["assert", "reference"]).any(|key| map.contains_key(key));
    let last = map.get("messages").and_then(Value::as_array).and_then(|messages| messages.last());
    let is_answered = last.and_then(|last| last.get("role")).is_some_and(|role| role == "assistant");
    !judges && (is_answered || ANSWERS.iter().any(|key| map.contains_key(*key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suite_that_is_no_text_is_refused_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.jsonl");
        std::fs::write(&path, b"{\"prompt\": \"a\", \"expected\": \"b\"}\n{\"prompt\": \"\xff\"}\n").unwrap();
        let e = Suite::read(&path).unwrap_err().to_string();
        assert!(e.contains("s.jsonl") && e.contains("line 2 is not UTF-8"), "{e}");
        if cfg!(target_os = "linux") {
            let e = Suite::read(Path::new("/dev/zero")).unwrap_err().to_string();
            assert!(e.contains("expected a regular file"), "{e}");
        }
        let e = Suite::parse(&"x\n".repeat(1000), "s").unwrap_err().to_string();
        assert!(e.contains("1000 faults") && e.ends_with("and 980 more"), "{e}");
    }

    #[test]
    fn training_data_is_a_suite_of_its_last_answers() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("held_out.jsonl");
        for line in [
            r#"{"instruction": "Capital of France?", "input": "", "output": "Paris"}"#,
            r#"{"messages": [{"role": "user", "content": "Capital of France?"}, {"role": "assistant", "content": "Paris"}]}"#,
            r#"{"conversations": [{"from": "human", "value": "Capital of France?"}, {"from": "gpt", "value": "Paris"}]}"#,
            r#"{"prompt": "Capital of France?", "completion": "Paris"}"#,
        ] {
            std::fs::write(&path, line).unwrap();
            let suite = Suite::read(&path).unwrap();
            assert_eq!((suite.cases.len(), suite.cases[0].prompt()), (1, "Capital of France?"), "{line}");
            assert_eq!(suite.cases[0].expected(), ["Paris"], "{line}");
        }
        // A line that is judged is a line of a suite, and its faults are those of one.
        std::fs::write(&path, r#"{"prompt": "Capital of France?", "output": "Paris", "expected": "Paris"}"#).unwrap();
        assert!(Suite::read(&path).unwrap_err().to_string().contains("\"output\" is an unknown key of a suite"));
        std::fs::write(&path, r#"{"instruction": 3, "output": "Paris"}"#).unwrap();
        let e = Suite::read(&path).unwrap_err();
        assert!(matches!(e, EvalError::HeldOut { .. }) && e.to_string().contains("held_out.jsonl"), "{e}");
    }
}
