//! Definitions: the first sentence below an entity's heading that says what the entity is.

use super::facts_place::Place;
use super::facts_statement::Statement;
use super::json_walk::{Node, NodeKind, Offsets, next, unescaped};
use super::kind::normalised;
use super::kind_fold::{collapsed, folded};
use super::{Corpus, Document, FieldForm, Kind, Language, Span, Unit, inline};

/// In characters, of a definition.
const LONGEST: usize = 400;
const SHORTEST: usize = 20;

/// Folded: what follows the entity in a definition. `est hébergée` is none, `est une application` is.
const VERBS: &[(&str, Language)] = &[
    ("est un ", Language::Fr),
    ("est une ", Language::Fr),
    ("est le ", Language::Fr),
    ("est la ", Language::Fr),
    ("est l'", Language::Fr),
    ("est les ", Language::Fr),
    ("sont des ", Language::Fr),
    ("sont les ", Language::Fr),
    ("designe ", Language::Fr),
    ("is a ", Language::En),
    ("is an ", Language::En),
    ("is the ", Language::En),
    ("is one of ", Language::En),
    ("are the ", Language::En),
    ("refers to ", Language::En),
];

/// Folded: what may stand before the entity.
const ARTICLES: &[&str] = &[
    "le ",
    "la ",
    "les ",
    "l'",
    "the ",
    "un ",
    "une ",
    "a ",
    "an ",
    "l'application ",
    "le logiciel ",
    "l'outil ",
    "le projet ",
    "le service ",
    "le module ",
    "the application ",
    "the software ",
    "the tool ",
    "the project ",
    "the service ",
];

/// Of every unit that begins with one.
pub(super) fn definitions(corpus: &Corpus) -> Vec<Statement> {
    corpus.units.iter().enumerate().filter_map(|(at, unit)| definition(corpus, at, unit)).collect()
}

fn definition(corpus: &Corpus, at: usize, unit: &Unit) -> Option<Statement> {
    let place = Place::of(unit, None)?;
    let sentence = first_sentence(unit)?;
    let plain = folded(&unmarked(sentence));
    // `GIDAF (gestion des dossiers)` may be called GIDAF.
    let short = place.title_key.split(" (").next().unwrap_or_default();
    let bare = ARTICLES.iter().find_map(|article| short.strip_prefix(article)).unwrap_or(short);
    let value = unmarked(sentence);
    let of_title = [&place.title_key, short, bare].into_iter().find_map(|title| defines(&plain, title));
    let (place, language) = match of_title {
        Some(language) => (place, language),
        None => {
            let (subject, language) = subject_of(&value)?;
            (named(place, subject)?, language)
        }
    };
    let span = find(corpus.documents.get(unit.document)?, unit.span, sentence)?;
    let attribute = match language {
        Language::Fr => "définition",
        Language::En => "definition",
    };
    Some(Statement {
        place,
        attribute: attribute.to_owned(),
        key: "definition".to_owned(),
        normal: vec![normalised(&value, Kind::Definition)],
        values: vec![value],
        spans: vec![span],
        kind: Kind::Definition,
        form: FieldForm::KeyValue,
        measure: None,
        language: Some(language),
        unit: at,
        source: unit.source.clone(),
    })
}

/// The language of a definition of `title`; None: the sentence is none. Both are folded.
fn defines(sentence: &str, title: &str) -> Option<Language> {
    let after = |s: &str| s.strip_prefix(title).map(str::to_owned);
    let rest = after(sentence).or_else(|| ARTICLES.iter().find_map(|a| after(sentence.strip_prefix(a)?)))?;
    let mut rest = rest.trim_start_matches(['"', '»', ' ']);
    // `GIDAF (gestion des dossiers) est …`
    if let Some(inner) = rest.strip_prefix('(') {
        rest = inner.split_once(')')?.1;
    }
    let rest = rest.trim_start_matches([',', ' ']);
    VERBS.iter().find(|(verb, _)| rest.starts_with(verb)).map(|(_, language)| *language)
}

/// Words of a subject, at most.
const LONGEST_SUBJECT: usize = 8;
/// Folded words before a subject that are no part of its name.
const ARTICLE_WORDS: &[&str] = &["le", "la", "les", "un", "une", "the", "a", "an"];

/// What a sentence defines, without an article before it: `Larkfield Bikes` of `Larkfield Bikes is a company.`
fn subject_of(sentence: &str) -> Option<(&str, Language)> {
    let spaces = sentence.match_indices(' ').take(LONGEST_SUBJECT + 1);
    let mut found = spaces.filter_map(|(at, _)| {
        let rest = folded(sentence.get(at..)?);
        let (_, language) = VERBS.iter().find(|(verb, _)| rest.starts_with(verb))?;
        Some((sentence.get(..at)?, *language))
    });
    let (subject, language) = found.next()?;
    let (first, rest) = subject.split_once(' ').unwrap_or((subject, ""));
    let elided = subject.split_once(['\'', '’']).filter(|(article, _)| folded(article) == "l");
    let name = match elided {
        Some((_, name)) => name,
        None if !rest.is_empty() && ARTICLE_WORDS.contains(&folded(first).as_str()) => rest,
        None => subject,
    };
    Some((name, language))
}

/// The place of a name that is a part of the title: `Larkfield Bikes` below `Larkfield Bikes Handbook`. None: it is no name, or
/// another one.
fn named(place: Place, name: &str) -> Option<Place> {
    let title_key = folded(name);
    let words: Vec<&str> = title_key.split(' ').collect();
    let title: Vec<&str> = place.title_key.split(' ').collect();
    let is_part = words.len() < title.len() && title.windows(words.len()).any(|part| part == words);
    (is_part && name.starts_with(char::is_uppercase)).then(|| Place { title: name.to_owned(), title_key, ..place })
}

/// Of the first paragraph that is not a heading.
fn first_sentence(unit: &Unit) -> Option<&str> {
    let title = unit.title.as_deref().map(folded);
    let mut offset = 0;
    let is_heading = |line: &str| {
        let line = line.trim();
        let rule = !line.is_empty() && line.chars().all(|c| matches!(c, '=' | '-' | '#'));
        line.is_empty() || rule || line.starts_with('#') || title.as_ref().is_some_and(|t| folded(line) == *t)
    };
    for line in unit.text.split_inclusive('\n') {
        if !is_heading(line) {
            break;
        }
        offset += line.len();
    }
    let rest = unit.text.get(offset..)?.trim_start();
    if begins_block(rest) {
        return None;
    }
    let paragraph = rest.split("\n\n").next()?.split("\r\n\r\n").next()?.trim_end();
    let sentence = &paragraph[..sentence_end(paragraph)];
    let length = sentence.chars().count();
    let ended = sentence.ends_with(['.', '!', '…']);
    (ended && (SHORTEST..=LONGEST).contains(&length)).then_some(sentence)
}

/// Whether a text begins with a table, a quotation, a list, code or markup.
pub(super) fn begins_block(text: &str) -> bool {
    text.starts_with(['|', '>', '-', '+', '`', '<']) || text.starts_with("* ")
}

/// Words that end with a full stop and end no sentence.
const ABBREVIATIONS: &[&str] =
    &["m", "mme", "dr", "mr", "mrs", "etc", "ex", "cf", "p", "n", "art", "e.g", "i.e", "vs", "st", "env"];

/// The end of the first sentence, in bytes: a full stop before a space and a capital letter, or the text's end. Beyond the longest
/// definition none is looked for: each full stop is compared with the word before it, which may be as long as the text.
fn sentence_end(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices().take(LONGEST + 1) {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '.' | '!' | '…' if depth == 0 && ends_sentence(text, at, c) => return at + c.len_utf8(),
            _ => {}
        }
    }
    text.len()
}

fn ends_sentence(text: &str, at: usize, stop: char) -> bool {
    let mut after = text[at + stop.len_utf8()..].chars();
    let Some(space) = after.next() else { return true };
    let begins = after.find(|c| !c.is_whitespace()).is_none_or(|c| !c.is_lowercase());
    let word = text[..at].rsplit(|c: char| c.is_whitespace() || matches!(c, '\'' | '’')).next().unwrap_or_default();
    let abbreviated = stop == '.' && ABBREVIATIONS.contains(&folded(word).as_str());
    space.is_whitespace() && begins && !abbreviated
}

/// One line without marks of emphasis, code and links.
pub(super) fn unmarked(sentence: &str) -> String {
    let said = inline::text(sentence).filter(|_| sentence.contains(['*', '[']));
    collapsed(&said.unwrap_or_else(|| sentence.replace("**", "").replace("__", "").replace('`', "")))
}

/// Where the sentence stands in its document, within `unit`.
pub(super) fn find(document: &Document, unit: Span, sentence: &str) -> Option<Span> {
    let text = document.text.get(unit.start..unit.end)?;
    if document.json {
        return find_in_json(&document.text, unit, sentence);
    }
    let start = unit.start + text.find(sentence)?;
    Some(Span { start, end: start + sentence.len() })
}

/// As [`find`], of a unit that is a part of a JSON string, or a record with its strings. Writers differ in what they escape, so
/// the sentence is looked for in what the strings say.
fn find_in_json(text: &str, unit: Span, sentence: &str) -> Option<Span> {
    let within = |span: Span| {
        let raw = text.get(span.start..span.end)?;
        let start = unescaped(raw)?.find(sentence)?;
        let offsets = Offsets::new(raw);
        let place = |at: usize| span.start + offsets.raw(at);
        Some(Span { start: place(start), end: place(start + sentence.len()) })
    };
    within(unit).or_else(|| {
        let (record, _) = next(text, unit.start).ok()??;
        strings(&record).into_iter().filter(|span| span.end <= unit.end).find_map(within)
    })
}

/// The places of all strings of a value but keys.
fn strings(node: &Node) -> Vec<Span> {
    match &node.kind {
        NodeKind::Text { .. } => vec![node.span],
        NodeKind::List(items) => items.iter().flat_map(strings).collect(),
        NodeKind::Object(members) => members.iter().flat_map(|member| strings(&member.value)).collect(),
        NodeKind::Null | NodeKind::Bool | NodeKind::Number => Vec::new(),
    }
}
