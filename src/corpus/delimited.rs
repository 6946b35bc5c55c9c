//! CSV and TSV: the first row names the columns, each further row is a record.

use super::Span;
use super::error::{CorpusError, slice};
use super::format::ending;
use super::header_row::{Shape, header_row, is_total};
use super::outline::trimmed;
use super::piece::Input;
use super::record::{MAX_PATHS, Record, Row, Slot, Table, Value};

pub(super) const MAX_COLUMNS: usize = 10_000;
const DELIMITERS: &[u8] = b",;\t|";
/// Rows and bytes that tell the delimiter.
const SAMPLE_ROWS: usize = 50;
const SAMPLE_BYTES: usize = 64 << 10;

pub(super) struct DelimitedTable {
    pub(super) table: Table,
    /// The text with each doubled quotation mark written once, where there are some.
    pub(super) converted: Option<String>,
}

pub(super) fn read(input: Input<'_>) -> Result<DelimitedTable, CorpusError> {
    let delimiter = delimiter(input);
    let mut parser = Parser { input, delimiter, out: String::with_capacity(input.text.len()), at: 0, line: 1 };
    let mut table = Table::default();
    let mut columns: Vec<usize> = Vec::new();
    let titles = header_row(&shapes(sampled(input), delimiter), true);
    let mut rows = 0..;
    while let Some(row) = parser.row()? {
        input.check_interrupt()?;
        if rows.next().is_some_and(|row: usize| row < titles) || row.cells.iter().all(|cell| cell.start == cell.end) {
            continue;
        }
        if columns.is_empty() {
            columns = named_columns(input, &mut table, row.cells.iter().map(|cell| slice(&parser.out, *cell)))?;
            continue;
        }
        if row.cells.len() > columns.len() {
            let (found, expected) = (row.cells.len(), columns.len());
            return Err(CorpusError::Cells { file: input.file.clone(), line: row.line, found, expected });
        }
        match is_total(&parser.out, &row) {
            true => table.totals += 1,
            false => table.records.push(record(&parser.out, &row, &columns)),
        }
    }
    let converted = (parser.out.len() != input.text.len()).then_some(parser.out);
    Ok(DelimitedTable { table, converted })
}

/// The paths of columns; one without a name is called by its number, one with a known name too.
pub(super) fn named_columns<'a>(
    input: Input<'_>,
    table: &mut Table,
    names: impl Iterator<Item = &'a str>,
) -> Result<Vec<usize>, CorpusError> {
    let mut columns: Vec<usize> = Vec::new();
    for (i, name) in names.enumerate() {
        let name = name.trim();
        let many = || CorpusError::Fields { file: input.file.clone(), most: MAX_PATHS };
        let numbered = |number: usize| format!("{} {number}", if name.is_empty() { "column" } else { name });
        let mut number = i + 1;
        let mut path =
            table.path(&if name.is_empty() { numbered(number) } else { name.to_owned() }).ok_or_else(many)?;
        while columns.contains(&path) {
            path = table.path(&numbered(number)).ok_or_else(many)?;
            number += 1;
        }
        columns.push(path);
    }
    Ok(columns)
}

/// A record of a row's cells that are not empty.
pub(super) fn record(text: &str, row: &Row, columns: &[usize]) -> Record {
    let slots = row.cells.iter().zip(columns).filter_map(|(cell, path)| {
        let span = trimmed(text, *cell);
        let text = slice(text, span).to_owned();
        let is_text = text.parse::<f64>().is_err();
        (!text.is_empty()).then(|| Slot { path: *path, values: vec![Value { text, span, is_text }] })
    });
    Record { span: row.span, slots: slots.collect() }
}

/// What most often cuts the first rows into equally many cells, and into most of them.
fn delimiter(input: Input<'_>) -> u8 {
    if matches!(ending(input.file).as_str(), "tsv" | "tab") {
        return b'\t';
    }
    let sample = sampled(input);
    let score = |delimiter: u8| -> (usize, usize) {
        let shapes = shapes(sample, delimiter);
        let rows = shapes.get(header_row(&shapes, true)..).unwrap_or_default();
        let columns = rows.first().map_or(0, |row| row.cells);
        let equal = rows.iter().filter(|row| row.cells == columns).count();
        if columns < 2 { (0, 0) } else { (equal * 100 / rows.len().max(1), columns) }
    };
    let mut best = (b',', (0, 0));
    for delimiter in DELIMITERS {
        let score = score(*delimiter);
        if score > best.1 {
            best = (*delimiter, score);
        }
    }
    best.0
}

/// The beginning of a file.
fn sampled(input: Input<'_>) -> Input<'_> {
    let end = (0..=input.text.len().min(SAMPLE_BYTES)).rev().find(|end| input.text.is_char_boundary(*end)).unwrap_or(0);
    Input { text: input.text.get(..end).unwrap_or_default(), ..input }
}

/// Of the first rows.
fn shapes(sample: Input<'_>, delimiter: u8) -> Vec<Shape> {
    let mut parser = Parser { input: sample, delimiter, out: String::new(), at: 0, line: 1 };
    let mut shapes = Vec::new();
    while let Ok(Some(row)) = parser.row() {
        shapes.push(Shape::of(row.cells.iter().map(|cell| slice(&parser.out, *cell))));
        if shapes.len() >= SAMPLE_ROWS {
            break;
        }
    }
    shapes
}

/// RFC 4180, with the text copied so that doubled quotation marks are written once.
struct Parser<'a> {
    input: Input<'a>,
    delimiter: u8,
    out: String,
    at: usize,
    line: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.input.text.as_bytes().get(self.at).copied()
    }

    /// Copies the text up to byte `end`.
    fn copy_to(&mut self, end: usize) {
        self.out.push_str(self.input.text.get(self.at..end).unwrap_or_default());
        self.at = end;
    }

    fn row(&mut self) -> Result<Option<Row>, CorpusError> {
        if self.at >= self.input.text.len() {
            return Ok(None);
        }
        let (line, start) = (self.line, self.out.len());
        let mut cells = Vec::new();
        loop {
            cells.push(self.cell()?);
            if cells.len() > MAX_COLUMNS {
                return Err(CorpusError::Columns {
                    file: self.input.file.clone(),
                    line,
                    columns: cells.len(),
                    most: MAX_COLUMNS,
                });
            }
            match self.peek() {
                Some(byte) if byte == self.delimiter => self.copy_to(self.at + 1),
                _ => break,
            }
        }
        let span = Span { start, end: self.out.len() };
        if self.peek() == Some(b'\r') {
            self.copy_to(self.at + 1);
        }
        if self.peek() == Some(b'\n') {
            self.copy_to(self.at + 1);
            self.line += 1;
        }
        Ok(Some(Row { span, line, cells }))
    }

    fn cell(&mut self) -> Result<Span, CorpusError> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let start = self.out.len();
        self.copy_to(self.end_of_cell());
        Ok(Span { start, end: self.out.len() })
    }

    fn end_of_cell(&self) -> usize {
        let rest = self.input.text.as_bytes().get(self.at..).unwrap_or_default();
        let end = rest.iter().position(|b| *b == self.delimiter || matches!(b, b'\r' | b'\n'));
        self.at + end.unwrap_or(rest.len())
    }

    fn quoted(&mut self) -> Result<Span, CorpusError> {
        let line = self.line;
        let unclosed = || CorpusError::Quote { file: self.input.file.clone(), line };
        let opening = self.out.len();
        self.copy_to(self.at + 1);
        let start = self.out.len();
        loop {
            let rest = self.input.text.as_bytes().get(self.at..).unwrap_or_default();
            let quote = rest.iter().position(|b| *b == b'"').ok_or_else(unclosed)?;
            self.line += rest.iter().take(quote).filter(|b| **b == b'\n').count();
            self.copy_to(self.at + quote);
            if rest.get(quote + 1) != Some(&b'"') {
                break;
            }
            self.copy_to(self.at + 1);
            self.at += 1;
        }
        let end = self.out.len();
        self.copy_to(self.at + 1);
        let rest = self.input.text.get(self.at..self.end_of_cell()).unwrap_or_default();
        // A mark that is left open may hold the delimiter.
        if !rest.matches('"').count().is_multiple_of(2) {
            return Err(unclosed());
        }
        let is_whole = rest.trim().is_empty();
        self.copy_to(self.at + rest.len());
        // `"GIDAF" is its name`: the marks are part of the text.
        Ok(if is_whole { Span { start, end } } else { Span { start: opening, end: self.out.len() } })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::corpus::ReadOptions;

    /// With the delimiter that is given, or else found.
    fn cells(name: &str, text: &str, given: Option<u8>) -> Vec<Vec<String>> {
        let (file, options) = (name.into(), ReadOptions::default());
        let input = Input { file: &file, text, options: &options };
        let delimiter = given.unwrap_or_else(|| delimiter(input));
        let mut parser = Parser { input, delimiter, out: String::new(), at: 0, line: 1 };
        let mut rows = Vec::new();
        while let Some(row) = parser.row().unwrap() {
            rows.push(row.cells);
        }
        rows.iter().map(|row| row.iter().map(|cell| slice(&parser.out, *cell).to_owned()).collect()).collect()
    }

    #[test]
    fn the_delimiter_is_the_consistent_one() {
        for (name, text) in [
            ("a.csv", "a,b\n1;2,x\n3,y\n"),
            ("a.csv", "a;b\n1,5;x,z\n3;y\n"),
            ("a.tsv", "a\tb,c\n1\tx\n"),
            ("a.csv", "a|b\n\"1|2\"|x\n"),
        ] {
            assert!(cells(name, text, None).iter().all(|row| row.len() == 2), "{text}");
        }
        assert_eq!(cells("a.csv", "one\ntwo\n", None), [["one"], ["two"]]);
    }

    #[test]
    fn no_column_hides_another_of_its_name() {
        let (file, options) = ("a.csv".into(), ReadOptions::default());
        let input = Input { file: &file, text: "Day 3,Day,Day,,\n1,2,3,4,5\n", options: &options };
        let DelimitedTable { table, .. } = read(input).unwrap();
        assert_eq!(table.paths, ["Day 3", "Day", "Day 4", "column 4", "column 5"]);
    }

    #[test]
    fn what_follows_a_quotation_stays_in_the_cell() {
        let text = "nom\ttexte\nA\t\"GIDAF\" est le nom court\nB\t\"x, y\" \n\"C\"\t\"a\tb\" et \"c\"\n";
        let expected =
            [["nom", "texte"], ["A", "\"GIDAF\" est le nom court"], ["B", "x, y"], ["C", "\"a\tb\" et \"c\""]];
        assert_eq!(cells("a.tsv", text, None), expected);
        let (file, options) = ("a.csv".into(), ReadOptions::default());
        let found = read(Input { file: &file, text: "a,b\n1,2\n\"x\" or \"y, z\",2\n", options: &options });
        assert!(matches!(found, Err(CorpusError::Quote { line: 3, .. })));
    }

    proptest! {
        #[test]
        fn cells_are_those_of_the_csv_crate(rows in prop::collection::vec(prop::collection::vec("[a\"é,;\n ]{0,6}", 3), 2..6)) {
            let mut writer = csv::WriterBuilder::new().quote_style(csv::QuoteStyle::Always).from_writer(Vec::new());
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(cells("a.csv", &text, Some(b',')), rows);
        }

        #[test]
        fn no_text_panics(text in "[a\",;\r\n\té]{0,40}") {
            let (file, options) = ("a.csv".into(), ReadOptions::default());
            let _ = read(Input { file: &file, text: &text, options: &options });
        }
    }
}
