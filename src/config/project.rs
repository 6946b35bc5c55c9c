//! The files that a project's own files may name to be read.

use std::path::{Path, PathBuf};

use super::fault::ConfigError;
use crate::store::{StoreError, read_text};

/// Bytes of a file that models.yaml names, at most.
const MAX_FILE: u64 = 4 << 20;

/// The text of a file that `models.yaml` in `folder` names. It must lie below the project once every symbolic link is
/// followed: models.yaml may be a stranger's, and what is read goes to the daemon.
pub(super) fn read_of_project(folder: &Path, named: &Path) -> Result<String, ConfigError> {
    let path = folder.join(named);
    let resolve = |path: &Path| path.canonicalize().map_err(|e| StoreError::new("reading", path, e));
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (found, root) = (resolve(&path)?, project_of(resolve(here)?));
    if !found.starts_with(&root) {
        return Err(ConfigError::OutsideProject { path, root });
    }
    // The resolved path: a link that is exchanged meanwhile is not followed elsewhere.
    Ok(read_text("reading", &found, MAX_FILE)?)
}

/// The folder of models.yaml, or where that is the `configs` of a project, the folder above it. (A repository that is
/// itself called `configs` ends at its own `.git`.)
fn project_of(folder: PathBuf) -> PathBuf {
    let in_configs = folder.file_name().is_some_and(|name| name == "configs") && !folder.join(".git").exists();
    match folder.parent() {
        Some(parent) if in_configs => parent.to_path_buf(),
        _ => folder,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_below_the_project_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir_all(at("project/configs/prompts")).unwrap();
        std::fs::create_dir_all(at("project/prompts")).unwrap();
        for name in ["secret", "project/prompts/a", "project/configs/prompts/b"] {
            std::fs::write(at(name), name).unwrap();
        }
        std::os::unix::fs::symlink(at("secret"), at("project/configs/link")).unwrap();
        std::os::unix::fs::symlink(dir.path(), at("project/configs/up")).unwrap();
        std::os::unix::fs::symlink(at("project/prompts/a"), at("project/configs/inside")).unwrap();
        let read = |name: &str| read_of_project(&at("project/configs"), Path::new(name)).map_err(|e| e.to_string());
        assert_eq!(read("prompts/b").unwrap(), "project/configs/prompts/b");
        assert_eq!(read("../prompts/a").unwrap(), "project/prompts/a");
        assert_eq!(read("inside").unwrap(), "project/prompts/a");
        let absolute = at("secret").display().to_string();
        for outside in ["../../secret", "link", "up/secret", &absolute, "/dev/zero", "/etc/passwd"] {
            let e = read(outside).unwrap_err();
            assert!(e.contains("outside the project"), "{outside}: {e}");
        }
        assert!(read("prompts").unwrap_err().contains("a folder"));
        // A repository called `configs`.
        std::fs::create_dir(at("project/configs/.git")).unwrap();
        assert!(read("../prompts/a").unwrap_err().contains("outside the project"));
    }
}
