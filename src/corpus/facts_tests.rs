use std::sync::Arc;

use super::*;
use crate::corpus::{Conflict, Document, Field, FieldForm, Language, Span, Unit};

/// Documents are made of the values that they are asked to hold, so that spans can be checked.
#[derive(Default)]
struct Builder {
    corpus: Corpus,
}

impl Builder {
    /// A unit of the document `source`, which is made with it.
    fn unit(&mut self, source: &str, path: &[&str], title: &str) -> &mut Self {
        let document = self.corpus.documents.iter().position(|d| &*d.path == source).unwrap_or_else(|| {
            let digest = Digest::of_bytes(source.as_bytes());
            let text = Arc::from("");
            self.corpus.documents.push(Document { path: source.into(), digest, text, converted: false, json: false });
            self.corpus.documents.len() - 1
        });
        let start = self.corpus.documents[document].text.len();
        self.corpus.units.push(Unit {
            id: Digest::of_bytes(format!("{source}{start}").as_bytes()),
            document,
            source: source.into(),
            title: (!title.is_empty()).then(|| title.to_owned()),
            path: path.iter().map(|p| (*p).to_owned()).collect(),
            span: Span { start, end: start },
            text: String::new(),
            language: Some(Language::Fr),
            fields: Vec::new(),
        });
        self
    }

    /// Text at the end of the last unit.
    fn text(&mut self, text: &str) -> Span {
        let unit = self.corpus.units.last_mut().unwrap();
        let document = &mut self.corpus.documents[unit.document];
        let start = document.text.len();
        document.text = format!("{}{text}\n", document.text).into();
        unit.text = format!("{}{text}\n", unit.text);
        unit.span.end = document.text.len();
        Span { start, end: start + text.len() }
    }

    fn field(&mut self, key: &str, values: &[&str]) -> &mut Self {
        self.cell(None, key, values)
    }

    fn cell(&mut self, entity: Option<&str>, key: &str, values: &[&str]) -> &mut Self {
        let spans = values.iter().map(|v| self.text(v)).collect();
        let entity = entity.map(str::to_owned);
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        let field = Field { entity, key: key.to_owned(), values, spans, form: FieldForm::KeyValue };
        self.corpus.units.last_mut().unwrap().fields.push(field);
        self
    }

    fn facts(&self) -> Facts {
        facts(&self.corpus, &FactOptions::default())
    }

    /// `entity | attribute | values | kind`
    fn lines(&self) -> Vec<String> {
        let facts = self.facts().facts;
        facts
            .iter()
            .map(|f| format!("{} | {} | {} | {:?}", f.entity, f.attribute, f.values.join("; "), f.kind))
            .collect()
    }
}

#[test]
fn fields_are_facts_with_places() {
    let mut b = Builder::default();
    b.unit("a.md", &["Catalogue"], "GIDAF").field("Responsable :", &["Jeanne Dorval"]);
    b.field("Utilisateurs", &["12 500 agents"]).field("Technologies", &["Java, PostgreSQL (15, 16) ; Angular"]);
    b.field("Nom", &["Gidaf"]).field("Note", &["n/a"]).field("Contenu", &["x".repeat(200).as_str()]);
    b.field("Langues", &["français, anglais et breton"])
        .field("Hôte", &["voir annexe"])
        .field("Date de fin", &["aucune"]);
    b.unit("a.md", &["Catalogue"], "6Tzen").field("Technologies", &["Rust"]).cell(
        Some("Recette"),
        "URL",
        &["https://r.example"],
    );
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    GIDAF | Responsable | Jeanne Dorval | Person
    GIDAF | Utilisateurs | 12 500 agents | Number
    GIDAF | Technologies | Java; PostgreSQL (15, 16); Angular | List
    GIDAF | Nom | Gidaf | Identifier
    GIDAF | Langues | français; anglais; breton | List
    6Tzen | Technologies | Rust | List
    Recette | URL | https://r.example | Url
    ");
    let facts = b.facts();
    for fact in &facts.facts {
        let document = &b.corpus.documents[b.corpus.units[fact.unit].document];
        let sliced: Vec<_> = fact.spans.iter().map(|s| document.slice(*s).unwrap()).collect();
        assert_eq!(sliced, fact.values);
    }
    assert_eq!(facts.facts[1].measure.as_deref(), Some("agents"));
    assert!(!facts.facts[3].is_asked() && facts.facts[0].is_asked());
}

#[test]
fn a_title_of_several_things_is_written_with_what_stands_above_it() {
    let mut b = Builder::default();
    b.unit("a.md", &["GIDAF"], "Architecture").field("Base", &["Oracle"]);
    b.unit("a.md", &["6Tzen"], "Architecture").field("Base", &["PostgreSQL"]);
    b.unit("b.md", &["Docs", "Zora"], "Architecture").field("Base", &["MariaDB"]);
    // Without a heading above, and nothing that both say is equal.
    b.unit("c.md", &[], "Installation").field("Durée", &["2 h"]).field("Système", &["Linux"]).field("Étapes", &["5"]);
    b.unit("d.md", &[], "Installation").field("Durée", &["3 h"]).field("Système", &["Windows"]).field("Étapes", &["7"]);
    // The headings that tell them apart are further up.
    b.unit("e.md", &["Lot A", "Essais"], "Charge").field("Essai", &["100 %"]);
    b.unit("e.md", &["Lot B", "Essais"], "Charge").field("Essai", &["90 %"]);
    // A section of attributes belongs to the heading above; a numbered heading is its text.
    b.unit("f.md", &["Catalogue", "1. Nimo", "Informations générales"], "Informations générales")
        .field("Version", &["2.1"]);
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    Architecture (GIDAF) | Base | Oracle | Text
    Architecture (6Tzen) | Base | PostgreSQL | Text
    Architecture (Zora) | Base | MariaDB | Text
    Installation (c.md) | Durée | 2 h | Number
    Installation (c.md) | Système | Linux | Text
    Installation (c.md) | Étapes | 5 | Number
    Installation (d.md) | Durée | 3 h | Number
    Installation (d.md) | Système | Windows | Text
    Installation (d.md) | Étapes | 7 | Number
    Charge (Essais, Lot A) | Essai | 100 % | Number
    Charge (Essais, Lot B) | Essai | 90 % | Number
    Nimo | Version | 2.1 | Version
    ");
    assert!(b.facts().conflicts.is_empty());
}

#[test]
fn one_thing_in_several_sources_is_one_entity() {
    let mut b = Builder::default();
    b.unit("a.md", &["Catalogue des applications"], "GIDAF")
        .field("Version", &["3.2"])
        .field("Responsable", &["Jeanne Dorval"]);
    b.unit("b.md", &["Application catalogue"], "GIDAF").field("Release", &["v3.2"]);
    b.cell(None, "Owner", &["Jeanne Dorval"]);
    b.unit("c.csv", &[], "gidaf").field("URL", &["https://g.example"]);
    let entities: Vec<_> = b.facts().facts.into_iter().map(|f| f.entity).collect();
    assert_eq!(entities.len(), 5);
    // `3.2` has less than four characters: one common value is no evidence, so headings tell them apart.
    assert!(entities.iter().any(|e| e == "GIDAF (Catalogue des applications)"), "{entities:?}");
    b.unit("b.md", &["Application catalogue"], "GIDAF").field("Go live", &["December 28, 2024"]);
    b.unit("a.md", &["Catalogue des applications"], "GIDAF").field("Mise en service", &["28/12/2024"]);
    assert!(b.facts().facts.iter().all(|f| f.entity == "GIDAF"));
}

#[test]
fn a_table_and_the_sections_below_name_one_entity() {
    let mut b = Builder::default();
    b.unit("a.md", &["Catalogue"], "Synthèse").cell(Some("GIDAF"), "Version", &["3.2"]);
    b.unit("a.md", &["Catalogue"], "GIDAF").field("Version", &["v3.2"]).field("Domaine", &["Achats"]);
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    GIDAF | Version | 3.2 | Version
    GIDAF | Domaine | Achats | Text
    ");
}

#[test]
fn contradictions_are_listed_and_repetitions_merged() {
    let mut b = Builder::default();
    b.unit("a.md", &[], "GIDAF").field("Version", &["3.2"]).field("Mise en service", &["28/12/2024"]);
    b.field("Technologies", &["Java", "Rust"]).field("Budget", &["120 k€"]);
    b.unit("b.md", &[], "Gidaf").field("version", &["3.3"]).field("mise_en_service", &["28 décembre 2024"]);
    b.field("technologies", &["rust", "java"]).field("budget", &["120 000 €"]);
    b.unit("b.md", &[], "6Tzen").field("Criticité", &["haute"]);
    b.unit("b.md", &[], "6Tzen").field("Criticité", &["basse"]);
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    GIDAF | Mise en service | 28/12/2024 | Date
    GIDAF | Technologies | Java; Rust | List
    GIDAF | Budget | 120 k€ | Money
    ");
    let stated = |source: &str, value: &str| (Arc::from(source), value.to_owned());
    let conflict =
        |entity: &str, attribute: &str, stated| Conflict { entity: entity.into(), attribute: attribute.into(), stated };
    let expected = [
        conflict("6Tzen", "Criticité", vec![stated("b.md", "haute"), stated("b.md", "basse")]),
        conflict("GIDAF", "Version", vec![stated("a.md", "3.2"), stated("b.md", "3.3")]),
    ];
    assert_eq!(b.facts().conflicts, expected);
}

#[test]
fn a_measure_that_one_place_leaves_out_is_no_contradiction() {
    let mut b = Builder::default();
    b.unit("a.jsonl", &[], "GIDAF")
        .field("Budget", &["232000"])
        .field("Utilisateurs", &["2500"])
        .field("Poids", &["3"]);
    b.unit("b.md", &[], "GIDAF").field("Budget", &["232 000 €"]).field("Utilisateurs", &["2\u{a0}500 agents"]);
    b.field("Poids", &["3 kg"]).unit("c.md", &[], "GIDAF").field("Poids", &["3 t"]);
    insta::assert_snapshot!(b.lines().join("\n").replace('\u{a0}', " "), @r"
    GIDAF | Budget | 232 000 € | Money
    GIDAF | Utilisateurs | 2 500 agents | Number
    ");
    assert_eq!(b.facts().conflicts.len(), 1);
}

#[test]
fn a_key_that_a_unit_repeats_is_a_list_unless_one_value_can_be_true_only() {
    let mut b = Builder::default();
    b.unit("a.md", &[], "GIDAF").field("Auteur", &["Jeanne Dorval"]).field("Auteur", &["Paul Merle"]);
    b.field("Version", &["1.0"]).field("Version", &["1.1"]);
    insta::assert_snapshot!(b.lines().join("\n"), @"GIDAF | Auteur | Jeanne Dorval; Paul Merle | List");
    assert_eq!(b.facts().conflicts.len(), 1);
}

#[test]
fn the_same_attribute_in_two_languages_does_not_contradict_itself() {
    let mut b = Builder::default();
    b.unit("fr.md", &[], "GIDAF").field("Type", &["métier"]).field("Version", &["1"]);
    b.unit("en.md", &[], "GIDAF").field("Type", &["business"]).field("Version", &["2"]);
    b.corpus.units[1].language = Some(Language::En);
    insta::assert_snapshot!(b.lines().join("\n"), @r"
    GIDAF | Type | business | Text
    GIDAF | Type | métier | Text
    ");
    assert_eq!(b.facts().conflicts[0].attribute, "Version");
    b.unit("x.md", &[], "GIDAF").field("Type", &["transverse"]);
    b.corpus.units[2].language = None;
    assert_eq!(b.facts().conflicts.len(), 2);
}

#[test]
fn contacts_are_counted_and_left_out_unless_wanted() {
    let mut b = Builder::default();
    b.unit("a.md", &[], "GIDAF").field("Courriel", &["j@example.fr"]).field("Tél.", &["01 42 34 56 78"]);
    b.field("Support", &["Jeanne <j@example.fr>", "Paul"]).field("Version", &["3"]);
    b.unit("b.md", &[], "GIDAF").field("Courriel", &["j@example.fr"]);
    let without = b.facts();
    assert_eq!((without.facts.len(), without.contacts), (1, 3));
    let with = facts(&b.corpus, &FactOptions { contacts: true, ..FactOptions::default() });
    assert_eq!((with.facts.len(), with.contacts), (4, 0));
}

#[test]
fn a_value_that_most_records_have_is_of_low_information_and_few_texts_are_an_enumeration() {
    let mut b = Builder::default();
    for i in 0..10 {
        let level = ["haute", "basse", "moyenne"][i % 3];
        let active = if i < 6 { "oui" } else { "non" };
        let zone = if i < 7 { "Brest" } else { "Lyon" };
        b.unit("a.md", &["Catalogue"], &format!("App{i}")).field("Criticité", &[level]).field("Actif", &[active]);
        b.field("Zone", &[zone]).field("Devise", &[&format!("devise numéro {i}")]);
    }
    let facts = b.facts().facts;
    let of =
        |attribute: &str| facts.iter().find(|f| f.attribute == attribute).map(|f| (f.kind, f.low_information)).unwrap();
    assert_eq!(of("Criticité"), (Kind::Enumeration, false));
    // 6 of 10 is 60 %, not more.
    assert_eq!(of("Actif"), (Kind::Boolean, false));
    assert_eq!(of("Zone"), (Kind::Enumeration, true));
    assert_eq!(of("Devise"), (Kind::Text, false));
    assert!(facts.iter().filter(|f| f.attribute == "Zone").all(|f| f.low_information));
}

#[test]
fn nine_records_are_too_few_for_low_information() {
    let mut b = Builder::default();
    for i in 0..9 {
        b.unit("a.md", &[], &format!("App{i}")).field("Zone", &["Brest"]);
    }
    assert!(b.facts().facts.iter().all(|f| !f.low_information));
}

fn many(entities: usize, attributes: usize) -> Corpus {
    let mut corpus = Corpus::default();
    let mut text = String::new();
    for e in 0..entities {
        let start = text.len();
        let mut fields = Vec::with_capacity(attributes);
        for a in 0..attributes {
            let value = match a % 5 {
                0 => format!("{} {:03} utilisateurs", e + 1, e % 1000),
                1 => format!("{:02}/{:02}/20{:02}", e % 28 + 1, e % 12 + 1, e % 90 + 10),
                2 => format!("Société numéro {}", e % 17),
                3 => format!("https://app{e}.example.fr/page{a}"),
                _ => format!("Valeur libre {} de l'entité", e * 7 + a),
            };
            let span = Span { start: text.len(), end: text.len() + value.len() };
            text.push_str(&value);
            text.push('\n');
            let key = format!("Attribut numéro {a}");
            fields.push(Field { entity: None, key, values: vec![value], spans: vec![span], form: FieldForm::Record });
        }
        corpus.units.push(Unit {
            id: Digest::of_bytes(&e.to_le_bytes()),
            document: 0,
            source: format!("source{}", e % 100).into(),
            title: Some(format!("Application {e}")),
            path: vec!["Catalogue".to_owned()],
            span: Span { start, end: text.len() },
            text: format!("Application {e} est une application de test numéro {e}."),
            language: Some(Language::Fr),
            fields,
        });
    }
    let digest = Digest::of_bytes(b"x");
    corpus.documents.push(Document { path: "a.md".into(), digest, text: text.into(), converted: false, json: false });
    corpus
}

/// Of this thread: other work on the machine does not count.
fn cpu_seconds() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

#[test]
fn a_hundred_thousand_facts_take_seconds() {
    let corpus = many(10_000, 10);
    let start = cpu_seconds();
    let facts = facts(&corpus, &FactOptions::default());
    let seconds = cpu_seconds() - start;
    println!("{} facts in {seconds:.2} s", facts.facts.len());
    assert_eq!(facts.facts.len(), 100_000);
    // Optimised code takes less than two seconds; code that is not, or a slow machine, takes ten times as long.
    assert!(seconds < 40.0, "{seconds} s");
}

/// One heading below ten thousands of others, as of a folder of pages that are written alike.
#[test]
fn names_of_many_equal_titles_take_seconds() {
    let mut corpus = many(40_000, 1);
    for (e, unit) in corpus.units.iter_mut().enumerate() {
        unit.title = Some("Notes de version".to_owned());
        unit.path = vec![format!("Application {e}")];
    }
    let start = cpu_seconds();
    let facts = facts(&corpus, &FactOptions::default()).facts;
    let seconds = cpu_seconds() - start;
    let names: std::collections::BTreeSet<&str> = facts.iter().map(|fact| fact.entity.as_str()).collect();
    assert_eq!(names.len(), 40_000);
    assert!(names.contains("Notes de version (Application 39999)"));
    assert!(seconds < 40.0, "{seconds} s");
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(100))]

    #[test]
    fn facts_do_not_depend_on_the_order_of_units(
        units in proptest::collection::vec((0..3_usize, 0..4_usize, 0..3_usize, 0..4_usize, 0..4_usize), 1..12),
        order in proptest::collection::vec(0..1000_u32, 12),
    ) {
        let mut b = Builder::default();
        for (source, title, parent, attribute, value) in units {
            let path: &[&str] = [&[][..], &["Catalogue"], &["Lot B"]][parent];
            let title = ["GIDAF", "gidaf", "6Tzen", "Zora"][title];
            b.unit(["a.md", "b.md", "c.md"][source], path, title);
            b.field(["Version", "Responsable", "Note", "Technologies"][attribute], &[["1.0", "Jeanne Dorval", "2.0", "Java, Rust"][value]]);
            b.text(&format!("{title} est une application de type {value}."));
        }
        let facts = b.facts();
        let mut keyed: Vec<_> = b.corpus.units.iter().cloned().zip(order).collect();
        keyed.sort_by_key(|(_, key)| *key);
        let shuffled = Corpus { documents: b.corpus.documents.clone(), units: keyed.into_iter().map(|(u, _)| u).collect() };
        let again = super::facts(&shuffled, &FactOptions::default());
        let seen = |f: &Facts| f.facts.iter().map(|f| (f.id, f.entity.clone(), f.spans.clone(), f.low_information)).collect::<Vec<_>>();
        proptest::prop_assert_eq!(seen(&facts), seen(&again));
        proptest::prop_assert_eq!(&facts.conflicts, &again.conflicts);
        // Ids are unique.
        let ids: BTreeSet<_> = facts.facts.iter().map(|f| f.id).collect();
        proptest::prop_assert_eq!(ids.len(), facts.facts.len());
    }
}

#[path = "facts_definition_tests.rs"]
mod definitions;
