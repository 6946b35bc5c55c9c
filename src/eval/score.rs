//! One answer scored against one case; every metric has a signature that says how.

use super::assertion::{ASSERTIONS, EXPECTED, KEYWORDS, found, spoken};
use super::case::Case;
use super::text::{fold, words};
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
    pub fn signature(self) -> String {
        let of = match self {
            Self::Pass => {
                let all: Vec<_> = ASSERTIONS.iter().map(|assertion| assertion.signature_name).collect();
                return format!("pass:all_of({}),v3", all.join(","));
            }
            Self::ExactMatch => "em:norm=per_case(default nfkc_casefold_ws)|numbers|json,v3",
            Self::KeywordMatch => "kw:norm=nfkc_casefold_ws|numbers|boundary=word|alt=pipe,v2",
            Self::TokenF1 => "f1:norm=nfkc_casefold|numbers|tok=alnum_runs|refs=max,v2",
        };
        of.to_owned()
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
                let references = case.texts(&EXPECTED).iter().chain(&case.reference);
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

/// Whether an expected text is met; None where the case has none.
pub(super) fn exact(case: &Case, answer: &str) -> Option<bool> {
    case.holds(&EXPECTED, answer)
}

pub(super) fn keywords(case: &Case, answer: &str) -> Option<KeywordMatch> {
    let wanted = case.texts(&KEYWORDS);
    (!wanted.is_empty()).then(|| KeywordMatch { found: found(wanted, answer), total: wanted.len() })
}

fn pass(case: &Case, answer: &str) -> Option<bool> {
    // Silence avoids every forbidden word.
    let answered = !fold(answer).is_empty();
    let held = ASSERTIONS.iter().filter_map(|assertion| case.holds(assertion, answer));
    held.reduce(|all, one| all && one).map(|all| answered && all)
}

fn token_f1(answer: &str, reference: &str) -> f64 {
    shared_f1(words(answer), words(reference))
}

/// The harmonic mean of precision and recall of words, each counted as often as it stands there.
pub(super) fn shared_f1(mut given: Vec<String>, mut wanted: Vec<String>) -> f64 {
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
