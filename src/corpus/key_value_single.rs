//! Whether a paragraph that is one `Key: value` line states a fact below a heading, or is prose with a colon.

use std::collections::HashMap;

use super::Field;
use super::kind_fold::folded;
use super::piece::Stated;

/// Words of the key, at most.
const MAX_KEY: usize = 3;
/// Words of the value, at most; fewer where it begins with a small letter, as a clause does, and does not end with a name.
const MAX_VALUE: usize = 8;
const MAX_NAMED: usize = 4;
const MAX_LOWER: usize = 3;
/// Folded words that begin a sentence or a remark, and no key.
const OPENINGS: &[&str] = &[
    // Remarks.
    "advice",
    "answer",
    "beware",
    "conclusion",
    "conseil",
    "consequence",
    "consequently",
    "correction",
    "danger",
    "disclaimer",
    "example",
    "exemple",
    "fact",
    "hint",
    "idea",
    "idee",
    "important",
    "information",
    "note",
    "please",
    "question",
    "rappel",
    "remark",
    "remarque",
    "remember",
    "reminder",
    "reply",
    "reponse",
    "result",
    "resultat",
    "see",
    "solution",
    "step",
    "update",
    // Words of sentences.
    "a",
    "an",
    "and",
    "as",
    "at",
    "but",
    "by",
    "for",
    "he",
    "here",
    "how",
    "i",
    "if",
    "in",
    "it",
    "no",
    "not",
    "on",
    "only",
    "or",
    "she",
    "so",
    "that",
    "the",
    "then",
    "there",
    "these",
    "they",
    "this",
    "to",
    "we",
    "what",
    "when",
    "who",
    "why",
    "with",
    "you",
    "ainsi",
    "alors",
    "avec",
    "c'est",
    "ce",
    "ces",
    "cette",
    "dans",
    "donc",
    "elle",
    "elles",
    "en",
    "et",
    "il",
    "ils",
    "je",
    "la",
    "le",
    "les",
    "mais",
    "nous",
    "on",
    "ou",
    "par",
    "pour",
    "quand",
    "si",
    "sur",
    "un",
    "une",
    "vous",
];

/// Adds the fields of a section's paragraphs of one line. A key that several of them have is a speaker's name, or that of a
/// step.
pub(super) fn decide(stated: &mut Stated, lines: Vec<Field>) {
    let keys: Vec<String> = lines.iter().map(|field| folded(&field.key)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    keys.iter().for_each(|key| *counts.entry(key).or_default() += 1);
    for (field, key) in lines.into_iter().zip(&keys) {
        let is_only = counts.get(key.as_str()) == Some(&1);
        match is_only && is_certain(&field) {
            true => stated.fields.push(field),
            false => stated.doubtful.push(field),
        }
    }
    stated.fields.sort_by_key(|field| field.spans.first().map(|span| span.start));
}

/// Of the field of a single line, whose key is short and whose value does not end as a sentence does.
fn is_certain(field: &Field) -> bool {
    let [value] = field.values.as_slice() else { return false };
    let (key, words) = (folded(&field.key), value.split_whitespace().count());
    let opening = key.split(' ').next().unwrap_or_default();
    let is_key = field.key.starts_with(char::is_uppercase)
        && key.split(' ').count() <= MAX_KEY
        && !key.contains(|c: char| c.is_ascii_digit())
        && !OPENINGS.contains(&opening);
    let is_named = value.split_whitespace().next_back().is_some_and(|word| word.starts_with(char::is_uppercase));
    let most = match value.starts_with(char::is_lowercase) {
        true if is_named => MAX_NAMED,
        true => MAX_LOWER,
        false => MAX_VALUE,
    };
    let is_clause = [". ", "! ", "? ", ": ", "; "].iter().any(|mark| value.contains(mark));
    is_key && words <= most && !is_clause
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::FieldForm;

    #[test]
    fn pairs_are_told_from_remarks_and_sentences() {
        let of = |line: &str| {
            let (key, value) = line.split_once(':').unwrap();
            let (key, values) = (key.trim().to_owned(), vec![value.trim().to_owned()]);
            is_certain(&Field { entity: None, key, values, spans: Vec::new(), form: FieldForm::KeyValue })
        };
        for line in [
            "Captain: Nils Ravn",
            "Home port: Dunmere",
            "Late fee: 20 cents per day",
            "Coque : bleu nuit",
            "Architect: the old Orla Finn",
        ] {
            assert!(of(line), "{line}");
        }
        for line in [
            "Remark on it: fine",
            "Reminder: bring a coat",
            "We have: two boats",
            "For example: Astra",
            "Rule of the house: the ferry sails at nine",
            "Rule: the ferry sails at nine sharp",
            "Step 2: Close",
            "captain: Nils Ravn",
            "Time: now. Place: here",
        ] {
            assert!(!of(line), "{line}");
        }
    }
}
