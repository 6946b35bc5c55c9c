//! What was measured of multiple choice, in words.

use super::calibration::CALIBRATION_BINS;
use super::choices::ChoiceSource;
use super::result::{ChoiceSuite, MultipleChoice};
use crate::eval::judgement::points;
use crate::eval::summary::escaped;

/// A section for the summary of an evaluation.
pub fn choices_markdown(found: &MultipleChoice) -> String {
    let mut out = String::from(
        "## Multiple choice and calibration (shown, not judged)\n\n\
         | suite | model | prompts | acc | acc_norm | mean confidence | ECE | Brier score |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for suite in &found.suites {
        for (name, scores) in [("v1", &suite.v1), ("v2", &suite.v2)] {
            let calibration = &scores.calibration;
            let shares = [scores.acc, scores.acc_norm, calibration.mean_confidence].map(|v| format!("{} %", points(v)));
            let numbers = [calibration.ece, calibration.brier].map(|v| format!("{v:.3}"));
            let numbers = shares.into_iter().chain(numbers);
            let shown: Vec<String> = match suite.prompts {
                0 => numbers.map(|_| "–".to_owned()).collect(),
                _ => numbers.collect(),
            };
            out += &format!("| {} | {name} | {} | {} |\n", escaped(&suite.suite), suite.prompts, shown.join(" | "));
        }
    }
    out.push('\n');
    for suite in &found.suites {
        out += &format!("- {}: {}.\n", escaped(&suite.suite), suite.sentences().join(". "));
        if suite.prompts > 0 {
            out += &reliability(suite);
        }
    }
    out
}

impl ChoiceSuite {
    /// What has to be known of its numbers.
    fn sentences(&self) -> Vec<String> {
        if self.prompts == 0 {
            return vec![format!(
                "none of its {} prompts with choices could be read: they have tools, are too long, or are beyond the limit",
                self.left_out
            )];
        }
        let sign = |share: f64| if share > 0.0 { "+" } else { "" };
        let (difference, low, high) = (self.difference, self.interval.low, self.interval.high);
        let mut said = vec![format!(
            "acc of v2 differs by {}{} points ({}{} to {}{}, 90 % interval; {} fixed, {} broken of {})",
            sign(difference),
            points(difference),
            sign(low),
            points(low),
            sign(high),
            points(high),
            self.fixed,
            self.broken,
            self.prompts
        )];
        if let Some(capped) = &self.capped {
            said.push(format!("The interval is not reliable: {capped}"));
        }
        if self.few_for_ece {
            said.push(format!(
                "ECE of {} prompts is biased upwards and not reliable: a perfectly calibrated model would show about {:.3} with \
                 the confidences of v1, and {:.3} with those of v2; {} prompts or more are needed",
                self.prompts,
                self.v1.calibration.ece_if_calibrated,
                self.v2.calibration.ece_if_calibrated,
                Self::LEAST_FOR_ECE
            ));
        }
        if self.source == ChoiceSource::Derived {
            said.push("Its lines say no \"choices\": these are the answers that the suite expects".to_owned());
        }
        if self.left_out > 0 {
            said.push(format!(
                "{} prompts have tools, are too long, or are beyond the limit, and were left out",
                self.left_out
            ));
        }
        said
    }
}

/// Bins without prompts are left out.
fn reliability(suite: &ChoiceSuite) -> String {
    let mut out = format!(
        "\n  Reliability of {}, by confidence in {CALIBRATION_BINS} bins:\n\n  \
         | model | confidence above | to | prompts | mean confidence | acc |\n  |---|--:|--:|--:|--:|--:|\n",
        escaped(&suite.suite)
    );
    for (name, scores) in [("v1", &suite.v1), ("v2", &suite.v2)] {
        for bin in &scores.calibration.bins {
            let (Some(confidence), Some(accuracy)) = (bin.confidence, bin.accuracy) else { continue };
            out += &format!(
                "  | {name} | {:.1} | {:.1} | {} | {} % | {} % |\n",
                bin.low,
                bin.high,
                bin.prompts,
                points(confidence),
                points(accuracy)
            );
        }
    }
    out.push('\n');
    out
}
