//! Tables of HTML made regular before they are converted: the converter knows neither spans nor the heads of rows, so that
//! values would stand below the wrong head.

use std::ops::Range;

/// Columns of a table, at most.
const MAX_COLUMNS: usize = 1000;
/// How many times larger a table may become by its spans, and what is always allowed, in bytes.
const MAX_GROWTH: usize = 4;
const SMALL: usize = 1 << 20;
/// Bytes of the cells that are written where rows are shorter than the widest, at most.
const MAX_PADDING: usize = 64 << 20;
/// An empty cell.
const EMPTY: &str = "<td></td>";

/// The page with each table that needs it written anew: one row of heads, a cell for each column, the content of a cell in
/// all places that it spans. A table that cannot be made so is written as paragraphs, which state nothing.
pub(super) fn regular(html: &str) -> String {
    // Of the same length, as only ASCII letters change.
    let lower = html.to_ascii_lowercase();
    let page = Page { html, lower: &lower };
    let tags = page.tags();
    let mut out = String::with_capacity(html.len());
    let mut kept = 0;
    let mut at = 0;
    while let Some(tag) = tags.get(at) {
        let end = if tag.is("table") { table_end(&tags, at) } else { at };
        if let (true, Some(last)) = (end > at, tags.get(end)) {
            let inner = tags.get(at + 1..end).unwrap_or_default();
            if let Some(written) = page.table(tag, inner) {
                out.push_str(page.text(kept..tag.place.start));
                out.push_str(&written);
                kept = last.place.end;
            }
        }
        at = end + 1;
    }
    out.push_str(page.text(kept..html.len()));
    out
}

/// The end tag of the table that begins at `from`, or `from` where there is none.
fn table_end(tags: &[Tag<'_>], from: usize) -> usize {
    let mut depth = 0_usize;
    for (at, tag) in tags.iter().enumerate().skip(from).filter(|(_, tag)| tag.name == "table") {
        depth = if tag.closing { depth.saturating_sub(1) } else { depth + 1 };
        if depth == 0 {
            return at;
        }
    }
    from
}

struct Tag<'a> {
    /// In lower case.
    name: &'a str,
    closing: bool,
    place: Range<usize>,
}

impl Tag<'_> {
    fn is(&self, name: &str) -> bool {
        !self.closing && self.name == name
    }
}

#[derive(Clone, Copy)]
struct Cell<'a> {
    content: &'a str,
    head: bool,
    columns: usize,
    rows: usize,
}

#[derive(Default)]
struct Row<'a> {
    cells: Vec<Cell<'a>>,
    /// Within `thead`.
    head: bool,
}

impl Row<'_> {
    /// Whether it names the columns; the corner above heads of rows may be a plain cell.
    fn is_head(&self) -> bool {
        let heads = self.cells.iter().skip(1).all(|cell| cell.head);
        let first = self.cells.first().is_some_and(|cell| cell.head || self.cells.len() > 1);
        self.head || (heads && first)
    }

    fn names_itself(&self) -> bool {
        self.cells.first().is_some_and(|cell| cell.head) && self.cells.iter().skip(1).all(|cell| !cell.head)
    }
}

/// A cell of the regular table.
#[derive(Clone, Copy)]
struct Place<'a> {
    content: &'a str,
    /// The cell spans the first column and others: it names no thing, but a group of rows.
    group: bool,
}

#[derive(Clone, Copy)]
struct Page<'a> {
    html: &'a str,
    lower: &'a str,
}

impl<'a> Page<'a> {
    fn text(&self, place: Range<usize>) -> &'a str {
        self.html.get(place).unwrap_or_default()
    }

    /// All tags but those within comments, scripts and styles.
    fn tags(&self) -> Vec<Tag<'a>> {
        let mut tags = Vec::new();
        let mut at = 0;
        while let Some(start) = self.lower.get(at..).and_then(|rest| rest.find('<')).map(|found| at + found) {
            let rest = self.lower.get(start + 1..).unwrap_or_default();
            let skipped_to = |what: &str| rest.find(what).map_or(self.lower.len(), |found| start + 1 + found);
            if rest.starts_with("!--") {
                at = skipped_to("-->").max(start + 1);
                continue;
            }
            let closing = rest.starts_with('/');
            let name = rest.strip_prefix('/').unwrap_or(rest);
            let name = &name[..name.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(name.len())];
            if name.is_empty() {
                at = start + 1;
                continue;
            }
            let end = start + 1 + tag_length(rest);
            at = match name {
                "script" | "style" if !closing => skipped_to(if name == "script" { "</script" } else { "</style" }),
                _ => end,
            };
            tags.push(Tag { name, closing, place: start..end });
        }
        tags
    }

    /// The table anew; None: it can stay as it is.
    fn table(&self, table: &Tag<'_>, inner: &[Tag<'_>]) -> Option<String> {
        let spans = inner.iter().any(|tag| self.span(tag, "rowspan") != 1 || self.span(tag, "colspan") != 1);
        if inner.iter().any(|tag| tag.is("table")) {
            // The converter writes tables within tables as text.
            return spans.then(|| self.paragraphs(table, inner));
        }
        let rows = self.rows(inner);
        let any_head = rows.iter().any(|row| row.head || row.cells.iter().any(|cell| cell.head));
        if !any_head {
            return None;
        }
        let (first, body) = rows.split_first()?;
        let heads = first.cells.iter().filter(|cell| cell.head).count();
        // Of a row of heads with plain cells the converter keeps the heads only.
        let is_regular = (heads == first.cells.len() || (first.head && heads == 0))
            && body.iter().all(|row| !row.head && row.cells.iter().all(|cell| !cell.head));
        if !spans && is_regular {
            return None;
        }
        Some(self.rewritten(&rows, inner).unwrap_or_else(|| self.paragraphs(table, inner)))
    }

    /// None: it is not sure below which head the values stand.
    fn rewritten(&self, rows: &[Row<'a>], inner: &[Tag<'_>]) -> Option<String> {
        let named = rows.iter().all(Row::names_itself);
        let heads = if named { 0 } else { 1 };
        let body = rows.get(heads..)?;
        let wrong = !named
            && (!rows.first()?.is_head()
                || body.iter().any(|row| !row.cells.is_empty() && row.is_head() && !row.names_itself()));
        if wrong || rows.iter().take(heads).any(|row| row.cells.iter().any(|cell| cell.rows != 1)) {
            return None;
        }
        let length: usize = rows.iter().flat_map(|row| &row.cells).map(|cell| cell.content.len() + 8).sum();
        let grid = grid(rows, length.saturating_mul(MAX_GROWTH).max(SMALL))?;
        let width = match named {
            true => grid.iter().map(Vec::len).max()?,
            false => grid.first()?.len(),
        };
        let padding = grid.len().saturating_mul(width).saturating_mul(EMPTY.len());
        if padding > MAX_PADDING
            || grid.iter().any(|row| row.len() > width)
            || grid.iter().take(heads).flatten().any(|place| place.group)
        {
            return None;
        }
        let mut out = format!("<table>{}<thead><tr>", self.caption(inner));
        let head = grid.first().filter(|_| !named);
        for column in 0..width {
            let content = head.and_then(|head| head.get(column)).map_or("", |place| place.content);
            out.push_str(&format!("<th>{content}</th>"));
        }
        out.push_str("</tr></thead><tbody>");
        for row in grid.iter().skip(heads) {
            out.push_str("<tr>");
            let group = row.first().is_some_and(|place| place.group);
            for column in 0..width {
                let place = row.get(column).filter(|_| !group || column == 0);
                out.push_str(&format!("<td>{}</td>", place.map_or("", |place| place.content)));
            }
            out.push_str("</tr>");
        }
        out.push_str("</tbody></table>");
        Some(out)
    }

    /// The table as a paragraph for each row; the dash keeps its cells from being read as a key and a value.
    fn paragraphs(&self, table: &Tag<'_>, inner: &[Tag<'_>]) -> String {
        let mut out = String::from("<div>");
        let mut kept = table.place.end;
        let parts = ["caption", "thead", "tbody", "tfoot", "tr", "td", "th", "table"];
        for tag in inner.iter().filter(|tag| parts.contains(&tag.name)) {
            out.push_str(self.text(kept..tag.place.start));
            kept = tag.place.end;
            out.push_str(match tag.name {
                "tr" | "caption" if !tag.closing => "<p>",
                "td" | "th" if !tag.closing => " — ",
                _ => "",
            });
        }
        let end = self.lower.get(kept..).and_then(|rest| rest.find("</table")).map_or(kept, |found| kept + found);
        out.push_str(self.text(kept..end));
        out.push_str("</div>");
        out
    }

    fn caption(&self, inner: &[Tag<'_>]) -> String {
        let mut tags = inner.iter().skip_while(|tag| !tag.is("caption"));
        let (Some(start), Some(end)) = (tags.next(), tags.find(|tag| tag.name == "caption" && tag.closing)) else {
            return String::new();
        };
        format!("<caption>{}</caption>", self.text(start.place.end..end.place.start))
    }

    fn rows(&self, inner: &[Tag<'_>]) -> Vec<Row<'a>> {
        let mut rows: Vec<Row<'a>> = Vec::new();
        let mut head = false;
        let parts: Vec<&Tag<'_>> =
            inner.iter().filter(|tag| matches!(tag.name, "thead" | "tbody" | "tfoot" | "tr" | "td" | "th")).collect();
        for (i, tag) in parts.iter().enumerate() {
            match tag.name {
                "thead" => head = !tag.closing,
                "tbody" | "tfoot" => head = false,
                "tr" if !tag.closing => rows.push(Row { cells: Vec::new(), head }),
                "td" | "th" if !tag.closing => {
                    let end = parts.get(i + 1).map_or_else(|| self.end_of(inner), |next| next.place.start);
                    let cell = Cell {
                        content: self.text(tag.place.end..end).trim(),
                        head: tag.name == "th",
                        columns: self.span(tag, "colspan"),
                        rows: self.span(tag, "rowspan"),
                    };
                    if let Some(row) = rows.last_mut() {
                        row.cells.push(cell);
                    }
                }
                _ => {}
            }
        }
        rows.retain(|row| !row.cells.is_empty());
        rows
    }

    /// The end of the table's content where the last cell is not closed.
    fn end_of(&self, inner: &[Tag<'_>]) -> usize {
        let from = inner.last().map_or(0, |tag| tag.place.end);
        self.lower.get(from..).and_then(|rest| rest.find("</table")).map_or(from, |found| from + found)
    }

    /// The number of a cell's attribute; 0: to the end, 1 where there is none.
    fn span(&self, tag: &Tag<'_>, name: &str) -> usize {
        if !(tag.is("td") || tag.is("th")) {
            return 1;
        }
        let tag = self.lower.get(tag.place.clone()).unwrap_or_default();
        let value = tag.split_once(name).map(|(_, rest)| rest.trim_start()).and_then(|rest| rest.strip_prefix('='));
        let value = value.unwrap_or_default().trim_start().trim_start_matches(['"', '\'']).trim_start();
        let digits = &value[..value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len())];
        digits.parse().unwrap_or(1)
    }
}

/// Bytes up to and with the `>` that ends a tag, outside of quotes.
fn tag_length(rest: &str) -> usize {
    let mut quote = None;
    for (at, byte) in rest.bytes().enumerate() {
        match (quote, byte) {
            (None, b'>') => return at + 1,
            (None, b'"' | b'\'') if rest[..at].trim_end().ends_with('=') => quote = Some(byte),
            (Some(open), close) if open == close => quote = None,
            _ => {}
        }
    }
    // A quote that is not closed.
    rest.find('>').map_or(rest.len(), |end| end + 1)
}

/// The cells with their spans; None: they would take more than `most` bytes, or too many columns.
fn grid<'a>(rows: &[Row<'a>], most: usize) -> Option<Vec<Vec<Place<'a>>>> {
    /// A cell that goes on in the rows below.
    #[derive(Clone, Copy)]
    struct Open<'a> {
        place: Place<'a>,
        left: usize,
    }
    let mut open: Vec<Option<Open<'a>>> = Vec::new();
    let mut length = 0_usize;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let mut line: Vec<Place<'a>> = Vec::new();
        let mut cells = row.cells.iter();
        loop {
            let column = line.len();
            if let Some(Some(above)) = open.get_mut(column) {
                line.push(above.place);
                above.left = above.left.saturating_sub(1);
                length += above.place.content.len() + 8;
                if above.left == 0 {
                    open[column] = None;
                }
                continue;
            }
            let Some(cell) = cells.next() else {
                if open.iter().skip(column).all(Option::is_none) {
                    break;
                }
                line.push(Place { content: "", group: false });
                continue;
            };
            let place = Place { content: cell.content, group: column == 0 && cell.columns != 1 };
            let left = if cell.rows == 0 { rows.len() } else { cell.rows } - 1;
            let columns = cell.columns.max(1);
            length += (cell.content.len() + 8).saturating_mul(columns);
            if column + columns > MAX_COLUMNS || length > most {
                return None;
            }
            open.resize(open.len().max(column + columns), None);
            for slot in open.iter_mut().skip(column).take(columns) {
                line.push(place);
                *slot = (left > 0).then_some(Open { place, left });
            }
        }
        out.push(line);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(rows: &[&[&str]]) -> String {
        let (head, body) = rows.split_first().unwrap();
        let row = |tag: &str, cells: &[&str]| {
            let cells: String = cells.iter().map(|cell| format!("<{tag}>{cell}</{tag}>")).collect();
            format!("<tr>{cells}</tr>")
        };
        let body: String = body.iter().map(|cells| row("td", cells)).collect();
        format!("<table><thead>{}</thead><tbody>{body}</tbody></table>", row("th", head))
    }

    #[test]
    fn spans_are_expanded_and_heads_of_rows_kept() {
        let head = "<tr><th>App</th><th>Host</th><th>Version</th></tr>";
        let spans = format!(
            "x<TABLE>{head}<tr><td>A<td rowspan='2'>OVH</td><td>1</td></tr><tr><td>B</td><td>2</td></tr></TABLE>y"
        );
        let expected = cells(&[&["App", "Host", "Version"], &["A", "OVH", "1"], &["B", "OVH", "2"]]);
        assert_eq!(regular(&spans), format!("x{expected}y"));
        let group =
            format!("<table>{head}<tr><td colspan=3>New</td></tr><tr><td>A</td><td colspan=2>1</td></tr></table>");
        assert_eq!(regular(&group), cells(&[&["App", "Host", "Version"], &["New", "", ""], &["A", "1", "1"]]));
        let heads = format!("<table>{head}<tr><th>A</th><td>OVH</td><td></td></tr></table>");
        assert_eq!(regular(&heads), cells(&[&["App", "Host", "Version"], &["A", "OVH", ""]]));
        let pairs = "<table><tr><th>Host</th><td>OVH</td></tr><tr><th>Version</th><td>1</td></tr></table>";
        assert_eq!(regular(pairs), cells(&[&["", ""], &["Host", "OVH"], &["Version", "1"]]));
        let plain = format!("<table>{head}<tr><td>A</td><td>OVH</td><td>1</td></tr></table>");
        assert_eq!(regular(&plain), plain);
        assert_eq!(
            regular("<!-- <table --><p>a < b<script>'<table>'</script>"),
            "<!-- <table --><p>a < b<script>'<table>'</script>"
        );
    }

    #[test]
    fn what_is_not_sure_becomes_text() {
        let two = "<table><tr><th rowspan=2>App</th><th colspan=2>Sizes</th></tr><tr><th>Min</th><th>Max</th></tr>\
            <tr><td>A</td><td>3</td><td>4</td></tr></table>";
        let expected = "<div><p> — App — Sizes<p> — Min — Max<p> — A — 3 — 4</div>";
        assert_eq!(regular(two), expected);
        let wide = "<table><tr><th>App</th><th>Host</th></tr><tr><td>A</td><td colspan=2>3</td></tr></table>";
        assert!(regular(wide).starts_with("<div>"));
        let bomb = format!("<table><tr><th>A</th><th colspan=1000>{}</th></tr></table>", "x".repeat(10_000));
        assert!(regular(&bomb).len() < 20_000);
    }

    proptest::proptest! {
        #[test]
        fn no_page_panics(parts in proptest::collection::vec("</?(table|tr|td|th|thead)( (row|col)span=[0-9\"']{0,3})?>?|é<|[a\"' ]", 0..30)) {
            let _ = regular(&parts.concat());
        }
    }
}
