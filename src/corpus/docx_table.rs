//! A table of a DOCX file, as Markdown or as text.

/// Columns of a table, at most, as a cell that spans several states them.
const MAX_SPAN: usize = 1000;

/// A cell, with the places of the table that it takes.
#[derive(Debug)]
struct Cell {
    text: String,
    columns: usize,
    /// It is a part of the cell above.
    goes_on: bool,
}

/// The cells of a table.
#[derive(Debug)]
pub(super) struct TableRows {
    rows: Vec<Vec<Cell>>,
    /// Paragraphs that the table lies within: it stands in a text box of theirs.
    pub(super) within: usize,
    /// Its place among what the text boxes of a paragraph hold, where it stands in one.
    pub(super) place: usize,
}

impl TableRows {
    pub(super) fn new(within: usize, place: usize) -> Self {
        Self { rows: Vec::new(), within, place }
    }

    pub(super) fn begin_row(&mut self) {
        self.rows.push(Vec::new());
    }

    pub(super) fn begin_cell(&mut self) {
        self.skip(1);
    }

    /// Leaves columns out at the beginning of a row.
    pub(super) fn skip(&mut self, columns: usize) {
        let cell = Cell { text: String::new(), columns: columns.min(MAX_SPAN), goes_on: false };
        if let Some(row) = self.rows.last_mut() {
            row.push(cell);
        }
    }

    /// The cell that is open takes several columns.
    pub(super) fn span(&mut self, columns: usize) {
        self.open().into_iter().for_each(|cell| cell.columns = columns.clamp(1, MAX_SPAN));
    }

    /// The cell that is open is a part of the one above.
    pub(super) fn go_on(&mut self) {
        self.open().into_iter().for_each(|cell| cell.goes_on = true);
    }

    fn open(&mut self) -> Option<&mut Cell> {
        self.rows.last_mut()?.last_mut()
    }

    /// The text of the cell that is open.
    pub(super) fn cell(&mut self) -> Option<&mut String> {
        self.open().map(|cell| &mut cell.text)
    }

    /// What a table within a cell says.
    pub(super) fn text(&self) -> String {
        let row = |row: &Vec<Cell>| row.iter().map(|cell| cell.text.as_str()).collect::<Vec<_>>().join(" ");
        self.rows.iter().map(row).collect::<Vec<_>>().join(" ")
    }

    /// Columns of the widest row.
    fn columns(&self) -> usize {
        self.rows.iter().map(|row| row.iter().map(|cell| cell.columns).sum::<usize>()).max().unwrap_or(0)
    }

    /// Cells of the table once every row has all columns.
    pub(super) fn size(&self) -> usize {
        self.columns().saturating_mul(self.rows.len())
    }

    /// Bytes of its cells once each text stands in every place that it is for.
    pub(super) fn written(&self) -> usize {
        let mut bytes = 0_usize;
        let mut above: Vec<usize> = Vec::new();
        for row in &self.rows {
            let mut line = Vec::new();
            for cell in row {
                let length = if cell.goes_on { above.get(line.len()).copied().unwrap_or(0) } else { cell.text.len() };
                line.extend(std::iter::repeat_n(length, cell.columns));
                bytes = bytes.saturating_add(length.saturating_mul(cell.columns));
            }
            above = line;
        }
        bytes
    }

    /// The first row is the header. What a merged cell says stands in each of its rows and columns; but one that begins a row and
    /// takes several columns is the name of a group of rows, and stands there alone.
    pub(super) fn markdown(&self) -> String {
        let columns = self.columns();
        let mut lines: Vec<String> = Vec::with_capacity(self.rows.len() + 1);
        let mut above: Vec<&str> = Vec::new();
        for row in &self.rows {
            let mut line: Vec<&str> = Vec::with_capacity(columns);
            for cell in row {
                let at = line.len();
                let text = if cell.goes_on { above.get(at).copied().unwrap_or_default() } else { cell.text.as_str() };
                let is_group = at == 0 && cell.columns > 1;
                line.extend((0..cell.columns).map(|column| if is_group && column > 0 { "" } else { text }));
            }
            line.resize(columns, "");
            let cells: Vec<String> = line.iter().map(|cell| cell.replace('|', "\\|")).collect();
            lines.push(format!("| {} |", cells.join(" | ")));
            above = line;
        }
        lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(columns)));
        lines.join("\n")
    }
}
