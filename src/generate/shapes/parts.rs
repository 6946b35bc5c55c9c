//! What the templates of an item are filled with, by its shape.

use crate::corpus::{Fact, Language};
use crate::generate::Shape;
use crate::generate::grammar::{folded, joined};
use crate::generate::templates::{
    Argument, Class, Frame, Speech, Template, Templates, Terms, measured, measured_value,
};

use super::subject::{Asked, Subject};

/// An item's templates, what fills them, and what an answer has to hold.
pub(super) struct Parts<'a> {
    pub(super) questions: Vec<&'a Template>,
    pub(super) answers: &'a [Template],
    pub(super) terms: Terms<'a>,
    pub(super) values: Vec<String>,
    /// The answer without a sentence; None: it takes sentences.
    pub(super) short: Option<String>,
    /// The answer, where the value is a sentence of its own.
    pub(super) sentence: Option<String>,
}

/// A subject with its facts and how they are worded.
pub(super) struct Said<'a> {
    pub(super) subject: &'a Subject,
    /// Never empty.
    pub(super) facts: &'a [&'a Fact],
    /// Of the first facts; of all where the shape tells of all.
    pub(super) speeches: &'a [Speech<'a>],
    pub(super) templates: &'a Templates,
    pub(super) language: Language,
    /// Chooses statements.
    pub(super) drawn: u64,
}

impl<'a> Said<'a> {
    /// None: the templates have no frame for the shape, or a fact is missing.
    pub(super) fn parts(&self) -> Option<Parts<'a>> {
        match (self.subject.shape, self.subject.asked) {
            (Shape::Value | Shape::List, _) => self.value(),
            (Shape::Boolean, Asked::Truth { value, right, .. }) => self.truth(value, right),
            (Shape::Reverse | Shape::Count, Asked::Holders { value }) => self.holders(value),
            (Shape::Comparison, Asked::Order { frame, second }) => self.order(frame, second),
            (Shape::TwoHop, _) => self.two_hops(),
            (Shape::Everything, _) => self.everything(),
            _ => None,
        }
    }

    fn value(&self) -> Option<Parts<'a>> {
        let (fact, speech) = self.nth(0)?;
        Some(Parts {
            questions: speech.questions(),
            answers: speech.answers(),
            terms: speech.terms(fact),
            values: fact.values.clone(),
            short: Some(measured(fact, self.language)),
            sentence: speech.own_sentence(fact).map(|sentence| sentence.text),
        })
    }

    fn truth(&self, value: usize, right: bool) -> Option<Parts<'a>> {
        let (fact, speech) = self.nth(0)?;
        let from = if right { fact } else { *self.facts.get(1)? };
        let claimed = measured_value(from, value)?;
        let terms = speech.terms(fact);
        let answers = self.statements(speech);
        let of_claim = terms.clone().with(Argument::Value, claimed.clone());
        let verdict = match (self.language, right) {
            (Language::Fr, true) => "Oui",
            (Language::Fr, false) => "Non",
            (Language::En, true) => "Yes",
            (Language::En, false) => "No",
        };
        let stated = answers.iter().find_map(|answer| Some((answer.statement(&of_claim)?, answer.statement(&terms)?)));
        let (statement, true_statement) = stated?;
        let mut terms = of_claim.with(Argument::Verdict, verdict).with(Argument::Right, true_statement);
        let class = Class::of(fact);
        if class != Class::List {
            terms = terms.with(Argument::Statement, statement);
        }
        self.framed(
            Frame::Boolean,
            class,
            Filled { terms, values: vec![verdict.to_owned()], short: verdict.to_owned() },
        )
    }

    fn holders(&self, value: usize) -> Option<Parts<'a>> {
        let (fact, speech) = self.nth(0)?;
        let held = measured_value(fact, value)?;
        let mut terms = speech.terms(fact).with(Argument::Value, held);
        // `has as its technologies Rust` of a list's frame would be wrong.
        let class = Class::of(fact);
        let predicates = if class == Class::List && !speech.has_entry() { &[] } else { speech.answers() };
        if let Some(predicate) = self.rotated(predicates).iter().find_map(|answer| answer.predicate(&terms)) {
            terms = terms.with(Argument::Predicate, predicate);
        }
        if self.subject.shape == Shape::Count {
            let count = self.facts.len().to_string();
            let terms = terms.with(Argument::Count, count.clone());
            return self.framed(Frame::Count, class, Filled { terms, values: vec![count.clone()], short: count });
        }
        let mut entities: Vec<String> = self.facts.iter().map(|fact| fact.entity.clone()).collect();
        entities.sort_by_cached_key(|name| (folded(name), name.clone()));
        let short = joined(&entities, self.language);
        terms.is_single = entities.len() == 1;
        let terms = terms.with(Argument::Entities, short.clone());
        self.framed(Frame::Reverse, class, Filled { terms, values: entities, short })
    }

    fn order(&self, frame: Frame, second: bool) -> Option<Parts<'a>> {
        let (first, speech) = self.nth(0)?;
        let other = *self.facts.get(1)?;
        let (winner, loser) = if second { (other, first) } else { (first, other) };
        let terms = speech
            .terms(first)
            .with(Argument::Other, other.entity.as_str())
            .with(Argument::Winner, winner.entity.as_str())
            .with(Argument::Winning, measured(winner, self.language))
            .with(Argument::Loser, loser.entity.as_str())
            .with(Argument::Losing, measured(loser, self.language));
        let values = vec![winner.entity.clone()];
        self.framed(frame, Class::Plain, Filled { terms, values, short: winner.entity.clone() })
    }

    fn two_hops(&self) -> Option<Parts<'a>> {
        let (from, link) = self.nth(0)?;
        let (to, target) = self.nth(1)?;
        let (link_terms, terms) = (link.terms(from), target.terms(to));
        let statement = self.statements(link).iter().find_map(|answer| answer.sentence(&link_terms))?;
        let right = self.statements(target).iter().find_map(|answer| answer.statement(&terms))?;
        let terms = link.leading(terms).with(Argument::Entity, from.entity.as_str());
        let terms = terms.with(Argument::Statement, statement).with(Argument::Right, right);
        let short = measured(to, self.language);
        self.framed(Frame::TwoHop, Class::Plain, Filled { terms, values: to.values.clone(), short })
    }

    fn everything(&self) -> Option<Parts<'a>> {
        let (fact, speech) = self.nth(0)?;
        let mut told = Vec::new();
        for (fact, speech) in self.facts.iter().zip(self.speeches) {
            if let Some(sentence) = speech.own_sentence(fact).filter(|sentence| sentence.names_entity) {
                told.push(sentence.text);
                continue;
            }
            let terms = speech.terms(fact);
            told.push(self.rotated(speech.answers()).iter().find_map(|answer| answer.render(&terms))?);
        }
        let terms = speech.terms(fact).with(Argument::Everything, told.join(" "));
        let values = self.facts.iter().flat_map(|fact| fact.values.clone()).collect();
        let parts = self.framed(Frame::Everything, Class::Plain, Filled { terms, values, short: String::new() })?;
        Some(Parts { short: None, ..parts })
    }

    fn framed(&self, frame: Frame, class: Class, filled: Filled<'a>) -> Option<Parts<'a>> {
        let entry = self.templates.frame(self.language, frame, class)?;
        let Filled { terms, values, short } = filled;
        Some(Parts {
            questions: entry.questions.iter().collect(),
            answers: &entry.answers,
            terms,
            values,
            short: Some(short),
            sentence: None,
        })
    }

    fn nth(&self, n: usize) -> Option<(&'a Fact, &'a Speech<'a>)> {
        Some((*self.facts.get(n)?, self.speeches.get(n)?))
    }

    fn statements(&self, speech: &Speech<'a>) -> Vec<&'a Template> {
        speech.statements().flat_map(|templates| self.rotated(templates)).collect()
    }

    /// The templates, from a drawn one on.
    fn rotated(&self, templates: &'a [Template]) -> Vec<&'a Template> {
        rotated(templates, self.drawn).collect()
    }
}

/// What a frame is filled with.
struct Filled<'a> {
    terms: Terms<'a>,
    values: Vec<String>,
    short: String,
}

/// The templates, from a drawn one on.
pub(super) fn rotated(templates: &[Template], drawn: u64) -> impl Iterator<Item = &Template> {
    let n = u64::try_from(templates.len()).unwrap_or(1).max(1);
    templates.iter().cycle().skip(usize::try_from(drawn % n).unwrap_or(0)).take(templates.len())
}
