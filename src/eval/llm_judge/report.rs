//! A judge's words for each pair, and their sum.

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::prompt::Order;
use crate::eval::paired::sign_test;
use crate::eval::votes::{AnswerPair, Choice, Side};

/// What the judge said in one order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JudgeVerdict {
    Said {
        choice: Choice,
        reason: String,
    },
    /// No JSON of the schema came, whatever was tried: never a loss of either model.
    Unreadable,
}

#[derive(Deserialize)]
struct Written {
    reason: String,
    verdict: String,
}

impl JudgeVerdict {
    /// Of the text that came in this order.
    pub fn read(text: &str, order: Order) -> Self {
        let Ok(Written { reason, verdict }) = serde_json::from_str::<Written>(text.trim()) else {
            return Self::Unreadable;
        };
        let choice = match (verdict.as_str(), order) {
            ("A", Order::V1First) | ("B", Order::V2First) => Choice::V1,
            ("B", Order::V1First) | ("A", Order::V2First) => Choice::V2,
            ("tie", _) => Choice::Tie,
            _ => return Self::Unreadable,
        };
        Self::Said { choice, reason }
    }

    fn choice(&self) -> Option<Choice> {
        match self {
            Self::Said { choice, .. } => Some(*choice),
            Self::Unreadable => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Said { reason, .. } => Some(reason),
            Self::Unreadable => None,
        }
    }
}

/// Both orders of a pair taken together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PairVerdict {
    /// The same answer, or a tie, in both orders.
    Agreed(Choice),
    /// Another verdict in the other order: a tie.
    Inconsistent,
    /// At least one order has no verdict that can be read.
    JudgeError,
}

impl PairVerdict {
    /// None: an error, which counts for nobody.
    pub(super) fn choice(&self) -> Option<Choice> {
        match self {
            Self::Agreed(choice) => Some(*choice),
            Self::Inconsistent => Some(Choice::Tie),
            Self::JudgeError => None,
        }
    }
}

pub(super) fn pair_verdict(orders: &[JudgeVerdict; 2]) -> PairVerdict {
    match [orders[0].choice(), orders[1].choice()] {
        [Some(one), Some(other)] if one == other => PairVerdict::Agreed(one),
        [Some(_), Some(_)] => PairVerdict::Inconsistent,
        _ => PairVerdict::JudgeError,
    }
}

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

pub(super) fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> [JudgeVerdict; 2] {
        let words: Vec<&str> = text.split(' ').collect();
        let read =
            |word: &str, order| JudgeVerdict::read(&format!("{{\"reason\":\"r\",\"verdict\":\"{word}\"}}"), order);
        [read(words[0], Order::V1First), read(words[1], Order::V2First)]
    }

    #[test]
    fn an_answer_wins_only_where_both_orders_prefer_it() {
        assert_eq!(pair_verdict(&said("A B")), PairVerdict::Agreed(Choice::V1));
        assert_eq!(pair_verdict(&said("B A")), PairVerdict::Agreed(Choice::V2));
        assert_eq!(pair_verdict(&said("tie tie")), PairVerdict::Agreed(Choice::Tie));
        // Whoever stands first wins: position bias.
        assert_eq!(pair_verdict(&said("A A")), PairVerdict::Inconsistent);
        assert_eq!(pair_verdict(&said("A tie")), PairVerdict::Inconsistent);
        assert_eq!(pair_verdict(&said("A C")), PairVerdict::JudgeError);
    }

    #[test]
    fn what_is_no_json_of_the_schema_is_an_error_and_never_a_loss() {
        for text in
            ["", "A", "{\"verdict\":\"A\"}", "{\"reason\":\"r\",\"verdict\":\"a\"}", "{\"reason\":\"r\",\"verdict\":"]
        {
            assert_eq!(JudgeVerdict::read(text, Order::V1First), JudgeVerdict::Unreadable, "{text}");
        }
    }

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
