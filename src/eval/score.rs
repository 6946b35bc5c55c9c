//! One answer scored against one case; every metric has a signature that says how.

use super::assertion::{ASSERTION_KEYS, EXPECTED, Given, KEYWORDS, found, spoken};
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
            Self::AssertionScore => "assertion_score",
        }
    }

    /// How it is computed; two numbers compare only under one signature.
    pub fn signature(self) -> String {
        let of = match self {
            Self::Pass => {
                let all: Vec<_> = ASSERTION_KEYS.iter().map(|assertion| assertion.signature_name).collect();
                return format!("pass:all_of({},assert),v4", all.join(","));
            }
            Self::ExactMatch => "em:norm=per_case(default nfkc_casefold_ws)|numbers|json,v3",
            Self::KeywordMatch => "kw:norm=nfkc_casefold_ws|numbers|boundary=word|alt=pipe,v2",
            Self::TokenF1 => "f1:norm=nfkc_casefold|numbers|tok=alnum_runs|refs=max,v2",
            Self::AssertionScore => "assertion_score:weighted_mean(em,kw,not_kw,assert),v1",
        };
        of.to_owned()
    }

    /// Whether a prompt's score is 0 or 1 (then Tango's bound applies).
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Pass | Self::ExactMatch)
    }

    /// The score of one answer, its thoughts taken off ([`super::without_thoughts`]); None where the case lacks what the metric needs.
    pub fn score(self, case: &Case, given: &Given<'_>) -> Option<f64> {
        let answer = given.text;
        match self {
            Self::Pass => pass(case, given).map(|b| f64::from(u8::from(b))),
            Self::ExactMatch => exact(case, answer).map(|b| f64::from(u8::from(b))),
            Self::KeywordMatch => keywords(case, answer).map(|k| k.ratio()),
            Self::TokenF1 => {
                let references = case.texts(&EXPECTED).iter().chain(&case.reference);
                references.map(|r| token_f1(answer, &spoken(r))).reduce(f64::max)
            }
            Self::AssertionScore => assertion_score(case, given),
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

/// The share of the domain's words that are in the answer; None where the case names none.
pub(super) fn domain_share(case: &Case, answer: &str) -> Option<f64> {
    let terms = &case.domain_terms;
    (!terms.is_empty()).then(|| found(terms, answer) as f64 / terms.len() as f64)
}

fn pass(case: &Case, given: &Given<'_>) -> Option<bool> {
    case.asserts().then(|| answered(given) && unmet(case, given).is_empty())
}

/// Silence avoids every forbidden word, and meets nothing. A call of a tool is no silence.
fn answered(given: &Given<'_>) -> bool {
    !fold(given.text).is_empty() || !given.tool_calls.is_empty()
}

/// What the answer does not meet of all that is demanded, for people.
pub(super) fn unmet(case: &Case, given: &Given<'_>) -> Vec<String> {
    let keys = ASSERTION_KEYS.iter().filter(|key| case.holds(key, given.text) == Some(false));
    let demanded = case.assertions.iter().filter(|assertion| assertion.weight() > 0.0);
    let entries = demanded.filter(|assertion| !assertion.outcome(given, case.normaliser).met);
    keys.map(|key| key.key.to_owned()).chain(entries.map(|assertion| assertion.described())).collect()
}

/// The mean of the scores of all that is asserted, by their weights; each key of the line weighs 1.
fn assertion_score(case: &Case, given: &Given<'_>) -> Option<f64> {
    let keys = ASSERTION_KEYS.iter().filter_map(|key| case.holds(key, given.text));
    let mut scores: Vec<Weighted> = keys.map(|met| Weighted { score: f64::from(u8::from(met)), weight: 1.0 }).collect();
    scores.extend(case.assertions.iter().map(|assertion| Weighted {
        score: assertion.outcome(given, case.normaliser).score,
        weight: assertion.weight(),
    }));
    let weight: f64 = scores.iter().map(|one| one.weight).sum();
    let sum: f64 = scores.iter().map(|one| one.score * one.weight).sum();
    (weight > 0.0).then(|| if answered(given) { sum / weight } else { 0.0 })
}

struct Weighted {
    score: f64,
    weight: f64,
}

/// The scores of the case's assertions that have a name to be reported under.
pub(super) fn named_scores(case: &Case, given: &Given<'_>) -> Vec<NamedScore> {
    let named = case.assertions.iter().filter_map(|assertion| Some((assertion, assertion.metric()?)));
    named
        .map(|(assertion, name)| NamedScore {
            name: name.to_owned(),
            score: if answered(given) { assertion.outcome(given, case.normaliser).score } else { 0.0 },
        })
        .collect()
}

/// The score of an assertion under the name that its `metric` gives.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct NamedScore {
    pub name: String,
    /// From 0 to 1.
    pub score: f64,
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
            Metric::ExactMatch.score(&case(&line.to_string()), &Given::text(answer)) == Some(1.0)
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
        let pass = |answer| Metric::Pass.score(&c, &Given::text(answer));
        assert_eq!((pass("You shine."), pass("Sorry, no."), pass(" ")), (Some(1.0), Some(0.0), Some(0.0)));
    }

    #[test]
    fn pass_wants_all_that_is_asserted() {
        let c = case(
            r#"{"prompt": "p", "expected": ["volume_up()"], "keywords": ["volume_up"], "not_keywords": ["down"]}"#,
        );
        assert_eq!(Metric::Pass.score(&c, &Given::text(" Volume_Up() ")), Some(1.0));
        assert_eq!(Metric::Pass.score(&c, &Given::text("volume_up() ok")), Some(0.0));
        let c = case(r#"{"prompt": "p", "keywords": ["a", "b|c"], "not_keywords": ["d"]}"#);
        assert_eq!(
            (
                Metric::Pass.score(&c, &Given::text("a c")),
                Metric::Pass.score(&c, &Given::text("a c d")),
                Metric::Pass.score(&c, &Given::text("a"))
            ),
            (Some(1.0), Some(0.0), Some(0.0))
        );
        assert_eq!(
            (Metric::KeywordMatch.score(&c, &Given::text("a")), Metric::ExactMatch.score(&c, &Given::text("a"))),
            (Some(0.5), None)
        );
    }

    #[test]
    fn overlap_of_words() {
        let c = case(r#"{"prompt": "p", "reference": "the cat sat on the mat"}"#);
        assert_eq!(Metric::TokenF1.score(&c, &Given::text("The cat sat on the mat!")), Some(1.0));
        // SQuAD's F1: 4 common of 5 and 6.
        assert!((Metric::TokenF1.score(&c, &Given::text("a cat on the mat")).unwrap() - 8.0 / 11.0).abs() < 1e-12);
        assert_eq!(Metric::TokenF1.score(&c, &Given::text("")), Some(0.0));
    }
}
