//! Answers kept as they are given, by model digest, request and daemon version: what was asked once of a model is not asked
//! again, not after Ctrl-C and not of a base for its next candidate. Vectors of texts are kept beside them
//! ([`super::KeptEmbedder`]).
//!
//! A folder with one file for each model ([`KeptFile`]). A cloned project may contain the folder: links are not followed.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::{Digest, FileAction, StoreError, write_whole};

use super::answerer::Answered;
use super::kept_file::{KeptFile, remove_kept};

/// Models whose answers are kept; the files not written for the longest time are removed.
const MAX_MODELS: usize = 64;

/// The answers of one model at a time ([`AnswerCache::select`]). Only finished answers are kept; failures are asked again.
#[derive(Debug)]
pub struct AnswerCache {
    folder: PathBuf,
    model: Option<ModelAnswers>,
    /// What was kept before is not used.
    ignores_kept: bool,
}

#[derive(Debug)]
struct ModelAnswers {
    digest: String,
    answers: KeptFile<Answered>,
}

impl AnswerCache {
    /// Opens or creates the folder.
    pub fn open(folder: &Path) -> Result<Self, StoreError> {
        // The folder and the `.tunesmith` above it are this program's; what is above those is the user's own.
        for own in [folder.parent(), Some(folder)].into_iter().flatten() {
            refuse_link(own)?;
        }
        std::fs::create_dir_all(folder).map_err(|e| StoreError::new(FileAction::Creating("folder"), folder, e))?;
        // A folder that can't be written to is noticed before anything is asked.
        tempfile::tempfile_in(folder).map_err(|e| StoreError::new(FileAction::Writing("in"), folder, e))?;
        let ignored = folder.join(".gitignore");
        if std::fs::symlink_metadata(&ignored).is_err() {
            write_whole(&ignored, b"*\n")?;
        }
        remove_oldest(folder);
        Ok(Self { folder: folder.to_path_buf(), model: None, ignores_kept: false })
    }

    /// As [`Self::open`], of the folder beside an output: an interrupted command asks nothing twice.
    pub fn beside(output: &Path) -> Result<Self, StoreError> {
        Self::open(&output.parent().unwrap_or(Path::new("")).join(".tunesmith").join("answers"))
    }

    /// From now on, what was kept before is not used. New answers are kept; the last one of a request counts.
    pub fn ignore_kept(&mut self) {
        self.ignores_kept = true;
    }

    /// Reads what is kept of the model with this digest.
    pub fn select(&mut self, model_digest: &str) -> Result<(), StoreError> {
        let answers = self.kept_file(model_digest)?;
        self.model = Some(ModelAnswers { digest: model_digest.to_owned(), answers });
        Ok(())
    }

    /// The file in the folder of what `whose` gave.
    pub(super) fn kept_file<V: Serialize + DeserializeOwned>(&self, whose: &str) -> Result<KeptFile<V>, StoreError> {
        let kept = KeptFile::open(&self.folder, whose)?;
        Ok(if self.ignores_kept { kept.without_values() } else { kept })
    }

    /// Removes that file.
    pub(super) fn remove_kept(&self, whose: &str) -> Result<(), StoreError> {
        remove_kept(&self.folder, whose)
    }

    /// The key of a request to the selected model.
    pub fn key(&self, request: &str) -> Digest {
        let digest = self.model.as_ref().map_or("", |m| m.digest.as_str());
        Digest::of_bytes(format!("answer v1\n{digest}\n{request}").as_bytes())
    }

    pub fn get(&self, key: &Digest) -> Option<&Answered> {
        self.model.as_ref()?.answers.get(key)
    }

    pub fn put(&mut self, key: Digest, answer: &Answered) -> Result<(), StoreError> {
        match &mut self.model {
            Some(model) => model.answers.put(key, answer.clone()),
            None => Ok(()),
        }
    }
}

fn refuse_link(path: &Path) -> Result<(), StoreError> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink() => {
            let why = "it is a symbolic link, which is not followed here; delete it";
            Err(StoreError::new(FileAction::Opening("the folder of kept answers"), path, std::io::Error::other(why)))
        }
        _ => Ok(()),
    }
}

/// Only files that have the name of such a file; what can't be removed stays.
fn remove_oldest(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let mut files: Vec<_> = entries
        .flatten()
        .filter(|entry| is_own_name(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(MAX_MODELS);
    for (_, path) in files.into_iter().take(surplus) {
        let _ = std::fs::remove_file(path);
    }
}

fn is_own_name(name: &str) -> bool {
    let stem = name.strip_suffix(".jsonl");
    stem.is_some_and(|s| s.len() == 64 && s.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    fn answer() -> Answered {
        Answered { text: "b\n".into(), done: true, ..Answered::default() }
    }

    fn opened(folder: &Path, model: &str) -> AnswerCache {
        let mut cache = AnswerCache::open(folder).unwrap();
        cache.select(model).unwrap();
        cache
    }

    fn file(folder: &Path) -> PathBuf {
        let mut files = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
        files.find(|p| p.extension().is_some_and(|e| e == "jsonl")).unwrap()
    }

    #[test]
    fn torn_and_damaged_lines_are_asked_again() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state/answers");
        let mut cache = opened(&folder, "m");
        let [a, b, c] = ["a", "b", "c"].map(|request| cache.key(request));
        cache.put(a, &answer()).unwrap();
        let path = file(&folder);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [b"{\"key\": 1}\n\xff\n", &whole[..], &whole[..20]].concat()).unwrap();
        let mut cache = opened(&folder, "m");
        assert_eq!((cache.get(&a), cache.get(&b)), (Some(&answer()), None));
        // Appended behind the torn line, and by two at once.
        let mut other = opened(&folder, "m");
        cache.put(b, &answer()).unwrap();
        other.put(c, &answer()).unwrap();
        let cache = opened(&folder, "m");
        assert!([a, b, c].iter().all(|key| cache.get(key).is_some()));
        assert_eq!(std::fs::read_to_string(folder.join(".gitignore")).unwrap(), "*\n");
    }

    #[test]
    fn what_is_asked_again_is_kept_in_the_place_of_what_was() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("state/answers");
        let mut cache = opened(&folder, "m");
        let key = cache.key("a");
        cache.put(key, &answer()).unwrap();
        let mut cache = AnswerCache::open(&folder).unwrap();
        cache.ignore_kept();
        cache.select("m").unwrap();
        assert_eq!(cache.get(&key), None);
        let newer = Answered { text: "another".into(), ..answer() };
        cache.put(key, &newer).unwrap();
        assert_eq!(opened(&folder, "m").get(&key), Some(&newer));
    }

    #[test]
    fn the_key_holds_weights_and_request() {
        let dir = tempfile::tempdir().unwrap();
        let mut cache = opened(dir.path(), "m");
        let key = cache.key("r");
        cache.put(key, &answer()).unwrap();
        assert_ne!(key, cache.key("s"));
        cache.select("n").unwrap();
        assert!(key != cache.key("r") && cache.get(&cache.key("r")).is_none());
        cache.select("m").unwrap();
        assert!(cache.get(&key).is_some());
    }

    #[test]
    fn models_beyond_the_limit_are_forgotten_and_other_files_stay() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("mine.jsonl"), "x").unwrap();
        let old = std::time::SystemTime::UNIX_EPOCH;
        let mut cache = opened(dir.path(), "old");
        for model in 0..MAX_MODELS {
            cache.select(&model.to_string()).unwrap();
        }
        let first = dir.path().join(format!("{}.jsonl", Digest::of_bytes(b"old").hex()));
        File::options().write(true).open(&first).unwrap().set_modified(old).unwrap();
        AnswerCache::open(dir.path()).unwrap();
        assert!(!first.exists() && dir.path().join("mine.jsonl").exists());
        let kept = std::fs::read_dir(dir.path())
            .unwrap()
            .filter(|e| is_own_name(&e.as_ref().unwrap().file_name().to_string_lossy()));
        assert_eq!(kept.count(), MAX_MODELS);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_other_kinds_of_files_are_refused() {
        use std::os::unix::fs::symlink;
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        std::fs::write(&victim, "kept").unwrap();
        let folder = dir.path().join("state/answers");
        let name = format!("{}.jsonl", Digest::of_bytes(b"m").hex());
        let mut cache = AnswerCache::open(&folder).unwrap();
        symlink(&victim, folder.join(&name)).unwrap();
        assert!(cache.select("m").is_err());
        std::fs::remove_file(folder.join(&name)).unwrap();
        std::fs::create_dir(folder.join(&name)).unwrap();
        assert!(cache.select("m").is_err());
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "kept");
        let elsewhere = dir.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::create_dir(dir.path().join("state2")).unwrap();
        symlink(&elsewhere, dir.path().join("state2/answers")).unwrap();
        symlink(&elsewhere, dir.path().join("state3")).unwrap();
        for folder in ["state2/answers", "state3/answers"] {
            let e = AnswerCache::open(&dir.path().join(folder)).unwrap_err().to_string();
            assert!(e.contains("symbolic link"), "{e}");
        }
        assert_eq!(std::fs::read_dir(&elsewhere).unwrap().count(), 0);
    }
}
