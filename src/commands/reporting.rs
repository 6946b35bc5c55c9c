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

/// As [`write`], of work that ended. A failure goes into the work's log first, so that the page says it.
pub(super) fn write_end(context: &mut Context<'_>, folder: &Path, failure: Option<&Failure>) {
    if let Some(failure) = failure {
        context.report.close_log(&failure.event());
    }
    write(context, folder);
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
    use crate::commands::Kind;
    use crate::commands::report::reported;
    use crate::events::{Event, EventLog, Note};

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
    fn the_page_of_a_failed_run_says_so_and_why() {
        let dir = run();
        let log = dir.path().join(EventLog::NAME);
        let page = || std::fs::read_to_string(dir.path().join("report.html")).unwrap();
        let (_, heard) = reported(|context| {
            context.report.keep_in(EventLog::open(&log).unwrap());
            context.report.note(Note::Run { path: dir.path().to_path_buf() });
            write_end(context, dir.path(), Some(&Failure::new(Kind::Resources, "no space left <here>")));
            // What ends the command tells the user, and nothing more goes into the run's log.
            context.report.warn(Warning::DatasetMore { findings: 1 });
        });
        assert!(page().contains("FAILED</h1>"), "{}", page());
        assert!(page().contains("The run ended with an error: no space left &lt;here&gt;"), "{}", page());
        let kept = std::fs::read_to_string(&log).unwrap();
        assert_eq!((kept.lines().count(), kept.matches("\"event\":\"failed\"").count()), (2, 1), "{kept}");
        assert_eq!(heard.len(), 2, "{heard:?}");
        let first = page();
        again(dir.path(), None).unwrap();
        assert_eq!(page(), first, "the same files, the same page");

        reported(|context| {
            context.report.keep_in(EventLog::open(&log).unwrap());
            write_end(context, dir.path(), Some(&Failure::interrupted()));
        });
        assert!(page().contains("INTERRUPTED</h1>") && !page().contains("FAILED"), "{}", page());
    }

    #[test]
    fn a_page_that_cannot_be_written_is_a_warning() {
        let dir = run();
        std::fs::create_dir(dir.path().join("report.html")).unwrap();
        let ((), events) = reported(|context| write(context, dir.path()));
        assert!(matches!(events.as_slice(), [Event::Warning(Warning::ReportNotWritten { .. })]), "{events:?}");
    }
}
