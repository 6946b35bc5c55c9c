//! `.tunesmith/registry.jsonl`: append-only, a line an event, each on disk before the next step is taken.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::eval::Decision;
use crate::store::{Digest, FileAction, OpenFor, StoreError, open_nofollow, read_nofollow};

use super::fault::PromoteError;
use super::place::RolesFile;

/// A line is about a KiB: years of swaps are a few MiB.
const MAX_BYTES: u64 = 64 << 20;
/// Names of roles and models, and the scalars that held them.
const MAX_NAME: usize = 4096;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Promote,
    Rollback,
}

/// A swap as it is meant, before it is done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Intent {
    pub(super) action: Action,
    pub(super) role: String,
    pub(super) from: String,
    pub(super) to: String,
    /// The scalar's bytes, quotes included.
    pub(super) before: String,
    pub(super) after: String,
    pub(super) file_sha256_before: Digest,
    pub(super) file_sha256_after: Digest,
    /// Of the manifests behind the two names then.
    pub(super) from_digest: Option<String>,
    pub(super) to_digest: Option<String>,
    /// A rollback: the promotions it takes back, newest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) undoes: Vec<u64>,
    /// Verdict, report, run, dataset, user …: what the caller wants remembered.
    #[serde(default)]
    pub(super) evidence: serde_json::Map<String, serde_json::Value>,
}

/// The conditions of a verdict. A promotion by hand needs a verdict whose conditions are still those of the role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// By the digest of a suite's contents: its goal, metric, margin and `min_gain`.
    pub demands: BTreeMap<String, serde_json::Value>,
    /// How the models were asked, and the limits of the gate.
    pub settings: serde_json::Map<String, serde_json::Value>,
}

/// The verdict of a role's gate on one model, as it was then.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateRecord {
    pub role: String,
    pub model: String,
    /// Of the manifest behind the name when it was asked.
    pub digest: String,
    /// The same of the model it was held against.
    pub against_digest: String,
    pub decision: Decision,
    /// None: recorded by an earlier version.
    #[serde(default)]
    pub terms: Option<Terms>,
    pub report: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(super) enum What {
    Intent(Box<Intent>),
    /// The file could not be renamed over and is written in place, with a backup in the state folder.
    InPlace {
        intent: u64,
    },
    Done {
        intent: u64,
    },
    /// It did not happen, or was overtaken.
    Reverted {
        intent: u64,
        why: String,
    },
    /// A role's gate spoke on a model; nothing was changed by that.
    Gate(GateRecord),
    /// Of a newer version.
    #[serde(other)]
    Other,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) seq: u64,
    /// RFC 3339, UTC.
    pub(super) ts: String,
    #[serde(flatten)]
    pub(super) what: What,
}

/// The registry, read.
#[derive(Debug)]
pub(super) struct Registry {
    path: PathBuf,
    /// Bytes that hold whole lines.
    whole: u64,
    /// The last of these lines has its newline.
    ended: bool,
    pub(super) entries: Vec<Entry>,
}

/// A line of the registry that can't be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DamagedLine {
    pub path: PathBuf,
    /// From 1.
    pub line: usize,
    pub reason: String,
}

impl Registry {
    /// An absent file is an empty history. A torn last line (a kill while appending) is left out; a damaged one is an error.
    pub(super) fn read(place: &RolesFile) -> Result<Self, PromoteError> {
        let (registry, damaged) = Self::read_past_damage(place)?;
        match damaged.into_iter().next() {
            None => Ok(registry),
            Some(DamagedLine { path, line, reason }) => Err(PromoteError::Registry { path, line, reason }),
        }
    }

    /// As [`Self::read`], the damaged lines passed over: nothing may be appended to it.
    pub(super) fn read_past_damage(place: &RolesFile) -> Result<(Self, Vec<DamagedLine>), PromoteError> {
        let path = place.registry();
        let bytes = read_nofollow(&path, MAX_BYTES)?.unwrap_or_default();
        // Whole without its end, too: an editor may have taken that.
        let last = bytes.iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
        let whole = if serde_json::from_slice::<Entry>(&bytes[last..]).is_ok() { bytes.len() } else { last };
        let (mut entries, mut damaged): (Vec<Entry>, Vec<DamagedLine>) = Default::default();
        for (i, line) in bytes[..whole].split(|b| *b == b'\n').enumerate().filter(|(_, l)| !l.is_empty()) {
            match entry(line, entries.last().map_or(0, |e| e.seq)) {
                Ok(entry) => entries.push(entry),
                Err(reason) => damaged.push(DamagedLine { path: path.clone(), line: i + 1, reason }),
            }
        }
        Ok((Self { path, whole: whole as u64, ended: whole == last, entries }, damaged))
    }

    /// Appends and fsyncs; its sequence number. The caller holds the lock.
    pub(super) fn append(&mut self, what: What) -> Result<u64, PromoteError> {
        let last = self.entries.last().map_or(0, |e| e.seq);
        let seq = last.checked_add(1).ok_or_else(|| PromoteError::Registry {
            path: self.path.clone(),
            line: self.entries.len(),
            reason: format!("no number follows {last}"),
        })?;
        let entry = Entry { seq, ts: jiff::Timestamp::now().to_string(), what };
        let fault = |e: std::io::Error| StoreError::new(FileAction::Writing("the history"), &self.path, e);
        let mut line = if self.ended { Vec::new() } else { vec![b'\n'] };
        line.extend(serde_json::to_vec(&entry).map_err(|e| fault(e.into()))?);
        line.push(b'\n');
        let new = !self.path.exists();
        let mut file = open_nofollow(&self.path, OpenFor::Append)?;
        file.set_len(self.whole).map_err(fault)?;
        file.write_all(&line).and_then(|()| file.sync_all()).map_err(fault)?;
        if new {
            sync_folder(&self.path);
        }
        (self.whole, self.ended) = (self.whole + line.len() as u64, true);
        tracing::info!(seq, path = %self.path.display(), "line of the history written");
        self.entries.push(entry);
        Ok(seq)
    }

    pub(super) fn intent(&self, seq: u64) -> Option<&Intent> {
        self.entries.iter().find(|e| e.seq == seq).and_then(|e| match &e.what {
            What::Intent(intent) => Some(&**intent),
            _ => None,
        })
    }

    fn closed(&self, seq: u64) -> Option<&What> {
        let closes = |w: &&What| matches!(w, What::Done { intent } | What::Reverted { intent, .. } if *intent == seq);
        self.entries.iter().map(|e| &e.what).find(closes)
    }

    pub(super) fn is_done(&self, seq: u64) -> bool {
        matches!(self.closed(seq), Some(What::Done { .. }))
    }

    /// Intents that are neither done nor reverted.
    pub(super) fn open(&self) -> Vec<u64> {
        let intents = self.entries.iter().filter(|e| matches!(e.what, What::Intent(_)));
        intents.map(|e| e.seq).filter(|seq| self.closed(*seq).is_none()).collect()
    }

    /// Whether a swap came to write the file in place, so that a backup of it may exist.
    pub(super) fn in_place(&self, seq: u64) -> bool {
        self.entries.iter().any(|e| matches!(e.what, What::InPlace { intent } if intent == seq))
    }

    /// The promotions of a role that stand, oldest first: done and not taken back.
    pub(super) fn standing(&self, role: &str) -> Vec<(u64, &Intent)> {
        let mut stack: Vec<(u64, &Intent)> = Vec::new();
        for entry in &self.entries {
            let What::Intent(intent) = &entry.what else { continue };
            if intent.role != role || !self.is_done(entry.seq) {
                continue;
            }
            match intent.action {
                Action::Promote => stack.push((entry.seq, intent)),
                Action::Rollback => stack.retain(|(seq, _)| !intent.undoes.contains(seq)),
            }
        }
        stack
    }
}

/// A line, which follows the one with the number `last`.
fn entry(line: &[u8], last: u64) -> Result<Entry, String> {
    let entry: Entry = serde_json::from_slice(line).map_err(|e| e.to_string())?;
    if entry.seq <= last {
        return Err(format!("its number, {}, does not follow {last}", entry.seq));
    }
    check(&entry.what, last)?;
    Ok(entry)
}

/// What no line of ours says: the file lies in a project, which may be anybody's.
fn check(what: &What, last: u64) -> Result<(), String> {
    match what {
        What::Intent(i) => {
            let texts = [&i.role, &i.from, &i.to, &i.before, &i.after];
            if texts.iter().any(|t| t.len() > MAX_NAME) {
                return Err(format!("a name in it has more than {MAX_NAME} bytes"));
            }
            match i.undoes.iter().find(|seq| **seq > last) {
                Some(later) => Err(format!("it takes back {later}, which is later")),
                None => Ok(()),
            }
        }
        What::InPlace { intent } | What::Done { intent } | What::Reverted { intent, .. } if *intent > last => {
            Err(format!("it is about {intent}, which is later"))
        }
        _ => Ok(()),
    }
}

/// Best effort: some file systems refuse it, and the line itself is synced.
fn sync_folder(path: &Path) {
    if let Some(folder) = path.parent().and_then(|p| File::open(p).ok()) {
        let _ = folder.sync_all();
    }
}

/// The damaged lines of the registry, which promotions and rollbacks refuse. Takes no lock and writes nothing.
pub fn damaged_lines(models_yaml: &Path) -> Result<Vec<DamagedLine>, PromoteError> {
    Ok(Registry::read_past_damage(&RolesFile::of(models_yaml)?)?.1)
}

/// One change of a role, for people.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Counts the changes of all roles, from 1.
    pub number: usize,
    /// Of the registry's line, which also counts what is not a change.
    pub seq: u64,
    pub ts: String,
    pub action: Action,
    pub role: String,
    pub from: String,
    pub to: String,
    /// `done`, `open`, or why it was reverted.
    pub state: String,
    pub from_digest: Option<String>,
    pub to_digest: Option<String>,
    pub file_sha256_before: Digest,
    pub file_sha256_after: Digest,
    pub evidence: serde_json::Map<String, serde_json::Value>,
}

/// Every change of one role, or of all, oldest first; damaged lines are passed over. Takes no lock and writes nothing.
pub fn history(models_yaml: &Path, role: Option<&str>) -> Result<Vec<Change>, PromoteError> {
    let (registry, _) = Registry::read_past_damage(&RolesFile::of(models_yaml)?)?;
    let intents = registry.entries.iter().filter_map(|entry| match &entry.what {
        What::Intent(intent) => Some((entry, intent)),
        _ => None,
    });
    let changes = intents.enumerate().map(|(i, (entry, intent))| {
        let state = match registry.closed(entry.seq) {
            Some(What::Done { .. }) => "done".to_owned(),
            Some(What::Reverted { why, .. }) => why.clone(),
            _ => "open".to_owned(),
        };
        Change {
            number: i + 1,
            seq: entry.seq,
            ts: entry.ts.clone(),
            action: intent.action,
            role: intent.role.clone(),
            from: intent.from.clone(),
            to: intent.to.clone(),
            state,
            from_digest: intent.from_digest.clone(),
            to_digest: intent.to_digest.clone(),
            file_sha256_before: intent.file_sha256_before,
            file_sha256_after: intent.file_sha256_after,
            evidence: intent.evidence.clone(),
        }
    });
    Ok(changes.filter(|c| role.is_none_or(|r| r == c.role)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn torn_lines_are_dropped_damaged_ones_refused_and_newer_events_kept() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("models.yaml"), "models: {}").unwrap();
        let place = RolesFile::of(&dir.path().join("models.yaml")).unwrap();
        std::fs::create_dir(&place.state).unwrap();
        let known = "{\"seq\":1,\"ts\":\"t\",\"event\":\"pin\",\"x\":1}\n{\"seq\":2,\"ts\":\"t\",\"event\":\"done\",\"intent\":1}\n";
        std::fs::write(place.registry(), format!("{known}{{\"seq\":3,\"ev")).unwrap();
        let mut registry = Registry::read(&place).unwrap();
        assert_eq!((registry.entries.len(), &registry.entries[0].what), (2, &What::Other));
        assert_eq!(registry.append(What::Done { intent: 1 }).unwrap(), 3);
        let text = std::fs::read_to_string(place.registry()).unwrap();
        assert!(text.starts_with(known) && text.lines().count() == 3, "{text}");
        // An editor may take the last newline: the line is whole, and stays.
        std::fs::write(place.registry(), known.trim_end()).unwrap();
        let mut registry = Registry::read(&place).unwrap();
        assert_eq!((registry.entries.len(), registry.append(What::Done { intent: 1 }).unwrap()), (2, 3));
        let text = std::fs::read_to_string(place.registry()).unwrap();
        assert!(text.starts_with(known) && text.ends_with('\n') && text.lines().count() == 3, "{text}");
        assert_eq!(Registry::read(&place).unwrap().entries.len(), 3);
        std::fs::write(place.registry(), "{}\n").unwrap();
        assert!(Registry::read(&place).unwrap_err().to_string().contains("line 1 is damaged"));
        let gate = |seq: u64| format!("{{\"seq\":{seq},\"ts\":\"t\",\"event\":\"x\"}}\n");
        for (text, why) in [
            (gate(2) + &gate(2), "line 2 is damaged: its number, 2, does not follow 2"),
            (gate(2) + &gate(1), "does not follow 2"),
            ("{\"seq\":1,\"ts\":\"t\",\"event\":\"done\",\"intent\":7}\n".to_owned(), "is later"),
        ] {
            std::fs::write(place.registry(), text).unwrap();
            let e = Registry::read(&place).unwrap_err().to_string();
            assert!(e.contains(why), "{e}");
        }
        std::fs::write(place.registry(), gate(u64::MAX)).unwrap();
        let e = Registry::read(&place).unwrap().append(What::Done { intent: 1 }).unwrap_err().to_string();
        assert!(e.contains("no number follows"), "{e}");
    }
}
