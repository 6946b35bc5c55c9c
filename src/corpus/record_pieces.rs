//! Records to units: chunks of one source without their overlap, fields with their places.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::error::{CorpusError, slice};
use super::fields::{Naming, fields};
use super::json_walk::Offsets;
use super::kind_fold::folded;
use super::markdown;
use super::names::name_key;
use super::outline::{Block, sections, trimmed};
use super::piece::{Input, Piece, Pieces, Stated};
use super::record::{Record, Slot, Table, Value};
use super::schema::{Schema, Texts, layout, schema};
use super::{Field, FieldForm, SharedTitle, Span};

/// Characters that two chunks share at least where one goes on with the other.
const MIN_OVERLAP: usize = 30;
/// Bytes of an overlap, at most.
const MAX_OVERLAP: usize = 4096;

/// How records lie in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordForm {
    /// Spans lie inside JSON strings.
    pub(super) json: bool,
    pub(super) texts: Texts,
}

/// The units of a table; `input` holds the text that its spans point into.
pub(super) fn pieces(input: Input<'_>, table: &Table, form: RecordForm) -> Result<Pieces, CorpusError> {
    let schema = schema(input, table, form.texts)?;
    let mut maker = Maker { input, schema: &schema, json: form.json, before: None };
    let mut out =
        Pieces { json: form.json, records: vec![layout(table, &schema)], totals: table.totals, ..Pieces::default() };
    out.shared.extend(shared_title(table, &schema));
    for record in &table.records {
        input.check_interrupt()?;
        match maker.record(record) {
            Some(pieces) => out.pieces.extend(pieces),
            None => out.duplicates += 1,
        }
    }
    Ok(out)
}

/// Records without a text that share a title and state one field differently; None: there are none. Chunks of one text share
/// its title.
fn shared_title(table: &Table, schema: &Schema) -> Option<SharedTitle> {
    let path = schema.title.filter(|_| schema.text.is_none())?;
    let mut titled: BTreeMap<String, Vec<&Record>> = BTreeMap::new();
    for record in &table.records {
        titled.entry(joined(record, Some(path)).as_deref().map(folded).unwrap_or_default()).or_default().push(record);
    }
    let values = |record: &Record, path: usize| -> Vec<String> {
        record.values(path).iter().map(|value| value.text.clone()).collect()
    };
    let differ = |records: &[&Record]| {
        let mut stated: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        let slots = records.iter().flat_map(|record| record.slots.iter().map(move |slot| (record, slot.path)));
        let mut fields = slots.filter(|(_, path)| schema.field(*path).is_some());
        fields.any(|(record, path)| {
            let found = values(record, path);
            *stated.entry(path).or_insert_with(|| found.clone()) != found
        })
    };
    titled.remove("");
    let shared: Vec<Vec<&Record>> = titled.into_values().filter(|all| all.len() > 1 && differ(all)).collect();
    let title = joined(shared.first()?.first()?, Some(path))?;
    let records = shared.iter().map(Vec::len).sum();
    Some(SharedTitle { path: table.paths.get(path)?.clone(), records, title })
}

struct Maker<'a> {
    input: Input<'a>,
    schema: &'a Schema,
    json: bool,
    /// The record before, which this one may go on with.
    before: Option<Before<'a>>,
}

struct Before<'a> {
    source: Arc<str>,
    texts: &'a [Value],
    record: &'a Record,
}

impl<'a> Maker<'a> {
    /// None: it says what the record before it says.
    fn record(&mut self, record: &'a Record) -> Option<Vec<Piece>> {
        let title = joined(record, self.schema.title);
        let head = Head { source: self.source(record, title.as_deref()), title };
        let own = self.fields(record);
        let texts = self.schema.text.map_or(&[][..], |path| record.values(path));
        // The same answer to another question goes on with nothing.
        let question = joined(record, self.schema.question);
        let before = self.before.take().filter(|before| before.source == head.source && question.is_none());
        if before.as_ref().is_some_and(|before| !texts.is_empty() && self.repeats(before, texts, record)) {
            self.before = before;
            return None;
        }
        let mut last = before.and_then(|before| before.texts.last());
        // A list of texts has a piece for each, so that each is found in the document.
        let mut pieces: Vec<Piece> = Vec::new();
        for text in texts {
            let shared = last.map_or(0, |last| overlap(&last.text, &text.text));
            let from = if shared == text.text.len() { 0 } else { shared };
            pieces.extend(self.chunk(text, from, Chunk { head: &head, fields: &own }));
            last = Some(text);
        }
        if let Some(question) = question {
            // As below a heading that is a question.
            for piece in &mut pieces {
                piece.title = Some(question.clone());
                piece.path.insert(0, question.clone());
            }
        }
        if !texts.is_empty() {
            self.before = Some(Before { source: head.source.clone(), texts, record });
        }
        match pieces.first_mut() {
            Some(first) => first.fields = own.into_iter().chain(std::mem::take(&mut first.fields)).collect(),
            None => pieces.push(self.composed(record, head, own)),
        }
        Some(pieces)
    }

    /// Whether a record has the text of the one before it, or the end of that, and the same fields.
    fn repeats(&self, before: &Before<'_>, texts: &[Value], record: &Record) -> bool {
        let said = |a: &[Value]| a.iter().map(|value| value.text.clone()).collect::<Vec<_>>();
        let is_end = match (before.texts.last(), texts) {
            (Some(last), [only]) => overlap(&last.text, &only.text) == only.text.len(),
            _ => false,
        };
        (is_end || said(before.texts) == said(texts)) && self.same_fields(before.record, record)
    }

    fn same_fields(&self, a: &Record, b: &Record) -> bool {
        let texts = |record: &Record| -> Vec<(usize, Vec<String>)> {
            let id = self.schema.id;
            let slots = record.slots.iter().filter(|slot| Some(slot.path) != id && self.is_read(slot.path));
            slots.map(|slot| (slot.path, slot.values.iter().map(|value| value.text.clone()).collect())).collect()
        };
        texts(a) == texts(b)
    }

    fn is_read(&self, path: usize) -> bool {
        self.schema.key(path).is_some() || self.schema.title == Some(path)
    }

    /// What the record belongs to when sources are held out: its own source, else its title or id in the file.
    fn source(&self, record: &Record, title: Option<&str>) -> Arc<str> {
        let id = joined(record, self.schema.id);
        match (joined(record, self.schema.source), title.or(id.as_deref())) {
            (Some(source), _) => source.into(),
            (None, Some(name)) => format!("{}#{name}", self.input.file).into(),
            (None, None) => self.input.file.clone(),
        }
    }

    fn fields(&self, record: &Record) -> Vec<Field> {
        let slots = record.slots.iter();
        let field = |slot: &Slot| {
            let key = self.schema.field(slot.path)?.clone();
            let values = slot.values.iter().map(|value| value.text.clone()).collect();
            let spans = slot.values.iter().map(|value| value.span).collect();
            Some(Field { entity: None, key, values, spans, form: FieldForm::Record })
        };
        slots.filter_map(field).collect()
    }

    /// A record without a text: its fields, a line each, and the values that every record has.
    fn composed(&self, record: &Record, head: Head, fields: Vec<Field>) -> Piece {
        let line = |slot: &Slot| {
            let values: Vec<&str> = slot.values.iter().map(|value| value.text.as_str()).collect();
            Some(format!("{}: {}", self.schema.key(slot.path)?, values.join(", ")))
        };
        let lines = record.slots.iter().filter_map(line);
        let text = head.title.iter().cloned().chain(lines).collect::<Vec<_>>().join("\n");
        let Head { title, source } = head;
        Piece { source: Some(source), title, path: Vec::new(), span: record.span, text, fields, doubtful: Vec::new() }
    }

    /// The units of a record's text from byte `from` on, without the record's own fields.
    fn chunk(&self, text: &Value, from: usize, chunk: Chunk<'_>) -> Vec<Piece> {
        let inner = Input { text: &text.text, ..self.input };
        let rest = trimmed(inner.text, Span { start: from, end: inner.text.len() });
        let blocks = markdown::blocks(inner.text, rest.start);
        let fits = inner.fits(slice(inner.text, rest));
        let mut pieces = match fits {
            true => {
                let said = said(inner.text, &blocks, chunk.head.title.as_deref());
                let text = slice(inner.text, rest).to_owned();
                vec![Piece {
                    span: rest,
                    text,
                    title: said.title,
                    fields: said.stated.fields,
                    doubtful: said.stated.doubtful,
                    ..Piece::default()
                }]
            }
            false => markdown::packed(inner, &blocks, chunk.head.title.clone()),
        };
        let raw = slice(self.input.text, text.span);
        let offsets = if self.json { Offsets::new(raw) } else { Offsets::new("") };
        let known: HashSet<String> = chunk.fields.iter().map(|field| name_key(&field.key)).collect();
        for piece in &mut pieces {
            let is_new = |field: &Field| field.entity.is_some() || !known.contains(&name_key(&field.key));
            piece.fields.retain(is_new);
            piece.doubtful.retain(is_new);
            let places = piece.fields.iter_mut().chain(&mut piece.doubtful).flat_map(|field| &mut field.spans);
            for span in places.chain([&mut piece.span]) {
                *span = Span {
                    start: text.span.start + offsets.raw(span.start),
                    end: text.span.start + offsets.raw(span.end),
                };
            }
            piece.source = Some(chunk.head.source.clone());
            if chunk.head.title.is_some() {
                piece.title.clone_from(&chunk.head.title);
            }
        }
        pieces
    }
}

/// The values of a path, which are several where it holds a list.
fn joined(record: &Record, path: Option<usize>) -> Option<String> {
    let values: Vec<&str> = record.values(path?).iter().map(|value| value.text.trim()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

struct Head {
    title: Option<String>,
    source: Arc<str>,
}

struct Chunk<'a> {
    head: &'a Head,
    /// The record's own, before which those of its text do not count.
    fields: &'a [Field],
}

/// What the text of a record says in all its sections.
struct Said {
    /// Of the first section that is more than a heading.
    title: Option<String>,
    stated: Stated,
}

fn said(text: &str, blocks: &[Block], title: Option<&str>) -> Said {
    let sections = sections(blocks);
    let naming = Naming::new(&sections, title.map(str::to_owned));
    let mut stated = Stated::default();
    for section in &sections {
        // Below a heading that names another entity, the fields are that entity's.
        let about = naming.title(section).filter(|about| Some(about.as_str()) != title && section.path.len() > 1);
        let of_about = |field: Field| Field { entity: field.entity.or(about.cloned()), ..field };
        let found = fields(text, section, &naming);
        stated.fields.extend(found.fields.into_iter().map(of_about));
        stated.doubtful.extend(found.doubtful.into_iter().map(of_about));
    }
    let first = sections.iter().find(|section| section.has_body()).or(sections.first());
    Said { title: first.and_then(|first| naming.title(first)).cloned(), stated }
}

/// Bytes at the start of `next` that are the end of `before`; 0 where they are few.
fn overlap(before: &str, next: &str) -> usize {
    let most = before.len().min(next.len());
    if before == next {
        return most;
    }
    let tail_start = before.char_indices().rev().nth(MIN_OVERLAP - 1).map(|(at, _)| at);
    let Some(tail) = tail_start.and_then(|at| before.get(at..)) else { return 0 };
    let window = (0..=most.min(MAX_OVERLAP)).rev().find_map(|end| next.get(..end)).unwrap_or_default();
    let mut ends = window.rmatch_indices(tail).map(|(at, found)| at + found.len());
    ends.find(|end| next.get(..*end).is_some_and(|head| before.ends_with(head))).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_long_borders_are_overlaps() {
        let shared = "thirty or more characters are shared here";
        let (a, b) = (format!("One. {shared}"), format!("{shared} two."));
        assert_eq!(overlap(&a, &b), shared.len());
        assert_eq!(overlap(&a, &a), a.len());
        assert_eq!(overlap("ends short", "short begins"), 0);
        assert_eq!(overlap(&a, "other text that begins in another manner"), 0);
        let accents = "é".repeat(30);
        assert_eq!(overlap(&format!("x{accents}"), &format!("{accents}y")), 60);
        assert_eq!(overlap("", ""), 0);
    }
}
