//! `run.yaml`: the options of a run.

use std::collections::BTreeMap;

use serde_yaml::Value;

use crate::input::parse;

/// The text, and what it says of each key.
#[derive(Clone, Debug, Default)]
pub(super) struct RunOptions {
    pub text: String,
    values: BTreeMap<String, String>,
}

impl RunOptions {
    /// As the reader of configs parses it; of keys that are not known to this version, too. The error says why it is none.
    pub(super) fn parse(text: String) -> Result<Self, String> {
        let values = match parse(&text)? {
            Value::Mapping(map) => {
                map.iter().filter_map(|(key, value)| Some((key.as_str()?.to_owned(), words(value)?))).collect()
            }
            Value::Null => BTreeMap::new(),
            _ => return Err("it is no mapping of keys to values".to_owned()),
        };
        Ok(Self { text, values })
    }

    /// None where nothing is said.
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }
}

/// A value on a line; several are separated by commas.
fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(is) => is.to_string(),
        Value::Sequence(values) => values.iter().filter_map(words).collect::<Vec<_>>().join(", "),
        Value::Null | Value::Mapping(_) | Value::Tagged(_) => return None,
    };
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_yaml_says() {
        let text = "output_model_name: 'it''s:v2'  # a name\nrole: \"a: b\"\nseed: 7\n\"quoted\": x\nfolded: >-\n  one\n  two\n\
                    dataset_path: [a.jsonl, b.jsonl]\nreplay: null\nempty: ''\ntensorboard: true\nnested:\n  role: other\n";
        let options = RunOptions::parse(text.to_owned()).unwrap();
        let get = |key| options.get(key);
        assert_eq!((get("output_model_name"), get("role"), get("seed")), (Some("it's:v2"), Some("a: b"), Some("7")));
        assert_eq!((get("quoted"), get("folded"), get("tensorboard")), (Some("x"), Some("one two"), Some("true")));
        assert_eq!((get("dataset_path"), get("replay"), get("empty")), (Some("a.jsonl, b.jsonl"), None, None));
        assert_eq!((get("nested"), options.text.as_str()), (None, text));
        assert!(RunOptions::parse("- a\n".to_owned()).unwrap_err().contains("no mapping"));
        assert!(RunOptions::parse("a: [".to_owned()).is_err() && RunOptions::parse(String::new()).is_ok());
    }
}
