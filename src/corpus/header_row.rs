//! Which row of a table names its columns, and which rows are sums.

use super::Span;
use super::error::slice;
use super::names::name_key;
use super::record::Row;

/// Rows of a title above the header, at most.
const MAX_TITLES: usize = 5;
/// Columns from which on a row below a title is surely no text with a delimiter in it.
const SURE_COLUMNS: usize = 3;
/// First cells of rows that sum others up, folded.
const TOTALS: &[&str] =
    &["total", "totals", "totaux", "totalgeneral", "grandtotal", "subtotal", "soustotal", "somme", "sum"];

/// What the cells of a row are like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) cells: usize,
    /// Those that hold something.
    pub(super) full: usize,
    /// Whether one is a number.
    pub(super) has_number: bool,
    /// The place of the first that holds something; of an empty row, the number of its cells.
    pub(super) begins: usize,
}

impl Shape {
    pub(super) fn of<'a>(cells: impl Iterator<Item = &'a str>) -> Self {
        cells.map(str::trim).fold(Self::default(), |found, cell| Self {
            cells: found.cells + 1,
            full: found.full + usize::from(!cell.is_empty()),
            has_number: found.has_number || cell.parse::<f64>().is_ok(),
            begins: if found.full == 0 && cell.is_empty() { found.cells + 1 } else { found.begins },
        })
    }
}

/// The index of the row that names the columns: the first that holds something, or the first of several cells below rows of a
/// single one, which are a title. `cut`: a delimiter that was guessed cut the cells, so that a text may look like two.
pub(super) fn header_row(rows: &[Shape], cut: bool) -> usize {
    let first = rows.iter().position(|row| row.full > 0).unwrap_or(0);
    let Some(header) = rows.iter().position(|row| row.full > 1) else { return first };
    let above = rows.get(first..header).unwrap_or_default();
    let below = rows.get(header + 1..).unwrap_or_default();
    let Some(Shape { cells, full, has_number, begins }) = rows.get(header).copied() else { return first };
    // A name in a later column is the header of a table whose first column has none.
    let is_above = above.iter().all(|row| row.full == 0 || row.begins <= begins);
    let is_parted = above.iter().any(|row| row.full == 0 || row.cells == cells);
    let is_table = below.iter().any(|row| row.full > 1) && below.iter().all(|row| row.cells <= cells);
    let is_sure = !cut || is_parted || full >= SURE_COLUMNS;
    let titles = above.iter().filter(|row| row.full > 0).count();
    if titles <= MAX_TITLES && is_table && is_sure && is_above && !has_number { header } else { first }
}

/// Whether a row sums others up: `Total`, then numbers.
pub(super) fn is_total(text: &str, row: &Row) -> bool {
    let mut cells = row.cells.iter().map(|cell: &Span| slice(text, *cell).trim()).filter(|cell| !cell.is_empty());
    let is_named = cells.next().is_some_and(|first| TOTALS.contains(&name_key(first).as_str()));
    let rest: Vec<&str> = cells.collect();
    is_named && !rest.is_empty() && rest.iter().all(|cell| cell.contains(|c: char| c.is_ascii_digit()))
}
