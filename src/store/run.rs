//! A run's folder: names inside it and `manifest.json`, which says per step what went in and what came out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Digest, FileAction, Lock, StoreError, check_inside, is_inner, read_nofollow, sweep_tree, write_whole};

const FORMAT: u32 = 1;
/// A manifest is a few KiB; more is not one of ours.
const MAX_MANIFEST: u64 = 16 << 20;

/// What one finished step read and wrote.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StepRecord {
    /// Name → digest or value, whatever decides the step's result.
    pub inputs: BTreeMap<String, String>,
    /// Path inside the run's folder → digest.
    pub outputs: BTreeMap<String, Digest>,
    pub seconds: f64,
    /// RFC 3339, UTC.
    pub finished_at: String,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Manifest {
    format: u32,
    tool_version: String,
    run: String,
    steps: BTreeMap<String, StepRecord>,
}

/// An open run; locked against a second tunesmith until dropped.
#[derive(Debug)]
pub struct RunDir {
    root: PathBuf,
    manifest: Manifest,
    _lock: Lock,
}

impl RunDir {
    /// Opens `runs/<id>`, creating it when absent. A manifest of another format is refused.
    pub fn open(root: &Path, id: &str) -> Result<Self, StoreError> {
        let lock = Lock::acquire(root.join(".lock"))?;
        // What a start of this run that was killed left: in its own folders (`gguf`, `final`, `eval`, …).
        sweep_tree(root, 2);
        let manifest = match read_manifest(&root.join("manifest.json"))? {
            Some(found) => found,
            None => Manifest {
                format: FORMAT,
                tool_version: env!("CARGO_PKG_VERSION").to_owned(),
                run: id.to_owned(),
                steps: BTreeMap::new(),
            },
        };
        Ok(Self { root: root.to_path_buf(), manifest, _lock: lock })
    }

    pub fn id(&self) -> &str {
        &self.manifest.run
    }

    /// A path inside the run's folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether `step` finished on these very inputs and everything it wrote is still there, byte for byte.
    pub fn done(&self, step: &str, inputs: &BTreeMap<String, String>) -> Result<bool, StoreError> {
        let Some(record) = self.manifest.steps.get(step) else { return Ok(false) };
        if record.inputs != *inputs {
            return Ok(false);
        }
        for (name, digest) in &record.outputs {
            let path = self.root.join(name);
            if !is_inner(Path::new(name)) || !is_own(&path) || Digest::of_file(&path)? != *digest {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Records a finished step; steps after it in the caller's order are not touched, their inputs no longer match.
    pub fn record(
        &mut self,
        step: &str,
        inputs: BTreeMap<String, String>,
        outputs: &[&str],
        took: Duration,
    ) -> Result<(), StoreError> {
        let outputs = outputs
            .iter()
            .map(|name| Ok(((*name).to_owned(), Digest::of_file(self.root.join(name))?)))
            .collect::<Result<_, StoreError>>()?;
        let finished_at = jiff::Timestamp::now().to_string();
        let record = StepRecord { inputs, outputs, seconds: took.as_secs_f64(), finished_at };
        self.manifest.steps.insert(step.to_owned(), record);
        self.manifest.tool_version = env!("CARGO_PKG_VERSION").to_owned();
        let path = self.root.join("manifest.json");
        let text = serde_json::to_vec_pretty(&self.manifest)
            .map_err(|e| StoreError::new(FileAction::WRITING, &path, std::io::Error::other(e)))?;
        write_whole(&path, &text)
    }

    pub fn step(&self, step: &str) -> Option<&StepRecord> {
        self.manifest.steps.get(step)
    }

    /// What another run's manifest records of a step; None where that folder has no manifest, or not this step.
    pub fn recorded(root: &Path, step: &str) -> Result<Option<StepRecord>, StoreError> {
        let manifest = read_manifest(&root.join("manifest.json"))?;
        Ok(manifest.and_then(|mut m| m.steps.remove(step)))
    }
}

/// Whether a file of a run is there, and is the run's: its folder may be a stranger's, whose links lead anywhere.
fn is_own(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|m| m.is_file()) && check_inside(path).is_ok()
}

impl StepRecord {
    /// Names of inputs that differ from these, in alphabetical order.
    pub fn changed(&self, inputs: &BTreeMap<String, String>) -> Vec<String> {
        let names: std::collections::BTreeSet<_> = self.inputs.keys().chain(inputs.keys()).collect();
        names.into_iter().filter(|name| self.inputs.get(*name) != inputs.get(*name)).cloned().collect()
    }
}

fn read_manifest(path: &Path) -> Result<Option<Manifest>, StoreError> {
    let fault = |e| StoreError::new(FileAction::READING, path, e);
    let bad = |what: String| fault(std::io::Error::new(std::io::ErrorKind::InvalidData, what));
    let Some(bytes) = read_nofollow(path, MAX_MANIFEST)? else { return Ok(None) };
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|e| bad(format!("{e}; move the run's folder away to start it anew")))?;
    if manifest.format != FORMAT {
        return Err(bad(format!(
            "format {}, this tunesmith writes {FORMAT}; move the run's folder away",
            manifest.format
        )));
    }
    Ok(Some(manifest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_done_only_on_the_same_inputs_and_untouched_outputs() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("r");
        let inputs = BTreeMap::from([("data".to_owned(), "sha256:1".to_owned())]);
        {
            let mut run = RunDir::open(&root, "r").unwrap();
            assert!(RunDir::open(&root, "r").is_err(), "locked");
            assert!(!run.done("train", &inputs).unwrap());
            write_whole(run.path("out"), b"weights").unwrap();
            run.record("train", inputs.clone(), &["out"], Duration::from_secs(1)).unwrap();
        }
        let run = RunDir::open(&root, "r").unwrap();
        assert!(run.done("train", &inputs).unwrap());
        assert!(!run.done("train", &BTreeMap::new()).unwrap());
        let record = RunDir::recorded(&root, "train").unwrap().unwrap();
        assert_eq!(record.changed(&inputs), Vec::<String>::new());
        assert_eq!(record.changed(&BTreeMap::from([("base".to_owned(), "sha256:2".to_owned())])), ["base", "data"]);
        assert!(RunDir::recorded(&root, "export").unwrap().is_none());
        assert!(RunDir::recorded(dir.path(), "train").unwrap().is_none());
        std::fs::write(run.path("out"), b"torn").unwrap();
        assert!(!run.done("train", &inputs).unwrap());
        // A link to what would fit is none of the run's files.
        #[cfg(unix)]
        {
            std::fs::write(dir.path().join("elsewhere"), b"weights").unwrap();
            std::fs::remove_file(run.path("out")).unwrap();
            std::os::unix::fs::symlink(dir.path().join("elsewhere"), run.path("out")).unwrap();
            assert!(!run.done("train", &inputs).unwrap());
        }
        drop(run);
        std::fs::write(root.join("manifest.json"), b"{").unwrap();
        assert!(RunDir::open(&root, "r").unwrap_err().to_string().contains("manifest.json"));
    }
}
