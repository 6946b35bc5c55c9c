//! Values and items in Markdown without the marks around them.

use std::borrow::Cow;

use super::Span;
use super::error::slice;
use super::inline;
use super::names::{Names, name_key};
use super::outline::trimmed;

/// Marks that may enclose a value as a whole.
const PAIRS: &[(&str, &str)] = &[("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ("<", ">")];
/// Around text that is struck out.
const STRUCK: &str = "~~";
/// Begins a mark of a footnote.
const NOTE: &str = "[^";
/// Marks that a value may hold, where its text without them is known.
const READABLE: &[&str] = &["**", "`", "]("];
/// Marks and escapes that a value may not hold.
const UNREADABLE: &[&str] = &["__", "<br", "\\", "&amp;", "&lt;", "&gt;", "&nbsp;", "&#", STRUCK, NOTE];

/// As [`plain`], of the value of `key`. Of a link it is the address where the key asks for one or the link's text says nothing
/// (`Wiki: [wiki](https://…)`): text and address together do not stand in the document as one piece.
pub(super) fn value(text: &str, key: &str, span: Span) -> Option<Span> {
    let label = plain(text, span)?;
    let key = name_key(key);
    let Some(target) = target(text, span) else {
        let written = slice(text, label);
        let mut links =
            written.match_indices("](").filter_map(|(at, _)| Some(name_key(written.get(..at)?.rsplit('[').next()?)));
        let is_address = |link: String| link == key || Names::Address.has(&key) || Names::Linking.has(&link);
        return (!links.any(is_address)).then_some(label);
    };
    let said = name_key(slice(text, label));
    let is_address = said == key || Names::Address.has(&key) || Names::Linking.has(&said);
    Some(if is_address { target } else { label })
}

/// The address of a value that is a link as a whole.
fn target(text: &str, span: Span) -> Option<Span> {
    let span = trimmed(text, span);
    let (open, inner) = match unwrapped(text, span) {
        // Emphasis around the link.
        Some(inner) if !slice(text, span).starts_with('[') => return target(text, inner),
        Some(label) => (label, slice(text, Span { start: label.end, end: span.end })),
        None => return None,
    };
    let address = inner.strip_prefix("](")?.strip_suffix(')')?;
    let start = open.end + 2;
    let is_whole = ["http://", "https://", "ftp://"].iter().any(|scheme| address.starts_with(scheme));
    is_whole.then(|| Span { start, end: start + address.len() })
}

/// The part of `span` without the marks around it, of which [`said`] is the text; None where marks lie within it that have no
/// text, or nothing is left. What is struck out at its start or end is left out, and so are footnote marks (`[^1]`) at its end.
pub(super) fn plain(text: &str, span: Span) -> Option<Span> {
    let mut span = without_notes(text, unstruck(text, trimmed(text, span))?);
    if let Some(rest) = slice(text, span).strip_suffix('\\') {
        span = trimmed(text, Span { start: span.start, end: span.start + rest.len() });
    }
    while let Some(inner) = unwrapped(text, span) {
        span = without_notes(text, trimmed(text, inner));
    }
    let value = slice(text, span);
    let is_unreadable = UNREADABLE.iter().any(|mark| value.contains(mark));
    (!value.is_empty() && !is_unreadable && (!is_marked(value) || unmarked(value).is_some())).then_some(span)
}

/// What a [`plain`] part of a text says.
pub(super) fn said(text: &str, span: Span) -> Cow<'_, str> {
    let value = slice(text, span);
    let unmarked = is_marked(value).then(|| unmarked(value)).flatten();
    unmarked.map_or(Cow::Borrowed(value), Cow::Owned)
}

/// The text of a value with marks in it; None where some would be left.
fn unmarked(value: &str) -> Option<String> {
    inline::text(value).filter(|said| !said.is_empty() && !is_marked(said))
}

fn is_marked(value: &str) -> bool {
    READABLE.iter().any(|mark| value.contains(mark)) || is_emphasised(value)
}

/// A list item without `- `, `* `, `1. ` and the box of a task.
pub(super) fn without_marker(text: &str, span: Span) -> Span {
    let item = slice(text, span);
    let digits = item.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = match digits.len() < item.len() {
        true => digits.strip_prefix(['.', ')']).unwrap_or(item),
        false => item.strip_prefix(['-', '*', '+']).unwrap_or(item),
    };
    let rest = rest.trim_start();
    let rest = ["[ ] ", "[x] ", "[X] "].iter().find_map(|task| rest.strip_prefix(task)).unwrap_or(rest);
    trimmed(text, Span { start: span.end - rest.len(), end: span.end })
}

/// The span without the footnote marks at its end.
fn without_notes(text: &str, mut span: Span) -> Span {
    while let Some(note) = slice(text, span).strip_suffix(']').and_then(|value| value.rfind(NOTE)) {
        if slice(text, span).get(note..).is_some_and(|mark| mark.contains(char::is_whitespace)) {
            break;
        }
        span = trimmed(text, Span { start: span.start, end: span.start + note });
    }
    span
}

/// A title without its footnote marks.
pub(super) fn without_note_marks(title: &str) -> String {
    let mut parts = title.split(NOTE);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| match part.split_once(']') {
        Some((mark, rest)) if !mark.contains(char::is_whitespace) => out + rest,
        _ => out + NOTE + part,
    })
}

/// Whether a word of the value begins with a star, or one begins and one ends with a line.
fn is_emphasised(value: &str) -> bool {
    let any = |is: &dyn Fn(&str) -> bool| value.split_whitespace().any(is);
    let closes = |word: &str| word.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '_').ends_with('_');
    any(&|word| opens(word, '*')) || (any(&|word| opens(word, '_')) && any(&closes))
}

/// Whether a word begins with a mark, or has one between a sign and a letter: `*old*`, `(*old*)`, `l'*old*`.
fn opens(word: &str, mark: char) -> bool {
    let is_open = |(before, after): (&str, &str)| match before.chars().next_back() {
        None => !after.is_empty(),
        Some(sign) => !sign.is_alphanumeric() && sign != mark && after.starts_with(char::is_alphanumeric),
    };
    word.match_indices(mark).filter_map(|(at, mark)| Some((word.get(..at)?, word.get(at + mark.len()..)?))).any(is_open)
}

/// What is left of a value without what is struck out; None where that is nothing or stands in several pieces.
fn unstruck(text: &str, span: Span) -> Option<Span> {
    let value = slice(text, span);
    let parts: Vec<&str> = value.split(STRUCK).collect();
    let (start, end) = match parts.as_slice() {
        [_] => (0, value.len()),
        ["", struck, _] => (struck.len() + 2 * STRUCK.len(), value.len()),
        [rest, _, ""] => (0, rest.len()),
        _ => return None,
    };
    let left = trimmed(text, Span { start: span.start + start, end: span.start + end });
    (left.start < left.end).then_some(left)
}

fn unwrapped(text: &str, span: Span) -> Option<Span> {
    let value = slice(text, span);
    for (open, close) in PAIRS {
        let inner = value.strip_prefix(open).and_then(|rest| rest.strip_suffix(close));
        let is_whole = |inner: &&str| !inner.is_empty() && !inner.contains(open) && !inner.contains(close);
        // `<https://a.example>` is an address, `<|im_start|>` is not.
        let is_marked = |inner: &&str| *open != "<" || inner.contains([':', '@']);
        if let Some(inner) = inner.filter(is_whole).filter(is_marked) {
            let start = span.start + open.len();
            return Some(Span { start, end: start + inner.len() });
        }
    }
    let (label, target) = value.strip_prefix('[')?.strip_suffix(')')?.split_once("](")?;
    let single = !label.is_empty() && !label.contains(['[', ']']) && !target.contains(['(', ')', ' ']);
    single.then(|| Span { start: span.start + 1, end: span.start + 1 + label.len() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_says_nothing_is_its_address() {
        let of = |key: &str, text: &str| {
            value(text, key, Span { start: 0, end: text.len() }).map(|s| text[s.start..s.end].to_owned())
        };
        for (key, text, expected) in [
            ("Wiki", "[wiki](https://wiki.example.org/x)", "https://wiki.example.org/x"),
            ("Manual", "**[here](https://wiki.example.org/x)**", "https://wiki.example.org/x"),
            ("Site", "[GIDAF](https://gidaf.example)", "https://gidaf.example"),
            ("Host", "[OVH](https://ovh.example)", "OVH"),
            ("Wiki", "[wiki](/x)", "wiki"),
            ("Wiki", "[https://wiki.example](https://wiki.example)", "https://wiki.example"),
            ("Site", "https://gidaf.example", "https://gidaf.example"),
        ] {
            assert_eq!(of(key, text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(of("Wiki", "see [wiki](https://wiki.example)"), None);
    }

    #[test]
    fn marks_around_a_value_are_left_out() {
        let of = |text: &str| plain(text, Span { start: 0, end: text.len() }).map(|s| said(text, s).into_owned());
        for (text, value) in [
            (" x ", "x"),
            ("**x y**", "x y"),
            ("`a_b`", "a_b"),
            ("[name](http://a.b/c_d)", "name"),
            ("<http://a.b>", "http://a.b"),
            ("**[x](y)**", "x"),
            ("one line\\", "one line"),
            ("a * b", "a * b"),
            ("snake_case", "snake_case"),
            ("_x_", "x"),
            ("~~1.0~~ 2.0", "2.0"),
            ("**2.0** ~~1.0~~", "2.0"),
            ("OVH[^1]", "OVH"),
            ("**OVH**[^1] [^note]", "OVH"),
            ("**OVH[^1]**", "OVH"),
            ("<|im_start|>", "<|im_start|>"),
            ("one **two**", "one two"),
            ("**a** and **b**", "a and b"),
            ("see [x](y)", "see x"),
            ("*a* and *b*", "a and b"),
            ("_a_ and b", "a and b"),
            ("a *b* c[^1]", "a b c"),
            ("the tug (_Marigold_)", "the tug (Marigold)"),
            ("the tug (*Marigold*)", "the tug (Marigold)"),
            ("le port de l'*Alizé*", "le port de l'Alizé"),
            ("run `a` and `b`", "run a and b"),
            ("a_b and c_d", "a_b and c_d"),
            ("5*3*2", "5*3*2"),
        ] {
            assert_eq!(of(text).as_deref(), Some(value), "{text}");
        }
        for text in [
            "",
            "  ",
            "a\\_b",
            "AT&amp;T",
            "the __init__ method",
            "all *.txt files",
            "2 ** 3",
            "an ![image](x.png)",
            "~~1.0~~",
            "1 ~~2~~ 3",
            "~~1~~ 2 ~~3~~",
            "OVH[^1] and AWS",
            "[^1]",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
