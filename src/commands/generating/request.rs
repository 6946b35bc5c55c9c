//! What `data generate` is asked for.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Serialize;

use crate::commands::documents::DocumentsRequest;
use crate::commands::writing::WriterRequest;
use crate::commands::{Failure, FileAction, Kind, MAX_TEXT, read_text};
use crate::generate::{self, AnswerStyle, ExampleCount, Method, PlanOptions, SplitBy};
use crate::store::Inputs;

/// What examples teach.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, strum::Display, strum::EnumString, strum::VariantNames,
)]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
pub enum Task {
    /// To answer questions on the documents.
    #[default]
    Answer,
    /// To write a noised text without its mistakes.
    Correct,
}

/// Shares of training, validation and test, in percent: `80/10/10`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Shares(pub [u32; 3]);

impl FromStr for Shares {
    type Err = String;

    fn from_str(said: &str) -> Result<Self, String> {
        let fault =
            || format!("{said:?} are no shares; expected three whole numbers whose sum is 100, such as 80/10/10");
        let numbers: Vec<u32> =
            said.split('/').map(|part| part.trim().parse()).collect::<Result<_, _>>().map_err(|_| fault())?;
        match numbers.as_slice() {
            [train, val, test] if *train > 0 && numbers.iter().map(|n| u64::from(*n)).sum::<u64>() == 100 => {
                Ok(Self([*train, *val, *test]))
            }
            _ => Err(fault()),
        }
    }
}

/// What is generated, and where to.
#[derive(Clone, Debug)]
pub struct GenerateRequest {
    pub documents: DocumentsRequest,
    pub output: PathBuf,
    pub method: Method,
    pub count: ExampleCount,
    /// Training wordings of a fact before the next fact is taught.
    pub wordings: usize,
    pub answer_style: AnswerStyle,
    pub task: Task,
    /// `@FILE` reads it from a file.
    pub system: Option<String>,
    pub templates: Option<PathBuf>,
    /// Shares of the examples, from 0 to 1; None: the method's own.
    pub refusals: Option<f64>,
    pub noise: Option<f64>,
    pub multi_turn: Option<f64>,
    /// Share of training examples with extracts before the question.
    pub open_book: f64,
    pub contacts: bool,
    /// Suites whose questions are not generated.
    pub suites: Vec<PathBuf>,
    pub parts: Option<Shares>,
    /// None: the task's own.
    pub split_by: Option<SplitBy>,
    pub unseen: Option<f64>,
    pub seed: u64,
    /// Who words questions; None: the templates alone.
    pub writer: Option<WriterRequest>,
}

impl GenerateRequest {
    /// By wording for answers. Corrections teach no fact, so they are split by source.
    pub(super) fn split_by(&self) -> Result<SplitBy, Failure> {
        match (self.task, self.split_by) {
            (Task::Answer, said) => Ok(said.unwrap_or_default()),
            (Task::Correct, None) => Ok(SplitBy::Source),
            (Task::Correct, Some(SplitBy::Wording)) => {
                let what = "--split-by wording is about facts, and --task correct teaches none: give source or random";
                Err(Failure::new(Kind::Usage, what))
            }
            (Task::Correct, Some(said)) => Ok(said),
        }
    }

    /// Refuses options that would have no effect.
    pub(super) fn check_options(&self) -> Result<(), Failure> {
        let usage = |what: &str, hint: String| Err(Failure::new(Kind::Usage, what).hint(hint));
        if self.split_by.is_some() && self.parts.is_none() {
            return usage("--split-by has no effect without --split", "add --split, or leave --split-by out".into());
        }
        if let (ExampleCount::Number(count), Some(Shares(shares))) = (self.count, self.parts)
            && let Some(least) = generate::least_count(shares).filter(|least| count < *least)
        {
            let [train, val, test] = shares;
            let what =
                format!("--count {count} with --split {train}/{val}/{test}: a part that has a share would be empty");
            return usage(&what, format!("give --count {least} or more, or leave --split out"));
        }
        if self.system.as_deref().is_some_and(|system| system.trim().is_empty()) {
            return usage("--system is empty", "give a text or @FILE, or leave --system out".into());
        }
        let shares = [
            ("noise", self.noise),
            ("multi-turn", self.multi_turn),
            ("open-book", Some(self.open_book)),
            ("refusals", self.refusals),
        ];
        let varied = shares.into_iter().find(|(_, share)| share.is_some_and(|share| share > 0.0));
        match varied.filter(|_| self.task == Task::Correct) {
            Some((option, _)) => usage(
                &format!(
                    "--{option} has no effect with --task correct, which puts mistakes into texts and asks nothing else"
                ),
                format!("leave --{option} out"),
            ),
            None => Ok(()),
        }
    }

    /// Files that are read, and never written.
    pub(super) fn inputs(&self) -> Inputs {
        let mut inputs = Inputs::default();
        self.documents.inputs.iter().for_each(|path| {
            inputs.add("the documents", path);
        });
        self.suites.iter().for_each(|path| {
            inputs.add("a suite", path);
        });
        self.templates.iter().for_each(|path| {
            inputs.add("the templates", path);
        });
        if let Some(path) = self.system.as_deref().and_then(system_file) {
            inputs.add("the system turn", path);
        }
        inputs
    }

    pub(super) fn plan_options(&self) -> Result<PlanOptions, Failure> {
        Ok(PlanOptions {
            count: self.count,
            wordings: self.wordings,
            seed: self.seed,
            unseen: self.unseen,
            split_by: self.split_by()?,
            parts: self.parts.map(|shares| shares.0),
            unanswerable: Variations::of(self)?.refusals,
            ..PlanOptions::default()
        })
    }

    /// The system turn of every example.
    pub(super) fn system(&self) -> Result<Option<String>, Failure> {
        match self.system.as_deref() {
            Some(said) => match system_file(said) {
                Some(path) => Ok(Some(read_text(FileAction::READING, path, MAX_TEXT)?.trim_end().to_owned())),
                None => Ok(Some(said.to_owned())),
            },
            None => Ok(None),
        }
    }
}

/// The file of `@FILE`.
fn system_file(said: &str) -> Option<&Path> {
    said.strip_prefix('@').map(Path::new)
}

/// Shares of what is varied.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(super) struct Variations {
    pub(super) refusals: f64,
    pub(super) noise: f64,
    pub(super) multi_turn: f64,
    pub(super) open_book: f64,
}

impl Variations {
    pub(super) fn of(request: &GenerateRequest) -> Result<Self, Failure> {
        let augmented = request.method == Method::Augmented;
        let share = |flag: &str, said: Option<f64>, default: f64| match said {
            Some(share) if !(0.0..=1.0).contains(&share) => {
                Err(Failure::input(format!("--{flag} {share}: expected a share from 0 to 1")))
            }
            Some(share) => Ok(share),
            None => Ok(if augmented { default } else { 0.0 }),
        };
        Ok(Self {
            refusals: share("refusals", request.refusals, 0.08)?,
            noise: share("noise", request.noise, 0.10)?,
            multi_turn: share("multi-turn", request.multi_turn, 0.10)?,
            open_book: share("open-book", Some(request.open_book), 0.0)?,
        })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::commands::generating) fn request() -> GenerateRequest {
        GenerateRequest {
            documents: DocumentsRequest::default(),
            output: "x.jsonl".into(),
            method: Method::RuleBased,
            count: ExampleCount::Number(100),
            wordings: 4,
            answer_style: AnswerStyle::Sentence,
            task: Task::Answer,
            system: None,
            templates: None,
            refusals: None,
            noise: None,
            multi_turn: None,
            open_book: 0.0,
            contacts: false,
            suites: Vec::new(),
            parts: None,
            split_by: None,
            unseen: None,
            seed: 42,
            writer: None,
        }
    }

    #[test]
    fn options_without_an_effect_are_refused() {
        let said = |request: GenerateRequest| request.check_options().map_err(|failure| failure.to_string());
        assert_eq!(said(request()), Ok(()));
        let by_source = GenerateRequest { split_by: Some(SplitBy::Source), ..request() };
        let expected = "--split-by has no effect without --split\n  add --split, or leave --split-by out";
        assert_eq!(said(by_source.clone()), Err(expected.into()));
        let parts = Some(Shares([80, 10, 10]));
        assert_eq!(said(GenerateRequest { parts, ..by_source }), Ok(()));
        let few = |count| GenerateRequest { count: ExampleCount::Number(count), parts, ..request() };
        let expected = "--count 1 with --split 80/10/10: a part that has a share would be empty\n  \
            give --count 7 or more, or leave --split out";
        assert_eq!(said(few(1)), Err(expected.into()));
        assert!(said(few(6)).is_err() && said(few(7)).is_ok());
        assert_eq!(said(GenerateRequest { parts: Some(Shares([100, 0, 0])), ..few(1) }), Ok(()));
        let noisy = GenerateRequest { noise: Some(0.5), ..request() };
        assert_eq!(said(noisy.clone()), Ok(()));
        let empty = GenerateRequest { system: Some(" ".into()), ..request() };
        assert!(said(empty).is_err_and(|said| said.starts_with("--system is empty")));
        let refusing = GenerateRequest { refusals: Some(0.1), task: Task::Correct, ..request() };
        assert!(said(refusing).is_err_and(|said| said.starts_with("--refusals has no effect with --task correct")));
        let said = said(GenerateRequest { task: Task::Correct, ..noisy });
        assert!(said.is_err_and(|said| said.starts_with("--noise has no effect with --task correct")));
    }

    #[test]
    fn shares_are_three_numbers() {
        assert_eq!("80/10/10".parse(), Ok(Shares([80, 10, 10])));
        for wrong in ["80/20", "a/b/c", "0/50/50", "80/10/10/0", "80/10/-10", "99999999/1/1", "70/20/20"] {
            assert!(wrong.parse::<Shares>().is_err(), "{wrong}");
        }
    }
}
