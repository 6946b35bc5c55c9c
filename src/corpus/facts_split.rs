//! Lists that a document writes as one value: `Java, PostgreSQL`.

use super::{Document, Span, inline};

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

/// One thing with a conjunction in its name.
const PHRASES: &[&str] = &[
    "black and white",
    "copy and paste",
    "drag and drop",
    "health and safety",
    "noir et blanc",
    "pros and cons",
    "recherche et développement",
    "research and development",
    "terms and conditions",
    "track and trace",
];
/// Words before the last item, after a comma or without one.
const CONJUNCTIONS: &[&str] = &["and", "or", "et", "ou"];
/// Words of the items beside such a word, at most: in a longer item it may stand for itself.
const MAX_JOINED: usize = 3;

/// The items between commas, semicolons, bullets and a last `and` outside parentheses; the whole value where `span` holds something else.
pub(super) fn parts(document: &Document, value: &str, span: Span) -> Vec<Part> {
    let whole = || vec![Part { value: value.to_owned(), span }];
    let Some(raw) = document.text.get(span.start..span.end) else { return whole() };
    let is_marked = document.slice(span).as_deref() != Some(value);
    if is_marked && !document.says(span, value) {
        return whole();
    }
    let mut found = Vec::new();
    for piece in with_last(raw, pieces(raw)) {
        let span = Span { start: span.start + piece.start, end: span.start + piece.end };
        let said = document.slice(span).and_then(|item| if is_marked { inline::text(&item) } else { Some(item) });
        // A mark that goes over several items is none in the text of one.
        match said.filter(|item| !is_marked || value.contains(item.as_str())) {
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

/// The pieces with the last one cut at its conjunction: `Go and C`, `and C`.
fn with_last(raw: &str, mut pieces: Vec<Span>) -> Vec<Span> {
    let Some(last) = pieces.pop() else { return pieces };
    let text = raw.get(last.start..last.end).unwrap_or_default();
    let after = |word: &&&str| text.strip_prefix(**word).is_some_and(|rest| rest.starts_with(' '));
    if let Some(word) = CONJUNCTIONS.iter().find(after).filter(|_| !pieces.is_empty()) {
        pieces.extend(trimmed(raw, last.start + word.len(), last.end));
        return pieces;
    }
    let separator = pieces.last().and_then(|before| raw.get(before.end..last.start)).unwrap_or(",");
    match joint(text).filter(|_| separator.contains(',')) {
        Some(joint) => {
            pieces.extend(trimmed(raw, last.start, last.start + joint.start));
            pieces.extend(trimmed(raw, last.start + joint.end, last.end));
        }
        None => pieces.push(last),
    }
    pieces
}

/// The only conjunction of a text, with the space around it, where short items stand beside it.
fn joint(text: &str) -> Option<Span> {
    if text.contains(['(', '[']) || PHRASES.contains(&text.to_lowercase().as_str()) {
        return None;
    }
    let spaced = CONJUNCTIONS.iter().map(|word| format!(" {word} "));
    let mut found = spaced.flat_map(|word| {
        let places: Vec<Span> =
            text.match_indices(&word).map(|(at, word)| Span { start: at, end: at + word.len() }).collect();
        places
    });
    let joint = found.next()?;
    let short = |start: usize, end: usize| {
        let words = text.get(start..end).unwrap_or_default().split_whitespace().count();
        (1..=MAX_JOINED).contains(&words)
    };
    (found.next().is_none() && short(0, joint.start) && short(joint.end, text.len())).then_some(joint)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_item_has_no_conjunction() {
        for (text, expected) in [
            ("Rust, Go, and C", vec!["Rust", "Go", "C"]),
            ("Rust, Go et C", vec!["Rust", "Go", "C"]),
            ("français, anglais et breton", vec!["français", "anglais", "breton"]),
            ("Python and Perl", vec!["Python", "Perl"]),
            ("Java ou Kotlin", vec!["Java", "Kotlin"]),
            ("Rust; Go; or C", vec!["Rust", "Go", "C"]),
            ("Rust; search and replace", vec!["Rust", "search and replace"]),
            ("Rust, a broker for queues and topics of logs", vec!["Rust", "a broker for queues and topics of logs"]),
            ("Go (fast and small), C (old and new)", vec!["Go (fast and small)", "C (old and new)"]),
            ("A, B and C or D", vec!["A", "B and C or D"]),
            ("android, etcd", vec!["android", "etcd"]),
            ("search, Drag and drop", vec!["search", "Drag and drop"]),
            ("and", vec!["and"]),
        ] {
            let found = with_last(text, pieces(text));
            let values: Vec<&str> = found.iter().map(|span| &text[span.start..span.end]).collect();
            assert_eq!(values, expected, "{text}");
        }
    }
}
