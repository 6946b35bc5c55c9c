//! The documents, read, with what they state and how questions on it are worded.

use super::remarks;
use super::request::GenerateRequest;
use crate::commands::{Context, Failure, FileAction, MAX_TEXT, documents, read_text};
use crate::corpus::{self, Corpus, FactOptions, Facts, Language, Reading};
use crate::events::{Note, Warning};
use crate::generate::Templates;
use crate::store::Interrupt;

/// What examples are made of.
pub(super) struct Material {
    pub(super) corpus: Corpus,
    pub(super) facts: Facts,
    /// Of the questions.
    pub(super) languages: Vec<Language>,
    pub(super) templates: Templates,
    pub(super) interrupt: Interrupt,
}

/// Conflicts that are warned of one by one.
const MOST_CONFLICTS: usize = 5;

/// Each takes some 8 kB while questions are made of it.
const MOST_FACTS: usize = 200_000;

pub(super) fn read(context: &mut Context<'_>, request: &GenerateRequest) -> Result<Material, Failure> {
    let Reading { corpus, .. } = documents::read(context, &request.documents)?;
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
        return Err(Failure::input(format!("the documents state no facts that rules can read ({units} passages were read)"))
            .hint("facts are read from fields of records, tables, lists, `key: value` lines and definitions; use --method llm-based for prose"));
    }
    if facts.facts.len() > MOST_FACTS {
        let found = facts.facts.len();
        return Err(Failure::input(format!(
            "the documents state {found} facts; at most {MOST_FACTS} are taken at once"
        ))
        .hint("give fewer documents, or a part of the table: a model learns some thousands of facts"));
    }
    let languages = languages(&corpus, request);
    remarks::say(context, &corpus, &facts, &languages);
    let named: Vec<&str> = languages.iter().map(|language| language.name()).collect();
    context.report.note(Note::Documents { text: format!("questions are asked in {} (--lang)", named.join(" and ")) });
    let templates = match &request.templates {
        Some(path) => Templates::with_user(path, &read_text(FileAction::READING, path, MAX_TEXT)?)?,
        None => Templates::builtin()?,
    };
    for unused in templates.check(&facts.facts)? {
        context.report.warn(Warning::Documents { text: unused.to_string() });
    }
    Ok(Material { corpus, facts, languages, templates, interrupt: context.interrupt.clone() })
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
