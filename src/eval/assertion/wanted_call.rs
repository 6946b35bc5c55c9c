//! The tool calls that an assertion demands: its value, read.

use serde_json::Value;

/// Calls that one assertion may list: every order of them is tried.
const MOST_CALLS: usize = 6;

/// A call that is demanded.
pub(super) struct WantedCall<'a> {
    pub(super) name: &'a str,
    /// None: whatever they are.
    pub(super) arguments: Option<&'a Value>,
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
