//! How large the Markdown of a page becomes: the converter writes every cell of a table as wide as the widest of its column, so that
//! one long cell can make a short page take more memory than there is.

use markup5ever_rcdom::{Node, NodeData};

/// Marks around a cell.
const CELL_MARKS: usize = 3;

/// Bytes of what a node becomes, about. The tree is as deep as the caller allows.
pub(super) fn written(node: &Node) -> usize {
    length(node, false)
}

fn length(node: &Node, in_cell: bool) -> usize {
    let own = match &node.data {
        NodeData::Text { contents } => contents.borrow().len(),
        // Addresses and descriptions; no other attribute is written.
        NodeData::Element { attrs, .. } => {
            let attrs = attrs.borrow();
            let named =
                attrs.iter().filter(|attr| matches!(attr.name.local.as_ref(), "href" | "src" | "alt" | "title"));
            named.map(|attr| attr.value.len()).sum()
        }
        _ => 0,
    };
    // A table within a cell, or without heads, is written as text.
    let inner = match tag(node) {
        Some("table") if !in_cell && has_heads(node) => padded(node),
        _ => children(node, in_cell || is_cell(node)),
    };
    inner.saturating_add(own)
}

fn children(node: &Node, in_cell: bool) -> usize {
    node.children.borrow().iter().fold(0, |sum: usize, child| sum.saturating_add(length(child, in_cell)))
}

/// Of a table: as many lines as it has rows, each as long as the widest cells of all columns together.
fn padded(table: &Node) -> usize {
    let (mut rows, mut others) = (0_usize, 0_usize);
    let mut widths: Vec<usize> = Vec::new();
    let mut add = |row: &Node| {
        rows += 1;
        for (column, cell) in row.children.borrow().iter().filter(|cell| is_cell(cell)).enumerate() {
            let length = length(cell, true);
            match widths.get_mut(column) {
                Some(width) => *width = length.max(*width),
                None => widths.push(length),
            }
        }
    };
    for child in table.children.borrow().iter() {
        match tag(child) {
            Some("tr") => add(child),
            Some("thead" | "tbody" | "tfoot") => {
                child.children.borrow().iter().filter(|row| tag(row) == Some("tr")).for_each(|row| add(row));
            }
            _ => others = others.saturating_add(length(child, false)),
        }
    }
    let line = widths.iter().fold(0, |sum: usize, width| sum.saturating_add(width + CELL_MARKS));
    rows.saturating_mul(line).saturating_add(others)
}

/// Whether the converter takes it for a table of data.
fn has_heads(table: &Node) -> bool {
    table.children.borrow().iter().any(|child| match tag(child) {
        Some("th" | "thead") => true,
        Some("table") => false,
        _ => has_heads(child),
    })
}

fn is_cell(node: &Node) -> bool {
    matches!(tag(node), Some("td" | "th"))
}

fn tag(node: &Node) -> Option<&str> {
    match &node.data {
        NodeData::Element { name, .. } => Some(name.local.as_ref()),
        _ => None,
    }
}
