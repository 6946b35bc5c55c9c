//! `compare --runs`: one table over trainings, from what their folders store.

mod scorecard;
mod stored;

use std::path::{Component, Path, PathBuf};

use super::compare::{Form, Formats, outputs};
use super::{Context, Failure, Kind};
use crate::eval::{Entrant, EntrantKind, compare_runs, runs_markdown};
pub use crate::eval::{RunComparison, runs_overview};
use crate::store::{Inputs, check_replaceable, write_whole};
use scorecard::{V1, merge};
use stored::StoredRun;

#[derive(Clone, Debug)]
pub struct RunsRequest {
    /// Folders of runs, or their ids.
    pub runs: Vec<PathBuf>,
    /// Where an id is looked for.
    pub runs_dir: PathBuf,
    /// None: no file is written.
    pub output: Option<PathBuf>,
    pub formats: Formats,
}

/// The table, and the files that were written.
#[derive(Clone, Debug)]
pub struct ComparedRuns {
    pub comparison: RunComparison,
    pub files: Vec<PathBuf>,
}

/// Reads, compares, writes.
pub fn run(context: &Context<'_>, request: &RunsRequest) -> Result<ComparedRuns, Failure> {
    if request.runs.len() < 2 {
        let why = "there is one run, which can't be compared with itself";
        return Err(Failure::new(Kind::Usage, why).hint("give two runs at least: --runs runs/A runs/B"));
    }
    let folders = request.runs.iter().map(|run| find(run, &request.runs_dir)).collect::<Result<Vec<_>, _>>()?;
    refuse_twice(&folders)?;
    let labels = labels(&folders);
    let named: Vec<NamedRun<'_>> =
        folders.iter().zip(&labels).map(|(folder, label)| NamedRun { folder, label: label.clone() }).collect();
    table(context, &named, request.output.as_deref(), request.formats)
}

/// A run's folder and the head of its column.
#[derive(Clone, Debug)]
pub(super) struct NamedRun<'a> {
    pub(super) folder: &'a Path,
    pub(super) label: String,
}

/// The files of a comparison, tried before what takes long.
pub(super) fn check_output(output: Option<&Path>, formats: Formats) -> Result<(), Failure> {
    for (path, _) in output.iter().flat_map(|output| outputs(output, formats)) {
        check_replaceable(&path)?;
    }
    Ok(())
}

/// The table of these runs, and of what they were compared with.
pub(super) fn table(
    context: &Context<'_>,
    runs: &[NamedRun<'_>],
    output: Option<&Path>,
    formats: Formats,
) -> Result<ComparedRuns, Failure> {
    let outputs = output.map_or_else(Vec::new, |output| outputs(output, formats));
    check_output(output, formats)?;
    let mut read = Inputs::default();
    for run in runs {
        read.add("a run", run.folder);
    }
    for (path, _) in &outputs {
        read.refuse_overwrite(path)?;
    }
    let stored = runs.iter().map(|run| StoredRun::read(run.folder, &run.label)).collect::<Result<Vec<_>, _>>()?;
    let (mut entrants, mut v1): (Vec<Entrant>, Vec<V1>) = (Vec::new(), Vec::new());
    let tuned: Vec<String> = stored.iter().filter_map(|run| run.digest.clone()).collect();
    let mut notes = Vec::new();
    for run in stored {
        run.v1.into_iter().filter(|v1| !tuned.contains(&v1.digest)).for_each(|found| merge(&mut v1, found));
        notes.extend(run.notes);
        entrants.push(run.entrant);
    }
    entrants.extend(v1_columns(&v1));
    let mut comparison = compare_runs(&entrants, context.seed.unwrap_or(42));
    comparison.notes.extend(notes);
    for (path, form) in &outputs {
        let text = match form {
            Form::Json => comparison.to_json(),
            Form::Markdown => runs_markdown(&comparison),
        };
        write_whole(path, text.as_bytes())?;
    }
    Ok(ComparedRuns { comparison, files: outputs.into_iter().map(|(path, _)| path).collect() })
}

/// Models of one name and other weights are told apart by their digests.
fn v1_columns(found: &[V1]) -> impl Iterator<Item = Entrant> {
    found.iter().map(|v1| {
        let several = found.iter().filter(|other| other.model == v1.model).count() > 1;
        let short: String = v1.digest.chars().take(12).collect();
        let label = if several { format!("{} (v1, {short})", v1.model) } else { format!("{} (v1)", v1.model) };
        Entrant {
            label,
            kind: EntrantKind::V1,
            state: None,
            model: Some(v1.model.clone()),
            base: None,
            folder: None,
            values: scorecard::speeds(&v1.cards),
            verdict: None,
            suites: v1.cards.iter().map(|card| card.scores.clone()).collect(),
            origin: Default::default(),
        }
    })
}

/// The folder that is named, or that has this id among the runs.
fn find(run: &Path, runs_dir: &Path) -> Result<PathBuf, Failure> {
    let is_id = matches!(run.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    let by_id = is_id.then(|| runs_dir.join(run)).filter(|folder| folder.is_dir());
    let is_run = |folder: &PathBuf| stored::is_run(folder);
    if let Some(folder) = [Some(run.to_path_buf()), by_id.clone()].into_iter().flatten().find(is_run) {
        return Ok(folder);
    }
    let what = match run.is_dir() || by_id.is_some() {
        true => "is no run's folder: it has neither manifest.json nor run.yaml nor metrics.jsonl".to_owned(),
        false => format!("there is no such folder, and no run of this id in {}", runs_dir.display()),
    };
    let known = known_in(if run.is_dir() { run } else { runs_dir });
    let hint = match known.is_empty() {
        true => "give folders that `tunesmith run` or `tunesmith train` made; --runs-dir says where ids are looked for"
            .to_owned(),
        false => format!("the runs there are {}", known.join(", ")),
    };
    Err(Failure::input(format!("{}: {what}", run.display())).hint(hint))
}

/// Ids of runs in a folder; the first few.
fn known_in(folder: &Path) -> Vec<String> {
    const SHOWN: usize = 8;
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let runs = entries.map(|entry| entry.path()).filter(|path| stored::is_run(path));
    let mut names: Vec<String> =
        runs.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned())).collect();
    names.sort();
    let more = names.len() > SHOWN;
    names.truncate(SHOWN);
    names.extend(more.then(|| "…".to_owned()));
    names
}

fn refuse_twice(folders: &[PathBuf]) -> Result<(), Failure> {
    let real: Vec<PathBuf> =
        folders.iter().map(|folder| std::fs::canonicalize(folder).unwrap_or_else(|_| folder.clone())).collect();
    match real.iter().enumerate().find(|(i, folder)| real[..*i].contains(folder)) {
        Some((i, _)) => {
            let what = format!("{} is given twice", folders[i].display());
            Err(Failure::new(Kind::Usage, what).hint("name each run once"))
        }
        None => Ok(()),
    }
}

/// The folders' own names; whole paths where two are alike.
fn labels(folders: &[PathBuf]) -> Vec<String> {
    let own = |folder: &PathBuf| {
        let name =
            std::path::absolute(folder).ok().and_then(|path| Some(path.file_name()?.to_string_lossy().into_owned()));
        name.unwrap_or_else(|| folder.display().to_string())
    };
    let names: Vec<String> = folders.iter().map(own).collect();
    let is_shared = |name: &String| names.iter().filter(|other| *other == name).count() > 1;
    let label =
        |(folder, name): (&PathBuf, &String)| if is_shared(name) { folder.display().to_string() } else { name.clone() };
    folders.iter().zip(&names).map(label).collect()
}

#[cfg(test)]
mod tests;
