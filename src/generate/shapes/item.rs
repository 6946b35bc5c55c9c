//! An item with its questions and answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::corpus::{Fact, Language};
use crate::generate::identity_key::identity_key;
use crate::generate::templates::{Speech, Template, has_foreign_words};
use crate::generate::{Family, Item, Method, Shape, Wording};

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

impl Writer<'_> {
    /// None: a fact is missing, the templates have no frame for the shape, or the wordings would mix languages.
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
        let mixes = |fact: &&Fact| has_foreign_words(fact, self.language);
        let worded = facts.iter().zip(&speeches).any(|(fact, speech)| speech.mixes_languages(fact));
        if worded || facts.iter().skip(speeches.len()).any(mixes) {
            return None;
        }
        let drawn = subject.key.draw(self.options.seed, "statement");
        let templates = self.options.templates;
        let said = Said { subject, facts: &facts, speeches: &speeches, templates, language: self.language, drawn };
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
            // An account says more than what can be guessed.
            low_information: subject.shape != Shape::Everything && facts.iter().any(|fact| fact.low_information),
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
        let mut asking = Asking { parts, seen: BTreeSet::new(), most: self.options.max_wordings, asked: Vec::new() };
        let users: Vec<_> = parts.questions.iter().copied().filter(|template| template.is_users).collect();
        let shipped: Vec<_> = parts.questions.iter().copied().filter(|template| !template.is_users).collect();
        if !users.is_empty() && !shipped.is_empty() {
            self.draw_questions(key, &users, &mut asking);
            self.fill_families(key, &shipped, &mut asking);
        } else if asking.most < parts.questions.len() {
            self.draw_questions(key, &parts.questions, &mut asking);
        } else {
            parts.questions.iter().for_each(|template| _ = asking.ask(template));
        }
        let mut wordings: Vec<Wording> = Vec::with_capacity(asking.asked.len());
        for (template, question) in asking.asked {
            let Some(answer) = self.answer(key, parts, template) else { continue };
            let same = wordings.iter().find(|wording| *wording.answer == *answer);
            let answer = same.map_or_else(|| Arc::from(answer), |wording| wording.answer.clone());
            let (family, template) = (template.family, template.name.clone());
            wordings.push(Wording { family, template, question, answer, method: Method::RuleBased, record: None });
        }
        wordings
    }

    /// One question of each family in turn, from a drawn family and a drawn question on.
    fn draw_questions<'p>(&self, key: &Key, questions: &[&'p Template], asking: &mut Asking<'_, 'p>) {
        let mut families = Family::ALL;
        let from = key.below(families.len(), self.options.seed, "family");
        families.rotate_left(from);
        let mut drawn = key.draw(self.options.seed, "question");
        let mut queues = families.map(|family| {
            let mut of: Vec<_> = questions.iter().copied().filter(|template| template.family == family).collect();
            let n = u64::try_from(of.len()).unwrap_or(1).max(1);
            of.rotate_left(usize::try_from(drawn % n).unwrap_or(0));
            drawn /= n;
            of.into_iter()
        });
        while queues.iter().any(|queue| queue.len() > 0) {
            for queue in &mut queues {
                // The next that can be written.
                let _ = queue.find(|template| asking.ask(template));
            }
        }
    }

    /// One shipped question of each family that has none, behind a user's: so a user's are most of those that are taught,
    /// and validation and test still have families of their own.
    fn fill_families<'p>(&self, key: &Key, shipped: &[&'p Template], asking: &mut Asking<'_, 'p>) {
        let drawn = key.draw(self.options.seed, "filling");
        for family in Family::ALL {
            let of: Vec<_> = shipped.iter().copied().filter(|template| template.family == family).collect();
            let n = u64::try_from(of.len()).unwrap_or(1).max(1);
            let from = usize::try_from(drawn % n).unwrap_or(0);
            // The next that can be written.
            let _ = of.iter().cycle().skip(from).take(of.len()).find(|template| asking.ask(template));
        }
    }

    fn answer(&self, key: &Key, parts: &Parts<'_>, template: &Template) -> Option<String> {
        let drawn = key.draw(self.options.seed, &template.name);
        let short = match self.options.answer_style {
            AnswerStyle::Sentence => false,
            AnswerStyle::Value => true,
            AnswerStyle::Mixed => drawn & 1 == 0,
        };
        if let (true, Some(short)) = (short, &parts.short) {
            return Some(short.clone());
        }
        if parts.sentence.is_some() {
            return parts.sentence.clone();
        }
        rotated(parts.answers, drawn >> 1).find_map(|answer| answer.render(&parts.terms))
    }
}

/// Questions that are chosen, before their answers are.
struct Asking<'a, 'p> {
    parts: &'a Parts<'p>,
    /// Their keys.
    seen: BTreeSet<String>,
    most: usize,
    asked: Vec<(&'p Template, String)>,
}

impl<'p> Asking<'_, 'p> {
    /// Adds the template's question; false: it can't be written, is there already, or there are enough.
    fn ask(&mut self, template: &'p Template) -> bool {
        if self.asked.len() >= self.most {
            return false;
        }
        let Some(question) = template.render(&self.parts.terms) else { return false };
        let new = self.seen.insert(identity_key(&question));
        if new {
            self.asked.push((template, question));
        }
        new
    }
}
