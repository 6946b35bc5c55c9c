//! The documents, read, with what they state and how questions on it are worded.

use super::factless::{Remedies, factless, untitled};
use super::remarks;
use super::request::GenerateRequest;
use crate::commands::{Context, Failure, FileAction, MAX_TEXT, documents, read_text};
use crate::corpus::{self, Corpus, FactOptions, Facts, Language, Reading};
use crate::events::{Note, Warning};
use crate::generate::{AskedQuestion, Item, PlanInput, Templates};
use crate::store::Interrupt;

/// What examples are made of.
pub(super) struct Material {
    pub(super) corpus: Corpus,
    pub(super) facts: Facts,
    /// Of the questions.
    pub(super) languages: Vec<Language>,
    /// Further ones, in which questions on documents in the same language are asked.
    pub(super) own_languages: Vec<Language>,
    pub(super) templates: Templates,
    pub(super) interrupt: Interrupt,
}

impl Material {
    pub(super) fn plan_input<'a>(&'a self, items: &'a [Item], asked: &'a [AskedQuestion]) -> PlanInput<'a> {
        let (facts, units) = (&self.facts.facts, &self.corpus.units);
        PlanInput { items, facts, units, asked, interrupt: &self.interrupt }
    }
}

/// Conflicts that are warned of one by one.
const MOST_CONFLICTS: usize = 5;

/// Each takes some 8 kB while questions are made of it.
const MOST_FACTS: usize = 200_000;

pub(super) fn read(context: &mut Context<'_>, request: &GenerateRequest) -> Result<Material, Failure> {
    let Reading { corpus, layouts, .. } = documents::read(context, &request.documents)?;
    let facts =
        corpus::facts(&corpus, &FactOptions { contacts: request.contacts, interrupt: context.interrupt.clone() });
    context.check_interrupt()?;
    for conflict in facts.conflicts.iter().take(MOST_CONFLICTS) {
        context.report.warn(Warning::FactConflict {
            entity: conflict.entity.clone(),
            attribute: conflict.attribute.clone(),
            stated: conflict.stated.iter().map(|(source, value)| format!("{value} ({source})")).collect(),
        });
    }
    if let Some(conflicts) = facts.conflicts.len().checked_sub(MOST_CONFLICTS).filter(|more| *more > 0) {
        context.report.warn(Warning::FactConflictsMore { conflicts });
    }
    if facts.facts.is_empty() && request.writer.is_none() {
        let units = corpus.units.len();
        let fault = format!("the documents state no facts that rules can read ({units} passages were read)");
        return Err(Failure::input(fault).hint(match layouts.iter().find_map(untitled) {
            Some(columns) => format!("nothing says what the records are about; name the column that does, of {columns}: --map title=PATH"),
            None => "facts are read from fields of records, tables, lists, `key: value` lines and definitions; use --method llm-based for prose".to_owned(),
        }));
    }
    let remedies = Remedies { has_writer: request.writer.is_some(), contacts: request.contacts };
    for text in factless(&corpus, &facts, &layouts, remedies) {
        context.report.warn(Warning::Documents { text });
    }
    if facts.facts.len() > MOST_FACTS {
        let found = facts.facts.len();
        return Err(Failure::input(format!(
            "the documents state {found} facts; at most {MOST_FACTS} are taken at once"
        ))
        .hint("give fewer documents, or a part of the table: a model learns some thousands of facts"));
    }
    let languages = languages(&corpus, request);
    let own_languages = own_languages(&corpus, &languages, request);
    remarks::say(context, &corpus, &facts, &languages);
    let asked = remarks::asked_in(&languages, &own_languages);
    context.report.note(Note::Documents { text: format!("questions are asked in {asked} (--lang)") });
    let templates = match &request.templates {
        Some(path) => Templates::with_user(path, &read_text(FileAction::READING, path, MAX_TEXT)?)?,
        None => Templates::builtin()?,
    };
    for unused in templates.check(&facts.facts)? {
        context.report.warn(Warning::Documents { text: unused.to_string() });
    }
    let all = [languages.as_slice(), &own_languages].concat();
    for text in remarks::left_out(&facts.facts, &templates, &all) {
        context.report.warn(Warning::Documents { text });
    }
    Ok(Material { corpus, facts, languages, own_languages, templates, interrupt: context.interrupt.clone() })
}

/// Of the questions: those of `--lang`, else those that at least a fifth of the units are written in.
fn languages(corpus: &Corpus, request: &GenerateRequest) -> Vec<Language> {
    if let Some(said) = &request.documents.languages {
        return said.clone();
    }
    let units = |language| corpus.units.iter().filter(|unit| unit.language == Some(language)).count();
    let known: usize = Language::ALL.into_iter().map(units).sum();
    let written = Language::ALL.into_iter().filter(|language| 5 * units(*language) >= known.max(1));
    let found: Vec<Language> = written.collect();
    if found.is_empty() { vec![Language::En] } else { found }
}

/// Of a part of the documents, where `--lang` is not given: languages that fewer units are written in, and most of those of a
/// document. Questions on it are asked in its own language, not in these of the others.
fn own_languages(corpus: &Corpus, languages: &[Language], request: &GenerateRequest) -> Vec<Language> {
    if request.documents.languages.is_some() {
        return Vec::new();
    }
    let others = Language::ALL.into_iter().filter(|language| !languages.contains(language));
    let is_of_document = |language: &Language| {
        let mut counts = vec![[0_usize; 2]; corpus.documents.len()];
        for unit in &corpus.units {
            if let (Some(written), Some([own, others])) = (unit.language, counts.get_mut(unit.document)) {
                *(if written == *language { own } else { others }) += 1;
            }
        }
        counts.iter().any(|[own, others]| own > others)
    };
    others.filter(is_of_document).collect()
}
