//! The keys and values that a section of a text states: pairs, tables, lists, definitions.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::error::slice;
use super::fields_records::{Group, Owner, groups};
use super::heading_parts::{is_part, is_question};
use super::key_value::{all_plain, pair, pairs, single, stated};
use super::key_value_single::decide;
use super::markup::{plain, said, value};
use super::names::{Names, name_key};
use super::outline::{Block, BlockKind, Definition, Item, Row, Section};
use super::piece::Stated;
use super::table_form::{Entities, entities};
use super::{Field, FieldForm, Span};

/// Items of a list that is a value, at most.
const MAX_ITEMS: usize = 12;
/// Characters of such an item, at most.
const MAX_ITEM: usize = 100;
/// Words of an item that is a sentence, at least.
const MIN_SENTENCE: usize = 3;
/// Heads of a column of keys, folded, that may be said of things as well.
const THINGS: &[&str] = &["item", "element"];
/// Heads of a column of values, folded, beside these.
const CONTENTS: &[&str] =
    &["content", "contents", "contenu", "data", "detail", "details", "donnees", "information", "informations"];

/// Which headings name an entity, and which a part of its description.
pub(super) struct Naming {
    document: Option<String>,
    /// Folded headings that several parents have, or that are known to name parts.
    parts: BTreeSet<String>,
}

impl Naming {
    pub(super) fn new(sections: &[Section<'_>], document: Option<String>) -> Self {
        let mut parents: BTreeMap<String, BTreeSet<&[String]>> = BTreeMap::new();
        for section in sections {
            for (depth, heading) in section.path.iter().enumerate().skip(1) {
                parents.entry(name_key(heading)).or_default().insert(section.path.get(..depth).unwrap_or_default());
            }
        }
        let several = parents.into_iter().filter(|(_, above)| above.len() > 1).map(|(heading, _)| heading);
        let below = sections.iter().flat_map(|section| section.path.iter().skip(1));
        let known = below.filter(|heading| is_part(heading)).map(|heading| name_key(heading));
        Self { document, parts: several.chain(known).collect() }
    }

    /// What a section is about: the last of its headings that names an entity.
    pub(super) fn title<'a>(&'a self, section: &'a Section<'_>) -> Option<&'a String> {
        let named = section.path.iter().enumerate().rev();
        let mut named = named.filter(|(depth, heading)| *depth == 0 || !self.parts.contains(&name_key(heading)));
        named.next().map(|(_, heading)| heading).or(self.document.as_ref())
    }

    /// What the list below a section's last heading belongs to.
    fn owner<'a>(&'a self, section: &'a Section<'_>) -> Option<&'a String> {
        let (_, above) = section.path.split_last()?;
        let named = above.iter().enumerate().rev();
        let mut named = named.filter(|(depth, heading)| *depth == 0 || !self.parts.contains(&name_key(heading)));
        named.next().map(|(_, heading)| heading).or(self.document.as_ref())
    }
}

/// All fields of a section, in the order of their places.
pub(super) fn fields(text: &str, section: &Section<'_>, naming: &Naming) -> Stated {
    let mut out = Stated::default();
    // Fields of paragraphs of one line.
    let mut lines = Vec::new();
    let mut before: Option<&Block> = None;
    for (block, groups) in section.blocks.iter().zip(groups(text, section.blocks)) {
        match &block.kind {
            BlockKind::Prose => {
                let alone = !slice(text, block.span).trim().contains('\n');
                let lone = groups.iter().filter(|_| alone).filter_map(|group| single_field(text, group));
                match section.path.is_empty() {
                    true => out.doubtful.extend(lone),
                    false => lines.extend(lone),
                }
                out.fields.extend(groups.into_iter().flat_map(|group| stated_pairs(text, group)));
            }
            BlockKind::List(_) if groups.iter().any(|group| matches!(group.owner, Owner::Record(_))) => {
                out.fields.extend(groups.into_iter().flat_map(|group| stated_pairs(text, group)));
            }
            BlockKind::List(items) => {
                // What a list answers, it is called by.
                let answers = section.path.last().is_some_and(|heading| is_question(heading));
                let key = before.filter(|_| !answers).and_then(|before| key_before(text, before));
                let lone = groups.iter().find_map(|group| single_field(text, group));
                match items.len() {
                    1 => out.fields.extend(lone),
                    _ => out.doubtful.extend(lone),
                }
                match (key, list_below(text, section, naming)) {
                    (Some(key), _) => out.fields.extend(list_field(text, items, key)),
                    (None, Some(heading)) => out.fields.extend(list_field(text, items, heading)),
                    (None, None) => out.fields.extend(groups.into_iter().flat_map(|group| stated_pairs(text, group))),
                }
            }
            BlockKind::Table(rows) => out.fields.extend(table_fields(text, rows)),
            BlockKind::Definitions(all) => out.fields.extend(all.iter().filter_map(|one| defined(text, one))),
            BlockKind::Heading { .. } => {
                out.doubtful.extend(groups.iter().filter_map(|group| single_field(text, group)))
            }
            BlockKind::Whole => {}
        }
        before = Some(block);
    }
    decide(&mut out, lines);
    out
}

/// The field that a single line states, where it is one.
fn single_field(text: &str, group: &Group) -> Option<Field> {
    let pair = single(text, &group.pairs).filter(|_| group.owner == Owner::Unit)?;
    field(text, &pair.key, vec![pair.value], FieldForm::KeyValue)
}

/// The pairs of a group that belong together, as one run.
fn stated_pairs(text: &str, group: Group) -> Vec<Field> {
    let entity = match group.owner {
        Owner::Unit => None,
        Owner::Record(name) => Some(name),
        Owner::Unknown => return Vec::new(),
    };
    // The key that names a record is one of its run.
    let stated = match entity.is_some() {
        true => all_plain(text, group.pairs),
        false => stated(text, group.pairs),
    };
    let fields = stated.into_iter().filter_map(|pair| field(text, &pair.key, vec![pair.value], FieldForm::KeyValue));
    fields.map(|field| Field { entity: entity.clone(), ..field }).collect()
}

fn field(text: &str, key: &str, spans: Vec<Span>, form: FieldForm) -> Option<Field> {
    let values: Vec<String> = spans.iter().map(|span| said(text, *span).into_owned()).collect();
    let whole = !key.is_empty() && !values.is_empty() && values.iter().all(|value| !value.is_empty());
    whole.then(|| Field { entity: None, key: key.to_owned(), values, spans, form })
}

/// The key of a list, and whose it is where it is not the unit's.
struct ListKey {
    key: String,
    entity: Option<String>,
}

/// `**Key** :` or `Key:` as the last line before a list.
fn key_before(text: &str, block: &Block) -> Option<ListKey> {
    if block.kind != BlockKind::Prose {
        return None;
    }
    let prose = slice(text, block.span).trim_end();
    let start = block.span.start + prose.rfind('\n').map_or(0, |newline| newline + 1);
    let found = pair(text, start..block.span.start + prose.len())?;
    (found.value.start == found.value.end).then_some(ListKey { key: found.key, entity: None })
}

/// The heading, where the section is a single list.
fn list_below(text: &str, section: &Section<'_>, naming: &Naming) -> Option<ListKey> {
    let lists = section.blocks.iter().filter(|block| matches!(block.kind, BlockKind::List(_))).count();
    let prose = section.blocks.iter().filter(|block| !matches!(block.kind, BlockKind::List(_)));
    let introduced = prose.map(|block| slice(text, block.span).trim_end()).all(|prose| prose.ends_with(':'));
    if lists != 1 || section.blocks.len() > 2 || !introduced {
        return None;
    }
    let (key, entity) = (section.path.last()?.clone(), naming.owner(section)?.clone());
    let entity = (naming.title(section) != Some(&entity)).then_some(entity);
    Some(ListKey { key, entity })
}

fn list_field(text: &str, items: &[Item], key: ListKey) -> Vec<Field> {
    let spans: Vec<Span> = items.iter().map(|item| item.span).collect();
    let found: Vec<_> = spans.iter().flat_map(|span| pairs(text, *span)).collect();
    if !found.is_empty() {
        let stated = stated(text, found).into_iter();
        return stated.filter_map(|pair| field(text, &pair.key, vec![pair.value], FieldForm::KeyValue)).collect();
    }
    let sentences = spans.iter().filter(|span| is_sentence(slice(text, **span))).count();
    if sentences * 2 >= spans.len() {
        return Vec::new();
    }
    let short = |span: &Span| slice(text, *span).chars().count() <= MAX_ITEM;
    if items.len() > MAX_ITEMS || items.iter().any(|item| item.nested || !short(&item.span)) {
        return Vec::new();
    }
    let values: Option<Vec<Span>> = spans.iter().map(|span| plain(text, *span)).collect();
    let list = values.and_then(|values| field(text, &key.key, values, FieldForm::List));
    list.map(|list| Field { entity: key.entity, ..list }).into_iter().collect()
}

/// `Follow the path for two hours.`: a step, and no value.
fn is_sentence(item: &str) -> bool {
    let stops = item.trim_end_matches(['*', '_', '"', '»', ')']).ends_with(['.', '!', '?', '…']);
    stops && item.split_whitespace().count() >= MIN_SENTENCE
}

fn defined(text: &str, one: &Definition) -> Option<Field> {
    let term = said(text, plain(text, one.term)?);
    let values: Option<Vec<Span>> = one.meanings.iter().map(|meaning| value(text, &term, *meaning)).collect();
    field(text, &term, values?, FieldForm::KeyValue)
}

/// Of two columns of keys and values, pairs; of others, each cell with its row's and column's head, where it can be told which
/// of both is the entity.
fn table_fields(text: &str, rows: &[Row]) -> Vec<Field> {
    let Some((head, body)) = rows.split_first() else { return Vec::new() };
    if let Some(skip) = pairs_table(text, rows) {
        let rows = rows.iter().skip(skip);
        return rows.filter_map(|row| pair_row(text, row)).collect();
    }
    let heads: Vec<Option<Cow<'_, str>>> =
        head.cells.iter().map(|cell| plain(text, *cell).map(|span| said(text, span))).collect();
    let entities = if heads.len() > 2 { entities(text, rows) } else { Entities::InRows };
    match entities {
        Entities::InRows => body.iter().flat_map(|row| cells(text, row, &heads)).collect(),
        Entities::InColumns => body.iter().flat_map(|row| compared(text, row, &heads)).collect(),
        Entities::Unknown => Vec::new(),
    }
}

/// The cells of a row whose first cell is the attribute and whose columns are entities.
fn compared(text: &str, row: &Row, heads: &[Option<Cow<'_, str>>]) -> Vec<Field> {
    let Some((key, rest)) = row.cells.split_first() else { return Vec::new() };
    let Some(key) = plain(text, *key).map(|span| said(text, span)) else { return Vec::new() };
    let of = |cell: Span, entity: &str| {
        let found = field(text, &key, vec![value(text, &key, cell)?], FieldForm::Cell)?;
        (!entity.is_empty()).then(|| Field { entity: Some(entity.to_owned()), ..found })
    };
    rest.iter().zip(heads.iter().skip(1)).filter_map(|(cell, head)| of(*cell, head.as_deref()?)).collect()
}

fn cells(text: &str, row: &Row, heads: &[Option<Cow<'_, str>>]) -> Vec<Field> {
    let Some((entity, rest)) = row.cells.split_first() else { return Vec::new() };
    let Some(entity) = plain(text, *entity).map(|span| said(text, span).into_owned()) else { return Vec::new() };
    let of = |cell: Span, head: &str| {
        let found = field(text, head, vec![value(text, head, cell)?], FieldForm::Cell)?;
        Some(Field { entity: Some(entity.clone()), ..found })
    };
    rest.iter().zip(heads.iter().skip(1)).filter_map(|(cell, head)| of(*cell, head.as_deref()?)).collect()
}

fn pair_row(text: &str, row: &Row) -> Option<Field> {
    let [key, cell] = row.cells.as_slice() else { return None };
    let key = said(text, plain(text, *key)?);
    let key = key.trim_end_matches([':', ' ', '\u{a0}', '\u{202f}']);
    field(text, key, vec![value(text, key, *cell)?], FieldForm::KeyValue)
}

/// Whether a table of two columns lists keys with their values, and the rows to leave out: the header, where it says
/// that these are keys and values.
fn pairs_table(text: &str, rows: &[Row]) -> Option<usize> {
    let (head, body) = rows.split_first()?;
    let [first, second] = head.cells.as_slice() else { return None };
    let (first, second) = (slice(text, *first), slice(text, *second));
    let (first_key, second_key) = (name_key(first), name_key(second));
    let known = body
        .iter()
        .filter_map(|row| row.cells.first())
        .filter(|key| Names::Attribute.has(&name_key(slice(text, **key))));
    let known = !body.is_empty() && known.count() * 2 >= body.len();
    // `Item` and `Place` head things and an attribute of them, `Item` and `Details` keys and values.
    let is_thing = THINGS.contains(&first_key.as_str()) && !CONTENTS.contains(&second_key.as_str()) && !known;
    let is_key = Names::Key.has(&first_key) && !is_thing;
    if first.is_empty() || second.is_empty() || is_key || Names::Value.has(&second_key) {
        return Some(1);
    }
    let bold = first.starts_with("**") && !second.starts_with("**");
    (bold || known).then_some(0)
}
