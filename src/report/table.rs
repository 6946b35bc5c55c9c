//! Tables, also those behind the charts: the same numbers, for those who can't see or would rather read them.

use std::fmt::Write as _;

use super::escape::escaped;

/// Rows of a table, at most: a page that no browser opens helps nobody.
const MOST_ROWS: usize = 1000;

/// A column: its head, and whether it holds numbers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    pub head: &'static str,
    pub is_number: bool,
}

pub(super) const fn text(head: &'static str) -> Column {
    Column { head, is_number: false }
}

pub(super) const fn number(head: &'static str) -> Column {
    Column { head, is_number: true }
}

/// A table of texts, which are escaped here.
#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    pub caption: &'a str,
    pub columns: &'a [Column],
    pub rows: Vec<Vec<String>>,
}

impl Table<'_> {
    /// The first cell of a row is its head.
    pub(super) fn html(&self) -> String {
        let class = |column: Option<&Column>| if column.is_some_and(|c| c.is_number) { " class=\"n\"" } else { "" };
        let mut out = format!(
            "<div class=\"wide\" role=\"region\" aria-label=\"table: {0}\" tabindex=\"0\">\n<table>\n<caption>{0}</caption>\n<thead><tr>",
            escaped(self.caption)
        );
        for column in self.columns {
            let _ = write!(out, "<th scope=\"col\"{}>{}</th>", class(Some(column)), escaped(column.head));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for row in self.rows.iter().take(MOST_ROWS) {
            out.push_str("<tr>");
            for (i, cell) in row.iter().enumerate() {
                let class = class(self.columns.get(i));
                let cell = escaped(cell);
                let _ = match i {
                    0 => write!(out, "<th scope=\"row\"{class} dir=\"auto\">{cell}</th>"),
                    _ => write!(out, "<td{class} dir=\"auto\">{cell}</td>"),
                };
            }
            out.push_str("</tr>\n");
        }
        out.push_str("</tbody>\n</table>\n</div>\n");
        if let Some(more) = self.rows.len().checked_sub(MOST_ROWS).filter(|more| *more > 0) {
            let _ = writeln!(
                out,
                "<p class=\"note\">{more} rows more are left out here; the files of the run have them.</p>"
            );
        }
        out
    }

    /// Closed until somebody asks for it.
    pub(super) fn behind(&self) -> String {
        format!("<details>\n<summary>Table: {}</summary>\n{}</details>\n", escaped(self.caption), self.html())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_an_end_and_says_what_is_left_out() {
        let rows = |n: usize| (0..n).map(|i| vec![format!("row {i}.")]).collect::<Vec<_>>();
        let html = |n| Table { caption: "c", columns: &[text("name")], rows: rows(n) }.html();
        assert!(html(MOST_ROWS).contains("row 999.") && !html(MOST_ROWS).contains("left out"));
        let long = html(MOST_ROWS + 7);
        assert!(!long.contains("row 1000.") && long.contains("7 rows more are left out here"), "{long}");
    }

    #[test]
    fn cells_are_text() {
        let columns = [text("name"), number("n")];
        let table = Table { caption: "a < b", columns: &columns, rows: vec![vec!["<i>".to_owned(), "1".to_owned()]] };
        let html = table.behind();
        assert!(html.contains("<caption>a &lt; b</caption>") && html.contains("Table: a &lt; b</summary>"), "{html}");
        assert!(
            html.contains("<th scope=\"row\" dir=\"auto\">&lt;i&gt;</th><td class=\"n\" dir=\"auto\">1</td>"),
            "{html}"
        );
    }
}
