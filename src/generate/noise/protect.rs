//! Parts of a text that noise leaves alone: code, URLs, addresses, paths, quoted text and numbers.

use std::ops::Range;

use super::fold::is_word;

/// In order, without overlaps.
pub(crate) fn protected(text: &str) -> Vec<Range<usize>> {
    let mut found = quoted(text);
    found.extend(tokens(text));
    found.extend(numbers(text));
    found.sort_by_key(|r| (r.start, r.end));
    let mut merged: Vec<Range<usize>> = Vec::new();
    for range in found {
        match merged.last_mut().filter(|last| range.start <= last.end) {
            Some(last) => last.end = last.end.max(range.end),
            None => merged.push(range),
        }
    }
    merged
}

const QUOTES: [(char, char); 6] = [('`', '`'), ('«', '»'), ('“', '”'), ('„', '“'), ('"', '"'), ('\'', '\'')];

/// Between quotation marks or backticks, these included. Code that is not closed goes to the end.
fn quoted(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut before = ' ';
    for (start, c) in text.char_indices() {
        let is_inside = found.last().is_some_and(|r| start < r.end);
        let close = QUOTES.iter().find(|(open, _)| *open == c).map(|(_, close)| *close);
        if let Some(close) = close.filter(|_| !is_inside) {
            let rest = text.get(start + c.len_utf8()..).unwrap_or_default();
            let end = match c {
                // An apostrophe stands after a letter, or before one without an end.
                '\'' if is_word(before) => None,
                '\'' => rest
                    .match_indices('\'')
                    .map(|(at, _)| at)
                    .find(|at| !rest.get(at + 1..).unwrap_or_default().starts_with(is_word) && *at > 0),
                '`' => code_end(rest),
                _ => rest.find(close),
            };
            if let Some(end) = end {
                let end = (start + c.len_utf8() + end + close.len_utf8()).min(text.len());
                found.push(start..end);
            }
        }
        before = c;
    }
    found
}

/// Behind the first backtick: where as many backticks as opened the code close it.
fn code_end(rest: &str) -> Option<usize> {
    let more = rest.len() - rest.trim_start_matches('`').len();
    let fence = "`".repeat(more + 1);
    let end = rest.get(more..)?.find(&fence).map_or(rest.len(), |at| more + at + more);
    Some(end)
}

/// Words between spaces that are URLs, addresses, paths, options or code by their signs.
fn tokens(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive(char::is_whitespace).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let token = piece.trim_end();
        let open = token.len() - token.trim_start_matches(['(', '[', '"', '«', '“', '\'']).len();
        let inner = token.get(open..)?.trim_end_matches(['?', '!', ',', ';', ':', '.', ')', ']', '"', '»', '”', '\'']);
        is_code(inner).then(|| start + open..start + open + inner.len())
    })
}

fn is_code(token: &str) -> bool {
    let is_option = token.starts_with('-') && token.len() > 1;
    let chars: Vec<char> = token.chars().collect();
    let dotted = chars.windows(3).any(|w| matches!(w, [a, '.' | ':', b] if is_word(*a) && is_word(*b)));
    is_option || dotted || token.starts_with("www.") || token.contains(|c| "/\\@_=<>{}$#%|~^*&§".contains(c))
}

/// Numbers with the signs inside them (versions, dates, times), and words of digits with few letters (`v2`, `10k`).
fn numbers(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (start, is_word(c)) {
            (None, true) => start = Some(at),
            (Some(from), false) => {
                start = None;
                if !text.get(from..at).is_some_and(is_number) {
                    continue;
                }
                // `1.2.3`, `2024-12-28`, `1 024,5`: one number with the sign between.
                match found.last_mut().filter(|last| text.get(last.end..from).is_some_and(joins)) {
                    Some(last) => last.end = at,
                    None => found.push(from..at),
                }
            }
            _ => {}
        }
    }
    found
}

fn is_number(word: &str) -> bool {
    let runs = word.split(|c: char| c.is_numeric()).map(|letters| letters.chars().count());
    word.contains(|c: char| c.is_numeric()) && runs.max() < Some(3)
}

fn joins(between: &str) -> bool {
    let mut chars = between.chars();
    matches!((chars.next(), chars.next()), (Some(c), None) if ".,:-+ '’\u{a0}\u{202f}".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Vec<&str> {
        protected(text).into_iter().map(|r| &text[r]).collect()
    }

    #[test]
    fn code_addresses_quotes_and_numbers_are_protected() {
        let text = "Ouvre https://a.fr/x?y=1, écris à jean@a.fr ou lance `ls -l` dans /etc (voir www.a.fr).";
        assert_eq!(parts(text), ["https://a.fr/x?y=1", "jean@a.fr", "`ls -l`", "/etc", "www.a.fr"]);
        assert_eq!(parts("Pour « date de fin » et “x”, \"y z\" 'w'"), ["« date de fin »", "“x”", "\"y z\"", "'w'"]);
        assert_eq!(parts("l'état qu'il a, c'est 'fini' ?"), ["'fini'"]);
        assert_eq!(
            parts("version 1.2.3-4 du 2024-12-28 à 10h30, 1 024,5 Mo"),
            ["1.2.3-4", "2024-12-28", "10h30", "1 024,5"]
        );
        assert_eq!(parts("6Tzen sur v2 avec --force et Node.js"), ["v2", "--force", "Node.js"]);
        assert_eq!(parts("``a ` b`` puis ```x"), ["``a ` b``", "```x"]);
        assert_eq!(parts("un \" seul et un « seul"), Vec::<&str>::new());
        assert_eq!(parts(""), Vec::<&str>::new());
    }
}
