//! One answer scored against one case; every metric has a signature that says how.

use super::case::Case;
use super::number::spaced;
use super::same_json;
use super::text::{Normaliser, comparables, words};
use super::thought::without_thoughts;
pub use crate::roles::Metric;

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
            Self::Pass => "pass:all_of(em,kw,not_kw),v2",
            Self::ExactMatch => "em:norm=per_case(default nfkc_casefold_ws)|numbers|json,v2",
            Self::KeywordMatch => "kw:norm=nfkc_casefold_ws|numbers|boundary=word|alt=pipe,v2",
            Self::TokenF1 => "f1:norm=nfkc_casefold|numbers|tok=alnum_runs|refs=max,v2",
        }
    }

    /// Whether a prompt's score is 0 or 1 (then Tango's bound applies).
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Pass | Self::ExactMatch)
    }

    /// The score of one answer, its thoughts taken off ([`super::without_thoughts`]); None where the case lacks what the metric needs.
    pub fn score(self, case: &Case, answer: &str) -> Option<f64> {
        match self {
            Self::Pass => pass(case, answer).map(|b| f64::from(u8::from(b))),
            Self::ExactMatch => exact(case, answer).map(|b| f64::from(u8::from(b))),
            Self::KeywordMatch => keywords(case, answer).map(|k| k.ratio()),
            Self::TokenF1 => {
                let references = case.expected.iter().chain(&case.reference);
                references.map(|r| token_f1(answer, &spoken(r))).reduce(f64::max)
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

/// An expected answer may be written with its thought: the answer itself is what is compared.
fn spoken(expected: &str) -> String {
    let spoken = without_thoughts(expected);
    if spoken.unclosed || spoken.text.is_empty() { expected.to_owned() } else { spoken.text }
}

pub(super) fn exact(case: &Case, answer: &str) -> Option<bool> {
    if case.expected.is_empty() {
        return None;
    }
    let given = case.normaliser.readings(answer);
    Some(case.expected.iter().any(|expected| {
        let expected = spoken(expected);
        let wanted = case.normaliser.readings(&expected);
        wanted.iter().any(|w| given.contains(w)) || same_structure(case.normaliser, &expected, answer)
    }))
}

/// Where the expectation is JSON; `strict` and `label` mean the text itself.
fn same_structure(normaliser: Normaliser, expected: &str, answer: &str) -> bool {
    if matches!(normaliser, Normaliser::Strict | Normaliser::Label) {
        return false;
    }
    let Some(wanted) = same_json::structure(expected) else { return false };
    same_json::of_answer(answer).is_some_and(|given| same_json::equal(&wanted, &given, &|text| normaliser.apply(text)))
}

pub(super) fn keywords(case: &Case, answer: &str) -> Option<KeywordMatch> {
    if case.keywords.is_empty() {
        return None;
    }
    let texts = comparables(answer);
    let found = case.keywords.iter().filter(|k| holds(&texts, k)).count();
    Some(KeywordMatch { found, total: case.keywords.len() })
}

fn pass(case: &Case, answer: &str) -> Option<bool> {
    let exact = exact(case, answer);
    let keywords = keywords(case, answer);
    if exact.is_none() && keywords.is_none() && case.not_keywords.is_empty() {
        return None;
    }
    let texts = comparables(answer);
    let forbidden = case.not_keywords.iter().any(|k| holds(&texts, k));
    // Silence avoids every forbidden word.
    let answered = !answer.trim().is_empty();
    Some(answered && exact.unwrap_or(true) && keywords.is_none_or(|k| k.found == k.total) && !forbidden)
}

/// Whether one of the `|`-alternatives stands in a reading of the text as a word of its own.
fn holds(texts: &[String], keyword: &str) -> bool {
    let alternatives: Vec<String> = keyword.split('|').flat_map(comparables).filter(|k| !k.is_empty()).collect();
    let found = |text: &str, k: &str| text.match_indices(k).any(|(at, _)| bounded(text, at, at + k.len()));
    texts.iter().any(|text| alternatives.iter().any(|k| found(text, k)))
}

fn bounded(text: &str, start: usize, end: usize) -> bool {
    let inside = &text[start..end];
    let free = |edge: Option<char>, mut outward: Box<dyn Iterator<Item = char> + '_>| {
        let (Some(edge), Some(next)) = (edge, outward.next()) else { return true };
        // Digits of a word go on over a point: `v3` is not in `v3.5`.
        let decimal =
            edge.is_ascii_digit() && matches!(next, '.' | ',') && outward.next().is_some_and(|c| c.is_ascii_digit());
        !(decimal || spaced(edge) && spaced(next))
    };
    free(inside.chars().next(), Box::new(text[..start].chars().rev()))
        && free(inside.chars().next_back(), Box::new(text[end..].chars()))
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
        let found = |keyword: &str, answer: &str| holds(&comparables(answer), keyword);
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
    fn numbers_are_compared_as_numbers() {
        let found = |keyword: &str, answer: &str| holds(&comparables(answer), keyword);
        for (keyword, answer) in [
            ("1000", "It is 1,000."),
            ("1,000", "1000 km"),
            ("1000", "1 000 or 1\u{202f}000"),
            ("10000", "10 000 euros"),
            ("3", "3.0"),
            ("0.5", "0.50"),
            ("50%", "50 %"),
            ("-5", "−5 °C"),
            ("5", "- 5 apples"),
            ("4", "2-4 hours"),
            ("don't", "I don’t know"),
            ("\"x\"", "“x” it is"),
            ("paris", "Pa\u{200b}ris"),
            ("10^3", "10³"),
            ("km", "the km"),
            ("100", "100 200 300"),
            ("200", "100 200 300"),
        ] {
            assert!(found(keyword, answer), "{keyword} is in {answer}");
        }
        for (keyword, answer) in [
            ("5", "-5"),
            ("5", "it is −5."),
            ("5", "-$5"),
            ("5km", "-5km"),
            ("103", "10³"),
            ("10", "10³"),
            ("2", "2½"),
            ("3", "3.5"),
            ("5", "3.5"),
            ("1", "1,000"),
            ("000", "1,000"),
            ("1000", "1.000"),
            ("7", "007"),
            ("km", "5km"),
            ("5", "5km"),
        ] {
            assert!(!found(keyword, answer), "{keyword} is not in {answer}");
        }
    }

    #[test]
    fn json_is_compared_as_json_where_it_is_expected() {
        let exact = |expected: &str, answer: &str, normalise: &str| {
            let line = serde_json::json!({"prompt": "p", "expected": expected, "normalise": normalise});
            Metric::ExactMatch.score(&case(&line.to_string()), answer) == Some(1.0)
        };
        let (wanted, given) = (r#"{"a": 1, "b": "x"}"#, "```json\n{\"b\":\"x\",\"a\":1}\n```");
        assert!(exact(wanted, given, "nfkc_casefold_ws") && exact(wanted, given, "squad"));
        assert!(!exact(wanted, given, "strict") && !exact(wanted, "x", "nfkc_casefold_ws"));
        assert!(
            exact("<think>so</think>\n4", "4", "nfkc_casefold_ws") && exact("It’s 3.0", "it's 3", "nfkc_casefold_ws")
        );
    }

    #[test]
    fn a_forbidden_word_alone_is_a_check_that_silence_fails() {
        let c = case(r#"{"prompt": "Say something nice", "not_keywords": ["sorry"]}"#);
        let pass = |answer| Metric::Pass.score(&c, answer);
        assert_eq!((pass("You shine."), pass("Sorry, no."), pass(" ")), (Some(1.0), Some(0.0), Some(0.0)));
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
