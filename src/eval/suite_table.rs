//! A suite as a table (CSV, TSV): its columns are the keys of a suite's line, or those of a question file.

use serde_json::{Map, Value, json};

use super::assertion::{ASSERTION_KEYS, listed};
use super::fault::{EvalError, Fault, SuitePlace};
use super::question_record::{ASKED, EXPECTED, UNITS, with_input};
use super::suite::Suite;
use super::suite_file::{Entry, keys, of_entries};
use crate::dataset::{Table, TableRow, parse_json};
use crate::input::nearest;
use crate::store::Digest;

/// What an instruction is about, as in training data.
const INPUT: &str = "input";
/// Columns whose cells are JSON.
const STRUCTURED: &[&str] = &["messages", "tools", "assert"];

/// `name` is what the suite is called in results and errors; the table was read from `text`.
pub(super) fn parse(text: &str, table: Table, name: &str) -> Result<Suite, EvalError> {
    if let Some(what) = fault(&table.columns) {
        let faults = vec![Fault { place: SuitePlace::Line(1), what }];
        return Err(EvalError::Suite { suite: name.to_owned(), faults });
    }
    let columns = &table.columns;
    let entries = table.rows.into_iter().map(|row| entry(columns, row));
    of_entries(entries, name, Digest::of_bytes(text.as_bytes()))
}

fn fault(columns: &[String]) -> Option<String> {
    let known: Vec<&str> = keys().chain(ASKED.iter().chain(EXPECTED).copied()).chain([INPUT]).collect();
    if let Some(column) = columns.iter().find(|column| !column.is_empty() && !known.contains(&column.as_str())) {
        let hint = nearest(column, &known).map(|name| format!("; did you mean {name:?}?")).unwrap_or_default();
        return Some(format!(
            "the column {column:?} is unknown{hint} The columns of a suite are {}, {}, {}; those of promptfoo begin with __, like __expected",
            listed(ASKED),
            listed(EXPECTED),
            keys().filter(|key| !ASKED.contains(key) && !EXPECTED.contains(key)).collect::<Vec<_>>().join(", ")
        ));
    }
    let asking: Vec<&str> = ASKED.iter().copied().chain(["messages"]).collect();
    // Of an empty file it is said that no prompt is in it.
    (!columns.is_empty() && !columns.iter().any(|column| asking.contains(&column.as_str())))
        .then(|| format!("no column says what is asked; name it {}", listed(&asking)))
}

fn entry(columns: &[String], row: TableRow) -> Entry {
    let (place, default_id) = (SuitePlace::Line(row.line), format!("line-{}", row.line));
    match row.cells.map_err(|what| vec![what]).and_then(|cells| line(columns, &cells)) {
        Ok(map) => Entry { place, default_id, map: Some(map), faults: Vec::new() },
        Err(faults) => Entry { place, default_id, map: None, faults },
    }
}

/// The row as a line of a suite. An empty cell is no value.
fn line(columns: &[String], cells: &[String]) -> Result<Map<String, Value>, Vec<String>> {
    let mut map = Map::new();
    let mut faults = Vec::new();
    let mut input = None;
    for (i, (column, cell)) in columns.iter().zip(cells).enumerate() {
        if cell.trim().is_empty() {
            continue;
        }
        let key = match column.as_str() {
            "" => {
                faults.push(format!("column {} has no name in the header", i + 1));
                continue;
            }
            INPUT => {
                input = Some(cell);
                continue;
            }
            asked if ASKED.contains(&asked) => "prompt",
            expected if EXPECTED.contains(&expected) => "expected",
            key => key,
        };
        let value = match value(key, cell) {
            Ok(value) => value,
            Err(what) => {
                faults.push(format!("the cell {column:?} {what}"));
                continue;
            }
        };
        // A prompt may be a conversation in JSON.
        let key = if key == "prompt" && value.is_array() { "messages" } else { key };
        if map.insert(key.to_owned(), value).is_some() {
            faults.push(format!("{column:?} and another column both give {key:?}; keep one of them"));
        }
    }
    if let Some(input) = input {
        match map.get_mut("prompt") {
            Some(Value::String(prompt)) => *prompt = with_input(prompt, input),
            _ => faults.push(format!("{INPUT:?} belongs to an instruction, and there is none")),
        }
    }
    if faults.is_empty() { Ok(map) } else { Err(faults) }
}

/// A cell of the columns that hold texts may also be a list of texts in JSON.
fn value(key: &str, cell: &str) -> Result<Value, String> {
    let is_list = cell.trim_start().starts_with('[');
    let holds_texts = ["choices", "domain_terms", "prompt", UNITS].contains(&key)
        || ASSERTION_KEYS.iter().any(|texts| texts.key == key);
    match key {
        key if STRUCTURED.contains(&key) => {
            let parsed = parse_json(cell)?;
            match parsed.duplicates.first() {
                Some(duplicate) => Err(duplicate.clone()),
                None => Ok(parsed.value),
            }
        }
        "must_pass" => match cell.trim().to_ascii_lowercase().as_str() {
            "true" => Ok(json!(true)),
            "false" => Ok(json!(false)),
            _ => Err("must be true or false".to_owned()),
        },
        _ if holds_texts && is_list => Ok(serde_json::from_str(cell).unwrap_or_else(|_| json!(cell))),
        _ => Ok(json!(cell)),
    }
}

#[cfg(test)]
#[path = "suite_table_tests.rs"]
mod tests;
