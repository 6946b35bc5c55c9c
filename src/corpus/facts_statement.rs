//! What units state: each field with its entity, typed values and place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::facts_absent::is_absent;
use super::facts_currency::Currencies;
use super::facts_glossary::term;
use super::facts_place::Place;
use super::facts_split::{Part, is_list_attribute, parts};
use super::facts_unit::{UnitName, UnitNames};
use super::kind::{is_long, normalised, typed};
use super::kind_fold::{attribute_key, folded};
use super::names::{Names, name_key};
use super::{Corpus, Field, FieldForm, Kind, Language, Span, Unit};
use crate::store::Interrupt;

/// A field of a unit, before entities have unique names.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) place: Place,
    pub(super) attribute: String,
    /// The attribute, folded.
    pub(super) key: String,
    pub(super) values: Vec<String>,
    pub(super) spans: Vec<Span>,
    /// Of each value.
    pub(super) normal: Vec<String>,
    pub(super) kind: Kind,
    /// How the field was written.
    pub(super) form: FieldForm,
    pub(super) measure: Option<String>,
    pub(super) language: Option<Language>,
    pub(super) unit: usize,
    pub(super) source: Arc<str>,
}

impl Statement {
    /// The values in an order that does not depend on how they are listed.
    pub(super) fn sorted_normal(&self) -> Vec<&str> {
        let mut normal: Vec<&str> = self.normal.iter().map(String::as_str).collect();
        normal.sort_unstable();
        normal.dedup();
        normal
    }

    /// By where they stand, so that the order of the units does not matter.
    pub(super) fn by_place(&self, other: &Self, corpus: &Corpus) -> Ordering {
        let path = |s: &Self| {
            let document = corpus.units.get(s.unit).and_then(|u| corpus.documents.get(u.document));
            document.map_or("", |d| &*d.path)
        };
        let start = |s: &Self| s.spans.first().map(|s| s.start);
        self.source
            .cmp(&other.source)
            .then_with(|| path(self).cmp(path(other)))
            .then_with(|| start(self).cmp(&start(other)))
            .then_with(|| self.attribute.cmp(&other.attribute))
            .then_with(|| self.sorted_normal().cmp(&other.sorted_normal()))
    }
}

/// Values that say nothing, folded.
const PLACEHOLDERS: &[&str] = &[
    "",
    "-",
    "--",
    "–",
    "—",
    "?",
    "...",
    "/",
    "n/a",
    "na",
    "n.a.",
    "nc",
    "n.c.",
    "null",
    "nil",
    "nan",
    "tbd",
    "todo",
    "inconnu",
    "inconnue",
    "inconnus",
    "inconnues",
    "unknown",
    "non renseigne",
    "non renseignee",
    "non renseignes",
    "non renseignees",
    "a completer",
    "a confirmer",
    "a definir",
    "a designer",
    "a determiner",
    "a preciser",
    "a renseigner",
    "a venir",
    "en attente",
    "non defini",
    "non definie",
    "non definis",
    "non definies",
    "to be announced",
    "to be confirmed",
    "to be defined",
    "to be determined",
    "tba",
    "tbc",
    "not available",
    "not applicable",
    "non applicable",
    "undefined",
];
/// What is waited for, which is the value of an attribute that says how far something is.
const WAITING: &str = "en attente";
/// Words of the keys of such attributes.
const STATES: &[&str] = &["statut", "status", "etat", "state", "situation", "avancement"];
/// In characters; a shorter value of a key that names texts is a field.
const LONGEST_FIELD: usize = 120;
/// Folded words for the empty list.
const NONE: &[&str] = &["aucun", "aucune", "none", "neant"];

/// All that the units' fields state, in the units' order; an interruption leaves out the rest.
pub(super) fn statements(corpus: &Corpus, interrupt: &Interrupt) -> Vec<Statement> {
    let unit_names = UnitNames::new(corpus);
    let mut keys: HashMap<&str, String> = HashMap::new();
    let mut statements = Vec::new();
    for (at, unit) in corpus.units.iter().enumerate().take_while(|_| !interrupt.raised()) {
        let mut of_unit = Vec::with_capacity(unit.fields.len());
        let currencies = Currencies::new(unit);
        for field in &unit.fields {
            if let Some((place, attribute)) = term(unit, field) {
                of_unit.extend(definition(at, unit, field, Defined { place, attribute }));
                continue;
            }
            let Some(mut place) = Place::of(unit, field.entity.as_deref()) else { continue };
            if field.entity.is_some() && field.form == FieldForm::Record {
                // The title of the document, in its metadata: it stands above all headings.
                place.parents.clear();
            }
            let key = keys.entry(&field.key).or_insert_with(|| attribute_key(&field.key));
            let unit_name = unit_names.get(unit.document, &field.key);
            let subject = Subject { place, key: key.clone(), unit_name, currencies: &currencies };
            of_unit.extend(statement(corpus, at, field, subject));
        }
        statements.extend(joined(of_unit));
    }
    statements
}

/// What a field is about.
struct Subject<'a> {
    place: Place,
    /// The attribute, folded.
    key: String,
    /// Where the attribute is written with a unit.
    unit_name: Option<&'a UnitName>,
    currencies: &'a Currencies<'a>,
}

/// A term of a glossary.
struct Defined {
    place: Place,
    attribute: &'static str,
}

fn definition(at: usize, unit: &Unit, field: &Field, defined: Defined) -> Option<Statement> {
    let value = field.values.first().filter(|value| !is_placeholder("definition", value))?;
    Some(Statement {
        place: defined.place,
        attribute: defined.attribute.to_owned(),
        key: "definition".to_owned(),
        normal: vec![normalised(value, Kind::Definition)],
        values: field.values.clone(),
        spans: field.spans.clone(),
        kind: Kind::Definition,
        form: field.form,
        measure: None,
        language: unit.language,
        unit: at,
        source: unit.source.clone(),
    })
}

fn statement(corpus: &Corpus, at: usize, field: &Field, subject: Subject<'_>) -> Option<Statement> {
    let unit = corpus.units.get(at)?;
    let Subject { place, key, unit_name, currencies } = subject;
    if key.is_empty() || field.values.len() != field.spans.len() || is_text(&key, &field.values) {
        return None;
    }
    let document = corpus.documents.get(unit.document);
    let written = field.values.iter().zip(&field.spans).map(|(value, span)| Part { value: value.clone(), span: *span });
    let mut values: Vec<Part> = match (document, field.values.as_slice(), field.spans.as_slice()) {
        (Some(document), [value], [span]) if is_list_attribute(&key) => parts(document, value, *span),
        _ => written.collect(),
    };
    values.retain(|part| !is_placeholder(&key, &part.value) && !is_absent(&key, &part.value));
    let (kind, measure) = kind_of(&key, &values, field.form, &place)?;
    let named = unit_name.filter(|_| values.len() == 1 && matches!(kind, Kind::Number | Kind::Money));
    let written = field.key.trim().trim_end_matches([':', '*']).trim();
    let (attribute, key) = match named {
        Some(named) => (named.attribute.clone(), attribute_key(&named.attribute)),
        None => (written.to_owned(), key),
    };
    let currency = || currencies.of(field.entity.as_deref(), &key, kind).filter(|_| values.len() == 1);
    let bare = named.map(|unit| unit.measure.as_str()).or_else(currency).filter(|_| measure.is_none());
    let said = |value: &str| bare.map_or_else(|| value.to_owned(), |measure| format!("{value} {measure}"));
    let (kind, measure) = match bare {
        Some(measure) if values.iter().all(|part| typed(&key, &said(&part.value)).kind == Kind::Money) => {
            (Kind::Money, Some(measure.to_owned()))
        }
        Some(measure) => (kind, Some(measure.to_owned())),
        None => (kind, measure),
    };
    let normal = values.iter().map(|part| normalised(&said(&part.value), kind)).collect();
    let spans = values.iter().map(|part| part.span).collect();
    let values = values.into_iter().map(|part| part.value).collect();
    let (language, source) = (unit.language, unit.source.clone());
    let form = field.form;
    Some(Statement { place, attribute, key, values, spans, normal, kind, form, measure, language, unit: at, source })
}

fn is_text(key: &str, values: &[String]) -> bool {
    let long = |v: &String| v.contains('\n') || v.chars().nth(LONGEST_FIELD).is_some();
    values.iter().any(long) && Names::Text.has(&name_key(key))
}

/// In bytes: no placeholder with its brackets is longer.
const LONGEST_PLACEHOLDER: usize = 24;

fn is_placeholder(key: &str, value: &str) -> bool {
    if value.len() > LONGEST_PLACEHOLDER {
        return false;
    }
    let folded = folded(value);
    // `(à préciser)`, `à venir…`, `TBD.`
    let bare = folded.trim_matches(|c: char| matches!(c, '(' | ')' | '[' | ']' | '.' | '…' | '!') || c.is_whitespace());
    let is_state = bare == WAITING && key.split(' ').any(|word| STATES.contains(&word));
    !is_state && [folded.as_str(), bare].iter().any(|form| PLACEHOLDERS.contains(form))
}

/// The kind of all values together, and the measure of one; None: there is no value.
fn kind_of(key: &str, values: &[Part], form: FieldForm, place: &Place) -> Option<(Kind, Option<String>)> {
    let first = values.first()?;
    let repeats = |part: &Part| folded(&part.value) == place.title_key;
    if values.len() == 1 && repeats(first) {
        return Some((Kind::Identifier, None));
    }
    if values.len() > 1 || form == FieldForm::List || is_list_attribute(key) {
        let contact = values.iter().any(|part| typed(key, &part.value).kind == Kind::Contact);
        let none = values.len() == 1 && NONE.contains(&folded(&first.value).as_str());
        let long = values.iter().any(|part| is_long(&part.value));
        let kind = match (contact, none || long) {
            (true, _) => Kind::Contact,
            (false, true) => Kind::Text,
            (false, false) => Kind::List,
        };
        return Some((kind, None));
    }
    let typed = typed(key, &first.value);
    Some((typed.kind, typed.measure))
}

/// A key that a unit states several times of one entity has a list of values, where several can be true.
fn joined(statements: Vec<Statement>) -> Vec<Statement> {
    // By the title as it is written: names that differ in case alone may be two things.
    let mut places: BTreeMap<(String, String), usize> = BTreeMap::new();
    let mut out: Vec<Statement> = Vec::with_capacity(statements.len());
    for statement in statements {
        let group = (statement.place.title.clone(), statement.key.clone());
        let earlier = places.get(&group).and_then(|at| out.get_mut(*at));
        match earlier.filter(|e| can_be_several(e.kind) && can_be_several(statement.kind)) {
            Some(earlier) => append(earlier, statement),
            None => {
                places.entry(group).or_insert(out.len());
                out.push(statement);
            }
        }
    }
    out
}

fn can_be_several(kind: Kind) -> bool {
    matches!(kind, Kind::Person | Kind::Organisation | Kind::Text | Kind::List)
}

fn append(earlier: &mut Statement, later: Statement) {
    let added = later.values.into_iter().zip(later.spans).zip(later.normal);
    for ((value, span), normal) in added {
        if !earlier.normal.contains(&normal) {
            earlier.values.push(value);
            earlier.spans.push(span);
            earlier.normal.push(normal);
            earlier.kind = Kind::List;
        }
    }
}
