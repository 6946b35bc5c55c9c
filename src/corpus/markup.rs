//! Values and items in Markdown without the marks around them.

use super::Span;
use super::error::slice;
use super::outline::trimmed;

/// Marks that may enclose a value as a whole.
const PAIRS: &[(&str, &str)] = &[("**", "**"), ("__", "__"), ("*", "*"), ("_", "_"), ("`", "`"), ("<", ">")];
/// Around text that is struck out.
const STRUCK: &str = "~~";

/// The part of `span` that is text without marks; None where marks lie within it or nothing is left. What is struck out at its
/// start or end is left out.
pub(super) fn plain(text: &str, span: Span) -> Option<Span> {
    let mut span = unstruck(text, trimmed(text, span))?;
    if let Some(rest) = slice(text, span).strip_suffix('\\') {
        span = trimmed(text, Span { start: span.start, end: span.start + rest.len() });
    }
    while let Some(inner) = unwrapped(text, span) {
        span = trimmed(text, inner);
    }
    let value = slice(text, span);
    let marked =
        ["**", "__", "`", "](", "<br", "\\", "&amp;", "&lt;", "&gt;", "&nbsp;", "&#"].iter().any(|m| value.contains(m));
    (!value.is_empty() && !marked && !is_emphasised(value)).then_some(span)
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

/// Whether a word of the value begins with a star, or the value with a line that ends at another word.
fn is_emphasised(value: &str) -> bool {
    let opens = |word: &str| word.len() > 1 && word.starts_with('*');
    value.split_whitespace().any(opens) || (value.starts_with('_') && value.contains("_ "))
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
        if let Some(inner) = inner.filter(|inner| !inner.is_empty() && !inner.contains(open) && !inner.contains(close))
        {
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
    fn marks_around_a_value_are_left_out() {
        let of = |text: &str| plain(text, Span { start: 0, end: text.len() }).map(|s| text[s.start..s.end].to_owned());
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
        ] {
            assert_eq!(of(text).as_deref(), Some(value), "{text}");
        }
        for text in [
            "",
            "  ",
            "one **two**",
            "**a** and **b**",
            "see [x](y)",
            "a\\_b",
            "AT&amp;T",
            "*a* and *b*",
            "_a_ and b",
            "a *b* c",
            "~~1.0~~",
            "1 ~~2~~ 3",
            "~~1~~ 2 ~~3~~",
        ] {
            assert_eq!(of(text), None, "{text}");
        }
    }
}
