//! Rollback: the scalar that stood there before is put back; every other edit made since stays.

use std::path::Path;

use crate::roles::{NewScalar, same_model, swap as splice};
use crate::store::{Digest, LockWait};

use super::fault::PromoteError;
use super::place::RolesFile;
use super::recover::recover_locked;
use super::registry::{Action, Intent, Registry};
use super::swap::{Carried, Hook, Injected, Swapped, check_writable};
use super::tags::Tags;

#[derive(Clone, Copy, Debug)]
pub struct Rollback<'a> {
    pub role: &'a str,
    /// Back to this model; None: by one promotion.
    pub to: Option<&'a str>,
    /// Even if the old tag is no longer what it was, or nobody may write the file.
    pub force: bool,
}

/// Takes back the last promotion(s) of a role, after checking that the old model is still what it was.
pub fn rollback(
    models_yaml: &Path,
    rollback: &Rollback<'_>,
    tags: &dyn Tags,
    wait: &mut LockWait<'_>,
) -> Result<Swapped, PromoteError> {
    let hook = &mut Hook { at: &mut |_| true, injected: Injected::Nothing };
    rollback_with(models_yaml, rollback, tags, wait, hook)
}

pub(super) fn rollback_with(
    models_yaml: &Path,
    r: &Rollback<'_>,
    tags: &dyn Tags,
    wait: &mut LockWait<'_>,
    hook: &mut Hook<'_>,
) -> Result<Swapped, PromoteError> {
    let place = RolesFile::of(models_yaml)?;
    let _lock = place.lock(wait)?;
    check_writable(&place, r.force)?;
    let mut registry = Registry::read(&place)?;
    let notes = recover_locked(&place, &mut registry)?;
    let standing = registry.standing(r.role);
    let (undoes, target) = choose(&standing, r)?;
    let Some((_, newest)) = standing.last() else {
        return Err(nothing(r, "it was never promoted here"));
    };
    let from = newest.to.clone();
    let to_digest = unchanged(target, r.force, tags)?;
    let text = place.read()?;
    let spliced = splice(&text, r.role, &from, NewScalar::Raw(&target.before))?;
    let intent = Intent {
        action: Action::Rollback,
        role: r.role.to_owned(),
        from,
        to: target.from.clone(),
        before: spliced.old_raw,
        after: spliced.new_raw,
        file_sha256_before: Digest::of_bytes(text.as_bytes()),
        file_sha256_after: Digest::of_bytes(spliced.text.as_bytes()),
        from_digest: newest.to_digest.clone(),
        to_digest,
        undoes,
        evidence: serde_json::Map::new(),
    };
    Carried { place: &place, intent, after: &spliced.text }.out(&mut registry, notes, hook)
}

/// The promotions to take back, and the one whose `from` is returned to.
fn choose<'a>(standing: &[(u64, &'a Intent)], r: &Rollback<'_>) -> Result<(Vec<u64>, &'a Intent), PromoteError> {
    let at = match r.to {
        None => standing.len().checked_sub(1),
        Some(to) => standing.iter().rposition(|(_, i)| same_model(&i.from, to)),
    };
    let Some(at) = at else {
        let known: Vec<&str> = standing.iter().map(|(_, i)| i.from.as_str()).collect();
        let why = match (known.is_empty(), r.to) {
            (true, _) => "it was never promoted here, or that was rolled back already".to_owned(),
            (false, to) => format!("it never served {} before; it served {}", to.unwrap_or_default(), known.join(", ")),
        };
        return Err(nothing(r, &why));
    };
    Ok((standing[at..].iter().rev().map(|(seq, _)| *seq).collect(), standing[at].1))
}

/// The digest of the old tag now; refused when it is gone, or another model under the old name.
fn unchanged(target: &Intent, force: bool, tags: &dyn Tags) -> Result<Option<String>, PromoteError> {
    let now = tags.digest(&target.from).map_err(PromoteError::Tags)?;
    match (&now, &target.from_digest) {
        _ if force => Ok(now),
        (None, _) => {
            let why = ", so the role would serve nothing (create it again, or --force)".to_owned();
            Err(PromoteError::TagGone { model: target.from.clone(), why })
        }
        (Some(digest), Some(was)) if digest != was => Err(PromoteError::TagChanged {
            model: target.from.clone(),
            when: "when it was replaced",
            was: was.clone(),
            now: digest.clone(),
            remedy: " (--force takes it as it is)",
        }),
        _ => Ok(now),
    }
}

fn nothing(r: &Rollback<'_>, why: &str) -> PromoteError {
    PromoteError::NothingToRollBack { role: r.role.to_owned(), why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promote::swap::tests::{TEXT, Table, folder, promote, rollback, tags, wish};

    fn back<'a>(to: Option<&'a str>) -> Rollback<'a> {
        Rollback { role: "router", to, force: false }
    }

    #[test]
    fn step_by_step_or_all_the_way_and_other_edits_stay() {
        let (_dir, path) = folder();
        promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap();
        promote(&path, &wish("x:v2", "x:v3"), &tags()).unwrap();
        assert_eq!(rollback(&path, &back(None), &tags()).unwrap().to, "x:v2");
        promote(&path, &wish("x:v2", "x:v3"), &tags()).unwrap();
        let edited = std::fs::read_to_string(&path).unwrap().replace("4096", "8192") + "# more\n";
        std::fs::write(&path, &edited).unwrap();
        let e = rollback(&path, &back(Some("x:v9")), &tags()).unwrap_err().to_string();
        assert!(e.contains("it served x:v1, x:v2"), "{e}");
        assert_eq!(rollback(&path, &back(Some("x:v1")), &tags()).unwrap().to, "x:v1");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), TEXT.replace("4096", "8192") + "# more\n");
        let e = rollback(&path, &back(None), &tags()).unwrap_err().to_string();
        assert!(e.contains("it was never promoted here, or that was rolled back already"), "{e}");
    }

    #[test]
    fn the_old_tag_must_be_what_it_was() {
        let (_dir, path) = folder();
        promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap();
        let mut table = tags();
        table.0.insert("x:v1", "other");
        assert!(matches!(rollback(&path, &back(None), &table), Err(PromoteError::TagChanged { .. })));
        assert!(matches!(rollback(&path, &back(None), &Table(Default::default())), Err(PromoteError::TagGone { .. })));
        // Changed by hand since: not ours to undo.
        let by_hand = std::fs::read_to_string(&path).unwrap().replace("x:v2", "y:v1");
        std::fs::write(&path, &by_hand).unwrap();
        assert!(rollback(&path, &back(None), &tags()).unwrap_err().to_string().contains("somebody changed it"));
        std::fs::write(&path, by_hand.replace("y:v1", "x:v2")).unwrap();
        assert_eq!(rollback(&path, &Rollback { force: true, ..back(None) }, &table).unwrap().to, "x:v1");
    }
}
