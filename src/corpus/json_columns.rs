//! Parallel lists in JSON: `{"ids": […], "documents": […], "metadatas": […]}`.

use super::json_walk::{Node, NodeKind};

/// Chroma's parallel lists; those of a query lie within one list more.
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<&'a Node>,
    pub(super) documents: Vec<&'a Node>,
    pub(super) metadatas: Vec<&'a Node>,
}

impl<'a> Columns<'a> {
    /// None: the object has no such lists.
    pub(super) fn of(node: &'a Node) -> Option<Self> {
        let column = |key: &str| -> Vec<&'a Node> {
            let items = node.get(key).and_then(Node::items).unwrap_or_default();
            items
                .iter()
                .flat_map(|item| item.items().map_or_else(|| vec![item], |inner| inner.iter().collect()))
                .collect()
        };
        let found = Self { ids: column("ids"), documents: column("documents"), metadatas: column("metadatas") };
        let texts = found.documents.iter().all(|one| matches!(one.kind, NodeKind::Text { .. } | NodeKind::Null));
        let aligned = |other: &[&Node]| other.is_empty() || other.len() == found.documents.len();
        (!found.documents.is_empty() && texts && aligned(&found.ids) && aligned(&found.metadatas)).then_some(found)
    }
}
