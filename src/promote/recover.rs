//! An interrupted swap, found at the next start: finished or reverted, and said.

use std::path::Path;

use crate::roles::{ModelsYaml, NewScalar, same_model, swap as splice};
use crate::store::{Digest, FileAction, LockWait, MAX_TEXT, read_nofollow, read_regular, sweep};

use super::fault::PromoteError;
use super::note::SwapNote;
use super::place::RolesFile;
use super::registry::{Intent, Registry, What};
use super::replace::{overwrite, torn};

/// models.yaml is a few KiB.
const MAX_BACKUP: u64 = 16 << 20;

/// Closes every open intent; one note each. Without one it takes no lock and writes nothing. For commands that
/// change models.yaml: others only read the history, and say where a swap is open. An intent is open, too, while
/// another process makes its swap: `wait` says how long that is waited for.
pub fn recover(models_yaml: &Path, wait: &mut LockWait<'_>) -> Result<Vec<SwapNote>, PromoteError> {
    let place = RolesFile::of(models_yaml)?;
    if Registry::read(&place)?.open().is_empty() {
        return Ok(Vec::new());
    }
    let _lock = place.lock(wait)?;
    let mut registry = Registry::read(&place)?;
    recover_locked(&place, &mut registry)
}

pub(super) fn recover_locked(place: &RolesFile, registry: &mut Registry) -> Result<Vec<SwapNote>, PromoteError> {
    let mut said = Vec::new();
    // The new text of a swap that was killed before its rename.
    sweep(place.folder());
    for seq in registry.open() {
        let Some(intent) = registry.intent(seq).cloned() else { continue };
        let backup = match registry.in_place(seq) {
            true => read_nofollow(&place.backup(seq), MAX_BACKUP)?,
            false => None,
        };
        let happened = settle(place, &intent, backup)?;
        let Intent { role, from, to, .. } = intent;
        let (what, note) = match happened {
            Settled::Done => (What::Done { intent: seq }, SwapNote::Finished { role, from, to }),
            Settled::NotDone => {
                let why = "interrupted before the file was touched".to_owned();
                (What::Reverted { intent: seq, why }, SwapNote::NotDone { role, from })
            }
            Settled::Overtaken(now) => {
                let why = format!("interrupted, then overtaken: model_name is {now:?}");
                (What::Reverted { intent: seq, why }, SwapNote::Overtaken { role, from, to, now })
            }
        };
        registry.append(what)?;
        place.drop_backup(seq);
        said.push(note);
    }
    Ok(said)
}

enum Settled {
    Done,
    NotDone,
    /// Somebody set it to something else since.
    Overtaken(String),
}

fn settle(place: &RolesFile, intent: &Intent, backup: Option<Vec<u8>>) -> Result<Settled, PromoteError> {
    let now = read_regular(FileAction::READING, &place.file, MAX_TEXT)?;
    let digest = Digest::of_bytes(&now);
    if digest == intent.file_sha256_after {
        return Ok(Settled::Done);
    }
    if digest == intent.file_sha256_before {
        return Ok(Settled::NotDone);
    }
    // A backup of anything else than the file as the intent saw it is not this swap's.
    let backup = backup.filter(|bytes| Digest::of_bytes(bytes) == intent.file_sha256_before);
    if let Some(before) = backup.and_then(|bytes| String::from_utf8(bytes).ok()) {
        let after = splice(&before, &intent.role, &intent.from, NewScalar::Raw(&intent.after))?.text;
        if torn(&now, before.as_bytes(), after.as_bytes()) {
            overwrite(&place.file, &after)?;
            return Ok(Settled::Done);
        }
    }
    // Edited since: what it says now decides.
    let unclear = |reason: String| PromoteError::Unclear { path: place.file.clone(), reason };
    let text = String::from_utf8(now).map_err(|_| unclear("it is not text".into()))?;
    let models = ModelsYaml::parse(text, &place.file).map_err(|e| unclear(e.to_string()))?;
    let serves = models.roles.iter().find(|r| r.name == intent.role).map_or("nothing", |r| &r.model_name);
    Ok(if same_model(serves, &intent.to) {
        Settled::Done
    } else if same_model(serves, &intent.from) {
        Settled::NotDone
    } else {
        Settled::Overtaken(serves.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promote::Rollback;
    use crate::promote::fault::Point;
    use crate::promote::swap::tests::{TEXT, folder, rollback, tags, wish};
    use crate::promote::swap::{Hook, Injected, promote_with};

    /// Kills after the intent, or after the rename, then somebody edits the file.
    fn killed_then(point: Point, edit: fn(&str) -> String) -> (String, Result<Vec<SwapNote>, PromoteError>) {
        let (_dir, path) = folder();
        let mut hook = Hook { at: &mut |p| p != point, injected: Injected::Nothing };
        promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap_err();
        std::fs::write(&path, edit(&std::fs::read_to_string(&path).unwrap())).unwrap();
        let said = recover(&path, &mut LockWait::none());
        if said.is_ok() {
            assert!(recover(&path, &mut LockWait::none()).unwrap().is_empty());
        }
        (std::fs::read_to_string(&path).unwrap(), said)
    }

    #[test]
    fn edits_after_the_kill_stay() {
        let more = |t: &str| t.replace("4096", "8192");
        let (text, said) = killed_then(Point::Replaced, more);
        assert!(text.contains("8192") && text.contains("'x:v2'"));
        assert!(matches!(&said.unwrap()[0], SwapNote::Finished { .. }));
        let (text, said) = killed_then(Point::AfterIntent, more);
        assert!(text.contains("8192") && text.contains("'x:v1'"));
        assert!(matches!(&said.unwrap()[0], SwapNote::NotDone { from, .. } if from == "x:v1"));
        let (text, said) = killed_then(Point::Replaced, |t| t.replace("'x:v2'", "mine:v7"));
        assert!(text.contains("mine:v7"));
        assert!(matches!(&said.unwrap()[0], SwapNote::Overtaken { now, .. } if now == "mine:v7"));
        let (_, said) = killed_then(Point::Replaced, |_| "models: [torn".into());
        assert!(matches!(said, Err(PromoteError::Unclear { .. })));
    }

    #[test]
    fn writing_in_place_is_finished_from_every_byte() {
        for to in ["x:v2-much-longer", "y"] {
            let table = crate::promote::swap::tests::Table([("x:v1", "d1"), (to, "d2")].into());
            let after = TEXT.replacen("'x:v1'", &format!("'{to}'"), 1);
            let at = TEXT.find("x:v1").unwrap();
            // Every byte around the scalar, and some of the rest (each costs a few fsyncs).
            for k in (0..=after.len()).filter(|k| k.abs_diff(at + 2) < 8 || k % 40 == 0 || *k == after.len()) {
                let (_dir, path) = folder();
                let mut hook = Hook { at: &mut |p| p != Point::BackedUp, injected: Injected::RefusedRename };
                promote_with(&path, &wish("x:v1", to), &table, &mut hook).unwrap_err();
                let rest = TEXT.as_bytes().get(k..).unwrap_or_default();
                std::fs::write(&path, [&after.as_bytes()[..k], rest].concat()).unwrap();
                let said = recover(&path, &mut LockWait::none()).unwrap();
                let now = std::fs::read_to_string(&path).unwrap();
                let not_done = matches!(said[0], SwapNote::NotDone { .. });
                assert!(now == after || (now == TEXT && not_done), "{to} {k}: {now}");
                // Until a byte differs, the file is simply as before.
                assert!(now == after || TEXT.starts_with(&after[..k]), "{to} {k}");
            }
        }
    }

    /// The registry lies in the project: whatever it says, only `<state>/<seq>-<name>.backup` is read and removed.
    #[test]
    fn a_backup_elsewhere_is_neither_read_nor_removed() {
        let (dir, path) = folder();
        let (mine, state) = (dir.path().join("mine.txt"), dir.path().join(".tunesmith"));
        let mut hook = Hook { at: &mut |p| p != Point::AfterIntent, injected: Injected::Nothing };
        promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap_err();
        let registry = state.join("registry.jsonl");
        let open = std::fs::read_to_string(&registry).unwrap();
        for named in [mine.display().to_string(), "../mine.txt".to_owned(), "mine.txt".to_owned()] {
            std::fs::write(&mine, "mine").unwrap();
            let line = serde_json::json!({"seq": 2, "ts": "t", "event": "in_place", "intent": 1, "backup": named});
            std::fs::write(&registry, format!("{open}{line}\n")).unwrap();
            assert_eq!(recover(&path, &mut LockWait::none()).unwrap().len(), 1);
            assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{named}");
        }
        // A link at the very name leads nowhere either.
        #[cfg(unix)]
        {
            let link = state.join("1-models.yaml.backup");
            std::os::unix::fs::symlink(&mine, &link).unwrap();
            std::fs::write(
                &registry,
                format!("{open}{{\"seq\":2,\"ts\":\"t\",\"event\":\"in_place\",\"intent\":1}}\n"),
            )
            .unwrap();
            assert!(recover(&path, &mut LockWait::none()).unwrap_err().to_string().contains("symbolic link"));
            assert_eq!((std::fs::read_to_string(&mine).unwrap().as_str(), link.is_symlink()), ("mine", true));
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), TEXT);
    }

    #[test]
    fn a_rollback_killed_in_the_middle_ends_whole_too() {
        let (_dir, path) = folder();
        promote_with(
            &path,
            &wish("x:v1", "x:v2"),
            &tags(),
            &mut Hook { at: &mut |_| true, injected: Injected::RefusedRename },
        )
        .unwrap();
        let e = crate::promote::rollback::rollback_with(
            &path,
            &Rollback { role: "router", to: None, force: false },
            &tags(),
            &mut LockWait::none(),
            &mut Hook { at: &mut |p| p != Point::Replaced, injected: Injected::Nothing },
        );
        assert!(matches!(e, Err(PromoteError::Killed(Point::Replaced))));
        // The next rollback finishes it, which then has nothing left to do.
        let e = rollback(&path, &Rollback { role: "router", to: None, force: false }, &tags()).unwrap_err();
        assert!(matches!(e, PromoteError::NothingToRollBack { .. }), "{e}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), TEXT);
    }
}
