//! Answers compared as JSON, where the expectation is JSON: the order of an object's keys and white space mean nothing.

use serde_json::Value;

/// The expectation, where it is an object or a list. Plain words and numbers are JSON too, and are compared as text.
pub(super) fn structure(expected: &str) -> Option<Value> {
    let text = expected.trim();
    let value = if text.starts_with(['{', '[']) { serde_json::from_str(text).ok() } else { None };
    value.filter(|v: &Value| v.is_object() || v.is_array())
}

/// The answer, alone or in one fence of Markdown.
pub(super) fn of_answer(answer: &str) -> Option<Value> {
    let text = answer.trim();
    let fenced = text.strip_prefix("```").and_then(|rest| rest.strip_suffix("```")).and_then(|inside| {
        let (language, body) = inside.split_once('\n')?;
        matches!(language.trim().to_ascii_lowercase().as_str(), "" | "json").then_some(body)
    });
    structure(fenced.unwrap_or(text))
}

/// Keys and structure are exact, numbers equal as numbers, texts after `normalise`.
pub(super) fn equal(a: &Value, b: &Value, normalise: &dyn Fn(&str) -> String) -> bool {
    distance(a, b, normalise) == Some(0.0)
}

/// The largest difference of two numbers that stand in the same place; None where something else differs.
pub(super) fn distance(a: &Value, b: &Value, normalise: &dyn Fn(&str) -> String) -> Option<f64> {
    let same = |same: bool| same.then_some(0.0);
    match (a, b) {
        (Value::Object(a), Value::Object(b)) if a.len() == b.len() => {
            largest(a.iter().map(|(key, x)| distance(x, b.get(key)?, normalise)))
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            largest(a.iter().zip(b).map(|(x, y)| distance(x, y, normalise)))
        }
        (Value::Number(a), Value::Number(b)) => match (a.as_i128(), b.as_i128()) {
            (Some(a), Some(b)) => Some(a.abs_diff(b) as f64),
            _ => Some((a.as_f64()? - b.as_f64()?).abs()),
        },
        (Value::String(a), Value::String(b)) => same(a == b || normalise(a) == normalise(b)),
        (a, b) => same(a == b),
    }
}

/// None where one of them is none.
fn largest(mut distances: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    distances.try_fold(0.0, |most: f64, distance| distance.map(|distance| most.max(distance)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Normaliser;

    fn same(expected: &str, answer: &str) -> bool {
        let normalise = |text: &str| Normaliser::default().apply(text);
        let (Some(e), Some(a)) = (structure(expected), of_answer(answer)) else { return false };
        equal(&e, &a, &normalise)
    }

    #[test]
    fn order_and_space_mean_nothing_and_the_rest_does() {
        assert!(same(r#"{"a": 1, "b": [1, 2]}"#, "{ \"b\":[1.0,2],\n\"a\":1 }"));
        assert!(same(r#"{"a": 1}"#, "```json\n{\"a\": 1}\n```") && same("[1]", "```\n[1]\n```"));
        assert!(same(r#"{"city": "Paris"}"#, r#"{"city": "paris"}"#));
        for (expected, answer) in [
            ("[1, 2]", "[2, 1]"),
            (r#"{"a": 1}"#, r#"{"a": -1}"#),
            (r#"{"a": 1}"#, r#"{"A": 1}"#),
            (r#"{"a": 1}"#, r#"{"a": "1"}"#),
            (r#"{"a": 1}"#, r#"{"a": 1, "b": 2}"#),
            (r#"{"a": 1}"#, r#"{"a": 1} and more"#),
            (r#"{"a": 9007199254740993}"#, r#"{"a": 9007199254740992}"#),
            ("4", "4"),
        ] {
            assert!(!same(expected, answer), "{expected} {answer}");
        }
    }
}
