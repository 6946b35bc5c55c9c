//! Both models read every choice of the prompts that have some: how often the expected one is the likeliest, and how far their
//! probabilities can be trusted. Shown, not judged.

use std::path::Path;

use crate::chat::ChatTemplate;
use crate::commands::{Context, Failure, Kind};
use crate::eval::{self, Bench, ChoiceCase, ChoiceModel, ChoiceSource, ChoiceSuite, MultipleChoice, ScoredChoices};
use crate::events::{Detail, Outcome, Stage, Unit};
use crate::likelihood::{ChoicePassages, ChoiceQuestion, Likelihood, Subject, choice_log_likelihoods, choices};
use crate::store::write_whole;
use crate::tokenizer::Tokenizer;

/// The file of an evaluation.
pub(super) const FILE: &str = "choices.json";

/// Both models, and how prompts are written for them.
pub(super) struct Readers<'a> {
    pub v1: Subject<'a>,
    pub v2: Subject<'a>,
    pub template: &'a ChatTemplate,
    pub tokenizer: &'a Tokenizer,
    /// What v2 is served with.
    pub system: Option<&'a str>,
    /// Tokens that both can read.
    pub context: usize,
    /// Of the bootstrap.
    pub seed: u64,
}

/// A suite with choices, as token ids.
struct EncodedSuite<'a> {
    suite: &'a str,
    source: ChoiceSource,
    cases: Vec<ChoiceCase<'a>>,
    /// Of each case.
    passages: Vec<ChoicePassages>,
    left_out: usize,
}

impl<'a> EncodedSuite<'a> {
    /// None where the suite has no choices.
    fn of(bench: &'a Bench, readers: &Readers<'_>) -> Option<Self> {
        let set = bench.suite.choice_set()?;
        let asked = set.cases.len();
        // How a daemon writes tools into a prompt is not known here.
        let cases: Vec<ChoiceCase<'a>> = set.cases.into_iter().filter(|one| one.case.tools.is_empty()).collect();
        let question = |one: &ChoiceCase<'_>| ChoiceQuestion {
            messages: bench.messages(one.case, readers.system),
            choices: one.choices.iter().map(|&choice| choice.to_owned()).collect(),
        };
        let questions: Vec<_> = cases.iter().map(question).collect();
        let encoded = choices(&questions, readers.template, readers.tokenizer, readers.context);
        let (cases, passages): (Vec<_>, Vec<_>) =
            cases.into_iter().zip(encoded).filter_map(|(case, passages)| Some((case, passages?))).unzip();
        let left_out = asked - cases.len();
        Some(Self { suite: &bench.suite.name, source: set.source, cases, passages, left_out })
    }

    fn read(self, context: &mut Context<'_>, readers: &Readers<'_>) -> Result<ChoiceSuite, Failure> {
        let tokens: u64 = self.passages.iter().map(ChoicePassages::tokens).sum();
        context.report.begin(Stage::Choices, Unit::Tokens, Some(2 * tokens));
        let mut read = |subject: Subject<'_>, before: u64| {
            let item = || Some(Detail::Item(subject.name.to_owned()));
            let report = &mut context.report;
            choice_log_likelihoods(subject, &self.passages, &mut |read| report.advance(before + read, item()))
        };
        let (first, second) = (read(readers.v1, 0)?, read(readers.v2, tokens)?);
        let scored = self.cases.into_iter().zip(first.into_iter().zip(second));
        let scored: Vec<_> = scored.map(|(case, (v1, v2))| ScoredChoices { case, v1, v2 }).collect();
        let found = eval::choice_suite(self.suite, self.source, &scored, self.left_out, readers.seed);
        context.report.end(Outcome::ChoicesCompared {
            suite: found.suite.clone(),
            prompts: found.prompts,
            acc_v1: found.v1.acc,
            acc_v2: found.v2.acc,
            ece_v1: found.v1.calibration.ece,
            ece_v2: found.v2.calibration.ece,
        });
        Ok(found)
    }
}

/// Every suite with choices.
pub(super) fn measure(
    context: &mut Context<'_>,
    readers: &Readers<'_>,
    benches: &[Bench],
) -> Result<Vec<ChoiceSuite>, Failure> {
    let encoded = benches.iter().filter_map(|bench| EncodedSuite::of(bench, readers));
    encoded.map(|suite| suite.read(context, readers)).collect()
}

/// Writes [`FILE`] beside the likelihoods of the same evaluation.
pub(super) fn write(suites: Vec<ChoiceSuite>, of: &Likelihood, folder: &Path) -> Result<MultipleChoice, Failure> {
    let model = |measured: &crate::likelihood::Measured| ChoiceModel {
        model: measured.model.clone(),
        digest: measured.digest.clone(),
    };
    let found = MultipleChoice {
        version: MultipleChoice::VERSION,
        v1: model(&of.v1),
        v2: model(&of.v2),
        timestamp: of.timestamp.clone(),
        device: of.device.clone(),
        suites,
    };
    let json = serde_json::to_vec_pretty(&found).map_err(|e| Failure::new(Kind::Error, e))?;
    write_whole(folder.join(FILE), &json)?;
    Ok(found)
}
