//! The tools that an answer calls, compared with those that it should call.

use serde_json::{Map, Value};

use super::assertion_type::Checked;
use super::wanted_call::{WantedCall, read};
use crate::eval::answerer::ToolCall;
use crate::eval::same_json;

/// The largest difference of two numbers, in the order of the calls in which it is smallest; None where something else differs:
/// another tool, more or fewer calls, an argument that is missing, or one that was not demanded.
pub(super) fn distance(checked: &Checked<'_>) -> Option<f64> {
    let wanted = read(checked.value).ok()?;
    let calls = checked.given.tool_calls;
    if checked.value.is_null() {
        return (!calls.is_empty()).then_some(0.0);
    }
    if wanted.len() != calls.len() {
        return None;
    }
    let normalise = |text: &str| checked.normaliser.apply(text);
    let pairs: Vec<Vec<Option<f64>>> =
        wanted.iter().map(|wanted| calls.iter().map(|call| one_distance(wanted, call, &normalise)).collect()).collect();
    best(&pairs, &mut vec![false; calls.len()])
}

/// Of the rows to the columns that are not used yet.
fn best(rows: &[Vec<Option<f64>>], used: &mut Vec<bool>) -> Option<f64> {
    let Some((first, rest)) = rows.split_first() else { return Some(0.0) };
    let mut least: Option<f64> = None;
    for (column, distance) in first.iter().enumerate() {
        let Some(distance) = distance.filter(|_| !used[column]) else { continue };
        used[column] = true;
        if let Some(others) = best(rest, used) {
            let most = distance.max(others);
            least = Some(least.map_or(most, |least| least.min(most)));
        }
        used[column] = false;
    }
    least
}

fn one_distance(wanted: &WantedCall<'_>, call: &ToolCall, normalise: &dyn Fn(&str) -> String) -> Option<f64> {
    if wanted.name != call.name {
        return None;
    }
    match wanted.arguments {
        None => Some(0.0),
        Some(wanted) => same_json::distance(wanted, &arguments(&call.arguments)?, normalise),
    }
}

/// An object, perhaps as a text of JSON in JSON; none written is the empty one.
fn arguments(text: &str) -> Option<Value> {
    let value = match text.trim() {
        "" => Value::Object(Map::new()),
        text => serde_json::from_str(text).ok()?,
    };
    match value {
        Value::Null => Some(Value::Object(Map::new())),
        Value::String(inner) => serde_json::from_str(&inner).ok(),
        value => Some(value),
    }
}
