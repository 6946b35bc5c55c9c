//! The shipped files, and users' files with faults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use super::entry::Class;
use super::read::{Owner, entries};
use super::write::Agreement;
use super::*;
use crate::corpus::{Fact, Kind, Language};
use crate::generate::grammar::folded;
use crate::store::Digest;

fn fact(entity: &str, attribute: &str, kind: Kind, values: &[&str]) -> Fact {
    Fact {
        id: Digest::of_bytes(format!("{entity}/{attribute}").as_bytes()),
        entity: entity.to_owned(),
        attribute: attribute.to_owned(),
        values: values.iter().map(|value| (*value).to_owned()).collect(),
        kind,
        measure: None,
        language: None,
        unit: 0,
        source: Arc::from("a.md"),
        spans: Vec::new(),
        low_information: false,
    }
}

#[test]
fn a_bare_number_is_said_with_its_measure() {
    for (value, measure, said) in [
        ("2,9", "kg", "2,9 kg"),
        ("111,86", "€", "111,86 €"),
        ("384.35", "USD", "384.35 USD"),
        ("3,1 kg", "kg", "3,1 kg"),
        ("$800k", "$ k", "$800k"),
    ] {
        let fact = Fact { measure: Some(measure.to_owned()), ..fact("Zora", "poids", Kind::Number, &[value]) };
        assert_eq!(measured_value(&fact, 0).as_deref(), Some(said));
    }
}

const SHIPPED: [(Language, &str); 2] = [
    (Language::Fr, include_str!("../../../templates/questions.fr.yaml")),
    (Language::En, include_str!("../../../templates/questions.en.yaml")),
];

/// A fact that an entry is for.
fn fact_for(entry: &super::entry::Entry) -> Fact {
    let kind = entry.kinds.first().copied().unwrap_or(Kind::Enumeration);
    fact("Orion", entry.attributes.first().map_or("zorglub", String::as_str), kind, &["Azur"])
}

#[test]
fn every_shipped_template_writes_a_sentence() {
    let templates = Templates::builtin().unwrap();
    for (language, text) in SHIPPED {
        let read = entries(text, "shipped", Owner::Shipped(language)).unwrap();
        let attributes = read.iter().filter(|read| read.entry.frame.is_none()).count();
        assert!(attributes >= 60, "{attributes}");
        for entry in read.iter().map(|read| &read.entry).filter(|entry| entry.frame.is_none()) {
            let fact = fact_for(entry);
            let speech = templates.speech(&fact, language);
            let terms = speech.terms(&fact);
            let asked = speech.questions();
            assert_eq!(asked.first().unwrap().name, entry.questions.first().unwrap().name, "another entry is found");
            let families: BTreeSet<_> = entry.questions.iter().map(|template| template.family).collect();
            assert!((6..=10).contains(&entry.questions.len()) && families.len() == 4, "{}", entry.name);
            for template in &entry.questions {
                let question = template.render(&terms).unwrap();
                assert!(question.contains("Orion") && !question.contains("Azur"), "{question}");
                assert!(!question.contains(['{', '}']) && !question.contains("  "), "{question}");
                assert!(!question.contains(" de Orion") && !question.contains(" que Orion"), "{question}");
            }
            for template in entry.answers.iter().chain(&entry.quantities) {
                let answer = template.render(&terms).unwrap();
                assert!(answer.contains("Azur") && answer.ends_with('.'), "{answer}");
            }
            let answers = || entry.answers.iter().chain(&entry.quantities);
            let is_text = Class::of(&Fact { values: vec!["x.".into()], ..fact.clone() }) == Class::Text;
            assert!(is_text || answers().any(|t| t.statement(&terms).is_some()), "{} has no clause", entry.name);
            assert_ne!(terms.attr.unwrap().agreement, Agreement::Unknown, "the noun of {} is not known", entry.name);
        }
    }
}

#[test]
fn no_wording_equals_another_in_either_language() {
    let templates = Templates::builtin().unwrap();
    let names: BTreeSet<String> = SHIPPED
        .iter()
        .flat_map(|(language, text)| entries(text, "shipped", Owner::Shipped(*language)).unwrap())
        .flat_map(|read| read.entry.attributes)
        .collect();
    let others =
        ["zorglub", "Installed-Size", "valideur", "sponsoring", "Open source", "code_postal"].map(str::to_owned);
    for name in names.iter().chain(&others) {
        for (kind, values) in [
            (Kind::Enumeration, &["a"][..]),
            (Kind::List, &["a", "b"]),
            (Kind::Text, &["Une phrase."]),
            (Kind::Definition, &["Une phrase."]),
            (Kind::Boolean, &["oui"]),
            (Kind::Number, &["12"]),
        ] {
            let fact = fact("Orion", name, kind, values);
            let mut seen = BTreeMap::new();
            for language in Language::ALL {
                for own in [false, true] {
                    let speech =
                        if own { templates.own_speech(&fact, language) } else { templates.speech(&fact, language) };
                    let questions = speech.questions();
                    let families: BTreeSet<_> = questions.iter().map(|template| template.family).collect();
                    assert!(questions.len() >= 6 && families.len() >= 3, "{name} {kind:?} {language:?}");
                    for template in questions {
                        let question = template.render(&speech.terms(&fact)).unwrap();
                        // An entry's wording may be that of a frame: a fact is worded by one of the two.
                        let twin = seen.insert((own, folded(&question)), template.name.clone());
                        assert_eq!(twin, None, "{question} of {}", template.name);
                    }
                }
            }
        }
    }
}

#[test]
fn shipped_names_belong_to_one_entry_each() {
    for (language, text) in SHIPPED {
        let mut seen = BTreeMap::new();
        for read in entries(text, "shipped", Owner::Shipped(language)).unwrap() {
            for name in &read.entry.attributes {
                let kinds = format!("{:?}", read.entry.kinds);
                let twin = seen.insert((name.clone(), kinds), read.entry.name.clone());
                assert_eq!(twin, None, "{name} of {} in {language:?}", read.entry.name);
            }
        }
    }
    let names = SHIPPED.map(|(language, text)| {
        let read = entries(text, "shipped", Owner::Shipped(language)).unwrap();
        read.into_iter().map(|read| (read.entry.attributes, read.entry.frame.is_some())).collect::<Vec<_>>()
    });
    let attributes = |of: &[(Vec<String>, bool)]| of.iter().filter(|(_, frame)| !frame).cloned().collect::<Vec<_>>();
    assert_eq!(attributes(&names[0]), attributes(&names[1]), "the languages' files have the same attributes");
}

const USER: &str = "
- match: {attribute: [hébergeur, Hosting]}
  fr:
    direct: [\"Chez qui loge {entity} ?\"]
    search: [\"logis {de entity}\"]
    answer: [\"{entity} loge chez {value}.\"]
  en: {direct: [\"Who houses {entity}?\"], answer: \"{value} houses {entity}.\"}
- match: {attribute: zorglub, kind: [person, organisation]}
  language: fr
  direct: Qui zorglube {entity} ?
  answer: [\"{Le attr} {de entity} {est attr} {value}.\"]
";

#[test]
fn a_users_entries_win() {
    let templates = Templates::with_user(Path::new("mine.yaml"), USER).unwrap();
    let host = fact("Orion", "Hébergeur", Kind::Organisation, &["OVH"]);
    let speech = templates.speech(&host, Language::Fr);
    let asked: Vec<_> =
        speech.questions().iter().map(|t| (&*t.name, t.render(&speech.terms(&host)).unwrap())).collect();
    assert_eq!(asked[0], ("user-hebergeur/fr/direct/1", "Chez qui loge Orion ?".to_owned()));
    assert_eq!(asked[1].1, "logis d'Orion");
    // The frame's follow in the families that the user gives none for, with the user's answers.
    let others: Vec<_> = asked[2..].iter().map(|(name, _)| *name).collect();
    assert!(!others.is_empty());
    assert!(
        others
            .iter()
            .all(|name| ["polite", "indirect"].iter().any(|f| name.starts_with(&format!("frame-noun/fr/{f}/"))))
    );
    assert!(speech.answers().iter().all(|t| t.name.starts_with("user-")));
    assert_eq!(templates.speech(&host, Language::En).answers()[0].name.as_ref(), "user-hebergeur/en/answer/1");
    let person = fact("Orion", "Zorglub", Kind::Person, &["Bob"]);
    let speech = templates.speech(&person, Language::Fr);
    assert_eq!(
        speech.answers()[0].render(&speech.terms(&person)).unwrap(),
        "« Zorglub » d'Orion est Bob.".replace('Z', "z")
    );
    let number = fact("Orion", "Zorglub", Kind::Number, &["3"]);
    assert!(!templates.speech(&number, Language::Fr).has_entry(), "of another kind");
}

#[test]
fn templates_are_tried_on_facts() {
    let templates = Templates::with_user(Path::new("mine.yaml"), USER).unwrap();
    let host = fact("Orion", "Hébergeur", Kind::Organisation, &["OVH"]);
    let unused =
        |facts: &[Fact]| -> Vec<String> { templates.check(facts).unwrap().iter().map(ToString::to_string).collect() };
    let name = "user-zorglub-person-organisation/fr: ";
    let end = "; the template is not used";
    assert_eq!(
        unused(std::slice::from_ref(&host)),
        [format!("{name}no fact of the documents has this attribute{end}")]
    );
    let other =
        [host.clone(), fact("Orion", "Zorglub", Kind::Date, &["2020"]), fact("A1", "zorglub", Kind::Text, &["x"])];
    let kinds = "the entry is for kind person or organisation, but the documents' values of this attribute are of kind date or text";
    assert_eq!(unused(&other), [format!("{name}{kinds}{end}")]);
    assert!(unused(&[host.clone(), fact("Orion", "Zorglub", Kind::Person, &["Bob"])]).is_empty());
    let twice = USER.replace("logis {de entity}", "chez qui loge {entity}");
    let templates = Templates::with_user(Path::new("mine.yaml"), &twice).unwrap();
    let e = templates.check(&[host]).unwrap_err().to_string();
    assert!(e.contains("user-hebergeur/fr/direct/1 and user-hebergeur/fr/search/1 both write"), "{e}");
}

#[test]
fn faults_of_a_users_file_are_named_with_their_lines() {
    let text = "
- match: {atribute: [host]}
  fr: {direct: [\"{entity} ?\"], answer: [\"{value}\"]}
- match: {attribute: [host], kind: persn}
  fr:
    direct: [\"Qui héberge {entité} ?\", \"Qui héberge {entity ?\", \"Qui ?\", \"{entity} chez {value} ?\"]
    answr: [\"{value}\"]
    answer: [\"{le value}\", 7]
- match: {frame: revers}
  fr: {direct: [\"{value} ?\"], answer: [\"{entities}\"]}
- match: {attribute: [owner]}
  direct: [\"Who owns {entity}?\"]
  answer: [\"{value}\"]
- match: {attribute: [owner]}
- nothing
";
    let e = Templates::with_user(Path::new("mine.yaml"), text).unwrap_err().to_string();
    for needle in [
        "mine.yaml: ",
        "line 2: unknown key \"atribute\"; did you mean \"attribute\"?",
        "line 4: unknown kind \"persn\"; did you mean \"person\"?",
        "line 6: user-host/fr/direct/1: unknown slot {entité}; did you mean {entity}?",
        "user-host/fr/direct/2: a slot is not closed with }",
        "line 6: user-host/fr/direct/3: \"Qui ?\" has to hold {entity}",
        "line 6: user-host/fr/direct/4: unknown slot {value}; the slots here are {entity}, {attr}",
        "line 7: unknown key \"answr\"; did you mean \"answer\"?",
        "line 8: user-host/fr/answer/1: unknown slot {le value}",
        "answer: expected a text, got the number 7",
        "line 9: unknown frame \"revers\"; did you mean \"reverse\"?",
        "line 11: the language is not said",
        "line 14: no wordings",
        "line 15: expected an entry",
    ] {
        assert!(e.contains(needle), "{needle} not in {e}");
    }
}

#[test]
fn files_that_are_no_templates_are_refused() {
    let with = |text: &str| Templates::with_user(Path::new("x.yaml"), text).map(|_| ()).unwrap_err().to_string();
    assert!(with("a: b").contains("a template file is a list of entries"));
    assert!(with("- [").starts_with("x.yaml: "));
    assert!(with(&" ".repeat(2 << 20)).contains("may have 1048576 bytes"));
    let long = format!(
        "- match: {{attribute: a}}\n  en: {{direct: \"{{entity}} {}\", answer: \"{{value}}\"}}",
        "x".repeat(600)
    );
    assert!(with(&long).contains("may have 500 characters"));
    let entry = "- match: {attribute: a}\n  en: {direct: \"{entity}?\", answer: \"{value}\"}\n";
    assert!(with(&entry.repeat(2)).contains("line 3: a second entry for \"a\" in en"));
    assert!(Templates::with_user(Path::new("x.yaml"), "").is_ok());
}
