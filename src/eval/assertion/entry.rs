//! One entry of a line's list `assert`.

use serde_json::{Map, Value};

use super::assertion_type::{AssertionType, Checked, Judgement};
use super::given::Given;
use super::types::{ASSERTION_TYPES, EQUALS, SIMILAR, TOOL_CALL, UNSUPPORTED};
use super::value::texts_of;
use super::wanted_call;
use crate::eval::text::Normaliser;
use crate::input::nearest;

/// Before the name of a type: the answer must not meet it.
pub(super) const NOT: &str = "not-";

/// An assertion: its type, what it demands, and what it weighs. Its JSON form leaves out what is not said.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub(in crate::eval) struct Assertion {
    #[serde(rename = "type")]
    type_name: String,
    #[serde(skip_serializing_if = "Value::is_null")]
    value: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<f64>,
    /// Its part of `assertion_score`; with 0 it is reported and never demanded.
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<f64>,
    /// The name under which its scores are reported.
    #[serde(skip_serializing_if = "Option::is_none")]
    metric: Option<String>,
}

/// What came of one assertion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::eval) struct Outcome {
    /// From 0 to 1.
    pub score: f64,
    pub met: bool,
}

impl Assertion {
    /// Reads an entry; every fault of it at once.
    pub(in crate::eval) fn read(entry: &Value) -> Result<Self, Vec<String>> {
        const KEYS: [&str; 5] = ["type", "value", "threshold", "weight", "metric"];
        let Value::Object(map) = entry else {
            return Err(vec![
                "an entry of \"assert\" is an object, like {\"type\": \"contains\", \"value\": \"…\"}".to_owned(),
            ]);
        };
        let Some(type_name) = map.get("type").and_then(Value::as_str) else {
            return Err(vec!["an entry of \"assert\" has no \"type\"".to_owned()]);
        };
        let Some(of_type) = type_of(type_name) else { return Err(vec![unknown(type_name)]) };
        let mut faults: Vec<String> = map
            .keys()
            .filter(|key| !KEYS.contains(&key.as_str()))
            .map(|key| format!("{key:?} is an unknown key; the keys are {}", KEYS.join(", ")))
            .collect();
        let value = map.get("value").cloned().unwrap_or_default();
        let example = of_type.example.assertion;
        faults.extend(of_type.value.fault(&value).map(|fault| format!("{fault}; for example {example}")));
        let mut number = |key: &str| {
            number(map, key).unwrap_or_else(|fault| {
                faults.push(fault);
                None
            })
        };
        let (threshold, weight) = (number("threshold"), number("weight"));
        faults.extend(threshold_fault(of_type, threshold));
        let metric = match map.get("metric") {
            None | Some(Value::Null) => None,
            Some(Value::String(name)) if !name.trim().is_empty() => Some(name.clone()),
            Some(_) => {
                faults.push("\"metric\" must be a text, not empty".to_owned());
                None
            }
        };
        if !faults.is_empty() {
            return Err(faults.into_iter().map(|fault| format!("{type_name}: {fault}")).collect());
        }
        Ok(Self { type_name: type_name.to_owned(), value, threshold, weight, metric })
    }

    /// What comes of it for an answer.
    pub(in crate::eval) fn outcome(&self, given: &Given<'_>, normaliser: Normaliser) -> Outcome {
        // Only what has a type is read.
        let Some(of_type) = type_of(&self.type_name) else { return Outcome { score: 0.0, met: false } };
        let checked = Checked { value: &self.value, given, normaliser };
        let (score, met) = match of_type.judgement {
            Judgement::Holds(holds) => {
                let met = holds(&checked);
                (f64::from(u8::from(met)), met)
            }
            Judgement::AtLeast { default, score } => {
                let score = score(&checked).clamp(0.0, 1.0);
                (score, score >= self.threshold.unwrap_or(default))
            }
            Judgement::AtMost { default, measure, .. } => {
                let most = self.threshold.or(default).unwrap_or(0.0);
                let met = measure(&checked).is_some_and(|measured| measured <= most);
                (f64::from(u8::from(met)), met)
            }
        };
        if self.type_name.starts_with(NOT) { Outcome { score: 1.0 - score, met: !met } } else { Outcome { score, met } }
    }

    /// The texts that it compares the answer with by vectors.
    pub(in crate::eval) fn similar_texts(&self) -> Vec<&str> {
        if self.bare_name() == SIMILAR { texts_of(&self.value) } else { Vec::new() }
    }

    /// The texts of which the whole answer must be one.
    pub(in crate::eval) fn equal_texts(&self) -> Vec<&str> {
        if self.type_name == EQUALS && self.weight() > 0.0 { texts_of(&self.value) } else { Vec::new() }
    }

    /// The names of the tools that should, or should not, be called; None: it asserts nothing of tools.
    pub(in crate::eval) fn tools(&self) -> Option<Vec<&str>> {
        let wanted = if self.bare_name() == TOOL_CALL { wanted_call::read(&self.value).ok()? } else { return None };
        Some(wanted.into_iter().map(|call| call.name).collect())
    }

    fn bare_name(&self) -> &str {
        self.type_name.strip_prefix(NOT).unwrap_or(&self.type_name)
    }

    /// Its part of the score; 1 where the suite says none.
    pub(in crate::eval) fn weight(&self) -> f64 {
        self.weight.unwrap_or(1.0)
    }

    /// The name under which its scores are reported.
    pub(in crate::eval) fn metric(&self) -> Option<&str> {
        self.metric.as_deref()
    }

    /// `contains "Paris"`, `tokens (threshold 40)`: for people who ask why an answer did not pass.
    pub(in crate::eval) fn described(&self) -> String {
        const MOST: usize = 80;
        let value = if self.value.is_null() { String::new() } else { self.value.to_string() };
        let shown: String = value.chars().take(MOST).collect();
        let cut = if value.chars().nth(MOST).is_some() { "…" } else { "" };
        let threshold = self.threshold.map(|threshold| format!("(threshold {threshold})")).unwrap_or_default();
        let parts = [self.type_name.clone(), format!("{shown}{cut}"), threshold];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    }
}

/// The declared type of a name, which may begin with `not-`.
fn type_of(name: &str) -> Option<&'static AssertionType> {
    let name = name.strip_prefix(NOT).unwrap_or(name);
    ASSERTION_TYPES.iter().find(|of_type| of_type.name == name)
}

/// Whether a name without `not-` is a type of this program or of promptfoo.
pub(super) fn is_known(bare: &str) -> bool {
    UNSUPPORTED.contains(&bare) || ASSERTION_TYPES.iter().any(|of_type| of_type.name == bare)
}

fn unknown(name: &str) -> String {
    let shown: String = name.chars().take(60).collect();
    let bare = shown.strip_prefix(NOT).unwrap_or(&shown);
    let names: Vec<_> = ASSERTION_TYPES.iter().map(|of_type| of_type.name).collect();
    if UNSUPPORTED.contains(&bare) {
        return format!(
            "the assertion type {shown:?} of promptfoo does not exist here; those that do are {}",
            names.join(", ")
        );
    }
    let hint = nearest(bare, &names).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
    format!(
        "{shown:?} is an unknown assertion type; the types are {}, and each with not- before it{hint}",
        names.join(", ")
    )
}

fn number(map: &Map<String, Value>, key: &str) -> Result<Option<f64>, String> {
    match map.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_f64().filter(|number| number.is_finite() && *number >= 0.0) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("{key:?} must be a number, not below 0")),
        },
    }
}

fn threshold_fault(of_type: &AssertionType, threshold: Option<f64>) -> Option<String> {
    match (of_type.judgement, threshold) {
        (Judgement::Holds(_), Some(_)) => Some("it takes no \"threshold\"".to_owned()),
        (Judgement::AtLeast { .. }, Some(threshold)) if threshold > 1.0 => {
            Some("\"threshold\" is a score from 0 to 1".to_owned())
        }
        (Judgement::AtMost { default: None, unit, .. }, None) => {
            Some(format!("give the largest {unit} that is allowed as \"threshold\""))
        }
        _ => None,
    }
}
