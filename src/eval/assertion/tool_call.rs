//! The tools that an answer calls, compared with those that it should call.

use serde_json::{Map, Value};

use super::assertion_type::Checked;
use crate::eval::answerer::ToolCall;
use crate::eval::same_json;

/// Calls that one assertion may list: every order of them is tried.
const MOST_CALLS: usize = 6;

/// A call that is demanded.
pub(super) struct WantedCall<'a> {
    pub(super) name: &'a str,
    /// None: whatever they are.
    arguments: Option<&'a Value>,
}

/// The calls of an assertion's value; empty where it has none: then any call will do.
pub(super) fn read(value: &Value) -> Result<Vec<WantedCall<'_>>, String> {
    let items = match value {
        Value::Null => &[][..],
        Value::Array(items) if items.is_empty() => {
            return Err(
                "\"value\" is an empty list; for an answer that calls no tool, write not-tool-call without a value"
                    .to_owned(),
            );
        }
        Value::Array(items) if items.len() > MOST_CALLS => {
            return Err(format!("\"value\" lists {} calls; at most {MOST_CALLS} are compared", items.len()));
        }
        Value::Array(items) => items.as_slice(),
        one => std::slice::from_ref(one),
    };
    items.iter().map(one_call).collect()
}

fn one_call(value: &Value) -> Result<WantedCall<'_>, String> {
    const SHAPE: &str = "\"value\" must be: {\"name\": \"…\", \"arguments\": {…}}, a list of them, or none";
    let Value::Object(map) = value else { return Err(SHAPE.to_owned()) };
    if let Some(key) = map.keys().find(|key| !["name", "arguments"].contains(&key.as_str())) {
        return Err(format!("{key:?} is an unknown key of a call; the keys are name, arguments"));
    }
    let name = map.get("name").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
    let name = name.ok_or_else(|| SHAPE.to_owned())?;
    match map.get("arguments") {
        None | Some(Value::Null) => Ok(WantedCall { name, arguments: None }),
        Some(arguments @ Value::Object(_)) => Ok(WantedCall { name, arguments: Some(arguments) }),
        Some(_) => Err(format!("the arguments of {name:?} must be an object, like {{\"city\": \"Nice\"}}")),
    }
}

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
