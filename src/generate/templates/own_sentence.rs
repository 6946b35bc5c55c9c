//! Values that are sentences of their own.

use crate::corpus::{Fact, Kind};
use crate::generate::grammar::folded;

use super::set::Speech;

/// Verbs behind a name that make a sentence of it, folded: a text without a full stop may be a title.
const VERBS: [&str; 15] = [
    "est", "sont", "etait", "permet", "sert", "designe", "assure", "gere", "is", "are", "was", "provides", "offers",
    "allows", "lets",
];
/// Bytes of a folded text before the end of its subject, at most.
const SUBJECT: usize = 80;

/// A value that answers a question as it stands.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::generate) struct OwnSentence {
    pub(in crate::generate) text: String,
    /// It says whom it is about, so that it can stand among other sentences.
    pub(in crate::generate) names_entity: bool,
}

impl Speech<'_> {
    /// None: the value needs a sentence around it, or the user words it.
    pub(in crate::generate) fn own_sentence(&self, fact: &Fact) -> Option<OwnSentence> {
        if self.answers().iter().any(|template| template.is_users) {
            return None;
        }
        own_sentence(fact)
    }
}

fn own_sentence(fact: &Fact) -> Option<OwnSentence> {
    let (Kind::Definition | Kind::Text, [value]) = (fact.kind, fact.values.as_slice()) else { return None };
    let trimmed = value.trim();
    let entity = format!(" {} ", folded(&fact.entity));
    let fold = format!(" {} ", folded(trimmed));
    let named = fold.find(&entity).map(|at| at + entity.len()).filter(|end| *end <= SUBJECT.max(entity.len()));
    let verb = named.and_then(|end| fold.get(end..)?.split(' ').next()).filter(|word| VERBS.contains(word));
    let is_stopped = trimmed.ends_with(['.', '!', '?', '…']);
    let begins = trimmed.starts_with(|c: char| c.is_uppercase() || c.is_numeric() || "«“\"".contains(c));
    let is_definition = fact.kind == Kind::Definition && (begins || named.is_some());
    let is_sentence = is_definition || verb.is_some() || (is_stopped && begins);
    let stop = if is_stopped { "" } else { "." };
    is_sentence.then(|| OwnSentence { text: format!("{trimmed}{stop}"), names_entity: named.is_some() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Digest;

    #[test]
    fn sentences_are_told_from_titles() {
        let of = |entity: &str, kind: Kind, value: &str| {
            own_sentence(&Fact {
                id: Digest::of_bytes(b"fact"),
                entity: entity.to_owned(),
                attribute: "Description".to_owned(),
                values: vec![value.to_owned()],
                kind,
                measure: None,
                language: None,
                unit: 0,
                spans: Vec::new(),
                source: "a.md".into(),
                low_information: false,
            })
            .map(|sentence| (sentence.text, sentence.names_entity))
        };
        let permit = "Permis de construire";
        for (entity, kind, value, expected) in [
            ("5Trymbe", Kind::Text, "5Trymbe est une application", Some(("5Trymbe est une application.", true))),
            (
                permit,
                Kind::Text,
                "Le permis de construire est une autorisation.",
                Some(("Le permis de construire est une autorisation.", true)),
            ),
            (permit, Kind::Text, "Permis de construire modificatif", None),
            (permit, Kind::Text, "Outil de suivi.", Some(("Outil de suivi.", false))),
            (permit, Kind::Text, "pièces, plans, etc.", None),
            (permit, Kind::Enumeration, "Gratuit.", None),
            ("Tune-up", Kind::Definition, "a check of hull and sails.", None),
            ("Zora", Kind::Definition, "Zora is a tool for M. Dorval.", Some(("Zora is a tool for M. Dorval.", true))),
        ] {
            assert_eq!(of(entity, kind, value), expected.map(|(text, named)| (text.to_owned(), named)), "{value}");
        }
    }
}
