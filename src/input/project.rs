//! The project of a config file or models.yaml, and the files in it that models.yaml may name to be read.

use std::path::{Path, PathBuf};

use super::env::Env;
use crate::store::{FileAction, StoreError, project_of, read_text};

/// Bytes of a file that models.yaml names, at most.
const MAX_FILE: u64 = 4 << 20;

#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "{} lies outside the project {}, so it is not read: copy it into the project, or write its text into models.yaml",
        path.display(),
        root.display()
    )]
    Outside { path: PathBuf, root: PathBuf },
}

/// Where the program runs, and whose it is: what bounds a project.
#[derive(Clone, Debug)]
pub struct Bounds {
    pub working: Option<PathBuf>,
    pub home: Option<PathBuf>,
}

impl Bounds {
    pub fn of_process() -> Self {
        Self { working: std::env::current_dir().ok(), home: Env::read().home }
    }

    /// The project of the files in `folder`, an absolute path: as `store` finds it, else the folder itself. The home folder
    /// may hold `.git` (dotfiles) or `configs/`, and so may a folder above it, without being the project of every clone
    /// and archive below: it is that only of the files that lie directly in it or in its `configs/`.
    pub fn project_of(&self, folder: &Path) -> PathBuf {
        let found = self.working.as_deref().and_then(|working| project_of(folder, working));
        let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        let below = |root: &Path| self.home.as_deref().is_some_and(|home| real(home).starts_with(real(root)));
        let holds_home = |root: &Path| root.parent().is_none() || below(root);
        let is_own = |root: &Path| folder == root || folder == root.join("configs") || !holds_home(root);
        found.filter(|root| is_own(root)).unwrap_or_else(|| folder.to_path_buf())
    }
}

/// The text of a file that `models.yaml` in `folder` names. It must lie below the project once every symbolic link is
/// followed: models.yaml may be a stranger's, and what is read goes to the daemon.
pub fn read_of_project(folder: &Path, named: &Path) -> Result<String, ProjectError> {
    let path = folder.join(named);
    let resolve = |path: &Path| path.canonicalize().map_err(|e| StoreError::new(FileAction::READING, path, e));
    let here = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let (found, root) = (resolve(&path)?, Bounds::of_process().project_of(&resolve(here)?));
    if !found.starts_with(&root) {
        return Err(ProjectError::Outside { path, root });
    }
    // The resolved path: a link that is exchanged meanwhile is not followed elsewhere.
    Ok(read_text(FileAction::READING, &found, MAX_FILE)?)
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

    #[test]
    fn the_home_folder_is_no_project_of_what_lies_deeper_in_it() {
        for mark in [".git", "configs"] {
            let dir = tempfile::tempdir().unwrap();
            let home = dir.path().join("home");
            for folder in [mark, "src/plain/deep", "src/clone/configs", "elsewhere"] {
                std::fs::create_dir_all(home.join(folder)).unwrap();
            }
            for working in ["home", "home/src/plain", "home/elsewhere", ""] {
                let bounds = Bounds { working: Some(dir.path().join(working)), home: Some(home.clone()) };
                for (folder, project) in
                    [("src/clone/configs", "src/clone"), ("src/plain", "src/plain"), ("configs", ""), ("", "")]
                {
                    let found = bounds.project_of(&home.join(folder));
                    assert_eq!(found, home.join(project), "{folder} from {working:?}, beside {mark}");
                }
                assert!(bounds.project_of(&home.join("src/plain/deep")).starts_with(home.join("src/plain")));
            }
        }
    }
}
