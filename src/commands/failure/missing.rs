//! A file that is to be read and is not there: what the user may have meant.

use std::error::Error;
use std::io::ErrorKind;
use std::path::Path;

use crate::dataset::DatasetError;
use crate::eval::EvalError;
use crate::generate::GenerateError;
use crate::input::nearest;
use crate::store::{FileAction, StoreError};

/// Names of a folder that are looked at for one that is meant.
const MOST_NAMES: usize = 1000;

/// The file beside it with nearly the same name, else where it is looked for.
pub(super) fn hint(e: &(dyn Error + 'static)) -> Option<String> {
    let fault = store_fault(e)?;
    let is_read = matches!(fault.action, FileAction::Reading(_) | FileAction::Opening(_));
    if !is_read || fault.source.kind() != ErrorKind::NotFound {
        return None;
    }
    let folder = fault.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Some(format!("there is no folder {}", folder.display()));
    };
    let names = entries.flatten().take(MOST_NAMES).filter_map(|entry| entry.file_name().into_string().ok());
    let names: Vec<String> = names.collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Some(match fault.path.file_name().and_then(|name| nearest(name.to_str()?, &names)) {
        Some(near) => format!("did you mean {}?", fault.path.with_file_name(near).display()),
        None => "check the path; it counts from the folder that the command is started in".to_owned(),
    })
}

/// The fault of a file behind the errors of what users name: the outer ones speak with its words and have its source.
fn store_fault<'e>(e: &'e (dyn Error + 'static)) -> Option<&'e StoreError> {
    if let Some(DatasetError::Store(fault)) = e.downcast_ref() {
        return Some(fault);
    }
    if let Some(EvalError::Store(fault)) = e.downcast_ref() {
        return Some(fault);
    }
    if let Some(GenerateError::Store(fault)) = e.downcast_ref() {
        return Some(fault);
    }
    e.downcast_ref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Failure;

    #[test]
    fn a_missing_file_has_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("apps_train.jsonl"), "").unwrap();
        let gone = |name: &str| {
            StoreError::new(FileAction::Reading("the dataset"), dir.path().join(name), ErrorKind::NotFound.into())
        };
        let hint = |name: &str| Failure::from(DatasetError::from(gone(name))).hint.unwrap();
        let meant = format!("did you mean {}?", dir.path().join("apps_train.jsonl").display());
        assert_eq!(hint("aps_train.jsonl"), meant);
        assert_eq!(Failure::from(EvalError::from(gone("apps_tain.jsonl"))).hint, Some(meant.clone()));
        assert_eq!(Failure::from(GenerateError::from(gone("apps_tran.jsonl"))).hint, Some(meant));
        assert!(hint("questions.csv").starts_with("check the path"), "{}", hint("questions.csv"));
        assert_eq!(hint("no/x.jsonl"), format!("there is no folder {}", dir.path().join("no").display()));
        let denied = StoreError::new(FileAction::READING, dir.path(), ErrorKind::PermissionDenied.into());
        assert_eq!(Failure::from(denied).hint, None);
    }
}
