//! `metrics.jsonl`: a JSON object a line; those of an optimiser step have `step` and `train_loss`.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::Value;

use super::TrainError;
use crate::store::{FileAction, OpenFor, StoreError, open_nofollow, read_nofollow, write_whole};

/// A line a step: a million steps are some hundred MiB.
const MAX_BYTES: u64 = 1 << 30;
/// The name that every training writes it by in its output, from its first step on.
pub const METRICS: &str = "metrics.jsonl";

#[derive(Debug)]
pub(super) struct Metrics {
    file: File,
    path: PathBuf,
}

impl Metrics {
    /// Keeps the whole lines up to `step` of an earlier part of the run (none for 0), of that step's evaluation where it
    /// was `evaluated`: what stands after them, a torn last line too, is done again.
    pub(super) fn open(output: &Path, step: u64, evaluated: bool) -> Result<Self, TrainError> {
        let path = output.join(METRICS);
        let kept = match step {
            0 => String::new(),
            _ => kept(&read_nofollow(&path, MAX_BYTES)?.unwrap_or_default(), step, evaluated),
        };
        write_whole(&path, kept.as_bytes())?;
        let file = open_nofollow(&path, OpenFor::Append)?;
        Ok(Self { file, path })
    }

    pub(super) fn line(&mut self, value: &impl Serialize) -> Result<(), TrainError> {
        let mut text = serde_json::to_string(value).map_err(|e| TrainError::Other(format!("metrics.jsonl: {e}")))?;
        text.push('\n');
        // One write a line, so that a reader beside us sees whole ones.
        self.file.write_all(text.as_bytes()).map_err(|e| StoreError::new(FileAction::WRITING, &self.path, e).into())
    }
}

/// Whether the last training that wrote `metrics.jsonl` in `output` came to its end: then its summary is the last line.
pub(super) fn finished(output: &Path) -> bool {
    let text = read_nofollow(&output.join(METRICS), MAX_BYTES).ok().flatten().unwrap_or_default();
    let last = text.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    serde_json::from_slice::<Value>(last).is_ok_and(|line| line.get("duration_seconds").is_some())
}

fn kept(bytes: &[u8], step: u64, evaluated: bool) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    for line in text.split_inclusive('\n').filter(|l| l.ends_with('\n')) {
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else { continue };
        // The summary of a run that is continued is none any more.
        let Some(at) = fields.get("step").and_then(Value::as_u64) else { continue };
        let again = at == step && !evaluated && fields.contains_key("eval_loss");
        if at <= step && !again {
            out.push_str(line);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_after_the_checkpoint_and_a_torn_one_are_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("metrics.jsonl");
        std::fs::write(&path, "{\"step\":1}\n{\"step\":2}\n{\"steps\":2}\n{\"step\":3}\n{\"step\":2,\"ev").unwrap();
        let mut metrics = Metrics::open(dir.path(), 2, true).unwrap();
        metrics.line(&serde_json::json!({"step": 3})).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":1}\n{\"step\":2}\n{\"step\":3}\n");
        // A checkpoint from before its step's evaluation: that is made again, the earlier ones are not.
        std::fs::write(&path, "{\"step\":1,\"eval_loss\":3}\n{\"step\":2}\n{\"step\":2,\"eval_loss\":2}\n").unwrap();
        Metrics::open(dir.path(), 2, true).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 3);
        Metrics::open(dir.path(), 2, false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "{\"step\":1,\"eval_loss\":3}\n{\"step\":2}\n");
        Metrics::open(dir.path(), 0, false).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
