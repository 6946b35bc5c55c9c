//! An item with its questions and answers.

use std::collections::BTreeSet;

use crate::corpus::{Fact, Language};
use crate::generate::grammar::folded;
use crate::generate::templates::{Speech, Template};
use crate::generate::{Family, Item, Shape, Wording};

use super::groups::Groups;
use super::options::{AnswerStyle, ItemOptions};
use super::parts::{Parts, Said, rotated};
use super::subject::{Asked, Key, Subject};

/// What wordings are made of.
pub(super) struct Writer<'a> {
    pub(super) facts: &'a [Fact],
    pub(super) groups: &'a Groups,
    pub(super) options: &'a ItemOptions<'a>,
    pub(super) language: Language,
}

/// A question before its answer is chosen.
struct Asking<'t> {
    template: &'t Template,
    question: String,
}

impl Writer<'_> {
    /// None: a fact is missing, or the templates have no frame for the shape.
    pub(super) fn item(&self, subject: &Subject) -> Option<Item> {
        let facts: Vec<&Fact> = subject.facts.iter().map(|i| self.facts.get(*i)).collect::<Option<_>>()?;
        let first = *facts.first()?;
        let worded = match subject.shape {
            Shape::Everything => facts.len(),
            Shape::TwoHop => 2,
            _ => 1,
        };
        let named = subject.facts.iter().zip(&facts).take(worded);
        let speeches: Vec<Speech<'_>> = named.map(|(i, fact)| self.speech(*i, fact)).collect();
        let (templates, seed) = (self.options.templates, self.options.seed);
        let said = Said { subject, facts: &facts, speeches: &speeches, templates, language: self.language, seed };
        let parts = said.parts()?;
        let entity = match subject.asked {
            Asked::Holders { value } => first.values.get(value)?.clone(),
            _ => first.entity.clone(),
        };
        let wordings = self.wordings(&subject.key, &parts);
        Some(Item {
            id: subject.id,
            shape: subject.shape,
            facts: subject.facts.to_vec(),
            entity,
            attribute: first.attribute.clone(),
            source: first.source.clone(),
            language: self.language,
            values: parts.values,
            wordings,
            low_information: facts.iter().any(|fact| fact.low_information),
        })
    }

    fn speech(&self, i: usize, fact: &Fact) -> Speech<'_> {
        if self.groups.is_own(self.language, i) {
            self.options.templates.own_speech(fact, self.language)
        } else {
            self.options.templates.speech(fact, self.language)
        }
    }

    /// Wordings differ in more than case and punctuation.
    fn wordings(&self, key: &Key, parts: &Parts<'_>) -> Vec<Wording> {
        let mut seen = BTreeSet::new();
        let mut asked: Vec<Asking<'_>> = Vec::with_capacity(parts.questions.len());
        for template in &parts.questions {
            if let Some(question) = template.render(&parts.terms)
                && seen.insert(folded(&question))
            {
                asked.push(Asking { template, question });
            }
        }
        if self.options.max_wordings < asked.len() {
            asked = self.drawn(key, asked);
        }
        let worded = asked.into_iter().filter_map(|Asking { template, question }| {
            let answer = self.answer(key, parts, template)?;
            Some(Wording { family: template.family, template: template.name.clone(), question, answer })
        });
        worded.take(self.options.max_wordings).collect()
    }

    /// The questions in a drawn order, one of each family in turn.
    fn drawn<'t>(&self, key: &Key, asked: Vec<Asking<'t>>) -> Vec<Asking<'t>> {
        let mut families = [Family::Direct, Family::Polite, Family::Search, Family::Indirect];
        families.sort_by_cached_key(|family| key.draw(self.options.seed, &format!("{family:?}")));
        let n = asked.len();
        let mut queues = families.map(|_| Vec::new());
        for asking in asked {
            let queue = families.iter().zip(&mut queues).find(|(family, _)| **family == asking.template.family);
            if let Some((_, queue)) = queue {
                queue.push(asking);
            }
        }
        let mut queues = queues.map(|mut queue| {
            queue.sort_by_cached_key(|asking| key.draw(self.options.seed, &asking.template.name));
            queue.into_iter()
        });
        let mut drawn = Vec::with_capacity(n);
        while drawn.len() < n {
            drawn.extend(queues.iter_mut().filter_map(Iterator::next));
        }
        drawn
    }

    fn answer(&self, key: &Key, parts: &Parts<'_>, template: &Template) -> Option<String> {
        let seed = self.options.seed;
        let short = match self.options.answer_style {
            AnswerStyle::Sentence => false,
            AnswerStyle::Value => true,
            AnswerStyle::Mixed => key.below(2, seed, &format!("style {}", template.name)) == 0,
        };
        if let (true, Some(short)) = (short, &parts.short) {
            return Some(short.clone());
        }
        let purpose = format!("answer {}", template.name);
        rotated(parts.answers, key, seed, &purpose).iter().find_map(|answer| answer.render(&parts.terms))
    }
}
