//! Values of options that are lists of paths, modules and numbers by name.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use crate::input::{FromValue, kind};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{expand_home, parse};

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
