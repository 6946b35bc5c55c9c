//! The blocks of a text, whatever its format, and the units that they are packed into.

use super::error::slice;
use super::piece::{Input, Piece, Stated};
use super::text_split::split_text;
use super::{Field, Span};

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Block {
    pub(super) span: Span,
    pub(super) kind: BlockKind,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum BlockKind {
    Heading {
        level: usize,
        title: String,
    },
    /// Cut between sentences where it is too long.
    Prose,
    List(Vec<Item>),
    /// The header is the first row.
    Table(Vec<Row>),
    Definitions(Vec<Definition>),
    /// Never cut: code.
    Whole,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Item {
    /// Without its marker.
    pub(super) span: Span,
    /// Whether it holds more than a line of text.
    pub(super) nested: bool,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Row {
    pub(super) span: Span,
    pub(super) cells: Vec<Span>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Definition {
    pub(super) term: Span,
    pub(super) meanings: Vec<Span>,
}

impl Block {
    /// Of a heading.
    fn level(&self) -> Option<usize> {
        match self.kind {
            BlockKind::Heading { level, .. } => Some(level),
            _ => None,
        }
    }
}

/// What stands between two headings.
#[derive(Debug)]
pub(super) struct Section<'a> {
    /// Headings above it, outermost first.
    pub(super) path: Vec<String>,
    /// A heading among them has nothing below it: it is text of the section.
    pub(super) blocks: &'a [Block],
}

impl Section<'_> {
    /// Whether it holds more than headings.
    pub(super) fn has_body(&self) -> bool {
        self.blocks.iter().any(|block| block.level().is_none())
    }
}

/// The blocks divided by their headings. A heading that neither a block nor a deeper heading follows is text of the section
/// that it would divide.
pub(super) fn sections(blocks: &[Block]) -> Vec<Section<'_>> {
    let mut levels: Vec<usize> = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut out: Vec<Section<'_>> = Vec::new();
    // Blocks up to the end of the run, and of the last section.
    let (mut end, mut divided) = (0, 0);
    for run in blocks.chunk_by(|_, next| next.level().is_none()) {
        let start = end;
        end += run.len();
        let Some((Block { kind: BlockKind::Heading { level, title }, .. }, rest)) = run.split_first() else {
            out.push(Section { path: path.clone(), blocks: run });
            divided = end;
            continue;
        };
        let kept = levels.iter().position(|above| above >= level).unwrap_or(levels.len());
        levels.truncate(kept);
        path.truncate(kept);
        let next = blocks.get(end).and_then(Block::level);
        if rest.is_empty() && next.is_none_or(|next| next <= *level) {
            match out.last_mut().filter(|last| divided == start && last.path == path) {
                Some(last) => last.blocks = blocks.get(start - last.blocks.len()..end).unwrap_or_default(),
                None => out.push(Section { path: path.clone(), blocks: run }),
            }
            divided = end;
            continue;
        }
        levels.push(*level);
        path.push(title.clone());
        if !rest.is_empty() {
            out.push(Section { path: path.clone(), blocks: rest });
            divided = end;
        }
    }
    out
}

/// The text of a heading, without the marks of Markdown.
pub(super) fn heading_text(text: &str, heading: Span) -> Span {
    let line = slice(text, heading).lines().next().unwrap_or_default();
    let rest = line.trim_start_matches('#');
    let start = heading.start + (line.len() - rest.len());
    trimmed(text, Span { start, end: start + rest.trim_end().trim_end_matches('#').len() })
}

/// Units of at most the wanted size out of a section's blocks; only what cannot be cut is larger.
pub(super) fn pack(input: Input<'_>, section: &Section<'_>, title: Option<&String>, stated: Stated) -> Vec<Piece> {
    let mut spans: Vec<Span> = Vec::new();
    for block in section.blocks {
        for atom in atoms(input, block) {
            let grown = spans.last().map(|last| Span { start: last.start, end: atom.end });
            match (spans.last_mut(), grown) {
                (Some(last), Some(grown)) if input.fits(slice(input.text, grown)) => *last = grown,
                _ => spans.push(atom),
            }
        }
    }
    let mut pieces: Vec<Piece> = spans.into_iter().map(|span| piece(input.text, span, section, title)).collect();
    let holder = |pieces: &[Piece], field: &Field| {
        let start = field.spans.first().map_or(0, |span| span.start);
        pieces.partition_point(|piece| piece.span.start <= start).saturating_sub(1)
    };
    for field in stated.fields {
        let at = holder(&pieces, &field);
        if let Some(piece) = pieces.get_mut(at) {
            piece.fields.push(field);
        }
    }
    for field in stated.doubtful {
        let at = holder(&pieces, &field);
        if let Some(piece) = pieces.get_mut(at) {
            piece.doubtful.push(field);
        }
    }
    pieces
}

fn piece(text: &str, span: Span, section: &Section<'_>, title: Option<&String>) -> Piece {
    Piece {
        title: title.cloned(),
        path: section.path.clone(),
        span,
        text: slice(text, span).to_owned(),
        ..Piece::default()
    }
}

/// What a block is packed from: itself where it fits.
fn atoms(input: Input<'_>, block: &Block) -> Vec<Span> {
    let whole = trimmed(input.text, block.span);
    if whole.start == whole.end {
        return Vec::new();
    }
    if input.fits(slice(input.text, whole)) {
        return vec![whole];
    }
    match &block.kind {
        BlockKind::Heading { .. } | BlockKind::Whole => vec![whole],
        BlockKind::Prose => split_prose(input, whole),
        BlockKind::List(items) => parts(input.text, whole, items.iter().map(|item| item.span.start)),
        BlockKind::Table(rows) => parts(input.text, whole, rows.iter().map(|row| row.span.start)),
        BlockKind::Definitions(all) => parts(input.text, whole, all.iter().map(|one| one.term.start)),
    }
}

/// A block cut at the lines in which its parts begin.
fn parts(text: &str, whole: Span, starts: impl Iterator<Item = usize>) -> Vec<Span> {
    let line = |at: usize| text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |newline| newline + 1);
    let mut cuts: Vec<usize> = starts.map(line).filter(|at| (whole.start + 1..whole.end).contains(at)).collect();
    cuts.dedup();
    cuts.insert(0, whole.start);
    cuts.push(whole.end);
    let ends = cuts.iter().skip(1);
    let spans = cuts.iter().zip(ends).map(|(start, end)| trimmed(text, Span { start: *start, end: *end }));
    spans.filter(|span| span.start < span.end).collect()
}

fn split_prose(input: Input<'_>, whole: Span) -> Vec<Span> {
    let spans = split_text(slice(input.text, whole), input.options.max_unit, input.options.count).into_iter();
    spans.map(|span| Span { start: whole.start + span.start, end: whole.start + span.end }).collect()
}

/// The span without white space at its ends.
pub(super) fn trimmed(text: &str, span: Span) -> Span {
    let inner = slice(text, span);
    let start = span.start + (inner.len() - inner.trim_start().len());
    Span { start, end: start + inner.trim().len() }
}
