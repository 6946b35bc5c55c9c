//! One YAML value read as one kind, with words of ours for what is wrong.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::lora::TargetModules;

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

impl FromValue for Paths {
    fn from_value(value: &Value) -> Result<Self, String> {
        match value {
            Value::Sequence(items) if items.is_empty() => Err("names no file".into()),
            Value::Sequence(items) => {
                let paths = items.iter().map(PathBuf::from_value).collect::<Result<_, _>>();
                paths.map(Self).map_err(|e| format!("each path: {e}"))
            }
            other => PathBuf::from_value(other).map(Self::from),
        }
    }

    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        texts.iter().map(|text| PathBuf::from_flag(&[text])).collect::<Result<_, _>>().map(Self)
    }

    fn expand_home(&mut self, home: Option<&Path>) -> Result<(), String> {
        self.0.iter_mut().try_for_each(|path| FromValue::expand_home(path, home))
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

impl FromValue for TargetModules {
    fn from_value(value: &Value) -> Result<Self, String> {
        let modules = match value {
            Value::Sequence(items) => {
                let names: Result<Vec<_>, _> = items.iter().map(String::from_value).collect();
                let names = names.map_err(|e| format!("each name: {e}"))?;
                if names.iter().any(|n| n.parse() == Ok(Self::AllLinear)) {
                    if names.len() > 1 {
                        return Err("all-linear stands alone; leave the other names out".into());
                    }
                    return Ok(Self::AllLinear);
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
        let fault = || format!("expected a mapping of names to numbers, got {}", kind(value));
        let map = value.as_mapping().ok_or_else(fault)?;
        let mut numbers = Vec::new();
        for (key, value) in map {
            let key = String::from_value(key).map_err(|e| format!("each name: {e}"))?;
            let value = f64::from_value(value).map_err(|e| format!("{key}: {e}"))?;
            numbers.push((key, value));
        }
        Ok(Self(numbers))
    }

    /// `MODULE=NUMBER` each. The last `=` divides, since a regular expression may hold one.
    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        let one = |text: &&str| {
            let fault = || format!("expected MODULE=NUMBER such as q_proj=4, got {text:?}");
            let (name, number) = text.rsplit_once('=').filter(|(name, _)| !name.is_empty()).ok_or_else(fault)?;
            Ok((name.to_owned(), number.trim().parse().map_err(|_| fault())?))
        };
        texts.iter().map(one).collect::<Result<_, _>>().map(Self)
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

    /// Numbers with commas between them.
    fn from_flag(texts: &[&str]) -> Result<Self, String> {
        texts.iter().flat_map(|text| text.split(',')).map(|n| u64::from_flag(&[n]).map(|n| n as usize)).collect()
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
        let read = |t: &str| TargetModules::from_value(&parse(t).unwrap());
        let expected = TargetModules::Names(vec!["q_proj".into(), "v_proj".into()]);
        assert_eq!(read("[q_proj, v_proj]").unwrap(), expected);
        assert_eq!(read("q_proj, v_proj").unwrap(), expected);
        assert_eq!(read("[all-linear]").unwrap(), TargetModules::AllLinear);
        let regex = TargetModules::Regex(r".*\.(q|v)_proj".into());
        assert_eq!(read(r"'.*\.(q|v)_proj'").unwrap(), regex);
        for modules in [expected, TargetModules::AllLinear, regex] {
            assert_eq!(read(&serde_yaml::to_string(&modules).unwrap()).unwrap(), modules);
        }
        assert!(read("[]").is_err() && read("[all-linear, q_proj]").unwrap_err().contains("alone"));
    }

    #[test]
    fn the_values_of_flags_are_read_by_kind() {
        assert_eq!(f64::from_flag(&["1e-4"]), Ok(1e-4));
        assert_eq!(u64::from_flag(&["x"]), Err("expected a whole number of 0 or more, got \"x\"".to_owned()));
        assert_eq!(Vec::<usize>::from_flag(&["10,11", "3"]), Ok(vec![10, 11, 3]));
        assert_eq!(Paths::from_flag(&["a", "b"]), Ok(Paths(vec!["a".into(), "b".into()])));
        let numbers = Numbers::from_flag(&["q_proj=4", "(?=x)y=2"]);
        assert_eq!(numbers, Ok(Numbers(vec![("q_proj".into(), 4.0), ("(?=x)y".into(), 2.0)])));
        assert!(Numbers::from_flag(&["q_proj"]).is_err() && Numbers::from_flag(&["=4"]).is_err());
        assert!(String::from_flag(&[""]).unwrap_err().contains("is empty"));
    }

    #[test]
    fn patterns_keep_their_order() {
        let read = |t: &str| Numbers::from_value(&parse(t).unwrap());
        let numbers = Numbers(vec![("v_proj".into(), 4.0), (r".*\.mlp".into(), 2.5)]);
        assert_eq!(read("{v_proj: 4, '.*\\.mlp': 2.5}").unwrap(), numbers);
        assert_eq!(read("{\"v_proj\": 4, \".*\\\\.mlp\": 2.5}").unwrap(), numbers);
        assert_eq!(read(&serde_yaml::to_string(&numbers).unwrap()).unwrap(), numbers);
        assert!(read("{q_proj: x}").unwrap_err().contains("q_proj: expected a number"));
        assert!(read("[4]").unwrap_err().contains("names to numbers"));
    }
}
