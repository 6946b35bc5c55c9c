//! The files of a run's folder that the page is made from. Each may be missing, and each may be a stranger's.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use super::choices::Choices;
use super::control::Control;
use super::curves::Metrics;
use super::earlier::{Earlier, Origins};
use super::likelihood::Likelihood;
use super::log::RunLog;
use super::options::RunOptions;
use super::scorecard::Scorecard;
use crate::store::{FileAction, RunDir, StepRecord, StoreError, read_nofollow};

/// What a run, a training (`train`) or an evaluation (`eval`) left in its folder.
#[derive(Clone, Debug, Default)]
pub struct RunFiles {
    /// The folder's name.
    pub(super) name: String,
    pub(super) log: RunLog,
    pub(super) metrics: Metrics,
    /// `train.json`, else the last line of `metrics.jsonl`.
    pub(super) training: Map<String, Value>,
    pub(super) scorecards: Vec<Scorecard>,
    /// Of the last evaluation.
    pub(super) likelihood: Option<Likelihood>,
    pub(super) choices: Option<Choices>,
    pub(super) control: Option<Control>,
    pub(super) survival: Vec<TensorSurvival>,
    pub(super) proof: Option<Proof>,
    pub(super) options: Option<RunOptions>,
    pub(super) fingerprint: Map<String, Value>,
    pub(super) registered: Map<String, Value>,
    /// `final/tunesmith.json`.
    pub(super) adapter: Map<String, Value>,
    /// Finished steps by their order.
    pub(super) steps: Vec<Step>,
    /// What was read and left out again.
    pub(super) earlier: Earlier,
    /// Files that are there and can't be read.
    pub(super) faults: Vec<String>,
    /// Every file that was read.
    pub(super) read: Vec<PathBuf>,
}

/// A step of the run's manifest.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub name: &'static str,
    pub record: StepRecord,
}

/// A row of `gguf/survival.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct TensorSurvival {
    pub tensor: String,
    pub from: String,
    pub to: String,
    pub rounding: String,
    pub slope: Option<f64>,
    pub standard_error: Option<f64>,
    pub relative_delta: Option<f64>,
}

/// `proof.json`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Proof {
    pub model: String,
    pub kind: String,
    pub passed: bool,
    pub legs: Vec<Leg>,
    pub daemon_version: String,
    pub exported: Option<String>,
    pub probes: u64,
    pub seed: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Leg {
    pub name: String,
    pub passed: bool,
    pub summary: String,
    pub faults: Vec<String>,
    pub numbers: Map<String, Value>,
}

/// A line a step: a million steps are some hundred MiB.
const MAX_METRICS: u64 = 1 << 30;
const MAX_EVENTS: u64 = 256 << 20;
/// Some 100,000 answers.
const MAX_SCORECARD: u64 = 256 << 20;
const MAX_SMALL: u64 = 16 << 20;
/// As of a config.
const MAX_OPTIONS: u64 = 4 << 20;
/// A role has a few suites.
const MAX_SCORECARDS: usize = 100;

impl RunFiles {
    /// Reads what there is. A file that is damaged, too large or a link is named on the page; nothing of it is shown.
    pub fn read(folder: &Path) -> Result<Self, StoreError> {
        std::fs::read_dir(folder).map_err(|e| StoreError::new(FileAction::READING, folder, e))?;
        let real = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let name = real.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
        let mut files = Self { name, ..Self::default() };
        let mut reading = Reading { folder, faults: Vec::new(), read: Vec::new() };
        files.log = reading.text("events.jsonl", MAX_EVENTS).map(|t| RunLog::parse(&t)).unwrap_or_default();
        files.metrics = reading.text("metrics.jsonl", MAX_METRICS).map(|t| Metrics::parse(&t)).unwrap_or_default();
        files.training = reading.json("train.json").or_else(|| files.metrics.summary.clone()).unwrap_or_default();
        files.survival = reading.json("gguf/survival.json").unwrap_or_default();
        files.proof = reading.json("proof.json");
        files.options = reading.options();
        files.fingerprint = reading.json("data/fingerprint.json").unwrap_or_default();
        files.registered = reading.json("registered.json").unwrap_or_default();
        files.adapter = reading.json("final/tunesmith.json").unwrap_or_default();
        files.steps = reading.steps();
        files.scorecards = reading.scorecards();
        let found: Option<Likelihood> =
            reading.json("eval/likelihood.json").or_else(|| reading.json("likelihood.json"));
        let choices: Option<Choices> = reading.json("eval/choices.json").or_else(|| reading.json("choices.json"));
        let control: Option<Control> = reading.json("eval/control.json").or_else(|| reading.json("control.json"));
        let last = files.evaluation().map(|m| m.timestamp.clone());
        let last = last.as_deref();
        files.control = control.filter(|found| last == Some(found.timestamp.as_str()));
        files.choices = choices.filter(|found| last == Some(found.timestamp.as_str()));
        files.likelihood = found.filter(|found| last == Some(found.timestamp.as_str()));
        (files.faults, files.read) = (reading.faults, reading.read);
        files.leave_out_earlier();
        Ok(files)
    }

    fn leave_out_earlier(&mut self) {
        let step = |name: &str| self.steps.iter().find(|step| step.name == name).map(|step| &step.record);
        let earlier = Earlier::of(&Origins {
            train: step("train"),
            export: step("export"),
            proof: self.proof.as_ref().and_then(|proof| proof.exported.as_deref()),
            registered: &self.registered,
            evaluation: self.evaluation(),
        });
        self.earlier = earlier;
        if earlier.export {
            self.survival.clear();
            self.steps.retain(|step| step.name != "export");
        }
        if earlier.proof {
            self.proof = None;
            self.steps.retain(|step| step.name != "prove");
        }
        if earlier.registered {
            self.registered.clear();
        }
        if earlier.evaluation {
            self.scorecards.clear();
        }
    }

    /// What a section is not about, where files of an earlier adapter were left out.
    pub(super) fn of_this_adapter(&self) -> &'static str {
        if self.earlier.evaluation { " of this adapter" } else { "" }
    }

    /// Whether the folder is one of tunesmith's at all.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.faults.is_empty()
    }

    /// The files that were read, which the page must not replace.
    pub fn paths(&self) -> &[PathBuf] {
        &self.read
    }

    /// Of the evaluation, the same in each scorecard.
    pub(super) fn evaluation(&self) -> Option<&super::scorecard::Metadata> {
        self.scorecards.first().map(|card| &card.metadata)
    }

    /// The model that the run made or the evaluation asked.
    pub(super) fn model(&self) -> Option<&str> {
        let evaluated = self.evaluation().map(|m| m.finetuned_model.as_str()).filter(|m| !m.is_empty());
        evaluated.or_else(|| self.option("output_model_name"))
    }

    /// What `run.yaml` says; None where it says nothing.
    pub(super) fn option(&self, key: &str) -> Option<&str> {
        self.options.as_ref()?.get(key)
    }
}

/// Reads the files of a folder, and remembers which, and which failed.
struct Reading<'a> {
    folder: &'a Path,
    faults: Vec<String>,
    read: Vec<PathBuf>,
}

impl Reading<'_> {
    fn bytes(&mut self, name: &str, limit: u64) -> Option<Vec<u8>> {
        let path = self.folder.join(name);
        let between = path.parent().filter(|parent| *parent != self.folder);
        if between.is_some_and(|p| std::fs::symlink_metadata(p).is_ok_and(|m| m.is_symlink())) {
            self.faults.push(format!("{name}: its folder is a symbolic link, which is not followed here"));
            return None;
        }
        match read_nofollow(&path, limit) {
            Ok(Some(bytes)) => {
                self.read.push(path);
                Some(bytes)
            }
            Ok(None) => None,
            Err(e) => {
                self.faults.push(format!("{name}: {}", e.source));
                None
            }
        }
    }

    fn text(&mut self, name: &str, limit: u64) -> Option<String> {
        Some(String::from_utf8_lossy(&self.bytes(name, limit)?).into_owned())
    }

    fn json<T: serde::de::DeserializeOwned>(&mut self, name: &str) -> Option<T> {
        let bytes = self.bytes(name, MAX_SMALL)?;
        match serde_json::from_slice(&bytes) {
            Ok(value) => Some(value),
            Err(e) => {
                self.faults.push(format!("{name}: {e}"));
                None
            }
        }
    }

    fn options(&mut self) -> Option<RunOptions> {
        match RunOptions::parse(self.text("run.yaml", MAX_OPTIONS)?) {
            Ok(options) => Some(options),
            Err(why) => {
                self.faults.push(format!("run.yaml: {why}"));
                None
            }
        }
    }

    fn steps(&mut self) -> Vec<Step> {
        let mut steps = Vec::new();
        for name in ["train", "export", "prove"] {
            match RunDir::recorded(self.folder, name) {
                Ok(record) => steps.extend(record.map(|record| Step { name, record })),
                Err(e) => {
                    self.faults.push(format!("manifest.json: {}", e.source));
                    break;
                }
            }
        }
        let manifest = self.folder.join("manifest.json");
        if !steps.is_empty() {
            self.read.push(manifest);
        }
        steps
    }

    /// Of a run in `eval/`, of `tunesmith eval` beside the page. An earlier evaluation may have left scorecards of suites that
    /// the last one did not ask: only the last one's are shown.
    fn scorecards(&mut self) -> Vec<Scorecard> {
        let mut cards = self.scorecards_in("eval/");
        if cards.is_empty() {
            cards = self.scorecards_in("");
        }
        let last = cards.iter().map(|card| card.metadata.timestamp.clone()).max().unwrap_or_default();
        cards.retain(|card| card.metadata.timestamp == last);
        // The role's own suites first.
        cards.sort_by_key(|card| (card.metadata.suite.starts_with("builtin:"), card.metadata.suite.clone()));
        cards
    }

    fn scorecards_in(&mut self, below: &str) -> Vec<Scorecard> {
        const OTHERS: [&str; 8] = [
            "choices.json",
            "control.json",
            "judge.json",
            "likelihood.json",
            "train.json",
            "proof.json",
            "registered.json",
            "manifest.json",
        ];
        let Ok(entries) = std::fs::read_dir(self.folder.join(below)) else { return Vec::new() };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> =
            names.filter(|n| n.ends_with(".json") && !n.starts_with('.') && !OTHERS.contains(&n.as_str())).collect();
        names.sort();
        if names.len() > MAX_SCORECARDS {
            let (count, place) = (names.len(), if below.is_empty() { "the folder" } else { below });
            self.faults.push(format!("{place} has {count} JSON files: the first {MAX_SCORECARDS} were looked at"));
            names.truncate(MAX_SCORECARDS);
        }
        let mut cards = Vec::new();
        for name in names {
            let path = format!("{below}{name}");
            let Some(bytes) = self.bytes(&path, MAX_SCORECARD) else { continue };
            match serde_json::from_slice::<Scorecard>(&bytes) {
                Ok(card) => cards.push(Scorecard { path, ..card }),
                // Beside the page of `eval` may lie anything.
                Err(_) if below.is_empty() => {
                    self.read.pop();
                }
                Err(e) => self.faults.push(format!("{path}: {e}")),
            }
        }
        cards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_are_named_and_the_others_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("eval")).unwrap();
        std::fs::write(at("proof.json"), "{\"passed\": ").unwrap();
        std::fs::write(at("eval/x.json"), "{}").unwrap();
        std::fs::write(at("eval/judge.json"), "{\"judge\": \"m\"}").unwrap();
        std::fs::write(at("manifest.json"), "[]").unwrap();
        std::fs::write(at("run.yaml"), "seed: 7\nrole: null\noutput_model_name: 'x:v2'\n").unwrap();
        let files = RunFiles::read(dir.path()).unwrap();
        let faults = files.faults.join("\n");
        assert!(["proof.json: ", "eval/x.json: ", "manifest.json: "].iter().all(|f| faults.contains(f)), "{faults}");
        assert_eq!((files.option("seed"), files.option("role"), files.model()), (Some("7"), None, Some("x:v2")));
        assert!(!files.is_empty() && files.scorecards.is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("secret"), "{\"model\": \"secret\"}").unwrap();
        let run = dir.path().join("run");
        std::fs::create_dir(&run).unwrap();
        std::os::unix::fs::symlink(dir.path().join("secret"), run.join("proof.json")).unwrap();
        let files = RunFiles::read(&run).unwrap();
        assert!(files.proof.is_none() && files.faults[0].starts_with("proof.json: it is a symbolic link"), "{files:?}");
    }

    #[test]
    fn a_folder_of_something_else_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("package.json"), "{}").unwrap();
        assert!(RunFiles::read(dir.path()).unwrap().is_empty());
        assert!(RunFiles::read(&dir.path().join("none")).is_err());
    }
}
