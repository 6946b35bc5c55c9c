//! Paragraphs that many documents have (footers, navigation, licences) are left out of the units, unless they state a field.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::Span;
use super::json_walk::Offsets;
use super::layout::Boilerplate;
use super::piece::Piece;

/// Fewer documents say nothing.
const MIN_DOCUMENTS: usize = 20;
/// Share of the documents, in hundredths.
const SHARE: usize = 30;

/// A piece with the file that it is of.
pub(super) struct Owned<'a> {
    pub(super) file: usize,
    /// What the file's spans point into.
    pub(super) text: &'a str,
    pub(super) json: bool,
    pub(super) piece: Piece,
}

struct Paragraph<'a> {
    at: usize,
    text: &'a str,
    /// In the file's text.
    span: Span,
    /// A field is read from it: `**Version** : 3` is true of each document that has it.
    is_fact: bool,
}

impl Paragraph<'_> {
    fn is_dropped(&self, common: &BTreeMap<String, usize>) -> bool {
        !self.is_fact && common.contains_key(self.text)
    }
}

/// Leaves out what 30 of 100 documents have; a document is a file, or a record's own source.
pub(super) fn drop<'a>(pieces: Vec<Owned<'a>>) -> (Vec<Owned<'a>>, Vec<Boilerplate>) {
    let documents: HashSet<(usize, Option<&str>)> = pieces.iter().map(document).collect();
    if documents.len() < MIN_DOCUMENTS {
        return (pieces, Vec::new());
    }
    let mut holders: HashMap<&str, HashSet<(usize, Option<&str>)>> = HashMap::new();
    for owned in pieces.iter().filter(|owned| is_sliced(owned)) {
        for paragraph in paragraphs(owned).into_iter().filter(|paragraph| !paragraph.is_fact) {
            holders.entry(paragraph.text).or_default().insert(document(owned));
        }
    }
    let common: BTreeMap<String, usize> = holders
        .into_iter()
        .filter(|(_, holders)| holders.len() * 100 >= documents.len() * SHARE)
        .map(|(text, holders)| (text.to_owned(), holders.len()))
        .collect();
    if common.is_empty() {
        return (pieces, Vec::new());
    }
    let kept = pieces.into_iter().flat_map(|owned| without(owned, &common)).collect();
    let dropped = common.into_iter().map(|(text, documents)| Boilerplate { text, documents }).collect();
    (kept, dropped)
}

fn document<'b>(owned: &'b Owned<'_>) -> (usize, Option<&'b str>) {
    (owned.file, owned.piece.source.as_deref())
}

/// Whether the unit's text stands in the document as it is, and is not composed of a record's fields.
fn is_sliced(owned: &Owned<'_>) -> bool {
    let raw = owned.text.get(owned.piece.span.start..owned.piece.span.end).unwrap_or_default();
    match owned.json && raw.contains('\\') {
        true => super::json_walk::unescaped(raw).is_some_and(|text| text == owned.piece.text),
        false => raw == owned.piece.text,
    }
}

/// Blocks between empty lines of a unit whose text stands in the document.
fn paragraphs<'b>(owned: &'b Owned<'_>) -> Vec<Paragraph<'b>> {
    let text = owned.piece.text.as_str();
    let raw = owned.text.get(owned.piece.span.start..owned.piece.span.end).unwrap_or_default();
    let offsets = Offsets::new(if owned.json { raw } else { "" });
    let base = owned.piece.span.start;
    let fields = owned.piece.fields.iter().chain(&owned.piece.doubtful);
    let stated: BTreeSet<usize> = fields.flat_map(|field| &field.spans).map(|span| span.start).collect();
    let mut out: Vec<Paragraph<'_>> = Vec::new();
    let (mut at, mut start) = (0, None);
    let mut push = |from: usize, to: usize| {
        let text = text.get(from..to).unwrap_or_default().trim_end();
        let span = Span { start: base + offsets.raw(from), end: base + offsets.raw(from + text.len()) };
        let is_fact = stated.range(span.start..span.end).next().is_some();
        out.push(Paragraph { at: from, text, span, is_fact });
    };
    for line in text.split_inclusive('\n') {
        match (line.trim().is_empty(), start) {
            (true, Some(from)) => {
                push(from, at);
                start = None;
            }
            (false, None) => start = Some(at),
            _ => {}
        }
        at += line.len();
    }
    if let Some(from) = start {
        push(from, text.len());
    }
    out
}

/// The runs of a piece's paragraphs that stay.
fn without<'a>(owned: Owned<'a>, common: &BTreeMap<String, usize>) -> Vec<Owned<'a>> {
    if !is_sliced(&owned) {
        return vec![owned];
    }
    let paragraphs = paragraphs(&owned);
    if paragraphs.iter().all(|paragraph| !paragraph.is_dropped(common)) {
        return vec![owned];
    }
    let mut runs: Vec<Piece> = Vec::new();
    for run in paragraphs.chunk_by(|a, b| a.is_dropped(common) == b.is_dropped(common)) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        if first.is_dropped(common) {
            continue;
        }
        let (start, end) = (first.at, last.at + last.text.len());
        runs.push(Piece {
            span: Span { start: first.span.start, end: last.span.end },
            text: owned.piece.text.get(start..end).unwrap_or_default().to_owned(),
            fields: Vec::new(),
            doubtful: Vec::new(),
            ..owned.piece.clone()
        });
    }
    let Owned { file, text, json, piece } = owned;
    let certain = piece.fields.into_iter().map(|field| (field, true));
    for (field, is_certain) in certain.chain(piece.doubtful.into_iter().map(|field| (field, false))) {
        let start = field.spans.first().map_or(0, |span| span.start);
        let inside = piece.span.start <= start && start < piece.span.end;
        let holder = match inside {
            true => runs.iter_mut().find(|run| run.span.start <= start && start < run.span.end),
            false => runs.first_mut(),
        };
        if let Some(run) = holder {
            match is_certain {
                true => run.fields.push(field),
                false => run.doubtful.push(field),
            }
        }
    }
    runs.into_iter().map(|piece| Owned { file, text, json, piece }).collect()
}
