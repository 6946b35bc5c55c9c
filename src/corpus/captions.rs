//! Lines that are captions of tables: where a section has several tables, they tell them apart as headings do.

use std::borrow::Cow;

use super::markup::{plain, said};
use super::outline::{Block, BlockKind};

/// Deeper than any heading of Markdown.
const LEVEL: usize = 7;
/// Words of a caption, at most.
const MAX_WORDS: usize = 8;

/// The blocks with captions as headings, in sections that have several tables with a caption each.
pub(super) fn as_headings<'a>(text: &str, blocks: &'a [Block]) -> Cow<'a, [Block]> {
    let mut captions: Vec<(usize, String)> = Vec::new();
    let mut of_section: Vec<(usize, String)> = Vec::new();
    let mut keep = |section: &mut Vec<(usize, String)>| {
        let found = std::mem::take(section);
        let are_different = found.first().is_some_and(|(_, first)| found.iter().any(|(_, title)| title != first));
        captions.extend(found.into_iter().filter(|_| are_different));
    };
    for (at, pair) in blocks.windows(2).enumerate() {
        let [block, next] = pair else { continue };
        match &block.kind {
            BlockKind::Heading { .. } => keep(&mut of_section),
            BlockKind::Prose if matches!(next.kind, BlockKind::Table(_)) => {
                of_section.extend(caption(text, block).map(|title| (at, title)));
            }
            _ => {}
        }
    }
    keep(&mut of_section);
    if captions.is_empty() {
        return Cow::Borrowed(blocks);
    }
    let mut blocks = blocks.to_vec();
    for (at, title) in captions {
        if let Some(block) = blocks.get_mut(at) {
            block.kind = BlockKind::Heading { level: LEVEL, title };
        }
    }
    Cow::Owned(blocks)
}

/// A short line that is no sentence: `**Production**`, `Production:`.
fn caption(text: &str, block: &Block) -> Option<String> {
    let title = said(text, plain(text, block.span)?);
    let title = title.trim_end_matches([':', ' ', '\u{a0}', '\u{202f}']);
    let is_short = !title.contains('\n') && title.split_whitespace().count() <= MAX_WORDS;
    let is_sentence = title.ends_with(['.', ';', ',', '!', '?', '…']) || title.contains(": ");
    let is_title = title.starts_with(|c: char| c.is_uppercase() || c.is_numeric()) && is_short && !is_sentence;
    is_title.then(|| title.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::markdown::blocks;

    fn headings(text: &str) -> Vec<String> {
        let found = blocks(text, 0);
        let title = |block: &Block| match &block.kind {
            BlockKind::Heading { title, .. } => Some(title.clone()),
            _ => None,
        };
        as_headings(text, &found).iter().filter_map(title).collect()
    }

    #[test]
    fn captions_of_several_tables_are_headings() {
        let of = |first: &str, second: &str| {
            let table = "| App | Server |\n|---|---|\n| GIDAF | srv-1 |\n";
            headings(&format!("# Servers\n\n{first}\n\n{table}\n{second}\n\n{table}"))
        };
        assert_eq!(of("**Production**", "**Test**"), ["Servers", "Production", "Test"]);
        assert_eq!(of("Production:", "Test :"), ["Servers", "Production", "Test"]);
        for (first, second) in [
            ("**Production**", ""),
            ("**Production**", "**Production**"),
            ("**Production**", "These are the servers of the test."),
            ("These are the servers.", "And these.\nTwo lines."),
            ("**Owner**: Ann", "**Owner**: Bob"),
        ] {
            assert_eq!(of(first, second), ["Servers"], "{first} {second}");
        }
    }
}
