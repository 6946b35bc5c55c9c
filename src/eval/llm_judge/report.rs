//! What a judge said of all pairs.

use serde::Serialize;

use super::calibration::Calibration;
use super::verdict::{JudgeVerdict, PairVerdict, pair_verdict, share};
use crate::eval::paired::sign_test;
use crate::eval::votes::{AnswerPair, Choice, Side};

/// One pair in the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct JudgedPair {
    suite: String,
    id: String,
    verdict: PairVerdict,
    /// With v1's answer first, then with v2's.
    reasons: [Option<String>; 2],
    v1_chars: usize,
    v2_chars: usize,
}

/// What a judge says of all pairs; nothing of it decides.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct JudgeReport {
    /// The judge's name and digest.
    pub judge: String,
    pub judge_digest: String,
    /// Pairs where both orders prefer v2's answer.
    pub wins: usize,
    /// Pairs where both prefer v1's.
    pub losses: usize,
    /// Both orders say tie.
    pub ties: usize,
    /// The orders contradict each other; counted as ties.
    pub inconsistent: usize,
    /// No verdict that can be read.
    pub judge_errors: usize,
    /// Prompts whose two answers are equal, which nobody was asked about.
    pub equal_answers: usize,
    /// Of the exact two-sided sign test of `wins` against `losses`.
    pub p: f64,
    /// Pairs with the same verdict in both orders, of those with two verdicts.
    pub consistency: Option<f64>,
    /// Decided pairs where the longer answer won: near 1, length decides.
    pub longer_won: Option<f64>,
    pub mean_v1_chars: Option<f64>,
    pub mean_v2_chars: Option<f64>,
    pub calibration: Calibration,
    pairs: Vec<JudgedPair>,
}

impl JudgeReport {
    pub fn to_json(&self) -> String {
        // Texts, finite numbers and nulls: the writer has nothing to refuse.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }
}

/// Who judged, and on what it was tried.
#[derive(Debug)]
pub struct JudgeRun {
    pub judge: String,
    pub judge_digest: String,
    pub equal_answers: usize,
    pub calibration: Calibration,
}

pub fn judge_report(run: JudgeRun, judged: &[(AnswerPair, [JudgeVerdict; 2])]) -> JudgeReport {
    let pairs: Vec<JudgedPair> = judged.iter().map(|(pair, orders)| judged_pair(pair, orders)).collect();
    let count = |wanted: &PairVerdict| pairs.iter().filter(|pair| pair.verdict == *wanted).count();
    let agreed = |choice| count(&PairVerdict::Agreed(choice));
    let (wins, losses, ties) = (agreed(Choice::V2), agreed(Choice::V1), agreed(Choice::Tie));
    let (inconsistent, judge_errors) = (count(&PairVerdict::Inconsistent), count(&PairVerdict::JudgeError));
    let readable = pairs.len() - judge_errors;
    let longer = |pair: &&JudgedPair| match pair.verdict.choice().and_then(Choice::side) {
        Some(Side::V1) => pair.v1_chars > pair.v2_chars,
        Some(Side::V2) => pair.v2_chars > pair.v1_chars,
        None => false,
    };
    let mean = |chars: &dyn Fn(&JudgedPair) -> usize| share(pairs.iter().map(chars).sum(), pairs.len());
    JudgeReport {
        judge: run.judge,
        judge_digest: run.judge_digest,
        wins,
        losses,
        ties,
        inconsistent,
        judge_errors,
        equal_answers: run.equal_answers,
        p: sign_test(wins, losses),
        consistency: share(readable - inconsistent, readable),
        longer_won: share(pairs.iter().filter(longer).count(), wins + losses),
        mean_v1_chars: mean(&|pair| pair.v1_chars),
        mean_v2_chars: mean(&|pair| pair.v2_chars),
        calibration: run.calibration,
        pairs,
    }
}

fn judged_pair(pair: &AnswerPair, orders: &[JudgeVerdict; 2]) -> JudgedPair {
    let reason = |verdict: &JudgeVerdict| verdict.reason().map(str::to_owned);
    JudgedPair {
        suite: pair.suite.clone(),
        id: pair.id.clone(),
        verdict: pair_verdict(orders),
        reasons: [reason(&orders[0]), reason(&orders[1])],
        v1_chars: pair.v1.chars().count(),
        v2_chars: pair.v2.chars().count(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::llm_judge::verdict::tests::said;

    #[test]
    fn the_report_counts_what_was_said() {
        let pair = |v1: &str, v2: &str| AnswerPair {
            suite: "s".into(),
            id: "1".into(),
            prompt: "p".into(),
            expected: Vec::new(),
            v1: v1.into(),
            v2: v2.into(),
        };
        let judged = [
            (pair("a", "long"), said("B A")),
            (pair("longer", "bb"), said("B A")),
            (pair("a", "b"), said("A B")),
            (pair("a", "b"), said("A A")),
            (pair("a", "b"), said("x A")),
        ];
        let run = JudgeRun {
            judge: "j".into(),
            judge_digest: "d".into(),
            equal_answers: 3,
            calibration: super::super::calibration(&[]),
        };
        let report = judge_report(run, &judged);
        assert_eq!((report.wins, report.losses, report.ties), (2, 1, 0));
        assert_eq!((report.inconsistent, report.judge_errors, report.p), (1, 1, 1.0));
        assert_eq!((report.consistency, report.longer_won), (Some(0.75), Some(1.0 / 3.0)));
        assert_eq!(report.mean_v1_chars, Some(2.0));
        assert!(report.to_json().contains("\"verdict\": {\n        \"agreed\": \"v2\""), "{}", report.to_json());
    }
}
