//! XLSX: of each sheet the first row names the columns, each further row is a record.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::Arc;

use calamine::{DataRef, Dimensions, Reader as _, SheetVisible, Xlsx};

use super::Span;
use super::archive::Archive;
use super::delimited::{MAX_COLUMNS, named_columns, record};
use super::error::{CorpusError, slice};
use super::header_row::{Shape, header_row, is_total};
use super::piece::Input;
use super::record::{Row, Table};
use super::workbook_format::Formats;

const MAX_CELLS: usize = 5_000_000;

/// The records of one sheet.
pub(super) struct Sheet {
    pub(super) name: String,
    pub(super) table: Table,
}

pub(super) struct WorkbookTable {
    /// Those that have cells.
    pub(super) sheets: Vec<Sheet>,
    /// A line for each row, tabs between its cells.
    pub(super) text: String,
}

/// The cells of a sheet that hold something, by row and column.
type Cells = BTreeMap<u32, BTreeMap<u32, String>>;

pub(super) fn read(input: Input<'_>, bytes: &[u8]) -> Result<WorkbookTable, CorpusError> {
    let file = input.file;
    let formats = Formats::read(file, &mut Archive::open(file, bytes)?);
    // The library may panic on a damaged file; what it had built is dropped.
    let sheets = std::panic::catch_unwind(|| sheets(file, bytes, &formats))
        .unwrap_or_else(|_| Err(CorpusError::Workbook { file: file.clone(), reason: "the file is damaged".into() }))?;
    let (mut tables, mut text) = (Vec::new(), String::new());
    for (name, cells) in sheets.into_iter().filter(|(_, cells)| !cells.is_empty()) {
        let mut table = Table::default();
        text.push_str(&format!("# {name}\n"));
        let mut columns = Vec::new();
        let titles = header(&cells);
        for (number, cells) in cells {
            let last = cells.last_key_value().map_or(0, |(column, _)| *column as usize);
            let row = written(&mut text, &cells, last, number as usize);
            if number < titles {
                continue;
            }
            if columns.is_empty() {
                columns = named_columns(input, &mut table, row.cells.iter().map(|cell| slice(&text, *cell)))?;
                continue;
            }
            if row.cells.len() > columns.len() {
                let (found, expected) = (row.cells.len(), columns.len());
                let file = format!("{file} sheet {name:?}").into();
                return Err(CorpusError::Cells { file, line: row.line, found, expected });
            }
            match is_total(&text, &row) {
                true => table.totals += 1,
                false => table.records.push(record(&text, &row, &columns)),
            }
        }
        tables.push(Sheet { name, table });
    }
    Ok(WorkbookTable { sheets: tables, text })
}

/// The number of the row that names the columns of a sheet.
fn header(cells: &Cells) -> u32 {
    let shape = |row: &BTreeMap<u32, String>| Shape {
        cells: row.last_key_value().map_or(0, |(column, _)| *column as usize + 1),
        begins: row.first_key_value().map_or(0, |(column, _)| *column as usize),
        ..Shape::of(row.values().map(String::as_str))
    };
    let shapes: Vec<Shape> = cells.values().map(shape).collect();
    cells.keys().nth(header_row(&shapes, false)).copied().unwrap_or(0)
}

fn written(text: &mut String, cells: &BTreeMap<u32, String>, last: usize, number: usize) -> Row {
    let start = text.len();
    let mut row = Row { span: Span::default(), line: number + 1, cells: Vec::new() };
    for column in 0..=last {
        if column > 0 {
            text.push('\t');
        }
        let at = text.len();
        if let Some(cell) = u32::try_from(column).ok().and_then(|column| cells.get(&column)) {
            text.push_str(cell);
        }
        row.cells.push(Span { start: at, end: text.len() });
    }
    row.span = Span { start, end: text.len() };
    text.push('\n');
    row
}

fn sheets(file: &Arc<str>, bytes: &[u8], formats: &Formats) -> Result<Vec<(String, Cells)>, CorpusError> {
    let fault = |e: calamine::XlsxError| CorpusError::Workbook { file: file.clone(), reason: e.to_string() };
    let mut workbook: Xlsx<_> = calamine::open_workbook_from_rs(Cursor::new(bytes)).map_err(fault)?;
    let mut out = Vec::new();
    let mut count = 0;
    let sheets: Vec<_> = workbook.sheets_metadata().to_vec();
    // What a workbook hides is not meant to be read.
    for name in sheets.into_iter().filter(|sheet| sheet.visible == SheetVisible::Visible).map(|sheet| sheet.name) {
        let mut cells = Cells::new();
        // A sheet of charts has no cells.
        let Ok(mut reader) = workbook.worksheet_cells_reader(&name) else { continue };
        while let Some(cell) = reader.next_cell().map_err(fault)? {
            let (row, column) = cell.get_position();
            let number = match cell.get_value() {
                DataRef::Float(number) => Some(*number),
                DataRef::Int(number) => Some(*number as f64),
                _ => None,
            };
            let formatted = number.and_then(|number| formats.shown(&name, row, column, number));
            let Some(text) = formatted.or_else(|| shown(cell.get_value())) else { continue };
            count += 1;
            if column as usize >= MAX_COLUMNS {
                let (line, columns) = (row as usize + 1, column as usize + 1);
                return Err(CorpusError::Columns { file: file.clone(), line, columns, most: MAX_COLUMNS });
            }
            check_count(file, count)?;
            cells.entry(row).or_default().insert(column, text);
        }
        drop(reader);
        for region in workbook.merge_cells_by_sheet_name(&name).map_err(fault)? {
            count += repeat(&mut cells, &region);
            check_count(file, count)?;
        }
        out.push((name, cells));
    }
    Ok(out)
}

fn check_count(file: &Arc<str>, cells: usize) -> Result<(), CorpusError> {
    if cells <= MAX_CELLS {
        return Ok(());
    }
    Err(CorpusError::Workbook { file: file.clone(), reason: format!("it has more than {MAX_CELLS} cells") })
}

/// Gives each row of a merged region that holds something the region's value, in the region's first column; the number of cells.
fn repeat(cells: &mut Cells, region: &Dimensions) -> usize {
    let ((first, column), (last, _)) = (region.start, region.end);
    let Some(value) = cells.get(&first).and_then(|row| row.get(&column)).cloned() else { return 0 };
    let mut count = 0;
    for (_, row) in cells.range_mut(first..=last.max(first)).skip(1) {
        row.insert(column, value.clone());
        count += 1;
    }
    count
}

/// What a cell shows, on one line.
fn shown(cell: &DataRef<'_>) -> Option<String> {
    let text = match cell {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::Bool(yes) => yes.to_string(),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        // A time of day is the part of a day, and has no date.
        DataRef::DateTime(time) if (0.0..1.0).contains(&time.as_f64()) => time_of_day(time),
        DataRef::DateTime(date) if date.is_datetime() => moment(date),
        DataRef::DateTime(duration) => duration.as_f64().to_string(),
        DataRef::Error(_) | DataRef::Empty => return None,
    };
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    (!line.is_empty()).then_some(line)
}

fn time_of_day(time: &calamine::ExcelDateTime) -> String {
    let (.., hour, minute, second, _) = time.to_ymd_hms_milli();
    if second == 0 { format!("{hour:02}:{minute:02}") } else { format!("{hour:02}:{minute:02}:{second:02}") }
}

fn moment(date: &calamine::ExcelDateTime) -> String {
    let (year, month, day, hour, minute, second, _) = date.to_ymd_hms_milli();
    match (hour, minute, second) {
        (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::corpus::ReadOptions;
    use crate::corpus::archive::tests::packed;

    /// A workbook with one sheet of the given rows (XML).
    pub(in crate::corpus) fn workbook(rows: &str) -> Vec<u8> {
        workbook_of(&format!("<sheetData>{rows}</sheetData>"), "")
    }

    /// A workbook with one sheet of the given content and attributes (XML).
    fn workbook_of(content: &str, attributes: &str) -> Vec<u8> {
        workbook_with(&[("Apps", content)], attributes)
    }

    /// A workbook of sheets with names and contents (XML), which have the same attributes.
    pub(in crate::corpus) fn workbook_with(sheets: &[(&str, &str)], attributes: &str) -> Vec<u8> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let (mut named, mut linked, mut parts) = (String::new(), String::new(), Vec::new());
        for (i, (name, content)) in (1..).zip(sheets) {
            named += &format!("<sheet name=\"{name}\" sheetId=\"{i}\" {attributes} r:id=\"rId{i}\"/>");
            linked += &format!(
                "<Relationship Id=\"rId{i}\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet{i}.xml\"/>"
            );
            let sheet = format!("<worksheet xmlns=\"{main}\">{content}</worksheet>");
            parts.push((format!("xl/worksheets/sheet{i}.xml"), sheet));
        }
        let book = format!("<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets>{named}</sheets></workbook>");
        let root = format!(
            "<Relationships xmlns=\"{package}\"><Relationship Id=\"rId1\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        );
        let links = format!(
            "<Relationships xmlns=\"{package}\">{linked}<Relationship Id=\"rIdS\" Type=\"{office}/styles\" Target=\"styles.xml\"/></Relationships>"
        );
        let styles = format!(
            "<styleSheet xmlns=\"{main}\"><numFmts><numFmt numFmtId=\"164\" formatCode=\"#,##0\\ &quot;€&quot;\"/></numFmts><cellXfs><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"20\"/><xf numFmtId=\"9\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>"
        );
        let mut files = vec![
            ("_rels/.rels", root.as_bytes()),
            ("xl/workbook.xml", book.as_bytes()),
            ("xl/_rels/workbook.xml.rels", links.as_bytes()),
            ("xl/styles.xml", styles.as_bytes()),
        ];
        files.extend(parts.iter().map(|(name, content)| (name.as_str(), content.as_bytes())));
        packed(&files)
    }

    /// The content of a sheet (XML) whose cells hold the given texts, a row for each line and `|` between cells.
    pub(in crate::corpus) fn sheet_data(lines: &str) -> String {
        let mut rows = String::new();
        for (number, line) in (1..).zip(lines.lines()) {
            let cells = ('A'..).zip(line.split('|')).filter(|(_, text)| !text.is_empty());
            let cells: String = cells.map(|(column, text)| text_cell(&format!("{column}{number}"), text)).collect();
            rows += &format!("<row r=\"{number}\">{cells}</row>");
        }
        format!("<sheetData>{rows}</sheetData>")
    }

    pub(in crate::corpus) fn text_cell(place: &str, text: &str) -> String {
        format!("<c r=\"{place}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
    }

    fn read_rows(rows: &str) -> Result<WorkbookTable, CorpusError> {
        read_bytes(&workbook(rows))
    }

    fn read_bytes(bytes: &[u8]) -> Result<WorkbookTable, CorpusError> {
        let (file, options) = ("a.xlsx".into(), ReadOptions::default());
        read(Input { file: &file, text: "", options: &options }, bytes)
    }

    #[test]
    fn a_merged_cell_holds_for_all_its_rows_and_a_time_has_no_date() {
        let row = |number: usize, department: &str, name: &str| {
            let department =
                if department.is_empty() { String::new() } else { text_cell(&format!("A{number}"), department) };
            let time = format!("<c r=\"C{number}\" s=\"2\"><v>0.375</v></c>");
            format!("<row r=\"{number}\">{department}{}{time}</row>", text_cell(&format!("B{number}"), name))
        };
        let head = format!(
            "<row r=\"1\">{}{}{}</row>",
            text_cell("A1", "Department"),
            text_cell("B1", "Name"),
            text_cell("C1", "Opens")
        );
        let rows = [head, row(2, "Sales", "Ann"), row(3, "", "Bob"), row(4, "IT", "Cy"), row(5, "", "Dan")].concat();
        let content =
            format!("<sheetData>{rows}</sheetData><mergeCells count=\"1\"><mergeCell ref=\"A2:A3\"/></mergeCells>");
        let table = read_bytes(&workbook_of(&content, "")).unwrap();
        let lines: Vec<&str> = table.text.lines().skip(2).collect();
        assert_eq!(lines, ["Sales\tAnn\t09:00", "Sales\tBob\t09:00", "IT\tCy\t09:00", "\tDan\t09:00"]);
        assert!(read_bytes(&workbook_of(&content, "state=\"hidden\"")).unwrap().sheets.is_empty());
    }

    #[test]
    fn rows_are_records_with_places() {
        let rows = format!(
            "<row r=\"1\">{}{}{}</row><row r=\"3\">{}<c r=\"B3\" s=\"1\"><v>45654</v></c><c r=\"C3\"><v>12.5</v></c></row>",
            text_cell("A1", "Name"),
            text_cell("B1", "Date"),
            text_cell("C1", "Users"),
            text_cell("A3", "GIDAF"),
        );
        let found = read_rows(&rows).unwrap();
        assert_eq!(found.text, "# Apps\nName\tDate\tUsers\nGIDAF\t2024-12-28\t12.5\n");
        assert_eq!(found.sheets[0].table.paths, ["Name", "Date", "Users"]);
        for value in found.sheets[0].table.records[0].slots.iter().flat_map(|slot| &slot.values) {
            assert_eq!(slice(&found.text, value.span), value.text);
        }
    }

    #[test]
    fn percents_and_money_are_as_the_cells_show_them() {
        let rows = format!(
            "<row r=\"1\">{}{}{}</row><row r=\"2\">{}<c r=\"B2\" s=\"3\"><v>0.15</v></c><c r=\"C2\" s=\"4\"><v>1200</v></c></row>",
            text_cell("A1", "Name"),
            text_cell("B1", "Discount"),
            text_cell("C1", "Price"),
            text_cell("A2", "GIDAF"),
        );
        let found = read_rows(&rows).unwrap();
        assert_eq!(found.text, "# Apps\nName\tDiscount\tPrice\nGIDAF\t15%\t1200 €\n");
    }

    #[test]
    fn a_far_cell_takes_no_memory() {
        let rows = format!("<row r=\"1\">{}</row>", text_cell("XFD1", "far"));
        assert!(matches!(read_rows(&rows), Err(CorpusError::Columns { columns: 16384, .. })));
        let rows = format!(
            "<row r=\"1\">{}</row><row r=\"1048576\">{}</row>",
            text_cell("A1", "Name"),
            text_cell("A1048576", "x")
        );
        assert_eq!(read_rows(&rows).unwrap().sheets[0].table.records.len(), 1);
        assert!(matches!(read_rows("<row><c"), Err(CorpusError::Workbook { .. })));
    }
}
