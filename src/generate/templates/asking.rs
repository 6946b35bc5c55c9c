//! Questions about attributes that an entity may lack, in the templates' words.

use std::collections::BTreeMap;

use crate::corpus::{Fact, Language};
use crate::generate::grammar::{folded, shown};
use crate::generate::unanswerable::{QuestionWording, Questions};

use super::set::Templates;

/// Words questions by templates, each attribute as its first fact is worded.
#[derive(Debug)]
pub struct TemplateQuestions<'a> {
    templates: &'a Templates,
    by_attribute: BTreeMap<&'a str, &'a Fact>,
}

impl<'a> TemplateQuestions<'a> {
    pub fn new(templates: &'a Templates, facts: &'a [Fact]) -> Self {
        let mut by_attribute = BTreeMap::new();
        for fact in facts {
            by_attribute.entry(fact.attribute.as_str()).or_insert(fact);
        }
        Self { templates, by_attribute }
    }
}

impl Questions for TemplateQuestions<'_> {
    fn wordings(&self, entity: &str, attribute: &str, language: Language) -> Vec<QuestionWording> {
        let Some(known) = self.by_attribute.get(attribute) else { return Vec::new() };
        let fact = Fact { entity: entity.to_owned(), ..(*known).clone() };
        let speech = self.templates.speech(&fact, language);
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
        let name = folded(&shown(attribute));
        self.templates.group_of(&name).unwrap_or(name)
    }
}
