//! Plain text to blocks: headings by underline, number or capitals, lists, paragraphs.

use super::Span;
use super::error::slice;
use super::key_value::pair;
use super::outline::{Block, BlockKind, Item, trimmed};

/// Characters of a heading, at most.
const MAX_HEADING: usize = 80;
/// Words of the title of a file, at most.
const MAX_TITLE_LINE: usize = 10;

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut out = Vec::new();
    let mut paragraph: Vec<Span> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let span = Span { start: at, end: at + line.len() };
        at = span.end;
        match line.trim().is_empty() {
            true => close(text, &mut paragraph, &mut out),
            false => paragraph.push(span),
        }
    }
    close(text, &mut paragraph, &mut out);
    steps(text, out)
}

/// As [`blocks`], of a file whose first line, where it stands alone and is no sentence, is its title.
pub(super) fn titled(text: &str) -> Vec<Block> {
    let mut blocks = blocks(text);
    if let Some((first, rest)) = blocks.split_first_mut()
        && is_title(text, first)
        && rest.iter().any(|block| !is_title(text, block))
    {
        *first = heading_block(text, trimmed(text, first.span), 0);
    }
    blocks
}

/// A paragraph that is one short line, and neither a sentence nor a pair.
fn is_title(text: &str, block: &Block) -> bool {
    let line = slice(text, block.span).trim();
    let mut chars = line.chars();
    let begins = chars.next().is_some_and(|first| {
        first.is_uppercase() || (first.is_ascii_digit() && chars.next().is_some_and(char::is_alphabetic))
    });
    block.kind == BlockKind::Prose
        && begins
        && !line.contains('\n')
        && line.chars().count() <= MAX_HEADING
        && line.split_whitespace().count() <= MAX_TITLE_LINE
        && !line.ends_with(['.', ';', ',', ':', '!', '?', '…'])
        && !line.contains([':', '|', '\t'])
}

/// The blocks with each run of numbered lines, which nothing stands between, as a list: headings have something below them.
fn steps(text: &str, blocks: Vec<Block>) -> Vec<Block> {
    let follows = |block: &Block, next: &Block| match (step(text, block), step(text, next)) {
        (Some(step), Some(next)) => step.number.checked_add(1) == Some(next.number),
        _ => false,
    };
    let mut out = Vec::with_capacity(blocks.len());
    for run in blocks.chunk_by(follows) {
        match run {
            [first, .., last] => {
                let items = run.iter().filter_map(|block| step(text, block)).map(|step| step.item).collect();
                let span = Span { start: first.span.start, end: last.span.end };
                out.push(Block { span, kind: BlockKind::List(items) });
            }
            _ => out.extend_from_slice(run),
        }
    }
    out
}

/// A heading that may be an item of a list: `1. Do this`.
struct Step {
    number: usize,
    item: Item,
}

fn step(text: &str, block: &Block) -> Option<Step> {
    let BlockKind::Heading { title, .. } = &block.kind else { return None };
    let (number, _) = title.split_once(' ')?;
    let number = number.strip_suffix(['.', ')']).unwrap_or(number).parse().ok()?;
    let rest = slice(text, block.span).split_once(char::is_whitespace)?.1;
    let span = trimmed(text, Span { start: block.span.end - rest.len(), end: block.span.end });
    Some(Step { number, item: Item { span, nested: false } })
}

/// As [`blocks`], of a text whose items may go on in another paragraph: they are no values of a list.
pub(super) fn without_lists(text: &str) -> Vec<Block> {
    let prose = |block: Block| match block.kind {
        BlockKind::List(_) => Block { kind: BlockKind::Prose, ..block },
        _ => block,
    };
    blocks(text).into_iter().map(prose).collect()
}

/// Makes blocks of a paragraph's lines, and empties it.
fn close(text: &str, paragraph: &mut Vec<Span>, out: &mut Vec<Block>) {
    let cut = |_: &Span, next: &Span| !begins_record(text, paragraph, *next);
    match paragraph.first().is_some_and(|first| begins_record(text, paragraph, *first)) {
        true => paragraph.chunk_by(cut).for_each(|lines| close_lines(text, lines, out)),
        false => close_lines(text, paragraph, out),
    }
    paragraph.clear();
}

/// Whether a line is a numbered title right above a pair: `1. Pump P-101` above `Location: Hall A`.
fn begins_record(text: &str, lines: &[Span], line: Span) -> bool {
    let below = lines.get(lines.partition_point(|other| other.start < line.end)).map(|below| slice(text, *below));
    let line = slice(text, line).trim();
    below.is_some_and(|below| numbered(line).is_some() && is_pair(below) && is_title_of(line, below))
}

fn is_pair(line: &str) -> bool {
    pair(line, 0..line.len()).is_some()
}

fn close_lines(text: &str, lines: &[Span], out: &mut Vec<Block>) {
    let mut rest = lines;
    let introduced = out.last().is_some_and(|block| slice(text, block.span).trim_end().ends_with(':'));
    if let Some(heading) = heading(text, rest).filter(|heading| !(introduced && heading.is_shouted)) {
        rest = rest.get(heading.lines..).unwrap_or_default();
        out.push(heading.block);
    }
    let mut from = 0;
    for (i, pair) in rest.windows(2).enumerate() {
        if let [title, line] = pair
            && let Some(level) = underline(slice(text, *title), slice(text, *line))
        {
            out.extend(body(text, rest.get(from..i).unwrap_or_default()));
            out.push(heading_block(text, *title, level));
            from = i + 2;
        }
    }
    out.extend(body(text, rest.get(from.min(rest.len())..).unwrap_or_default()));
}

fn body(text: &str, lines: &[Span]) -> Option<Block> {
    let (first, last) = (lines.first()?, lines.last()?);
    let span = Span { start: first.start, end: last.end };
    let items: Option<Vec<Item>> = lines.iter().map(|line| item(text, *line)).collect();
    Some(Block { span, kind: items.map_or(BlockKind::Prose, BlockKind::List) })
}

/// A line that is an item of a list.
fn item(text: &str, line: Span) -> Option<Item> {
    let line = trimmed(text, line);
    let rest = ["- ", "* ", "• ", "– ", "+ "].iter().find_map(|mark| slice(text, line).strip_prefix(mark))?;
    let span = trimmed(text, Span { start: line.end - rest.len(), end: line.end });
    Some(Item { span, nested: false })
}

struct Heading {
    block: Block,
    /// Of the paragraph, that it takes.
    lines: usize,
    /// A paragraph that is a heading for its capitals alone: it may be what the line before it announces.
    is_shouted: bool,
}

fn heading_block(text: &str, line: Span, level: usize) -> Block {
    let title = slice(text, line).split_whitespace().collect::<Vec<_>>().join(" ");
    Block { span: trimmed(text, line), kind: BlockKind::Heading { level, title } }
}

/// A paragraph of one line that is numbered or in capitals, or a line in capitals above indented ones.
fn heading(text: &str, lines: &[Span]) -> Option<Heading> {
    let (first, rest) = lines.split_first()?;
    let line = slice(text, *first).trim_end();
    let alone = rest.is_empty();
    let above =
        rest.first().is_some_and(|next| slice(text, *next).starts_with([' ', '\t'])) && !line.starts_with([' ', '\t']);
    let titled = rest.first().is_none_or(|next| is_title_of(line.trim(), slice(text, *next)));
    let number = numbered(line.trim()).filter(|_| titled);
    let level = match () {
        () if line.chars().count() > MAX_HEADING => None,
        () if number.is_some() => number,
        () if alone => capitals(line.trim()),
        () if above => capitals(line.trim()),
        () => None,
    };
    Some(Heading { block: heading_block(text, *first, level?), lines: 1, is_shouted: alone && number.is_none() })
}

/// Words of a numbered title right above its text, at most.
const MAX_TITLE_WORDS: usize = 6;

/// Whether a numbered line is a title and no item of a list: it is short, the mark of its number is not that of an address
/// (`12 Main Street`), and the line below it begins with a capital, or is a pair, and has no number.
fn is_title_of(line: &str, next: &str) -> bool {
    line.split_whitespace().next().is_some_and(|number| number.contains(['.', ')']))
        && line.split_whitespace().count() <= 1 + MAX_TITLE_WORDS
        && (next.starts_with(char::is_uppercase) || is_pair(next))
        && numbered(next.trim()).is_none()
}

/// `2.1 Title`: as deep as it has numbers.
fn numbered(line: &str) -> Option<usize> {
    let (number, title) = line.split_once(char::is_whitespace)?;
    let number = number.strip_suffix(['.', ')']).unwrap_or(number);
    let digits =
        number.split('.').all(|part| !part.is_empty() && part.len() <= 3 && part.bytes().all(|b| b.is_ascii_digit()));
    let title = title.trim();
    let named = title.starts_with(char::is_uppercase) && !title.ends_with(['.', ';', ',', ':']);
    (digits && named).then(|| number.split('.').count())
}

fn capitals(line: &str) -> Option<usize> {
    let letters = line.chars().filter(|c| c.is_alphabetic()).count();
    let lower = line.chars().any(char::is_lowercase);
    (letters >= 3 && !lower && !line.ends_with(['.', ';', ',', ':', '!'])).then_some(1)
}

/// The level of a title by the line below it.
fn underline(title: &str, line: &str) -> Option<usize> {
    let (title, line) = (title.trim(), line.trim());
    let mark = line.chars().next()?;
    let whole = line.chars().all(|c| c == mark) && line.len() >= 3;
    let length = title.chars().count();
    let fits = length <= MAX_HEADING && line.chars().count() * 2 >= length && title.chars().any(char::is_alphanumeric);
    let level = match mark {
        '=' => 1,
        '-' => 2,
        '~' | '*' | '^' | '"' => 3,
        _ => return None,
    };
    (whole && fits).then_some(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(text: &str) -> Vec<String> {
        let shown = |block: Block| match block.kind {
            BlockKind::Heading { level, title } => format!("{level} {title}"),
            BlockKind::List(items) => format!("list of {}", items.len()),
            _ => format!("text {}", slice(text, trimmed(text, block.span))),
        };
        blocks(text).into_iter().map(shown).collect()
    }

    #[test]
    fn headings_are_told_from_text() {
        let text = "Guide\n=====\nFirst words\n\nPart one\n--------\n\nBody\nof it\n\n2.1 Install\n\n1. Do this first.\n\nGENERAL NOTES\n\nNAME\n    ls - list\n\n- a\n- b\n";
        assert_eq!(
            outline(text),
            [
                "1 Guide",
                "text First words",
                "2 Part one",
                "text Body\nof it",
                "2 2.1 Install",
                "text 1. Do this first.",
                "1 GENERAL NOTES",
                "1 NAME",
                "text ls - list",
                "list of 2"
            ]
        );
        assert_eq!(outline("a\n\n\n b "), ["text a", "text b"]);
    }

    #[test]
    fn the_first_line_of_a_file_is_its_title() {
        let title = |text: &str| match titled(text).swap_remove(0).kind {
            BlockKind::Heading { level: 0, title } => Some(title),
            _ => None,
        };
        assert_eq!(title("Tidewell Library\n\nIt opens at ten.\n").as_deref(), Some("Tidewell Library"));
        assert_eq!(title("6Tzen\n\nVersion: 3\nHost: DSI\n").as_deref(), Some("6Tzen"));
        for text in [
            "It opens at ten.\n\nIt closes at six.\n",
            "Tidewell Library\nIt opens at ten.\n\nIt closes at six.\n",
            "Host: DSI\n\nIt opens at ten.\n",
            "Dear Ms Quill,\n\nIt opens at ten.\n",
            "Bread\n\nMilk\n\nEggs\n",
            "bread\n\nIt is baked at five.\n",
            "Tidewell Library\n",
        ] {
            assert_eq!(title(text), None, "{text}");
        }
    }

    #[test]
    fn the_largest_number_has_none_after_it() {
        let found = outline("18446744073709551615 ABC\n\n0 DEF\n\nSome text.");
        assert_eq!(found, ["1 18446744073709551615 ABC", "1 0 DEF", "text Some text."]);
    }

    #[test]
    fn numbered_lines_that_follow_each_other_are_a_list() {
        let text = "1. Vérifier le câble\n\n2. Redémarrer la box\n\nIl faut prévenir :\n\nAPPELER LE 18\n";
        assert_eq!(outline(text), ["list of 2", "text Il faut prévenir :", "text APPELER LE 18"]);
        let text = "1. Install\n\n1.1 Debian\n\n1.2 Fedora\n\nBody\n\n2. Use\n\nBody\n\n4. End\n";
        let expected =
            ["1 1. Install", "2 1.1 Debian", "2 1.2 Fedora", "text Body", "1 2. Use", "text Body", "1 4. End"];
        assert_eq!(outline(text), expected);
    }
}
