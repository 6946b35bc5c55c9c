//! Names of sections and rows, questions with their answers, glossaries, definitions, currencies.

use super::*;

#[test]
fn names_in_one_table_are_written_alike() {
    let drinks = "# Quay Bar\n\n| Drink | Small | Large |\n|---|---|---|\n| Cocoa | €2.10 | €2.90 |\n\
        | Iced lemon tea | €2.50 | €3.40 |\n| Ginger ale | €3.00 | €4.10 |\n";
    let hours = "# Quay Office\n\n## Desk\n\n| Day | Opens |\n|---|---|\n| Monday | 9:00 |\n| Sunday | closed |\n";
    // Names of things stay as they are, whatever one of them looks like.
    let rows: String = (1..9).map(|n| format!("| KITO{n} | {n} |\n")).collect();
    let apps = format!("# Catalogue\n\n| App | Port |\n|---|---|\n{rows}| Suivi des stages | 9 |\n");
    let stated = facts_of(&[("a.md", drinks), ("b.md", hours), ("c.md", &apps)]);
    let entities: Vec<&str> = stated.lines().filter_map(|line| line.split(" | ").next()).collect();
    let has = |name: &str| entities.contains(&name);
    assert!(
        has("Cocoa (Quay Bar)") && has("Iced lemon tea (Quay Bar)") && has("Ginger ale (Quay Bar)"),
        "{entities:?}"
    );
    assert!(has("Monday (Desk, Quay Office)") && has("Sunday (Desk, Quay Office)"), "{entities:?}");
    assert!(has("KITO1") && has("Suivi des stages"), "{entities:?}");
    assert!(!entities.iter().any(|name| name.contains('›')), "{entities:?}");
}

#[test]
fn a_section_of_several_parts_is_about_its_page() {
    let page = "# Orla Boats\n\n## Contacts and basics\n\n- Head office: Quay 3\n- Staff: 12\n\n\
        ## Pay and leave\n\nAnnual leave: 27 days\nNotice period: two weeks\n";
    insta::assert_snapshot!(facts_of(&[("a.md", page)]), @r"
    Orla Boats | Head office | Quay 3 | Text
    Orla Boats | Staff | 12 | Number
    Pay and leave (Orla Boats) | Annual leave | 27 days | Number | days
    Pay and leave (Orla Boats) | Notice period | two weeks | Text
    ");
}

#[test]
fn a_heading_that_is_a_question_is_answered_by_its_paragraph() {
    let faq = "# Orla FAQ\n\n## How long does delivery take?\n\nThree working days.\n\nLonger at Easter.\n\n\
        ## Do you rent helmets?\n\nYes, for *£3* a day,\nwith a deposit.\n\n## Why us?\n\nWe are near.\n\n\
        ## What do I need?\n\n- A passport\n- A card\n\n## How do I pay by card?\n\nAs follows:\n\n1. Come here first.\n2. Then pay at the desk.\n\n\
        ## What can I pay with?\n\nWe take:\n\n- cards\n- cash\n";
    let lines =
        "# Club Orla\n\nQ: When do you meet?\nA: On Mondays at 19:00.\n\nQ: Who may come to us?\nA: Everyone.\n";
    let alone =
        "## Combien de temps dure une visite ?\n\nUne heure environ, selon la saison et le nombre de visiteurs.\n";
    insta::assert_snapshot!(facts_of(&[("a.md", faq), ("b.md", lines), ("visite.md", alone)]), @r"
    Orla FAQ | How long does delivery take? | Three working days. | Text
    Orla FAQ | Do you rent helmets? | Yes, for £3 a day, with a deposit. | Text
    Orla FAQ | What do I need? | A passport; A card | List
    Orla FAQ | What can I pay with? | cards; cash | List
    Club Orla | When do you meet? | On Mondays at 19:00. | Text
    Club Orla | Who may come to us? | Everyone. | Text
    visite | Combien de temps dure une visite ? | Une heure environ, selon la saison et le nombre de visiteurs. | Text
    ");
    // An answer is bounded.
    let long = format!("# Orla FAQ\n\n## How long does it take?\n\n{}.\n", "long ".repeat(200));
    assert_eq!(facts_of(&[("a.md", &long)]), "");
}

#[test]
fn a_definition_has_the_name_that_its_sentence_has() {
    let article = "# The Orla Refuge\n\nOrla Refuge is a hut in the mountains of Dunmere.\n";
    let part = "# Quay Museum of Dunmere\n\nThe Quay Museum is a museum of ships. It is old.\n";
    let other = "# Dunmere Library\n\nNorwold is a town on the river.\n";
    let common = "# How to mend a boat\n\nA boat is a thing that swims on water.\n";
    insta::assert_snapshot!(facts_of(&[("a.md", article), ("b.md", part), ("c.md", other), ("d.md", common)]), @r"
    The Orla Refuge | definition | Orla Refuge is a hut in the mountains of Dunmere. | Definition
    Quay Museum | definition | The Quay Museum is a museum of ships. | Definition
    ");
}

#[test]
fn what_a_glossary_lists_is_defined() {
    let list = "# Orla Boats\n\n## Glossary\n\n- **OBS**: Orla Booking System, the program for rentals.\n\
        - **Tune-up**: a check of hull and sails.\n";
    let lines = "# Glossaire\n\nGréement : ensemble des mâts et des voiles.\nQuille : pièce sous la coque.\n";
    insta::assert_snapshot!(facts_of(&[("a.md", list), ("b.md", lines)]), @r"
    OBS | definition | Orla Booking System, the program for rentals. | Definition
    Tune-up | definition | a check of hull and sails. | Definition
    Gréement | définition | ensemble des mâts et des voiles. | Definition
    Quille | définition | pièce sous la coque. | Definition
    ");
}

#[test]
fn an_amount_has_the_currency_of_its_record() {
    let csv = "Name,Price,Currency,Stock\nOrla Bell,7.90,GBP,12\nOrla Pump,34.50,EUR,3\n";
    let page = "# Orla Inn\n\n- Price: 60\n- Currency: CHF\n- Rooms: 8\n";
    let stated = facts_of(&[("a.csv", csv), ("b.md", page)]);
    for line in [
        "Orla Bell | Price | 7.90 | Money | GBP",
        "Orla Pump | Price | 34.50 | Money | EUR",
        "Orla Inn | Price | 60 | Money | CHF",
        "Orla Bell | Stock | 12 | Number",
        "Orla Inn | Rooms | 8 | Number",
    ] {
        assert!(stated.lines().any(|stated| stated == line), "{line} not in\n{stated}");
    }
}

#[test]
fn an_amount_of_a_record_with_two_currencies_has_none() {
    let page = |currencies: &str| format!("# Orla Inn\n\n- Price: 60\n{currencies}- Rooms: 8\n");
    let price = |currencies: &str| {
        let stated = facts_of(&[("a.md", &page(currencies))]);
        stated.lines().find(|line| line.contains("| Price |")).unwrap_or_else(|| panic!("{stated}")).to_owned()
    };
    for two in ["- Currency: CHF\n- Currency: EUR\n", "- Currency: CHF\n- Currency code: EUR\n- Currency: CHF\n"] {
        assert_eq!(price(two), "Orla Inn | Price | 60 | Number", "{two}");
    }
    assert_eq!(price("- Currency: CHF\n- Currency code: chf\n"), "Orla Inn | Price | 60 | Money | CHF");
}

/// The languages of a file's units, by `--lang`.
fn languages_of(name: &str, text: &str, asked: &[Language]) -> Vec<Option<Language>> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(name), text).unwrap();
    let options = ReadOptions { languages: asked.to_vec(), ..ReadOptions::default() };
    let corpus = read(&[dir.path().to_path_buf()], &options).unwrap().corpus;
    corpus.units.iter().map(|unit| unit.language).collect()
}

#[test]
fn a_short_table_is_in_the_language_of_its_columns() {
    for header in ["name,department,manager,salary", "name,department,manager,start_date,salary,email"] {
        let row = |cells: [&str; 6]| cells[..header.split(',').count()].join(",");
        let rows = [
            row(["Ada Brook", "Workshop", "Mona Petrel", "2019-03-01", "31000", "ada@orla.example"]),
            row(["Ben Cole", "Rentals", "Ines Calder", "2021-07-15", "28500", "ben@orla.example"]),
            row(["Ada Brook", "Sales", "Ines Calder", "2022-01-10", "33000", "ada2@larkfield.example"]),
        ];
        let languages = languages_of("a.csv", &format!("{header}\n{}\n", rows.join("\n")), &[]);
        assert!(languages.iter().all(|language| *language == Some(Language::En)), "{header}: {languages:?}");
    }
}

#[test]
fn a_document_that_is_surely_in_another_language_is_not_taken_for_the_one_that_is_asked() {
    let french = "# Refuge Orla\n\nLe refuge est une cabane de montagne au-dessus de la vallée, ouverte toute l'année.\n\n\
        - Gardien : Lucie Vallon\n- Capacité : 48 places\n";
    let english = "# Orla Hut\n\nThe hut is open all the year, and it lies above the valley near the river.\n\n\
        - Keeper: Lucie Vallon\n- Capacity: 48 places\n";
    for (text, own, other) in [(french, Language::Fr, Language::En), (english, Language::En, Language::Fr)] {
        for asked in [&[][..], &[own], &[other], &Language::ALL] {
            let languages = languages_of("a.md", text, asked);
            assert!(languages.iter().all(|language| *language == Some(own)), "{asked:?} {languages:?}");
        }
    }
    // What does not tell is what is asked.
    for asked in Language::ALL {
        assert_eq!(languages_of("a.md", "# Orla\n\n- Zone: A\n- Port: 8443\n", &[asked]), [Some(asked)]);
    }
}
