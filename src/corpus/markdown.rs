//! Markdown to blocks, and to units.

use std::ops::Range;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

use super::Span;
use super::captions;
use super::error::slice;
use super::fields::{Naming, fields};
use super::front_matter::{self, FrontMatter};
use super::markup::{without_marker, without_note_marks};
use super::outline::{Block, BlockKind, Definition, Item, Row, pack, sections, trimmed};
use super::piece::{Input, Piece};

/// A Markdown file's units.
pub(super) fn pieces(input: Input<'_>) -> Vec<Piece> {
    let front = front_matter::read(input.text);
    let blocks = blocks(input.text, front.as_ref().map_or(0, |front| front.end));
    let mut pieces = packed(input, &blocks, front.as_ref().and_then(|front| front.title.clone()));
    if let (Some(FrontMatter { fields, .. }), Some(first)) = (front, pieces.first_mut()) {
        first.fields.splice(0..0, fields);
    }
    pieces
}

/// The units of blocks; `title` is the document's own. An interruption leaves out the rest.
pub(super) fn packed(input: Input<'_>, blocks: &[Block], title: Option<String>) -> Vec<Piece> {
    let blocks = captions::as_headings(input.text, blocks);
    let sections = sections(&blocks);
    let naming = Naming::new(&sections, title);
    let units = |section| pack(input, section, naming.title(section), fields(input.text, section, &naming));
    sections.iter().take_while(|_| input.check_interrupt().is_ok()).flat_map(units).collect()
}

/// The blocks of the text from byte `from` on.
pub(super) fn blocks(text: &str, from: usize) -> Vec<Block> {
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_DEFINITION_LIST
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS;
    let body = text.get(from..).unwrap_or_default();
    let mut builder = Builder { text, out: Vec::new(), open: None, depth: 0 };
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        builder.event(&event, Range { start: from + range.start, end: from + range.end });
    }
    builder.out
}

struct Builder<'a> {
    text: &'a str,
    out: Vec<Block>,
    /// The block that events belong to.
    open: Option<Block>,
    /// Of elements within the block.
    depth: usize,
}

impl Builder<'_> {
    fn event(&mut self, event: &Event<'_>, range: Range<usize>) {
        let span = Span { start: range.start, end: range.end };
        match event {
            Event::Start(tag) if self.depth == 0 => {
                self.open = Some(Block { span, kind: kind(tag) });
                self.depth = 1;
            }
            Event::Start(tag) => {
                self.part(tag, span);
                self.depth += 1;
            }
            Event::End(tag) => self.end(*tag),
            Event::Text(words) | Event::Code(words) => self.words(words),
            Event::SoftBreak | Event::HardBreak => self.words(" "),
            _ => {}
        }
    }

    fn words(&mut self, words: &str) {
        if let Some(Block { kind: BlockKind::Heading { title, .. }, .. }) = &mut self.open {
            title.push_str(words);
        }
    }

    fn part(&mut self, tag: &Tag<'_>, span: Span) {
        let (text, depth) = (self.text, self.depth);
        let Some(block) = &mut self.open else { return };
        match (&mut block.kind, tag) {
            (BlockKind::List(items), Tag::Item) if depth == 1 => {
                let span = without_marker(text, trimmed(text, span));
                items.push(Item { span, nested: slice(text, span).contains('\n') });
            }
            (BlockKind::Table(rows), Tag::TableHead | Tag::TableRow) => rows.push(Row { span, cells: Vec::new() }),
            (BlockKind::Table(rows), Tag::TableCell) => {
                if let Some(row) = rows.last_mut() {
                    row.cells.push(trimmed(text, span));
                }
            }
            (BlockKind::Definitions(all), Tag::DefinitionListTitle) if depth == 1 => {
                all.push(Definition { term: trimmed(text, span), meanings: Vec::new() });
            }
            (BlockKind::Definitions(all), Tag::DefinitionListDefinition) if depth == 1 => {
                if let Some(last) = all.last_mut() {
                    last.meanings.push(meaning(text, span));
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, _: TagEnd) {
        self.depth = self.depth.saturating_sub(1);
        if self.depth > 0 {
            return;
        }
        if let Some(mut block) = self.open.take() {
            if let BlockKind::Heading { title, .. } = &mut block.kind {
                *title = without_note_marks(title).split_whitespace().collect::<Vec<_>>().join(" ");
            }
            self.out.push(block);
        }
    }
}

fn kind(tag: &Tag<'_>) -> BlockKind {
    match tag {
        Tag::Heading { level, .. } => BlockKind::Heading { level: *level as usize, title: String::new() },
        Tag::CodeBlock(_) => BlockKind::Whole,
        Tag::List(_) => BlockKind::List(Vec::new()),
        Tag::Table(_) => BlockKind::Table(Vec::new()),
        Tag::DefinitionList => BlockKind::Definitions(Vec::new()),
        _ => BlockKind::Prose,
    }
}

/// A definition without its colon.
fn meaning(text: &str, span: Span) -> Span {
    let span = trimmed(text, span);
    match slice(text, span).strip_prefix(':') {
        Some(rest) => trimmed(text, Span { start: span.end - rest.len(), end: span.end }),
        None => span,
    }
}
