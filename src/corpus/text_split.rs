//! A text cut between sentences, words or characters, into parts of at most a number of tokens.

use text_splitter::{ChunkConfig, ChunkSizer, TextSplitter};

use super::Span;
use super::error::slice;

/// Bytes that are split at once: the splitter's time grows with the square of what has no sentence ends.
const SPLIT_AT_ONCE: usize = 32 << 10;

struct Sizer<'a>(&'a dyn Fn(&str) -> usize);

impl ChunkSizer for Sizer<'_> {
    fn size(&self, chunk: &str) -> usize {
        (self.0)(chunk)
    }
}

/// The parts of a text, without the white space between them. Each is of at most `most` tokens, as `size` counts them, or a single
/// character.
pub fn split_text(text: &str, most: usize, size: &dyn Fn(&str) -> usize) -> Vec<Span> {
    let splitter = TextSplitter::new(ChunkConfig::new(most.max(1)).with_sizer(Sizer(size)));
    let mut spans = Vec::new();
    for stretch in stretches(text) {
        let chunks = splitter.chunk_indices(slice(text, stretch));
        spans.extend(chunks.map(|(at, chunk)| {
            let start = stretch.start + at;
            Span { start, end: start + chunk.len() }
        }));
    }
    spans
}

/// Stretches of at most [`SPLIT_AT_ONCE`] bytes, which end behind a line where there is one, else behind a space.
fn stretches(text: &str) -> Vec<Span> {
    let mut out = Vec::new();
    let mut start = 0;
    while text.len() - start > SPLIT_AT_ONCE {
        let most = text.floor_char_boundary(start + SPLIT_AT_ONCE);
        let stretch = slice(text, Span { start, end: most });
        let cut = stretch.rfind('\n').or_else(|| stretch.rfind(char::is_whitespace));
        let end = cut.and_then(|at| Some(start + at + stretch.get(at..)?.chars().next()?.len_utf8())).unwrap_or(most);
        out.push(Span { start, end });
        start = end;
    }
    out.push(Span { start, end: text.len() });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_and_hold_the_whole_text() {
        let words = |text: &str| text.split_whitespace().count();
        let bytes = |text: &str| text.len().div_ceil(4);
        let without_space = |text: &str| text.split_whitespace().collect::<String>();
        let check = |text: &str, most: usize, size: &dyn Fn(&str) -> usize| {
            let parts: Vec<&str> = split_text(text, most, size).into_iter().map(|span| slice(text, span)).collect();
            assert!(parts.iter().all(|part| size(part) <= most && !part.is_empty()));
            assert_eq!(without_space(&parts.concat()), without_space(text));
        };
        check(&"une phrase sans fin, ".repeat(10_000), 50, &words);
        check(&"fn a() { b(); }\n".repeat(10_000), 50, &words);
        check(&"é".repeat(100_000), 400, &bytes);
        assert!(split_text("", 50, &words).is_empty());
    }
}
