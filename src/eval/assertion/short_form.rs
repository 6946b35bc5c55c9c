//! promptfoo's short form of an assertion, as it stands in a cell of a table: `contains: Paris`, `not-icontains-any: a,b`,
//! `similar(0.8): It rains.`, `is-json`; any other text is the expected answer.

use serde_json::{Map, Value, json};

use super::entry::{NOT, is_known};
use super::types::{ASSERTION_TYPES, SIMILAR, TOOL_CALL};
use crate::input::nearest;

/// The least cosine where the cell names none, as promptfoo has it in tables.
const SIMILAR_IN_TABLES: f64 = 0.8;

/// promptfoo's older names of types.
const OLDER_NAMES: &[(&str, &str)] = &[("fn", "javascript"), ("eval", "javascript"), ("grade", "llm-rubric")];

/// What stands before the colon.
struct Head<'a> {
    /// With `not-`, where that is written.
    name: &'a str,
    /// Within parentheses.
    threshold: Option<&'a str>,
}

/// The entry of `assert` that a cell means. Whether it is sound is said where it is read.
pub(in crate::eval) fn short_form(cell: &str) -> Result<Value, String> {
    let cell = cell.trim();
    let (before, value) = match cell.split_once(':') {
        Some((before, value)) => (before, Some(value.trim())),
        None => (cell, None),
    };
    if before == "file" && value.is_some_and(|value| value.starts_with("//")) {
        return Err(format!("{cell:?} is a script of promptfoo, which is not run; write what the answer must hold"));
    }
    let expected = || json!({"type": "equals", "value": cell});
    let Some(head) = head(before) else { return Ok(expected()) };
    let bare = head.name.strip_prefix(NOT).unwrap_or(head.name);
    let older = OLDER_NAMES.iter().find(|(older, _)| *older == bare && value.is_some());
    let bare = older.map_or(bare, |(_, name)| *name);
    if !is_known(bare) {
        let names: Vec<_> = ASSERTION_TYPES.iter().map(|of_type| of_type.name).collect();
        return match nearest(bare, &names).filter(|_| value.is_some() || head.threshold.is_some()) {
            Some(name) => Err(format!(
                "{:?} is an unknown assertion type; did you mean {name:?}? An answer that begins so is written as equals:{cell}",
                head.name
            )),
            None => Ok(expected()),
        };
    }
    let value = value.filter(|value| !value.is_empty());
    let mut map = Map::new();
    let not = if head.name.starts_with(NOT) { NOT } else { "" };
    map.insert("type".to_owned(), json!(format!("{not}{bare}")));
    if let Some(value) = value {
        let call = (bare == TOOL_CALL).then(|| serde_json::from_str(value)).transpose();
        let call = call.map_err(|e| format!("{TOOL_CALL}: its value is not JSON: {e}"))?;
        map.insert("value".to_owned(), call.unwrap_or_else(|| json!(value)));
    }
    let threshold = match head.threshold.map(str::parse::<f64>) {
        None => (bare == SIMILAR).then_some(SIMILAR_IN_TABLES),
        Some(Ok(threshold)) => Some(threshold),
        Some(Err(_)) => return Err(format!("{}: the threshold {:?} is no number", head.name, head.threshold)),
    };
    map.extend(threshold.map(|threshold| ("threshold".to_owned(), json!(threshold))));
    Ok(Value::Object(map))
}

/// `name` or `name(threshold)`, where the name is in lower case and has no space.
fn head(text: &str) -> Option<Head<'_>> {
    let text = text.trim_end();
    let (name, threshold) = match text.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((name, threshold)) => (name.trim_end(), Some(threshold.trim())),
        None => (text, None),
    };
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    is_name.then_some(Head { name, threshold })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::assertion::Assertion;

    #[test]
    fn cells_are_read_as_promptfoo_reads_them() {
        for (cell, wanted) in [
            ("Paris", json!({"type": "equals", "value": "Paris"})),
            (" Note: the door is open ", json!({"type": "equals", "value": "Note: the door is open"})),
            ("price: 5", json!({"type": "equals", "value": "price: 5"})),
            ("equals:number", json!({"type": "equals", "value": "number"})),
            ("contains: Paris", json!({"type": "contains", "value": "Paris"})),
            ("not-contains:a:b", json!({"type": "not-contains", "value": "a:b"})),
            ("icontains-any: a,b", json!({"type": "icontains-any", "value": "a,b"})),
            ("similar(0.9): It rains.", json!({"type": "similar", "value": "It rains.", "threshold": 0.9})),
            ("similar:It rains.", json!({"type": "similar", "value": "It rains.", "threshold": 0.8})),
            ("levenshtein(5): ouvre Chrome", json!({"type": "levenshtein", "value": "ouvre Chrome", "threshold": 5.0})),
            ("latency(1000)", json!({"type": "latency", "threshold": 1000.0})),
            ("is-json", json!({"type": "is-json"})),
            ("is-json: {\"type\": \"object\"}", json!({"type": "is-json", "value": "{\"type\": \"object\"}"})),
            ("not-is-refusal", json!({"type": "not-is-refusal"})),
            ("number(0.5): 12 km", json!({"type": "number", "value": "12 km", "threshold": 0.5})),
            ("tool-call: {\"name\": \"lamp\"}", json!({"type": "tool-call", "value": {"name": "lamp"}})),
        ] {
            let read = short_form(cell).unwrap();
            assert_eq!(read, wanted, "{cell}");
            Assertion::read(&read).unwrap();
        }
    }

    #[test]
    fn what_is_no_assertion_here_is_named() {
        let fault = |cell: &str| {
            short_form(cell).and_then(|read| Assertion::read(&read).map_err(|all| all.join("\n"))).unwrap_err()
        };
        for (cell, wanted) in [
            (
                "icontain: Paris",
                "did you mean \"icontains\"? An answer that begins so is written as equals:icontain: Paris",
            ),
            ("not-regexp: a", "did you mean \"regex\""),
            ("javascript: output.length < 10", "the assertion type \"javascript\" of promptfoo does not exist here"),
            ("fn: true", "\"javascript\" of promptfoo"),
            ("grade: is polite", "\"llm-rubric\" of promptfoo"),
            ("file://check.py", "is a script of promptfoo"),
            ("contains", "contains: \"value\" must be"),
            ("contains:", "contains: \"value\" must be"),
            ("regex: (", "the regular expression"),
            ("is-json: {\"type\": \"objekt\"}", "the JSON Schema"),
            ("similar(high): a", "the threshold"),
            ("similar(1.5): a", "a score from 0 to 1"),
            ("starts-with(0.5): a", "takes no \"threshold\""),
            ("tool-call: lamp", "its value is not JSON"),
        ] {
            let said = fault(cell);
            assert!(said.contains(wanted), "{cell}: {said}");
        }
    }
}
