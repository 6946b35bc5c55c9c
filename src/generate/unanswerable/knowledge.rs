//! What the corpus states of which entity, so that what it lacks can be told.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Bound;
use std::sync::Arc;

use crate::corpus::{Fact, Kind, Language, Unit, has_currency, is_of_publishing, is_year, month_named};
use crate::generate::noise::{EntityNames, fold, words_of};

use super::input::{Questions, UnansweredCorpus};

/// Attributes of one meaning.
pub(super) struct Concept {
    /// How documents write it, by their language.
    spellings: BTreeMap<Option<Language>, String>,
    /// Significant words of all spellings, cut so that related words are found too (`hébergeur`, `hébergé`).
    stems: BTreeSet<String>,
    pub(super) entities: BTreeSet<String>,
    /// Folded, with their words.
    pub(super) values: BTreeMap<String, Value>,
    /// Of [`RELATED`] to its spellings.
    related: BTreeSet<&'static str>,
    /// Free text, which may stand in the documents in any words.
    is_prose: bool,
    /// Of its values.
    kinds: BTreeSet<Kind>,
    /// Who wrote it, or when: front matter may state it, and no fact is read from there.
    is_of_publishing: bool,
}

pub(super) struct Value {
    pub(super) written: String,
    pub(super) kind: Kind,
    words: Vec<String>,
    /// Such as `oui`: says nothing where it stands.
    is_common: bool,
}

pub(super) struct Entity {
    pub(super) source: Arc<str>,
    concepts: BTreeSet<String>,
    /// The folded words of its facts' attributes and values, then of each unit that is about it or names it.
    texts: Vec<Arc<BTreeSet<String>>>,
    /// Kinds of values that stand in those units and in no fact of it: of which attribute is not known.
    unread: BTreeSet<Kind>,
    /// Indices of the documents that state something of it.
    documents: BTreeSet<usize>,
    /// Of its facts, and of the units that are about it or name it.
    languages: BTreeSet<Language>,
    /// Whether its name has the heading of a page in brackets, which may state what it lacks: `Contact (Lyon)`.
    pub(super) is_section: bool,
    /// Whether it has the name of the file that states other things too: a record without a name of its own (`tickets`).
    pub(super) is_of_file: bool,
}

pub(super) struct Knowledge<'a> {
    pub(super) facts: &'a [Fact],
    pub(super) names: EntityNames,
    pub(super) entities: BTreeMap<&'a str, Entity>,
    pub(super) concepts: BTreeMap<String, Concept>,
    /// Of each fact, the name of its concept.
    pub(super) fact_concepts: Vec<String>,
    /// Of a name that is short for another, or has a short form: the other (`SIG` of `Système … (SIG)`).
    other_names: BTreeMap<&'a str, Vec<&'a str>>,
    /// All words of all units, folded.
    pub(super) words: HashSet<String>,
}

/// Folded words for one matter: a text that has one of them may state an attribute that is called by another.
const RELATED: [&[&str]; 8] = [
    &["prix", "price", "cost", "cout", "tarif", "fee", "fees", "montant", "amount"],
    &["garantie", "warranty", "guarantee", "guaranty"],
    &["naissance", "anniversaire", "birthday", "birth", "born", "ne", "nee"],
    &["auteur", "autrice", "author", "writer", "written", "ecrit", "redige"],
    &["adresse", "address", "siege", "headquarters", "located", "situe", "situee"],
    &["couleur", "colour", "color", "coloris"],
    &["effectif", "headcount", "staff", "employees", "salaries"],
    &["responsable", "manager", "owner", "directeur", "directrice", "director", "head"],
];
/// Words of attributes that name no matter.
const GENERIC: [&str; 18] = [
    "date",
    "name",
    "nom",
    "type",
    "niveau",
    "level",
    "numero",
    "number",
    "nombre",
    "liste",
    "list",
    "code",
    "identifiant",
    "identifier",
    "principal",
    "main",
    "valeur",
    "value",
];
/// Shorter words of an attribute (`de`, `the`) are not looked for, where longer ones are there.
const SIGNIFICANT: usize = 4;
/// Shorter values stand in any text.
const TELLING: usize = 3;
/// Things with an attribute that another thing is compared with, at most.
const MOST_HOLDERS: usize = 64;
/// Letters of a stem at least, and how many are cut off at most.
const STEM: usize = 5;
const ENDING: usize = 4;

impl<'a> Knowledge<'a> {
    pub(super) fn new(corpus: &UnansweredCorpus<'a>, questions: &dyn Questions) -> Self {
        let facts = &corpus.facts.facts;
        let mut by_attribute: BTreeMap<&str, String> = BTreeMap::new();
        let attributes = facts.iter().map(|f| &f.attribute).chain(corpus.facts.conflicts.iter().map(|c| &c.attribute));
        for attribute in attributes {
            by_attribute.entry(attribute).or_insert_with(|| questions.concept(attribute));
        }
        let concept = |attribute: &str| by_attribute.get(attribute).cloned().unwrap_or_default();
        let mut knowledge = Self {
            facts,
            names: EntityNames::new(facts.iter().map(|f| f.entity.as_str())),
            entities: BTreeMap::new(),
            concepts: BTreeMap::new(),
            fact_concepts: facts.iter().map(|f| concept(&f.attribute)).collect(),
            other_names: BTreeMap::new(),
            words: HashSet::new(),
        };
        let mut said: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for fact in facts {
            knowledge.take_fact(fact, concept(&fact.attribute));
            let said = said.entry(&fact.entity).or_default();
            said.push(&fact.attribute);
            said.extend(fact.values.iter().map(String::as_str));
        }
        for (attribute, name) in &by_attribute {
            if let Some(concept) = knowledge.concepts.get_mut(name) {
                concept.stems.extend(questions.names(attribute).iter().flat_map(|name| stems(name)));
                concept.is_of_publishing |= is_of_publishing(attribute);
            }
        }
        for (name, entity) in &mut knowledge.entities {
            entity.texts.push(Arc::new(words_in(said.remove(name).unwrap_or_default())));
        }
        knowledge.take_places(corpus.units);
        knowledge.other_names = other_names(knowledge.entities.keys().copied());
        // Sources that disagree state the attribute all the same.
        for conflict in &corpus.facts.conflicts {
            let name = concept(&conflict.attribute);
            if let Some(entity) = knowledge.entities.get_mut(conflict.entity.as_str()) {
                entity.concepts.insert(name);
            }
        }
        knowledge.take_units(corpus.units);
        knowledge
    }

    fn take_fact(&mut self, fact: &'a Fact, name: String) {
        let entity = self.entities.entry(&fact.entity).or_insert_with(|| Entity {
            source: fact.source.clone(),
            concepts: BTreeSet::new(),
            texts: Vec::new(),
            unread: BTreeSet::new(),
            documents: BTreeSet::new(),
            languages: BTreeSet::new(),
            is_section: false,
            is_of_file: false,
        });
        entity.concepts.insert(name.clone());
        entity.languages.extend(fact.language);
        let concept = self.concepts.entry(name).or_insert_with(|| Concept {
            spellings: BTreeMap::new(),
            stems: BTreeSet::new(),
            entities: BTreeSet::new(),
            values: BTreeMap::new(),
            related: BTreeSet::new(),
            is_prose: false,
            kinds: BTreeSet::new(),
            is_of_publishing: false,
        });
        concept.kinds.insert(fact.kind);
        let known = concept.spellings.entry(fact.language).or_insert_with(|| fact.attribute.clone());
        // The least, so that the order of the facts does not matter.
        if fact.attribute < *known {
            known.clone_from(&fact.attribute);
        }
        concept.stems.extend(stems(&fact.attribute));
        concept.related.extend(related(&fact.attribute));
        concept.entities.insert(fact.entity.clone());
        concept.is_prose |= fact.is_question() || matches!(fact.kind, Kind::Definition | Kind::Text);
        for value in &fact.values {
            let folded = fold(value);
            let words: Vec<String> = words_of(&folded).map(str::to_owned).collect();
            let is_common = fact.kind == Kind::Boolean || folded.chars().count() < TELLING;
            concept.values.entry(folded).or_insert_with(|| Value {
                written: value.clone(),
                kind: fact.kind,
                words,
                is_common,
            });
        }
    }

    /// Where each entity stands.
    fn take_places(&mut self, units: &[Unit]) {
        let mut labels: BTreeMap<&str, usize> = BTreeMap::new();
        self.entities.keys().filter_map(|name| label(name)).for_each(|label| *labels.entry(label).or_default() += 1);
        for fact in self.facts {
            let Some(entity) = self.entities.get_mut(fact.entity.as_str()) else { continue };
            let unit = units.get(fact.unit);
            entity.documents.extend(unit.map(|unit| unit.document));
            let Some(label) = label(&fact.entity) else { continue };
            let last = label.rsplit(", ").next().unwrap_or(label);
            let is_heading = unit.is_some_and(|unit| unit.path.iter().any(|heading| fold(heading) == fold(last)));
            entity.is_section |= is_heading || labels.get(label).is_some_and(|names| *names > 1);
        }
        let mut in_documents: BTreeMap<usize, usize> = BTreeMap::new();
        self.entities.values().flat_map(|of| &of.documents).for_each(|of| *in_documents.entry(*of).or_default() += 1);
        for (name, entity) in &mut self.entities {
            let has_others = entity.documents.iter().any(|of| in_documents.get(of).is_some_and(|things| *things > 1));
            entity.is_of_file =
                has_others && entity.source.contains('#') && fold(name) == fold(file_stem(&entity.source));
        }
    }

    /// Whether texts alone are stated of the entity, such as the definition of a term: what else it may have is not known.
    pub(super) fn is_told_in_prose(&self, entity: &Entity) -> bool {
        entity.concepts.iter().all(|name| self.concepts.get(name).is_some_and(Concept::is_prose))
    }

    /// Whether an attribute of these things may be asked of the entity: it stands in a document with one of them, or has an
    /// attribute in common with one.
    pub(super) fn is_alike(&self, entity: &str, holders: &BTreeSet<String>) -> bool {
        let Some(entity) = self.entities.get(entity) else { return false };
        let is_beside = |holder: &Entity| {
            let are_known = !entity.documents.is_empty() && !holder.documents.is_empty();
            !are_known
                || !entity.documents.is_disjoint(&holder.documents)
                || !entity.concepts.is_disjoint(&holder.concepts)
        };
        let mut holders = holders.iter().take(MOST_HOLDERS).filter_map(|holder| self.entities.get(holder.as_str()));
        holders.any(is_beside)
    }

    fn take_units(&mut self, units: &[Unit]) {
        let by_folded: BTreeMap<String, Vec<&'a str>> =
            self.entities.keys().fold(BTreeMap::new(), |mut map: BTreeMap<_, Vec<_>>, name| {
                map.entry(fold(name)).or_default().push(*name);
                map
            });
        let by_unit: BTreeMap<usize, Vec<&'a str>> = self.facts.iter().fold(BTreeMap::new(), |mut map, f| {
            map.entry(f.unit).or_insert_with(Vec::new).push(f.entity.as_str());
            map
        });
        for (i, unit) in units.iter().enumerate() {
            let words = Arc::new(words_in([unit.text.as_str()]));
            let named = self.names.mentions(&unit.text).into_iter().filter_map(|m| unit.text.get(m.range));
            let titles = unit.title.iter().chain(&unit.path).map(String::as_str);
            let spelled = named.chain(titles).map(fold).filter_map(|n| by_folded.get(&n)).flatten();
            let about: BTreeSet<&str> = spelled.chain(by_unit.get(&i).into_iter().flatten()).copied().collect();
            for entity in about {
                if let Some(entity) = self.entities.get_mut(entity) {
                    entity.take_text(&unit.text, words.clone());
                    entity.languages.extend(unit.language);
                }
            }
            self.words.extend(words.iter().cloned());
        }
    }

    /// Whether neither the facts nor the units that are about the entity say anything of the concept, under any name of it.
    pub(super) fn lacks(&self, entity: &str, name: &str) -> bool {
        let others = self.other_names.get(entity).into_iter().flatten();
        std::iter::once(&entity).chain(others).all(|entity| self.lacks_itself(entity, name))
    }

    fn lacks_itself(&self, entity: &str, name: &str) -> bool {
        let (Some(entity), Some(concept)) = (self.entities.get(entity), self.concepts.get(name)) else { return false };
        let is_told = |value: &Value| !value.is_common && entity.holds(value);
        !concept.is_prose
            && !concept.is_of_publishing
            && concept.is_known_in(&entity.languages)
            && !entity.concepts.contains(name)
            && concept.kinds.is_disjoint(&entity.unread)
            && !concept.stems.iter().any(|stem| entity.has_word_like(stem))
            && !concept.related.iter().any(|word| entity.has_word(word))
            && !concept.values.values().any(is_told)
    }

    /// Whether the entity's units and facts may hold a value.
    pub(super) fn may_hold(&self, entity: &str, value: &Value) -> bool {
        self.entities.get(entity).is_none_or(|e| e.holds(value))
    }
}

impl Entity {
    /// A unit that is about it or names it.
    fn take_text(&mut self, text: &str, words: Arc<BTreeSet<String>>) {
        let read = self.texts.first().cloned().unwrap_or_default();
        let mut unread = words.iter().map(String::as_str).filter(|word| !read.contains(*word));
        let numbers: Vec<&str> = unread.clone().filter(|word| word.chars().all(|c| c.is_ascii_digit())).collect();
        let has_month = unread.any(|word| month_named(word).is_some());
        if numbers.iter().any(|number| has_month || is_year(number)) {
            self.unread.insert(Kind::Date);
        }
        if !numbers.is_empty() && has_currency(text) {
            self.unread.insert(Kind::Money);
        }
        self.texts.push(words);
    }

    /// Whether one text holds all words of a value.
    fn holds(&self, value: &Value) -> bool {
        self.texts.iter().any(|text| value.words.iter().all(|word| text.contains(word)))
    }

    fn has_word(&self, word: &str) -> bool {
        self.texts.iter().any(|text| text.contains(word))
    }

    fn has_word_like(&self, stem: &str) -> bool {
        let from = (Bound::Included(stem), Bound::Unbounded);
        self.texts.iter().any(|text| text.range::<str, _>(from).next().is_some_and(|word| word.starts_with(stem)))
    }
}

impl Concept {
    /// As a document of the language writes it, if one does.
    pub(super) fn spelling(&self, language: Language) -> &str {
        let own = self.spellings.get(&Some(language)).or_else(|| self.spellings.get(&None));
        own.or_else(|| self.spellings.values().next()).map_or("", String::as_str)
    }

    /// Whether what documents of these languages say of it would be found. Where documents of one language name it, one of
    /// another language may state it under a name that nobody knows here (`Délai de livraison`, `Lead time`).
    fn is_known_in(&self, languages: &BTreeSet<Language>) -> bool {
        self.spellings.keys().all(Option::is_none)
            || languages.iter().all(|language| self.spellings.contains_key(&Some(*language)))
    }

    pub(super) fn is_prose(&self) -> bool {
        self.is_prose
    }
}

/// The folded words of texts.
fn words_in<'a>(texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    texts.into_iter().map(fold).flat_map(|text| words_of(&text).map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// `docs/tickets.jsonl#5123`: `tickets`.
fn file_stem(source: &str) -> &str {
    let path = source.split('#').next().unwrap_or_default();
    let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

/// What stands in the brackets that a name ends with.
fn label(name: &str) -> Option<&str> {
    Some(name.strip_suffix(')')?.rsplit_once(" (")?.1)
}

/// Of names such as `Système d'Information (SIG)`: where another entity is called by what stands before the brackets, or in
/// them, each has the other's name too.
fn other_names<'a>(names: impl Iterator<Item = &'a str>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let by_folded: BTreeMap<String, &str> = names.map(|name| (fold(name), name)).collect();
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (folded, name) in &by_folded {
        let Some((long, short)) = folded.strip_suffix(')').and_then(|inner| inner.rsplit_once('(')) else { continue };
        for other in [long.trim(), short.trim()].into_iter().filter_map(|form| by_folded.get(form)) {
            found.entry(*name).or_default().push(other);
            found.entry(*other).or_default().push(name);
        }
    }
    found
}

/// Words that a text may state an attribute by, besides its own.
fn related(attribute: &str) -> impl Iterator<Item = &'static str> {
    let folded = fold(attribute);
    let groups = RELATED.into_iter().filter(move |group| words_of(&folded).any(|word| group.contains(&word)));
    groups.flatten().copied()
}

/// What to look for in a text that may say something of an attribute.
fn stems(attribute: &str) -> Vec<String> {
    let folded = fold(attribute);
    let words: Vec<&str> = words_of(&folded).collect();
    let long: Vec<&str> = words.iter().copied().filter(|w| w.chars().count() >= SIGNIFICANT).collect();
    let telling: Vec<&str> = long.iter().copied().filter(|w| !GENERIC.contains(w)).collect();
    let chosen = [telling, long, words].into_iter().find(|list| !list.is_empty()).unwrap_or_default();
    chosen.into_iter().map(stem).collect()
}

fn stem(word: &str) -> String {
    let length = word.chars().count();
    word.chars().take(STEM.max(length.saturating_sub(ENDING))).collect()
}
