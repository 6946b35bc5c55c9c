//! `report`, and the page that every run leaves in its folder.

use std::path::{Path, PathBuf};

use super::{Context, Failure};
use crate::events::Warning;
pub use crate::report::NAME;
use crate::report::{RunFiles, page};
use crate::store::{Inputs, check_replaceable, write_whole};

/// Writes the page of a folder that was worked in just now. What was done stands without it: a page that can't be written is a
/// warning.
pub(super) fn write(context: &mut Context<'_>, folder: &Path) {
    if let Err(failure) = made(folder, &folder.join(NAME)) {
        let reason = failure.message();
        context.report.warn(Warning::ReportNotWritten { path: folder.join(NAME), reason });
    }
}

/// `tunesmith report`: makes the page of a run, a training or an evaluation again.
pub fn again(folder: &Path, output: Option<&Path>) -> Result<PathBuf, Failure> {
    let output = output.map_or_else(|| folder.join(NAME), Path::to_path_buf);
    made(folder, &output)?;
    Ok(output)
}

fn made(folder: &Path, output: &Path) -> Result<(), Failure> {
    let files = RunFiles::read(folder)?;
    if files.is_empty() {
        let why = format!("{}: no files of a run, a training or an evaluation", folder.display());
        return Err(
            Failure::input(why).hint("give the folder of a run (runs/<id>), or the output folder of `train` or `eval`")
        );
    }
    let mut read = Inputs::default();
    files.paths().iter().for_each(|path| {
        read.add("a file of the run", path);
    });
    read.refuse_overwrite(output)?;
    check_replaceable(output)?;
    Ok(write_whole(output, page(&files).as_bytes())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::reported;
    use crate::events::Event;

    fn run() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("metrics.jsonl"), r#"{"step":1,"train_loss":4.0}"#).unwrap();
        dir
    }

    #[test]
    fn a_page_is_made_again_and_replaces_no_file_of_the_run() {
        let dir = run();
        assert_eq!(again(dir.path(), None).unwrap(), dir.path().join("report.html"));
        let first = std::fs::read(dir.path().join("report.html")).unwrap();
        let other = dir.path().join("other.html");
        again(dir.path(), Some(&other)).unwrap();
        assert_eq!(std::fs::read(other).unwrap(), first, "the same files, the same page");
        let e = again(dir.path(), Some(&dir.path().join("metrics.jsonl"))).unwrap_err();
        assert!(e.message().contains("would be overwritten"), "{e}");
    }

    #[test]
    fn a_folder_of_something_else_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let e = again(dir.path(), None).unwrap_err();
        assert!(e.message().contains("no files of a run") && e.hint.unwrap().contains("runs/<id>"));
        assert!(!dir.path().join("report.html").exists());
        assert!(again(&dir.path().join("none"), None).unwrap_err().message().contains("none"));
    }

    #[test]
    fn a_page_that_cannot_be_written_is_a_warning() {
        let dir = run();
        std::fs::create_dir(dir.path().join("report.html")).unwrap();
        let ((), events) = reported(|context| write(context, dir.path()));
        assert!(matches!(events.as_slice(), [Event::Warning(Warning::ReportNotWritten { .. })]), "{events:?}");
    }
}
