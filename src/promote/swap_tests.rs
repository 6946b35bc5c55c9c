//! Swaps, killed and faulted at every point.

use std::collections::HashMap;

use super::*;
use crate::promote::{Rollback, history, recover};

pub(crate) const TEXT: &str = "# roles\r\nmodels:\r\n  router:   # ours\r\n    model_name: 'x:v1'   # the one\r\n    options: {num_ctx: 4096}\r\n  other: {model_name: x:v1}\r\n";

pub(crate) struct Table(pub(crate) HashMap<&'static str, &'static str>);
impl Tags for Table {
    fn digest(&self, model: &str) -> Result<Option<String>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(self.0.get(model).map(|d| d.to_string()))
    }
}

pub(crate) fn tags() -> Table {
    Table(HashMap::from([("x:v1", "d1"), ("x:v2", "d2"), ("x:v3", "d3")]))
}

pub(crate) fn folder() -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("models.yaml");
    std::fs::write(&path, TEXT).unwrap();
    (dir, path)
}

pub(crate) fn wish<'a>(from: &'a str, to: &'a str) -> Promotion<'a> {
    Promotion {
        role: "router",
        from,
        to,
        decision: Decision::Pass,
        allow_inconclusive: false,
        evaluated_file: None,
        evaluated_digest: None,
        replace_read_only: false,
        evidence: serde_json::Map::from_iter([("report".into(), "r.md".into())]),
    }
}

/// Without waiting.
pub(crate) fn promote(path: &Path, promotion: &Promotion<'_>, tags: &dyn Tags) -> Result<Swapped, PromoteError> {
    super::promote(path, promotion, tags, &mut LockWait::none())
}

/// Without waiting.
pub(crate) fn rollback(path: &Path, back: &Rollback<'_>, tags: &dyn Tags) -> Result<Swapped, PromoteError> {
    crate::promote::rollback(path, back, tags, &mut LockWait::none())
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn one_scalar_changes_and_back() {
    let (dir, path) = folder();
    let done = promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap();
    assert_eq!((done.from.as_str(), done.to.as_str(), done.notes.len()), ("x:v1", "x:v2", 0));
    assert_eq!(read(&path), TEXT.replacen("'x:v1'", "'x:v2'", 1));
    let names: Vec<_> =
        std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
    let h = history(&path, Some("router")).unwrap();
    assert_eq!(
        (h.len(), h[0].state.as_str(), h[0].to_digest.as_deref(), &h[0].evidence["report"]),
        (1, "done", Some("d2"), &"r.md".into())
    );
    rollback(&path, &Rollback { role: "router", to: None, force: false }, &tags()).unwrap();
    assert_eq!(read(&path), TEXT);
}

#[test]
fn a_kill_at_any_point_ends_whole() {
    for in_place in [false, true] {
        for point in
            [Point::BeforeIntent, Point::AfterIntent, Point::Prepared, Point::BackedUp, Point::Replaced, Point::Done]
        {
            if !in_place && point == Point::BackedUp {
                continue;
            }
            let (dir, path) = folder();
            let mut hook = Hook {
                at: &mut |p| p != point,
                injected: if in_place { Injected::RefusedRename } else { Injected::Nothing },
            };
            let e = promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap_err();
            assert!(matches!(e, PromoteError::Killed(p) if p == point), "{point:?}: {e}");
            let said = recover(&path, &mut LockWait::none()).unwrap();
            let after = TEXT.replacen("'x:v1'", "'x:v2'", 1);
            let happened = matches!(point, Point::Replaced | Point::Done);
            assert_eq!(read(&path), if happened { after.as_str() } else { TEXT }, "{point:?}");
            assert_eq!(
                said.len(),
                usize::from(!matches!(point, Point::BeforeIntent | Point::Done)),
                "{point:?}: {said:?}"
            );
            assert!(recover(&path, &mut LockWait::none()).unwrap().is_empty());
            let left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
            assert_eq!(left.len(), 2, "{point:?}: {left:?}");
            // The next promotion goes through from wherever it ended.
            let from = if happened { "x:v2" } else { "x:v1" };
            promote(&path, &wish(from, "x:v3"), &tags()).unwrap();
            assert_eq!(read(&path), TEXT.replacen("'x:v1'", "'x:v3'", 1));
        }
    }
}

#[test]
fn what_moved_meanwhile_stops_it() {
    let (_dir, path) = folder();
    let wish_ = wish("x:v1", "x:v2");
    let stale = Promotion { evaluated_file: Some(Digest::of_bytes(b"older")), ..wish_.clone() };
    assert!(matches!(promote(&path, &stale, &tags()), Err(PromoteError::FileChanged { .. })));
    let recreated = Promotion { evaluated_digest: Some("d0"), ..wish_.clone() };
    assert!(promote(&path, &recreated, &tags()).unwrap_err().to_string().contains("re-created"));
    assert!(matches!(promote(&path, &wish("x:v1", "x:v9"), &tags()), Err(PromoteError::TagGone { .. })));
    assert!(promote(&path, &wish("x:v0", "x:v2"), &tags()).unwrap_err().to_string().contains("somebody changed it"));
    let failed = Promotion { decision: Decision::Inconclusive, ..wish_.clone() };
    assert!(promote(&path, &failed, &tags()).unwrap_err().to_string().contains("INCONCLUSIVE"));
    assert_eq!(read(&path), TEXT);
    // An editor saves between our reading and our renaming.
    let edited = TEXT.replace("4096", "8192");
    let mut at = |p| {
        if p == Point::Prepared {
            std::fs::write(&path, &edited).unwrap();
        }
        true
    };
    let e = promote_with(&path, &wish_, &tags(), &mut Hook { at: &mut at, injected: Injected::Nothing }).unwrap_err();
    assert!(matches!(e, PromoteError::FileChanged { .. }));
    assert_eq!((read(&path), recover(&path, &mut LockWait::none()).unwrap().len()), (edited, 0));
    promote(&path, &Promotion { allow_inconclusive: true, ..failed }, &tags()).unwrap();
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_modes_stay() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, path) = folder();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::fs::create_dir(dir.path().join("conf")).unwrap();
    let link = dir.path().join("conf/models.yaml");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    promote(&link, &wish("x:v1", "x:v2"), &tags()).unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(read(&path).contains("'x:v2'") && dir.path().join(".tunesmith/registry.jsonl").exists());
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
}

#[test]
fn a_folder_that_takes_no_file_leaves_everything() {
    let (_dir, path) = folder();
    let mut hook = Hook { at: &mut |_| true, injected: Injected::FailedWrite };
    let e = promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap_err();
    assert!(e.to_string().contains("writing"), "{e}");
    assert_eq!((read(&path).as_str(), recover(&path, &mut LockWait::none()).unwrap().len()), (TEXT, 0));
    assert!(history(&path, None).unwrap()[0].state.starts_with("not done: writing"));
    // No state folder can be made: nothing at all is written.
    let (dir, path) = folder();
    std::fs::write(dir.path().join(".tunesmith"), "a file").unwrap();
    assert!(promote(&path, &wish("x:v1", "x:v2"), &tags()).is_err());
    assert_eq!(read(&path), TEXT);
}

#[test]
fn two_at_once_are_one_after_the_other() {
    let (_dir, path) = folder();
    let place = RolesFile::of(&path).unwrap();
    let held = place.lock(&mut LockWait::none()).unwrap();
    let e = promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap_err();
    assert!(e.to_string().contains("another tunesmith"), "{e}");
    let first = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(held);
    });
    let mut said = Vec::new();
    let mut announce = |_: &Path, limit: std::time::Duration| said.push(limit.as_secs());
    let limit = std::time::Duration::from_secs(60);
    let mut wait = LockWait { limit, announce: Some(&mut announce), ..LockWait::none() };
    super::promote(&path, &wish("x:v1", "x:v2"), &tags(), &mut wait).unwrap();
    first.join().unwrap();
    assert_eq!(said, [60]);
}

#[cfg(unix)]
#[test]
fn a_read_only_file_is_replaced_only_where_that_is_asked_for() {
    use std::os::unix::fs::PermissionsExt;
    let (_dir, path) = folder();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o444)).unwrap();
    let e = promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap_err();
    assert!(matches!(e, PromoteError::ReadOnly { .. }), "{e}");
    assert_eq!((read(&path).as_str(), history(&path, None).unwrap().len()), (TEXT, 0));
    promote(&path, &Promotion { replace_read_only: true, ..wish("x:v1", "x:v2") }, &tags()).unwrap();
    assert!(read(&path).contains("'x:v2'"));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o444);
    let back = |force| rollback(&path, &Rollback { role: "router", to: None, force }, &tags());
    assert!(matches!(back(false), Err(PromoteError::ReadOnly { .. })));
    back(true).unwrap();
}

/// What a hostile project puts where files of ours are to be: nothing is written through it.
#[cfg(unix)]
#[test]
fn links_in_the_place_of_our_files_are_not_followed() {
    use std::os::unix::fs::symlink;
    let outside = tempfile::tempdir().unwrap();
    let mine = outside.path().join("mine");
    for name in [".tunesmith", ".tunesmith/registry.jsonl", ".tunesmith/lock"] {
        let (dir, path) = folder();
        std::fs::write(&mine, "mine").unwrap();
        std::fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
        let target = if name == ".tunesmith" { outside.path() } else { mine.as_path() };
        symlink(target, dir.path().join(name)).unwrap();
        let e = promote(&path, &wish("x:v1", "x:v2"), &tags()).unwrap_err().to_string();
        assert!(e.contains("symbolic link"), "{name}: {e}");
        assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine", "{name}");
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 1, "{name}");
        assert_eq!(read(&path), TEXT);
    }
    // The names of earlier versions mean nothing any more, and a backup's is replaced.
    let (dir, path) = folder();
    symlink(&mine, dir.path().join(".models.yaml.tunesmith-new")).unwrap();
    std::fs::create_dir(dir.path().join(".tunesmith")).unwrap();
    symlink(&mine, dir.path().join(".tunesmith/1-models.yaml.backup")).unwrap();
    let mut hook = Hook { at: &mut |_| true, injected: Injected::RefusedRename };
    promote_with(&path, &wish("x:v1", "x:v2"), &tags(), &mut hook).unwrap();
    assert_eq!(std::fs::read_to_string(&mine).unwrap(), "mine");
    assert!(read(&path).contains("'x:v2'"));
}
