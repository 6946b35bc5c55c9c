//! From files to facts: what a page says of what.

use super::*;

/// `entity | attribute | values | kind | measure` of the facts that files state.
fn facts_of(files: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let corpus = read(&[dir.path().to_path_buf()], &ReadOptions::default()).unwrap().corpus;
    let shown = |fact: &Fact| {
        let document = &corpus.documents[corpus.units[fact.unit].document];
        let mut places = fact.values.iter().zip(&fact.spans);
        assert!(places.all(|(value, span)| document.says(*span, value)), "{} {}", fact.entity, fact.attribute);
        let measure = fact.measure.iter().map(|measure| format!(" | {measure}")).collect::<String>();
        format!("{} | {} | {} | {:?}{measure}", fact.entity, fact.attribute, fact.values.join("; "), fact.kind)
    };
    let facts = facts(&corpus, &FactOptions::default());
    assert_eq!(facts.conflicts, []);
    facts.facts.iter().map(shown).collect::<Vec<_>>().join("\n")
}

/// What files state, conflicts too.
fn all_of(files: &[(&str, &str)]) -> Facts {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let corpus = read(&[dir.path().to_path_buf()], &ReadOptions::default()).unwrap().corpus;
    facts(&corpus, &FactOptions::default())
}

#[test]
fn names_of_the_example_documents_stay_as_they_are() {
    let text = include_str!("../../examples/applicationsIA_mini_1-10.md");
    let stated = facts_of(&[("a.md", text)]);
    let entities: std::collections::BTreeSet<_> = stated.lines().filter_map(|line| line.split(" | ").next()).collect();
    let headings = text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert_eq!(entities, headings);
}

#[test]
fn titles_that_are_no_names_are_written_with_the_page_they_stand_on() {
    let passport = "# Passeport biométrique\n\n## Présentation\n\n**Délai** : 3 semaines\n\n## Durée et prix\n\n\
        | Demandeur | Durée de validité |\n|---|---|\n| Majeur | 10 ans |\n| Mineur de moins de 15 ans | 5 ans |\n";
    let card = "# Carte d'identité\n\nLe majeur vient seul.\n\n\
        | Demandeur | Durée de validité |\n|---|---|\n| Majeur | 15 ans |\n| Mineur de moins de 15 ans | 10 ans |\n";
    let school = "# Restauration scolaire\n\n## Inscription\n\n**Date limite** : 12 juin 2025\n\n\
        L'inscription est gratuite.\n\n## Quotient\n\n| Quotient familial | Tarif |\n|---|---|\n| 400 à 799 | 2,10 € |\n";
    let pool = "<html><body><h1>Piscine</h1><h2>Tarifs</h2><p>Un adulte accompagne les enfants.</p><table>\
        <tr><th>Public</th><th>Prix</th></tr><tr><td>Adulte</td><td>4 €</td></tr></table></body></html>";
    let catalogue = "# Catalogue des applications\n\n## GIDAF\n\n**Version** : 3.2\n\n### Accès en ligne\n\n\
        **URL** : https://mirabrume.example\n\n## Mirabrume\n\n**Version** : 7.1\n";
    let files = [("a.md", passport), ("b.md", card), ("c.md", school), ("d.html", pool), ("e.md", catalogue)];
    insta::assert_snapshot!(facts_of(&files), @r"
    Passeport biométrique | Délai | 3 semaines | Number | semaines
    Majeur (Durée et prix, Passeport biométrique) | Durée de validité | 10 ans | Number | ans
    Mineur de moins de 15 ans (Durée et prix, Passeport biométrique) | Durée de validité | 5 ans | Number | ans
    Majeur (Carte d'identité) | Durée de validité | 15 ans | Number | ans
    Mineur de moins de 15 ans (Carte d'identité) | Durée de validité | 10 ans | Number | ans
    Inscription (Restauration scolaire) | Date limite | 12 juin 2025 | Date
    400 à 799 (Quotient, Restauration scolaire) | Tarif | 2,10 € | Money | €
    Adulte (Tarifs, Piscine) | Prix | 4 € | Money | €
    GIDAF | Version | 3.2 | Version
    Accès en ligne (GIDAF) | URL | https://mirabrume.example | Url
    Mirabrume | Version | 7.1 | Version
    ");
}

#[test]
fn keys_of_objects_within_objects_say_what_they_are_keys_of() {
    let ticket = |i: usize| {
        format!(
            "{{\"title\": \"Ticket {i}\", \"opened\": {{\"by\": \"Agathe Quildognac\", \"on\": \"2024-05-0{}\"}}, \
             \"metadata\": {{\"hébergeur\": \"Corvidal\"}}}}\n",
            i % 9 + 1
        )
    };
    insta::assert_snapshot!(facts_of(&[("a.jsonl", &[ticket(4000), ticket(4001)].concat())]), @r"
    Ticket 4000 | opened by | Agathe Quildognac | Text
    Ticket 4000 | opened on | 2024-05-05 | Date
    Ticket 4000 | hébergeur | Corvidal | Organisation
    Ticket 4001 | opened by | Agathe Quildognac | Text
    Ticket 4001 | opened on | 2024-05-06 | Date
    Ticket 4001 | hébergeur | Corvidal | Organisation
    ");
}

#[test]
fn questions_as_keys_and_definition_lists_of_a_page_are_read() {
    let card = "# Carte d'identité\n\n**Délai** : 10 jours\n**Qui peut demander ?** : toute personne française\n";
    let pool = "<html><body><h1>Piscine</h1><dl>\n<dt>Adresse postale :</dt>\n<dd>quai du Lac</dd>\n<dt>Bassins</dt><dd><p>deux</p></dd>\
        <dt>Profondeur</dt>\n<dd>1,2 m</dd></dl><p>Fin.</p></body></html>";
    insta::assert_snapshot!(facts_of(&[("a.md", card), ("b.html", pool)]), @r"
    Carte d'identité | Délai | 10 jours | Number | jours
    Carte d'identité | Qui peut demander | toute personne française | Text
    Piscine | Adresse postale | quai du Lac | Text
    Piscine | Bassins | deux | Text
    Piscine | Profondeur | 1,2 m | Number | m
    ");
}

#[test]
fn placeholders_and_what_metadata_say_of_the_page_are_no_facts() {
    let text = "---\ntitle: GIDAF\nauthor: Paul Merle\ntags: [a, b]\ndate: 2024-01-02\nmots-clés: x\nlang: fr\n\
        categories: [c]\nmise_en_service: 2023\n---\n# GIDAF\n\n- **Responsable** : à désigner\n- **Hébergeur** : À venir.\n\
        - **Budget** : (à préciser)\n- **Domaine** : TBC\n- **Éditeur** : en attente\n- **Statut** : en attente\n\
        - **Site** : to be determined\n- **Versions** : non renseignées\n- **Criticité** : haute\n";
    insta::assert_snapshot!(facts_of(&[("a.md", text)]), @r"
    GIDAF | mise_en_service | 2023 | Number
    GIDAF | Statut | en attente | Text
    GIDAF | Criticité | haute | Text
    ");
}

#[test]
fn units_in_names_of_attributes_are_measures_of_bare_numbers() {
    let table = "Nom;poids (kg);prix TTC (€);price_usd;taille_mb;note (m)\n\
        Lampe Zora;2,9;111,86;384.35;12;bleue\nLampe Nimo;3,1 kg;sur devis;90;7;2 m\n";
    let two = "name,cost_usd,cost_eur\nBraude,10,9\n";
    insta::assert_snapshot!(facts_of(&[("a.csv", table), ("b.csv", two)]), @r"
    Lampe Nimo | poids | 3,1 kg | Number | kg
    Lampe Nimo | prix TTC (€) | sur devis | Text
    Lampe Nimo | price | 90 | Money | USD
    Lampe Nimo | taille | 7 | Number | MB
    Lampe Nimo | note | 2 m | Number | m
    Lampe Zora | poids | 2,9 | Number | kg
    Lampe Zora | prix TTC | 111,86 | Money | €
    Lampe Zora | price | 384.35 | Money | USD
    Lampe Zora | taille | 12 | Number | MB
    Lampe Zora | note (m) | bleue | Text
    Braude | cost_usd | 10 | Number
    Braude | cost_eur | 9 | Number
    ");
}

#[test]
fn a_name_that_tells_records_apart_is_their_title_and_not_their_code() {
    let unique = "Référence;Désignation;Couleur\nR-1003;Lampe Zora;bleue\nR-1004;Lampe Nimo;verte\n";
    let repeated = "Référence;Désignation;Couleur\nR-2003;Chaise;noire\nR-2004;Chaise;blanche\n";
    insta::assert_snapshot!(facts_of(&[("a.csv", unique), ("b.csv", repeated)]), @r"
    Lampe Nimo | Référence | R-1004 | Text
    Lampe Nimo | Couleur | verte | Text
    Lampe Zora | Référence | R-1003 | Text
    Lampe Zora | Couleur | bleue | Text
    R-2003 | Désignation | Chaise | Text
    R-2003 | Couleur | noire | Text
    R-2004 | Désignation | Chaise | Text
    R-2004 | Couleur | blanche | Text
    ");
}

#[test]
fn records_without_a_title_are_named_by_their_source_if_it_has_one_such_record() {
    let chunk = |i: usize| {
        format!(
            "{{\"text\": \"Le texte numéro {i} de cette fiche est assez long.\", \"source\": \"docs/zed.md\", \"version\": \"2.1\"}}\n"
        )
    };
    let chunks = [chunk(1), chunk(2)].concat();
    let files = [
        ("chunks.jsonl", chunks.as_str()),
        ("gidaf.txt", "Version: 3\nHost: DSI\n"),
        ("rows.csv", "version,host\n4,OVH\n5,AWS\n"),
        ("ids.csv", "id,version\n1,4\n2,5\n"),
        ("zora.jsonl", "{\"version\": 6}\n"),
        (
            "mine.jsonl",
            "{\"source\": \"docs/nimo.md\", \"version\": 7}\n{\"source\": \"a\", \"version\": 8}\n{\"source\": \"a\", \"version\": 9}\n",
        ),
    ];
    insta::assert_snapshot!(facts_of(&files), @r"
    nimo | version | 7 | Version
    zed | version | 2.1 | Version
    gidaf | Version | 3 | Version
    gidaf | Host | DSI | Organisation
    zora | version | 6 | Version
    ");
}

#[test]
fn a_heading_that_names_a_part_names_it_for_facts_and_passages() {
    let page = "# GIDAF\n\n## Contexte\n\n**Version** : 3\n**Criticité** : haute\n\n## Spécifications\n\n\
        **Poids** : 3 kg\n**Score** : 12\n\n## Contact\n\n**Hébergeur** : DSI\n**Distance** : 12 km\n";
    insta::assert_snapshot!(facts_of(&[("a.md", page)]), @r"
    GIDAF | Version | 3 | Version
    GIDAF | Criticité | haute | Text
    GIDAF | Poids | 3 kg | Number | kg
    GIDAF | Score | 12 | Number
    GIDAF | Hébergeur | DSI | Organisation
    GIDAF | Distance | 12 km | Number | km
    ");
    let corpus = read_tests::reading("a.md", page).corpus;
    assert!(corpus.units.iter().all(|unit| unit.title.as_deref() == Some("GIDAF")));
}

#[test]
fn facts_below_a_numbered_title_are_of_that_part() {
    let minutes = "Minutes of the meeting of 14 March 2025\n\nChair: Ann Li\nRoom: 4.12\n\n1. Budget\n\
        The budget for 2025 is 120,000 euros.\n\n2. Next meeting\nDate: 11 April 2025\nRoom: 2.01\n";
    let stated = facts_of(&[("mm.txt", minutes)]);
    let of = |value: &str| stated.lines().find(|line| line.contains(value)).unwrap_or_default().to_owned();
    let next = "Next meeting (Minutes of the meeting of 14 March 2025)";
    assert!(of("11 April 2025").starts_with(&format!("{next} | Date")), "{stated}");
    assert!(of("2.01").starts_with(&format!("{next} | Room")), "{stated}");
    // A street's number is no title's.
    let address = "Office\n\n12 Main Street\nPhone: none\nFloor: 3rd\n";
    assert!(!facts_of(&[("a.txt", address)]).contains("Main Street"));
}

#[test]
fn a_question_and_its_answer_are_no_attributes() {
    let faq = "# FAQ\n\n## How long does delivery take?\n\nDelivery takes 3 days.\n\n\
        Q: Where is your office?\nA: Our office is in Lyon.\n";
    insta::assert_snapshot!(facts_of(&[("faq.md", faq)]), @r"
    FAQ | How long does delivery take? | Delivery takes 3 days. | Text
    FAQ | Where is your office? | Our office is in Lyon. | Text
    ");
}

#[test]
fn a_table_is_in_the_language_of_its_columns() {
    let language = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.csv"), text).unwrap();
        let corpus = read(&[dir.path().to_path_buf()], &ReadOptions::default()).unwrap().corpus;
        let found: std::collections::BTreeSet<_> = corpus.units.iter().map(|unit| unit.language).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().flatten()
    };
    let english = "Name,Price,Colour\nLamp,10 €,red\nChair,12 €,blue\nTable,80 €,white\nDesk,90 €,white\n";
    assert_eq!(language(english), Some(Language::En));
    assert_eq!(
        language("Nom,Prix,Couleur\nLampe,10 €,rouge\nChaise,12 €,bleu\nTable,80 €,blanc\n"),
        Some(Language::Fr)
    );
}

/// Such as minified code: the splitter's time would grow with its square.
#[test]
fn a_word_of_any_length_is_split() {
    let text = "a".repeat(300_000) + " end";
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("a.txt"), &text).unwrap();
    let corpus = read(&[dir.path().to_path_buf()], &ReadOptions::default()).unwrap().corpus;
    let whole: String = corpus.units.iter().map(|unit| unit.text.as_str()).collect();
    assert_eq!(whole, text);
    assert!(corpus.units.len() > 10);
}

#[test]
fn tables_below_different_headings_do_not_contradict_each_other() {
    let table = |server: &str| format!("| App | Server |\n|---|---|\n| GIDAF | {server}-1 |\n| Zora | {server}-2 |\n");
    let (live, test) = (table("srv"), table("tst"));
    let apart = "GIDAF (Production) | Server | srv-1 | Text\nZora (Production) | Server | srv-2 | Text\n\
        GIDAF (Test) | Server | tst-1 | Text\nZora (Test) | Server | tst-2 | Text";
    let headed = |level: &str| format!("# Apps\n\n{level}Production\n\n{live}\n{level}Test\n\n{test}");
    assert_eq!(facts_of(&[("a.md", &headed("## "))]), apart);
    let captions = format!("# Apps\n\n**Production**\n\n{live}\n**Test**\n\n{test}");
    assert_eq!(facts_of(&[("a.md", &captions)]), apart);
    // The second heading lies below the first.
    let below = format!("# Production\n\n{live}\n## Test\n\n{test}");
    assert_eq!(facts_of(&[("a.md", &below)]), apart);
    // A heading that names one of the things, and headings of parts.
    let parts = format!("# GIDAF\n\n**Version** : 3.2\n\n## Configuration\n\n{live}\n## Installation\n\n{test}");
    insta::assert_snapshot!(facts_of(&[("a.md", &parts)]), @r"
    GIDAF | Version | 3.2 | Version
    GIDAF (Configuration) | Server | srv-1 | Text
    Zora (Configuration) | Server | srv-2 | Text
    GIDAF (Installation) | Server | tst-1 | Text
    Zora (Installation) | Server | tst-2 | Text
    ");
    // Where the tables agree on the other things, a difference is a contradiction.
    let rows = "| Zora | srv-2 |\n| Braude | srv-3 |\n";
    let table = |server: &str| format!("| App | Server |\n|---|---|\n| GIDAF | {server} |\n{rows}");
    let agreeing = format!("# Apps\n\n## Overview\n\n{}\n### List\n\n{}", table("srv-1"), table("srv-9"));
    let facts = all_of(&[("a.md", &agreeing)]);
    let conflicts: Vec<_> = facts.conflicts.iter().map(|c| (c.entity.as_str(), c.attribute.as_str())).collect();
    assert_eq!((conflicts, facts.facts.len()), (vec![("GIDAF", "Server")], 2));
}

#[test]
fn names_that_differ_in_case_are_said_and_make_no_list() {
    let table = "| Name | Host | Version |\n|---|---|---|\n| GIDAF | OVH | 1.0 |\n| Gidaf | AWS | 2.0 |\n| Zora | Azure | 3.0 |\n";
    let csv = "Name,Host,Version\nGIDAF,OVH,1.0\nGidaf,AWS,2.0\nZora,Azure,3.0\n";
    for file in [("a.md", table), ("a.csv", csv)] {
        let facts = all_of(&[file]);
        assert_eq!(facts.spellings, [["GIDAF", "Gidaf"]], "{}", file.0);
        let conflicts: Vec<_> = facts.conflicts.iter().map(|c| (c.entity.as_str(), c.attribute.as_str())).collect();
        assert_eq!(conflicts, [("GIDAF", "Host"), ("GIDAF", "Version")], "{}", file.0);
        assert!(facts.facts.iter().all(|fact| fact.entity == "Zora"), "{}", file.0);
    }
    // Two documents may write one thing differently.
    let other = ("b.md", "# gidaf\n\n**Version** : 1.0\n\n**Owner** : Ann\n");
    let facts = all_of(&[("a.md", "# GIDAF\n\n**Version** : 1.0\n\n**Host** : OVH\n"), other]);
    assert_eq!((facts.spellings.len(), facts.conflicts.len(), facts.facts.len()), (0, 0, 3));
}

#[test]
fn marks_within_a_value_are_no_part_of_it() {
    let page = "# Dunmere Museum\n\n- Largest object: the tug *Marigold*\n- Guide: Tom Reyes\n\n## House\n\n\
        Architect: the *old* Orla Finn\nTags: *ships*, the **old** port\n";
    let html = "<h1>Orla Museum</h1><ul><li>Largest object: the tug <em>Marigold</em></li>\
        <li>Smallest object: the <b>Pin</b> of Orla</li></ul>";
    insta::assert_snapshot!(facts_of(&[("a.md", page), ("b.html", html)]), @r"
    Dunmere Museum | Largest object | the tug Marigold | Text
    Dunmere Museum | Guide | Tom Reyes | Text
    House | Architect | the old Orla Finn | Text
    House | Tags | ships; the old port | List
    Orla Museum | Largest object | the tug Marigold | Text
    Orla Museum | Smallest object | the Pin of Orla | Text
    ");
}

#[test]
fn a_cell_with_marks_is_read_as_one_without() {
    let table = |north: &str, south: &str| {
        format!("# Dunmere Museum\n\n| Item | Place |\n|---|---|\n| Marigold | {north} |\n| Swallow | {south} |\n")
    };
    let plain = facts_of(&[("a.md", &table("the north quay", "the south quay"))]);
    assert_eq!(facts_of(&[("a.md", &table("the *north* quay", "[the south quay](https://x.example/q)"))]), plain);
    insta::assert_snapshot!(plain, @r"
    Marigold | Place | the north quay | Text
    Swallow | Place | the south quay | Text
    ");
    let keys = "# Dunmere Museum\n\n| Item | Details |\n|---|---|\n| Curator | Orla Finn |\n| Opened | 1962 |\n";
    insta::assert_snapshot!(facts_of(&[("a.md", keys)]), @r"
    Dunmere Museum | Curator | Orla Finn | Text
    Dunmere Museum | Opened | 1962 | Number
    ");
}

#[test]
fn a_paragraph_of_one_pair_below_a_heading_is_a_fact() {
    let page = "# Ferry Astra\n\nHome port: Dunmere\n\n## Crew\n\nThe crew lives on board.\n\nCaptain: Nils Ravn\n\n\
        Note: the ferry does not run in winter.\n\nWarning: Wet deck\n\nRemember: the doors close at nine\n\n\
        ## Talk\n\nAnn: Good morning\n\nBob: Good evening\n\nAnn: Farewell\n\nBob: Good night\n";
    insta::assert_snapshot!(facts_of(&[("a.md", page)]), @r"
    Ferry Astra | Home port | Dunmere | Text
    Crew (Ferry Astra) | Captain | Nils Ravn | Text
    ");
}

#[test]
fn the_title_of_a_text_file_names_what_it_is_about() {
    let text = "Tidewell Library\n\nTidewell Library is the public library of Tidewell. Its director is Nora Quill.\n\n\
        Opening year: 1962\nLate fee: 20 cents per day\n";
    insta::assert_snapshot!(facts_of(&[("first.txt", text)]), @r"
    Tidewell Library | definition | Tidewell Library is the public library of Tidewell. | Definition
    Tidewell Library | Opening year | 1962 | Date
    Tidewell Library | Late fee | 20 cents per day | Number | cents per day
    ");
}

#[test]
fn short_pages_are_in_the_language_of_their_keys_and_colons() {
    let language = |text: &str| {
        let corpus = read_tests::reading("a.md", text).corpus;
        let found: std::collections::BTreeSet<_> = corpus.units.iter().map(|unit| unit.language).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        found.into_iter().next().flatten()
    };
    let english =
        "# Ferry Astra\n\nCapacity: 300 passengers\n\n## Technical data\n\nCapacity: 280 passengers\nLength: 74 m\n";
    assert_eq!(language(english), Some(Language::En));
    assert_eq!(language("# Produit Alizé\n\n- Version : 4.2\n- Port : 8443\n- Public : adultes\n"), Some(Language::Fr));
    assert_eq!(language("# Product\n\n- Version: 4.2\n- Port: 8443\n- Public: x\n"), None);
}

#[test]
fn items_that_are_sentences_are_no_values() {
    let page = "# Refuge du Praz\n\n## Accès\n\n1. Garer la voiture au parking du Praz.\n\
        2. Suivre le sentier balisé en jaune pendant deux heures.\n3. Traverser la passerelle.\n\n\
        ## Services\n\n- Repas du soir\n- Douche\n";
    insta::assert_snapshot!(facts_of(&[("a.md", page)]), @"Refuge du Praz | Services | Repas du soir; Douche | List");
}

#[path = "facts_page_tests.rs"]
mod pages;
