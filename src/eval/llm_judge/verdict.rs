//! A judge's words for one pair, in both orders.

use serde::{Deserialize, Serialize};

use super::prompt::Order;
use crate::eval::votes::Choice;

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

    pub(super) fn reason(&self) -> Option<&str> {
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

pub(super) fn share(part: usize, of: usize) -> Option<f64> {
    (of > 0).then(|| part as f64 / of as f64)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::eval::llm_judge) fn said(text: &str) -> [JudgeVerdict; 2] {
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
}
