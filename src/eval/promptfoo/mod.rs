//! promptfoo's configuration (YAML) read as a suite: every prompt with the variables of every test, and the test's assertions
//! (https://www.promptfoo.dev/docs/configuration/reference/). The models come from the role, so `providers` says nothing here.
//! Tables with promptfoo's columns (`__expected`) are tests, too.

mod files;
#[cfg(test)]
mod files_tests;
mod filled;
mod prompts;
mod row;
mod test;
mod tests_given;

use std::path::Path;

use serde_json::{Map, Value};

use self::files::Files;
use self::prompts::prompts;
use self::row::Columns;
use self::test::{Shared, Test};
use self::tests_given::{GivenTest, default_test, tests_given};
use super::fault::{EvalError, Fault, SuitePlace};
use super::suite::Suite;
use super::suite_file::{Entry, of_entries};
use crate::dataset::Table;
use crate::input;

pub(super) use self::row::is_of_promptfoo;

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
/// The most prompts that a file may come to: lists of variables multiply.
const MOST_PROMPTS: usize = 100_000;

/// The suite of a configuration, whose text was read from `path`.
pub(super) fn read(text: &str, path: &Path) -> Result<Suite, EvalError> {
    parse(text, &path.display().to_string(), Files::beside(path, text.len()))
}

/// `name` is what the suite is called in results and errors.
fn parse(text: &str, name: &str, mut files: Files) -> Result<Suite, EvalError> {
    let file = |what: String| at(name, SuitePlace::File, what);
    let value = input::parse(text).map_err(&file)?;
    let Ok(Value::Object(map)) = serde_json::to_value(value) else {
        return Err(file("expected prompts and tests, as in a promptfoo configuration".to_owned()));
    };
    let known = |key: &str| ["prompts", "tests", "defaultTest"].contains(&key) || NOT_USED.contains(&key);
    if let Some(key) = map.keys().find(|key| !known(key)) {
        return Err(file(format!("{key:?} of promptfoo is not supported; supported are prompts, tests, defaultTest")));
    }
    let prompts = prompts(map.get("prompts"), &mut files).map_err(&file)?;
    let default = default_test(map.get("defaultTest"), &mut files).map_err(&file)?;
    let given = tests_given(map.get("tests"), &mut files).map_err(&file)?;
    suite(text, name, Shared::new(prompts, files), &Tests { default, given })
}

/// The suite of a table that stands alone, whose text was read from `path`. Its prompt is the column of that name, as in promptfoo where
/// nothing else is configured.
pub(super) fn read_table(text: &str, table: Table, path: &Path) -> Result<Suite, EvalError> {
    let name = path.display().to_string();
    let header = |what: String| at(&name, SuitePlace::Line(1), what);
    let columns = Columns::of(table.columns).map_err(header)?;
    let prompt = columns.asked().map_err(header)?;
    let given = table.rows.into_iter().map(|row| {
        let line = row.line;
        GivenTest { test: columns.test(row), place: SuitePlace::Line(line), id: format!("line-{line}") }
    });
    let tests = Tests { default: Map::new(), given: given.collect() };
    suite(text, &name, Shared::new(vec![prompt], Files::beside(path, text.len())), &tests)
}

/// What is asked and judged, but for the prompts.
struct Tests {
    default: Map<String, Value>,
    given: Vec<GivenTest>,
}

fn at(name: &str, place: SuitePlace, what: String) -> EvalError {
    EvalError::Suite { suite: name.to_owned(), faults: vec![Fault { place, what }] }
}

fn suite(text: &str, name: &str, mut shared: Shared, tests: &Tests) -> Result<Suite, EvalError> {
    let mut entries = Vec::new();
    for GivenTest { test, place, id } in &tests.given {
        let read = test.as_ref().map_err(Clone::clone).and_then(|test| {
            let test = Test { default: &tests.default, test, id: id.clone(), place: place.clone() };
            test.entries(&mut shared)
        });
        match read {
            Ok(made) => entries.extend(made),
            Err(what) => {
                entries.push(Entry { place: place.clone(), default_id: id.clone(), map: None, faults: vec![what] });
            }
        }
        if entries.len() > MOST_PROMPTS {
            return Err(at(name, place.clone(), format!("the file comes to more than {MOST_PROMPTS} prompts")));
        }
    }
    of_entries(entries.into_iter(), name, shared.files.digest(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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
        let suite = parse(FILE, "p.yaml", Files::none()).unwrap();
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
            ("prompts: file://p.txt\ntests: [{}]", "\"prompts\": p.txt is a file, and the suite has no folder"),
            ("prompts: a\ntests: file://t.csv", "\"tests\": t.csv is a file, and the suite has no folder"),
            ("prompts: a\ntests: [3]", "test 1: a test is an object"),
            (
                "prompts: a\ntests: [{options: {transform: x}}]",
                "test 1: \"options.transform\" of a test is not supported",
            ),
            ("prompts: a\ntests: [{vars: file://v.yaml}]", "test 1: \"vars\" must be an object"),
            ("prompts: 'a {{b}}'\ntests: [{vars: {b: file://b.txt}}]", "the variable \"b\": b.txt is a file"),
            ("prompts: 'a {{c}}'\ntests: [{vars: {b: 1}}]", "test 1: {{variable}} in \"a {{c}}\" can't be filled in"),
            ("prompts: 'a {{b}}{% for i in range(end=9) %}{% endfor %}'\ntests: [{vars: {b: 1}}]", "statements"),
            (
                "prompts: a\ntests: [{assert: [{type: llm-rubric, value: x}]}]",
                "test 1: the assertion type \"llm-rubric\"",
            ),
            ("prompts: a\ntests: [{}]", "test 1: nothing to judge an answer by: give \"assert\""),
            (
                "prompts: a\ntests: [{assert: [{type: is-refusal}]}, {assert: [{type: is-refusal}]}]",
                "test 2: the same prompt as test 1",
            ),
        ] {
            let e = parse(text, "p.yaml", Files::none()).unwrap_err().to_string();
            assert!(e.starts_with("p.yaml: ") && e.contains(wanted), "{text}: {e}");
        }
        let list = |name: &str| format!("{name}: [{}]", vec!["1"; 400].join(", "));
        let many = format!("prompts: a\ntests: [{{vars: {{{}, {}}}}}]", list("a"), list("b"));
        assert!(
            parse(&many, "p.yaml", Files::none()).unwrap_err().to_string().contains("more than 100000 combinations")
        );
    }
}
