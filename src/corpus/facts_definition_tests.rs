//! Definitions, records without a title, and spans that do not fit.

use super::*;

#[test]
fn the_first_sentence_that_says_what_an_entity_is_is_a_definition() {
    let mut b = Builder::default();
    for (title, text) in [
        (
            "GIDAF",
            "# GIDAF\n\n**GIDAF** est une application de gestion\ndes dossiers (v. 3.2). Elle est hébergée à Brest.",
        ),
        ("6Tzen", "L’application 6Tzen (ex. Tzen) est l’outil de suivi des congés. Elle date de 2019."),
        ("Zora", "Zora is a planning tool for M. Dorval and others. It runs on Linux."),
        ("Swallow", "The *Swallow* is a tug of [Dunmere](https://x.example). It is old."),
        ("Nimo", "Nimo est hébergée par Nuage Armor. Nimo est une application."),
        ("Lipa", "| Lipa est une | table. |"),
        ("Kora", "Kora est une phrase sans fin"),
    ] {
        b.unit("a.md", &["Catalogue"], title).text(text);
    }
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    GIDAF | définition | GIDAF est une application de gestion des dossiers (v. 3.2). | Definition
    6Tzen | définition | L’application 6Tzen (ex. Tzen) est l’outil de suivi des congés. | Definition
    Zora | definition | Zora is a planning tool for M. Dorval and others. | Definition
    Swallow | definition | The Swallow is a tug of Dunmere. | Definition
    ");
    let facts = b.facts().facts;
    let text = &b.corpus.documents[0].text;
    assert_eq!(
        &text[facts[0].spans[0].start..facts[0].spans[0].end],
        "**GIDAF** est une application de gestion\ndes dossiers (v. 3.2)."
    );
    assert_eq!(facts[2].language, Some(Language::En));
    assert!(facts.iter().all(|fact| b.corpus.documents[0].says(fact.spans[0], &fact.values[0])));
}

#[test]
fn a_definition_in_a_json_string_has_its_place() {
    for escaped in [
        "GIDAF est une \\\"application\\\" client/serveur d\\u00e9di\\u00e9e.",
        "GIDAF est une \\\"application\\\" client/serveur dédiée.",
        // As PHP writes it.
        "GIDAF est une \\\"application\\\" client\\/serveur d\\u00E9di\\u00e9e.",
    ] {
        let record = format!("{{\"id\": [1, null], \"text\": \"Suite. {escaped}\"}}");
        let mut b = Builder::default();
        b.unit("a.jsonl", &[], "GIDAF").text(&record);
        b.corpus.documents[0].json = true;
        b.corpus.units[0].text = "GIDAF est une \"application\" client/serveur dédiée.".to_owned();
        let part = Span { start: record.find("GIDAF").unwrap(), end: record.len() - 2 };
        for span in [b.corpus.units[0].span, part] {
            b.corpus.units[0].span = span;
            let facts = b.facts().facts;
            assert_eq!(b.corpus.documents[0].slice(facts[0].spans[0]).unwrap(), facts[0].values[0]);
        }
    }
}

/// Every full stop is compared with the word before it, which goes back to the beginning here.
#[test]
fn a_long_word_with_full_stops_takes_no_time() {
    let mut b = Builder::default();
    b.unit("a.md", &[], "GIDAF").text(&format!("GIDAF est une {}.", "a.".repeat(200_000)));
    let start = cpu_seconds();
    assert!(b.facts().facts.is_empty());
    let seconds = cpu_seconds() - start;
    assert!(seconds < 20.0, "{seconds} s");
}

/// Whether `fields` has a fault that a reader could make; nothing panics, and what has no place is left out.
#[test]
fn spans_that_do_not_fit_are_no_facts() {
    let mut b = Builder::default();
    b.unit("a.md", &[], "GIDAF").field("Version", &["3"]).field("Tags", &["a, b"]);
    b.corpus.units[0].fields[0].spans.clear();
    b.corpus.units[0].fields[1].spans[0] = Span { start: 900, end: 1000 };
    assert_eq!(b.lines(), ["GIDAF | Tags | a, b | List"]);
}
