//! A row of a table as a test of promptfoo: columns are variables, and those that begin with `__` say how the answer is judged
//! (https://www.promptfoo.dev/docs/configuration/test-cases/#csv-format).

use serde_json::{Map, Value, json};

use crate::dataset::TableRow;
use crate::eval::assertion::{listed, short_form};
use crate::eval::question_record::ASKED;

/// Before promptfoo's own columns.
const OWN: &str = "__";
const EXPECTED: &str = "__expected";
const METADATA: &str = "__metadata:";
/// Columns of promptfoo, without their `__`, that are written with one `_` by mistake.
const NAMES: &[&str] = &["expected", "prefix", "suffix", "description", "metric", "threshold", "metadata"];

/// Whether a table is one of promptfoo.
pub(in crate::eval) fn is_of_promptfoo(columns: &[String]) -> bool {
    columns.iter().any(|column| column.starts_with(OWN))
}

/// What a column says.
enum Column {
    Variable(String),
    Expected,
    Prefix,
    Suffix,
    Metric,
    /// The pass threshold of the whole test, which does not exist here.
    Threshold,
    Metadata(String),
    /// Says nothing of what is asked and judged.
    Description,
}

pub(super) struct Columns(Vec<Column>);

impl Columns {
    pub(super) fn of(names: Vec<String>) -> Result<Self, String> {
        Ok(Self(names.into_iter().map(Column::of).collect::<Result<_, _>>()?))
    }

    /// The prompt of a table that stands alone.
    pub(super) fn asked(&self) -> Result<String, String> {
        let asks = |column: &Column| match column {
            Column::Variable(name) => ASKED.iter().copied().find(|asked| asked == name),
            _ => None,
        };
        let found: Vec<&str> = self.0.iter().filter_map(asks).collect();
        match found.as_slice() {
            [one] => Ok(format!("{{{{{one}}}}}")),
            [] => Err(format!(
                "no column says what is asked; name it {}, or name the table as \"tests\" of a promptfoo configuration",
                listed(ASKED)
            )),
            several => Err(format!("the columns {} all say what is asked; keep one of them", several.join(", "))),
        }
    }

    /// The row as a test of promptfoo.
    pub(super) fn test(&self, row: TableRow) -> Result<Map<String, Value>, String> {
        let cells = row.cells?;
        let (mut variables, mut options, mut metadata) = (Map::new(), Map::new(), Map::new());
        let (mut assertions, mut metric) = (Vec::new(), None);
        for (i, (column, cell)) in self.0.iter().zip(cells).enumerate() {
            let is_empty = cell.trim().is_empty();
            match column {
                Column::Variable(name) if name.is_empty() && !is_empty => {
                    return Err(format!("column {} has no name in the header", i + 1));
                }
                Column::Variable(name) => drop(variables.insert(name.clone(), json!(cell))),
                _ if is_empty => {}
                Column::Expected => assertions.push(short_form(&cell)?),
                Column::Prefix => drop(options.insert("prefix".to_owned(), json!(cell))),
                Column::Suffix => drop(options.insert("suffix".to_owned(), json!(cell))),
                Column::Metric => metric = Some(cell),
                Column::Threshold => {
                    return Err(
                        "__threshold, a threshold of the whole test, is not supported: every assertion is demanded; leave the column out, or give an assertion its own, like similar(0.8): …"
                            .to_owned(),
                    );
                }
                Column::Metadata(key) => drop(metadata.insert(key.clone(), json!(cell))),
                Column::Description => {}
            }
        }
        for assertion in assertions.iter_mut().filter_map(Value::as_object_mut) {
            assertion.extend(metric.as_ref().map(|metric| ("metric".to_owned(), json!(metric))));
        }
        let parts = [
            ("vars", json!(variables)),
            ("assert", json!(assertions)),
            ("options", json!(options)),
            ("metadata", json!(metadata)),
        ];
        Ok(parts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
    }
}

impl Column {
    fn of(name: String) -> Result<Self, String> {
        let is_numbered = |name: &str| name.chars().all(|c| c.is_ascii_digit());
        if let Some(key) = name.strip_prefix(METADATA).filter(|key| !key.is_empty()) {
            return Ok(Self::Metadata(key.to_owned()));
        }
        match name.as_str() {
            name if name.strip_prefix(EXPECTED).is_some_and(is_numbered) => Ok(Self::Expected),
            "__prefix" => Ok(Self::Prefix),
            "__suffix" => Ok(Self::Suffix),
            "__metric" => Ok(Self::Metric),
            "__threshold" => Ok(Self::Threshold),
            "__description" => Ok(Self::Description),
            own if own.starts_with(OWN) => Err(format!(
                "the column {own:?} of promptfoo is not supported; supported are __expected, __expected1 …, __prefix, __suffix, __metric, __description, __metadata:KEY"
            )),
            _ => match name.strip_prefix('_').filter(|bare| NAMES.iter().any(|known| bare.starts_with(known))) {
                Some(_) => Err(format!("the column {name:?} has one underscore; did you mean \"_{name}\"?")),
                None => Ok(Self::Variable(name)),
            },
        }
    }
}
