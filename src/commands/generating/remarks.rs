//! What is said of the documents before questions are made of them.

use crate::chat::chat_token;
use crate::commands::Context;
use crate::corpus::{self, Corpus, Fact, Facts, Language};
use crate::events::Warning;
use crate::generate::Templates;

/// Names that are said one by one.
const MOST_NAMES: usize = 5;

/// `languages`: of the questions.
pub(super) fn say(context: &mut Context<'_>, corpus: &Corpus, facts: &Facts, languages: &[Language]) {
    let mut said = spellings(&facts.spellings);
    said.extend(other_language(corpus, languages));
    said.extend(chat_tokens(corpus));
    said.into_iter().for_each(|text| context.report.warn(Warning::Documents { text }));
}

/// Names that are compared without case and accents, and so are read as one.
fn spellings(spellings: &[Vec<String>]) -> Vec<String> {
    let mut said = Vec::new();
    for names in spellings.iter().take(MOST_NAMES) {
        let names = names.join(" and ");
        said.push(format!(
            "{names} are read as one thing, because case and accents do not tell names apart; rename one where they are two"
        ));
    }
    if let Some(more) = spellings.len().checked_sub(MOST_NAMES).filter(|more| *more > 0) {
        said.push(format!("and {more} more names are read as one with names that differ in case or accents alone"));
    }
    said
}

/// The languages that questions are asked in.
pub(super) fn asked_in(languages: &[Language], own: &[Language]) -> String {
    let named = |languages: &[Language]| languages.iter().map(|l| l.name()).collect::<Vec<_>>().join(" and ");
    match own {
        [] => named(languages),
        own => format!("{}, and in {} on what is written in it", named(languages), named(own)),
    }
}

/// Facts that no language of the questions can ask without words of another one.
pub(super) fn left_out(facts: &[Fact], templates: &Templates, languages: &[Language]) -> Vec<String> {
    let is_left_out = |fact: &&Fact| !languages.iter().any(|language| templates.can_ask(fact, *language));
    let lost: Vec<&Fact> = facts.iter().filter(|fact| fact.is_asked()).filter(is_left_out).collect();
    let said = Language::ALL.into_iter().filter(|language| !languages.contains(language)).filter_map(|language| {
        let of: Vec<_> = lost.iter().filter(|fact| templates.can_ask(fact, language)).collect();
        let source = &of.first()?.source;
        let all: Vec<&str> = Language::ALL.into_iter().filter(|l| *l == language || languages.contains(l)).map(|l| l.code()).collect();
        Some(format!(
            "{} of {} facts are written in {} and are left out, because questions on them in {} would mix both languages \
             (the first is in {source}); --lang {} takes them in",
            of.len(),
            facts.len(),
            language.name(),
            asked_in(languages, &[]),
            all.join(",")
        ))
    });
    said.collect()
}

/// Documents in a language that no question is asked in.
fn other_language(corpus: &Corpus, languages: &[Language]) -> Option<String> {
    let found = corpus::other_languages(corpus);
    let mut places =
        corpus.documents.iter().zip(&found).filter_map(|(document, language)| Some((document, (*language)?)));
    let (first, language) = places.next()?;
    let others = match places.count() {
        0 => String::new(),
        1 => ", and another document in a further language or the same".to_owned(),
        n => format!(", and {n} more documents in this or other languages"),
    };
    let asked: Vec<&str> = languages.iter().map(|language| language.name()).collect();
    Some(format!(
        "{} is written in {language}{others}: questions are worded in French and English only, so those on it are asked in {} \
         around its own words",
        first.path,
        asked.join(" and ")
    ))
}

/// Control tokens of chat templates in the documents.
fn chat_tokens(corpus: &Corpus) -> Option<String> {
    let mut found = corpus.documents.iter().filter_map(|document| Some((document, chat_token(&document.text)?)));
    let (first, token) = found.next()?;
    let others = match found.count() {
        0 => String::new(),
        n => format!(" (and {n} more documents)"),
    };
    Some(format!(
        "{}{others} has control tokens of chat templates, such as {token}: in passages that a model is shown they are broken \
         by a space, but values of facts keep them as they stand, and a tokenizer may read them as control tokens; take them \
         out of the documents",
        first.path
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::ReadOptions;

    fn corpus_of(text: &str) -> Corpus {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.md"), text).unwrap();
        corpus::read(&[dir.path().to_path_buf()], &ReadOptions::default()).unwrap().corpus
    }

    #[test]
    fn a_document_in_another_language_is_said() {
        let german = "# Pumpen\n\nDie Pumpe P-101 steht in der Halle A und wird von der Firma Müller gewartet. Sie hat eine \
            Leistung von fünfzehn Kilowatt.\n\n| Pumpe | Standort | Leistung |\n|---|---|---|\n| P-101 | Halle A | 15 kW |\n";
        let said = other_language(&corpus_of(german), &[Language::En]).unwrap();
        assert!(said.starts_with("a.md is written in German: ") && said.contains("asked in English around"), "{said}");
        let example = include_str!("../../../examples/applicationsIA_mini_1-10.md");
        assert_eq!(other_language(&corpus_of(example), &[Language::Fr]), None);
    }

    #[test]
    fn facts_in_a_language_that_is_not_asked_in_are_counted() {
        let page = "# Refuge Orla\n\nLe refuge est une cabane de montagne, ouverte toute l'année à qui vient à pied.\n\n\
            - Gardien : Lucie Vallon\n- Animaux acceptés : non\n- Téléphone fixe : aucun\n";
        let corpus = corpus_of(page);
        let facts = corpus::facts(&corpus, &corpus::FactOptions::default()).facts;
        let templates = Templates::builtin().unwrap();
        let said = |languages: &[Language]| left_out(&facts, &templates, languages);
        let english = said(&[Language::En]);
        let begins = english.first().is_some_and(|said| said.contains(" facts are written in French and are left out"));
        assert!(english.len() == 1 && begins && english[0].ends_with("--lang fr,en takes them in"), "{english:?}");
        assert!(said(&[Language::Fr]).is_empty() && said(&Language::ALL).is_empty());
        assert_eq!(asked_in(&[Language::En], &[Language::Fr]), "English, and in French on what is written in it");
    }

    #[test]
    fn control_tokens_are_said() {
        let said = chat_tokens(&corpus_of("# GIDAF\n\nHost: OVH\nMark: <|im_start|>\n")).unwrap();
        assert!(said.starts_with("a.md has control tokens of chat templates, such as <|im_start|>: "), "{said}");
        assert_eq!(chat_tokens(&corpus_of("# GIDAF\n\na |> b, <s>old</s>, [1], x <| y\n")), None);
    }
}
