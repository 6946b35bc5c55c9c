//! A table of a DOCX file, as Markdown or as text.

/// The cells of a table.
#[derive(Debug, Default)]
pub(super) struct TableRows {
    rows: Vec<Vec<String>>,
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
        self.rows.last_mut().into_iter().for_each(|row| row.push(String::new()));
    }

    /// The text of the cell that is open.
    pub(super) fn cell(&mut self) -> Option<&mut String> {
        self.rows.last_mut()?.last_mut()
    }

    /// What a table within a cell says.
    pub(super) fn text(&self) -> String {
        self.rows.iter().map(|row| row.join(" ")).collect::<Vec<_>>().join(" ")
    }

    /// The first row is the header. None: there is no cell.
    pub(super) fn markdown(&self) -> Option<String> {
        let columns = self.rows.iter().map(Vec::len).max().filter(|columns| *columns > 0)?;
        let line = |row: &Vec<String>| {
            let cells = (0..columns).map(|i| row.get(i).map_or(String::new(), |cell| cell.replace('|', "\\|")));
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let mut lines: Vec<String> = self.rows.iter().map(line).collect();
        lines.insert(1.min(lines.len()), format!("|{}", " --- |".repeat(columns)));
        Some(lines.join("\n"))
    }
}
