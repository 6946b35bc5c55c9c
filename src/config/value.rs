//! One YAML value read as one kind, with words of ours for what is wrong.

use std::path::PathBuf;

use serde_yaml::Value;

/// Names in a list, or in one text with commas between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct Names(pub Vec<String>);

impl std::str::FromStr for Names {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()))
    }
}

/// A value read as `Self`; the error is what a person needs to mend it (the key stands before it).
pub(super) trait FromValue: Sized {
    fn from_value(value: &Value) -> Result<Self, String>;
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text.trim().is_empty() => {
                Err("is empty; leave the key out, or say what is meant".into())
            }
            Value::String(text) => Ok(text.clone()),
            // YAML's habit: `off` and `on` may be said as booleans (`replay: false`).
            Value::Bool(on) => Ok(if *on { "on" } else { "off" }.into()),
            Value::Number(n) => Err(format!("wants text, got the number {n}; put it in quotes")),
            other => Err(format!("wants text, got {}", kind(other))),
        }
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(_) => Err("wants a path, got true or false".into()),
            other => String::from_value(other).map(PathBuf::from),
        }
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("wants true or false, got {}", kind(value)))
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(n) => n.as_f64().ok_or_else(|| format!("wants a number, got {n}")),
            Value::String(t) if t.trim().parse::<f64>().is_ok() => {
                Err(format!("wants a number, got the text {t:?}; take the quotes off"))
            }
            other => Err(format!("wants a number, got {}", kind(other))),
        }
    }
}

impl FromValue for u64 {
    fn from_value(value: &Value) -> Result<Self, String> {
        if let Some(n) = value.as_u64() {
            return Ok(n);
        }
        let number = f64::from_value(value).map_err(|e| e.replace("a number", "a whole number"))?;
        // 2^53: from there on a float no longer names one integer.
        if number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0 {
            return Ok(number as u64);
        }
        Err(format!("wants a whole number of 0 or more, got {number}"))
    }
}

impl FromValue for Names {
    fn from_value(value: &Value) -> Result<Self, String> {
        let names = match value {
            Value::Sequence(items) => Names(
                items.iter().map(String::from_value).collect::<Result<_, _>>().map_err(|e| format!("each name {e}"))?,
            ),
            other => String::from_value(other)?.parse().unwrap_or_default(),
        };
        if names.0.is_empty() { Err("names nothing; leave the key out for the default".into()) } else { Ok(names) }
    }
}

/// The kind of a value, for people.
pub(super) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "nothing".into(),
        Value::Bool(b) => format!("{b}"),
        Value::Number(n) => format!("the number {n}"),
        Value::String(t) => format!("the text {:?}", t.chars().take(60).collect::<String>()),
        Value::Sequence(_) => "a list".into(),
        Value::Mapping(_) => "a mapping".into(),
        Value::Tagged(t) => format!("a tagged value ({})", t.tag),
    }
}

/// YAML, or JSON (which YAML is nearly a superset of: tabs and `\/` are the exceptions, so JSON is tried first).
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return Ok(value);
    }
    serde_yaml::from_str(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_people_write_them() {
        let read = |t: &str| f64::from_value(&parse(t).unwrap());
        assert_eq!(read("5e-5").unwrap(), 5e-5);
        assert_eq!(read("3").unwrap(), 3.0);
        assert!(read("\"5e-5\"").unwrap_err().contains("quotes off"));
        assert_eq!(u64::from_value(&parse("4.0").unwrap()).unwrap(), 4);
        assert!(u64::from_value(&parse("-1").unwrap()).unwrap_err().contains("whole number"));
        assert!(u64::from_value(&parse("2.5").unwrap()).unwrap_err().contains("whole number"));
    }

    #[test]
    fn json_with_tabs_and_escapes_is_json() {
        let value = parse("\u{feff}{\n\t\"a\": \"x\\/y\"\n}").unwrap();
        assert_eq!(value.get("a").and_then(Value::as_str), Some("x/y"));
        assert!(parse("{\"a\": 1, \"a\": 2}").unwrap_err().contains("duplicate"));
    }

    #[test]
    fn names_by_list_or_commas() {
        let expected = Names(vec!["q_proj".into(), "v_proj".into()]);
        assert_eq!(Names::from_value(&parse("[q_proj, v_proj]").unwrap()).unwrap(), expected);
        assert_eq!(Names::from_value(&parse("q_proj, v_proj").unwrap()).unwrap(), expected);
        assert!(Names::from_value(&parse("[]").unwrap()).is_err());
    }
}
