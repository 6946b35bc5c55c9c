//! Items of a small catalogue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::corpus::{Fact, Kind, Language, Span, Unit};
use crate::generate::grammar::folded;
use crate::generate::{AnswerStyle, Item, ItemOptions, Outline, Shape, Templates, items};
use crate::store::Digest;

/// `entity | attribute | kind | values, joined by ;`
pub(super) fn facts(text: &str) -> Vec<Fact> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(fact).collect()
}

fn fact(line: &str) -> Fact {
    let [entity, attribute, kind, values] = line.split('|').map(str::trim).collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    Fact {
        id: Digest::of_bytes(line.as_bytes()),
        entity: entity.into(),
        attribute: attribute.into(),
        values: values.split(';').map(|value| value.trim().to_owned()).collect(),
        kind: serde_json::from_str::<Kind>(&format!("\"{kind}\"")).unwrap(),
        measure: None,
        language: Some(Language::Fr),
        unit: 0,
        source: Arc::from(format!("{entity}.md")),
        spans: Vec::new(),
        low_information: false,
    }
}

fn catalogue() -> Vec<Fact> {
    facts(
        "GIDAF | Hébergeur | organisation | OVH
         GIDAF | Version | version | 3.2
         GIDAF | Technologies | list | Java; PostgreSQL; Angular
         GIDAF | Date de mise en service | date | 2012-04-01
         GIDAF | Responsable | person | Marie Durand
         GIDAF | Dépendance | identifier | Orion
         Orion | Hébergeur | organisation | Azure
         Orion | Version | version | 1.0
         Orion | Technologies | list | Python; PostgreSQL
         Orion | Date de mise en service | date | 2019-09-15
         Orion | Indice de santé | number | 87
         Orion | Open source | boolean | oui
         6Tzen | Hébergeur | organisation | OVH
         6Tzen | Description | text | Outil de suivi des démarches des usagers du ministère.
         6Tzen | Indice de santé | number | 42
         6Tzen | date_creation_fiche | date | 2020-01-02
         Le Havre | Hébergeur | organisation | Scaleway
         Le Havre | Site web | url | https://havre.example/
         npm | Version | version | 10.2.4
         npm | Foo-Bar | text | quelque chose",
    )
}

pub(super) fn all(facts: &[Fact]) -> Vec<Item> {
    let templates = Templates::builtin().unwrap();
    items(facts, &ItemOptions::new(&templates))
}

pub(super) fn of<'i>(items: &'i [Item], shape: Shape, entity: &str, attribute: &str) -> Vec<&'i Item> {
    items
        .iter()
        .filter(|item| item.language == Language::Fr && item.shape == shape)
        .filter(|item| item.entity == entity && item.attribute == attribute)
        .collect()
}

pub(super) fn one<'i>(items: &'i [Item], shape: Shape, entity: &str, attribute: &str) -> &'i Item {
    let found = of(items, shape, entity, attribute);
    assert_eq!(found.len(), 1, "{shape:?} {entity} {attribute}");
    found[0]
}

pub(super) fn asks(item: &Item, question: &str) -> String {
    let found = item.wordings.iter().find(|wording| wording.question == question);
    found.unwrap_or_else(|| panic!("{question} not in {:#?}", item.wordings)).answer.to_string()
}

#[test]
fn a_value_and_a_list_are_asked_with_all_wordings() {
    let facts = catalogue();
    let items = all(&facts);
    let host = one(&items, Shape::Value, "Orion", "Hébergeur");
    assert_eq!(host.values, ["Azure"]);
    assert!(asks(host, "Quel est l'hébergeur d'Orion ?").contains("Azure"));
    let list = one(&items, Shape::List, "GIDAF", "Technologies");
    assert_eq!(list.values, ["Java", "PostgreSQL", "Angular"]);
    assert!(asks(list, "Quelles sont les technologies de GIDAF ?").contains("Java, PostgreSQL et Angular."));
    let url = one(&items, Shape::Value, "Le Havre", "Site web");
    assert!(url.wordings.iter().all(|w| w.answer.ends_with("https://havre.example/.")));
    let flag = one(&items, Shape::Value, "Orion", "Open source");
    assert!(asks(flag, "Pour Orion, « open source » : oui ou non ?").ends_with(" oui."));
    for fact in &facts {
        for language in Language::ALL {
            let found = items.iter().find(|item| {
                let value = matches!(item.shape, Shape::Value | Shape::List);
                value && item.language == language && item.entity == fact.entity && item.attribute == fact.attribute
            });
            let is_left_out = ["Description", "Indice de santé", "Open source", "date_creation_fiche", "Foo-Bar"]
                .contains(&fact.attribute.as_str());
            assert_eq!(found.is_some(), language == Language::Fr || !is_left_out, "{} {language:?}", fact.attribute);
            let Some(item) = found else { continue };
            assert!(item.wordings.iter().all(|w| fact.values.iter().all(|value| w.answer.contains(value))));
            assert!(item.wordings.iter().all(|w| w.question.contains(&fact.entity)));
        }
    }
}

#[test]
fn every_item_has_wordings_that_differ() {
    for item in all(&catalogue()) {
        let families: BTreeSet<_> = item.wordings.iter().map(|wording| wording.family).collect();
        let name = format!("{:?} {} {} {:?}", item.shape, item.entity, item.attribute, item.language);
        assert!(item.wordings.len() >= 6 && families.len() >= 3, "{name}: {:#?}", item.wordings);
        let questions: BTreeSet<_> = item.wordings.iter().map(|wording| folded(&wording.question)).collect();
        assert_eq!(questions.len(), item.wordings.len(), "{name}");
        assert!(!item.values.is_empty(), "{name}");
        for wording in &item.wordings {
            assert!(
                !wording.answer.contains("..") && !wording.answer.contains(['{', '}']),
                "{name}: {}",
                wording.answer
            );
            assert!(item.values.iter().all(|value| wording.answer.contains(value)), "{name}: {}", wording.answer);
        }
    }
}

#[test]
fn booleans_are_as_often_true_as_false() {
    let items = all(&catalogue());
    let booleans: Vec<_> = items.iter().filter(|item| item.shape == Shape::Boolean).collect();
    for language in Language::ALL {
        let (yes, no) = if language == Language::Fr { ("Oui", "Non") } else { ("Yes", "No") };
        let count = |verdict: &str| booleans.iter().filter(|i| i.language == language && i.values == [verdict]).count();
        assert!(count(yes).abs_diff(count(no)) <= 1 && count(yes) >= 4, "{} {}", count(yes), count(no));
    }
    let facts = catalogue();
    for item in booleans.iter().filter(|item| item.language == Language::Fr) {
        let own = &facts[item.facts[0]];
        for wording in &item.wordings {
            assert!(own.values.iter().all(|value| wording.answer.contains(value)), "{}", wording.answer);
            if item.values == ["Non"] {
                let other = &facts[item.facts[1]];
                assert_eq!((folded(&other.attribute), other.kind), (folded(&own.attribute), own.kind));
                let claimed = other.values.iter().find(|value| wording.question.contains(value.as_str())).unwrap();
                assert!(!own.values.contains(claimed), "{}", wording.question);
            }
        }
    }
}

#[test]
fn holders_are_listed_and_counted() {
    let items = all(&catalogue());
    let reverse = one(&items, Shape::Reverse, "OVH", "Hébergeur");
    assert_eq!(reverse.values, ["6Tzen", "GIDAF"]);
    assert!(asks(reverse, "Qu'est-ce qui est hébergé par OVH ?").contains("6Tzen et GIDAF"));
    let templates = Templates::builtin().unwrap();
    let disputed = BTreeSet::from(["Technologies".to_owned()]);
    let partly = super::super::items(&catalogue(), &ItemOptions { disputed, ..ItemOptions::new(&templates) });
    assert!(of(&partly, Shape::Count, "PostgreSQL", "Technologies").is_empty());
    // As another document writes it, and under another name.
    for attribute in ["technologies", "host"] {
        let disputed = BTreeSet::from([attribute.to_owned()]);
        let partly = super::super::items(&catalogue(), &ItemOptions { disputed, ..ItemOptions::new(&templates) });
        let left = |entity: &str, of_attribute: &str| !of(&partly, Shape::Reverse, entity, of_attribute).is_empty();
        assert_eq!(
            (left("PostgreSQL", "Technologies"), left("OVH", "Hébergeur")),
            (attribute == "host", attribute != "host"),
            "{attribute}"
        );
    }
    let count = one(&items, Shape::Count, "PostgreSQL", "Technologies");
    assert_eq!(count.values, ["2"]);
    asks(count, "Combien d'éléments ont PostgreSQL parmi leurs technologies ?");
    assert!(of(&items, Shape::Count, "Azure", "Hébergeur").is_empty(), "one holder is not counted");
    // Thirteen have one value: counted, and not listed.
    let many: String = (0..13).map(|i| format!("App{i} | Ville | enumeration | Lyon\n")).collect();
    let items = all(&facts(&many));
    assert_eq!(one(&items, Shape::Count, "Lyon", "Ville").values, ["13"]);
    assert!(of(&items, Shape::Reverse, "Lyon", "Ville").is_empty());
}

#[test]
fn signs_tell_names_and_values_apart() {
    let items = all(&facts(
        "GIDAF | Langage | enumeration | C++
         Orion | Langage | enumeration | C#
         6Tzen | Langage | enumeration | C
         C | Auteur | person | Dennis Ritchie",
    ));
    let hops: Vec<&str> =
        items.iter().filter(|item| item.shape == Shape::TwoHop).map(|item| item.entity.as_str()).collect();
    assert!(!hops.is_empty() && hops.iter().all(|entity| *entity == "6Tzen"), "{hops:?}");
    for (language, holder) in [("C++", "GIDAF"), ("C#", "Orion"), ("C", "6Tzen")] {
        assert_eq!(one(&items, Shape::Reverse, language, "Langage").values, [holder]);
    }
}

#[test]
fn quantities_are_compared() {
    let items = all(&catalogue());
    let compared: Vec<_> =
        items.iter().filter(|i| i.shape == Shape::Comparison && i.language == Language::Fr).collect();
    assert_eq!(compared.len(), 2);
    for item in compared {
        let first = item.wordings.first().unwrap();
        let (winner, dates) = (item.values[0].as_str(), item.attribute.starts_with("Date"));
        let expected = match (dates, first.template.split('/').next().unwrap()) {
            (true, "frame-latest") | (false, "frame-highest") => "Orion",
            (true, "frame-earliest") => "GIDAF",
            (false, "frame-lowest") => "6Tzen",
            other => panic!("{other:?}"),
        };
        assert_eq!(winner, expected, "{}", first.question);
    }
    let ties = facts(
        "A1 | Taille | number | 3\nB1 | Taille | number | 3\nC1 | Taille | date | 2020\nD1 | Taille | date | 2020-01-01",
    );
    assert!(all(&ties).iter().all(|item| item.shape != Shape::Comparison));
}

#[test]
fn two_hops_lead_over_a_value_that_names_an_entity() {
    let items = all(&catalogue());
    let hops = of(&items, Shape::TwoHop, "GIDAF", "Dépendance");
    assert_eq!(hops.len(), 3);
    for hop in hops {
        assert_eq!(hop.facts.len(), 2);
        assert!(hop.wordings.iter().all(|w| w.question.contains("GIDAF") && !w.question.contains("Orion")));
        assert!(hop.wordings.iter().all(|w| w.answer.contains("Orion") && w.answer.contains(&hop.values[0])));
    }
    let told = one(&items, Shape::Everything, "GIDAF", "Date de mise en service");
    assert_eq!(told.facts.len(), 6);
}

#[test]
fn an_account_is_whole_or_is_not_asked_for() {
    let tells = |facts: &[Fact], text: &str| {
        let unit = Unit {
            id: Digest::of_bytes(text.as_bytes()),
            document: 0,
            source: Arc::from("a.md"),
            title: Some("Gym".to_owned()),
            path: Vec::new(),
            span: Span { start: 0, end: text.len() },
            text: text.to_owned(),
            language: None,
            fields: Vec::new(),
        };
        let (templates, units) = (Templates::builtin().unwrap(), [unit]);
        let made = items(facts, &ItemOptions { units: &units, ..ItemOptions::new(&templates) });
        made.into_iter().find(|item| item.shape == Shape::Everything).map(|item| item.facts.len())
    };
    let mut stated =
        facts("Gym | Coût | money | 20 €\nGym | Hébergeur | organisation | OVH\nGym | Version | version | 2");
    let whole = "- Coût : 20 €\n- Hébergeur : OVH\n* Version : 2\n";
    assert_eq!(tells(&stated, whole), Some(3));
    assert_eq!(tells(&stated, &format!("{whole}- un vestiaire\n")), None, "an item that no fact states");
    stated[2].low_information = true;
    assert_eq!(tells(&stated, whole), Some(3), "what can be guessed is told too");
    stated[1].low_information = true;
    assert_eq!(tells(&stated, whole), None, "too little that cannot be guessed");
    stated[1].low_information = false;
    let several = facts("Gym | Note | number | 1\nGym | Note | number | 2");
    assert_eq!(tells(&[stated, several].concat(), whole), None, "several values of one attribute");
}

#[test]
fn what_a_majority_has_is_asked_as_a_value_alone() {
    let mut facts = catalogue();
    facts.iter_mut().filter(|fact| fact.attribute == "Hébergeur").for_each(|fact| fact.low_information = true);
    let flagged: Vec<_> = all(&facts).into_iter().filter(|item| item.low_information).collect();
    assert_eq!(flagged.len(), 2 * 4);
    assert!(flagged.iter().all(|item| item.shape == Shape::Value && item.attribute == "Hébergeur"));
}

#[test]
fn attributes_of_one_entry_keep_their_own_names() {
    let items = all(&facts("GIDAF | Hébergeur | organisation | OVH\nGIDAF | Hébergement | text | nuage privé"));
    let host = one(&items, Shape::Value, "GIDAF", "Hébergeur");
    let hosting = one(&items, Shape::Value, "GIDAF", "Hébergement");
    asks(host, "Quel est l'hébergeur de GIDAF ?");
    asks(hosting, "Quel est l'hébergement de GIDAF ?");
    let questions: BTreeSet<_> = host.wordings.iter().map(|wording| folded(&wording.question)).collect();
    assert!(hosting.wordings.iter().all(|wording| !questions.contains(&folded(&wording.question))));
}

#[test]
fn facts_that_say_the_same_are_one_and_those_that_differ_none() {
    let mut facts = facts(
        "GIDAF | Version | version | 3.2\nGIDAF | version | version | 3.2\nOrion | Version | version | 1\nOrion | Version | version | 2",
    );
    facts[1].source = Arc::from("other.md");
    let items = all(&facts);
    let value = one(&items, Shape::Value, "GIDAF", &facts[items[0].facts[0]].attribute);
    assert_eq!(value.facts.iter().copied().collect::<BTreeSet<_>>(), BTreeSet::from([0, 1]));
    assert!(items.iter().all(|item| item.entity != "Orion"));
}

#[test]
fn the_order_of_the_facts_has_no_part() {
    let templates = Templates::builtin().unwrap();
    for max_wordings in [usize::MAX, 3] {
        let options =
            ItemOptions { seed: 7, max_wordings, answer_style: AnswerStyle::Mixed, ..ItemOptions::new(&templates) };
        let facts = catalogue();
        let straight = items(&facts, &options);
        assert_eq!(straight, items(&facts, &options));
        let turned: Vec<Fact> = facts.iter().rev().cloned().collect();
        let n = facts.len();
        let mut other = items(&turned, &options);
        other.iter_mut().for_each(|item| item.facts.iter_mut().for_each(|i| *i = n - 1 - *i));
        assert_eq!(straight, other);
        assert!(straight.windows(2).all(|two| (two[0].id, two[0].language) < (two[1].id, two[1].language)));
        let reseeded = ItemOptions { seed: 8, ..options };
        assert_ne!(straight, items(&facts, &reseeded));
    }
}

#[test]
fn fewer_wordings_are_a_part_of_all_from_every_family() {
    let templates = Templates::builtin().unwrap();
    let options = ItemOptions { max_wordings: 4, ..ItemOptions::new(&templates) };
    let facts = catalogue();
    let everything: BTreeMap<_, _> = all(&facts).into_iter().map(|item| ((item.id, item.language), item)).collect();
    for item in items(&facts, &options) {
        let whole = &everything[&(item.id, item.language)];
        assert_eq!(item.wordings.len(), 4);
        assert!(item.wordings.iter().all(|wording| whole.wordings.contains(wording)));
        let families: BTreeSet<_> = item.wordings.iter().map(|wording| wording.family).collect();
        assert_eq!(families.len(), 4);
    }
}

#[test]
fn answers_are_written_in_the_wanted_style() {
    let templates = Templates::builtin().unwrap();
    let facts = catalogue();
    let options = ItemOptions { answer_style: AnswerStyle::Value, ..ItemOptions::new(&templates) };
    let items = items(&facts, &options);
    let host = one(&items, Shape::Value, "Orion", "Hébergeur");
    assert!(host.wordings.iter().all(|wording| *wording.answer == *"Azure"));
    let list = one(&items, Shape::List, "Orion", "Technologies");
    assert!(list.wordings.iter().all(|wording| *wording.answer == *"Python et PostgreSQL"));
    let mixed = ItemOptions { answer_style: AnswerStyle::Mixed, ..options };
    let answers: Vec<String> = crate::generate::items(&facts, &mixed)
        .into_iter()
        .flat_map(|i| i.wordings)
        .map(|w| w.answer.to_string())
        .collect();
    let short = answers.iter().filter(|answer| *answer == "Azure" || *answer == "OVH").count();
    assert!((10..=60).contains(&short), "{short}");
}

#[test]
fn shapes_and_languages_are_chosen() {
    let templates = Templates::builtin().unwrap();
    let facts = catalogue();
    let options = ItemOptions {
        shapes: vec![Shape::Count],
        languages: vec![Language::En, Language::En],
        ..ItemOptions::new(&templates)
    };
    let outline = Outline::new(&facts, &options);
    let items: Vec<_> = outline.iter().collect();
    assert_eq!((items.len(), outline.len()), (2, 2));
    assert!(items.iter().all(|item| item.shape == Shape::Count && item.language == Language::En));
    assert_eq!(outline.item(0).as_ref(), items.first());
    assert_eq!(outline.item(2), None);
    assert!(Outline::new(&[], &options).is_empty());
}
