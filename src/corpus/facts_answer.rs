//! Questions that documents answer themselves: a heading that is a question with its first paragraph, and `Q: … A: …` lines.

use super::facts_definition::{begins_block, find, unmarked};
use super::facts_place::{Place, clean};
use super::facts_statement::Statement;
use super::heading_parts::is_question;
use super::kind::{normalised, typed};
use super::kind_fold::{attribute_key, folded};
use super::{Corpus, FieldForm, Kind, Span, Unit};
use crate::store::Interrupt;

/// In characters, of an answer.
const LONGEST: usize = 600;
/// In bytes, with its marks.
const LONGEST_WRITTEN: usize = 8 * LONGEST;
/// Folded, before a question and before its answer.
const QUESTION: &[&str] = &["q", "question"];
const ANSWER: &[&str] = &["a", "r", "answer", "reponse"];
/// Before the first two of several choices.
const FIRST_CHOICE: &[&str] = &["a"];
const SECOND_CHOICE: &[&str] = &["b"];
/// Answers of a unit that are looked for in its document, at most, where they do not stand there as in the unit's text.
const SEARCHES: usize = 64;
/// Marks of emphasis, lists and headings around a line.
const MARKS: &[char] = &['*', '_', '#', '-', ' '];

/// A question with its answer, as bytes of a unit's text.
struct Answered<'t> {
    question: String,
    answer: &'t str,
    /// Where the answer begins.
    at: usize,
}

/// What was looked at, so that an interruption is heard within a long text.
struct Work<'a> {
    interrupt: &'a Interrupt,
    /// Bytes of lines.
    bytes: usize,
}

impl Work<'_> {
    /// Whether to look at this line too.
    fn goes_on(&mut self, line: &str) -> bool {
        self.bytes += line.len();
        !self.interrupt.raised()
    }
}

/// Of every unit; an interruption leaves out the rest.
pub(super) fn answers(corpus: &Corpus, interrupt: &Interrupt) -> Vec<Statement> {
    let mut stated = Vec::new();
    let mut work = Work { interrupt, bytes: 0 };
    for (at, unit) in corpus.units.iter().enumerate().take_while(|_| !interrupt.raised()) {
        let before = at.checked_sub(1).and_then(|before| corpus.units.get(before));
        let goes_on = before.is_some_and(|before| before.document == unit.document && before.path == unit.path);
        let below = below_heading(unit).filter(|_| !goes_on);
        let all = below.into_iter().chain(marked_lines(&unit.text, &mut work));
        let mut searches = SEARCHES;
        stated.extend(all.filter_map(|answered| statement(corpus, at, answered, &mut searches)));
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
    (is_answer && marker(answer, QUESTION).is_none() && !is_choices(answer)).then_some(Answered {
        question,
        answer,
        at,
    })
}

/// Up to an empty line.
fn paragraph(text: &str) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n').take_while(|line| !line.trim().is_empty()) {
        end += line.len();
    }
    text.get(..end).unwrap_or_default().trim_end()
}

/// An answer whose lines are being read.
struct Begun {
    question: String,
    /// Its first byte, and the byte after its last line.
    at: usize,
    until: usize,
    /// An empty line, or a mark, has ended it.
    ended: bool,
    /// Marked by the letter `A`, as the first of several choices is.
    by_letter: bool,
}

/// `Q: …` lines with the `A: …` lines below them. Every line is looked at once.
fn marked_lines<'t>(text: &'t str, work: &mut Work<'_>) -> Vec<Answered<'t>> {
    let mut found = Vec::new();
    let mut asked: Option<String> = None;
    let mut begun: Option<Begun> = None;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        if !work.goes_on(line) {
            return found;
        }
        if line.trim().is_empty() {
            begun.iter_mut().for_each(|answer| answer.ended = true);
            continue;
        }
        let question = marker(line, QUESTION);
        let answer = marker(line, ANSWER);
        let is_choice = |open: &Begun| open.by_letter && is_second_choice(line);
        if question.is_none()
            && answer.is_none()
            && let Some(open) = begun.as_mut().filter(|open| !open.ended && !is_choice(open))
        {
            open.until = at;
            continue;
        }
        // The last answer is over; one of several choices is none.
        found.extend(begun.take().filter(|open| !is_choice(open)).and_then(|answer| answer.whole(text)));
        if let Some(question) = question {
            let question = unmarked(question.trim().trim_matches(MARKS));
            asked = Some(question).filter(|question| question.ends_with('?'));
        } else if let (Some(question), Some(answer)) = (asked.take(), answer) {
            let from = start + (line.len() - answer.len());
            let by_letter = marker(line, FIRST_CHOICE).is_some();
            begun = Some(Begun { question, at: from, until: at, ended: false, by_letter });
        }
    }
    found.extend(begun.and_then(|answer| answer.whole(text)));
    found
}

impl Begun {
    /// None where its one line lists several choices.
    fn whole(self, text: &str) -> Option<Answered<'_>> {
        let Self { question, at, until, by_letter, .. } = self;
        let answer = text.get(at..until)?.trim_end();
        let lists =
            by_letter && answer.split_whitespace().any(|word| word.trim_start_matches('(').eq_ignore_ascii_case("b)"));
        (!lists).then_some(Answered { question, answer, at })
    }
}

/// Whether a line is `B) …`, the second of several choices.
fn is_second_choice(line: &str) -> bool {
    marker(line, SECOND_CHOICE).is_some()
}

/// Whether a text is the choices `A) …`, `B) …`.
fn is_choices(text: &str) -> bool {
    marker(text, FIRST_CHOICE).is_some() && text.lines().any(is_second_choice)
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

fn statement(corpus: &Corpus, at: usize, answered: Answered<'_>, searches: &mut usize) -> Option<Statement> {
    let unit = corpus.units.get(at)?;
    let document = corpus.documents.get(unit.document)?;
    let Answered { question, answer, at: from } = answered;
    if answer.len() > LONGEST_WRITTEN {
        return None;
    }
    let value = unmarked(answer);
    if value.is_empty() || value.chars().count() > LONGEST {
        return None;
    }
    let start = unit.span.start + from;
    let exact = Span { start, end: start + answer.len() };
    let is_exact = document.slice(exact).is_some_and(|written| written == answer);
    let span = if is_exact {
        exact
    } else {
        *searches = searches.checked_sub(1)?;
        find(document, unit.span, answer)?
    };
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

    fn marked(text: &str) -> Vec<Answered<'_>> {
        marked_lines(text, &mut Work { interrupt: &Interrupt::default(), bytes: 0 })
    }

    #[test]
    fn marked_questions_are_read_with_their_answers() {
        let text = "Q: Do you ship\nA: Yes.\n\n**Q1: How long does it take?**\n**A:** Three days.\nOr four.\nQ: Where are you?\n\n\
            A. In Norwich.\n\nQ: Who are you?\nNobody knows.\nA: An answer to nothing.\n";
        let found: Vec<_> = marked(text).into_iter().map(|found| (found.question, found.answer, found.at)).collect();
        let at = |answer: &str| text.find(answer).unwrap();
        assert_eq!(
            found,
            [
                ("How long does it take?".to_owned(), "Three days.\nOr four.", at("Three")),
                ("Where are you?".to_owned(), "In Norwich.", at("In Norwich")),
            ]
        );
    }

    #[test]
    fn choices_are_no_answer() {
        for choices in [
            "A) Paris\nB) London\nC) Rome\n",
            "A. Paris\nB. London\n",
            "a) Paris\n\nb) London\n\nAnswer: A\n",
            "**A)** Paris\n**B)** London\n",
            "A: Paris\nB: London\nAnswer: B\n",
            "A) Paris B) London C) Rome\n",
            "A) Paris,\nthe capital\nB) London\n",
        ] {
            let text = format!("Q: Which city is the capital?\n{choices}Q: Is this one answered?\nA: Yes.\n");
            let found: Vec<_> = marked(&text).into_iter().map(|found| found.question).collect();
            assert_eq!(found, ["Is this one answered?"], "{choices}");
        }
        // A letter alone makes no choice.
        for answer in ["A) Paris", "A. In Paris, by the B road", "Answer: B"] {
            let text = format!("Q: Which?\n{answer}\n");
            assert_eq!(marked(&text).len(), 1, "{answer}");
        }
        assert!(
            is_choices("A) Paris\nB) London") && !is_choices("A) Paris\nor London") && !is_choices("Paris\nB) London")
        );
    }

    /// Work by the bytes that are looked at: a page without an empty line, and an answer that does not end.
    #[test]
    fn a_page_of_questions_takes_time_in_proportion_to_its_length() {
        let page = |n: usize| "Q: Do you ship abroad?\nA: Yes, we do.\n".repeat(n);
        let endless = |n: usize| format!("Q: Why?\nA: {}", "because\n".repeat(n));
        for text in [page(2000), page(4000), endless(8000), endless(16_000)] {
            let interrupt = Interrupt::default();
            let mut work = Work { interrupt: &interrupt, bytes: 0 };
            let found = marked_lines(&text, &mut work);
            assert_eq!(work.bytes, text.len(), "every line once");
            // Answers do not overlap, so what is done with each of them is in proportion too.
            assert!(found.iter().map(|answered| answered.answer.len()).sum::<usize>() <= text.len());
            assert!(found.windows(2).all(|pair| pair[0].at + pair[0].answer.len() <= pair[1].at));
        }
        assert_eq!(marked(&page(2000)).len(), 2000);
    }

    #[test]
    fn an_interruption_ends_the_reading_of_answers() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        let mut work = Work { interrupt: &interrupt, bytes: 0 };
        let text = "Q: Why?\nA: So.\n";
        assert!(marked_lines(text, &mut work).is_empty() && work.bytes < text.len());
    }
}
