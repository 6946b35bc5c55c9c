//! An interrupted swap, found at the next start: finished or reverted, and said.

use std::path::Path;

use crate::config::{ModelsYaml, NewScalar, same_model, swap as splice};
use crate::store::{Digest, StoreError};

use super::fault::PromoteError;
use super::place::Place;
use super::registry::{Intent, Registry, What};
use super::replace::{overwrite, torn};

/// Closes every open intent; one sentence each. Without one it takes no lock and writes nothing.
pub fn recover(models_yaml: &Path) -> Result<Vec<String>, PromoteError> {
    let place = Place::of(models_yaml)?;
    if Registry::read(&place)?.open().is_empty() {
        return Ok(Vec::new());
    }
    let _lock = place.lock()?;
    let mut registry = Registry::read(&place)?;
    recover_locked(&place, &mut registry)
}

pub(super) fn recover_locked(place: &Place, registry: &mut Registry) -> Result<Vec<String>, PromoteError> {
    let mut said = Vec::new();
    for seq in registry.open() {
        let Some(intent) = registry.intent(seq).cloned() else { continue };
        let backup = registry.backup(seq).map(Path::to_path_buf);
        let happened = settle(place, &intent, backup.as_deref())?;
        let (role, from, to) = (&intent.role, &intent.from, &intent.to);
        let (what, sentence) = match happened {
            Settled::Done => (
                What::Done { intent: seq },
                format!("an interrupted swap is finished: the role {role} serves {to} (was {from})"),
            ),
            Settled::NotDone => {
                let why = "interrupted before the file was touched".to_owned();
                (
                    What::Reverted { intent: seq, why },
                    format!("an interrupted swap never reached the file: the role {role} still serves {from}"),
                )
            }
            Settled::Overtaken(now) => {
                let why = format!("interrupted, then overtaken: model_name is {now:?}");
                (
                    What::Reverted { intent: seq, why },
                    format!(
                        "an interrupted swap of the role {role} ({from} to {to}) was overtaken: it serves {now} now, and stays so"
                    ),
                )
            }
        };
        registry.append(what)?;
        // What the kill left; under the lock nobody else's.
        let _ = std::fs::remove_file(place.fresh());
        if let Some(backup) = backup {
            let _ = std::fs::remove_file(backup);
        }
        said.push(sentence);
    }
    Ok(said)
}

enum Settled {
    Done,
    NotDone,
    /// Somebody set it to something else since.
    Overtaken(String),
}

fn settle(place: &Place, intent: &Intent, backup: Option<&Path>) -> Result<Settled, PromoteError> {
    let now = std::fs::read(&place.file).map_err(|e| StoreError::new("reading", &place.file, e))?;
    let digest = Digest::of_bytes(&now);
    if digest == intent.file_sha256_after {
        return Ok(Settled::Done);
    }
    if digest == intent.file_sha256_before {
        return Ok(Settled::NotDone);
    }
    if let Some(backup) = backup {
        let before = std::fs::read_to_string(backup).map_err(|e| StoreError::new("reading the backup", backup, e))?;
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
    use crate::promote::swap::tests::{TEXT, folder, tags, wish};
    use crate::promote::swap::{Hook, Point, promote_with};
    use crate::promote::{Rollback, rollback};

    /// Kills after the intent, or after the rename, then somebody edits the file.
    fn killed_then(point: Point, edit: fn(&str) -> String) -> (String, Result<Vec<String>, PromoteError>) {
        let (_dir, path) = folder();
        let mut hook = Hook { at: &mut |p| p != point, refuse_rename: false };
        promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap_err();
        std::fs::write(&path, edit(&std::fs::read_to_string(&path).unwrap())).unwrap();
        let said = recover(&path);
        if said.is_ok() {
            assert!(recover(&path).unwrap().is_empty());
        }
        (std::fs::read_to_string(&path).unwrap(), said)
    }

    #[test]
    fn edits_after_the_kill_stay() {
        let more = |t: &str| t.replace("4096", "8192");
        let (text, said) = killed_then(Point::Replaced, more);
        assert!(text.contains("8192") && text.contains("'x:v2'"));
        assert!(said.unwrap()[0].contains("is finished"));
        let (text, said) = killed_then(Point::AfterIntent, more);
        assert!(text.contains("8192") && text.contains("'x:v1'"));
        assert!(said.unwrap()[0].contains("still serves x:v1"));
        let (text, said) = killed_then(Point::Replaced, |t| t.replace("'x:v2'", "mine:v7"));
        assert!(text.contains("mine:v7"));
        assert!(said.unwrap()[0].contains("serves mine:v7 now"));
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
                let mut hook = Hook { at: &mut |p| p != Point::BackedUp, refuse_rename: true };
                promote_with(&path, &wish("x:v1", to), &table, &mut hook).unwrap_err();
                let rest = TEXT.as_bytes().get(k..).unwrap_or_default();
                std::fs::write(&path, [&after.as_bytes()[..k], rest].concat()).unwrap();
                let said = recover(&path).unwrap();
                let now = std::fs::read_to_string(&path).unwrap();
                assert!(now == after || (now == TEXT && said[0].contains("still serves")), "{to} {k}: {now}");
                // Until a byte differs, the file is simply as before.
                assert!(now == after || TEXT.starts_with(&after[..k]), "{to} {k}");
            }
        }
    }

    #[test]
    fn a_rollback_killed_in_the_middle_ends_whole_too() {
        let (_dir, path) = folder();
        promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut Hook { at: &mut |_| true, refuse_rename: true })
            .unwrap();
        let e = crate::promote::rollback::rollback_with(
            &path,
            &Rollback { role: "router", to: None, force: false },
            &tags(),
            &mut Hook { at: &mut |p| p != Point::Replaced, refuse_rename: false },
        );
        assert!(matches!(e, Err(PromoteError::Killed(Point::Replaced))));
        // The next start of anything finishes it; here a second rollback, which then has nothing left to do.
        let e = rollback(&path, &Rollback { role: "router", to: None, force: false }, &tags()).unwrap_err();
        assert!(matches!(e, PromoteError::NothingToRollBack { .. }), "{e}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), TEXT);
    }
}
