//! Questions about attributes that an entity may lack, in the templates' words.

use std::collections::BTreeMap;

use crate::corpus::{Fact, Language};
use crate::generate::unanswerable::{QuestionWording, Questions};

use super::set::Templates;

/// Words questions by templates, each attribute as its first fact in the question's language is worded, else in another.
#[derive(Debug)]
pub struct TemplateQuestions<'a> {
    templates: &'a Templates,
    by_attribute: BTreeMap<(&'a str, Option<Language>), &'a Fact>,
}

impl<'a> TemplateQuestions<'a> {
    pub fn new(templates: &'a Templates, facts: &'a [Fact]) -> Self {
        let mut by_attribute = BTreeMap::new();
        for fact in facts {
            by_attribute.entry((fact.attribute.as_str(), fact.language)).or_insert(fact);
        }
        Self { templates, by_attribute }
    }
}

impl Questions for TemplateQuestions<'_> {
    fn wordings(&self, entity: &str, attribute: &str, language: Language) -> Vec<QuestionWording> {
        let written_in = [Some(language), None].into_iter().chain(Language::ALL.map(Some));
        let mut known = written_in.filter_map(|language| self.by_attribute.get(&(attribute, language)));
        let Some(known) = known.next() else { return Vec::new() };
        let fact = Fact { entity: entity.to_owned(), ..(*known).clone() };
        let speech = self.templates.speech(&fact, language);
        if speech.mixes_languages(&fact) {
            return Vec::new();
        }
        let terms = speech.terms(&fact);
        let mut templates = speech.questions();
        if templates.iter().any(|template| template.is_users) {
            templates.retain(|template| template.is_users);
        }
        let questions = templates.into_iter().filter_map(|template| {
            let question = template.render(&terms)?;
            Some(QuestionWording { family: template.family, template: template.name.clone(), question })
        });
        questions.collect()
    }

    fn concept(&self, attribute: &str) -> String {
        self.templates.concept(attribute)
    }

    fn names(&self, attribute: &str) -> Vec<String> {
        self.templates.names(attribute)
    }
}
