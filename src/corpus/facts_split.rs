//! Lists that a document writes as one value: `Java, PostgreSQL`.

use super::{Document, Span};

/// A value with its place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) value: String,
    pub(super) span: Span,
}

/// Words of an attribute's key whose value is a list.
const LISTS: &[&str] = &[
    "technologies",
    "technologie",
    "technos",
    "dependances",
    "dependencies",
    "depends",
    "languages",
    "langages",
    "langues",
    "tags",
    "keywords",
    "categories",
    "modules",
    "fonctionnalites",
    "features",
    "composants",
    "components",
    "interfaces",
    "integrations",
    "plateformes",
    "platforms",
    "frameworks",
    "librairies",
    "libraries",
    "bibliotheques",
];

/// By its folded key: `technologies`, `mots cles`.
pub(super) fn is_list_attribute(key: &str) -> bool {
    key == "mots cles" || key.split(' ').any(|w| LISTS.contains(&w))
}

/// The items between commas, semicolons and bullets outside parentheses; the whole value where `span` holds something else.
pub(super) fn parts(document: &Document, value: &str, span: Span) -> Vec<Part> {
    let whole = || vec![Part { value: value.to_owned(), span }];
    let Some(raw) = document.text.get(span.start..span.end) else { return whole() };
    if document.slice(span).as_deref() != Some(value) {
        return whole();
    }
    let mut found = Vec::new();
    for piece in pieces(raw) {
        let span = Span { start: span.start + piece.start, end: span.start + piece.end };
        match document.slice(span) {
            Some(value) => found.push(Part { value, span }),
            None => return whole(),
        }
    }
    if found.is_empty() { whole() } else { found }
}

/// Trimmed pieces of a text, as bytes of it; none is empty.
fn pieces(raw: &str) -> Vec<Span> {
    let (mut depth, mut start) = (0_usize, 0);
    let mut pieces = Vec::new();
    for (at, c) in raw.char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            // A comma between digits belongs to a number.
            ',' if depth == 0 && !within_number(raw, at) => {
                pieces.extend(trimmed(raw, start, at));
                start = at + 1;
            }
            ';' | '•' if depth == 0 => {
                pieces.extend(trimmed(raw, start, at));
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    pieces.extend(trimmed(raw, start, raw.len()));
    pieces
}

fn within_number(raw: &str, at: usize) -> bool {
    let bytes = raw.as_bytes();
    let digit = |i: Option<usize>| i.and_then(|i| bytes.get(i)).is_some_and(u8::is_ascii_digit);
    digit(at.checked_sub(1)) && digit(Some(at + 1))
}

fn trimmed(raw: &str, start: usize, end: usize) -> Option<Span> {
    let piece = raw.get(start..end)?;
    let left = piece.trim_start();
    let start = end - left.len();
    let kept = left.trim_end().len();
    (kept > 0).then_some(Span { start, end: start + kept })
}
