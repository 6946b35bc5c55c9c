//! YAML read into values, and one value read as one kind, with words of ours for what is wrong.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

/// What a file or a flag says, read as `Self`; the error is what a person needs to mend it (the key stands before it).
pub trait FromValue: Sized {
    fn from_value(value: &Value) -> Result<Self, String>;

    /// From the values of a flag: one, or several where it may repeat.
    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        Self::from_value(&Value::from(*texts.last().unwrap_or(&"")))
    }

    /// A path that begins with `~` gets the home folder.
    fn expand_home(&mut self, _home: Option<&Path>) -> Result<(), String> {
        Ok(())
    }
}

impl FromValue for String {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::String(text) if text.trim().is_empty() => Err("is empty; give a value, or leave it out".into()),
            Value::String(text) => Ok(text.clone()),
            // YAML's habit: `off` and `on` may be said as booleans (`replay: false`).
            Value::Bool(on) => Ok(if *on { "on" } else { "off" }.into()),
            Value::Number(n) => Err(format!("expected text, got the number {n}; put it in quotes")),
            other => Err(format!("expected text, got {}", kind(other))),
        }
    }
}

impl FromValue for PathBuf {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Bool(_) => Err("expected a path, got true or false".into()),
            other => String::from_value(other).map(PathBuf::from),
        }
    }

    fn expand_home(&mut self, home: Option<&Path>) -> Result<(), String> {
        *self = expand_home(self, home)?;
        Ok(())
    }
}

impl FromValue for bool {
    fn from_value(value: &Value) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("expected true or false, got {}", kind(value)))
    }

    /// A switch has no value: to give it is to say true.
    fn from_flag(_: &[&str]) -> Result<Self, String> {
        Ok(true)
    }
}

impl FromValue for f64 {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Number(n) => n.as_f64().ok_or_else(|| format!("expected a number, got {n}")),
            Value::String(t) if t.trim().parse::<f64>().is_ok() => {
                Err(format!("expected a number, got the text {t:?}; take the quotes off"))
            }
            other => Err(format!("expected a number, got {}", kind(other))),
        }
    }

    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        let text = texts.last().unwrap_or(&"");
        text.parse().map_err(|_| format!("expected a number, got {text:?}"))
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
        Err(format!("expected a whole number of 0 or more, got {number}"))
    }

    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        let text = texts.last().unwrap_or(&"");
        text.parse().map_err(|_| format!("expected a whole number of 0 or more, got {text:?}"))
    }
}

/// The kind of a value, for people.
pub fn kind(value: &Value) -> String {
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

/// Bytes times brackets (`[`, `{`) of a YAML text, at most. At every token the parser goes through all open flow
/// collections with a key (`{a: {a: …`), long before it refuses their depth: this bounds that to about a second, whatever
/// of the brackets are only letters of a text. A text of 100 kB may have 5000 of them.
const MAX_BRACKET_BYTES: usize = 1 << 29;

/// YAML, or JSON (which YAML is nearly a superset of: tabs and `\/` are the exceptions, so JSON is tried first).
pub fn parse(text: &str) -> Result<Value, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str::<Value>(text)
    {
        return Ok(value);
    }
    let brackets = text.matches(['[', '{']).count();
    if brackets.saturating_mul(text.len()) > MAX_BRACKET_BYTES {
        return Err(format!("it has {brackets} brackets ([ and {{) in {} bytes, more than are read", text.len()));
    }
    serde_yaml::from_str(text).map_err(|e| e.to_string())
}

/// `~/x` in the home folder, as a shell would write it; every other path as it is.
pub fn expand_home(path: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
    let Some(text) = path.to_str().filter(|text| text.starts_with('~')) else { return Ok(path.to_path_buf()) };
    match (text[1..].strip_prefix('/'), home) {
        (Some(rest), Some(home)) => Ok(home.join(rest)),
        (None, Some(home)) if text == "~" => Ok(home.to_path_buf()),
        (Some(_), None) => Err(format!("{text:?}: HOME is not set; write the whole path")),
        // `~x` may be a name; no other user's folder is looked up.
        _ => Ok(path.to_path_buf()),
    }
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

    /// Wherever the brackets stand, and however the text goes on.
    #[test]
    fn deep_texts_are_refused_at_once() {
        let many = "{a: ".repeat(900_000);
        for text in [
            many.clone(),
            format!("a: # >\n {many}"),
            format!("- a: |\n    x\n  b: {many}"),
            format!("a: x\n  ['\nb: {many}"),
            format!("# x\u{2028}--- {many}"),
            format!("{}{}", "{a: ".repeat(5000), "{a,".repeat(500_000)),
            "[".repeat(900_000),
            "[\n".repeat(900_000),
        ] {
            assert!(parse(&text).unwrap_err().contains("more than are read"));
        }
        let blocks: String = (0..400).map(|i| format!("{}a:\n", " ".repeat(i))).collect();
        for text in ["- ".repeat(100_000), "? ".repeat(100_000), blocks, "[".repeat(200), "{a: ".repeat(200)] {
            let e = parse(&text).unwrap_err();
            assert!(e.contains("recursion limit exceeded"), "{e}");
        }
    }

    #[test]
    fn brackets_in_texts_are_no_levels() {
        let open = "[{".repeat(500);
        for text in [
            format!("a: \"{open}\"\n"),
            format!("a: '{open} it''s'\nb: \"\\\"{open}\"\n"),
            format!("a: x {open}\n"),
            format!("a: 1 # {open}\n"),
            format!("a: | # why\n {open}\n\n {open}\nb: >-\n  {open}\n"),
            format!("- a: |\n    {open}\n  b: |\n   {open}\n- |\n {open}\n"),
            format!("a:\n  - b: 1\n    c: 2\n{}", "  - b: [1, {x: 2}]\n".repeat(2000)),
        ] {
            parse(&text).unwrap();
        }
    }
}
