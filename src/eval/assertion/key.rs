//! What a line of a suite asserts by a key of its own. Each key is declared here once: the reader of suites, the score `pass` and
//! its signature are made from [`ASSERTION_KEYS`], and docs/reference/suite-format.md is compared with it.

use std::collections::BTreeMap;

use crate::eval::number::spaced;
use crate::eval::same_json;
use crate::eval::text::{Normaliser, comparables, fold};
use crate::eval::thought::without_thoughts;

/// A key of a line that asserts something. A line gives it a text or a list of texts.
pub(in crate::eval) struct AssertionKey {
    /// Its key in a suite.
    pub key: &'static str,
    /// Its name in the signature of `pass`.
    pub signature_name: &'static str,
    /// What is wrong with a text of it, compared so.
    pub fault: fn(&str, Normaliser) -> Option<&'static str>,
    /// Whether an answer, its thoughts taken off, meets it. (No empty answer passes, whatever this says.)
    pub holds: fn(&Wanted<'_>, &str) -> bool,
}

/// The texts of one assertion of a line, and how the line has them compared.
pub(in crate::eval) struct Wanted<'a> {
    pub texts: &'a [String],
    pub normaliser: Normaliser,
}

/// The answer equals one of the texts, after the line's normalisation.
pub(in crate::eval) const EXPECTED: AssertionKey =
    AssertionKey { key: "expected", signature_name: "em", fault: expected_fault, holds: is_expected };

/// The answer contains each of them; `a|b` is a list of alternatives.
pub(in crate::eval) const KEYWORDS: AssertionKey = AssertionKey {
    key: "keywords",
    signature_name: "kw",
    fault: keyword_fault,
    holds: |wanted, answer| found(wanted.texts, answer) == wanted.texts.len(),
};

/// The answer contains none of them.
const NOT_KEYWORDS: AssertionKey = AssertionKey {
    key: "not_keywords",
    signature_name: "not_kw",
    fault: keyword_fault,
    holds: |wanted, answer| found(wanted.texts, answer) == 0,
};

/// Every key, in the order of the documents.
pub(in crate::eval) const ASSERTION_KEYS: &[AssertionKey] = &[EXPECTED, KEYWORDS, NOT_KEYWORDS];

/// The texts that a line gives, by the key of their assertion; none is empty.
pub(in crate::eval) type Asserted = BTreeMap<&'static str, Vec<String>>;

/// `"a", "b" or "c"`.
pub(in crate::eval) fn listed(keys: &[&str]) -> String {
    let quoted: Vec<_> = keys.iter().map(|key| format!("{key:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// An expected answer may be written with its thought: the answer itself is what is compared.
pub(in crate::eval) fn spoken(expected: &str) -> String {
    let spoken = without_thoughts(expected);
    if spoken.unclosed || spoken.text.is_empty() { expected.to_owned() } else { spoken.text }
}

pub(super) fn is_expected(wanted: &Wanted<'_>, answer: &str) -> bool {
    let given = wanted.normaliser.readings(answer);
    wanted.texts.iter().any(|text| {
        let text = spoken(text);
        let readings = wanted.normaliser.readings(&text);
        // Where nothing is left of either, nothing was compared.
        readings.iter().any(|reading| !reading.is_empty() && given.contains(reading))
            || same_structure(wanted.normaliser, &text, answer)
    })
}

/// Where the expectation is JSON; `strict` and `label` mean the text itself.
fn same_structure(normaliser: Normaliser, expected: &str, answer: &str) -> bool {
    if matches!(normaliser, Normaliser::Strict | Normaliser::Label) {
        return false;
    }
    let Some(wanted) = same_json::structure(expected) else { return false };
    same_json::of_answer(answer).is_some_and(|given| same_json::equal(&wanted, &given, &|text| normaliser.apply(text)))
}

fn expected_fault(text: &str, normaliser: Normaliser) -> Option<&'static str> {
    let empty = normaliser.readings(&spoken(text)).iter().any(String::is_empty);
    empty.then_some("an expected text of which nothing is left to compare; give \"normalise\": \"strict\"")
}

fn keyword_fault(keyword: &str, _: Normaliser) -> Option<&'static str> {
    let empty = keyword.split('|').any(|alternative| fold(alternative).is_empty());
    empty.then_some("an empty keyword, or an empty alternative around `|`")
}

/// How many of the keywords are in the answer.
pub(in crate::eval) fn found(keywords: &[String], answer: &str) -> usize {
    let texts = comparables(answer);
    keywords.iter().filter(|keyword| contains(&texts, keyword)).count()
}

/// Whether one of the `|`-alternatives stands in a reading of the text as a word of its own.
fn contains(texts: &[String], keyword: &str) -> bool {
    let alternatives: Vec<String> = keyword.split('|').flat_map(comparables).filter(|k| !k.is_empty()).collect();
    let found = |text: &str, k: &str| text.match_indices(k).any(|(at, _)| bounded(text, at, at + k.len()));
    texts.iter().any(|text| alternatives.iter().any(|k| found(text, k)))
}

/// Whether `text[start..end]` is no part of a longer word or number.
pub(in crate::eval) fn bounded(text: &str, start: usize, end: usize) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_every_assertion() {
        const PAGE: &str = include_str!("../../../docs/reference/suite-format.md");
        for AssertionKey { key, .. } in ASSERTION_KEYS {
            let row = format!("\n| `{key}` | text or list of texts | – | ");
            assert!(PAGE.contains(&row), "docs/reference/suite-format.md lacks a row of {key}");
            assert!(
                PAGE.contains(&format!("\n**`{key}`**: ")),
                "docs/reference/suite-format.md lacks a paragraph of {key}"
            );
        }
        let signature = crate::eval::Metric::Pass.signature();
        assert!(
            PAGE.contains(&format!("| `pass` | `{signature}` | ")),
            "docs/reference/suite-format.md lacks {signature}"
        );
    }

    #[test]
    fn an_expected_text_of_which_nothing_is_left_is_met_by_no_answer() {
        for (text, normaliser) in [
            ("<", Normaliser::Label),
            ("...", Normaliser::Label),
            ("A", Normaliser::Squad),
            ("- yes", Normaliser::Label),
            ("\u{200b}", Normaliser::NfkcCasefoldWs),
        ] {
            assert!((EXPECTED.fault)(text, normaliser).is_some(), "{text:?}");
            let wanted = Wanted { texts: &[text.to_owned()], normaliser };
            for answer in [">", "!", "The", "- I do not know", "\u{200b}"] {
                assert!(!is_expected(&wanted, answer), "{text:?} is met by {answer:?}");
            }
        }
        assert_eq!((EXPECTED.fault)("<", Normaliser::Strict), None);
        assert_eq!((EXPECTED.fault)("A", Normaliser::Label), None);
    }

    #[test]
    fn keywords_are_whole_words() {
        let found = |keyword: &str, answer: &str| contains(&comparables(answer), keyword);
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
        let found = |keyword: &str, answer: &str| contains(&comparables(answer), keyword);
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
}
