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
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| equal(x, y, normalise)))
        }
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(x, y)| equal(x, y, normalise))
        }
        (Value::Number(a), Value::Number(b)) => a == b || (a.is_f64() || b.is_f64()) && a.as_f64() == b.as_f64(),
        (Value::String(a), Value::String(b)) => a == b || normalise(a) == normalise(b),
        (a, b) => a == b,
    }
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
