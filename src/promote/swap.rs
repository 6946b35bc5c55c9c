//! Promotion: the role's model_name becomes the new model's, if the gate passed and nothing moved meanwhile.

use std::path::Path;

use crate::eval::Decision;
use crate::roles::{NewScalar, swap as splice};
use crate::store::{Digest, FileAction, LockWait, StoreError, WholeFile, write_whole};

use super::fault::{Point, PromoteError};
use super::note::SwapNote;
use super::place::RolesFile;
use super::recover::recover_locked;
use super::registry::{Action, Intent, Registry, What};
use super::replace::{Renamed, overwrite, prepare, rename};
use super::tags::Tags;

/// What is to be promoted, and what it was judged on.
#[derive(Clone, Debug)]
pub struct Promotion<'a> {
    pub role: &'a str,
    /// What the role serves now.
    pub from: &'a str,
    pub to: &'a str,
    pub decision: Decision,
    /// The role's `on_inconclusive: promote`.
    pub allow_inconclusive: bool,
    /// models.yaml as the evaluation read it; None: not evaluated (then `decision` is the caller's word).
    pub evaluated_file: Option<Digest>,
    /// The candidate's manifest digest as evaluated.
    pub evaluated_digest: Option<&'a str>,
    /// Replace a models.yaml that nobody may write, too.
    pub replace_read_only: bool,
    /// Verdicts, report, run, dataset digest, user …
    pub evidence: serde_json::Map<String, serde_json::Value>,
}

/// A swap, done.
#[derive(Clone, Debug, PartialEq)]
pub struct Swapped {
    pub seq: u64,
    pub role: String,
    pub from: String,
    pub to: String,
    /// What a person should hear: recovered swaps, writing in place.
    pub notes: Vec<SwapNote>,
}

/// A fault that a test injects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Injected {
    Nothing,
    /// Stands in for a bind mount.
    #[cfg(test)]
    RefusedRename,
    /// Stands in for a folder that takes no file.
    #[cfg(test)]
    FailedWrite,
}

/// Asked at every point; `false`, in tests, is a kill.
pub(super) struct Hook<'a> {
    pub(super) at: &'a mut dyn FnMut(Point) -> bool,
    pub(super) injected: Injected,
}

impl Hook<'_> {
    fn prepare(&self, target: &Path, text: &str) -> Result<WholeFile, StoreError> {
        match self.injected {
            #[cfg(test)]
            Injected::FailedWrite => {
                Err(StoreError::new(FileAction::WRITING, target, std::io::ErrorKind::PermissionDenied.into()))
            }
            _ => prepare(target, text),
        }
    }

    fn rename(&self, fresh: WholeFile) -> Result<Renamed, StoreError> {
        match self.injected {
            #[cfg(test)]
            Injected::RefusedRename => Ok(Renamed::Refused),
            _ => rename(fresh),
        }
    }

    fn at(&mut self, point: Point) -> Result<(), PromoteError> {
        if (self.at)(point) {
            return Ok(());
        }
        #[cfg(test)]
        return Err(PromoteError::Killed(point));
        #[cfg(not(test))]
        Ok(())
    }
}

/// Swaps `models.<role>.model_name` in the file; recovers an interrupted swap first. `wait`: for another promotion that is
/// being done.
pub fn promote(
    models_yaml: &Path,
    promotion: &Promotion<'_>,
    tags: &dyn Tags,
    wait: &mut LockWait<'_>,
) -> Result<Swapped, PromoteError> {
    let hook = &mut Hook { at: &mut |_| true, injected: Injected::Nothing };
    locked(models_yaml, promotion, tags, wait, hook)
}

#[cfg(test)]
pub(super) fn promote_with(
    models_yaml: &Path,
    p: &Promotion<'_>,
    tags: &dyn Tags,
    hook: &mut Hook<'_>,
) -> Result<Swapped, PromoteError> {
    locked(models_yaml, p, tags, &mut LockWait::none(), hook)
}

fn locked(
    models_yaml: &Path,
    p: &Promotion<'_>,
    tags: &dyn Tags,
    wait: &mut LockWait<'_>,
    hook: &mut Hook<'_>,
) -> Result<Swapped, PromoteError> {
    if !p.decision.promotes(p.allow_inconclusive) {
        return Err(PromoteError::NotPassed { role: p.role.to_owned(), decision: p.decision });
    }
    let place = RolesFile::of(models_yaml)?;
    let _lock = place.lock(wait)?;
    // After the waiting: a model may have been created anew meanwhile.
    let from_digest = tags.digest(p.from).map_err(PromoteError::Tags)?;
    let to_digest = candidate(p, tags)?;
    check_writable(&place, p.replace_read_only)?;
    let mut registry = Registry::read(&place)?;
    let notes = recover_locked(&place, &mut registry)?;
    let text = place.read()?;
    let file_sha256_before = Digest::of_bytes(text.as_bytes());
    if p.evaluated_file.is_some_and(|d| d != file_sha256_before) {
        return Err(PromoteError::FileChanged { path: place.file });
    }
    let spliced = splice(&text, p.role, p.from, NewScalar::Name(p.to))?;
    let intent = Intent {
        action: Action::Promote,
        role: p.role.to_owned(),
        from: p.from.to_owned(),
        to: p.to.to_owned(),
        before: spliced.old_raw,
        after: spliced.new_raw,
        file_sha256_before,
        file_sha256_after: Digest::of_bytes(spliced.text.as_bytes()),
        from_digest,
        to_digest: Some(to_digest),
        undoes: Vec::new(),
        evidence: p.evidence.clone(),
    };
    let change = Carried { place: &place, intent, after: &spliced.text };
    change.out(&mut registry, notes, hook)
}

/// Whether verdicts can be recorded and, where the file itself is to be `swapped`, whether it can be: for a caller whose
/// work before that takes hours.
pub fn check_place(models_yaml: &Path, swapped: bool) -> Result<(), PromoteError> {
    let place = RolesFile::of(models_yaml)?;
    place.check_writable()?;
    if swapped {
        crate::store::check_writable(place.folder())?;
        check_writable(&place, false)?;
    }
    Ok(())
}

/// A file without write permission for anybody was made so on purpose; a rename would replace it all the same.
pub(super) fn check_writable(place: &RolesFile, force: bool) -> Result<(), PromoteError> {
    let meta = std::fs::metadata(&place.file).map_err(|e| StoreError::new(FileAction::READING, &place.file, e))?;
    match meta.permissions().readonly() && !force {
        true => Err(PromoteError::ReadOnly { path: place.file.clone() }),
        false => Ok(()),
    }
}

fn candidate(p: &Promotion<'_>, tags: &dyn Tags) -> Result<String, PromoteError> {
    let now = tags.digest(p.to).map_err(PromoteError::Tags)?;
    let now = now.ok_or_else(|| PromoteError::TagGone { model: p.to.to_owned(), why: String::new() })?;
    match p.evaluated_digest {
        Some(was) if was != now => Err(PromoteError::TagChanged {
            model: p.to.to_owned(),
            when: "when it was evaluated",
            was: was.to_owned(),
            now,
            remedy: "; evaluate it again",
        }),
        _ => Ok(now),
    }
}

/// A swap that is fully known: only to be carried out.
pub(super) struct Carried<'a> {
    pub(super) place: &'a RolesFile,
    pub(super) intent: Intent,
    pub(super) after: &'a str,
}

impl Carried<'_> {
    /// intent → the file → done.
    pub(super) fn out(
        self,
        registry: &mut Registry,
        mut notes: Vec<SwapNote>,
        hook: &mut Hook<'_>,
    ) -> Result<Swapped, PromoteError> {
        let (role, from, to) = (self.intent.role.clone(), self.intent.from.clone(), self.intent.to.clone());
        hook.at(Point::BeforeIntent)?;
        let seq = registry.append(What::Intent(Box::new(self.intent.clone())))?;
        hook.at(Point::AfterIntent)?;
        match self.replace(seq, registry, hook) {
            Ok(in_place) => notes.extend(in_place),
            #[cfg(test)]
            Err(killed @ PromoteError::Killed(_)) => return Err(killed),
            Err(fault) => return Err(self.give_up(seq, registry, fault)),
        }
        hook.at(Point::Replaced)?;
        registry.append(What::Done { intent: seq })?;
        self.place.drop_backup(seq);
        hook.at(Point::Done)?;
        Ok(Swapped { seq, role, from, to, notes })
    }

    /// A note when it had to be written in place.
    fn replace(
        &self,
        seq: u64,
        registry: &mut Registry,
        hook: &mut Hook<'_>,
    ) -> Result<Option<SwapNote>, PromoteError> {
        let file = &self.place.file;
        let prepared = hook.prepare(file, self.after);
        hook.at(Point::Prepared)?;
        // An editor may have saved since we read.
        if Digest::of_file(file)? != self.intent.file_sha256_before {
            return Err(PromoteError::FileChanged { path: file.clone() });
        }
        if hook.rename(prepared?)? == Renamed::Yes {
            return Ok(None);
        }
        let before = std::fs::read(file).map_err(|e| StoreError::new(FileAction::READING, file, e))?;
        write_whole(self.place.backup(seq), &before)?;
        registry.append(What::InPlace { intent: seq })?;
        hook.at(Point::BackedUp)?;
        overwrite(file, self.after)?;
        Ok(Some(SwapNote::InPlace { path: file.clone() }))
    }

    /// Closes the intent if the file is as it was, so that the fault is all that remains.
    fn give_up(&self, seq: u64, registry: &mut Registry, fault: PromoteError) -> PromoteError {
        let untouched = Digest::of_file(&self.place.file).is_ok_and(|d| d == self.intent.file_sha256_before);
        if untouched || matches!(fault, PromoteError::FileChanged { .. }) {
            // If even this can't be written, the next start closes it.
            let _ = registry.append(What::Reverted { intent: seq, why: format!("not done: {fault}") });
        }
        fault
    }
}

#[cfg(test)]
#[path = "swap_tests.rs"]
pub(super) mod tests;
