//! Where the records of a single JSON object lie, and what stands beside them.

use super::Span;
use super::json_columns::Columns;
use super::json_grid::Grid;
use super::json_walk::{Member, Node, NodeKind};
use super::names::{Names, name_key};

/// Levels of objects that are searched for the list of records.
const MAX_WRAPPERS: usize = 3;
/// A record's own list of objects is shorter, what else the record says.
const LONG_LIST: usize = 10;
/// Folded keys that say something of the list of records beside them.
const LISTING: &[&str] = &[
    "version",
    "apiversion",
    "schemaversion",
    "formatversion",
    "schema",
    "format",
    "encoding",
    "type",
    "resourcetype",
    "kind",
    "context",
    "crs",
    "status",
    "statut",
    "state",
    "code",
    "ok",
    "success",
    "error",
    "errors",
    "message",
    "warnings",
    "count",
    "counts",
    "total",
    "totals",
    "totalcount",
    "totalresults",
    "totalhits",
    "totalelements",
    "totalpages",
    "nombre",
    "nb",
    "nbresultats",
    "nombreresultats",
    "size",
    "taille",
    "length",
    "page",
    "pages",
    "perpage",
    "pagesize",
    "pagecount",
    "pagination",
    "paging",
    "currentpage",
    "itemsperpage",
    "limit",
    "offset",
    "start",
    "skip",
    "rows",
    "first",
    "last",
    "next",
    "nextpage",
    "nextcursor",
    "nextpagetoken",
    "prev",
    "previous",
    "previouspage",
    "precedent",
    "suivant",
    "self",
    "link",
    "links",
    "cursor",
    "more",
    "hasmore",
    "hasnext",
    "relation",
    "date",
    "time",
    "timestamp",
    "generated",
    "generatedat",
    "exported",
    "exportedat",
    "exportedon",
    "exportdate",
    "dateexport",
    "datedexport",
    "created",
    "createdat",
    "updated",
    "updatedat",
    "modified",
    "lastmodified",
    "lastupdated",
    "lastupdate",
    "datemaj",
    "datedemiseajour",
    "took",
    "timedout",
    "shards",
    "maxscore",
    "requestid",
    "etag",
];
/// Members of an object that is a table.
const OF_COLUMNS: &[&str] = &["ids", "documents", "metadatas"];
const OF_GRID: &[&str] = &["columns", "data", "rows", "index"];

pub(super) enum Records<'a> {
    Columns(Columns<'a>),
    Grid(Grid<'a>),
    /// The items of lists; `beside`: the object without these lists, where it is a record too.
    Lists {
        lists: Vec<&'a Node>,
        beside: Option<Node>,
    },
    /// One for each member, whose key names it.
    ByName(&'a [Member]),
    /// The object itself.
    One(&'a Node),
}

/// What an object holds.
pub(super) struct Container<'a> {
    pub(super) records: Records<'a>,
    /// Paths of the members that are in no record.
    pub(super) skipped: Vec<String>,
}

impl<'a> Container<'a> {
    /// Of the only object of a file, whose places point into `text`.
    pub(super) fn of(node: &'a Node, text: &str) -> Self {
        let mut found = Finder { text, path: Vec::new(), skipped: Vec::new() };
        match found.records(node) {
            Some(records) => Self { records, skipped: found.skipped },
            None if by_name(node) => Self { records: Records::ByName(node.members()), skipped: Vec::new() },
            None => Self { records: Records::One(node), skipped: Vec::new() },
        }
    }
}

struct Finder<'a> {
    text: &'a str,
    /// Keys of the objects that are searched.
    path: Vec<&'a str>,
    skipped: Vec<String>,
}

impl<'a> Finder<'a> {
    /// None: the object is a record, or its members are.
    fn records<'n: 'a>(&mut self, node: &'n Node) -> Option<Records<'n>> {
        if let Some(columns) = Columns::of(node) {
            self.skip(node, &|member| !OF_COLUMNS.contains(&member.key.as_str()));
            return Some(Records::Columns(columns));
        }
        if let Some(grid) = Grid::of(node, self.text) {
            self.skip(node, &|member| !OF_GRID.contains(&member.key.as_str()));
            return Some(Records::Grid(grid));
        }
        let content: Vec<&Member> = node.members().iter().filter(|member| !is_bookkeeping(member)).collect();
        if let [only] = content.as_slice() {
            if is_list_of_objects(&only.value) {
                self.skip(node, &is_bookkeeping);
                return Some(Records::Lists { lists: vec![&only.value], beside: None });
            }
            if !only.value.members().is_empty() && self.path.len() < MAX_WRAPPERS {
                self.path.push(&only.key);
                let found = self.records(&only.value);
                self.path.pop();
                if found.is_some() {
                    self.skip(node, &is_bookkeeping);
                }
                return found;
            }
            return None;
        }
        let is_long = |member: &Member| {
            is_list_of_objects(&member.value) && member.value.items().is_some_and(|items| items.len() >= LONG_LIST)
        };
        let lists: Vec<&Node> = content.iter().filter(|member| is_long(member)).map(|member| &member.value).collect();
        let others: Vec<&Member> = node.members().iter().filter(|member| !is_long(member)).collect();
        if lists.is_empty() {
            return None;
        }
        let is_record = others.iter().any(|member| !is_bookkeeping(member));
        if !is_record {
            self.skip(node, &is_bookkeeping);
        }
        let beside = is_record.then(|| object(others.into_iter().cloned().collect())).flatten();
        Some(Records::Lists { lists, beside })
    }

    fn skip(&mut self, node: &Node, is_skipped: &dyn Fn(&Member) -> bool) {
        for member in node.members().iter().filter(|member| is_skipped(member) && !is_empty(&member.value)) {
            let path = self.path.iter().copied().chain([member.key.as_str()]);
            self.skipped.push(path.collect::<Vec<_>>().join("."));
        }
    }
}

/// An object of some members of another; its place is that of the first.
fn object(members: Vec<Member>) -> Option<Node> {
    let span = members.first().map(|first| Span { start: first.key_span.start, end: first.value.span.end })?;
    Some(Node { span, kind: NodeKind::Object(members) })
}

fn is_list_of_objects(node: &Node) -> bool {
    node.items().is_some_and(|items| !items.is_empty() && items.iter().all(|item| !item.members().is_empty()))
}

fn is_empty(node: &Node) -> bool {
    match &node.kind {
        NodeKind::Null => true,
        NodeKind::List(items) => items.is_empty(),
        NodeKind::Object(members) => members.is_empty(),
        NodeKind::Bool | NodeKind::Number | NodeKind::Text { .. } => false,
    }
}

/// Whether a member of an object says something of the list beside it (its length, its page, when it was written), and
/// nothing of a thing.
fn is_bookkeeping(member: &Member) -> bool {
    let named = LISTING.contains(&name_key(&member.key).as_str());
    match &member.value.kind {
        _ if is_empty(&member.value) => true,
        NodeKind::Null | NodeKind::Bool | NodeKind::Number | NodeKind::Text { .. } => named,
        NodeKind::List(items) => named && items.iter().all(|item| item.items().is_none() && item.members().is_empty()),
        NodeKind::Object(members) => {
            let counts = |kind: &NodeKind| named && matches!(kind, NodeKind::Bool | NodeKind::Number);
            members.iter().all(|member| is_bookkeeping(member) || counts(&member.value.kind))
        }
    }
}

/// Whether an object's keys name records: several objects with a key in common, or two that have half of their keys in
/// common and are not called as the parts of one record are.
fn by_name(node: &Node) -> bool {
    let members = node.members();
    let Some(first) = members.first() else { return false };
    let keys = first.value.members().iter().map(|member| &member.key);
    let common = keys.filter(|key| members.iter().all(|member| member.value.get(key).is_some())).count();
    match members {
        [a, b] => {
            let is_part =
                |name: &str| [Names::Wrapper, Names::Technical, Names::Part, Names::Text].iter().any(|of| of.has(name));
            let most = a.value.members().len().max(b.value.members().len());
            common > 0 && common * 2 >= most && !is_part(&name_key(&a.key)) && !is_part(&name_key(&b.key))
        }
        _ => members.len() >= 3 && common > 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listed_names_are_folded() {
        assert!(LISTING.iter().all(|name| name_key(name) == *name));
    }
}
