//! The tests of a promptfoo configuration: in its list, or in files that it names.

use std::path::Path;

use serde_json::{Map, Value};

use super::MOST_PROMPTS;
use super::files::{Files, NamedFile, other_scheme, path_of};
use super::row::Columns;
use crate::dataset::table;
use crate::eval::fault::SuitePlace;
use crate::eval::suite_file::object;

/// A test, or what is wrong with it.
pub(super) struct GivenTest {
    pub test: Result<Map<String, Value>, String>,
    pub place: SuitePlace,
    /// Of its prompt.
    pub id: String,
}

/// What holds where a test says nothing.
pub(super) fn default_test(value: Option<&Value>, files: &mut Files) -> Result<Map<String, Value>, String> {
    let value = match value {
        None | Some(Value::Null) => return Ok(Map::new()),
        Some(Value::String(text)) => match path_of(text) {
            Some(named) => files
                .read(named)
                .and_then(|file| file.structure())
                .map_err(|what| format!("\"defaultTest\": {what}"))?,
            None => Value::Null,
        },
        Some(value) => value.clone(),
    };
    match value {
        Value::Object(default) => Ok(default),
        _ => Err("\"defaultTest\" must be an object, or file://NAME of a file that holds one".to_owned()),
    }
}

/// The tests in their order.
pub(super) fn tests_given(value: Option<&Value>, files: &mut Files) -> Result<Vec<GivenTest>, String> {
    let items = match value {
        Some(Value::Array(items)) => items.as_slice(),
        Some(item @ Value::String(_)) => std::slice::from_ref(item),
        _ => &[],
    };
    let mut tests = Vec::new();
    for (i, item) in items.iter().enumerate() {
        // One file of many tests may be named many times.
        if tests.len() > MOST_PROMPTS {
            return Err(format!("\"tests\" come to more than {MOST_PROMPTS}"));
        }
        let place = SuitePlace::Test(i + 1);
        match item {
            Value::String(text) => of_file(text, files, &mut tests)?,
            Value::Object(test) if test.get("path").is_some_and(Value::is_string) => {
                tests.push(given(
                    Err("\"path\" of a test is not supported; write the file as file://NAME".to_owned()),
                    place,
                ));
            }
            Value::Object(test) => tests.push(given(Ok(test.clone()), place)),
            _ => tests.push(given(Err(NO_TEST.to_owned()), place)),
        }
    }
    if tests.is_empty() {
        return Err("\"tests\" must be a list of tests, or file://NAME of a file that holds them".to_owned());
    }
    for (i, test) in tests.iter_mut().enumerate() {
        test.id = format!("test-{}", i + 1);
    }
    Ok(tests)
}

const NO_TEST: &str = "a test is an object with vars and assert, or file://NAME of a file of tests";

fn given(test: Result<Map<String, Value>, String>, place: SuitePlace) -> GivenTest {
    GivenTest { test, place, id: String::new() }
}

/// The tests of one file; a path may also stand without its scheme.
fn of_file(text: &str, files: &mut Files, tests: &mut Vec<GivenTest>) -> Result<(), String> {
    if let Some(scheme) = other_scheme(text).filter(|scheme| *scheme != "file") {
        return Err(format!(
            "\"tests\": {text:?} is a reference ({scheme}), which is not read; save them beside the suite and write file://NAME"
        ));
    }
    let file = files.read(path_of(text).unwrap_or(text)).map_err(|what| format!("\"tests\": {what}"))?;
    let place = |place| SuitePlace::Of(file.name.clone(), Box::new(place));
    match file.extension.as_str() {
        "csv" | "tsv" => {
            let read = table(&base_name(&file), &file.text).map_err(|what| format!("{} line 1: {what}", file.name))?;
            let columns = Columns::of(read.columns).map_err(|what| format!("{} line 1: {what}", file.name))?;
            let rows = read.rows.into_iter().map(|row| {
                let line = place(SuitePlace::Line(row.line));
                given(columns.test(row), line)
            });
            tests.extend(rows);
        }
        "jsonl" => {
            let lines = file.text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
            tests.extend(lines.map(|(i, line)| {
                let (map, faults) = object(line);
                let test = if faults.is_empty() { map.ok_or_else(String::new) } else { Err(faults.join("; ")) };
                given(test, place(SuitePlace::Line(i + 1)))
            }));
        }
        "yaml" | "yml" | "json" => {
            let items = match file.structure().map_err(|what| format!("\"tests\": {what}"))? {
                Value::Array(items) => items,
                item => vec![item],
            };
            tests.extend(items.into_iter().enumerate().map(|(i, item)| {
                let test = match item {
                    Value::Object(test) => Ok(test),
                    _ => Err("a test is an object with vars and assert".to_owned()),
                };
                given(test, place(SuitePlace::Test(i + 1)))
            }));
        }
        _ => {
            return Err(format!(
                "\"tests\": {}: tests are read from .csv, .tsv, .yaml, .yml, .json and .jsonl",
                file.name
            ));
        }
    }
    Ok(())
}

fn base_name(file: &NamedFile) -> String {
    Path::new(&*file.name).file_name().unwrap_or_default().to_string_lossy().into_owned()
}
