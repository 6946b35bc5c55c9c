//! CSV and TSV: the first row names the keys, each further row is a record.

use serde_json::{Map, Value};

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

/// Gives every row after the header to `each`; the header is row 1, as spreadsheets count.
pub(super) fn rows(text: &[u8], delimiter: Delimiter, each: &mut dyn FnMut(usize, Result<Parsed, String>)) {
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter.0).has_headers(false).flexible(true).from_reader(text);
    let mut row = csv::ByteRecord::new();
    let mut header: Vec<String> = Vec::new();
    let mut number = 0;
    loop {
        match reader.read_byte_record(&mut row) {
            Ok(false) => return,
            Ok(true) => number += 1,
            Err(e) => return each(number + 1, Err(format!("is no CSV: {e}"))),
        }
        if number == 1 {
            match names(&row) {
                Ok(found) => header = found,
                Err(what) => return each(1, Err(what)),
            }
            continue;
        }
        let start = row.position().map_or(0, |p| p.byte() as usize);
        let open = (reader.position().byte() as usize >= text.len())
            && text.get(start..).is_some_and(|t| t.iter().filter(|b| **b == b'"').count() % 2 == 1);
        each(number, if open { Err(UNCLOSED.into()) } else { record(&header, &row) });
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

/// A cell that holds a JSON list or object is read as one; an empty cell is no value.
fn record(header: &[String], row: &csv::ByteRecord) -> Result<Parsed, String> {
    if row.len() != header.len() {
        return Err(format!("has {} cells, the header has {}", row.len(), header.len()));
    }
    let (mut object, mut duplicates) = (Map::new(), Vec::new());
    for (name, cell) in header.iter().zip(row.iter()) {
        let cell = std::str::from_utf8(cell).map_err(|_| format!("the cell {} is not UTF-8", shown(name)))?;
        if cell.is_empty() {
            continue;
        }
        if cell.contains('\0') {
            return Err(format!("the cell {} holds a NUL character", shown(name)));
        }
        let bracket = cell.trim_start().starts_with(['[', '{']);
        let parsed = match name.as_str() {
            column if bracket && STRUCTURED.contains(&column) => {
                Some(json::parse(cell).map_err(|e| format!("the cell {} {e}", shown(name)))?)
            }
            // A text may begin with a bracket too: `[INST] …`.
            "prompt" | "completion" if bracket => json::parse(cell).ok(),
            _ => None,
        };
        let value = match parsed {
            Some(parsed) => {
                duplicates.extend(parsed.duplicates.into_iter().map(|d| format!("{name}: {d}")));
                parsed.value
            }
            None => Value::String(cell.to_owned()),
        };
        object.insert(name.clone(), value);
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
    fn faults_have_their_row() {
        let found = all("a.csv", "text,id\na,1\nb\nc,3\n\"d,4\ne,5\n");
        let faults: Vec<_> = found.iter().filter_map(|(n, r)| Some((*n, r.as_ref().err()?.as_str()))).collect();
        assert_eq!(faults, [(3, "has 1 cells, the header has 2"), (5, UNCLOSED)]);
        assert!(all("a.csv", "text,text\na,b\n")[0].1.as_ref().unwrap_err().contains("given twice"));
    }
}
