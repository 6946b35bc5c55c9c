//! Reading through the public entry: places, forms, faults.

use std::path::PathBuf;

use super::*;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &[u8])]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, bytes).unwrap();
        }
        Self(dir)
    }

    fn read(&self, options: &ReadOptions<'_>) -> Result<Reading, CorpusError> {
        read(&[self.0.path().to_path_buf()], options)
    }
}

fn read_one(name: &str, bytes: &[u8]) -> Result<Reading, CorpusError> {
    let folder = Folder::new(&[(name, bytes)]);
    let path: PathBuf = folder.0.path().join(name);
    read(&[path], &ReadOptions::default())
}

pub(super) fn reading(name: &str, text: &str) -> Reading {
    let reading = read_one(name, text.as_bytes()).unwrap_or_else(|e| panic!("{name}: {e}"));
    assert_places(&reading);
    reading
}

/// Every field's value stands at its place, and every unit's text, where it is not composed of fields.
fn assert_places(reading: &Reading) {
    for unit in &reading.corpus.units {
        let document = &reading.corpus.documents[unit.document];
        for field in &unit.fields {
            assert!(!field.values.is_empty() && field.values.len() == field.spans.len(), "{field:?}");
            for (value, span) in field.values.iter().zip(&field.spans) {
                assert!(document.says(*span, value), "{} {} {value}", document.path, field.key);
            }
        }
        let composed = unit.fields.iter().all(|field| field.form == FieldForm::Record) && unit.text.contains(": ");
        if document.slice(unit.span).as_ref() != Some(&unit.text) {
            assert!(composed, "{} {:?}", document.path, unit.text);
        }
    }
}

/// `entity | key | values | form` of all fields.
fn fields(reading: &Reading) -> Vec<String> {
    let units = reading.corpus.units.iter();
    let shown = |unit: &Unit, field: &Field| {
        let entity = field.entity.clone().or(unit.title.clone()).unwrap_or_default();
        format!("{entity} | {} | {} | {:?}", field.key, field.values.join(" / "), field.form)
    };
    units.flat_map(|unit| unit.fields.iter().map(|field| shown(unit, field)).collect::<Vec<_>>()).collect()
}

const LONG: &str =
    "est une application interne du ministère, ouverte à tous les agents du réseau depuis plusieurs années.";

/// What every form of a record holds: title, host, technologies, users, whether it is critical.
fn contents() -> Vec<(String, String)> {
    (0..30).map(|i| (format!("Appli \"{i}\""), format!("L’appli {i}\n\"citée\" {LONG} Numéro {i}."))).collect()
}

fn five_variants() -> Vec<(&'static str, String)> {
    let mut out: Vec<(&'static str, String)> =
        ["langchain", "haystack", "flat", "nested", "llamaindex"].map(|name| (name, String::new())).to_vec();
    for (i, (title, text)) in contents().into_iter().enumerate() {
        let source = format!("fiches/{}.md", i / 3);
        let hosts = ["DSI", "Sous-traitant é", "Nuage"][i % 3];
        let facts = serde_json::json!({"hébergeur": hosts, "technologies": ["Java", format!("\"SQL\" {}", i % 4)], "utilisateurs": i * 10, "critique": i % 2 == 0});
        let with = |more: serde_json::Value| {
            let mut all = more.as_object().unwrap().clone();
            all.extend(facts.as_object().unwrap().clone());
            serde_json::Value::Object(all)
        };
        let metadata = with(serde_json::json!({"source": source, "title": title}));
        let node = serde_json::json!({"id_": format!("n{i}"), "embedding": null, "metadata": metadata, "excluded_embed_metadata_keys": ["file_size"], "relationships": {"1": {"node_id": format!("d{i}"), "metadata": metadata}}, "text": text, "start_char_idx": i, "class_name": "TextNode"});
        let mut llama = with(
            serde_json::json!({"_node_content": node.to_string(), "_node_type": "TextNode", "document_id": format!("d{i}"), "ref_doc_id": format!("d{i}")}),
        );
        llama["source"] = source.clone().into();
        llama["title"] = title.clone().into();
        let records = [
            serde_json::json!({"page_content": text, "metadata": metadata, "type": "Document"}),
            serde_json::json!({"id": format!("{i:064x}"), "content": text, "meta": metadata, "score": null, "embedding": vec![0.5; 32]}),
            with(serde_json::json!({"id": i, "titre": title, "texte": text, "source": source})),
            serde_json::json!({"id": i, "application": {"nom": title}, "contenu": {"texte": text}, "metadata": with(serde_json::json!({"source": source}))}),
            llama,
        ];
        for ((_, out), record) in out.iter_mut().zip(records) {
            out.push_str(&record.to_string());
            out.push('\n');
        }
    }
    out
}

#[test]
fn five_forms_of_records_say_the_same() {
    let mut first: Option<Vec<String>> = None;
    for (name, text) in five_variants() {
        let reading = reading(&format!("{name}.jsonl"), &text);
        let units: Vec<String> = reading
            .corpus
            .units
            .iter()
            .map(|u| {
                let fields: Vec<_> = u.fields.iter().map(|f| format!("{}={:?}{:?}", f.key, f.values, f.form)).collect();
                format!("{:?} {} {} {:?} {fields:?}", u.title, u.source, u.text, u.language)
            })
            .collect();
        assert_eq!(units.len(), 30, "{name}: {}", reading.layouts[0]);
        assert!(
            units[0].contains("hébergeur") && units[0].contains("SQL") && units[0].contains("utilisateurs"),
            "{}",
            units[0]
        );
        assert_eq!(reading.corpus.units[1].fields.len(), 4, "{name}: {:?}", reading.layouts);
        match &first {
            None => first = Some(units),
            Some(first) => assert_eq!(&units, first, "{name}: {}", reading.layouts[0]),
        }
    }
}

#[test]
fn the_reading_is_shown_on_a_line() {
    let (_, text) = five_variants().swap_remove(0);
    let shown = reading("apps.jsonl", &text).layouts[0].to_string();
    let line = shown.rsplit('/').next().unwrap();
    assert_eq!(
        line,
        "apps.jsonl: text = page_content (median 132 chars), title = metadata.title (30), source = metadata.source (10), 4 fields, not used: type (constant)"
    );
}

#[test]
fn records_lie_in_lists_objects_and_columns() {
    let record = |i: usize| serde_json::json!({"_id": format!("d{i}"), "title": format!("T{i}"), "text": format!("{i} {LONG}"), "owner": format!("O{}", i % 3)});
    let records: Vec<_> = (0..4).map(record).collect();
    let payloads: Vec<_> =
        records.iter().map(|r| serde_json::json!({"id": 1, "payload": r, "vector": vec![0.1; 20]})).collect();
    let column = |key: &str| records.iter().map(|r| r[key].clone()).collect::<Vec<_>>();
    let metadatas: Vec<_> =
        records.iter().map(|r| serde_json::json!({"title": r["title"], "owner": r["owner"]})).collect();
    let texts = [
        serde_json::to_string(&records).unwrap(),
        serde_json::to_string_pretty(&records).unwrap(),
        records.iter().map(|r| serde_json::to_string_pretty(r).unwrap()).collect::<Vec<_>>().join("\n"),
        serde_json::json!({"version": 1, "documents": records}).to_string(),
        serde_json::json!({"result": {"points": payloads, "next": null}, "status": "ok"}).to_string(),
        serde_json::json!({"ids": column("_id"), "documents": column("text"), "metadatas": metadatas, "embeddings": null}).to_string(),
        serde_json::json!({"ids": [column("_id")], "documents": [column("text")], "metadatas": [metadatas]}).to_string(),
    ];
    for text in texts {
        let reading = reading("a.json", &text);
        let found: Vec<_> = reading.corpus.units.iter().map(|u| (u.title.clone().unwrap(), u.text.clone())).collect();
        let expected: Vec<_> = (0..4).map(|i| (format!("T{i}"), format!("{i} {LONG}"))).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(fields(&reading)[1], "T1 | owner | O1 | Record", "{text}");
    }
    let by_name = serde_json::json!({"GIDAF": {"owner": "A", "host": "x"}, "6Tzen": {"owner": "B", "host": "y"}, "Z": {"owner": "C", "host": "z"}});
    let reading = reading("a.json", &by_name.to_string());
    assert_eq!(fields(&reading)[..2], ["GIDAF | owner | A | Record", "GIDAF | host | x | Record"]);
    assert_eq!(reading.corpus.units[0].text, "GIDAF\nowner: A\nhost: x");
}

#[test]
fn chunks_of_a_source_lose_their_overlap_and_repeats() {
    let shared = "Ces mots sont dits deux fois par le découpage.";
    let lines = [
        serde_json::json!({"text": format!("Le début de la fiche, assez long pour un texte. {shared}"), "source": "a"}),
        serde_json::json!({"text": format!("{shared} La suite \"citée\" de la fiche, assez longue aussi."), "source": "a"}),
        serde_json::json!({"text": format!("{shared} La suite \"citée\" de la fiche, assez longue aussi."), "source": "a"}),
        serde_json::json!({"text": format!("{shared} Une autre fiche, qui dit autre chose en bien plus de mots."), "source": "b"}),
    ];
    let reading = reading("a.jsonl", &lines.map(|line| line.to_string()).join("\n"));
    let texts: Vec<_> = reading.corpus.units.iter().map(|unit| unit.text.as_str()).collect();
    assert_eq!(texts.len(), 3);
    assert_eq!(texts[1], "La suite \"citée\" de la fiche, assez longue aussi.");
    assert!(texts[2].starts_with(shared), "another source keeps its text");
    assert!(matches!(reading.notes.as_slice(), [Note::Duplicates { count: 1, .. }]));
}

#[test]
fn markdown_gives_units_and_fields_of_every_form() {
    let text = "---\ntitle: Catalogue\nresponsable: DSI\n---\n# GIDAF\n\nGIDAF est une application de gestion.\n\n**Responsable** : Jean Petit\n**Hébergeur :** `DSI`\n\n## Technologies\n\n- Java\n- PostgreSQL\n\n## Contact\n\n- **Courriel** : a@b.fr\n- **Site** : [GIDAF](http://gidaf)\n\n# 6Tzen\n\nVersion : 2.1\nCriticité : haute\n\n## Contact\n\nDomaine\n: Agriculture\n\nFonctions :\n\n1. Déclarer\n2. Suivre\n\n# Tableau\n\n| Application | Hébergeur | Version |\n|---|---|---|\n| GIDAF | DSI | 3 |\n| **6Tzen** | Nuage | `2.1` |\n\n| Champ | Valeur |\n|---|---|\n| Propriétaire | Équipe A |\n\n```\nCle: pas un fait\nAutre: non plus\n```\n";
    let reading = reading("guide.md", text);
    assert_eq!(
        fields(&reading),
        [
            "Catalogue | responsable | DSI | Record",
            "GIDAF | Responsable | Jean Petit | KeyValue",
            "GIDAF | Hébergeur | DSI | KeyValue",
            "GIDAF | Technologies | Java / PostgreSQL | List",
            "GIDAF | Courriel | a@b.fr | KeyValue",
            "GIDAF | Site | http://gidaf | KeyValue",
            "6Tzen | Version | 2.1 | KeyValue",
            "6Tzen | Criticité | haute | KeyValue",
            "6Tzen | Domaine | Agriculture | KeyValue",
            "6Tzen | Fonctions | Déclarer / Suivre | List",
            "GIDAF | Hébergeur | DSI | Cell",
            "GIDAF | Version | 3 | Cell",
            "6Tzen | Hébergeur | Nuage | Cell",
            "6Tzen | Version | 2.1 | Cell",
            "Tableau | Propriétaire | Équipe A | KeyValue",
        ]
    );
    let unit = &reading.corpus.units[2];
    assert_eq!((unit.title.as_deref(), unit.path.join(" > ")), (Some("GIDAF"), "GIDAF > Contact".into()));
    assert!(unit.source.ends_with("guide.md"));
}

#[test]
fn text_tables_and_packages_give_records() {
    let text = "MANUEL\n======\n\nHôte : DSI\nVersion : 3\n\nDu texte qui dit : rien.\n";
    assert_eq!(fields(&reading("a.txt", text)), ["MANUEL | Hôte | DSI | KeyValue", "MANUEL | Version | 3 | KeyValue"]);

    let text = "Nom;Hôte;\"Note\"\n\"GIDAF\";DSI;\"dit \"\"oui\"\"; toujours\"\n6Tzen;;x\n";
    let csv = reading("a.csv", text);
    assert_eq!(
        fields(&csv),
        ["GIDAF | Hôte | DSI | Record", "GIDAF | Note | dit \"oui\"; toujours | Record", "6Tzen | Note | x | Record"]
    );
    assert_eq!(csv.corpus.units[1].text, "6Tzen\nNote: x");
    assert!(csv.corpus.units[1].source.ends_with("a.csv#6Tzen"));
    assert!(csv.corpus.documents[0].converted && !reading("b.csv", "a,b\n1,2\n").corpus.documents[0].converted);

    let package = |name: &str, size: usize| {
        format!(
            "Package: {name}\nVersion: 1:{size}.0\nInstalled-Size: {size}\nDepends: libc6 (>= 2.34),\n libx\nDescription: the {name} package of many words\n that goes on here with even more words.\n\n"
        )
    };
    let text: String = (0..4).map(|i| package(["vim", "nano", "ed", "joe"][i], i + 5)).collect();
    let packages = reading("avail", &text);
    assert_eq!(packages.layouts[0].format, Format::TextRecords);
    assert_eq!(
        fields(&packages)[..3],
        [
            "vim | Version | 1:5.0 | Record",
            "vim | Installed-Size | 5 | Record",
            "vim | Depends | libc6 (>= 2.34),\n libx | Record"
        ]
    );
    // Names and versions are no text, however many.
    let field = |i: usize| {
        format!(
            "Package: p{i}\nDepends: libc6 (>= 2.{i}), libx11-6 (>= 2:1.4), libgtk-3-0t64 (>= 3.{i}), p{i}-data, perl:any\nSize: {i}\n\n"
        )
    };
    let lists: String = (0..5).map(field).collect();
    assert_eq!(reading("avail", &lists).layouts[0].records[0].text, None);
    assert_eq!(
        packages.corpus.units[0].text,
        "the vim package of many words\n that goes on here with even more words."
    );
}

#[test]
fn converted_formats_have_places_in_their_conversion() {
    let html = "<html><body><h1>GIDAF</h1><p><b>Hôte</b> : app_1 &amp; co</p><table><tr><th>App</th><th>Host</th><th>V</th></tr><tr><td>X</td><td>Y</td><td>2</td></tr></table></body></html>";
    let found = reading("a.html", html);
    assert!(found.corpus.documents[0].converted);
    assert_eq!(fields(&found), ["GIDAF | Hôte | app_1 & co | KeyValue", "X | Host | Y | Cell", "X | V | 2 | Cell"]);
    let body = "<w:p><w:r><w:t>Hôte : DSI</w:t></w:r></w:p><w:p><w:r><w:t>Version : 3</w:t></w:r></w:p>";
    let document = format!("<w:document><w:body>{body}</w:body></w:document>");
    let docx = read_one("b.docx", &archive::tests::packed(&[("word/document.xml", document.as_bytes())])).unwrap();
    assert_places(&docx);
    assert_eq!(fields(&docx), ["b | Hôte | DSI | KeyValue", "b | Version | 3 | KeyValue"]);
}

#[cfg(feature = "xlsx")]
#[test]
fn workbooks_are_records() {
    use workbook::tests::text_cell;
    let rows = format!(
        "<row r=\"1\">{}{}</row><row r=\"2\">{}<c r=\"B2\"><v>3</v></c></row>",
        text_cell("A1", "Nom"),
        text_cell("B1", "Version"),
        text_cell("A2", "GIDAF")
    );
    let found = read_one("a.xlsx", &workbook::tests::workbook(&rows)).unwrap();
    assert_places(&found);
    assert_eq!(fields(&found), ["GIDAF | Version | 3 | Record"]);
}

#[cfg(feature = "pdf")]
#[test]
fn pdf_is_text() {
    let found = read_one(
        "a.pdf",
        &pdf::tests::document("BT /F 12 Tf 50 700 Td (The host of GIDAF is the ministry.) Tj ET", false),
    )
    .unwrap();
    assert_places(&found);
    assert_eq!(found.corpus.units[0].text, "The host of GIDAF is the ministry.");
}

#[cfg(feature = "pdf")]
#[test]
fn items_of_a_pdf_are_no_values() {
    let line = |y: usize, text: &str| format!("BT /F 12 Tf 50 {y} Td ({text}) Tj ET\n");
    let content =
        [line(700, "The parts are:"), line(600, "- the first part that goes"), line(500, "on in a line of its own")]
            .concat();
    let found = read_one("a.pdf", &pdf::tests::document(&content, false)).unwrap();
    assert!(found.corpus.units[0].text.contains("- the first part"), "{}", found.corpus.units[0].text);
    assert_eq!(fields(&found), Vec::<String>::new());
}

#[test]
fn languages_are_the_units_own_or_the_documents() {
    let text = "# A\n\nThe application is hosted by the ministry, and its users are the agents of the departments.\n\n# B\n\nShort.\n\n# C\n\nCette application est hébergée par le ministère et ses utilisateurs sont les agents des directions.\n\n# D\n\nThe owners of the second application are all the members of the team that has built it.\n";
    let found = reading("a.md", text);
    let languages: Vec<_> = found.corpus.units.iter().map(|unit| unit.language.unwrap().code()).collect();
    assert_eq!(languages, ["en", "en", "fr", "en"]);
    let folder = Folder::new(&[("a.md", text.as_bytes())]);
    let french = folder.read(&ReadOptions { languages: vec![Language::Fr], ..ReadOptions::default() }).unwrap();
    assert!(french.corpus.units.iter().all(|unit| unit.language == Some(Language::Fr)));
}

#[test]
fn a_table_is_in_the_language_of_most_of_its_columns() {
    let table = "Name,Host,Responsable,Status\nGIDAF,OVH,Jean Petit,live\nZora,AWS,Anne Roux,test\nBraude,Azure,Luc Blanc,live\n";
    let found = reading("a.csv", table);
    assert!(found.corpus.units.iter().all(|unit| unit.language == Some(Language::En)), "{:?}", found.corpus.units);
    let table = table.replace("Host", "Hébergeur").replace("Status", "Statut");
    let found = reading("a.csv", &table.replace("Responsable", "Owner"));
    assert!(found.corpus.units.iter().all(|unit| unit.language == Some(Language::Fr)), "{:?}", found.corpus.units);
}

#[test]
fn ids_are_stable_and_different() {
    let text = "# A\n\nSame.\n\n# B\n\nSame.\n";
    let folder = Folder::new(&[("a.md", text.as_bytes()), ("b.md", text.as_bytes())]);
    let (one, two) = (folder.read(&ReadOptions::default()).unwrap(), folder.read(&ReadOptions::default()).unwrap());
    assert_eq!(one, two);
    let ids: std::collections::BTreeSet<_> = one.corpus.units.iter().map(|unit| unit.id.hex()).collect();
    assert_eq!(ids.len(), 4);
}

#[path = "read_fault_tests.rs"]
mod faults;

#[path = "read_entity_tests.rs"]
mod entities;

#[path = "read_prose_tests.rs"]
mod prose;

#[path = "read_table_tests.rs"]
mod tables;
