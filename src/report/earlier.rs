//! Which files of a folder are of an earlier adapter than the one in `final/`, or of an earlier export of it: the adapter was
//! trained again, and what follows the training was not done again.

use serde_json::{Map, Value};

use super::scorecard::Metadata;
use crate::store::StepRecord;

/// What is not shown, because it is of an earlier adapter or export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Earlier {
    pub export: bool,
    pub proof: bool,
    pub registered: bool,
    pub evaluation: bool,
}

/// What the files of a run say of what they were made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Origins<'a> {
    pub train: Option<&'a StepRecord>,
    pub export: Option<&'a StepRecord>,
    /// Digest of the file that was proved.
    pub proof: Option<&'a str>,
    /// `registered.json`
    pub registered: &'a Map<String, Value>,
    pub evaluation: Option<&'a Metadata>,
}

const ADAPTER: &str = "final/adapter_model.safetensors";

impl Earlier {
    /// By the digests that each step records of what it read; of an evaluation that has none, by its time.
    pub(super) fn of(origins: &Origins<'_>) -> Self {
        let Some(train) = origins.train else { return Self::default() };
        let adapter = train.outputs.get(ADAPTER).map(ToString::to_string);
        let exported = origins.export.and_then(|export| export.outputs.values().next()).map(ToString::to_string);
        let differ = |one: Option<&str>, other: Option<&str>| one.zip(other).is_some_and(|(one, other)| one != other);
        let made_from = origins.export.and_then(|export| export.inputs.get("adapter"));
        let export = differ(made_from.map(String::as_str), adapter.as_deref());
        let of_other = |file: &str| export || differ(Some(file), exported.as_deref());
        let made_of = origins.registered.get("made_of").and_then(|made_of| made_of.get("file")).and_then(Value::as_str);
        let registered = made_of.is_some_and(of_other);
        let evaluation = origins.evaluation.is_some_and(|metadata| {
            let before_training = time(&metadata.timestamp) < time(&train.finished_at);
            match origins.registered.get("tag").and_then(Value::as_str) {
                Some(tag) if metadata.finetuned_digest == tag => registered,
                // A model that was registered by hand may be of the adapter all the same.
                Some(_) if !metadata.finetuned_digest.is_empty() => !registered || before_training,
                _ => before_training,
            }
        });
        Self { export, proof: origins.proof.is_some_and(of_other), registered, evaluation }
    }

    pub(super) fn is_any(self) -> bool {
        self != Self::default()
    }

    /// A line for each file that is not shown.
    pub(super) fn words(self) -> Vec<String> {
        let said = [
            (self.evaluation, "the scorecards of an earlier evaluation"),
            (self.proof, "proof.json"),
            (self.export, "the exported file and gguf/survival.json"),
            (self.registered, "registered.json"),
        ];
        said.into_iter().filter(|(is_earlier, _)| *is_earlier).map(|(_, what)| what.to_owned()).collect()
    }
}

/// A time as RFC 3339 writes it in UTC, so that later ones are greater: decimals come before `Z`.
fn time(text: &str) -> &str {
    text.trim_end_matches('Z')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::report::{RunFiles, page};
    use crate::store::{Digest, RunDir, write_whole};

    /// A run that was trained, exported, proved and evaluated.
    struct Run(tempfile::TempDir);

    impl Run {
        fn whole() -> Self {
            let run = Self(tempfile::tempdir().unwrap());
            run.train(b"first");
            run.export();
            run.prove();
            run.evaluate("model-1", "2999-01-01T00:00:00Z");
            run
        }

        fn path(&self, name: &str) -> std::path::PathBuf {
            self.0.path().join(name)
        }

        fn digest(&self, name: &str) -> String {
            Digest::of_file(self.path(name)).unwrap().to_string()
        }

        fn write(&self, name: &str, value: &Value) {
            write_whole(self.path(name), value.to_string().as_bytes()).unwrap();
        }

        fn record(&self, step: &str, input: (&str, String), outputs: &[&str]) {
            let inputs = [(input.0.to_owned(), input.1)].into();
            RunDir::open(self.0.path(), "r").unwrap().record(step, inputs, outputs, Duration::from_secs(1)).unwrap();
        }

        fn train(&self, weights: &[u8]) {
            write_whole(self.path(ADAPTER), weights).unwrap();
            self.write("train.json", &json!({"duration_seconds": 1.0}));
            self.record("train", ("options", "o".to_owned()), &[ADAPTER]);
        }

        fn export(&self) {
            let adapter = self.digest(ADAPTER);
            write_whole(self.path("gguf/model.gguf"), adapter.as_bytes()).unwrap();
            self.write("gguf/survival.json", &json!([{"tensor": "blk.0", "slope": 1.0}]));
            self.record("export", ("adapter", adapter), &["gguf/model.gguf"]);
        }

        fn prove(&self) {
            let file = self.digest("gguf/model.gguf");
            self.write("proof.json", &json!({"model": "x:v2", "kind": "proved", "passed": true, "exported": file}));
            let made_of = json!({"file": file, "modelfile": "m"});
            self.write("registered.json", &json!({"tag": "model-1", "file": "gguf/model.gguf", "made_of": made_of}));
            self.record("prove", ("file", file), &["proof.json", "registered.json"]);
        }

        fn evaluate(&self, digest: &str, time: &str) {
            let judged = json!({
                "demand": {"goal": "hold", "metric": "pass", "margin": 0.1}, "n": 1, "base": 1.0, "tuned": 1.0, "difference": 0.0,
                "interval": {"low": 0.0, "high": 0.0, "method": "tango"}, "fixed": 0, "broken": 0, "verdict": "PASS",
            });
            let gate = json!({"decision": "PASS", "reasons": [], "notes": []});
            let metadata = json!({
                "suite": "s.jsonl", "finetuned_model": "x:v2", "finetuned_digest": digest, "timestamp": time, "gate": gate,
            });
            self.write("eval/s.json", &json!({"metadata": metadata, "statistics": {"judged": judged}}));
        }

        fn read(&self) -> RunFiles {
            RunFiles::read(self.0.path()).unwrap()
        }

        fn page(&self) -> String {
            page(&self.read())
        }
    }

    const ALL: Earlier = Earlier { export: true, proof: true, registered: true, evaluation: true };

    #[test]
    fn files_of_the_present_adapter_are_shown() {
        let run = Run::whole();
        assert_eq!(run.read().earlier, Earlier::default());
        let page = run.page();
        assert!(page.contains("x:v2: PASS</h1>") && !page.contains("Not shown"), "{page}");
        assert!(page.contains("<b>✓ passed</b>") && page.contains("Survival of the tune in each tensor"), "{page}");
    }

    #[test]
    fn a_training_again_leaves_out_what_was_made_of_the_earlier_adapter() {
        let run = Run::whole();
        run.train(b"second");
        assert_eq!(run.read().earlier, ALL);
        let page = run.page();
        assert!(page.contains(": TRAINED</h1>"), "{page}");
        for needle in [
            "Not shown: of an earlier adapter or export",
            "<li>the scorecards of an earlier evaluation</li>",
            "<li>proof.json</li>",
            "<li>the exported file and gguf/survival.json</li>",
            "No suite was asked of this adapter, so no metric was compared.",
            "No suite was asked of this adapter, so there are no categories.",
            "No prompt was asked of this adapter, so there are no answers.",
            "No answer of this adapter was timed.",
            "This adapter was not exported here",
            "This adapter was not proved here.",
            "No model was made of this adapter",
        ] {
            assert!(page.contains(needle), "{needle} in {page}");
        }
        for stale in ["PASS", "✓ passed", "blk.0", "model-1"] {
            assert!(!page.contains(stale), "{stale} in {page}");
        }
        // The export of the new adapter, and its proof: the evaluation alone is earlier.
        run.export();
        assert_eq!(run.read().earlier, Earlier { export: false, ..ALL });
        run.prove();
        run.write("registered.json", &json!({"tag": "model-2", "made_of": {"file": run.digest("gguf/model.gguf")}}));
        assert_eq!(run.read().earlier, Earlier { evaluation: true, ..Earlier::default() });
        assert!(run.page().contains(": NOT EVALUATED</h1>"));
        run.evaluate("model-2", "2999-01-02T00:00:00Z");
        assert_eq!(run.read().earlier, Earlier::default());
    }

    /// As `train` and `eval` leave them in one folder: no step after the training, no digest that ties them.
    #[test]
    fn an_evaluation_from_before_the_training_is_told_by_its_time() {
        let run = Run(tempfile::tempdir().unwrap());
        run.train(b"first");
        run.evaluate("m", "2020-01-01T00:00:00.5Z");
        assert_eq!(run.read().earlier, Earlier { evaluation: true, ..Earlier::default() });
        run.evaluate("m", "2999-01-01T00:00:00Z");
        assert_eq!(run.read().earlier, Earlier::default());
        std::fs::remove_file(run.path("manifest.json")).unwrap();
        run.evaluate("m", "2020-01-01T00:00:00Z");
        assert_eq!(run.read().earlier, Earlier::default(), "no training that is finished");
    }
}
