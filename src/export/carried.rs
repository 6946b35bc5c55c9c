//! Files of a Hugging Face base that go into an export as they are. A base may be a stranger's folder: a link in it must not
//! carry another file of the user's into what is given away.

use std::io::{Error, ErrorKind};
use std::path::{Path, PathBuf};

use crate::store::{FileAction, StoreError};

/// The file `name` of a base's folder; None where there is none. A link may lead to another file of the folder, or, in a
/// snapshot of the hub's cache, to its blob; any other is refused.
pub(super) fn file(base: &Path, name: &str) -> Result<Option<PathBuf>, StoreError> {
    let path = base.join(name);
    if !path.is_file() {
        return Ok(None);
    }
    let resolve = |path: &Path| std::fs::canonicalize(path).map_err(|e| StoreError::new(FileAction::READING, path, e));
    let (real, folder) = (resolve(&path)?, resolve(base)?);
    if real.starts_with(&folder) || hub_blobs(&folder).is_some_and(|blobs| real.starts_with(blobs)) {
        return Ok(Some(real));
    }
    let what = format!(
        "it is a symbolic link out of the base's folder (to {}), so it is not copied into the export; put the file itself \
         in its place",
        real.display()
    );
    Err(StoreError::new(FileAction::READING, path, Error::new(ErrorKind::InvalidInput, what)))
}

/// `models--…/blobs` of a snapshot, `models--…/snapshots/<revision>`. (Were it a link, what lies behind it would not count.)
fn hub_blobs(snapshot: &Path) -> Option<PathBuf> {
    let snapshots = snapshot.parent().filter(|folder| folder.ends_with("snapshots"))?;
    let model = snapshots.parent()?;
    let named = model.file_name().is_some_and(|name| name.to_string_lossy().starts_with("models--"));
    named.then(|| model.join("blobs"))
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_stays_in_the_folder_or_leads_to_the_hubs_blobs() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let snapshot = at("models--a--b/snapshots/r1");
        for folder in
            ["base/more", "models--a--b/blobs", "models--a--b/snapshots/r1", "plain/snapshots/r1", "plain/blobs"]
        {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        for name in ["base/own", "base/more/own", "secret", "models--a--b/blobs/1", "plain/blobs/1"] {
            std::fs::write(at(name), name).unwrap();
        }
        symlink("more/own", at("base/inside")).unwrap();
        symlink(at("secret"), at("base/LICENSE")).unwrap();
        symlink("../../blobs/1", snapshot.join("vocab.json")).unwrap();
        symlink("../../../secret", snapshot.join("LICENSE")).unwrap();
        symlink("../../blobs/1", at("plain/snapshots/r1/vocab.json")).unwrap();
        symlink(&snapshot, at("by-link")).unwrap();
        // A cache of somebody's own making, whose blobs are another folder of the user's.
        std::fs::create_dir_all(at("models--c--d/snapshots/r1")).unwrap();
        symlink(at("plain/blobs"), at("models--c--d/blobs")).unwrap();
        symlink("../../blobs/1", at("models--c--d/snapshots/r1/vocab.json")).unwrap();
        let found =
            |folder: &Path, name: &str| file(folder, name).map(|path| path.is_some()).map_err(|e| e.to_string());
        for (folder, name) in [
            (at("base"), "own"),
            (at("base"), "inside"),
            (snapshot.clone(), "vocab.json"),
            (at("by-link"), "vocab.json"),
        ] {
            assert_eq!(found(&folder, name), Ok(true), "{name}");
        }
        assert_eq!(found(&at("base"), "absent"), Ok(false));
        for (folder, name) in [
            (at("base"), "LICENSE"),
            (snapshot, "LICENSE"),
            (at("plain/snapshots/r1"), "vocab.json"),
            (at("models--c--d/snapshots/r1"), "vocab.json"),
        ] {
            let e = found(&folder, name).unwrap_err();
            assert!(e.contains(name) && e.contains("out of the base's folder") && e.contains("put the file"), "{e}");
        }
    }
}
