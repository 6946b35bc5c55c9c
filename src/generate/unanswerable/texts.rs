//! How the assistant refuses.

use crate::corpus::Language;

const REFUSALS_FR: [&str; 6] = [
    "Cette information ne figure pas dans les documents.",
    "Les documents dont je dispose ne le précisent pas.",
    "Je ne trouve pas cette information dans les documents.",
    "Je ne peux pas répondre : les documents n'en parlent pas.",
    "Je n'ai pas cette information.",
    "Désolé, rien dans les documents ne permet de répondre à cette question.",
];

const REFUSALS_EN: [&str; 6] = [
    "This information is not in the documents.",
    "The documents that I have do not say.",
    "I cannot find this information in the documents.",
    "I cannot answer that: the documents do not mention it.",
    "I do not have this information.",
    "Sorry, nothing in the documents answers this question.",
];

/// `{entity}`, `{attribute}`, `{right}`, `{wrong}`.
const CORRECTIONS_FR: [&str; 6] = [
    "Les documents ne disent pas cela : pour {entity}, « {attribute} » est {right}, et non {wrong}.",
    "Cette information ne figure pas dans les documents. Pour {entity}, ils donnent {right} comme « {attribute} », et non {wrong}.",
    "Je ne peux pas répondre : d'après les documents, « {attribute} » vaut {right} pour {entity}, pas {wrong}.",
    "La question part d'une erreur : les documents indiquent {right} et non {wrong} comme « {attribute} » pour {entity}.",
    "Je ne trouve pas cela dans les documents : « {attribute} » y est {right} pour {entity}, pas {wrong}.",
    "Désolé, les documents ne confirment pas {wrong} : pour {entity}, ils indiquent « {attribute} » : {right}.",
];

const CORRECTIONS_EN: [&str; 6] = [
    "The documents do not say that: for {entity}, the “{attribute}” is {right}, not {wrong}.",
    "This information is not in the documents. For {entity}, they give {right} as the “{attribute}”, not {wrong}.",
    "I cannot answer that: according to the documents, the “{attribute}” of {entity} is {right}, not {wrong}.",
    "The question rests on an error: the documents give {right}, not {wrong}, as the “{attribute}” of {entity}.",
    "I cannot find that in the documents: they give {right} as the “{attribute}” of {entity}, not {wrong}.",
    "Sorry, the documents do not confirm {wrong}: for {entity}, they give {right} as the “{attribute}”.",
];

/// Questions that presuppose a value, as people put them: without quotation marks.
const PREMISES_FR: [&str; 4] = [
    "Pourquoi a-t-on choisi {wrong} comme {attribute} pour {entity} ?",
    "Depuis quand {entity} a {wrong} comme {attribute} ?",
    "Qui a choisi {wrong} comme {attribute} pour {entity} ?",
    "{entity}, {attribute} : {wrong}, depuis quand ?",
];

const PREMISES_EN: [&str; 4] = [
    "Why was {wrong} chosen as the {attribute} of {entity}?",
    "Since when has {entity} had {wrong} as its {attribute}?",
    "Who decided that the {attribute} of {entity} would be {wrong}?",
    "{entity}, {attribute} {wrong}: since when?",
];

pub(super) fn refusals(language: Language) -> &'static [&'static str] {
    match language {
        Language::Fr => &REFUSALS_FR,
        Language::En => &REFUSALS_EN,
    }
}

/// Refusals of a premise, which say what the documents state.
pub(super) fn corrections(language: Language) -> &'static [&'static str] {
    match language {
        Language::Fr => &CORRECTIONS_FR,
        Language::En => &CORRECTIONS_EN,
    }
}

pub(super) fn premises(language: Language) -> &'static [&'static str] {
    match language {
        Language::Fr => &PREMISES_FR,
        Language::En => &PREMISES_EN,
    }
}

/// The form with its names in place. What is put in is not read again: a value may hold braces.
pub(super) fn filled(form: &str, values: &[(&str, &str)]) -> String {
    let mut out = String::with_capacity(form.len());
    let mut rest = form;
    while let Some((before, behind)) = rest.split_once('{') {
        let (name, after) = behind.split_once('}').unwrap_or((behind, ""));
        out.push_str(before);
        out.push_str(values.iter().find(|(n, _)| *n == name).map_or("", |(_, value)| value));
        rest = after;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_language_has_six_wordings_and_every_form_its_names() {
        let values = [("entity", "E{right}"), ("attribute", "A"), ("right", "R"), ("wrong", "W")];
        for language in Language::ALL {
            for list in [refusals(language), corrections(language)] {
                assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), 6);
            }
            for form in corrections(language) {
                let text = filled(form, &values);
                assert!(
                    ["E{right}", "“A”", "R", "W"]
                        .iter()
                        .all(|v| text.contains(v) || text.contains(&v.replace('“', "« ").replace('”', " »"))),
                    "{text}"
                );
            }
            for form in premises(language) {
                let text = filled(form, &values);
                assert!(["E{right}", "A", "W"].iter().all(|v| text.contains(v)) && text.ends_with('?'), "{text}");
                assert!(!text.contains(['«', '“']), "nobody types them: {text}");
            }
        }
        assert_eq!(filled("a {entity", &values), "a E{right}");
    }
}
