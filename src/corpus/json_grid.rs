//! A table in JSON whose columns are named once: `{"columns": […], "data": [[…], …]}`.

use super::json_walk::{Node, NodeKind};

pub(super) struct Grid<'a> {
    pub(super) columns: Vec<String>,
    pub(super) rows: &'a [Node],
    /// What each row is called, where the table says so.
    pub(super) names: &'a [Node],
}

impl<'a> Grid<'a> {
    /// None: the object is no such table. `text` is what the places of its nodes point into.
    pub(super) fn of(node: &'a Node, text: &str) -> Option<Self> {
        let is_text = |node: &Node| matches!(node.kind, NodeKind::Text { .. });
        let columns = node.get("columns").and_then(Node::items).filter(|columns| !columns.is_empty())?;
        let rows = ["data", "rows"].iter().find_map(|key| node.get(key).and_then(Node::items))?;
        let is_table = columns.iter().all(is_text) && !rows.is_empty() && rows.iter().all(|row| row.items().is_some());
        let names = node.get("index").and_then(Node::items).unwrap_or_default();
        let named = names.len() == rows.len() && names.iter().all(is_text);
        let columns: Option<Vec<String>> = columns.iter().map(|column| column.scalar(text)).collect();
        is_table.then_some(Self { columns: columns?, rows, names: if named { names } else { &[] } })
    }
}
