//! Which templates items are worded by, and how values stand in them.

use std::collections::BTreeSet;
use std::path::Path;

use super::tests::{all, facts, one};
use crate::corpus::{Fact, Language};
use crate::generate::{AnswerStyle, Family, Item, ItemOptions, Questions, Shape, TemplateQuestions, Templates, items};

const COST: &str = "
- match: {attribute: [coût]}
  fr:
    direct: [\"Ça coûte combien, {entity} ?\", \"Il faut payer quoi pour {entity} ?\"]
    search: [\"combien {entity}\", \"payer {entity}\"]
    answer: [\"Pour {entity}, il faut payer {value}.\"]
";

#[test]
fn a_users_questions_stand_before_shipped_ones() {
    let templates = Templates::with_user(Path::new("mine.yaml"), COST).unwrap();
    let facts = facts("Passeport | Coût | money | 86 €\nPermis | Coût | money | 25 €");
    let wordings = |max_wordings: usize, seed: u64| {
        let options = ItemOptions { max_wordings, seed, ..ItemOptions::new(&templates) };
        one(&items(&facts, &options), Shape::Value, "Passeport", "Coût").wordings.clone()
    };
    for seed in 0..8 {
        for most in 1..=4 {
            let few = wordings(most, seed);
            assert_eq!(few.len(), most);
            assert!(few.iter().all(|w| w.template.starts_with("user-cout/")), "{few:#?}");
        }
        for most in [6, 9, usize::MAX] {
            let all = wordings(most, seed);
            assert!(all[..4].iter().all(|w| w.template.starts_with("user-cout/")), "{all:#?}");
            let others: Vec<Family> = all[4..].iter().map(|w| w.family).collect();
            assert_eq!(others, [Family::Polite, Family::Indirect]);
            assert!(all.iter().all(|w| *w.answer == *"Pour Passeport, il faut payer 86 €."));
        }
    }
    let polite: BTreeSet<String> = (0..8).map(|seed| wordings(9, seed)[4].question.clone()).collect();
    assert_eq!(polite.len(), 2, "the shipped one is drawn");
}

#[test]
fn french_days_have_their_article_in_sentences() {
    let of = |value: &str| {
        let items = all(&facts(&format!(
            "Trymbe | Date de mise en service | date | {value}\nOrion | Date de mise en service | date | 1er mars 1999"
        )));
        let told = one(&items, Shape::Value, "Trymbe", "Date de mise en service").clone();
        let answers: BTreeSet<String> = told.wordings.into_iter().map(|w| w.answer.to_string()).collect();
        let held = one(&items, Shape::Reverse, value, "Date de mise en service").clone();
        (answers, held.wordings.into_iter().map(|w| w.answer.to_string()).collect::<BTreeSet<String>>())
    };
    for value in ["9 janvier 2017", "09/01/2017"] {
        let (answers, held) = of(value);
        let expected = [
            format!("Date de mise en service de Trymbe : {value}."),
            format!("La date de mise en service de Trymbe est le {value}."),
        ];
        assert_eq!(answers, BTreeSet::from(expected));
        assert!(held.contains(&format!("A pour date de mise en service le {value} : Trymbe.")), "{held:#?}");
    }
    for value in ["2017", "janvier 2017", "2017-01-09"] {
        let (answers, held) = of(value);
        assert!(answers.contains(&format!("La date de mise en service de Trymbe est {value}.")), "{answers:#?}");
        assert!(held.contains(&format!("A pour date de mise en service {value} : Trymbe.")), "{held:#?}");
    }
}

#[test]
fn holders_are_one_or_several() {
    let items = all(&facts(
        "A1 | Hébergeur | organisation | OVH
         B1 | Hébergeur | organisation | OVH
         C1 | Hébergeur | organisation | Azure
         A1 | Technologies | list | Java; Rust
         B1 | Technologies | list | Rust; Go",
    ));
    let answers = |language: Language, value: &str| -> BTreeSet<String> {
        let of_value =
            items.iter().filter(|i| i.shape == Shape::Reverse && i.language == language && i.entity == value);
        of_value.flat_map(|item| &item.wordings).map(|wording| wording.answer.to_string()).collect()
    };
    for (language, value, expected) in [
        (Language::Fr, "OVH", "Ont pour hébergeur OVH : A1 et B1."),
        (Language::Fr, "Azure", "A pour hébergeur Azure : C1."),
        (Language::Fr, "Rust", "Ont Rust parmi leurs technologies : A1 et B1."),
        (Language::Fr, "Java", "A Java parmi ses technologies : A1."),
        (Language::En, "OVH", "These have OVH as their host: A1 and B1."),
        (Language::En, "Azure", "This has Azure as its host: C1."),
        (Language::En, "Java", "This has Java among its technologies: A1."),
    ] {
        let found = answers(language, value);
        assert!(found.contains(expected), "{found:#?}");
    }
}

#[test]
fn only_a_quantity_is_worded_as_one() {
    let items = all(&facts(
        "Acte | Coût | enumeration | gratuit
         Permis | Coût | text | gratuit (25 € en cas de perte)
         Passeport | Coût | money | 86 €
         Passeport | Durée | number | 10 ans
         Acte | Durée | enumeration | illimitée",
    ));
    let answers = |language: Language, entity: &str, attribute: &str| -> BTreeSet<String> {
        let found = |i: &&Item| {
            (i.shape, i.language, i.entity.as_str(), i.attribute.as_str())
                == (Shape::Value, language, entity, attribute)
        };
        items.iter().find(found).unwrap().wordings.iter().map(|wording| wording.answer.to_string()).collect()
    };
    let (fr, en) = (Language::Fr, Language::En);
    for (language, entity, attribute, expected) in [
        (fr, "Acte", "Coût", ["Coût d'Acte : gratuit.", "Pour Acte, coût : gratuit."]),
        (fr, "Passeport", "Coût", ["Passeport a un coût de 86 €.", "Le coût de Passeport est de 86 €."]),
        (en, "Passeport", "Coût", ["Passeport costs 86 €.", "The cost of Passeport is 86 €."]),
        (fr, "Acte", "Durée", ["Durée d'Acte : illimitée.", "Pour Acte, durée : illimitée."]),
        (fr, "Passeport", "Durée", ["La durée de Passeport est de 10 ans.", "Passeport a pour durée 10 ans."]),
    ] {
        assert_eq!(answers(language, entity, attribute), BTreeSet::from(expected.map(str::to_owned)));
    }
    let permis = answers(fr, "Permis", "Coût");
    assert!(permis.contains("Coût de Permis : gratuit (25 € en cas de perte)."), "{permis:#?}");
    let truths = items.iter().filter(|item| item.shape == Shape::Boolean).flat_map(|item| &item.wordings);
    for text in truths.flat_map(|wording| [wording.question.as_str(), &wording.answer]) {
        assert!(!text.contains("de gratuit") && !text.contains("costs gratuit"), "{text}");
    }
}

#[test]
fn a_value_that_is_a_sentence_is_the_answer() {
    let items = all(&facts(
        "Trymbe | Description | text | Trymbe est une application de suivi
         Trymbe | Remarque | text | Fermé le lundi.
         Trymbe | Version | version | 3.2
         Permis | définition | definition | Le permis est une autorisation.
         Permis | Résumé | text | autorisation de construire, délivrée par la mairie après un examen du dossier",
    ));
    let answers = |shape: Shape, entity: &str, attribute: &str| -> BTreeSet<String> {
        one(&items, shape, entity, attribute).wordings.iter().map(|wording| wording.answer.to_string()).collect()
    };
    let sentence = "Trymbe est une application de suivi.";
    assert_eq!(answers(Shape::Value, "Trymbe", "Description"), BTreeSet::from([sentence.to_owned()]));
    assert_eq!(answers(Shape::Value, "Trymbe", "Remarque"), BTreeSet::from(["Fermé le lundi.".to_owned()]));
    let definition = BTreeSet::from(["Le permis est une autorisation.".to_owned()]);
    assert_eq!(answers(Shape::Value, "Permis", "définition"), definition);
    assert!(answers(Shape::Value, "Permis", "Résumé").iter().all(|answer| answer.contains(" : autorisation")));
    let told = items.iter().find(|item| item.shape == Shape::Everything && item.entity == "Trymbe").unwrap();
    for wording in &told.wordings {
        assert!(wording.answer.contains(sentence), "{}", wording.answer);
        assert!(!wording.answer.contains(": Trymbe est"), "{}", wording.answer);
        // It does not say whom it is about.
        assert!(wording.answer.contains("emarque"), "{}", wording.answer);
    }
    let mine = "- match: {attribute: description, kind: text}\n  fr: {direct: \"Dis, {entity} ?\", answer: \"On dit : {value}.\"}";
    let templates = Templates::with_user(Path::new("mine.yaml"), mine).unwrap();
    let facts = facts("Trymbe | Description | text | Trymbe est une application.");
    let items = crate::generate::items(&facts, &ItemOptions::new(&templates));
    let own = one(&items, Shape::Value, "Trymbe", "Description");
    assert!(own.wordings.iter().all(|wording| *wording.answer == *"On dit : Trymbe est une application."));
}

#[test]
fn a_question_is_in_one_language() {
    let facts = facts(
        "Musée | Description | text | Le musée est ouvert toute la semaine.
         Musée | définition | definition | Le musée est un lieu.
         Musée | Hébergeur | organisation | OVH
         Musée | Inscrits | number | 857
         Musée | Date de création | date | 2012-04-01
         Mairie | Hébergeur | organisation | Azure
         Mairie | Inscrits | number | 12
         Mairie | Ouvert | boolean | oui
         Coller la coque (Actions) | Hébergeur | organisation | OVH
         Gare | Statut | enumeration | ouvert
         Gare | Poids | number | 13,2 kg
         Gare | Poids à vide | number | 12
         Gare | Prix | money | 15 €",
    );
    let items = all(&facts);
    let attributes = |language: Language| -> BTreeSet<&str> {
        items.iter().filter(|item| item.language == language).map(|item| item.attribute.as_str()).collect()
    };
    assert_eq!(attributes(Language::En), BTreeSet::from(["Hébergeur", "Date de création", "Prix"]));
    assert_eq!(attributes(Language::Fr).len(), 10);
    let named = |language: Language, name: &str| {
        let said =
            |item: &Item| item.entity == name || item.wordings.iter().any(|wording| wording.answer.contains(name));
        items.iter().any(|item| item.language == language && said(item))
    };
    assert!(named(Language::Fr, "Coller la coque") && !named(Language::En, "Coller la coque"));
    assert!(items.iter().all(|item| item.language == Language::Fr || item.shape != Shape::Everything));
    // As long as the document's language is not known, nothing is left out.
    let unknown: Vec<Fact> = facts.iter().cloned().map(|fact| Fact { language: None, ..fact }).collect();
    assert!(all(&unknown).iter().any(|item| item.language == Language::En && item.attribute == "Inscrits"));
    let templates = Templates::builtin().unwrap();
    let questions = TemplateQuestions::new(&templates, &facts);
    for (attribute, language, asked) in [
        ("Inscrits", Language::Fr, true),
        ("Inscrits", Language::En, false),
        ("Hébergeur", Language::En, true),
        ("Description", Language::En, false),
    ] {
        assert_eq!(!questions.wordings("Gare", attribute, language).is_empty(), asked, "{attribute} {language:?}");
    }
}

#[test]
fn english_attributes_without_an_entry_have_neutral_frames() {
    let mut facts = facts(
        "Paint C49 | price usd | number | 12.5
         Paint C49 | discontinued | boolean | no
         Paint C49 | unit | enumeration | litre
         Paint C49 | price group | identifier | G7
         G7 | discount | number | 5",
    );
    facts.iter_mut().for_each(|fact| fact.language = Some(Language::En));
    let items = all(&facts);
    let english: Vec<&Item> = items.iter().filter(|item| item.language == Language::En).collect();
    let questions = |attribute: &str| -> BTreeSet<&str> {
        let of = english.iter().filter(|item| item.shape == Shape::Value && item.attribute == attribute);
        of.flat_map(|item| &item.wordings).map(|wording| wording.question.as_str()).collect()
    };
    let price = questions("price usd");
    assert!(
        price.contains("Paint C49: price usd?") && price.contains("What is the price usd of Paint C49?"),
        "{price:?}"
    );
    let unit = questions("unit");
    assert!(unit.contains("Paint C49: unit?"), "{unit:?}");
    assert!(english.iter().any(|item| item.shape == Shape::TwoHop));
    for wording in english.iter().flat_map(|item| &item.wordings) {
        assert!(!wording.question.contains(" does ") && !wording.question.contains("belong"), "{}", wording.question);
    }
}

#[test]
fn answers_that_are_values_alone_tell_no_everything() {
    let templates = Templates::builtin().unwrap();
    let facts = facts("Orion | Version | version | 3.2\nOrion | Hébergeur | organisation | OVH");
    let shapes = |answer_style: AnswerStyle| -> BTreeSet<Shape> {
        let options = ItemOptions { answer_style, ..ItemOptions::new(&templates) };
        items(&facts, &options).iter().map(|item| item.shape).collect()
    };
    assert!(shapes(AnswerStyle::Sentence).contains(&Shape::Everything));
    assert!(shapes(AnswerStyle::Mixed).contains(&Shape::Everything));
    assert!(!shapes(AnswerStyle::Value).contains(&Shape::Everything));
}

#[test]
fn a_question_does_not_mix_languages_for_a_column_in_another_one() {
    let english = |lines: &str| -> Vec<Fact> {
        facts(lines).into_iter().map(|fact| Fact { language: Some(Language::En), ..fact }).collect()
    };
    // No entry translates the name of this attribute.
    let facts = english(
        "GIDAF | Garantie | number | 2 ans\nGIDAF | Warranty | number | 2 ans\nGIDAF | Responsable | person | Ann Roe",
    );
    let templates = Templates::builtin().unwrap();
    let made =
        |language: Language| items(&facts, &ItemOptions { languages: vec![language], ..ItemOptions::new(&templates) });
    let asked = |language: Language, attribute: &str| {
        let of = made(language).into_iter().filter(|item| item.shape == Shape::Value && item.attribute == attribute);
        of.flat_map(|item| item.wordings).map(|wording| wording.question.to_lowercase()).collect::<Vec<_>>()
    };
    assert_eq!((asked(Language::En, "Garantie").len(), asked(Language::Fr, "Warranty").len()), (0, 0));
    assert!(!asked(Language::Fr, "Garantie").is_empty() && !asked(Language::En, "Warranty").is_empty());
    let owner = asked(Language::En, "Responsable");
    assert!(!owner.is_empty() && owner.iter().all(|question| !question.contains("responsable")), "{owner:?}");
}
