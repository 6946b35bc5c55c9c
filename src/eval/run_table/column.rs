//! The head of a column.

use std::path::PathBuf;

use serde::Serialize;

use super::entrant::{Entrant, EntrantKind, RunState};

/// What is said of a run, or of a v1, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunColumn {
    pub label: String,
    pub kind: EntrantKind,
    pub state: Option<RunState>,
    pub model: Option<String>,
    pub base: Option<String>,
    pub folder: Option<PathBuf>,
    pub verdict: Option<String>,
}

impl RunColumn {
    pub(super) fn of(entrant: &Entrant) -> Self {
        let Entrant { label, kind, state, model, base, folder, verdict, .. } = entrant.clone();
        Self { label, kind, state, model, base, folder, verdict }
    }

    pub(super) fn state_words(&self) -> &'static str {
        match self.state {
            None => "v1",
            Some(RunState::Unfinished) => "unfinished",
            Some(RunState::Trained) => "trained only",
            Some(RunState::Exported) => "exported, not proved",
            Some(RunState::Proved) => "proved, not evaluated",
            Some(RunState::Evaluated) => "evaluated",
        }
    }
}

/// What a run lacks, and how it gets it.
pub(super) fn unfinished(entrant: &Entrant) -> Option<String> {
    let what = match entrant.state? {
        RunState::Unfinished => "its training is not finished, so it has no values",
        RunState::Trained => "it was trained and not exported, proved or evaluated",
        RunState::Exported => "it was exported and not proved or evaluated",
        RunState::Proved => "it was not evaluated, so it has no scores",
        RunState::Evaluated => return None,
    };
    let folder = entrant.folder.as_ref()?.display();
    Some(format!("{}: {what} (`tunesmith run --resume {folder}` continues it, where `run` made it)", entrant.label))
}
