//! Glossaries: what their keys are is defined by the values.

use super::facts_place::{Place, clean};
use super::names::name_key;
use super::{Field, FieldForm, Language, Unit};

/// Folded headings of glossaries.
const GLOSSARIES: &[&str] = &[
    "abbreviations",
    "acronyms",
    "acronymes",
    "abreviations",
    "definitions",
    "definition",
    "glossaire",
    "glossary",
    "glossaryofterms",
    "lexique",
    "listofabbreviations",
    "sigles",
    "terminologie",
    "terminology",
    "terms",
    "termsanddefinitions",
    "termesetdefinitions",
    "vocabulaire",
    "vocabulary",
];

/// What a field of a glossary defines, with the name of the attribute; None: the unit is no glossary's.
pub(super) fn term(unit: &Unit, field: &Field) -> Option<(Place, &'static str)> {
    let is_pair = field.entity.is_none() && field.form == FieldForm::KeyValue && field.values.len() == 1;
    let headings = unit.path.iter().chain(&unit.title);
    let last = unit.path.last().or(unit.title.as_ref()).map(|heading| name_key(&clean(heading)));
    if !is_pair || !last.is_some_and(|last| GLOSSARIES.contains(&last.as_str())) {
        return None;
    }
    let is_glossary = |heading: &&String| GLOSSARIES.contains(&name_key(&clean(heading)).as_str());
    let mut above: Vec<String> = Vec::new();
    for heading in headings.filter(|heading| !is_glossary(heading)).map(|heading| clean(heading)) {
        if !above.contains(&heading) {
            above.push(heading);
        }
    }
    let attribute = match unit.language {
        Some(Language::Fr) => "définition",
        _ => "definition",
    };
    Some((Place::named(&clean(&field.key), above, unit), attribute))
}
