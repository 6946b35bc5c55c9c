//! promptfoo's configuration (YAML) read as a suite: every prompt with the variables of every test, and the test's assertions
//! (https://www.promptfoo.dev/docs/configuration/reference/). The models come from the role, so `providers` says nothing here.

use serde_json::{Map, Value, json};

use super::fault::{EvalError, Fault, SuitePlace};
use super::suite::Suite;
use super::suite_file::{Entry, of_entries};
use crate::input;
use crate::store::Digest;

/// Keys that say nothing of what is asked and judged.
const NOT_USED: &[&str] = &[
    "$schema",
    "commandLineOptions",
    "description",
    "evaluateOptions",
    "outputPath",
    "providers",
    "sharing",
    "tags",
    "targets",
    "writeLatestResults",
];
/// Keys of a test that are used, or say nothing of what is asked and judged.
const OF_A_TEST: &[&str] = &["assert", "description", "metadata", "vars"];
/// The most prompts that a file may come to: lists of variables multiply.
const MOST_PROMPTS: usize = 100_000;
/// Types whose text is a list with commas.
const LISTS: &[&str] = &["contains-any", "contains-all", "icontains-any", "icontains-all"];

/// `name` is what the suite is called in results and errors.
pub(super) fn parse(text: &str, name: &str) -> Result<Suite, EvalError> {
    let fault = |place, what: String| EvalError::Suite { suite: name.to_owned(), faults: vec![Fault { place, what }] };
    let file = |what: String| fault(SuitePlace::File, what);
    let value = input::parse(text).map_err(&file)?;
    let Ok(Value::Object(map)) = serde_json::to_value(value) else {
        return Err(file("expected prompts and tests, as in a promptfoo configuration".to_owned()));
    };
    let known = |key: &str| ["prompts", "tests", "defaultTest"].contains(&key) || NOT_USED.contains(&key);
    if let Some(key) = map.keys().find(|key| !known(key)) {
        return Err(file(format!("{key:?} of promptfoo is not supported; supported are prompts, tests, defaultTest")));
    }
    let prompts = prompts(map.get("prompts")).map_err(&file)?;
    let none = Map::new();
    let default = match map.get("defaultTest") {
        None | Some(Value::Null) => &none,
        Some(Value::Object(default)) => default,
        Some(_) => return Err(file("\"defaultTest\" must be an object here, not a file".to_owned())),
    };
    let tests = match map.get("tests") {
        Some(Value::Array(tests)) if !tests.is_empty() => tests,
        _ => return Err(file("\"tests\" must be a list of tests in this file".to_owned())),
    };
    let mut entries = Vec::new();
    for (i, test) in tests.iter().enumerate() {
        let place = SuitePlace::Test(i + 1);
        let Value::Object(test) = test else {
            return Err(fault(
                place,
                "a test is an object with vars and assert; a file of tests is not read".to_owned(),
            ));
        };
        let read = Test { default, test, number: i + 1 };
        entries.extend(read.entries(&prompts).map_err(|what| fault(place, what))?);
        if entries.len() > MOST_PROMPTS {
            return Err(fault(place, format!("the file comes to more than {MOST_PROMPTS} prompts")));
        }
    }
    of_entries(entries.into_iter(), name, Digest::of_bytes(text.as_bytes()))
}

fn prompts(value: Option<&Value>) -> Result<Vec<String>, String> {
    let texts = match value {
        Some(Value::String(text)) => vec![text.clone()],
        Some(Value::Array(items)) => items
            .iter()
            .map(|item| match item {
                Value::String(text) => Some(text.clone()),
                // promptfoo's long form: {id, label, raw}.
                item => item.get("raw").and_then(Value::as_str).map(str::to_owned),
            })
            .collect::<Option<Vec<_>>>()
            .ok_or("a prompt must be a text, or an object with \"raw\"")?,
        _ => Vec::new(),
    };
    if texts.is_empty() {
        return Err("\"prompts\" must be a text or a list of texts".to_owned());
    }
    match texts.iter().find(|text| text.trim_start().starts_with("file://")) {
        Some(file) => Err(format!("the prompt {file:?} is a file; write its text into \"prompts\"")),
        None => Ok(texts),
    }
}

/// One test, and what holds where it says nothing.
struct Test<'a> {
    default: &'a Map<String, Value>,
    test: &'a Map<String, Value>,
    /// From 1.
    number: usize,
}

impl Test<'_> {
    /// One for each prompt and each choice of the variables' values.
    fn entries(&self, prompts: &[String]) -> Result<Vec<Entry>, String> {
        if let Some(key) = self.default.keys().chain(self.test.keys()).find(|key| !OF_A_TEST.contains(&key.as_str())) {
            return Err(format!("{key:?} of a test is not supported; supported are {}", OF_A_TEST.join(", ")));
        }
        let choices = self.choices()?;
        let mut entries = Vec::new();
        for (p, prompt) in prompts.iter().enumerate() {
            for (c, variables) in choices.iter().enumerate() {
                let mut id = format!("test-{}", self.number);
                for (part, number, all) in [("prompt", p, prompts.len()), ("vars", c, choices.len())] {
                    if all > 1 {
                        id += &format!("-{part}-{}", number + 1);
                    }
                }
                entries.push(self.entry(prompt, variables, id)?);
            }
        }
        Ok(entries)
    }

    fn entry(&self, prompt: &str, variables: &tera::Context, default_id: String) -> Result<Entry, String> {
        let prompt = filled(prompt, variables)?;
        let mut map = Map::new();
        // A prompt may be a conversation in JSON.
        match serde_json::from_str::<Value>(&prompt) {
            Ok(messages @ Value::Array(_)) => map.insert("messages".to_owned(), messages),
            _ => map.insert("prompt".to_owned(), json!(prompt)),
        };
        let mut assertions = Vec::new();
        for map in [self.default, self.test] {
            match map.get("assert") {
                None | Some(Value::Null) => {}
                Some(Value::Array(list)) => assertions.extend(list.iter().cloned()),
                Some(_) => return Err("\"assert\" must be a list".to_owned()),
            }
        }
        for assertion in &mut assertions {
            adapt(assertion, variables)?;
        }
        map.insert("assert".to_owned(), Value::Array(assertions));
        Ok(Entry { place: SuitePlace::Test(self.number), default_id, map: Some(map), faults: Vec::new() })
    }

    /// Every choice of one value for each variable: a variable with a list is asked once with each of its values.
    fn choices(&self) -> Result<Vec<tera::Context>, String> {
        let mut variables = Map::new();
        for map in [self.default, self.test] {
            match map.get("vars") {
                None | Some(Value::Null) => {}
                Some(Value::Object(vars)) => variables.extend(vars.clone()),
                Some(_) => return Err("\"vars\" must be an object here, not a file".to_owned()),
            }
        }
        let mut choices = vec![tera::Context::new()];
        for (name, value) in &variables {
            let values = match value {
                Value::Array(values) if !values.is_empty() => values.as_slice(),
                value => std::slice::from_ref(value),
            };
            if let Some(file) = values.iter().filter_map(Value::as_str).find(|text| text.starts_with("file://")) {
                return Err(format!("the variable {name:?} is the file {file:?}; write its text into \"vars\""));
            }
            if choices.len().saturating_mul(values.len()) > MOST_PROMPTS {
                return Err(format!("its variables have more than {MOST_PROMPTS} combinations"));
            }
            let with = |choice: &tera::Context, value: &Value| {
                let mut choice = choice.clone();
                choice.insert(name, value);
                choice
            };
            choices = choices.iter().flat_map(|choice| values.iter().map(move |value| with(choice, value))).collect();
        }
        Ok(choices)
    }
}

/// Fills the variables in, and turns promptfoo's short forms into the forms that are read here.
fn adapt(assertion: &mut Value, variables: &tera::Context) -> Result<(), String> {
    let Value::Object(map) = assertion else { return Ok(()) };
    let name = map.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
    let Some(value) = map.get_mut("value") else { return Ok(()) };
    fill(value, variables)?;
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

fn fill(value: &mut Value, variables: &tera::Context) -> Result<(), String> {
    match value {
        Value::String(text) => *text = filled(text, variables)?,
        Value::Array(items) => items.iter_mut().try_for_each(|item| fill(item, variables))?,
        Value::Object(map) => map.values_mut().try_for_each(|item| fill(item, variables))?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

/// `{{name}}` and expressions of it; no statements, so that nothing can go on for ever.
fn filled(text: &str, variables: &tera::Context) -> Result<String, String> {
    if !text.contains("{{") {
        return Ok(text.to_owned());
    }
    if text.contains("{%") || text.contains("{#") {
        return Err("only {{variable}} is filled in; statements ({% … %}) and comments are not supported".to_owned());
    }
    tera::Tera::one_off(text, variables, false).map_err(|e| {
        let cause = std::error::Error::source(&e).map(|cause| format!(": {cause}")).unwrap_or_default();
        format!("{{{{variable}}}} in {text:?} can't be filled in{cause}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Role;

    const FILE: &str = "
description: translations
providers: [ollama:chat:llama3.2]
prompts:
  - 'Translate to French: {{text}}'
  - |
    [{\"role\": \"system\", \"content\": \"You translate.\"}, {\"role\": \"user\", \"content\": \"{{text}} in {{language}}\"}]
defaultTest:
  vars: {language: French}
  assert:
    - {type: latency, threshold: 5000}
tests:
  - vars: {text: [hello, good morning]}
    assert:
      - {type: icontains-any, value: 'bonjour, salut'}
  - description: as JSON
    vars: {text: one, n: 1}
    assert:
      - {type: equals, value: {number: '{{n}}'}}
      - {type: not-contains, value: '{{text}}', weight: 2, metric: no echo}
";

    #[test]
    fn every_prompt_meets_every_test() {
        let suite = parse(FILE, "p.yaml").unwrap();
        let ids: Vec<_> = suite.cases.iter().map(|case| case.id.as_str()).collect();
        assert_eq!(
            ids,
            [
                "test-1-prompt-1-vars-1",
                "test-1-prompt-1-vars-2",
                "test-1-prompt-2-vars-1",
                "test-1-prompt-2-vars-2",
                "test-2-prompt-1",
                "test-2-prompt-2"
            ]
        );
        assert_eq!(suite.cases[1].prompt(), "Translate to French: good morning");
        assert_eq!((suite.cases[2].messages[0].role, suite.cases[2].prompt()), (Role::System, "hello in French"));
        let asserted = serde_json::to_value(&suite.cases[5]).unwrap()["assert"].clone();
        let wanted = json!([
            {"type": "latency", "threshold": 5000.0},
            {"type": "json-equals", "value": {"number": "1"}},
            {"type": "not-contains", "value": "one", "weight": 2.0, "metric": "no echo"},
        ]);
        assert_eq!(asserted, wanted);
        let first = serde_json::to_value(&suite.cases[0]).unwrap();
        assert_eq!(first["assert"][1]["value"], json!(["bonjour", "salut"]));
    }

    #[test]
    fn what_is_not_supported_is_named_with_its_place() {
        for (text, wanted) in [
            ("[1", "1 fault"),
            ("- a", "expected prompts and tests"),
            ("prompts: a\nscenarios: []", "\"scenarios\" of promptfoo is not supported"),
            ("tests: [{vars: {a: 1}}]", "\"prompts\" must be"),
            ("prompts: file://p.txt\ntests: [{}]", "is a file"),
            ("prompts: a\ntests: file://t.csv", "\"tests\" must be a list"),
            ("prompts: a\ntests: [file://t.csv]", "test 1: a test is an object"),
            ("prompts: a\ntests: [{options: {transform: x}}]", "test 1: \"options\" of a test is not supported"),
            ("prompts: a\ntests: [{vars: file://v.yaml}]", "test 1: \"vars\" must be an object"),
            ("prompts: 'a {{b}}'\ntests: [{vars: {b: file://b.txt}}]", "the variable \"b\" is the file"),
            ("prompts: 'a {{c}}'\ntests: [{vars: {b: 1}}]", "test 1: {{variable}} in \"a {{c}}\" can't be filled in"),
            ("prompts: 'a {{b}}{% for i in range(end=9) %}{% endfor %}'\ntests: [{vars: {b: 1}}]", "statements"),
            (
                "prompts: a\ntests: [{assert: [{type: llm-rubric, value: x}]}]",
                "test 1: the assertion type \"llm-rubric\"",
            ),
            ("prompts: a\ntests: [{}]", "test 1: \"assert\" must be a list of assertions"),
            (
                "prompts: a\ntests: [{assert: [{type: is-refusal}]}, {assert: [{type: is-refusal}]}]",
                "test 2: the same prompt as test 1",
            ),
        ] {
            let e = parse(text, "p.yaml").unwrap_err().to_string();
            assert!(e.starts_with("p.yaml: ") && e.contains(wanted), "{text}: {e}");
        }
        let list = |name: &str| format!("{name}: [{}]", vec!["1"; 400].join(", "));
        let many = format!("prompts: a\ntests: [{{vars: {{{}, {}}}}}]", list("a"), list("b"));
        assert!(parse(&many, "p.yaml").unwrap_err().to_string().contains("more than 100000 combinations"));
    }
}
