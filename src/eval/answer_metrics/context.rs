//! An answer beside the text that was retrieved for it.

use std::collections::BTreeSet;

use super::expectation::Expectation;
use super::refusal::unaccented;
use super::values::Forms;
use crate::eval::TestQuestion;
use crate::eval::citation::cited_numbers;
use crate::eval::text::words;

/// Shorter words say nothing of the subject.
const MIN_CONTENT_LETTERS: usize = 4;
/// The share of content words that a grounded answer has in common with the text.
const MIN_OVERLAP: f64 = 0.5;

/// How an answer rests on a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grounding {
    /// Every number, date, address, identifier, quotation and name of the answer stands in the text or the question.
    pub exact_values: bool,
    /// The share of its content words (four letters or more, without accents) that stand there.
    pub overlap: f64,
}

impl Grounding {
    pub fn is_grounded(self) -> bool {
        self.exact_values && self.overlap >= MIN_OVERLAP
    }
}

/// Compares an answer, its thoughts taken off, with the retrieved texts and its question. Citations (`[2]`) are no numbers of it.
pub fn grounding(question: &TestQuestion, answer: &str, texts: &[&str]) -> Grounding {
    let answer = without_citations(answer);
    let mut known = texts.join("\n");
    for message in &question.messages {
        known.push('\n');
        known.push_str(&message.content);
    }
    let forms = Forms::of(&known);
    let exact_values = exact_values(&answer).iter().all(|value| forms.holds(value));
    let given = content_words(&answer);
    let known = content_words(&known);
    let found = given.iter().filter(|word| known.contains(*word)).count();
    let overlap = if given.is_empty() { 1.0 } else { found as f64 / given.len() as f64 };
    Grounding { exact_values, overlap }
}

/// Whether the retrieved texts hold what is expected; None of an unanswerable question.
pub fn texts_answer(question: &TestQuestion, texts: &[&str]) -> Option<bool> {
    question.answerable.then(|| Expectation::of(question).coverage(&Forms::of(&texts.join("\n"))) >= 1.0)
}

/// Whether a text holds all values, each in any notation (`2650` and `2 650`).
pub fn holds_all(text: &str, values: &[String]) -> bool {
    holds_each(text, &[values]) == [true]
}

/// Of each of these lists of values, whether a text holds all of it, as [`holds_all`] says of one.
pub fn holds_each(text: &str, lists: &[&[String]]) -> Vec<bool> {
    let forms = Forms::of(text);
    lists.iter().map(|values| !values.is_empty() && values.iter().all(|value| forms.holds(value))).collect()
}

/// Without `[1]` and `[1, 2]`.
fn without_citations(answer: &str) -> String {
    let mut out = String::with_capacity(answer.len());
    let mut after = 0;
    for cited in cited_numbers(answer) {
        out.push_str(answer.get(after..cited.place.start).unwrap_or_default());
        after = cited.place.end;
    }
    out + answer.get(after..).unwrap_or_default()
}

fn content_words(text: &str) -> BTreeSet<String> {
    let long = |word: &String| word.chars().filter(|c| c.is_alphabetic()).count() >= MIN_CONTENT_LETTERS;
    words(&unaccented(text)).into_iter().filter(long).collect()
}

/// What must not be invented: words with digits, capitals, `/`, `@` or `_`, and quotations. A first word with a capital is no name.
fn exact_values(answer: &str) -> Vec<String> {
    let mut values = quotations(answer);
    let mut starts_sentence = true;
    for word in answer.split_whitespace() {
        let bare = word.trim_matches(|c: char| !c.is_alphanumeric());
        // `l'OFB` names the OFB.
        let name = bare.rsplit(['\'', '’']).next().unwrap_or(bare);
        let capitals = name.chars().filter(|c| c.is_uppercase()).count();
        let is_name = capitals > 1 || (capitals == 1 && !(starts_sentence && name == bare));
        if name.contains(|c: char| c.is_ascii_digit() || matches!(c, '/' | '@' | '_')) || is_name {
            values.push(name.to_owned());
        }
        starts_sentence = word.ends_with(['.', '!', '?', ':', ';']) || !word.contains(char::is_alphanumeric);
    }
    values
}

/// What stands between quotation marks.
fn quotations(answer: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (open, close) in [('«', '»'), ('“', '”')] {
        let parts = answer.split(open).skip(1).filter_map(|part| part.split_once(close));
        found.extend(parts.map(|(inside, _)| inside.trim().to_owned()).filter(|inside| !inside.is_empty()));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> TestQuestion {
        TestQuestion::for_test("Qui héberge GIDAF ?", &["OFB", "GIDAF est hébergé par l'OFB."])
    }

    #[test]
    fn an_answer_rests_on_its_text_or_does_not() {
        let texts = ["Hébergeur : OFB. Version 2.1, en service depuis le 28 décembre 2024. Devise : “eau claire”"];
        let of = |answer: &str| grounding(&question(), answer, &texts);
        for answer in [
            "OFB [1].",
            "L'hébergeur est l'OFB [1, 2].",
            "En service depuis le 28/12/2024, version 2.1",
            "GIDAF : version 2.1",
            "« eau claire »",
        ] {
            assert!(of(answer).exact_values, "{answer} {:?}", exact_values(answer));
        }
        for answer in
            ["L'hébergeur est le BRGM.", "Version 3.0", "Depuis 2023", "« eau trouble »", "Chez Jean", "a@b.fr"]
        {
            assert!(!of(answer).exact_values, "{answer}");
        }
        assert!(of("L'hébergeur est l'OFB").is_grounded());
        let other = of("Application maritime destinée aux pêcheurs bretons");
        assert!(other.exact_values && other.overlap == 0.0 && !other.is_grounded());
        assert_eq!(texts_answer(&question(), &texts), Some(true));
        assert_eq!(texts_answer(&question(), &["BRGM"]), Some(false));
        assert_eq!(texts_answer(&TestQuestion { answerable: false, ..question() }, &texts), None);
    }

    #[test]
    fn values_are_found_in_any_notation() {
        let text = "Trani compte 2 650 utilisateurs depuis le 2 juin 2016.";
        let holds = |values: &[&str]| holds_all(text, &values.iter().map(|v| (*v).to_owned()).collect::<Vec<_>>());
        assert!(holds(&["2650"]) && holds(&["2016-06-02", "2650"]));
        assert!(!holds(&["2651"]) && !holds(&["2650", "IMEZEN"]) && !holds(&[]));
    }

    #[test]
    fn brackets_that_cite_nothing_stay() {
        assert_eq!(without_citations("a [1] [x] [2,3] [1 et 2] [1-3] [ [4]"), "a  [x]    [ ");
    }
}
