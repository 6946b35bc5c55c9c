//! Text made comparable: named normalisers, folding, words.

use unicode_normalization::UnicodeNormalization;

use super::number::{END, END_JOINED, START, mark};
use super::plain::plain;

/// How two texts are made equal before they are compared; part of the metric's signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normaliser {
    /// White space at the ends goes.
    Strict,
    /// NFKC, case folded, runs of white space become one space.
    #[default]
    NfkcCasefoldWs,
    /// As SQuAD's script: folded, without punctuation and English articles.
    Squad,
    /// The first word of the answer (folded, punctuation off its ends).
    Label,
}

impl Normaliser {
    /// The form that two texts are compared in; numbers in it are marked (see [`super::number`]).
    pub fn apply(self, text: &str) -> String {
        self.reading(text, false)
    }

    /// Every reading of a text: two, where spaces stand between digits (`10 000` is one number or two).
    pub(super) fn readings(self, text: &str) -> Vec<String> {
        both(|join| self.reading(text, join))
    }

    fn reading(self, text: &str, join_spaces: bool) -> String {
        match self {
            Self::Strict => text.trim().to_owned(),
            Self::NfkcCasefoldWs => comparable(text, join_spaces),
            Self::Squad => squad(&comparable(text, join_spaces)),
            Self::Label => comparable(text, join_spaces)
                .split(' ')
                .next()
                .unwrap_or_default()
                .trim_matches(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | START | END | END_JOINED))
                .to_owned(),
        }
    }
}

fn both(reading: impl Fn(bool) -> String) -> Vec<String> {
    let (apart, joined) = (reading(false), reading(true));
    if apart == joined { vec![apart] } else { vec![apart, joined] }
}

/// Every reading of a text in the form that keywords are looked for in.
pub(super) fn comparables(text: &str) -> Vec<String> {
    both(|join| comparable(text, join))
}

/// As [`fold`], numbers marked and in one notation.
fn comparable(text: &str, join_spaces: bool) -> String {
    casefold(&mark(&plain(text), join_spaces))
}

/// NFKC, case folded, white space runs to one space, ends trimmed; typographic quotes are plain ones, and digits above or
/// below a line are no digits of the number before them.
pub fn fold(text: &str) -> String {
    casefold(&plain(text))
}

fn casefold(text: &str) -> String {
    let lower: String = text.nfkc().flat_map(char::to_lowercase).collect();
    // Lower-casing is not yet folding where one letter has two lower forms, or folds to two letters.
    let folded: String = lower.replace('ß', "ss").replace('ς', "σ").nfkc().collect();
    folded.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn squad(text: &str) -> String {
    let mut number = false;
    let kept = text.chars().filter(|&c| {
        match c {
            START => number = true,
            END | END_JOINED => number = false,
            _ => return number || c.is_alphanumeric() || c.is_whitespace(),
        }
        true
    });
    let kept: String = kept.collect();
    kept.split_whitespace().filter(|w| !matches!(*w, "a" | "an" | "the")).collect::<Vec<_>>().join(" ")
}

/// Folded runs of letters and digits; a number is one word, whatever its signs and separators.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut number = false;
    for c in comparable(text, false).chars() {
        match c {
            START | END => {
                number = c == START;
                words.push(String::new());
            }
            // `5km` is one word.
            END_JOINED => number = false,
            c if number || c.is_alphanumeric() => words.last_mut().into_iter().for_each(|w| w.push(c)),
            _ => words.push(String::new()),
        }
    }
    words.retain(|w| !w.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalisers_do_what_their_names_say() {
        assert_eq!(fold("  ＡＢ\u{a0}c\n\tStraße ΣΟΦΌΣ "), "ab c strasse σοφόσ");
        assert_eq!(Normaliser::Strict.apply(" A b "), "A b");
        assert_eq!(Normaliser::Squad.apply("The Eiffel  Tower!"), "eiffel tower");
        assert_eq!(Normaliser::Label.apply("**Billing**, because"), "billing");
        assert_eq!(words("Привет, мир! x_y"), ["привет", "мир", "x", "y"]);
        assert_eq!(words("-5, 1,000 and 3.0 in 5km of h2o"), ["-5", "1000", "and", "3", "in", "5km", "of", "h2o"]);
    }

    #[test]
    fn every_normaliser_but_strict_keeps_numbers_apart_that_differ() {
        use Normaliser::{Label, NfkcCasefoldWs, Squad, Strict};
        for normaliser in [NfkcCasefoldWs, Squad, Label] {
            for (a, b) in [("5", "-5"), ("103", "10³"), ("35", "3.5"), ("21/2", "2½"), ("-5", "–5km"), ("7", "007")]
            {
                assert_ne!(normaliser.apply(a), normaliser.apply(b), "{normaliser:?} {a} {b}");
            }
            for (a, b) in
                [("1,000", "1000"), ("3.0", "3"), ("−5", "-5"), ("10³", "10^3"), ("2½", "2.5"), ("４２", "42")]
            {
                assert_eq!(normaliser.apply(a), normaliser.apply(b), "{normaliser:?} {a} {b}");
            }
        }
        assert_ne!(Strict.apply("1,000"), Strict.apply("1000"));
        assert_eq!(Normaliser::default().readings("10 000").len(), 2);
        assert_eq!(Normaliser::default().readings("10 00"), Normaliser::default().readings(" 10  00 "));
    }
}
