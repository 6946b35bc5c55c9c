use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::corpus::{Conflict, Fact, Facts, Kind, Language, Span, Unit};
use crate::generate::damerau::distance;
use crate::generate::grammar::shown;
use crate::generate::unanswerable::QuestionWording;
use crate::generate::{Family, noise};

struct Words;

impl Questions for Words {
    fn wordings(&self, entity: &str, attribute: &str, language: Language) -> Vec<QuestionWording> {
        let wording = |n: usize, question: String| QuestionWording {
            family: Family::Direct,
            template: format!("value/{}/direct/{n}", language.code()).into(),
            question,
        };
        match language {
            Language::Fr => vec![
                wording(1, format!("Pour {entity}, « {attribute} » ?")),
                wording(2, format!("{entity} : {attribute} ?")),
            ],
            Language::En => vec![wording(1, format!("What is the {attribute} of {entity}?"))],
        }
    }

    fn concept(&self, attribute: &str) -> String {
        if attribute == "host" { "hebergeur".to_owned() } else { fold(attribute) }
    }
}

fn fact(entity: &str, attribute: &str, value: &str, unit: usize) -> Fact {
    Fact {
        id: Digest::of_bytes(format!("{entity}/{attribute}/{value}").as_bytes()),
        entity: entity.to_owned(),
        attribute: attribute.to_owned(),
        values: vec![value.to_owned()],
        kind: if attribute == "résumé" { Kind::Text } else { Kind::Enumeration },
        measure: None,
        language: Some(if attribute == "host" { Language::En } else { Language::Fr }),
        unit,
        source: Arc::from(if entity == "tickets" { "tickets.jsonl#5121".to_owned() } else { format!("{entity}.md") }),
        spans: Vec::new(),
        low_information: false,
    }
}

fn unit(title: &str, text: &str) -> Unit {
    Unit {
        id: Digest::of_bytes(text.as_bytes()),
        document: 0,
        source: Arc::from("a.md"),
        title: Some(title.to_owned()),
        path: Vec::new(),
        span: Span { start: 0, end: text.len() },
        text: text.to_owned(),
        language: None,
        fields: Vec::new(),
    }
}

const ENTITIES: [&str; 6] = ["Gidaria", "Sixtizen", "Norvalis", "Opalia", "Trimetal", "Portania"];

fn corpus() -> (Facts, Vec<Unit>) {
    let mut facts = Facts::default();
    let hosts = ["Ovhcloud", "Scaleway", "Interne"];
    for (i, entity) in ENTITIES.iter().enumerate() {
        facts.facts.push(fact(entity, "Version", &format!("{}.{}.{}", 40 + i, 70 + i, 90 + i), i));
        // Of the last three, one has the host in English, one in prose, and one has none.
        match i {
            0..3 => facts.facts.push(fact(entity, "Hébergeur", hosts[i], i)),
            3 => facts.facts.push(fact(entity, "host", "Ovhcloud", i)),
            _ => {}
        }
        if i < 2 {
            facts.facts.push(fact(entity, "Criticité", ["forte", "faible"][i], i));
            facts.facts.push(fact(entity, "résumé", "Un outil de suivi.", i));
        }
    }
    // Two sources disagree on the criticality of one.
    facts.conflicts.push(Conflict {
        entity: "Norvalis".to_owned(),
        attribute: "Criticité".to_owned(),
        stated: vec![(Arc::from("a"), "forte".to_owned()), (Arc::from("b"), "faible".to_owned())],
    });
    let mut units: Vec<Unit> = ENTITIES.iter().map(|e| unit(e, &format!("{e} est une application."))).collect();
    units.push(unit("Notes", "Depuis 2020, Trimetal est hébergé ailleurs."));
    units.push(unit("Revue", "Cette année, Opalia est jugé critique."));
    (facts, units)
}

fn made(count: usize, seed: u64) -> Vec<Draft> {
    let (facts, units) = corpus();
    let input = UnansweredCorpus { facts: &facts, units: &units, languages: &Language::ALL, seed };
    unanswerable(&input, count, &Words)
}

fn chars(text: &str) -> Vec<char> {
    noise::fold(text).chars().collect()
}

#[test]
fn only_what_the_corpus_really_lacks_is_called_missing() {
    let all = made(500, 1);
    let asked = |attribute: &str, language: Language| {
        let about = |d: &&Draft| {
            let question = &d.turns[0].content;
            d.language == language && d.facts.is_empty() && question.contains(attribute)
        };
        let drafts = all.iter().filter(about);
        let named = drafts.filter_map(|d| ENTITIES.iter().find(|e| d.turns[0].content.contains(**e)).copied());
        let mut named: Vec<&str> = named.collect();
        named.sort_unstable();
        named
    };
    // Trimetal's host stands in a sentence, Opalia's under another name.
    assert_eq!(asked("Hébergeur", Language::Fr), ["Portania"]);
    assert_eq!(asked("host", Language::En), ["Portania"]);
    // Opalia's is in a sentence, Norvalis's in two sources that disagree.
    assert_eq!(asked("Criticité", Language::Fr), ["Portania", "Trimetal"]);
    assert!(asked("Version", Language::Fr).is_empty(), "all have it");
    assert!(asked("résumé", Language::Fr).is_empty(), "prose may stand in any words");
}

#[test]
fn invented_entities_are_far_from_all_others() {
    let all = made(90, 2);
    let invented: Vec<&Draft> =
        all.iter().filter(|d| d.facts.is_empty() && !ENTITIES.iter().any(|e| d.turns[0].content.contains(e))).collect();
    assert!(invented.len() > 20, "{}", invented.len());
    for draft in invented {
        let question = &draft.turns[0].content;
        let name = match &*draft.template {
            "value/fr/direct/1" => question.trim_start_matches("Pour ").split(',').next(),
            "value/fr/direct/2" => question.split(" : ").next(),
            _ => question.rsplit(" of ").next().map(|end| end.trim_end_matches('?')),
        };
        let name = name.unwrap();
        for entity in ENTITIES {
            assert!(distance(&chars(name), &chars(entity)) >= 3, "{name} {entity}");
        }
    }
}

/// Names of entities in questions on the attribute `inscrits`, which no fact or false premise is behind.
fn invented_names(entities: &[&str]) -> (usize, Vec<String>) {
    let mut facts = Facts::default();
    let mut units = Vec::new();
    for (i, entity) in entities.iter().enumerate() {
        facts.facts.push(fact(entity, "Inscrits", &format!("{} électeurs", 2000 + i), i));
        units.push(unit(entity, &format!("{entity} compte {} électeurs.", 2000 + i)));
    }
    let input = UnansweredCorpus { facts: &facts, units: &units, languages: &[Language::Fr], seed: 3 };
    let all = unanswerable(&input, 60, &Words);
    let drafts = all.iter().filter(|d| d.facts.is_empty());
    let named = drafts.map(|d| match &*d.template {
        "value/fr/direct/1" => d.turns[0].content.trim_start_matches("Pour ").split(',').next().unwrap().to_owned(),
        _ => d.turns[0].content.split(" : ").next().unwrap().to_owned(),
    });
    (all.len(), named.collect())
}

#[test]
fn invented_names_have_the_shape_of_real_ones() {
    let entities = ["Bureau n° 11", "Bureau n° 12", "R-1010102039", "Ticket 40200407", "Carte nationale d'identité"];
    let (_, names) = invented_names(&entities);
    assert!(names.len() >= 10, "{names:?}");
    let shape = |name: &str| name.replace(|c: char| c.is_ascii_digit(), "0");
    let shapes: BTreeSet<String> = entities[..4].iter().map(|name| shape(name)).collect();
    for name in &names {
        assert!(shapes.contains(&shape(name)) && !entities.contains(&name.as_str()), "{name}");
    }
    assert_eq!(names.iter().map(|name| shape(name)).collect::<BTreeSet<_>>(), shapes);
    // Made-up names are made from proper names alone.
    let proper = ["Gidaria", "Sixtizen", "Norvalis", "Opalia", "Trimetal", "Mention très bien", "Permis de construire"];
    let (_, names) = invented_names(&proper);
    assert!(!names.is_empty());
    assert!(names.iter().all(|name| name.chars().count() <= 8 && !name.contains(' ')), "{names:?}");
    // Few names of several styles, as a catalogue has them, are enough for one made-up name in two refusals.
    let catalogue =
        ["3Bofisdel", "7Symisdel", "6Labekzen", "IMEZEN", "DYGO", "BERUN", "PROXTORK", "Trani", "Zagorf", "Propif"];
    let (all, names) = invented_names(&catalogue);
    assert!(names.len() * 2 >= all, "{names:?} of {all}");
    assert!(names.iter().collect::<BTreeSet<_>>().len() * 10 >= names.len() * 9, "{names:?}");
    assert!(names.iter().any(|name| !name.chars().any(char::is_lowercase)), "{names:?}");
    for (name, real) in names.iter().flat_map(|name| catalogue.map(|real| (noise::fold(name), noise::fold(real)))) {
        let [name, real] = [&name, &real].map(|n| n.trim_start_matches(|c: char| c.is_ascii_digit()));
        assert!(!real.starts_with(name) && !name.starts_with(real), "{name} may be short for {real}, or the other way");
    }
    // Nothing to imitate: the other kinds alone.
    let (all, names) = invented_names(&["Carte nationale d'identité", "Permis de construire", "Acte de naissance"]);
    assert!(names.is_empty() && all > 0, "{names:?}");
}

#[test]
fn a_false_premise_is_false_and_its_answer_right() {
    let (facts, _) = corpus();
    let all = made(90, 3);
    let premises: Vec<&Draft> = all.iter().filter(|d| !d.facts.is_empty()).collect();
    assert!(premises.len() > 5);
    for draft in premises {
        let [index] = draft.facts[..] else { panic!("{draft:?}") };
        let fact = &facts.facts[index];
        let (question, answer) = (&draft.turns[0].content, &draft.turns[1].content);
        assert!(
            question.contains(&fact.entity)
                && question.contains(&shown(&fact.attribute))
                && !question.contains(&fact.values[0])
        );
        assert!(answer.contains(&fact.values[0]), "{answer}");
        let others = facts.facts.iter().filter(|f| f.entity != fact.entity);
        let wrong = others.flat_map(|f| &f.values).find(|v| question.contains(v.as_str()));
        assert!(wrong.is_some_and(|w| answer.contains(w)), "{question}");
        assert_eq!(draft.source, fact.source);
    }
}

/// Of `entity | attribute | value` facts, each with a unit of `text`: whether a question on what the entity lacks is asked.
fn asks_missing(stated: &[(&str, &str, &str)], text: &str, entity: &str, attribute: &str) -> bool {
    let mut facts = Facts::default();
    let mut units = Vec::new();
    for (i, (of, attribute, value)) in stated.iter().enumerate() {
        let kind = if value.starts_with("20") { Kind::Date } else { Kind::Enumeration };
        facts.facts.push(Fact { kind, ..fact(of, attribute, value, i) });
        units.push(unit(of, if *of == entity { text } else { "" }));
    }
    let input = UnansweredCorpus { facts: &facts, units: &units, languages: &[Language::Fr], seed: 3 };
    let asked = [format!("Pour {entity}, « {attribute} » ?"), format!("{entity} : {attribute} ?")];
    unanswerable(&input, 300, &Words).iter().any(|draft| asked.contains(&draft.turns[0].content))
}

#[test]
fn nothing_is_called_missing_that_the_documents_say_in_another_way() {
    let prices = [("Zephyr", "Price", "cheap"), ("Mistral", "Price", "dear"), ("Bora", "Colour", "grey")];
    assert!(asks_missing(&prices, "Bora is a fan.", "Bora", "Price"));
    assert!(!asks_missing(&prices, "Bora has a cost of its own.", "Bora", "Price"), "a related word");
    let births =
        [("Bob Roe", "Birthday", "2001-02-03"), ("Cy Fox", "Birthday", "2002-02-03"), ("Ann Lee", "Room", "west")];
    assert!(asks_missing(&births, "Ann likes tea.", "Ann Lee", "Birthday"));
    assert!(
        !asks_missing(&births, "Ann came on 3 May 1980.", "Ann Lee", "Birthday"),
        "a date of which it is not known what it dates"
    );
    assert!(!asks_missing(&births, "Ann came in December 1980.", "Ann Lee", "Birthday"));
    assert!(asks_missing(&births, "Ann may need tea.", "Ann Lee", "Birthday"), "neither a month nor a birth");
    assert!(!asks_missing(&births, "Ann, née Low, likes tea.", "Ann Lee", "Birthday"));
    let authors = [("VPN", "Version", "new"), ("Mail", "Author", "Sue Bel"), ("Wiki", "Author", "Tom Fox")];
    assert!(!asks_missing(&authors, "", "VPN", "Author"), "front matter, which no fact is read from, may say it");
    let short = [
        ("Système géographique (SIG)", "Version", "new"),
        ("Annuaire", "Version", "old"),
        ("SIG", "Propriétaire", "Flo"),
    ];
    assert!(!asks_missing(&short, "", "SIG", "Version"), "its long name has one");
    let table = [("5118", "Client", "Ann Roe"), ("5119", "Client", "Bob Roe"), ("5119", "Statut", "new")];
    assert!(asks_missing(&[&table[..], &[("5120", "Statut", "old")]].concat(), "", "5120", "Client"));
    let left = [&table[..], &[("tickets", "Statut", "old")]].concat();
    assert!(!asks_missing(&left, "", "tickets", "Client"), "a record that has the file's name, not one of its own");
    let sections = [
        ("Contact (Lyon)", "Étage", "bas"),
        ("Contact (Nice)", "Étage", "haut"),
        ("Matériel (Lyon)", "Écrans", "deux"),
    ];
    assert!(!asks_missing(&sections, "", "Matériel (Lyon)", "Étage"), "another section of the page has it");
}

/// `Délai de livraison` of a French document is `Lead time` in an English one.
#[test]
fn what_one_language_names_is_not_missing_from_documents_of_another() {
    let facts = |languages: [Language; 4]| {
        let mut facts = Facts::default();
        for (i, (entity, language)) in ENTITIES.iter().zip(languages).enumerate() {
            let of =
                |attribute: &str, value: &str| Fact { language: Some(language), ..fact(entity, attribute, value, i) };
            facts.facts.push(of("Poids", &format!("{i} kg")));
            if i < 3 {
                facts.facts.push(of("Délai de livraison", &format!("{i}{i} jours")));
            }
        }
        facts
    };
    let asks = |facts: &Facts| {
        let input = UnansweredCorpus { facts, units: &[], languages: &[Language::Fr], seed: 3 };
        let drafts = unanswerable(&input, 50, &Words);
        let of = |d: &&Draft| d.turns[0].content.contains("Délai") && d.turns[0].content.contains(ENTITIES[3]);
        drafts.iter().filter(of).count()
    };
    let (fr, en) = (Language::Fr, Language::En);
    assert!(asks(&facts([fr, fr, fr, fr])) > 0);
    assert_eq!(asks(&facts([fr, fr, fr, en])), 0);
    assert!(asks(&facts([fr, fr, en, en])) > 0, "English documents name it so, too");
}

#[test]
fn no_premise_denies_a_value_in_another_notation() {
    let mut facts = Facts::default();
    for (i, (entity, attribute, kind, value)) in [
        ("Gidaria", "Sortie", Kind::Date, "2020-01-05"),
        ("Sixtizen", "Sortie", Kind::Date, "5 janvier 2020"),
        ("Gidaria", "Hébergeur", Kind::Organisation, "O.V.H."),
        ("Sixtizen", "Hébergeur", Kind::Organisation, "OVH"),
    ]
    .into_iter()
    .enumerate()
    {
        facts.facts.push(Fact { kind, ..fact(entity, attribute, value, i) });
    }
    let input = UnansweredCorpus { facts: &facts, units: &[], languages: &[Language::Fr], seed: 3 };
    let denied: Vec<Draft> = unanswerable(&input, 90, &Words).into_iter().filter(|d| !d.facts.is_empty()).collect();
    assert!(denied.is_empty(), "{denied:?}");
}

#[test]
fn a_premise_is_asked_in_the_language_of_its_document() {
    let (facts, units) = corpus();
    let input = UnansweredCorpus { facts: &facts, units: &units, languages: &[Language::En], seed: 3 };
    // One fact alone is of a document in English.
    let all = unanswerable(&input, 90, &Words);
    let stated: BTreeSet<&str> =
        all.iter().flat_map(|d| &d.facts).map(|i| facts.facts[*i].attribute.as_str()).collect();
    assert!(stated.iter().all(|attribute| *attribute == "host"), "{stated:?}");
}

#[test]
fn the_kinds_are_balanced_and_the_texts_many() {
    let all = made(12, 4);
    assert_eq!(all.len(), 12);
    assert_eq!(all.iter().filter(|d| !d.facts.is_empty()).count(), 4, "false premises");
    let all = made(60, 5);
    let answers: BTreeSet<&str> =
        all.iter().filter(|d| d.facts.is_empty()).map(|d| d.turns[1].content.as_str()).collect();
    assert!(answers.len() >= 10, "{answers:?}");
    let questions: BTreeSet<&str> = all.iter().map(|d| d.turns[0].content.as_str()).collect();
    assert_eq!(questions.len(), all.len(), "no question twice");
    for draft in &all {
        assert_eq!(draft.expected, [draft.turns[1].content.clone()]);
        assert_eq!((draft.shape, draft.method, draft.turns.len()), (Shape::Unanswerable, Method::RuleBased, 2));
    }
    let items: BTreeSet<Digest> = all.iter().map(|d| d.item).collect();
    assert!(items.len() >= 20, "{} of {}", items.len(), all.len());
}

#[test]
fn one_seed_gives_one_list_and_the_facts_order_does_not_matter() {
    assert_eq!(made(40, 6), made(40, 6));
    assert_ne!(made(40, 6), made(40, 7));
    assert!(made(0, 6).is_empty());
    // A shorter list is the beginning of a longer one.
    assert_eq!(made(40, 6)[..10], made(10, 6));
    let none = Facts::default();
    let input = UnansweredCorpus { facts: &none, units: &[], languages: &Language::ALL, seed: 1 };
    assert!(unanswerable(&input, 5, &Words).is_empty());
}

#[test]
fn a_large_corpus_takes_seconds() {
    let entities = std::env::var("ENTITIES").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let (mut facts, mut units) = (Facts::default(), Vec::new());
    for e in 0..entities {
        let name = format!("Appli{}{}", ["ron", "tel", "vis", "mar"][e % 4], e);
        for a in 0..12 {
            if (e + a) % 7 != 0 {
                facts.facts.push(fact(&name, &format!("attribut{a}"), &format!("valeur{a}x{}", e % 50), e));
            }
        }
        units.push(unit(&name, &format!("{name} est une application de gestion des demandes.")));
    }
    let began = Instant::now();
    let input = UnansweredCorpus { facts: &facts, units: &units, languages: &Language::ALL, seed: 1 };
    let all = unanswerable(&input, 10 * entities / 2, &Words);
    let seconds = began.elapsed().as_secs_f64();
    println!("{} facts, {} drafts, {seconds:.2} s", facts.facts.len(), all.len());
    assert_eq!(all.len(), 10 * entities / 2);
    // A bound for a busy machine and code that is not optimised.
    assert!(seconds < 30.0, "{seconds} s");
}
