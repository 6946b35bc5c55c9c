//! Sections, headings and paragraphs of prose.

use super::*;

#[test]
fn long_sections_are_cut_between_rows_items_and_sentences() {
    let rows: String = (0..300).map(|i| format!("| App {i} | host {i} |\n")).collect();
    let items: String = (0..300).map(|i| format!("- item number {i} of the list\n")).collect();
    let prose = "Une phrase de dix mots exactement dans ce long paragraphe. ".repeat(200);
    let code = format!("```\n{}```\n", "let x = some_call(a, b);\n".repeat(300));
    let leaves = "\n## Hébergeur : OVH\n\n## Vide ##\n\nFin\n---\n";
    let text = format!("# T\n\n| Application | Host |\n|---|---|\n{rows}\n{items}\n{prose}\n\n{code}{leaves}");
    let reading = reading("a.md", &text);
    let count = |text: &str| options::estimated_tokens(text);
    for unit in &reading.corpus.units {
        assert!(count(&unit.text) <= 400 || unit.text.starts_with("```"), "{} tokens", count(&unit.text));
        for line in unit.text.lines().filter(|line| line.starts_with("| App ")) {
            assert!(line.ends_with('|'), "a row is whole: {line}");
        }
    }
    let all: String =
        reading.corpus.units.iter().map(|unit| unit.text.split_whitespace().collect::<String>()).collect();
    assert_eq!(all, text.trim_start_matches("# T").split_whitespace().collect::<String>(), "nothing is lost");
    assert_eq!(fields(&reading).len(), 300);
    for unit in &reading.corpus.units {
        for field in &unit.fields {
            assert!(unit.span.start <= field.spans[0].start && field.spans[0].end <= unit.span.end);
        }
    }
}

#[test]
fn headings_without_a_body_are_text() {
    let units = |found: &Reading| {
        let shown = |unit: &Unit| format!("{} | {}", unit.path.join(" > "), unit.text.replace("\n\n", " / "));
        found.corpus.units.iter().map(shown).collect::<Vec<_>>()
    };
    let text = "1. Vérifier le câble orange\n\n2. Redémarrer la box\n\nEn cas d'incendie, il faut prévenir :\n\nAPPELER LE 18\n";
    assert_eq!(units(&reading("a.txt", text)), [format!(" | {}", text.trim_end().replace("\n\n", " / "))]);
    let text = "GUIDE\n\nLIRE AVANT TOUT\n\nDu texte.\n\n2.1 Sans suite\n\nFIN DU GUIDE\n";
    assert_eq!(
        units(&reading("a.txt", text)),
        [" | GUIDE", "LIRE AVANT TOUT | Du texte. / 2.1 Sans suite", " | FIN DU GUIDE"]
    );
    let text = "# GIDAF\n\n## Hébergeur : OVH\n\n## Version : 3\n\n# 6Tzen\n\n## Note\n\nTexte.\n\n## Hébergeur : DSI ##\n\n# GIDAF\n\nTexte.\n\n# GIDAF\n\n## Fin\n";
    let found = reading("a.md", text);
    assert_eq!(
        units(&found),
        [
            "GIDAF | ## Hébergeur : OVH / ## Version : 3",
            "6Tzen > Note | Texte.",
            "6Tzen | ## Hébergeur : DSI ##",
            "GIDAF | Texte.",
            "GIDAF | ## Fin",
        ]
    );
    assert_eq!(fields(&found), ["GIDAF | Hébergeur | OVH | KeyValue", "6Tzen | Hébergeur | DSI | KeyValue"]);
}

#[test]
fn boilerplate_is_dropped_and_listed() {
    let page = |i: usize| {
        format!("# Page {i}\n\nMenu of the site\n\nText number {i} of it.\n\n© The company\n\nMore on {i}.\n")
    };
    let pages: Vec<(String, String)> = (0..25).map(|i| (format!("{i:02}.md"), page(i))).collect();
    let files: Vec<(&str, &[u8])> = pages.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let reading = Folder::new(&files).read(&ReadOptions::default()).unwrap();
    assert_places(&reading);
    let dropped: Vec<_> = reading.dropped.iter().map(|b| (b.text.as_str(), b.documents)).collect();
    assert_eq!(dropped, [("Menu of the site", 25), ("© The company", 25)]);
    let texts: Vec<_> = reading.corpus.units.iter().take(2).map(|unit| unit.text.as_str()).collect();
    assert_eq!(texts, ["Text number 0 of it.", "More on 0."]);
    assert_eq!(reading.layouts.len(), 25);
}

#[test]
fn a_paragraph_that_states_a_field_is_no_boilerplate() {
    let page = |i: usize| {
        let level = ["haute", "basse", "moyenne"][i % 3];
        format!(
            "# App {i}\n\nMenu\n\n**Criticité** : {level}\n\n**Version** : {}\n\n- Éditeur : DSI\n\nTexte {i}.\n",
            i % 2
        )
    };
    let pages: Vec<(String, String)> = (0..25).map(|i| (format!("{i:02}.md"), page(i))).collect();
    let files: Vec<(&str, &[u8])> = pages.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let reading = Folder::new(&files).read(&ReadOptions::default()).unwrap();
    assert_places(&reading);
    assert_eq!(reading.dropped.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(), ["Menu"]);
    assert_eq!(
        fields(&reading)[3..6],
        ["App 1 | Criticité | basse | KeyValue", "App 1 | Version | 1 | KeyValue", "App 1 | Éditeur | DSI | KeyValue"]
    );
    assert_eq!(reading.corpus.units[1].text, "**Criticité** : basse\n\n**Version** : 1\n\n- Éditeur : DSI\n\nTexte 1.");
    // The same in the texts of records, whose escapes are undone.
    let record = |i: usize| serde_json::json!({"text": page(i), "source": format!("{i}.md")}).to_string();
    let records = self::reading("a.jsonl", &(0..25).map(record).collect::<Vec<_>>().join("\n"));
    assert_eq!(records.dropped.iter().map(|b| b.text.as_str()).collect::<Vec<_>>(), ["Menu"]);
    assert_eq!(fields(&records).iter().filter(|field| field.contains("Criticité")).count(), 25);
}
