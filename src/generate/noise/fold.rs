//! Text without case and accents, with the way back to the text.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::corpus::written_out;

/// Without case and accents; `œ` is `oe`, a curly apostrophe a straight one.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|c| fold_char(c, &mut out));
    out
}

fn fold_char(c: char, out: &mut String) {
    if c.is_ascii() {
        out.push(c.to_ascii_lowercase());
        return;
    }
    unaccented(c, &mut |base| out.extend(base.to_lowercase().filter(|c| !is_combining_mark(*c))));
}

/// What is left of a character without its accents.
fn unaccented(c: char, push: &mut dyn FnMut(char)) {
    match c {
        '’' | '‘' => return push('\''),
        '\u{a0}' | '\u{202f}' => return push(' '),
        _ => {}
    }
    match c.to_lowercase().next().and_then(written_out) {
        Some(letters) if c.is_uppercase() => letters.chars().flat_map(char::to_uppercase).for_each(push),
        Some(letters) => letters.chars().for_each(push),
        None => std::iter::once(c).nfd().filter(|c| !is_combining_mark(*c)).for_each(push),
    }
}

/// Without accents, the case kept.
pub(crate) fn without_accents(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        unaccented(c, &mut |base| out.push(base));
    }
    out
}

/// Whether a character belongs to a word.
pub(crate) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || is_combining_mark(c)
}

/// The words of a text, as it writes them.
pub(crate) fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c| !is_word(c)).filter(|word| !word.is_empty())
}

/// A folded text whose places in the original are known.
pub(crate) struct Folded {
    pub(crate) text: String,
    /// Of each byte of `text`, where its character begins in the original; then the original's length.
    origin: Vec<usize>,
}

impl Folded {
    pub(crate) fn new(original: &str) -> Self {
        let mut text = String::with_capacity(original.len());
        let mut origin = Vec::with_capacity(original.len() + 1);
        for (at, c) in original.char_indices() {
            fold_char(c, &mut text);
            origin.resize(text.len(), at);
        }
        origin.push(original.len());
        Self { text, origin }
    }

    /// The bytes of the original that became `folded`.
    pub(crate) fn original(&self, folded: Range<usize>) -> Range<usize> {
        let at = |i: usize| self.origin.get(i).or(self.origin.last()).copied().unwrap_or_default();
        at(folded.start)..at(folded.end)
    }

    /// Where words and signs begin and end: no place between two characters of a word.
    pub(crate) fn boundaries(&self) -> Vec<usize> {
        let mut places = Vec::new();
        let mut before = false;
        for (at, c) in self.text.char_indices() {
            let inside = is_word(c);
            if !(before && inside) {
                places.push(at);
            }
            before = inside;
        }
        places.push(self.text.len());
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_keeps_the_way_back() {
        let text = "L’Œuvre À été";
        let folded = Folded::new(text);
        assert_eq!(folded.text, "l'oeuvre a ete");
        assert_eq!(fold(text), folded.text);
        let at = folded.text.find("oeuvre").unwrap();
        assert_eq!(&text[folded.original(at..at + 6)], "Œuvre");
        assert_eq!(&text[folded.original(at..folded.text.len())], "Œuvre À été");
        assert_eq!(without_accents("Œuvre À été ß"), "OEuvre A ete ss");
        // A decomposed letter folds to its base.
        assert_eq!(fold("e\u{301}tE\u{301}"), "ete");
    }
}
