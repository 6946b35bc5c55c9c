//! The errors of this module.

use std::fmt::Write as _;

use crate::dataset::FaultList;
use crate::store::StoreError;

/// One fault of a suite file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub place: SuitePlace,
    pub what: String,
}

/// Where in a suite file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SuitePlace {
    /// From 1, of a JSONL file or a table.
    Line(usize),
    /// From 1, of the `tests` of a promptfoo file.
    Test(usize),
    #[default]
    File,
    /// In a file that the suite names.
    Of(std::sync::Arc<str>, Box<Self>),
}

impl std::fmt::Display for SuitePlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}: "),
            Self::Test(number) => write!(f, "test {number}: "),
            Self::File => Ok(()),
            Self::Of(file, place) => match **place {
                Self::File => write!(f, "{file}: "),
                ref place => write!(f, "{file} {place}"),
            },
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum EvalError {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Every fault of the file, at once.
    #[error("{suite}: {}", listed(faults))]
    Suite { suite: String, faults: Vec<Fault> },
    #[error("{suite}: no prompt in it; a line is {{\"prompt\": …, \"expected\": …}} or has \"keywords\"")]
    Empty { suite: String },
    /// Training data that is read as a suite.
    #[error("{suite}: {source}")]
    HeldOut { suite: String, source: crate::dataset::DatasetError },
    /// Every fault of a question file, with its place.
    #[error("{file}: {} fault{}:{faults}", faults.total(), if faults.total() == 1 { "" } else { "s" })]
    Questions { file: String, faults: FaultList },
    #[error("{file}: no question in it; a line is {{\"question\": …, \"answer\": …}}")]
    NoQuestions { file: String },
    #[error("{file}: {fault}")]
    Results { file: String, fault: ResultFault },
    #[error("none of the {asked} questions got an answer, so there are no rates; is the model served?")]
    NoAnswers { asked: usize },
    #[error("a result without answers to single questions can't be compared question by question")]
    NoRecords,
    #[error(
        "the results answer different questions (SHA-256 {first} and {second}); ask both arms the same question file"
    )]
    OtherQuestions { first: String, second: String },
    #[error(
        "{suite}: {place}{id:?} has the assertion \"similar\", which compares the vectors of an embedding model, and no such model is named; name one by --embed MODEL, or by `embedding` of the role"
    )]
    NoEmbedder { suite: String, place: SuitePlace, id: String },
    #[error("{suite}: the metric {metric} needs {needs} in every line; {missing} lack it, the first is {first:?}")]
    Metric { suite: String, metric: &'static str, needs: String, missing: usize, first: String },
    #[error(
        "there is no suite {name:?} in the program{}; there are {known}",
        nearest.map(|near| format!(" (did you mean builtin:{near}?)")).unwrap_or_default()
    )]
    NoBuiltin { name: String, nearest: Option<&'static str>, known: String },
    #[error(
        "{model} was replaced while it was asked (its digest was {before}, now {after}): the run is void; start it again"
    )]
    ModelChanged { model: String, before: String, after: String },
    #[error("interrupted; the {answers} answers so far are kept and will not be asked again")]
    Interrupted { answers: usize },
    /// What the answerer can't go on after (the daemon died, for example); the cause tells which exit code.
    #[error("asking {model}: {source}")]
    Stopped { model: String, source: Box<dyn std::error::Error + Send + Sync> },
    #[error("writing the summary: {0}")]
    Template(String),
}

/// What is wrong with a result file.
#[derive(Debug, thiserror::Error)]
pub enum ResultFault {
    #[error(
        "is no result file: {0}; expected {{\"metrics\": {{\"success_rate\": …, \"exact_match_rate\": …, \"avg_time_seconds\": …, \"avg_tokens\": …, \"total_tokens\": …}}}}"
    )]
    Json(#[from] serde_json::Error),
    #[error("has the format version {found}, and this program reads {known}; use the program that wrote it")]
    Version { found: u32, known: u32 },
    #[error("{key} is {value}; rates are from 0 to 100, times and tokens not negative")]
    OutOfRange { key: &'static str, value: f64 },
    #[error("the id {0:?} stands in it twice; an id stands once")]
    RepeatedId(String),
    #[error(
        "the seconds or tokens of {0:?} are inconsistent (tokens are prompt_tokens + answer_tokens); run the evaluation again"
    )]
    Cost(String),
    #[error("lacks arm, model, digest, index or questions_sha256; run the evaluation again")]
    Header,
    #[error("holds no answer; run the evaluation again")]
    NoAnswers,
    #[error(
        "its metrics do not follow from its results: it was changed by hand or is damaged; run the evaluation again"
    )]
    OtherMetrics,
}

/// Faults that are printed, at most.
const MAX_LISTED: usize = 20;

fn listed(faults: &[Fault]) -> String {
    let mut text = format!("{} fault{}", faults.len(), if faults.len() == 1 { "" } else { "s" });
    for fault in faults.iter().take(MAX_LISTED) {
        let _ = write!(text, "\n  {}{}", fault.place, fault.what);
    }
    if faults.len() > MAX_LISTED {
        let _ = write!(text, "\n  and {} more", faults.len() - MAX_LISTED);
    }
    text
}
