//! The files that an evaluation writes, tried before anything is asked.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::comparison::Comparison;
use super::{choices, control, likelihood};
use crate::commands::{Context, Failure, Kind, judging, reporting, votes};
use crate::eval::{AnswerCache, Demand, Suite};
use crate::events::Note;
use crate::store::{Digest, Outputs, check_replaceable, check_writable};

/// The verdict for people.
pub(super) const SUMMARY: &str = "summary.md";

/// Below the scorecards, and below the state of a project.
const ANSWERS: &str = "answers";

/// The name of a suite's scorecard.
pub(super) fn scorecard(suite: &str) -> String {
    let stem = Path::new(suite).file_stem().and_then(|s| s.to_str()).unwrap_or(suite);
    let clean: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    // Two suites of one file name must not share a scorecard.
    let plain =
        stem == suite && ![likelihood::FILE, choices::FILE, control::FILE].contains(&format!("{clean}.json").as_str());
    let mark = if plain { String::new() } else { format!("-{}", &Digest::of_bytes(suite.as_bytes()).short()[..4]) };
    format!("{clean}{mark}.json")
}

/// Whether every file can be written, and `--junit` names none of the others.
pub(super) fn check(
    context: &Context<'_>,
    comparison: &Comparison<'_>,
    suites: &[(Suite, Demand)],
) -> Result<(), Failure> {
    let folder = comparison.output.as_path();
    let of_control = comparison.control.iter().map(|_| control::FILE);
    let read_here = comparison.likelihood.iter().flat_map(|_| [likelihood::FILE, choices::FILE]);
    let others = read_here.chain(of_control).chain([SUMMARY]);
    let files = suites.iter().map(|(suite, _)| scorecard(&suite.name)).chain(others.map(str::to_owned));
    let files: Vec<PathBuf> = files.map(|name| folder.join(name)).collect();
    if let Some(junit) = &comparison.junit {
        let mut own = Outputs::default();
        files
            .iter()
            .cloned()
            .chain([reporting::NAME, judging::NAME, votes::NAME, ANSWERS].map(|name| folder.join(name)))
            .for_each(|file| {
                own.add(file);
            });
        shared_answers(context).into_iter().for_each(|folder| {
            own.add(folder);
        });
        if own.have(junit)? {
            let what = format!("--junit {} is a file of the evaluation itself", junit.display());
            return Err(Failure::new(Kind::Usage, what).hint("name another file, such as results.xml"));
        }
    }
    let hint = "nothing was asked yet: make it writable, or name another place";
    let mut tried = files.into_iter().chain(comparison.junit.clone()).map(|file| check_replaceable(&file));
    check_writable(folder).and_then(|()| tried.try_for_each(|file| file)).map_err(|e| Failure::from(e).hint(hint))
}

/// Where answers are kept: beside the roles' other state, for every run and `eval` of the project, so that a base is asked
/// once for all its candidates. Where times are judged they must be of this run, on a machine as busy: then with the run's
/// own files, as where there are no roles, or they can't be written beside.
pub(super) fn kept_answers(context: &mut Context<'_>, comparison: &Comparison<'_>) -> Result<AnswerCache, Failure> {
    let own = comparison.output.join(ANSWERS);
    let shared = shared_answers(context).filter(|_| comparison.role.gate.latency_ratio.is_none());
    let Some(folder) = shared else { return Ok(AnswerCache::open(&own)?) };
    match AnswerCache::open(&folder) {
        Err(e) if matches!(e.source.kind(), ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
            context.report.note(Note::AnswersKeptApart { path: own.clone(), reason: e.to_string() });
            Ok(AnswerCache::open(&own)?)
        }
        opened => Ok(opened?),
    }
}

/// Of the project, where it has roles.
fn shared_answers(context: &Context<'_>) -> Option<PathBuf> {
    Some(std::fs::canonicalize(&context.models_yaml).ok()?.parent()?.join(".tunesmith").join(ANSWERS))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::report::reported;
    use crate::roles::Role;

    #[test]
    fn test_cases_replace_no_file_of_the_evaluation_by_any_name() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("configs")).unwrap();
        std::fs::create_dir(at("out")).unwrap();
        std::fs::write(at("configs/models.yaml"), "models: {}").unwrap();
        let role = Role::bare("r", "v1");
        let suite = Suite::builtin(crate::commands::evaluate::GENERAL).unwrap().unwrap();
        let demand =
            Demand { goal: crate::eval::Goal::Hold, metric: crate::roles::Metric::Pass, margin: 0.1, min_gain: None };
        let suites = [(suite, demand)];
        let checked = |junit: PathBuf| {
            let comparison = Comparison {
                samples: None,
                no_cache: false,
                bert: None,
                likelihood: None,
                control: None,
                role: &role,
                v1: "v1".to_owned(),
                v2: "v2".to_owned(),
                general: true,
                held_out: &[],
                trained: &[],
                base: None,
                output: at("out"),
                limit: None,
                num_thread: None,
                seed: 1,
                adapter: None,
                junit: Some(junit),
            };
            reported(|context| {
                context.models_yaml = at("configs/models.yaml");
                check(context, &comparison, &suites)
            })
            .0
        };
        let card = scorecard(&suites[0].0.name);
        for own in [
            format!("out/{card}"),
            "out/summary.md".to_owned(),
            "out/./report.html".to_owned(),
            "out/judge.json".to_owned(),
            "out/votes.jsonl".to_owned(),
            "configs/../out/report.html".to_owned(),
            "out/answers/results.xml".to_owned(),
            "configs/.tunesmith/answers/results.xml".to_owned(),
        ] {
            let failure = checked(at(&own)).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{own}: {failure}");
            assert!(failure.message().contains("is a file of the evaluation itself"), "{own}: {failure}");
        }
        checked(at("out/results.xml")).unwrap();
        #[cfg(unix)]
        {
            std::fs::write(at("out/report.html"), "page").unwrap();
            std::fs::hard_link(at("out/report.html"), at("hard.xml")).unwrap();
            std::os::unix::fs::symlink(at("out/report.html"), at("soft.xml")).unwrap();
            assert!(checked(at("hard.xml")).is_err() && checked(at("soft.xml")).is_err());
        }
    }
}
