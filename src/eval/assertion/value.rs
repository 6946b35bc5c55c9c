//! What the `value` of an assertion may be.

use serde_json::Value;

use super::quantity::Quantity;
use super::wanted_call;
use crate::eval::same_json;

/// The most bytes of a pattern.
const MOST_OF_A_PATTERN: usize = 65_536;

/// The form of an assertion's `value`.
#[derive(Clone, Copy, Debug)]
pub(super) enum ValueForm {
    /// None may be given.
    Nothing,
    Text,
    /// A text or a list of texts.
    Texts,
    /// A regular expression (syntax of the fancy-regex crate: Rust's, with look-around and back-references).
    Pattern,
    /// A JSON object or list.
    Structure,
    /// A JSON Schema, or nothing.
    Schema,
    /// A number, or a text of one number and its unit.
    Quantity,
    /// What [`wanted_call::read`] reads, or nothing.
    ToolCalls,
    /// One of these words.
    Word(&'static [&'static str]),
}

impl ValueForm {
    /// In the words of the documents.
    pub(super) fn described(self) -> String {
        match self {
            Self::Nothing => "–".to_owned(),
            Self::Text => "text, not empty".to_owned(),
            Self::Texts => "text or list of texts, none empty".to_owned(),
            Self::Pattern => "regular expression, at most 64 KiB".to_owned(),
            Self::Structure => "JSON object or list".to_owned(),
            Self::Schema => "JSON Schema, or none".to_owned(),
            Self::Quantity => "number, or text of one number and its unit".to_owned(),
            Self::ToolCalls => {
                "`{\"name\": …, \"arguments\": {…}}` (`arguments` may be left out), a list of them, or none".to_owned()
            }
            Self::Word(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or "),
        }
    }

    /// What is wrong with `value`; an absent one is null.
    pub(super) fn fault(self, value: &Value) -> Option<String> {
        let sound = match self {
            Self::Nothing => return (!value.is_null()).then(|| "it takes no \"value\"".to_owned()),
            Self::Text => value.as_str().is_some_and(|text| !text.is_empty()),
            Self::Texts => {
                let texts = texts_of(value);
                let all_texts = value.as_array().is_none_or(|items| texts.len() == items.len());
                all_texts && !texts.is_empty() && texts.iter().all(|text| !text.is_empty())
            }
            Self::Pattern => match value.as_str().filter(|text| (1..=MOST_OF_A_PATTERN).contains(&text.len())) {
                Some(text) => return pattern(text).err().map(|e| format!("the regular expression: {e}")),
                None => false,
            },
            Self::Structure => structure_of(value).is_some(),
            Self::Schema => return schema_of(value).err(),
            Self::Quantity => quantity_of(value).is_some(),
            Self::ToolCalls => return wanted_call::read(value).err(),
            Self::Word(words) => value.as_str().is_some_and(|word| words.contains(&word)),
        };
        (!sound).then(|| format!("\"value\" must be: {}", self.described()))
    }
}

/// The text, or the texts of the list; what is no text is left out.
pub(super) fn texts_of(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(items) => items.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}

/// Compiles a regular expression.
fn pattern(text: &str) -> Result<fancy_regex::Regex, Box<fancy_regex::Error>> {
    fancy_regex::Regex::new(text).map_err(Box::new)
}

/// Whether the expression matches somewhere in `text`. One that takes too many steps does not.
pub(super) fn pattern_matches(value: &Value, text: &str) -> bool {
    let compiled = value.as_str().and_then(|value| pattern(value).ok());
    compiled.is_some_and(|compiled| compiled.is_match(text).unwrap_or(false))
}

/// The object or list, which may be written as a text.
pub(super) fn structure_of(value: &Value) -> Option<Value> {
    match value {
        Value::Object(_) | Value::Array(_) => Some(value.clone()),
        text => same_json::structure(text.as_str()?),
    }
}

pub(super) fn quantity_of(value: &Value) -> Option<Quantity> {
    match value {
        Value::Number(number) => number.as_f64().map(Quantity::of_number),
        text => Quantity::read(text.as_str()?),
    }
}

/// The validator of a schema; None where there is no schema. References to other documents are not followed.
pub(super) fn schema_of(value: &Value) -> Result<Option<jsonschema::Validator>, String> {
    let schema = match value {
        Value::Null => return Ok(None),
        Value::String(text) => serde_json::from_str(text).map_err(|e| format!("the JSON Schema: {e}"))?,
        schema => schema.clone(),
    };
    if !schema.is_object() && !schema.is_boolean() {
        return Err("\"value\" must be: JSON Schema (an object), or none".to_owned());
    }
    jsonschema::validator_for(&schema).map(Some).map_err(|e| format!("the JSON Schema: {e}"))
}
