//! One answer scored against one case; every metric has a signature that says how.

use super::suite::Case;
use super::text::{fold, words};

/// The score a suite is judged by, 0 to 1 a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// All that the case asserts holds: an expected text is met, every keyword found, no forbidden one.
    Pass,
    ExactMatch,
    /// Found keywords over all.
    KeywordMatch,
    /// Overlap of words with the best expected (or reference) text: F1 over multisets of folded words.
    TokenF1,
}

impl Metric {
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::ExactMatch => "exact_match",
            Self::KeywordMatch => "keyword_match",
            Self::TokenF1 => "token_f1",
        }
    }

    /// How it is computed; two numbers compare only under one signature.
    pub fn signature(self) -> &'static str {
        match self {
            Self::Pass => "pass:all_of(em,kw,not_kw),v1",
            Self::ExactMatch => "em:norm=per_case(default nfkc_casefold_ws),v1",
            Self::KeywordMatch => "kw:norm=nfkc_casefold_ws|boundary=word|alt=pipe,v1",
            Self::TokenF1 => "f1:norm=nfkc_casefold|tok=alnum_runs|refs=max,v1",
        }
    }

    /// Whether a prompt's score is 0 or 1 (then Tango's bound applies).
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Pass | Self::ExactMatch)
    }

    /// The score of one answer; None where the case lacks what the metric needs.
    pub fn score(self, case: &Case, answer: &str) -> Option<f64> {
        match self {
            Self::Pass => pass(case, answer).map(|b| f64::from(u8::from(b))),
            Self::ExactMatch => exact(case, answer).map(|b| f64::from(u8::from(b))),
            Self::KeywordMatch => keywords(case, answer).map(|k| k.ratio()),
            Self::TokenF1 => {
                let references = case.expected.iter().chain(&case.reference);
                references.map(|r| token_f1(answer, r)).reduce(f64::max)
            }
        }
    }
}

/// N found of `total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct KeywordMatch {
    pub found: usize,
    pub total: usize,
}

impl KeywordMatch {
    pub fn ratio(self) -> f64 {
        if self.total == 0 { 0.0 } else { self.found as f64 / self.total as f64 }
    }
}

pub(super) fn exact(case: &Case, answer: &str) -> Option<bool> {
    if case.expected.is_empty() {
        return None;
    }
    let given = case.normaliser.apply(answer);
    Some(case.expected.iter().any(|e| case.normaliser.apply(e) == given))
}

pub(super) fn keywords(case: &Case, answer: &str) -> Option<KeywordMatch> {
    if case.keywords.is_empty() {
        return None;
    }
    let text = fold(answer);
    let found = case.keywords.iter().filter(|k| holds(&text, k)).count();
    Some(KeywordMatch { found, total: case.keywords.len() })
}

fn pass(case: &Case, answer: &str) -> Option<bool> {
    let exact = exact(case, answer);
    let keywords = keywords(case, answer);
    if exact.is_none() && keywords.is_none() && case.not_keywords.is_empty() {
        return None;
    }
    let text = fold(answer);
    let forbidden = case.not_keywords.iter().any(|k| holds(&text, k));
    Some(exact.unwrap_or(true) && keywords.is_none_or(|k| k.found == k.total) && !forbidden)
}

/// Whether one of the `|`-alternatives stands in the folded text as a word of its own.
fn holds(text: &str, keyword: &str) -> bool {
    keyword
        .split('|')
        .map(fold)
        .any(|k| !k.is_empty() && text.match_indices(&k).any(|(at, _)| bounded(text, at, at + k.len())))
}

fn bounded(text: &str, start: usize, end: usize) -> bool {
    let inside = &text[start..end];
    let free = |edge: Option<char>, mut outward: Box<dyn Iterator<Item = char> + '_>| {
        let (Some(edge), Some(next)) = (edge, outward.next()) else { return true };
        // A decimal goes on over its point: `3` is not in `3.5`.
        let decimal =
            edge.is_ascii_digit() && matches!(next, '.' | ',') && outward.next().is_some_and(|c| c.is_ascii_digit());
        !(decimal || spaced(edge) && spaced(next))
    };
    free(inside.chars().next(), Box::new(text[..start].chars().rev()))
        && free(inside.chars().next_back(), Box::new(text[end..].chars()))
}

/// A letter of a script that puts spaces between words (Chinese, Japanese, Thai … have no boundaries to demand).
fn spaced(c: char) -> bool {
    let unspaced = matches!(c as u32, 0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1780..=0x17FF | 0x3040..=0x30FF | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF);
    (c.is_alphanumeric() || c == '_') && !unspaced
}

fn token_f1(answer: &str, reference: &str) -> f64 {
    let (mut given, mut wanted) = (words(answer), words(reference));
    let (g, w) = (given.len(), wanted.len());
    if g == 0 || w == 0 {
        return f64::from(u8::from(g == w));
    }
    given.sort_unstable();
    wanted.sort_unstable();
    let (mut i, mut j, mut common) = (0, 0, 0);
    while i < g && j < w {
        match given[i].cmp(&wanted[j]) {
            std::cmp::Ordering::Equal => (i, j, common) = (i + 1, j + 1, common + 1),
            std::cmp::Ordering::Less => i += 1,
            std::cmp::Ordering::Greater => j += 1,
        }
    }
    2.0 * f64::from(common) / (g + w) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Suite;

    fn case(json: &str) -> Case {
        Suite::parse(json, "t").unwrap().cases.remove(0)
    }

    #[test]
    fn keywords_are_whole_words() {
        let found = |keyword: &str, answer: &str| holds(&fold(answer), keyword);
        assert!(found("paris", "**Paris**."));
        assert!(!found("pari", "Paris"));
        assert!(found("volume_up", "volume_up()") && !found("volume", "volume_up()"));
        assert!(found("H2O|water", "It is WATER"));
        assert!(found("3", "3, 4") && found("3", "about 3.") && !found("3", "3.5") && !found("5", "3.5"));
        assert!(found("new york", "New\nYork City"));
        assert!(found("东京", "是东京都"));
        assert!(found("straße", "STRASSE 5") && found("é", "e\u{301}"));
        assert!(found("c++", "C++11"), "a keyword that ends in a sign has no boundary there");
    }

    #[test]
    fn pass_wants_all_that_is_asserted() {
        let c = case(
            r#"{"prompt": "p", "expected": ["volume_up()"], "keywords": ["volume_up"], "not_keywords": ["down"]}"#,
        );
        assert_eq!(Metric::Pass.score(&c, " Volume_Up() "), Some(1.0));
        assert_eq!(Metric::Pass.score(&c, "volume_up() ok"), Some(0.0));
        let c = case(r#"{"prompt": "p", "keywords": ["a", "b|c"], "not_keywords": ["d"]}"#);
        assert_eq!(
            (Metric::Pass.score(&c, "a c"), Metric::Pass.score(&c, "a c d"), Metric::Pass.score(&c, "a")),
            (Some(1.0), Some(0.0), Some(0.0))
        );
        assert_eq!((Metric::KeywordMatch.score(&c, "a"), Metric::ExactMatch.score(&c, "a")), (Some(0.5), None));
    }

    #[test]
    fn overlap_of_words() {
        let c = case(r#"{"prompt": "p", "reference": "the cat sat on the mat"}"#);
        assert_eq!(Metric::TokenF1.score(&c, "The cat sat on the mat!"), Some(1.0));
        // SQuAD's F1: 4 common of 5 and 6.
        assert!((Metric::TokenF1.score(&c, "a cat on the mat").unwrap() - 8.0 / 11.0).abs() < 1e-12);
        assert_eq!(Metric::TokenF1.score(&c, ""), Some(0.0));
    }
}
