//! JSON of unknown form to records: lines, lists, lists within objects, parallel lists, objects by name.

use std::collections::HashMap;

use super::Span;
use super::error::{CorpusError, column_of, line_of, slice};
use super::json_columns::Columns;
use super::json_container::{Container, Records};
use super::json_grid::Grid;
use super::json_walk::{JsonFault, Member, Node, NodeKind, next, unescaped};
use super::layout::Ignored;
use super::names::{Names, name_key};
use super::piece::Input;
use super::record::{MAX_PATHS, Record, Slot, Table, Value};

/// Bytes of a record, at most.
const MAX_RECORD: usize = 16 << 20;
/// Objects within each other that are read.
const MAX_DEPTH: usize = 4;
/// A longer list of numbers is an embedding.
const MAX_NUMBERS: usize = 16;

pub(super) struct JsonTable {
    pub(super) table: Table,
    /// The text with the JSON in its strings opened, where there is some.
    pub(super) opened: Option<String>,
}

pub(super) fn read(input: Input<'_>) -> Result<JsonTable, CorpusError> {
    let opened = opened(input)?;
    let text = opened.as_deref().unwrap_or(input.text);
    let mut reader = Reader { input: Input { text, ..input }, table: Table::default(), slots: HashMap::new() };
    reader.all()?;
    Ok(JsonTable { table: reader.table, opened })
}

/// Whether the text begins with a JSON object or list.
pub(super) fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '[']) && matches!(next(text, 0), Ok(Some((node, _))) if holds_objects(&node))
}

fn holds_objects(node: &Node) -> bool {
    let objects = |items: &[Node]| items.first().is_some_and(|item| matches!(item.kind, NodeKind::Object(_)));
    !node.members().is_empty() || node.items().is_some_and(objects)
}

/// Some programs write the metadata as a string that holds JSON. Such a string is replaced by what it holds, so that the
/// values in it have places.
fn opened(input: Input<'_>) -> Result<Option<String>, CorpusError> {
    if !input.text.contains("\"{\\\"") {
        return Ok(None);
    }
    let mut found = Vec::new();
    let mut at = 0;
    while let Some((node, end)) = next(input.text, at).map_err(|fault| json_fault(input, fault))? {
        input.check_interrupt()?;
        nested(input.text, &node, &mut found);
        at = end;
    }
    let mut out = String::with_capacity(input.text.len());
    let mut kept = 0;
    for (span, inner) in &found {
        // The quotation marks go too.
        out.push_str(input.text.get(kept..span.start - 1).unwrap_or_default());
        out.push_str(inner);
        kept = span.end + 1;
    }
    out.push_str(input.text.get(kept..).unwrap_or_default());
    Ok((!found.is_empty()).then_some(out))
}

fn nested(text: &str, node: &Node, found: &mut Vec<(Span, String)>) {
    for item in node.items().unwrap_or_default() {
        nested(text, item, found);
    }
    for Member { key, value, .. } in node.members() {
        let holder = matches!(value.kind, NodeKind::Text { .. })
            && Names::Wrapper.has(&name_key(key))
            && !Names::Text.has(&name_key(key));
        let inner = holder
            .then(|| unescaped(slice(text, value.span)))
            .flatten()
            .filter(|inner| inner.trim_start().starts_with('{'));
        match inner.filter(|inner| matches!(next(inner, 0), Ok(Some((node, end))) if holds_objects(&node) && inner[end..].trim().is_empty())) {
            // White space between JSON's tokens can be any.
            Some(inner) => found.push((value.span, inner.replace(['\n', '\r'], " "))),
            None => nested(text, value, found),
        }
    }
}

fn json_fault(input: Input<'_>, fault: JsonFault) -> CorpusError {
    CorpusError::Json {
        file: input.file.clone(),
        line: line_of(input.text, fault.at),
        column: column_of(input.text, fault.at),
        what: fault.what,
    }
}

struct Reader<'a> {
    input: Input<'a>,
    table: Table,
    /// Of the record that is read, the place of each path's slot.
    slots: HashMap<usize, usize>,
}

impl Reader<'_> {
    fn all(&mut self) -> Result<(), CorpusError> {
        let fault = |fault| json_fault(self.input, fault);
        let Some((first, end)) = next(self.input.text, 0).map_err(fault)? else {
            return Err(CorpusError::Empty(self.input.file.clone()));
        };
        let mut following = next(self.input.text, end).map_err(fault)?;
        if following.is_none() && !is_conversation(&first) {
            return self.container(&first);
        }
        self.record(&first, &[])?;
        while let Some((node, end)) = following {
            self.record(&node, &[])?;
            following = next(self.input.text, end).map_err(|fault| json_fault(self.input, fault))?;
        }
        Ok(())
    }

    /// The records in a single JSON value.
    fn container(&mut self, node: &Node) -> Result<(), CorpusError> {
        if let Some(items) = node.items() {
            return items.iter().try_for_each(|item| self.record(item, &[]));
        }
        let Container { records, skipped } = Container::of(node, self.input.text);
        skipped.into_iter().for_each(|path| self.table.skip(path, Ignored::Beside));
        match records {
            Records::Columns(columns) => self.columns(&columns),
            Records::Grid(grid) => self.grid(&grid),
            Records::Lists { lists, beside } => {
                beside.iter().try_for_each(|object| self.record(object, &[]))?;
                let items = lists.into_iter().filter_map(Node::items).flatten();
                items.into_iter().try_for_each(|item| self.record(item, &[]))
            }
            Records::ByName(members) => members.iter().try_for_each(|member| {
                let name = Slot {
                    path: 0,
                    values: vec![Value { text: member.key.clone(), span: member.key_span, is_text: true }],
                };
                self.record(&member.value, &[Named { path: "key", slot: name }])
            }),
            Records::One(node) => self.record(node, &[]),
        }
    }

    fn columns(&mut self, columns: &Columns<'_>) -> Result<(), CorpusError> {
        for (i, document) in columns.documents.iter().enumerate() {
            self.input.check_interrupt()?;
            let mut record = self.begin(document);
            let mut place = Place { path: "ids".to_owned(), depth: 1 };
            if let Some(id) = columns.ids.get(i) {
                self.flatten(id, &mut place, &mut record)?;
            }
            "documents".clone_into(&mut place.path);
            self.flatten(document, &mut place, &mut record)?;
            if let Some(metadata) = columns.metadatas.get(i) {
                "metadatas".clone_into(&mut place.path);
                self.flatten(metadata, &mut place, &mut record)?;
            }
            self.table.records.push(record);
        }
        Ok(())
    }

    fn grid(&mut self, grid: &Grid<'_>) -> Result<(), CorpusError> {
        for (i, row) in grid.rows.iter().enumerate() {
            self.input.check_interrupt()?;
            let cells = row.items().unwrap_or_default();
            let (found, expected) = (cells.len(), grid.columns.len());
            if found > expected {
                let line = line_of(self.input.text, row.span.start);
                return Err(CorpusError::Cells { file: self.input.file.clone(), line, found, expected });
            }
            let mut record = self.begin(row);
            let mut place = Place { path: "key".to_owned(), depth: 1 };
            if let Some(name) = grid.names.get(i) {
                self.flatten(name, &mut place, &mut record)?;
            }
            for (column, cell) in grid.columns.iter().zip(cells) {
                place.path.clone_from(column);
                self.flatten(cell, &mut place, &mut record)?;
            }
            self.table.records.push(record);
        }
        Ok(())
    }

    fn record(&mut self, node: &Node, named: &[Named<'_>]) -> Result<(), CorpusError> {
        let input = self.input;
        input.check_interrupt()?;
        if !matches!(node.kind, NodeKind::Object(_)) {
            return Err(CorpusError::NotAnObject { file: input.file.clone() });
        }
        let bytes = node.span.end - node.span.start;
        if bytes > MAX_RECORD {
            let line = line_of(input.text, node.span.start);
            return Err(CorpusError::LongLine { file: input.file.clone(), line, bytes, most: MAX_RECORD });
        }
        let mut record = self.begin(node);
        for named in named {
            let path = self.path(named.path)?;
            self.slots.insert(path, record.slots.len());
            record.slots.push(Slot { path, ..named.slot.clone() });
        }
        self.flatten(node, &mut Place::default(), &mut record)?;
        self.table.records.push(record);
        Ok(())
    }

    fn begin(&mut self, node: &Node) -> Record {
        self.slots.clear();
        Record { span: node.span, slots: Vec::new() }
    }

    fn path(&mut self, path: &str) -> Result<usize, CorpusError> {
        let many = || CorpusError::Fields { file: self.input.file.clone(), most: MAX_PATHS };
        self.table.path(path).ok_or_else(many)
    }

    fn flatten(&mut self, node: &Node, place: &mut Place, record: &mut Record) -> Result<(), CorpusError> {
        match &node.kind {
            NodeKind::Object(members) if place.depth < MAX_DEPTH => {
                let length = place.path.len();
                for member in members {
                    if length > 0 {
                        place.path.push('.');
                    }
                    place.path.push_str(&member.key);
                    place.depth += 1;
                    self.flatten(&member.value, place, record)?;
                    place.depth -= 1;
                    place.path.truncate(length);
                }
            }
            NodeKind::Object(members) if !members.is_empty() => {
                self.table.skip(place.path.clone(), Ignored::Deep);
            }
            NodeKind::Object(_) | NodeKind::Null => {}
            NodeKind::List(items) => {
                if numbers(node).is_some_and(|count| count > MAX_NUMBERS) {
                    let path = self.path(&place.path)?;
                    if !self.table.embeddings.contains(&path) {
                        self.table.embeddings.push(path);
                    }
                    return Ok(());
                }
                for item in items {
                    self.flatten(item, place, record)?;
                }
            }
            NodeKind::Bool | NodeKind::Number | NodeKind::Text { .. } => self.scalar(node, place, record)?,
        }
        Ok(())
    }

    fn scalar(&mut self, node: &Node, place: &Place, record: &mut Record) -> Result<(), CorpusError> {
        let Some(text) = node.scalar(self.input.text).filter(|text| !text.trim().is_empty()) else { return Ok(()) };
        let path = self.path(&place.path)?;
        let value = Value { text, span: node.span, is_text: matches!(node.kind, NodeKind::Text { .. }) };
        match self.slots.get(&path).and_then(|at| record.slots.get_mut(*at)) {
            Some(slot) => slot.values.push(value),
            None => {
                self.slots.insert(path, record.slots.len());
                record.slots.push(Slot { path, values: vec![value] });
            }
        }
        Ok(())
    }
}

/// How many numbers a list holds, those of lists in it too; None: other values too.
fn numbers(node: &Node) -> Option<usize> {
    match &node.kind {
        NodeKind::Number => Some(1),
        NodeKind::List(items) => items.iter().map(numbers).sum(),
        _ => None,
    }
}

#[derive(Default)]
struct Place {
    path: String,
    depth: usize,
}

/// A value that a record has beside those of its object.
struct Named<'a> {
    path: &'a str,
    slot: Slot,
}

/// Whether a single object holds turns, which are not records.
fn is_conversation(node: &Node) -> bool {
    ["messages", "conversations"].iter().any(|key| node.get(key).is_some_and(|turns| turns.items().is_some()))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::corpus::ReadOptions;

    #[test]
    fn an_interruption_is_heard_between_records() {
        let file: Arc<str> = "a.json".into();
        let options = ReadOptions::default();
        options.interrupt.raise();
        for text in [
            "{\"a\": 1}\n{\"a\": 2}\n",
            "[{\"a\": 1}]",
            "{\"columns\": [\"a\"], \"data\": [[\"1\"]]}",
            "{\"documents\": [\"x\"], \"ids\": [\"1\"]}",
        ] {
            let found = read(Input { file: &file, text, options: &options });
            assert!(matches!(found, Err(CorpusError::Interrupted)), "{text}");
        }
    }

    #[test]
    fn a_path_that_a_record_repeats_holds_all_its_values() {
        let file: Arc<str> = "a.json".into();
        let options = ReadOptions::default();
        let text = "{\"a\": 1, \"b\": [{\"c\": 2}, {\"d\": 3}, {\"c\": 4}]}\n{\"b\": [{\"c\": 5}]}\n";
        let table = read(Input { file: &file, text, options: &options }).unwrap().table;
        let values = |record: usize, path: &str| -> Vec<&str> {
            let path = table.paths.iter().position(|known| known == path).unwrap();
            table.records[record].values(path).iter().map(|value| value.text.as_str()).collect()
        };
        assert_eq!((values(0, "b.c"), values(0, "b.d"), values(0, "a")), (vec!["2", "4"], vec!["3"], vec!["1"]));
        assert_eq!((values(1, "b.c"), values(1, "a")), (vec!["5"], vec![]));
    }
}
