//! `events.jsonl`: a line an event, appended.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::event::{Event, VERSION};
use super::observer::Observer;
use crate::store::{FileAction, OpenFor, StoreError, open_nofollow};

/// Between two lines on the progress of a stage, at least: a training has thousands of steps, and `metrics.jsonl` keeps those.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// Appends to a run's `events.jsonl`. A line that can't be written is left out: the log must not end the work that it is about.
#[derive(Debug)]
pub struct EventLog {
    file: File,
    last_progress: Option<Instant>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    /// RFC 3339, UTC.
    time: String,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventLog {
    /// The file's name in the folder of a run or of a training.
    pub const NAME: &str = "events.jsonl";

    /// Opens the file for appending, creating it where it is absent; a link is refused. A last line that a killed process left
    /// unfinished is ended, so that it stays alone.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let mut file = open_nofollow(path, OpenFor::Append)?;
        let fault = |e| StoreError::new(FileAction::WRITING, path, e);
        if !ends_a_line(&mut file).map_err(fault)? {
            file.write_all(b"\n").map_err(fault)?;
        }
        Ok(Self { file, last_progress: None })
    }
}

/// Whether the file is empty or its last byte ends a line.
fn ends_a_line(file: &mut File) -> std::io::Result<bool> {
    if file.metadata()?.len() == 0 {
        return Ok(true);
    }
    file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

impl Observer for EventLog {
    fn on(&mut self, event: &Event) {
        if matches!(event, Event::StageAdvanced { .. }) {
            if self.last_progress.is_some_and(|last| last.elapsed() < PROGRESS_INTERVAL) {
                return;
            }
            self.last_progress = Some(Instant::now());
        }
        let line = Line { version: VERSION, time: jiff::Timestamp::now().to_string(), event };
        if let Ok(text) = serde_json::to_string(&line) {
            drop(self.file.write_all(format!("{text}\n").as_bytes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Note, Outcome, Stage, Unit};

    fn lines(path: &Path) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    #[test]
    fn a_line_is_an_event_with_its_version_and_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EventLog::NAME);
        let mut log = EventLog::open(&path).unwrap();
        let begun = Event::StageBegun { stage: Stage::AskV1, unit: Unit::Prompts, total: Some(3) };
        let outcome = Outcome::Answered { model: "m:v1".into() };
        let ended = Event::StageEnded { stage: Stage::AskV1, seconds: 1.5, outcome };
        log.on(&begun);
        for done in 0..100 {
            log.on(&Event::StageAdvanced { stage: Stage::AskV1, done, total: Some(3), detail: None });
        }
        log.on(&ended);
        let found = lines(&path);
        assert_eq!(found.len(), 3, "one line of progress a second: {found:?}");
        assert_eq!((&found[0]["version"], &found[0]["event"]), (&VERSION.into(), &"stage_begun".into()));
        assert!(found[0]["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(found[2]["outcome"]["answered"]["model"], "m:v1");
        let read: Event = serde_json::from_value(found[2].clone()).unwrap();
        assert_eq!(read, ended, "what is written is read again");
    }

    #[test]
    fn a_line_that_was_cut_stays_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EventLog::NAME);
        std::fs::write(&path, "{\"version\":1,\"ev").unwrap();
        for model in ["a", "b"] {
            EventLog::open(&path).unwrap().on(&Event::Note(Note::NotProved { model: model.into() }));
        }
        let models: Vec<_> = lines(&path).iter().map(|line| line["model"].clone()).collect();
        assert_eq!(models, ["a", "b"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(EventLog::NAME);
        std::fs::write(dir.path().join("other"), "x").unwrap();
        std::os::unix::fs::symlink(dir.path().join("other"), &path).unwrap();
        EventLog::open(&path).unwrap_err();
        assert_eq!(std::fs::read_to_string(dir.path().join("other")).unwrap(), "x");
    }
}
