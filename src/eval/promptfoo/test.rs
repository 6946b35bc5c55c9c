//! A test of a promptfoo configuration: its prompts, filled in, and its assertions.

use serde_json::{Map, Value, json};

use super::MOST_PROMPTS;
use super::files::{Files, path_of};
use super::filled::{MOST_BYTES, fill, fill_texts, filled};
use crate::eval::fault::SuitePlace;
use crate::eval::suite_file::Entry;

/// Keys of a test that are used, or say nothing of what is asked and judged.
const OF_A_TEST: &[&str] = &["assert", "description", "metadata", "options", "vars"];
/// Keys of `options` that are used.
const OPTIONS: &[&str] = &["prefix", "suffix"];
/// Types whose text is a list with commas.
const LISTS: &[&str] = &["contains-any", "contains-all", "icontains-any", "icontains-all"];

/// One test, and what holds where it says nothing.
pub(super) struct Test<'a> {
    pub default: &'a Map<String, Value>,
    pub test: &'a Map<String, Value>,
    /// Of the prompt, where the test has one.
    pub id: String,
    pub place: SuitePlace,
}

/// What every test of a configuration shares.
pub(super) struct Shared {
    pub prompts: Vec<String>,
    pub files: Files,
    /// Bytes of prompts and assertions that may still be made.
    pub left: usize,
}

impl Shared {
    pub(super) fn new(prompts: Vec<String>, files: Files) -> Self {
        Self { prompts, files, left: MOST_BYTES }
    }

    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.left = self.left.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

fn too_large() -> String {
    format!("the prompts of the file come to more than {MOST_BYTES} bytes")
}

impl Test<'_> {
    /// One for each prompt and each choice of the variables' values.
    pub(super) fn entries(&self, shared: &mut Shared) -> Result<Vec<Entry>, String> {
        if let Some(key) = self.default.keys().chain(self.test.keys()).find(|key| !OF_A_TEST.contains(&key.as_str())) {
            return Err(format!("{key:?} of a test is not supported; supported are {}", OF_A_TEST.join(", ")));
        }
        let choices = self.choices(&mut shared.files)?;
        let prompts = self.prompts(&shared.prompts)?;
        let mut entries = Vec::new();
        for (p, prompt) in prompts.iter().enumerate() {
            for (c, variables) in choices.contexts.iter().enumerate() {
                let mut id = self.id.clone();
                for (part, number, all) in [("prompt", p, prompts.len()), ("vars", c, choices.contexts.len())] {
                    if all > 1 {
                        id += &format!("-{part}-{}", number + 1);
                    }
                }
                // Before it is made: each place may take all variables.
                let most = prompt.matches("{{").count().saturating_mul(choices.bytes);
                if most > MOST_BYTES {
                    return Err(too_large());
                }
                let map = self.line(prompt, variables, &mut shared.files)?;
                shared.take(map.values().map(|value| value.to_string().len()).sum())?;
                entries.push(Entry { place: self.place.clone(), default_id: id, map: Some(map), faults: Vec::new() });
            }
        }
        Ok(entries)
    }

    /// With the prefix and the suffix of its options.
    fn prompts(&self, prompts: &[String]) -> Result<Vec<String>, String> {
        let mut around = [String::new(), String::new()];
        for map in [self.default, self.test] {
            let options = match map.get("options") {
                None | Some(Value::Null) => continue,
                Some(Value::Object(options)) => options,
                Some(_) => return Err("\"options\" must be an object".to_owned()),
            };
            if let Some(key) = options.keys().find(|key| !OPTIONS.contains(&key.as_str())) {
                return Err(format!(
                    "\"options.{key}\" of a test is not supported; supported are {}",
                    OPTIONS.join(", ")
                ));
            }
            for (key, part) in OPTIONS.iter().zip(&mut around) {
                match options.get(*key) {
                    None | Some(Value::Null) => {}
                    Some(Value::String(text)) => part.clone_from(text),
                    Some(_) => return Err(format!("\"options.{key}\" must be a text")),
                }
            }
        }
        let [prefix, suffix] = around;
        let is_around = !prefix.is_empty() || !suffix.is_empty();
        if let Some(talk) = prompts.iter().find(|prompt| is_around && prompt.trim_start().starts_with('[')) {
            let shown: String = talk.chars().take(40).collect();
            return Err(format!("a prefix or suffix has no place around a conversation ({shown:?} …)"));
        }
        Ok(prompts.iter().map(|prompt| format!("{prefix}{prompt}{suffix}")).collect())
    }

    /// As a line of a suite.
    fn line(&self, prompt: &str, variables: &tera::Context, files: &mut Files) -> Result<Map<String, Value>, String> {
        let mut map = Map::new();
        match conversation(prompt, variables)? {
            Some(messages) => map.insert("messages".to_owned(), messages),
            None => map.insert("prompt".to_owned(), json!(filled(prompt, variables)?)),
        };
        let mut assertions = Vec::new();
        for map in [self.default, self.test] {
            match map.get("assert") {
                None | Some(Value::Null) => {}
                Some(Value::Array(list)) => assertions.extend(list.iter().cloned()),
                Some(_) => return Err("\"assert\" must be a list".to_owned()),
            }
        }
        if assertions.is_empty() {
            return Err("nothing to judge an answer by: give \"assert\" in the test or in \"defaultTest\", or a column __expected in a table".to_owned());
        }
        for assertion in &mut assertions {
            adapt(assertion, variables, files)?;
        }
        map.insert("assert".to_owned(), Value::Array(assertions));
        for from in [self.default, self.test] {
            let of = |key: &str| from.get("metadata").and_then(|metadata| metadata.get(key));
            if let Some(category) = of("category").and_then(Value::as_str).filter(|text| !text.trim().is_empty()) {
                map.insert("category".to_owned(), json!(category));
            }
            if let Some(choices) = of("choices") {
                // A cell of a table is a text.
                let listed = choices.as_str().and_then(|text| serde_json::from_str(text).ok());
                map.insert("choices".to_owned(), listed.unwrap_or_else(|| choices.clone()));
            }
        }
        Ok(map)
    }

    /// Every choice of one value for each variable: a variable with a list is asked once with each of its values.
    fn choices(&self, files: &mut Files) -> Result<Choices, String> {
        let mut variables = Map::new();
        for map in [self.default, self.test] {
            match map.get("vars") {
                None | Some(Value::Null) => {}
                Some(Value::Object(vars)) => variables.extend(vars.clone()),
                Some(_) => return Err("\"vars\" must be an object here, not a file".to_owned()),
            }
        }
        let mut choices = Choices { contexts: vec![tera::Context::new()], bytes: 0 };
        for (name, value) in variables {
            let mut values = match value {
                Value::Array(values) if !values.is_empty() => values,
                value => vec![value],
            };
            for value in &mut values {
                if let Some(named) = value.as_str().and_then(path_of) {
                    *value = files.value(named, false).map_err(|what| format!("the variable {name:?}: {what}"))?;
                }
            }
            let combinations = choices.contexts.len().saturating_mul(values.len());
            if combinations > MOST_PROMPTS {
                return Err(format!("its variables have more than {MOST_PROMPTS} combinations"));
            }
            let size = |value: &Value| value.as_str().map_or_else(|| value.to_string().len(), str::len);
            choices.bytes += values.iter().map(size).max().unwrap_or(0);
            if choices.bytes.saturating_mul(combinations) > MOST_BYTES {
                return Err(too_large());
            }
            choices.add(&name, &values);
        }
        Ok(choices)
    }
}

/// A prompt may be a conversation in JSON: its texts are filled in, so that a variable may hold what JSON would escape. Where it is JSON
/// only once it is filled in, it is read then.
fn conversation(prompt: &str, variables: &tera::Context) -> Result<Option<Value>, String> {
    let read = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_array);
    match read(prompt) {
        Some(mut messages) => fill_texts(&mut messages, variables).map(|()| Some(messages)),
        None => Ok(read(&filled(prompt, variables)?)),
    }
}

/// Every choice of the variables' values.
struct Choices {
    contexts: Vec<tera::Context>,
    /// Of the variables of one choice, at most.
    bytes: usize,
}

impl Choices {
    fn add(&mut self, name: &str, values: &[Value]) {
        let with = |context: &tera::Context, value: &Value| {
            let mut context = context.clone();
            context.insert(name, value);
            context
        };
        let contexts = self.contexts.iter().flat_map(|one| values.iter().map(move |value| with(one, value))).collect();
        self.contexts = contexts;
    }
}

/// Fills the variables in, and turns promptfoo's short forms into the forms that are read here.
fn adapt(assertion: &mut Value, variables: &tera::Context, files: &mut Files) -> Result<(), String> {
    let Value::Object(map) = assertion else { return Ok(()) };
    let name = map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(value) = map.get_mut("value") else { return Ok(()) };
    fill(value, variables, files).map_err(|what| format!("{name}: {what}"))?;
    let bare = name.strip_prefix("not-").unwrap_or(&name);
    if LISTS.contains(&bare)
        && let Value::String(text) = value
    {
        *value = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
    }
    if bare == "equals" && (value.is_object() || value.is_array()) {
        map.insert("type".to_owned(), json!(name.replace("equals", "json-equals")));
    }
    Ok(())
}
