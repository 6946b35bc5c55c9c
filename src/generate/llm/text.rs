//! Text made comparable: characters without case and accents, words, sentences.

use std::collections::BTreeSet;
use std::ops::Range;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::corpus::written_out;

/// The comparable characters of one character: NFKD without accents, lower case, plain quotes and hyphens.
pub(super) fn fold_char(c: char) -> impl Iterator<Item = char> {
    let plain = match c {
        '‘' | '’' | '‚' | '‛' | 'ʼ' | '′' | '‹' | '›' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' => '"',
        '−' | '‐' | '‑' | '–' | '—' => '-',
        c => c,
    };
    let invisible = matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}');
    let letters = plain.to_lowercase().next().and_then(written_out).unwrap_or_default();
    let single = (letters.is_empty() && !invisible).then_some(plain);
    let folded = single.into_iter().nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase);
    letters.chars().chain(folded)
}

/// All characters folded, runs of white space one space, ends trimmed.
pub(super) fn folded(text: &str) -> String {
    let all: String = text.chars().flat_map(fold_char).collect();
    all.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Folded runs of letters and digits.
pub(super) fn words(text: &str) -> Vec<String> {
    let all: String = text.chars().flat_map(fold_char).collect();
    all.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// The words with a space before and after each, so that ` a b ` is found only as whole words.
pub(super) fn padded(text: &str) -> String {
    format!(" {} ", words(text).join(" "))
}

/// Different words of more than three letters.
pub(super) fn content_words(text: &str) -> BTreeSet<String> {
    words(text).into_iter().filter(|w| w.chars().count() > 3 && w.chars().any(char::is_alphabetic)).collect()
}

/// The bytes of each sentence; a line's end ends one, too.
pub(super) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let end = at + c.len_utf8();
        let before_space = chars.peek().is_none_or(|(_, next)| next.is_whitespace());
        if c == '\n' || (matches!(c, '.' | '!' | '?' | '…') && before_space) {
            found.push(start..end);
            start = end;
        }
    }
    found.push(start..text.len());
    found.into_iter().filter_map(|range| trimmed(text, range)).collect()
}

fn trimmed(text: &str, range: Range<usize>) -> Option<Range<usize>> {
    let part = text.get(range.clone())?;
    let start = range.start + (part.len() - part.trim_start().len());
    let end = range.end - (part.len() - part.trim_end().len());
    (start < end).then_some(start..end)
}

/// The first characters of a text, for messages.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 160;
    let mut chars = text.chars();
    let first: String = chars.by_ref().take(MOST).collect();
    if chars.next().is_some() { format!("{first}…") } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_no_case_and_no_accents() {
        assert_eq!(words("L’Hébergeur d'ŒUVRE: v2.5 — ﬁn"), ["l", "hebergeur", "d", "oeuvre", "v2", "5", "fin"]);
        assert_eq!(folded("  « É\u{a0}t\u{e9} »\n x "), "\" e te \" x");
        assert_eq!(padded("A-b"), " a b ");
        assert_eq!(content_words("Le pont, 2024, le pont de ABCD").into_iter().collect::<Vec<_>>(), ["abcd", "pont"]);
    }

    #[test]
    fn sentences_end_at_marks_and_lines() {
        let text = " Version 2.5 is out. Is it?\n- a list\n";
        let found: Vec<_> = sentences(text).into_iter().map(|r| &text[r]).collect();
        assert_eq!(found, ["Version 2.5 is out.", "Is it?", "- a list"]);
        assert!(sentences(" \n ").is_empty());
    }
}
