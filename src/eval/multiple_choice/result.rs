//! What was measured of multiple choice, as `choices.json` has it.

use serde::Serialize;

use super::calibration::{ChoiceCalibration, Prediction, choice_calibration, likeliest};
use super::choices::{ChoiceCase, ChoiceSource};
use crate::eval::judge::{Demand, Goal, Interval, Judged, judge};
use crate::eval::measured::{ArmScores, CaseScores, Measured};
use crate::eval::score::Metric;

/// `choices.json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MultipleChoice {
    /// Of this form.
    pub version: u32,
    pub v1: ChoiceModel,
    pub v2: ChoiceModel,
    /// Of the evaluation that it belongs to, RFC 3339.
    pub timestamp: String,
    /// How it was computed.
    pub device: String,
    pub suites: Vec<ChoiceSuite>,
}

impl MultipleChoice {
    pub const VERSION: u32 = 1;
}

/// A model that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChoiceModel {
    pub model: String,
    /// Of its weights' file, and of the adapter on it if there is one.
    pub digest: String,
}

/// One suite. The differences are v2 − v1 of `acc`, over the same prompts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChoiceSuite {
    pub suite: String,
    pub source: ChoiceSource,
    pub prompts: usize,
    /// Prompts with choices that were not read: with tools, too long, beyond the limit of tokens, or not to be encoded.
    pub left_out: usize,
    pub v1: ChoiceScores,
    pub v2: ChoiceScores,
    pub difference: f64,
    /// One-sided 95 % bounds of the difference.
    pub interval: Interval,
    /// Fewer prompts than [`Self::LEAST_FOR_ECE`].
    pub few_for_ece: bool,
    /// Prompts that only v2, and only v1, has right.
    pub fixed: usize,
    pub broken: usize,
    /// Why the interval can't be trusted, if so.
    pub capped: Option<String>,
    pub results: Vec<ChoicePrompt>,
}

impl ChoiceSuite {
    /// With fewer prompts, the expected calibration error is mostly the chance of the sample.
    pub const LEAST_FOR_ECE: usize = 100;
}

/// Of one model.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ChoiceScores {
    /// Share of prompts whose likeliest choice is the expected one.
    pub acc: f64,
    /// Likewise, of log-likelihoods by the choice's bytes.
    pub acc_norm: f64,
    #[serde(flatten)]
    pub calibration: ChoiceCalibration,
}

/// One prompt.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChoicePrompt {
    pub id: String,
    pub choices: Vec<String>,
    pub expected: String,
    /// The likeliest choice of each model, and its probability.
    pub chosen_v1: String,
    pub chosen_v2: String,
    pub confidence_v1: f64,
    pub confidence_v2: f64,
    /// Of each choice as the whole answer, in nats.
    pub log_likelihoods_v1: Vec<f64>,
    pub log_likelihoods_v2: Vec<f64>,
}

/// A prompt with the log-likelihood of each of its choices, in nats.
#[derive(Clone, Debug)]
pub struct ScoredChoices<'a> {
    pub case: ChoiceCase<'a>,
    pub v1: Vec<f64>,
    pub v2: Vec<f64>,
}

#[derive(Clone, Copy)]
enum Arm {
    V1,
    V2,
}

impl ScoredChoices<'_> {
    fn of(&self, arm: Arm) -> &[f64] {
        match arm {
            Arm::V1 => &self.v1,
            Arm::V2 => &self.v2,
        }
    }

    /// Whether the expected choice has the most log-likelihood for each of its bytes.
    fn is_right_by_bytes(&self, arm: Arm) -> bool {
        let a_byte = self.of(arm).iter().zip(&self.case.choices).map(|(value, choice)| value / choice.len() as f64);
        likeliest(&a_byte.collect::<Vec<_>>()) == self.case.expected
    }
}

/// The numbers of a suite, from its prompts. `left_out` prompts have no log-likelihoods; `seed` is the bootstrap's.
pub fn choice_suite(
    suite: &str,
    source: ChoiceSource,
    scored: &[ScoredChoices<'_>],
    left_out: usize,
    seed: u64,
) -> ChoiceSuite {
    let predictions = |arm: Arm| -> Vec<Prediction> {
        scored.iter().map(|one| Prediction::of(one.of(arm), one.case.expected)).collect()
    };
    let [first, second] = [predictions(Arm::V1), predictions(Arm::V2)];
    let by_bytes = |arm: Arm| {
        let right = scored.iter().filter(|one| one.is_right_by_bytes(arm)).count();
        right as f64 / scored.len().max(1) as f64
    };
    let judged = paired(suite, scored, [&first, &second], seed);
    let results = scored.iter().zip(first.iter().zip(&second)).map(|(one, (v1, v2))| ChoicePrompt {
        id: one.case.case.id.clone(),
        choices: one.case.choices.iter().map(|&choice| choice.to_owned()).collect(),
        expected: one.case.choices[one.case.expected].to_owned(),
        chosen_v1: one.case.choices[v1.top()].to_owned(),
        chosen_v2: one.case.choices[v2.top()].to_owned(),
        confidence_v1: v1.confidence(),
        confidence_v2: v2.confidence(),
        log_likelihoods_v1: one.v1.clone(),
        log_likelihoods_v2: one.v2.clone(),
    });
    ChoiceSuite {
        suite: suite.to_owned(),
        source,
        prompts: scored.len(),
        left_out,
        results: results.collect(),
        v1: ChoiceScores { acc_norm: by_bytes(Arm::V1), ..ChoiceScores::of(&first) },
        v2: ChoiceScores { acc_norm: by_bytes(Arm::V2), ..ChoiceScores::of(&second) },
        few_for_ece: scored.len() < ChoiceSuite::LEAST_FOR_ECE,
        difference: judged.difference,
        interval: judged.interval,
        fixed: judged.fixed,
        broken: judged.broken,
        capped: judged.capped,
    }
}

impl ChoiceScores {
    fn of(predictions: &[Prediction]) -> Self {
        let right = predictions.iter().filter(|prediction| prediction.is_right()).count();
        let acc = right as f64 / predictions.len().max(1) as f64;
        Self { acc, acc_norm: 0.0, calibration: choice_calibration(predictions) }
    }
}

/// Right and wrong of both, compared as answers of a suite are.
fn paired(suite: &str, scored: &[ScoredChoices<'_>], of: [&[Prediction]; 2], seed: u64) -> Judged {
    let arm = |prediction: &Prediction| {
        let score = Some(f64::from(u8::from(prediction.is_right())));
        ArmScores { score, ..ArmScores::default() }
    };
    let cases = scored.iter().enumerate().map(|(i, one)| CaseScores {
        id: one.case.case.id.clone(),
        cluster: one.case.case.cluster.clone(),
        base: arm(&of[0][i]),
        tuned: arm(&of[1][i]),
        ..CaseScores::default()
    });
    let measured = Measured { suite: suite.to_owned(), samples: 1, cases: cases.collect(), ..Measured::default() };
    let demand = Demand { goal: Goal::Hold, metric: Metric::Pass, margin: Demand::ROLE_MARGIN, min_gain: None };
    judge(&measured, demand, seed)
}
