//! A text's terms: folded words, and the character trigrams of each word with marks at its ends.
//!
//! Folding: NFKD, combining accents left out, lower case, ligatures written out. A word is a run of letters and digits, so that
//! `l'hébergeur` is `l` and `hebergeur`, and `libpng-dev` is `libpng` and `dev`. The trigrams of `six` are `^si`, `six`, `ix$`.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

use crate::corpus::written_out;

/// Names what this file does; an index made by another version is refused.
pub const TOKENIZER: &str = "nfkd-words+trigrams/1";

/// Stands before a trigram among the terms; no word holds it.
const TRIGRAM: char = '#';

/// Which terms a text has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermSet {
    Words,
    Trigrams,
    /// Both, in one index: a document's length is the number of its words and trigrams.
    Both,
}

impl TermSet {
    pub(super) fn has_words(self) -> bool {
        self != Self::Trigrams
    }

    pub(super) fn has_trigrams(self) -> bool {
        self != Self::Words
    }

    /// The terms that one word stands for.
    pub(super) fn of_word(self, word: &str) -> Vec<String> {
        let mut terms = Vec::new();
        if self.has_words() {
            terms.push(word.to_owned());
        }
        if self.has_trigrams() {
            terms.extend(trigrams(word).map(trigram_term));
        }
        terms
    }
}

/// Calls `each` with every word of a text, folded, in order.
pub(super) fn for_each_word(text: &str, each: &mut dyn FnMut(&str)) {
    let mut word = String::new();
    let mut take = |c: char, word: &mut String| {
        if c.is_alphanumeric() {
            word.push(c);
        } else if !word.is_empty() {
            each(word);
            word.clear();
        }
    };
    for c in text.chars() {
        if c.is_ascii() {
            take(c.to_ascii_lowercase(), &mut word);
            continue;
        }
        // One character at a time: the order of accents does not matter where they are left out.
        let folded = std::iter::once(c).nfkd().flat_map(char::to_lowercase).filter(|c| !is_accent(*c));
        for c in folded {
            match written_out(c) {
                Some(letters) => word.push_str(letters),
                None => take(c, &mut word),
            }
        }
    }
    take(' ', &mut word);
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

/// Of a word with a mark before and after it.
pub(super) fn trigrams(word: &str) -> impl Iterator<Item = [char; 3]> {
    let mut before = ['^'; 2];
    word.chars().chain(['$']).enumerate().filter_map(move |(at, c)| {
        let trigram = [before[0], before[1], c];
        before = [before[1], c];
        (at > 0).then_some(trigram)
    })
}

/// A trigram as a term.
pub(super) fn trigram_term(trigram: [char; 3]) -> String {
    [TRIGRAM].iter().chain(&trigram).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn terms(text: &str, set: TermSet) -> Vec<String> {
        let mut terms = Vec::new();
        for_each_word(text, &mut |word| terms.extend(set.of_word(word)));
        terms
    }

    #[test]
    fn words_and_trigrams_are_folded() {
        assert_eq!(terms("L'Hébergeur de 6Tzen, cœur", TermSet::Words), ["l", "hebergeur", "de", "6tzen", "coeur"]);
        assert_eq!(terms("Six", TermSet::Trigrams), ["#^si", "#six", "#ix$"]);
        assert_eq!(terms("à", TermSet::Both), ["a", "#^a$"]);
        assert_eq!(terms(" –!", TermSet::Both), Vec::<String>::new());
    }

    proptest! {
        #[test]
        fn no_word_is_a_trigram_and_case_does_not_matter(text in any::<String>()) {
            for_each_word(&text, &mut |word| assert!(!word.is_empty() && !word.contains(TRIGRAM)));
            let ascii: String = text.chars().filter(char::is_ascii).collect();
            prop_assert_eq!(terms(&ascii, TermSet::Both), terms(&ascii.to_ascii_uppercase(), TermSet::Both));
        }
    }
}
