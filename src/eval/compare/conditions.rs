//! What arms were asked with. Where two differ in it, a difference of their answers may come from that.

use std::fmt;

use serde::Serialize;

use super::pairs::ArmResults;
use crate::eval::results::{AnswerArm, AskedWith, ResultHeader, Served};

/// Something that all arms should have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    Daemon,
    Architecture,
    Context,
    MaxTokens,
    Temperature,
    Quantisation,
    Passages,
    Index,
}

impl Condition {
    const ALL: [Self; 8] = [
        Self::Daemon,
        Self::Architecture,
        Self::Context,
        Self::MaxTokens,
        Self::Temperature,
        Self::Quantisation,
        Self::Passages,
        Self::Index,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Daemon => "daemon",
            Self::Architecture => "base",
            Self::Context => "context",
            Self::MaxTokens => "--max-tokens",
            Self::Temperature => "temperature",
            Self::Quantisation => "quantisation",
            Self::Passages => "passages",
            Self::Index => "index",
        }
    }

    /// Whether arms that differ in it show nothing of themselves. An export may have its own types, and how much is retrieved
    /// from which index belongs to an arm.
    pub fn is_needed(self) -> bool {
        !matches!(self, Self::Quantisation | Self::Passages | Self::Index)
    }

    /// None where the arm has no such thing, or its file does not say.
    fn of(self, header: &ResultHeader) -> Option<String> {
        let served = |of: fn(&Served) -> Option<String>| of(header.served.as_ref()?);
        let asked = |of: fn(&AskedWith) -> Option<String>| of(header.asked.as_ref()?);
        match self {
            Self::Daemon => served(|s| Some(s.daemon.clone())),
            Self::Architecture => served(|s| s.architecture.clone()),
            Self::Context => served(|s| s.num_ctx.map(|n| n.to_string())),
            Self::MaxTokens => asked(|a| Some(a.max_tokens.to_string())),
            Self::Temperature => asked(|a| Some(a.temperature.to_string())),
            Self::Quantisation => served(|s| s.quantisation.clone()),
            Self::Passages => asked(|a| a.passages.map(|n| n.to_string())),
            Self::Index => header.index.clone(),
        }
    }
}

/// Two arms that do not have something in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConditionDifference {
    pub condition: Condition,
    pub first: AnswerArm,
    pub first_value: String,
    pub second: AnswerArm,
    pub second_value: String,
}

impl fmt::Display for ConditionDifference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { condition, first, first_value, second, second_value } = self;
        let (first, second) = (first.as_str(), second.as_str());
        write!(f, "{} of {first} is {first_value}, of {second} {second_value}", condition.label())
    }
}

/// Of each condition, every arm that differs from the first one that has it.
pub fn condition_differences(arms: &[ArmResults]) -> Vec<ConditionDifference> {
    let mut differences = Vec::new();
    for condition in Condition::ALL {
        let of = |results: &ArmResults| Some((results.arm, condition.of(results.file.header.as_ref()?)?));
        let mut values = arms.iter().filter_map(of);
        let Some((first, first_value)) = values.next() else { continue };
        differences.extend(values.filter(|(_, value)| *value != first_value).map(|(second, second_value)| {
            ConditionDifference { condition, first, first_value: first_value.clone(), second, second_value }
        }));
    }
    differences
}
