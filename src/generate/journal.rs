//! Answers of models kept as they are given, one line a call, so that a run that was killed goes on where it stopped.
//!
//! A line is written whole and synchronised with the disk before the answer is used. Only a line with an answer satisfies a
//! key; failed calls are written for the record and asked again. A last line without its end (a kill while it was written)
//! is cut off when the file is opened.

use std::collections::HashMap;
use std::fs::{File, TryLockError};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::{Digest, FileAction, OpenFor, StoreError, create_folder, open_nofollow};

const MAX_LINE: u64 = 4 << 20;
const MAX_FILE: u64 = 2 << 30;

#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} line {line}: is no entry of a journal: {reason}; delete the file to ask everything again", path.display())]
    Line { path: PathBuf, line: usize, reason: String },
    #[error("{}: another run is writing it; wait until it has ended, or name another output", path.display())]
    Busy { path: PathBuf },
    #[error("{}: is larger than {MAX_FILE} bytes; delete the file to ask everything again", path.display())]
    TooLarge { path: PathBuf },
}

/// What a call is known by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalLine {
    /// Of item, prompt, model identity and options.
    pub key: Digest,
    pub item: Digest,
    pub stage: String,
}

#[derive(Serialize, Deserialize)]
struct Entry<T> {
    #[serde(flatten)]
    line: JournalLine,
    #[serde(skip_serializing_if = "Option::is_none", default = "none")]
    answer: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    failed: Option<String>,
}

fn none<T>() -> Option<T> {
    None
}

/// The calls of one run, by key.
#[derive(Debug)]
pub struct Journal<T> {
    path: PathBuf,
    file: File,
    answers: HashMap<Digest, T>,
}

impl<T: Serialize + DeserializeOwned> Journal<T> {
    /// Opens or creates the file, and its folder, and reads it.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            create_folder(folder)?;
        }
        let fault = |e| StoreError::new(FileAction::Opening("the journal"), path, e);
        let file = open_nofollow(path, OpenFor::Append)?;
        // Released when the file is closed, however the process ends. A file system without locks has none.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            return Err(JournalError::Busy { path: path.to_path_buf() });
        }
        if file.metadata().map_err(fault)?.len() > MAX_FILE {
            return Err(JournalError::TooLarge { path: path.to_path_buf() });
        }
        let (answers, whole) = read(&file, path)?;
        file.set_len(whole).map_err(fault)?;
        Ok(Self { path: path.to_path_buf(), file, answers })
    }

    pub fn get(&self, key: &Digest) -> Option<&T> {
        self.answers.get(key)
    }

    /// How many answers there are.
    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }

    /// Keeps an answer.
    pub fn put(&mut self, line: JournalLine, answer: T) -> Result<(), JournalError> {
        let key = line.key;
        let entry = Entry { line, answer: Some(answer), failed: None };
        self.append(&entry)?;
        self.answers.extend(entry.answer.map(|answer| (key, answer)));
        Ok(())
    }

    /// Writes down a failure, which satisfies no key.
    pub fn put_failure(&mut self, line: JournalLine, reason: &str) -> Result<(), JournalError> {
        self.append(&Entry::<T> { line, answer: None, failed: Some(reason.to_owned()) })
    }

    fn append(&mut self, entry: &Entry<T>) -> Result<(), JournalError> {
        let fault = |e| StoreError::new(FileAction::Writing("a line of the journal"), &self.path, e);
        let mut line = serde_json::to_vec(entry).map_err(|e| fault(e.into()))?;
        if line.len() as u64 >= MAX_LINE {
            let reason =
                std::io::Error::other(format!("an answer of {} bytes is longer than a line may be", line.len()));
            return Err(fault(reason).into());
        }
        line.push(b'\n');
        self.file.write_all(&line).map_err(fault)?;
        self.file.sync_data().map_err(fault)?;
        Ok(())
    }
}

/// The answers, and how many bytes of the file are whole lines.
fn read<T: DeserializeOwned>(file: &File, path: &Path) -> Result<(HashMap<Digest, T>, u64), JournalError> {
    let fault = |e| StoreError::new(FileAction::READING, path, e);
    let mut reader = BufReader::new(file);
    let (mut answers, mut whole, mut line) = (HashMap::new(), 0, Vec::new());
    for number in 1.. {
        line.clear();
        let length = reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).map_err(fault)? as u64;
        if !line.ends_with(b"\n") && length < MAX_LINE {
            break;
        }
        let entry: Entry<T> = serde_json::from_slice(&line).map_err(|e| JournalError::Line {
            path: path.to_path_buf(),
            line: number,
            reason: e.to_string(),
        })?;
        answers.extend(entry.answer.map(|answer| (entry.line.key, answer)));
        whole += length;
    }
    Ok((answers, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> JournalLine {
        JournalLine {
            key: Digest::of_bytes(text.as_bytes()),
            item: Digest::of_bytes(b"item"),
            stage: "question".into(),
        }
    }

    fn key(text: &str) -> Digest {
        line(text).key
    }

    #[test]
    fn only_answers_satisfy_a_key() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.journal.jsonl");
        let mut journal = Journal::<String>::open(&path).unwrap();
        journal.put_failure(line("a"), "HTTP 500").unwrap();
        journal.put(line("b"), "answer".into()).unwrap();
        let check = |journal: &Journal<String>| {
            assert_eq!((journal.get(&key("a")), journal.get(&key("b")).map(String::as_str)), (None, Some("answer")));
            assert_eq!(journal.len(), 1);
        };
        check(&journal);
        assert!(matches!(Journal::<String>::open(&path), Err(JournalError::Busy { .. })));
        drop(journal);
        check(&Journal::open(&path).unwrap());
    }

    #[test]
    fn a_file_cut_at_any_byte_keeps_its_whole_lines_and_can_be_appended_to() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        let mut journal = Journal::<f64>::open(&path).unwrap();
        for (i, name) in ["a", "b", "c"].iter().enumerate() {
            journal.put(line(name), i as f64 / 3.0).unwrap();
        }
        drop(journal);
        let bytes = std::fs::read(&path).unwrap();
        for cut in 0..=bytes.len() {
            std::fs::write(&path, &bytes[..cut]).unwrap();
            let mut journal = Journal::<f64>::open(&path).unwrap();
            let whole = bytes[..cut].iter().filter(|b| **b == b'\n').count();
            assert_eq!(journal.len(), whole, "{cut}");
            for (i, name) in ["a", "b", "c"].iter().enumerate().skip(whole) {
                journal.put(line(name), i as f64 / 3.0).unwrap();
            }
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "{cut}");
        }
    }

    #[test]
    fn damage_within_the_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j");
        Journal::<f64>::open(&path).unwrap().put(line("a"), 1.0).unwrap();
        let whole = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, format!("{whole}{{}}\n{whole}")).unwrap();
        let message = Journal::<f64>::open(&path).unwrap_err().to_string();
        assert!(message.contains("line 2") && message.contains("delete the file"), "{message}");
        std::fs::write(&path, vec![b'x'; MAX_LINE as usize + 9]).unwrap();
        assert!(matches!(Journal::<f64>::open(&path), Err(JournalError::Line { line: 1, .. })));
        assert!(Journal::<f64>::open(dir.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        std::os::unix::fs::symlink(&victim, dir.path().join("j")).unwrap();
        assert!(Journal::<f64>::open(&dir.path().join("j")).is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
    }
}
