//! The scalars of a training as TensorBoard's event files, in `tensorboard/` beside its `metrics.jsonl`, from which they are
//! taken while it grows.

mod record;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::Failure;
use crate::events::Warning;
use crate::store::{
    FileAction, OpenFor, StoreError, check_inside, check_state_folder, check_writable, create_state_folder,
    open_nofollow,
};
use crate::train::METRICS;
use record::{Payload, Scalar};

const FOLDER: &str = "tensorboard";
/// What TensorBoard looks for in a name.
const PREFIX: &str = "events.out.tfevents.";
/// Tells our files from those that another program may put beside them.
const SUFFIX: &str = ".tunesmith";

/// Whether event files can be written below `output`.
pub(super) fn check(output: &Path) -> Result<(), Failure> {
    let folder = output.join(FOLDER);
    let hint = "nothing was trained yet: make it writable, or leave out `tensorboard`";
    check_state_folder(&folder).and_then(|()| check_writable(&folder)).map_err(|e| Failure::from(e).hint(hint))
}

/// The event file of a training that goes on, where one is wanted. After its first fault nothing is written: the training does
/// not end for it.
#[derive(Debug, Default)]
pub(super) struct Following {
    file: Option<EventFile>,
}

impl Following {
    /// `output`: the training's folder.
    pub(super) fn begin(&mut self, output: &Path) -> Result<(), Warning> {
        let begun = EventFile::create(output);
        self.file = Some(begun.map_err(|fault| Self::fault(&output.join(FOLDER), &fault))?);
        Ok(())
    }

    /// The metrics have grown.
    pub(super) fn follow(&mut self) -> Result<(), Warning> {
        let Some(mut file) = self.file.take() else { return Ok(()) };
        file.follow().map_err(|fault| Self::fault(&file.path, &fault))?;
        self.file = Some(file);
        Ok(())
    }

    fn fault(path: &Path, fault: &Failure) -> Warning {
        Warning::TensorBoardNotWritten { path: path.to_path_buf(), reason: fault.message() }
    }
}

/// An event file that follows `metrics.jsonl`.
#[derive(Debug)]
struct EventFile {
    file: File,
    path: PathBuf,
    metrics: File,
    /// Bytes of `metrics` that are written.
    read: u64,
}

impl EventFile {
    /// A new file in place of the earlier ones of this training, which it holds too: what a resumed training kept of its metrics
    /// is written again, and TensorBoard is told to forget what it has read.
    fn create(output: &Path) -> Result<Self, Failure> {
        let folder = output.join(FOLDER);
        create_state_folder(&folder)?;
        remove_earlier(&folder)?;
        let now = jiff::Timestamp::now();
        // TensorBoard reads the files of a folder in the order of their names.
        let path = folder.join(format!("{PREFIX}{:010}.{:09}{SUFFIX}", now.as_second(), now.subsec_nanosecond()));
        let file = open_nofollow(&path, OpenFor::Append)?;
        let metrics = open_nofollow(&output.join(METRICS), OpenFor::Read)?;
        let mut events = Self { file, path, metrics, read: 0 };
        let mut head = record::framed(&record::event(seconds(now), 0, &Payload::FileVersion));
        head.extend(record::framed(&record::event(seconds(now), 0, &Payload::SessionStart)));
        events.write(&head)?;
        events.follow()?;
        Ok(events)
    }

    /// Writes the whole lines that the metrics have had since.
    fn follow(&mut self) -> Result<(), Failure> {
        let fault = |e| StoreError::new(FileAction::READING, METRICS, e);
        let mut bytes = Vec::new();
        self.metrics.seek(SeekFrom::Start(self.read)).map_err(fault)?;
        self.metrics.read_to_end(&mut bytes).map_err(fault)?;
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let now = seconds(jiff::Timestamp::now());
        let mut records = Vec::new();
        for line in bytes[..whole].split(|byte| *byte == b'\n') {
            let Ok(Value::Object(row)) = serde_json::from_slice(line) else { continue };
            // The training's own line has no step.
            let Some(step) = row.get("step").and_then(Value::as_u64) else { continue };
            let scalars = scalars(&row);
            if !scalars.is_empty() {
                records.extend(record::framed(&record::event(now, step, &Payload::Scalars(&scalars))));
            }
        }
        self.read += whole as u64;
        self.write(&records)
    }

    /// Whole records in one write, so that a reader beside us sees whole ones.
    fn write(&mut self, records: &[u8]) -> Result<(), Failure> {
        Ok(self.file.write_all(records).map_err(|e| StoreError::new(FileAction::WRITING, &self.path, e))?)
    }
}

/// Of 1970, as TensorBoard counts.
fn seconds(time: jiff::Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn remove_earlier(folder: &Path) -> Result<(), Failure> {
    let fault = |e| StoreError::new(FileAction::READING, folder, e);
    for entry in std::fs::read_dir(folder).map_err(fault)? {
        let entry = entry.map_err(fault)?;
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        if is_ours && entry.file_type().map_err(fault)?.is_file() {
            let path = entry.path();
            check_inside(&path)?;
            std::fs::remove_file(&path).map_err(|e| StoreError::new(FileAction::REMOVING, &path, e))?;
        }
    }
    Ok(())
}

/// The numbers of a line, under the names that other trainers give them: `train/loss`, `eval/loss`, `epoch/train_loss`.
fn scalars(row: &Map<String, Value>) -> Vec<Scalar> {
    let is_step = row.contains_key("train_loss");
    let scalar = |(key, value): (&String, &Value)| {
        let tag = match key.split_once('_') {
            _ if key == "step" || (key == "epoch" && !is_step) => return None,
            Some((group @ ("train" | "eval" | "epoch"), rest)) => format!("{group}/{rest}"),
            _ => format!("train/{key}"),
        };
        Some(Scalar { tag, value: value.as_f64()? as f32 })
    };
    row.iter().filter_map(scalar).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(output: &Path) -> Vec<PathBuf> {
        let mut found: Vec<_> =
            std::fs::read_dir(output.join(FOLDER)).unwrap().map(|entry| entry.unwrap().path()).collect();
        found.sort();
        found
    }

    /// (step, tag, value) of every scalar, and the number of records.
    fn read(path: &Path) -> (Vec<(u64, String, f32)>, usize) {
        let bytes = std::fs::read(path).unwrap();
        let events = record::tests::read(&bytes);
        let scalars =
            events.iter().flat_map(|event| event.scalars.iter().map(|s| (event.step, s.tag.clone(), s.value)));
        (scalars.collect(), events.len())
    }

    #[test]
    fn an_event_file_follows_the_metrics_by_whole_lines() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = dir.path().join(METRICS);
        std::fs::write(
            &metrics,
            "{\"step\":1,\"epoch\":0.5,\"train_loss\":4.0,\"learning_rate\":0.25,\"train_samples_per_second\":8.0}\n",
        )
        .unwrap();
        let mut events = EventFile::create(dir.path()).unwrap();
        let more = |text: &str| {
            std::fs::OpenOptions::new().append(true).open(&metrics).unwrap().write_all(text.as_bytes()).unwrap()
        };
        more("{\"step\":1,\"epoch\":0.5,\"eval_loss\":3.0}\n{\"step\":2,\"train_l");
        events.follow().unwrap();
        let [file] = &files(dir.path())[..] else { panic!() };
        let mut wanted = vec![
            (1, "train/epoch".to_owned(), 0.5),
            (1, "train/loss".to_owned(), 4.0),
            (1, "train/learning_rate".to_owned(), 0.25),
            (1, "train/samples_per_second".to_owned(), 8.0),
            (1, "eval/loss".to_owned(), 3.0),
        ];
        let sorted = |mut scalars: Vec<(u64, String, f32)>| {
            scalars.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
            scalars
        };
        assert_eq!(sorted(read(file).0), sorted(wanted.clone()), "the torn line is not read yet");
        more(
            "oss\":2.0}\n{\"step\":2,\"epoch\":1.0,\"epoch_train_loss\":3.0}\n{\"steps\":2,\"train_loss\":3.0,\"duration_seconds\":1.0}\n",
        );
        events.follow().unwrap();
        wanted.extend([(2, "train/loss".to_owned(), 2.0), (2, "epoch/train_loss".to_owned(), 3.0)]);
        assert_eq!(sorted(read(file).0), sorted(wanted));
        events.follow().unwrap();
        // Version, start, and the four lines with a step.
        assert_eq!(read(file).1, 6);
    }

    #[test]
    fn a_resumed_training_has_one_file_and_no_step_twice() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = dir.path().join(METRICS);
        std::fs::write(&metrics, "{\"step\":1,\"train_loss\":4.0}\n{\"step\":2,\"train_loss\":3.0}\n").unwrap();
        drop(EventFile::create(dir.path()).unwrap());
        std::fs::write(dir.path().join(FOLDER).join("events.out.tfevents.1.other"), "theirs").unwrap();
        // From the checkpoint after step 1.
        std::fs::write(&metrics, "{\"step\":1,\"train_loss\":4.0}\n").unwrap();
        let mut events = EventFile::create(dir.path()).unwrap();
        std::fs::OpenOptions::new()
            .append(true)
            .open(&metrics)
            .unwrap()
            .write_all(b"{\"step\":2,\"train_loss\":2.5}\n")
            .unwrap();
        events.follow().unwrap();
        let found = files(dir.path());
        let [theirs, ours] = &found[..] else { panic!("{found:?}") };
        assert!(theirs.ends_with("events.out.tfevents.1.other"), "{found:?}");
        let (scalars, _) = read(ours);
        assert_eq!(scalars, [(1, "train/loss".to_owned(), 4.0), (2, "train/loss".to_owned(), 2.5)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_disk_is_a_warning_and_said_once() {
        let dir = tempfile::tempdir().unwrap();
        let metrics = dir.path().join(METRICS);
        std::fs::write(&metrics, "").unwrap();
        let mut following = Following::default();
        assert_eq!(following.follow(), Ok(()), "none is wanted");
        following.begin(dir.path()).unwrap();
        following.file.as_mut().unwrap().file = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        std::fs::write(&metrics, "{\"step\":1,\"train_loss\":4.0}\n").unwrap();
        let Err(Warning::TensorBoardNotWritten { path, reason }) = following.follow() else { panic!() };
        assert!(path.starts_with(dir.path().join(FOLDER)) && reason.contains("No space left"), "{reason}");
        assert_eq!(following.follow(), Ok(()));
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_refused_before_the_training() {
        let dir = tempfile::tempdir().unwrap();
        check(dir.path()).unwrap();
        check(&dir.path().join("new")).unwrap();
        std::fs::write(dir.path().join(FOLDER), "a file").unwrap();
        let failure = check(dir.path()).unwrap_err();
        assert!(failure.message().contains("it is not a folder"), "{failure}");
        assert!(failure.hint.unwrap().contains("nothing was trained yet"));
        assert!(Following::default().begin(dir.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_in_the_place_of_the_folder_is_refused() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(dir.path().join(METRICS), "").unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), dir.path().join(FOLDER)).unwrap();
        assert!(EventFile::create(dir.path()).is_err());
        assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
    }
}
