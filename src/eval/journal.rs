//! Answers kept as they come: what was asked once is not asked again, after Ctrl-C or in the next evaluation.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::store::{Digest, StoreError};

use super::answerer::{Answered, Question};
use super::fault::EvalError;

/// One line of the file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Entry {
    key: Digest,
    answer: Answered,
}

/// A file of answers by (model's digest, request, signature). Only finished answers are kept; failures are asked again.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    file: File,
    answers: HashMap<Digest, Answered>,
}

impl Journal {
    /// Opens or creates it. A torn last line (a kill while writing) is cut off; a damaged one before it is an error.
    pub fn open(path: &Path) -> Result<Self, EvalError> {
        let fault = |e| StoreError::new("opening the journal of answers", path, e);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|e| StoreError::new("creating folder", folder, e))?;
        }
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(fault)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fault)?;
        let whole = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        if whole < bytes.len() {
            file.set_len(whole as u64).map_err(fault)?;
            file.seek(SeekFrom::End(0)).map_err(fault)?;
        }
        let mut answers = HashMap::new();
        for (i, line) in bytes[..whole].split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.is_empty()) {
            let entry: Entry = serde_json::from_slice(line).map_err(|e| EvalError::Journal {
                path: path.to_path_buf(),
                line: i + 1,
                reason: e.to_string(),
            })?;
            answers.insert(entry.key, entry.answer);
        }
        Ok(Self { path: path.to_path_buf(), file, answers })
    }

    /// The key of a question: the same bytes asked of the same weights in the same way.
    pub fn key(model_digest: &str, signature: &str, question: &Question) -> Digest {
        let question = serde_json::json!({
            "messages": question.messages, "seed": question.seed, "max_tokens": question.max_tokens,
            "plain": question.plain,
        });
        Digest::of_bytes(format!("{model_digest}\n{signature}\n{question}").as_bytes())
    }

    pub fn get(&self, key: &Digest) -> Option<&Answered> {
        self.answers.get(key)
    }

    pub fn put(&mut self, key: Digest, answer: &Answered) -> Result<(), EvalError> {
        let fault = |e: std::io::Error| StoreError::new("writing the journal of answers", &self.path, e);
        let mut line = serde_json::to_vec(&Entry { key, answer: answer.clone() }).map_err(|e| fault(e.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(fault)?;
        self.answers.insert(key, answer.clone());
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.answers.len()
    }

    pub fn is_empty(&self) -> bool {
        self.answers.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(text: &str) -> Question {
        let messages = vec![crate::chat::Message { role: crate::chat::Role::User, content: text.into() }];
        Question { model: "m".into(), messages, seed: 1, max_tokens: None, plain: false }
    }

    #[test]
    fn a_torn_line_is_forgotten_and_a_damaged_one_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("j/answers.jsonl");
        let key = Journal::key("d", "s", &question("a"));
        let answer = Answered { text: "b\n".into(), done: true, ..Answered::default() };
        Journal::open(&path).unwrap().put(key, &answer).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..20]].concat()).unwrap();
        let mut journal = Journal::open(&path).unwrap();
        assert_eq!((journal.get(&key), journal.len()), (Some(&answer), 1));
        journal.put(Journal::key("d2", "s", &question("a")), &answer).unwrap();
        assert_eq!(Journal::open(&path).unwrap().len(), 2);
        std::fs::write(&path, [&whole[..20], b"\n", &whole[..]].concat()).unwrap();
        assert!(Journal::open(&path).unwrap_err().to_string().contains("line 1"));
    }

    #[test]
    fn the_key_holds_weights_way_and_words() {
        let key = |d: &str, s: &str, q: &str| Journal::key(d, s, &question(q));
        let all = [key("d", "s", "q"), key("e", "s", "q"), key("d", "t", "q"), key("d", "s", "r")];
        assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), 4);
    }
}
