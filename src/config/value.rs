//! One YAML value read as one kind, with words of ours for what is wrong.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

/// PEFT's `target_modules`: a list of names, or one text with commas between them; a text that is a regular expression;
/// `all-linear`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Modules {
    #[default]
    All,
    Names(Vec<String>),
    Regex(String),
}

impl std::str::FromStr for Modules {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        Ok(match text {
            "all-linear" | "all_linear" | "all" => Self::All,
            // No module's name holds these.
            _ if text.contains(['*', '+', '?', '(', ')', '[', ']', '{', '}', '|', '^', '$', '\\']) => {
                Self::Regex(text.into())
            }
            _ => Self::Names(text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned).collect()),
        })
    }
}

impl serde::Serialize for Modules {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => s.serialize_str("all-linear"),
            Self::Names(names) => names.serialize(s),
            Self::Regex(regex) => s.serialize_str(regex),
        }
    }
}

/// Numbers by name, in the order they stand in.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Numbers(pub Vec<(String, f64)>);

impl serde::Serialize for Numbers {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_map(self.0.iter().map(|(k, v)| (k, v)))
    }
}

/// Files by path or by glob: one text, or a list of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths(pub Vec<PathBuf>);

impl From<PathBuf> for Paths {
    fn from(path: PathBuf) -> Self {
        Self(vec![path])
    }
}

impl From<&str> for Paths {
    fn from(path: &str) -> Self {
        PathBuf::from(path).into()
    }
}

impl serde::Serialize for Paths {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(s),
            several => several.serialize(s),
        }
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

impl FromValue for Paths {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Sequence(items) if items.is_empty() => Err("names no file".into()),
            Value::Sequence(items) => {
                let paths = items.iter().map(PathBuf::from_value).collect::<Result<_, _>>();
                paths.map(Self).map_err(|e| format!("each path {e}"))
            }
            other => PathBuf::from_value(other).map(Self::from),
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

impl FromValue for Modules {
    fn from_value(value: &Value) -> Result<Self, String> {
        let modules = match value {
            Value::Sequence(items) => {
                let names: Result<Vec<_>, _> = items.iter().map(String::from_value).collect();
                let names = names.map_err(|e| format!("each name {e}"))?;
                if names.iter().any(|n| n.parse() == Ok(Self::All)) {
                    if names.len() > 1 {
                        return Err("all-linear stands alone; leave the other names out".into());
                    }
                    return Ok(Self::All);
                }
                Self::Names(names)
            }
            other => String::from_value(other)?.parse().unwrap_or_default(),
        };
        if modules == Self::Names(Vec::new()) {
            return Err("names nothing; leave the key out for the default".into());
        }
        Ok(modules)
    }
}

impl FromValue for Numbers {
    fn from_value(value: &Value) -> Result<Self, String> {
        let map = value.as_mapping().ok_or_else(|| format!("wants names with numbers, got {}", kind(value)))?;
        let one = |(key, value): (&Value, &Value)| {
            let key = String::from_value(key).map_err(|e| format!("each name {e}"))?;
            let value = f64::from_value(value).map_err(|e| format!("{key} {e}"))?;
            Ok((key, value))
        };
        map.iter().map(one).collect::<Result<_, _>>().map(Self)
    }
}

/// One number, or a list of them.
impl FromValue for Vec<usize> {
    fn from_value(value: &Value) -> Result<Self, String> {
        let one = |v: &Value| u64::from_value(v).map(|n| n as usize);
        match value {
            Value::Sequence(items) => items.iter().map(one).collect(),
            other => Ok(vec![one(other)?]),
        }
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

/// Bytes times brackets (`[`, `{`) of a YAML text, at most. At every token the parser goes through all open flow
/// collections with a key (`{a: {a: …`), long before it refuses their depth: this bounds that to about a second, whatever
/// of the brackets are only letters of a text. A text of 100 kB may have 5000 of them.
const MAX_BRACKET_BYTES: usize = 1 << 29;

/// YAML, or JSON (which YAML is nearly a superset of: tabs and `\/` are the exceptions, so JSON is tried first).
pub(super) fn parse(text: &str) -> Result<Value, String> {
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
pub(super) fn expand_home(path: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
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

    #[test]
    fn one_path_a_list_and_the_home_folder() {
        let read = |t: &str| Paths::from_value(&parse(t).unwrap());
        assert_eq!(read("data/*.jsonl").unwrap(), "data/*.jsonl".into());
        assert_eq!(read("[a, b.csv]").unwrap(), Paths(vec!["a".into(), "b.csv".into()]));
        assert!(read("[]").unwrap_err().contains("no file") && read("[1]").is_err() && read("{a: b}").is_err());
        for paths in [read("a").unwrap(), read("[a, b]").unwrap()] {
            assert_eq!(read(&serde_yaml::to_string(&paths).unwrap()).unwrap(), paths);
        }
        let expand = |path: &str| expand_home(Path::new(path), Some(Path::new("/h")));
        assert_eq!(expand("~/a/b").unwrap(), Path::new("/h/a/b"));
        assert_eq!(expand("~").unwrap(), Path::new("/h"));
        assert_eq!([expand("a/~/b").unwrap(), expand("~x/b").unwrap()], [Path::new("a/~/b"), Path::new("~x/b")]);
        assert!(expand_home(Path::new("~/a"), None).unwrap_err().contains("HOME"));
    }

    #[test]
    fn modules_by_list_commas_or_expression() {
        let read = |t: &str| Modules::from_value(&parse(t).unwrap());
        let expected = Modules::Names(vec!["q_proj".into(), "v_proj".into()]);
        assert_eq!(read("[q_proj, v_proj]").unwrap(), expected);
        assert_eq!(read("q_proj, v_proj").unwrap(), expected);
        assert_eq!(read("[all-linear]").unwrap(), Modules::All);
        let regex = Modules::Regex(r".*\.(q|v)_proj".into());
        assert_eq!(read(r"'.*\.(q|v)_proj'").unwrap(), regex);
        for modules in [expected, Modules::All, regex] {
            assert_eq!(read(&serde_yaml::to_string(&modules).unwrap()).unwrap(), modules);
        }
        assert!(read("[]").is_err() && read("[all-linear, q_proj]").unwrap_err().contains("alone"));
    }

    #[test]
    fn patterns_keep_their_order() {
        let read = |t: &str| Numbers::from_value(&parse(t).unwrap());
        let numbers = Numbers(vec![("v_proj".into(), 4.0), (r".*\.mlp".into(), 2.5)]);
        assert_eq!(read("{v_proj: 4, '.*\\.mlp': 2.5}").unwrap(), numbers);
        assert_eq!(read("{\"v_proj\": 4, \".*\\\\.mlp\": 2.5}").unwrap(), numbers);
        assert_eq!(read(&serde_yaml::to_string(&numbers).unwrap()).unwrap(), numbers);
        assert!(read("{q_proj: x}").unwrap_err().contains("q_proj wants a number"));
        assert!(read("[4]").unwrap_err().contains("names with numbers"));
    }
}
