//! A suite from a file: JSONL, a table, a promptfoo file, or training data, whose last answers are then what is expected.

use std::io::{Error, ErrorKind};
use std::path::Path;

use serde_json::Value;

use super::assertion::ASSERTION_KEYS;
use super::fault::{EvalError, Fault, SuitePlace};
use super::suite::Suite;
use super::{promptfoo, suite_table};
use crate::dataset;
use crate::store::{FileAction, MAX_TEXT, StoreError, read_regular};

/// What is done when a fault of reading is said.
const READING: FileAction = FileAction::Reading("the suite");

impl Suite {
    /// Reads a suite (JSONL), a table (`.csv`, `.tsv`), a promptfoo file (`.yaml`, `.yml`), or training data in one of its shapes
    /// (JSONL).
    pub fn read(path: &Path) -> Result<Self, EvalError> {
        let bytes = read_regular(READING, path, MAX_TEXT)?;
        let text = dataset::decoded_text(bytes)
            .map_err(|what| StoreError::new(READING, path, Error::new(ErrorKind::InvalidData, what)))?;
        let name = path.display().to_string();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        match extension.to_ascii_lowercase().as_str() {
            "yaml" | "yml" => promptfoo::read(&text, path),
            "csv" | "tsv" => read_table(&text, path),
            _ if is_training_data(&text) => {
                let records =
                    dataset::parse(&text).map_err(|source| EvalError::HeldOut { suite: name.clone(), source })?;
                Self::from_records(&name, &records)
            }
            _ => Self::parse(&text, &name),
        }
    }
}

fn read_table(text: &str, path: &Path) -> Result<Suite, EvalError> {
    let name = path.display().to_string();
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let table = dataset::table(&file_name, text).map_err(|what| EvalError::Suite {
        suite: name.clone(),
        faults: vec![Fault { place: SuitePlace::Line(1), what }],
    })?;
    match promptfoo::is_of_promptfoo(&table.columns) {
        true => promptfoo::read_table(text, table, path),
        false => suite_table::parse(text, table, &name),
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

    /// What is said of a file of these bytes.
    fn fault(name: &str, bytes: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        Suite::read(&path).unwrap_err().to_string()
    }

    #[test]
    fn encodings_are_read_by_their_mark_or_named() {
        let dir = tempfile::tempdir().unwrap();
        let line = "{\"prompt\": \"Où ?\", \"expected\": \"à Nice\"}\n";
        let plain = Suite::parse(line, "s").unwrap();
        let table = "question,answer\nOù ?,à Nice\n";
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        for (name, text) in [("s.jsonl", line), ("s.csv", table)] {
            let path = dir.path().join(name);
            for bytes in [format!("\u{feff}{text}").into_bytes(), utf16(&format!("\u{feff}{text}"))] {
                std::fs::write(&path, bytes).unwrap();
                let read = Suite::read(&path).unwrap();
                assert_eq!((read.cases[0].prompt(), read.cases[0].expected()), ("Où ?", plain.cases[0].expected()));
            }
            std::fs::write(&path, text).unwrap();
            let digest = Suite::read(&path).unwrap().digest;
            std::fs::write(&path, format!("\u{feff}{text}")).unwrap();
            assert_eq!(Suite::read(&path).unwrap().digest, digest, "the mark is no part of the text");
            let e = fault(name, &utf16(text));
            assert!(e.contains("UTF-16LE without a byte order mark") && e.contains("iconv"), "{e}");
            let two = format!("{text}{}", text.replace("Où", "Quand"));
            let latin: Vec<u8> = two.chars().map(|c| c as u8).collect();
            let e = fault(name, &latin);
            assert!(e.contains("is not UTF-8 (byte 0xf9); save the file as UTF-8"), "{e}");
            assert!(e.contains(if name == "s.csv" { "line 2" } else { "line 1" }), "{e}");
        }
    }

    #[test]
    fn nul_bytes_and_lines_without_an_end_are_refused_with_their_line() {
        let good = "{\"prompt\": \"a\", \"expected\": \"b\"}\n";
        for (name, text, wanted) in [
            (
                "s.jsonl",
                format!("{good}{{\"prompt\": \"x\0\", \"expected\": \"b\"}}\n"),
                "line 2: is not JSON: control character",
            ),
            (
                "s.jsonl",
                format!("{good}{{\"prompt\": \"x\\u0000\", \"expected\": \"b\"}}\n"),
                "line 2: the prompt holds a NUL character",
            ),
            (
                "s.jsonl",
                format!("{good}{{\"prompt\": \"x\", \"expected\": \"\\u0000\"}}\n"),
                "line 2: \"expected\" holds a NUL character",
            ),
            (
                "s.jsonl",
                format!("{good}{{\"prompt\": \"x\", \"keywords\": [\"\\u0000\"]}}\n"),
                "line 2: \"keywords\" holds a NUL character",
            ),
            ("s.csv", "prompt,expected\na,b\nx\0,c\n".to_owned(), "line 3: the cell \"prompt\" holds a NUL character"),
            ("s.yaml", "prompts: a\ntests:\n- vars: {b: \"x\0\"}\n".to_owned(), "1 fault"),
            (
                "s.jsonl",
                format!("{good}{{\"prompt\": \"{}", "x".repeat(9 << 20)),
                "line 2: has 9437196 bytes, more than 8388608",
            ),
            (
                "s.csv",
                format!("prompt,expected\na,b\n{},c\n", "x".repeat(9 << 20)),
                "line 3: has 9437185 bytes, more than 8388608",
            ),
        ] {
            let e = fault(name, text.as_bytes());
            assert!(e.contains(wanted) && e.len() < 600, "{wanted}: {e}");
        }
        // 100 MB are not even read.
        let dir = tempfile::tempdir().unwrap();
        for name in ["s.jsonl", "s.csv", "s.yaml"] {
            let path = dir.path().join(name);
            std::fs::File::create(&path).unwrap().set_len(100 << 20).unwrap();
            let e = Suite::read(&path).unwrap_err().to_string();
            assert!(e.contains(name) && e.contains("it has more than 67108864 bytes"), "{e}");
        }
    }

    #[test]
    fn every_mistake_of_a_line_has_one_clear_error_with_its_line() {
        let good = r#"{"id": "a", "prompt": "p", "expected": "x"}"#;
        for (line, wanted) in [
            (r#"{"id": "a", "prompt": "q", "expected": "x"}"#, "line 2: the same id as line 1"),
            (r#"{"prompt": "P", "expected": "x"}"#, "line 2: the same prompt as line 1"),
            (
                r#"{"prompt": "q"}"#,
                "line 2: nothing to judge an answer by: give \"expected\", \"keywords\", \"not_keywords\", \"assert\" or \"reference\"",
            ),
            (
                r#"{"prompt": "q", "assert": [{"type": "regex", "value": "("}]}"#,
                "line 2: regex: the regular expression: ",
            ),
            (
                r#"{"prompt": "q", "assert": [{"type": "is-json", "value": {"type": "objekt"}}]}"#,
                "line 2: is-json: the JSON Schema: ",
            ),
            (r#"{"prompt": "q", "assert": [{"type": "icontain", "value": "x"}]}"#, "did you mean \"icontains\"?"),
            (r#"{"prompt": "q", "assert": [{"type": "not-regexp", "value": "x"}]}"#, "did you mean \"regex\"?"),
            (r#"{"prompt": "q", "expected": "x", "expected": "y"}"#, "line 2: the key \"expected\" is given twice"),
            (r#"{"prompt": "q", "expected": "x}"#, "line 2: is not JSON: EOF while parsing a string"),
        ] {
            let e = Suite::parse(&format!("{good}\n{line}\n"), "s.jsonl").unwrap_err().to_string();
            assert!(e.starts_with("s.jsonl: 1 fault\n") && e.contains("line 2: ") && e.contains(wanted), "{line}: {e}");
        }
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
