//! Questions that documents answer themselves: a heading that is a question with its first paragraph, and `Q: … A: …` lines.

use super::facts_definition::{begins_block, find, unmarked};
use super::facts_place::{Place, clean};
use super::facts_statement::Statement;
use super::heading_parts::is_question;
use super::kind::{normalised, typed};
use super::kind_fold::{attribute_key, folded};
use super::{Corpus, FieldForm, Kind, Span, Unit};

/// In characters, of an answer.
const LONGEST: usize = 600;
/// Folded, before a question and before its answer.
const QUESTION: &[&str] = &["q", "question"];
const ANSWER: &[&str] = &["a", "r", "answer", "reponse"];
/// Marks of emphasis, lists and headings around a line.
const MARKS: &[char] = &['*', '_', '#', '-', ' '];

/// A question with its answer, as bytes of a unit's text.
struct Answered<'t> {
    question: String,
    answer: &'t str,
    /// Where the answer begins.
    at: usize,
}

/// Of every unit.
pub(super) fn answers(corpus: &Corpus) -> Vec<Statement> {
    let mut stated = Vec::new();
    for (at, unit) in corpus.units.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|before| corpus.units.get(before));
        let goes_on = before.is_some_and(|before| before.document == unit.document && before.path == unit.path);
        let below = below_heading(unit).filter(|_| !goes_on);
        let all = below.into_iter().chain(marked_lines(&unit.text));
        stated.extend(all.filter_map(|answered| statement(corpus, at, answered)));
    }
    stated
}

/// The heading, where it is a question that a paragraph answers.
fn below_heading(unit: &Unit) -> Option<Answered<'_>> {
    let question = clean(unit.path.last()?);
    let rest = unit.text.trim_start();
    let answer = paragraph(rest);
    let is_answer = is_question(&question) && !begins_block(rest) && !rest.starts_with('#') && !answer.ends_with(':');
    let at = unit.text.len() - rest.len();
    (is_answer && marker(answer, QUESTION).is_none()).then_some(Answered { question, answer, at })
}

/// Up to an empty line.
fn paragraph(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n').take_while(|line| !line.trim().is_empty()) {
        end += line.len();
    }
    text.get(..end).unwrap_or_default().trim_end()
}

/// `Q: …` lines with the `A: …` lines below them.
fn marked_lines(text: &str) -> Vec<Answered<'_>> {
    let mut found = Vec::new();
    let mut asked: Option<String> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if let Some(question) = marker(line, QUESTION) {
            let question = unmarked(question.trim().trim_matches(MARKS));
            asked = Some(question).filter(|question| question.ends_with('?'));
        } else if let (Some(question), Some(answer)) = (asked.as_ref(), marker(line, ANSWER)) {
            let from = start + (line.len() - answer.len());
            let answer = paragraph(text.get(from..).unwrap_or_default());
            let until =
                answer.match_indices('\n').find(|(end, _)| is_marked(answer.get(end + 1..).unwrap_or_default()));
            let answer = answer.get(..until.map_or(answer.len(), |(end, _)| end)).unwrap_or_default().trim_end();
            found.push(Answered { question: question.clone(), answer, at: from });
            asked = None;
        } else if !line.trim().is_empty() {
            asked = None;
        }
    }
    found
}

fn is_marked(line: &str) -> bool {
    marker(line, QUESTION).or_else(|| marker(line, ANSWER)).is_some()
}

/// What stands behind `Q:`, `**Q1.**` or another of the words; None: the line does not begin so.
fn marker<'t>(line: &'t str, words: &[&str]) -> Option<&'t str> {
    let line = line.trim_start_matches(MARKS);
    let end = line.find([':', '.', ')'])?;
    let word = folded(line.get(..end)?.trim_end());
    let rest = line.get(end + 1..)?.trim_start_matches('*');
    let is_one = words.contains(&word.trim_end_matches(|c: char| c.is_ascii_digit() || c == ' '));
    (is_one && rest.starts_with(char::is_whitespace)).then(|| rest.trim_start())
}

fn statement(corpus: &Corpus, at: usize, answered: Answered<'_>) -> Option<Statement> {
    let unit = corpus.units.get(at)?;
    let document = corpus.documents.get(unit.document)?;
    let Answered { question, answer, at: from } = answered;
    let value = unmarked(answer);
    if value.is_empty() || value.chars().count() > LONGEST {
        return None;
    }
    let start = unit.span.start + from;
    let exact = Span { start, end: start + answer.len() };
    let is_exact = document.slice(exact).is_some_and(|written| written == answer);
    let span = if is_exact { exact } else { find(document, unit.span, answer)? };
    let key = attribute_key(&question);
    let kind = if typed(&key, &value).kind == Kind::Contact { Kind::Contact } else { Kind::Text };
    Some(Statement {
        place: Place::of(unit, None)?,
        attribute: question,
        key,
        normal: vec![normalised(&value, kind)],
        values: vec![value],
        spans: vec![span],
        kind,
        form: FieldForm::KeyValue,
        measure: None,
        language: unit.language,
        unit: at,
        source: unit.source.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marked_questions_are_read_with_their_answers() {
        let text = "Q: Do you ship\nA: Yes.\n\n**Q1: How long does it take?**\n**A:** Three days.\nOr four.\nQ: Where are you?\n\n\
            A. In Norwich.\n\nQ: Who are you?\nNobody knows.\nA: An answer to nothing.\n";
        let found: Vec<_> =
            marked_lines(text).into_iter().map(|found| (found.question, found.answer, found.at)).collect();
        let at = |answer: &str| text.find(answer).unwrap();
        assert_eq!(
            found,
            [
                ("How long does it take?".to_owned(), "Three days.\nOr four.", at("Three")),
                ("Where are you?".to_owned(), "In Norwich.", at("In Norwich")),
            ]
        );
    }
}
