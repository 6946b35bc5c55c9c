//! CSV and TSV: the first row names the keys, each further row is a record.

use serde_json::{Map, Value};

use super::container::MAX_LINE;
use super::json::{self, Parsed, shown};

/// What stands between cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delimiter(u8);

/// Whether the text is a table: by the name's ending, else by a header that has a dataset's keys. A text that begins
/// with a bracket is JSON, whatever its name.
pub(super) fn delimiter(name: &str, text: &str, keys: &[&str]) -> Option<Delimiter> {
    if text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let name = name.to_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let header = text.lines().next().unwrap_or_default();
    let by_count = || {
        let count = |c: u8| header.bytes().filter(|b| *b == c).count();
        [b',', b'\t', b';'].into_iter().max_by_key(|c| (count(*c), *c == b',')).unwrap_or(b',')
    };
    match () {
        () if name.ends_with(".tsv") => Some(Delimiter(b'\t')),
        () if name.ends_with(".csv") => Some(Delimiter(by_count())),
        () => {
            let delimiter = by_count();
            let cells: Vec<_> = header.split(delimiter as char).map(|c| c.trim().trim_matches('"')).collect();
            (cells.len() > 1 && cells.iter().any(|c| keys.contains(c))).then_some(Delimiter(delimiter))
        }
    }
}

/// A row after the header: its cells as they are written, one for each column.
struct Row<'r> {
    /// The header is row 1, as spreadsheets count.
    number: usize,
    /// Where it begins, from 1.
    line: usize,
    cells: Result<Vec<Cell<'r>>, String>,
}

struct Cell<'r> {
    column: &'r str,
    text: &'r str,
}

/// A table as it is written.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<TableRow>,
}

/// A row after the header.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    /// Where it begins, from 1.
    pub line: usize,
    /// One for each column; or what is wrong with the row.
    pub cells: Result<Vec<String>, String>,
}

/// Reads CSV or TSV, by the name's ending; the error is one of the header, in line 1. Rows of empty cells are left out.
pub fn table(name: &str, text: &str) -> Result<Table, String> {
    let Some(delimiter) = delimiter(name, text, &[]) else {
        return Err("is JSON, not a table with a header; give the file the ending .jsonl".to_owned());
    };
    let mut rows = Vec::new();
    let columns = divide(text.as_bytes(), delimiter, &mut |row| {
        let cells = row.cells.map(|cells| cells.iter().map(|cell| cell.text.to_owned()).collect::<Vec<_>>());
        let is_blank = cells.as_ref().is_ok_and(|cells| cells.iter().all(|text| text.trim().is_empty()));
        if !is_blank {
            rows.push(TableRow { line: row.line, cells });
        }
    })?;
    Ok(Table { columns, rows })
}

/// Gives the record of every row after the header to `each`; the header is row 1, as spreadsheets count.
pub(super) fn rows(text: &[u8], delimiter: Delimiter, each: &mut dyn FnMut(usize, Result<Parsed, String>)) {
    let read = divide(text, delimiter, &mut |row| each(row.number, row.cells.and_then(|cells| record(&cells))));
    if let Err(what) = read {
        each(1, Err(what));
    }
}

/// Gives every row after the header to `each`, and then the columns; or what is wrong with the header.
fn divide(text: &[u8], delimiter: Delimiter, each: &mut dyn FnMut(Row<'_>)) -> Result<Vec<String>, String> {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter.0).has_headers(false).flexible(true).from_reader(text);
    let mut row = csv::ByteRecord::new();
    let mut header: Option<Vec<String>> = None;
    let mut number = 0;
    loop {
        let line = reader.position().line() as usize;
        match reader.read_byte_record(&mut row) {
            Ok(false) => return Ok(header.unwrap_or_default()),
            Ok(true) => number += 1,
            Err(e) if header.is_none() => return Err(format!("is no CSV: {e}")),
            Err(e) => {
                each(Row { number: number + 1, line, cells: Err(format!("is no CSV: {e}")) });
                return Ok(header.unwrap_or_default());
            }
        }
        let start = row.position().map_or(0, |p| p.byte() as usize);
        let open = (reader.position().byte() as usize >= text.len())
            && text.get(start..).is_some_and(|t| t.iter().filter(|b| **b == b'"').count() % 2 == 1);
        let length = row.as_slice().len();
        let long = || Err(format!("has {length} bytes, more than {MAX_LINE}: divide the row"));
        match &header {
            None if open => return Err(UNCLOSED.into()),
            None => header = Some(names(&row)?),
            Some(header) => {
                let cells = match () {
                    () if open => Err(UNCLOSED.into()),
                    () if length > MAX_LINE => long(),
                    () => cells(header, &row),
                };
                // Blank lines before the row are skipped with it.
                let blank = text
                    .get(start..)
                    .map_or(0, |t| t.iter().take_while(|b| b"\r\n".contains(b)).filter(|b| **b == b'\n').count());
                each(Row { number, line: line + blank, cells });
            }
        }
    }
}

const UNCLOSED: &str = "has a quotation mark that is not closed (within quotes it is written twice)";

fn names(row: &csv::ByteRecord) -> Result<Vec<String>, String> {
    let mut names: Vec<String> = Vec::new();
    for (i, cell) in row.iter().enumerate() {
        let name = std::str::from_utf8(cell).map_err(|_| format!("column {} is not UTF-8", i + 1))?.trim();
        if names.iter().any(|n| n == name) && !name.is_empty() {
            return Err(format!("the column {} is given twice", shown(name)));
        }
        names.push(name.to_owned());
    }
    Ok(names)
}

fn cells<'r>(header: &'r [String], row: &'r csv::ByteRecord) -> Result<Vec<Cell<'r>>, String> {
    if row.len() != header.len() {
        return Err(format!("has {} cells, the header has {}", row.len(), header.len()));
    }
    let cell = |column: &'r String, bytes: &'r [u8]| {
        let text = std::str::from_utf8(bytes).map_err(|_| format!("the cell {} is not UTF-8", shown(column)))?;
        if text.contains('\0') {
            return Err(format!("the cell {} holds a NUL character", shown(column)));
        }
        Ok(Cell { column, text })
    };
    header.iter().zip(row.iter()).map(|(column, bytes)| cell(column, bytes)).collect()
}

/// A cell that holds a JSON list or object is read as one; an empty cell is no value.
fn record(cells: &[Cell<'_>]) -> Result<Parsed, String> {
    let (mut object, mut duplicates) = (Map::new(), Vec::new());
    for Cell { column, text } in cells.iter().filter(|cell| !cell.text.is_empty()) {
        let bracket = text.trim_start().starts_with(['[', '{']);
        let parsed = match *column {
            column if bracket && STRUCTURED.contains(&column) => {
                Some(json::parse(text).map_err(|e| format!("the cell {} {e}", shown(column)))?)
            }
            // A text may begin with a bracket too: `[INST] …`.
            "prompt" | "completion" if bracket => json::parse(text).ok(),
            _ => None,
        };
        let value = match parsed {
            Some(parsed) => {
                duplicates.extend(parsed.duplicates.into_iter().map(|d| format!("{column}: {d}")));
                parsed.value
            }
            None => Value::String((*text).to_owned()),
        };
        object.insert((*column).to_owned(), value);
    }
    Ok(Parsed { value: Value::Object(object), duplicates })
}

/// Columns whose cells hold JSON.
const STRUCTURED: &[&str] =
    &["messages", "conversations", "history", "tools", "images", "videos", "audios", "loss_mask"];

#[cfg(test)]
mod tests {
    use super::*;

    type Row = (usize, Result<Value, String>);

    fn all(name: &str, text: &str) -> Vec<Row> {
        let mut out = Vec::new();
        let delimiter = delimiter(name, text, &["instruction", "text"]).expect("a table");
        rows(text.as_bytes(), delimiter, &mut |n, r| out.push((n, r.map(|p| p.value))));
        out
    }

    #[test]
    fn rows_quotes_and_delimiters() {
        let expected = serde_json::json!({"instruction": "say \"a, b\"\nc", "output": "x"});
        for (name, text) in [
            ("a.csv", "instruction,output\n\"say \"\"a, b\"\"\nc\",x\n"),
            ("a.CSV.gz", "instruction;output;id\r\n\"say \"\"a, b\"\"\nc\";x;\r\n"),
            ("a.tsv", "instruction\toutput\n\"say \"\"a, b\"\"\nc\"\tx"),
            ("data", "\"instruction\",\"output\"\n\"say \"\"a, b\"\"\nc\",x\n"),
        ] {
            assert_eq!(all(name, text), [(2, Ok(expected.clone()))], "{name}");
        }
        let lists = all("a.csv", "messages\n\"[{\"\"role\"\":\"\"user\"\"}]\"\n\"[{\"\n");
        assert_eq!(lists[0].1.as_ref().unwrap()["messages"][0]["role"], "user");
        assert!(lists[1].1.as_ref().unwrap_err().contains("the cell \"messages\" is not JSON"));
        for (name, text) in [("a.csv", "{\"a\":1}"), ("a.csv", "[{}]"), ("a", "some words"), ("a", "a,b\n1,2")] {
            assert_eq!(delimiter(name, text, &["text"]), None, "{text}");
        }
    }

    #[test]
    fn a_table_is_read_as_it_is_written_with_the_line_of_each_row() {
        let text = "q,a,\n\"two\nlines\",\"\",\n\n\r\n, ,\nx\n[1],b,c\n";
        let Table { columns, rows } = table("t.csv", text).unwrap();
        assert_eq!(columns, ["q", "a", ""]);
        let found: Vec<_> = rows.iter().map(|row| (row.line, row.cells.clone())).collect();
        let cells = |texts: [&str; 3]| Ok(texts.map(str::to_owned).to_vec());
        let ragged = Err("has 1 cells, the header has 3".to_owned());
        assert_eq!(found, [(2, cells(["two\nlines", "", ""])), (7, ragged), (8, cells(["[1]", "b", "c"]))]);
        let open = table("t.csv", "q\na\n\"b\nc\n").unwrap();
        assert_eq!((open.rows[1].line, open.rows[1].cells.clone()), (3, Err(UNCLOSED.to_owned())));
        let long = format!("q\na\n\"{}\"\nb\n", "x\n".repeat(MAX_LINE / 2 + 1));
        let long = table("t.csv", &long).unwrap().rows;
        assert!(long[1].cells.as_ref().unwrap_err().contains("more than 8388608"), "{:?}", long[1].line);
        assert_eq!((long[1].line, long[2].line), (3, 3 + MAX_LINE / 2 + 2));
        for (text, wanted) in [("q,q\n1,2", "given twice"), ("\"q\n1,2", "not closed"), ("[1]", "is JSON")] {
            assert!(table("t.csv", text).unwrap_err().contains(wanted), "{text}");
        }
    }

    #[test]
    fn faults_have_their_row() {
        let found = all("a.csv", "text,id\na,1\nb\nc,3\n\"d,4\ne,5\n");
        let faults: Vec<_> = found.iter().filter_map(|(n, r)| Some((*n, r.as_ref().err()?.as_str()))).collect();
        assert_eq!(faults, [(3, "has 1 cells, the header has 2"), (5, UNCLOSED)]);
        assert!(all("a.csv", "text,text\na,b\n")[0].1.as_ref().unwrap_err().contains("given twice"));
    }
}
