//! What an earlier training has left in the output: what took hours is not removed unasked.

use std::path::Path;

use super::{Context, Failure};
use crate::config::RunConfig;
use crate::events::Warning;
use crate::store::{check_inside, sweep};
use crate::train;

/// How a training begins where its output holds an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// Anew, unless the earlier one has not ended.
    New,
    /// From its newest checkpoint.
    Resume,
    /// Anew, whatever it is.
    Overwrite,
}

/// Puts back what a killed run had put aside. Refuses to remove what can still be gone on from; says what is removed
/// otherwise, and that there is nothing to go on from.
pub(super) fn check(context: &mut Context<'_>, output: &Path, start: Start) -> Result<(), Failure> {
    train::sweep(output)?;
    refuse_foreign(output)?;
    let left = train::left(output)?;
    let place = output.display();
    if let Some(foreign) = left.foreign.first() {
        let foreign = foreign.display();
        return Err(Failure::input(format!(
            "{foreign} is no checkpoint of tunesmith's: one of ours may come to have its name"
        ))
        .hint("move it away, or train into another --output"));
    }
    match (start, left.checkpoints.last()) {
        (Start::Resume, None) => {
            context.report.warn(Warning::NothingToResume { path: output.to_path_buf() });
        }
        (Start::New, Some(newest)) if !left.finished => {
            let newest = newest.display();
            return Err(Failure::input(format!("{place} holds a training that has not ended, up to {newest}")).hint(
                "go on with it: --resume; or begin anew: into another --output, or with --overwrite, which removes it",
            ));
        }
        (Start::New, Some(_)) => {
            let checkpoints = left.checkpoints.iter().map(|path| name(path)).collect();
            context.report.warn(Warning::FinishedTraining { path: output.to_path_buf(), checkpoints });
        }
        (Start::New, None) if output.join("final").is_dir() => {
            context.report.warn(Warning::AdapterReplaced { path: output.to_path_buf() });
        }
        _ => {}
    }
    Ok(())
}

/// What a training writes into `final/`.
const FINAL: [&str; 5] =
    ["adapter_config.json", "adapter_model.safetensors", "tunesmith.json", "tokenizer.json", "tokenizer_config.json"];

/// Refuses a `final/` that holds anything but an adapter trained by tunesmith, because the whole folder is replaced.
pub(super) fn refuse_foreign(output: &Path) -> Result<(), Failure> {
    let folder = output.join("final");
    check_inside(&folder)?;
    // A killed run leaves temporary files of its own.
    sweep(&folder);
    let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
    let names: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned())).collect();
    let foreign = names.iter().find(|name| !FINAL.contains(&name.as_str())).map(String::as_str);
    // Every adapter trained by tunesmith has this file.
    let unsigned =
        (!names.is_empty() && !folder.join("tunesmith.json").is_file()).then_some("an adapter of another program");
    let Some(found) = foreign.or(unsigned) else { return Ok(()) };
    let what = format!("{} would be replaced, and holds {found}", folder.display());
    Err(Failure::input(what).hint("nothing was done yet: give another --output, or move it away"))
}

/// Refuses an output that `train` wrote: a run puts a copy of its adapter into `final/`, and the metrics, the manifest and
/// the checkpoints beside it would be of another training.
pub(super) fn refuse_training(output: &Path) -> Result<(), Failure> {
    refuse_foreign(output)?;
    if !output.join(train::METRICS).exists() {
        return Ok(());
    }
    let what = format!("{} holds a training of its own, whose final/ this run would replace", output.display());
    Err(Failure::input(what).hint("nothing was done yet: give another --output, or move that training away"))
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// A training that is begun anew removes the checkpoints of an earlier one in its output: not those that it goes on from.
pub(super) fn check_adapter(config: &RunConfig, output: &Path, start: Start) -> Result<(), Failure> {
    let Some(from) = config.from_adapter.as_deref().filter(|_| start != Start::Resume) else { return Ok(()) };
    let inside = match (from.canonicalize(), output.canonicalize()) {
        (Ok(from), Ok(output)) => from.starts_with(output),
        _ => false,
    };
    if !inside {
        return Ok(());
    }
    let (from, output) = (from.display(), output.display());
    Err(Failure::input(format!("from_adapter: {from} lies in the output, {output}, which a new training empties"))
        .hint("give another --output"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Kind;
    use crate::commands::report::reported;
    use crate::events::Event;

    fn warned(output: &Path, start: Start) -> Result<Vec<Event>, Failure> {
        let (checked, warnings) = reported(|context| check(context, output, start));
        checked.map(|()| warnings)
    }

    #[test]
    fn a_run_does_not_replace_what_train_wrote() {
        let dir = tempfile::tempdir().unwrap();
        refuse_training(dir.path()).unwrap();
        // What an earlier run put there is replaced.
        std::fs::create_dir(dir.path().join("final")).unwrap();
        refuse_training(dir.path()).unwrap();
        std::fs::write(dir.path().join("metrics.jsonl"), "").unwrap();
        let e = refuse_training(dir.path()).unwrap_err();
        assert!(e.kind == Kind::Input && e.to_string().contains("another --output"), "{e}");
    }

    #[test]
    fn a_training_that_has_not_ended_is_removed_only_where_that_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let output = dir.path().join("out");
        let new = || warned(&output, Start::New);
        assert_eq!(new().unwrap(), []);
        // To go on from nothing is not what was meant.
        let nothing = Event::Warning(Warning::NothingToResume { path: output.clone() });
        assert_eq!(warned(&output, Start::Resume).unwrap(), [nothing]);
        for step in [50, 100] {
            let folder = output.join(format!("checkpoint-{step}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("state.json"), "{}").unwrap();
        }
        std::fs::write(output.join("metrics.jsonl"), "{\"step\":100}\n").unwrap();
        let e = new().unwrap_err();
        assert_eq!(e.kind, Kind::Input);
        for words in ["not ended", "checkpoint-100", "--resume", "--overwrite", "another --output"] {
            assert!(e.to_string().contains(words), "{words} not in {e}");
        }
        for start in [Start::Resume, Start::Overwrite] {
            assert_eq!(warned(&output, start).unwrap(), []);
        }
        // What has ended may be trained again, and what becomes of it is said.
        std::fs::write(output.join("metrics.jsonl"), "{\"step\":100}\n{\"duration_seconds\":1.5}\n").unwrap();
        let checkpoints = ["checkpoint-50", "checkpoint-100"].map(str::to_owned).into();
        let finished = Event::Warning(Warning::FinishedTraining { path: output.clone(), checkpoints });
        assert_eq!(new().unwrap(), [finished]);
        assert_eq!(warned(&output, Start::Overwrite).unwrap(), []);
        // Another program's is never written over.
        std::fs::create_dir(output.join("checkpoint-200")).unwrap();
        for start in [Start::New, Start::Resume, Start::Overwrite] {
            let e = warned(&output, start).unwrap_err();
            assert!(e.kind == Kind::Input && e.to_string().contains("checkpoint-200 is no checkpoint"), "{e}");
        }
        let output = dir.path().join("only final");
        std::fs::create_dir_all(output.join("final")).unwrap();
        std::fs::write(output.join("final/tunesmith.json"), "{}").unwrap();
        let replaced = Event::Warning(Warning::AdapterReplaced { path: output.clone() });
        assert_eq!(warned(&output, Start::New).unwrap(), [replaced]);
    }

    #[test]
    fn a_folder_of_somebody_elses_by_the_name_of_final_is_not_replaced() {
        for foreign in ["thesis.tex", "adapter_model.safetensors"] {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir_all(dir.path().join("final")).unwrap();
            std::fs::write(dir.path().join("final").join(foreign), "x").unwrap();
            let e = refuse_training(dir.path()).unwrap_err();
            assert!(e.kind == Kind::Input && e.to_string().contains("would be replaced"), "{e}");
            assert!(warned(dir.path(), Start::Overwrite).unwrap_err().to_string().contains("would be replaced"));
        }
        // What a kill left of ours is no file of somebody else's.
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join("final").join(name);
        std::fs::create_dir_all(at("")).unwrap();
        for name in ["tunesmith.json", ".tunesmith-1-abc.partial"] {
            std::fs::write(at(name), "{}").unwrap();
        }
        refuse_training(dir.path()).unwrap();
        assert!(at("tunesmith.json").exists() && !at(".tunesmith-1-abc.partial").exists());
    }
}
