//! Trainings and the models that they were compared with, side by side: what each took, what it came to, and how it answered.
//!
//! The way: [`Entrant`] (what a run's folder stores) → rows of values (the better value wins, where values compare) and rows of
//! scores (the same prompts, tested pair by pair) → [`RunComparison`], which is written as JSON and as Markdown.

mod column;
mod entrant;
mod interval;
mod markdown;
mod quantity;
mod scores;
mod values;

use std::collections::BTreeMap;

use serde::Serialize;

pub use entrant::{Entrant, EntrantKind, PromptScore, RunOrigin, RunState, SuiteScores};
pub use markdown::{runs_markdown, runs_overview};
pub use quantity::Quantity;

pub(super) use interval::wilson;

use column::RunColumn;
use scores::ScoreRow;
use values::ValueRow;

/// The form of the JSON that is written.
const FORMAT_VERSION: u32 = 1;

/// The whole table.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunComparison {
    format_version: u32,
    pub columns: Vec<RunColumn>,
    pub values: Vec<ValueRow>,
    pub scores: Vec<ScoreRow>,
    /// What a reader must know: what is unfinished, and what does not compare.
    pub notes: Vec<String>,
}

impl RunComparison {
    pub fn to_json(&self) -> String {
        // Texts, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Compares; labels differ. `seed` is the one of the tests that draw.
pub fn compare_runs(entrants: &[Entrant], seed: u64) -> RunComparison {
    let entrants = &named_alike(entrants);
    let scores = scores::rows(entrants, seed);
    let mut notes: Vec<String> = entrants.iter().filter_map(column::unfinished).collect();
    notes.extend(values::differences(entrants));
    notes.extend(scores.iter().filter_map(|row| row.other_prompts(entrants)));
    RunComparison {
        format_version: FORMAT_VERSION,
        columns: entrants.iter().map(RunColumn::of).collect(),
        values: values::rows(entrants),
        scores,
        notes,
    }
}

/// One suite has one name, wherever a run found its file.
fn named_alike(entrants: &[Entrant]) -> Vec<Entrant> {
    let mut names: BTreeMap<String, String> = BTreeMap::new();
    let mut entrants = entrants.to_vec();
    for scores in entrants.iter_mut().flat_map(|entrant| &mut entrant.suites) {
        let name = names.entry(scores.digest.clone()).or_insert_with(|| scores.suite.clone());
        scores.suite.clone_from(name);
    }
    entrants
}

#[cfg(test)]
mod tests;
