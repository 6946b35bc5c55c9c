//! Wordings of attributes that are no nouns or questions themselves, in the documents' own words and language.

use super::tests::facts;
use crate::corpus::{Fact, Language};
use crate::generate::{Item, ItemOptions, Shape, Templates, items};

/// Items on facts of documents in a language, in that language.
fn made(language: Language, lines: &str) -> Vec<Item> {
    let templates = Templates::builtin().unwrap();
    let facts: Vec<Fact> = facts(lines).into_iter().map(|fact| Fact { language: Some(language), ..fact }).collect();
    items(&facts, &ItemOptions { languages: vec![language], ..ItemOptions::new(&templates) })
}

struct Said {
    questions: Vec<String>,
    answers: Vec<String>,
}

fn said(items: &[Item], attribute: &str) -> Said {
    let of = || items.iter().filter(|item| item.attribute == attribute).flat_map(|item| &item.wordings);
    Said {
        questions: of().map(|wording| wording.question.clone()).collect(),
        answers: of().map(|wording| wording.answer.to_string()).collect(),
    }
}

#[test]
fn a_question_of_the_documents_is_asked_as_it_stands() {
    let question = "How long does delivery take?";
    let items = made(
        Language::En,
        &format!("Orla FAQ | {question} | text | Three working days.\nOrla FAQ | Do you rent helmets? | boolean | yes"),
    );
    assert!(items.iter().all(|item| item.shape == Shape::Value), "{items:#?}");
    let Said { questions, answers } = said(&items, question);
    assert!(questions.iter().any(|asked| asked == question), "{questions:?}");
    assert!(questions.len() >= 4 && questions.iter().all(|asked| asked.contains(question)), "{questions:?}");
    assert!(answers.iter().all(|answer| answer == "Three working days."), "{answers:?}");
    assert!(said(&items, "Do you rent helmets?").answers.iter().all(|answer| answer == "Yes."));
    let french = made(Language::Fr, "Foire | Combien de temps dure la visite ? | text | Une heure.");
    let questions = said(&french, "Combien de temps dure la visite ?").questions;
    assert!(questions.iter().any(|asked| asked == "Combien de temps dure la visite ?"), "{questions:?}");
}

#[test]
fn attributes_that_are_no_nouns_have_no_article() {
    let items = made(
        Language::En,
        "Orla Boats | Founded | number | 2014
         Cocoa | Large | money | €2.90
         Orla Hall | Wheelchair accessible | text | by the side door
         Pilot Wharf | Dogs | text | not allowed
         Orla Inn | Check-in | text | from 15:00
         Employee Handbook | Every new colleague receives | list | a laptop; a headset
         Plane | Booked through | organisation | TravelHub
         Planning meeting | Present | person | Tove Lindqvist
         Orla Inn | Rooms | number | 34",
    );
    let rooms = said(&items, "Rooms");
    assert!(rooms.questions.iter().any(|asked| asked == "How many rooms does Orla Inn have?"), "{:?}", rooms.questions);
    assert!(rooms.answers.iter().any(|answer| answer == "Orla Inn has 34 rooms."), "{:?}", rooms.answers);
    let founded = said(&items, "Founded");
    assert!(founded.questions.iter().any(|asked| asked == "When was Orla Boats founded?"), "{:?}", founded.questions);
    assert!(founded.answers.iter().any(|answer| answer == "Orla Boats was founded in 2014."), "{:?}", founded.answers);
    let large = said(&items, "Large");
    assert!(
        large.questions.iter().any(|asked| asked == "What is listed as \"large\" for Cocoa?"),
        "{:?}",
        large.questions
    );
    for wording in items.iter().flat_map(|item| &item.wordings) {
        for text in [&*wording.question, &*wording.answer] {
            let lower = text.to_lowercase();
            let wrong = [
                "the founded",
                "the large",
                "accessible of",
                "are not allowed",
                "is from",
                "is by the",
                "the every",
                "the booked",
                "the present",
            ];
            assert!(!wrong.iter().any(|wrong| lower.contains(wrong)), "{text}");
        }
    }
    let french = made(Language::Fr, "Pagaie | Marché | text | en stock");
    for wording in french.iter().flat_map(|item| &item.wordings) {
        assert!(
            !wording.answer.contains("marché en stock") && !wording.answer.contains("est en"),
            "{}",
            wording.answer
        );
    }
    let dogs = said(&items, "Dogs");
    assert!(dogs.answers.iter().any(|answer| answer == "For Pilot Wharf, dogs: not allowed."), "{:?}", dogs.answers);
}

#[test]
fn the_documents_word_is_not_changed_for_another() {
    let french = made(
        Language::Fr,
        "Douche | État | text | neuve\nSalle | Service | text | repas\nMoulin | Propriétaire | text | commune",
    );
    for (attribute, own, other) in [("État", "état", "statut"), ("Propriétaire", "propriétaire", "responsable")] {
        let Said { questions, answers } = said(&french, attribute);
        assert!(questions.iter().any(|asked| asked.to_lowercase().contains(own)), "{questions:?}");
        assert!(!questions.iter().chain(&answers).any(|text| text.to_lowercase().contains(other)), "{questions:?}");
    }
    let english = made(
        Language::En,
        "Villa Orla | Owner | person | Tess Amaro\nVilla Orla | Service | text | breakfast\nVilla Orla | Condition | text | good",
    );
    for (attribute, own, other) in
        [("Owner", "own", "responsible"), ("Service", "service", "unit"), ("Condition", "condition", "status")]
    {
        let Said { questions, answers } = said(&english, attribute);
        assert!(questions.iter().any(|asked| asked.to_lowercase().contains(own)), "{questions:?}");
        assert!(!questions.iter().chain(&answers).any(|text| text.to_lowercase().contains(other)), "{questions:?}");
    }
}

#[test]
fn possessives_are_written_as_the_name_ends() {
    let items = made(
        Language::En,
        "Gloves | Stockist | person | Ann Roe\nPay (Handbook) | Allowance | money | £18\nOrla | Stockist | person | Bob Roe",
    );
    let questions: Vec<&str> =
        items.iter().flat_map(|item| &item.wordings).map(|wording| wording.question.as_str()).collect();
    // `Gloves' stockist` differs from `Gloves: stockist?` in its marks alone.
    assert!(questions.contains(&"Gloves: stockist?") && questions.contains(&"Orla's stockist"), "{questions:?}");
    assert!(!questions.iter().any(|asked| asked.contains(")'s") || asked.contains("s's")), "{questions:?}");
}

#[test]
fn a_document_in_a_rarer_language_is_asked_in_its_own() {
    let templates = Templates::builtin().unwrap();
    let mut facts = facts("Orla Boats | Founder | person | Ann Roe\nRefuge Orla | Gardien | person | Lucie Vallon");
    facts[0].language = Some(Language::En);
    let options = ItemOptions {
        languages: vec![Language::En],
        own_languages: vec![Language::Fr],
        ..ItemOptions::new(&templates)
    };
    let made = items(&facts, &options);
    let languages = |entity: &str| -> std::collections::BTreeSet<Language> {
        made.iter().filter(|item| item.entity == entity).map(|item| item.language).collect()
    };
    assert_eq!(languages("Orla Boats"), [Language::En].into());
    assert_eq!(languages("Refuge Orla"), [Language::Fr].into());
}
