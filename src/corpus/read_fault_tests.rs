//! What a map decides, what is refused, and inputs of any bytes.

use super::*;

#[test]
fn an_interruption_ends_the_reading() {
    let options = ReadOptions::default();
    options.interrupt.raise();
    let folder = Folder::new(&[("a.md", b"# A\n\nText.\n"), ("b.csv", b"Name,Host\nGIDAF,OVH\n")]);
    assert!(matches!(folder.read(&options), Err(CorpusError::Interrupted)));
}

#[test]
fn values_that_alternate_are_not_constant() {
    let line = |i: usize| {
        format!(
            "{{\"name\": \"App {i}\", \"critical\": {}, \"lang\": \"fr\", \"rare\": {}}}\n",
            i.is_multiple_of(2),
            i / 990
        )
    };
    let text: String = (0..1000).map(line).collect();
    let found = reading("a.jsonl", &text);
    let records = found.layouts[0].records[0].clone();
    let paths = |paths: Vec<&str>| paths.join(" ");
    assert_eq!(paths(records.fields.iter().map(|field| field.path.as_str()).collect()), "critical rare");
    let ignored: Vec<_> = records.ignored.iter().map(|ignored| format!("{}: {}", ignored.path, ignored.why)).collect();
    assert_eq!(ignored, ["lang: constant"]);
}

/// The part of the line about a reading that says which paths are not used.
fn not_used(reading: &Reading) -> String {
    let line = reading.layouts[0].to_string();
    line.split_once(", not used: ").map(|(_, paths)| paths.to_owned()).unwrap_or_default()
}

#[test]
fn what_people_measure_is_bookkeeping_only_where_programs_write_it() {
    let found = reading("a.csv", "name,distance,score,altitude\nMont Aré,12 km,3,1024\nPic Zu,9 km,4,987\n");
    assert_eq!(found.corpus.units[0].text, "Mont Aré\ndistance: 12 km\nscore: 3\naltitude: 1024");
    assert_eq!(fields(&found).len(), 6);
    assert_eq!(not_used(&found), "");
    let csv = format!("name,score,text\nA,1,\"un {LONG}\"\nB,2,\"deux {LONG}\"\n");
    assert_eq!(not_used(&reading("a.csv", &csv)), "score (technical)");
    let csv = "name,host,score,vector\nA,x,1,\"[0.5, 0.5]\"\nB,y,2,\"[0.1, 0.2]\"\n";
    assert_eq!(not_used(&reading("a.csv", csv)), "score (technical), vector (embedding)");
    let lines = "{\"name\": \"A\", \"score\": 3, \"metadata\": {\"page\": 1}}\n{\"name\": \"B\", \"score\": 4, \"metadata\": {\"page\": 2}}\n";
    assert_eq!(not_used(&reading("a.jsonl", lines)), "metadata.page (technical)");
}

#[test]
fn a_constant_stays_in_the_text_and_what_deviates_is_a_fact() {
    let rows = |host: &dyn Fn(usize) -> &'static str| -> String {
        let row = |i: usize| format!("App {i},{},{}\n", host(i), i * 7);
        ["name,host,users\n".to_owned()].into_iter().chain((0..150).map(row)).collect()
    };
    let one = reading("a.csv", &rows(&|i| if i == 70 { "AWS" } else { "OVH" }));
    assert!(fields(&one).contains(&"App 70 | host | AWS | Record".to_owned()));
    assert_eq!(one.corpus.units[0].text, "App 0\nhost: OVH\nusers: 0");
    assert_eq!(not_used(&one), "");
    let all = reading("a.csv", &rows(&|_| "OVH"));
    assert_eq!(all.corpus.units[0].text, "App 0\nhost: OVH\nusers: 0");
    assert_eq!(fields(&all).len(), 150);
    assert_eq!(not_used(&all), "host (constant: in the text only)");
    let keys: Vec<String> = (0..12).map(|i| format!("\"k{i:02}\": \"x\"")).collect();
    let lines: String = (0..25).map(|i| format!("{{\"name\": \"App {i}\", {}}}\n", keys.join(", "))).collect();
    assert!(not_used(&reading("a.jsonl", &lines)).ends_with("k07 (constant: in the text only) and 4 more"));
}

#[test]
fn a_map_decides() {
    let line = |i: usize| format!("{{\"a\": \"{i} {LONG}\", \"b\": \"{LONG} {i}\", \"c\": \"T{i}\"}}\n");
    let text: String = (0..5).map(line).collect();
    let e = read_one("a.jsonl", text.as_bytes()).unwrap_err().to_string();
    assert!(e.contains("a and b") && e.contains("--map text=a") && e.contains("--map text=b"), "{e}");
    let folder = Folder::new(&[("a.jsonl", text.as_bytes())]);
    let map = |given: &str| ReadOptions { map: given.parse().unwrap(), ..ReadOptions::default() };
    let found = folder.read(&map("text=b,title=c")).unwrap();
    assert_places(&found);
    assert_eq!(fields(&found)[0], format!("T0 | a | 0 {LONG} | Record"));
    let e = folder.read(&map("text=body")).unwrap_err().to_string();
    assert!(e.contains("\"body\"") && e.contains("the paths are a, b, c"), "{e}");
}

#[test]
fn a_text_in_a_list_is_read_whole() {
    let line = |i: usize| {
        format!(
            "{{\"name\": \"App {i}\", \"owner\": \"O{i}\", \"paragraphs\": [\"A{i} \\n {LONG}\", \"B{i} {LONG}\\nOwner: X\\nHost: Y\"]}}\n"
        )
    };
    let folder = Folder::new(&[("a.jsonl", (0..3).map(line).collect::<String>().as_bytes())]);
    let options = ReadOptions { map: "text=paragraphs".parse().unwrap(), ..ReadOptions::default() };
    let found = folder.read(&options).unwrap();
    assert_places(&found);
    let units: Vec<_> = found.corpus.units.iter().map(|u| (u.title.as_deref().unwrap(), &u.text[..2])).collect();
    assert_eq!(
        units,
        [("App 0", "A0"), ("App 0", "B0"), ("App 1", "A1"), ("App 1", "B1"), ("App 2", "A2"), ("App 2", "B2")]
    );
    assert_eq!(fields(&found)[..2], ["App 0 | owner | O0 | Record", "App 0 | Host | Y | KeyValue"]);
    assert!(found.layouts[0].to_string().contains("text = paragraphs (median 1"), "{}", found.layouts[0]);
}

#[test]
fn an_object_with_a_list_is_one_record_unless_it_only_counts_them() {
    let one = r#"{"name": "GIDAF", "owner": "Jean Petit", "modules": [{"name": "A"}, {"name": "B"}]}"#;
    let expected = ["GIDAF | owner | Jean Petit | Record", "GIDAF | modules | A / B | Record"];
    assert_eq!(fields(&reading("a.json", one)), expected);
    let exported = r#"{"exported_at": "2024-01-02", "page": {"number": 1, "size": 20}, "next": null, "apps": [{"name": "A", "host": "x"}, {"name": "B", "host": "y"}]}"#;
    let found = reading("a.json", exported);
    assert_eq!(fields(&found), ["A | host | x | Record", "B | host | y | Record"]);
    assert_eq!(not_used(&found), "exported_at (beside the records), page (beside the records)");
    // A long list is one of records; what stands beside it is a record too.
    let apps: Vec<String> = (0..10).map(|i| format!(r#"{{"name": "App {i}", "host": "h{i}"}}"#)).collect();
    let catalogue = format!(r#"{{"name": "Catalogue", "owner": "DSI", "apps": [{}]}}"#, apps.join(", "));
    let found = reading("a.json", &catalogue);
    assert_eq!(found.corpus.units.len(), 11);
    assert_eq!(fields(&found)[..2], ["Catalogue | owner | DSI | Record", "App 0 | host | h0 | Record"]);
    let two = format!(r#"{{"version": 1, "apps": [{0}], "tools": [{0}]}}"#, apps.join(", "));
    let found = reading("a.json", &two);
    assert_eq!((found.corpus.units.len(), not_used(&found).as_str()), (20, "version (beside the records)"));
}

#[test]
fn lists_in_lists_are_read_and_what_is_too_deep_is_said() {
    let deep = r#"{"name": "A", "tags": [["x", "y"], ["z"]], "a": {"b": {"c": {"d": {"e": 1}, "f": 2}}}, "shape": [[1, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 3, 4, 5, 6, 7, 8, 9]]}"#;
    let found = reading("a.jsonl", &format!("{deep}\n{}\n", deep.replace("\"A\"", "\"B\"")));
    assert_eq!(fields(&found)[..2], ["A | tags | x / y / z | Record", "A | f | 2 | Record"]);
    assert_eq!(not_used(&found), "shape (embedding), a.b.c.d (too deep)");
}

#[test]
fn a_rare_field_is_no_copy_of_another() {
    let line = |i: usize| match i {
        4 => "{\"name\": \"App 4\", \"owner\": \"Alpha\"}\n".to_owned(),
        1504 => "{\"name\": \"App 1504\", \"extra\": {\"owner\": \"Bravo\"}}\n".to_owned(),
        _ => format!("{{\"name\": \"App {i}\", \"users\": {i}}}\n"),
    };
    let found = reading("a.jsonl", &(0..2000).map(line).collect::<String>());
    assert_eq!(not_used(&found), "");
    for fact in ["App 4 | owner | Alpha | Record", "App 1504 | extra owner | Bravo | Record"] {
        assert!(fields(&found).contains(&fact.to_owned()), "{fact}");
    }
    // Values that are equal in the sample and differ elsewhere are no copies either.
    let twice = |i: usize| {
        let other = if i == 1504 { "Bravo" } else { "Alpha" };
        format!("{{\"name\": \"App {i}\", \"owner\": \"Alpha\", \"meta\": {{\"owner\": \"{other}\"}}}}\n")
    };
    let found = reading("a.jsonl", &(0..2000).map(twice).collect::<String>());
    assert!(found.corpus.units[1504].text.contains("Bravo"), "{}", found.corpus.units[1504].text);
    let found = reading("a.jsonl", &(0..1500).map(twice).collect::<String>());
    assert!(not_used(&found).ends_with("meta.owner (copy)"), "{}", not_used(&found));
}

fn fault(name: &str, bytes: &[u8]) -> String {
    read_one(name, bytes).unwrap_err().to_string().replace('\n', " ")
}

#[test]
fn training_data_are_no_documents() {
    for text in [
        r#"{"messages": [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]}"#,
        r#"{"conversations": [{"from": "human", "value": "u"}]}"#,
        r#"{"instruction": "do", "input": "", "output": "done"}"#,
        r#"{"prompt": "p", "completion": "c"}"#,
        r#"{"question": "Who hosts it?", "expected": ["OVH"]}"#,
        r#"{"question": "Who hosts it?", "context": "OVH.", "answers": {"text": ["OVH"], "answer_start": [0]}}"#,
    ] {
        let e = fault("a.jsonl", text.as_bytes());
        assert!(e.contains("already training data") && e.contains("data split"), "{e}");
    }
    assert!(fault("a.csv", b"instruction,output\ndo,done\n").contains("already training data"));
}

#[test]
fn each_fault_is_named() {
    let mut long = b"{\"text\": \"".to_vec();
    long.extend(vec![b'x'; 17 << 20]);
    long.extend(b"\"}");
    let mut wide = "a,".repeat(10_001).into_bytes();
    wide.push(b'\n');
    for (name, bytes, part) in [
        ("a.jsonl", &long[..], "the line has"),
        ("a.md", &vec![b'x'; 17 << 20], "the line has"),
        ("a.csv", &wide, "10001 columns"),
        ("a.txt", b"", "empty"),
        ("a.txt", b"  \n", "empty"),
        ("a.txt", b"\x00\x01\x02", "binary"),
        ("a.png", b"\x89PNG\r\n", "a picture"),
        ("a.zip", b"PK\x03\x04....", "unzip it"),
        ("a.jsonl", b"{\"a\": 1}\n{\"a\": }\n", "line 2 column 7"),
        ("a.jsonl", b"{\"a\": 1}\n[1]\n", "no JSON object"),
        ("a.json", b"[]", "no text"),
        ("a.csv", b"a,b\n", "no text"),
        ("a.csv", b"a,b\n1,2,3\n", "line 2: 3 cells"),
        ("a.csv", b"a,b\n1,\"2\n3,4\n", "line 2: a quotation mark"),
        ("a.md", b"---\ntitle: Only a title\n---\n", "no text"),
        ("a.txt", "l\u{221a}\u{a9}gal".as_bytes(), "MACINTOSH"),
        ("a.txt", "l\u{c3}\u{a9}gal".as_bytes(), "WINDOWS-1252"),
        ("a.html", "<div>".repeat(9999).as_bytes(), "deep"),
    ] {
        let e = fault(name, bytes);
        assert!(e.contains(part) && e.contains(name), "{name}: {e}");
        assert!(e.contains(" hint: "), "{name}: no remedy: {e}");
        assert!(e.len() < 600, "{e}");
    }
    let many: String = (0..10_001).map(|i| format!("{{\"k{i}\": 1}}\n")).collect();
    assert!(fault("a.jsonl", many.as_bytes()).contains("different fields"));
}

#[test]
fn a_folder_leaves_out_what_is_no_document() {
    let folder = Folder::new(&[
        ("a.md", b"# A\n\nText of it."),
        ("b.png", b"\x89PNG"),
        ("c.py", b"print(1)"),
        ("d.txt", b""),
        ("e.bin", b"\0\0"),
        ("f.json", b"[]"),
    ]);
    let reading = folder.read(&ReadOptions::default()).unwrap();
    assert_eq!(reading.corpus.documents.len(), 1);
    let notes: Vec<String> = reading.notes.iter().map(ToString::to_string).collect();
    assert_eq!(
        notes,
        [
            "b.png: skipped: it is not a document",
            "c.py: skipped: it is not a document",
            "d.txt: skipped: it is empty",
            "e.bin: skipped: it is not a document",
            "f.json: skipped: it holds no text"
        ]
    );
    let none = Folder::new(&[("b.png", b"\x89PNG")]).read(&ReadOptions::default());
    assert!(matches!(none, Err(CorpusError::NoDocument(_))));
}

proptest::proptest! {
    #[test]
    fn no_markdown_panics_and_places_hold(text in "([#*`|:>\\-\\[\\]()_ \n\té]|a|Key|1\\.|\\*\\*K\\*\\* : v\n|\\| a \\| b \\|\n|\\|-\\|-\\|\n){1,60}") {
        if let Ok(reading) = read_one("a.md", text.as_bytes()) {
            for unit in &reading.corpus.units {
                let document = &reading.corpus.documents[0];
                proptest::prop_assert_eq!(document.slice(unit.span), Some(unit.text.clone()));
                for (value, span) in unit.fields.iter().flat_map(|f| f.values.iter().zip(&f.spans)) {
                    proptest::prop_assert!(document.says(*span, value), "{value}");
                }
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        for name in ["a.txt", "a.json", "a.csv", "a.md", "a.html"] {
            let _ = read_one(name, &bytes);
        }
    }
}

#[test]
fn all_documents_together_have_a_limit() {
    use crate::corpus::read::{MAX_ALL, together};
    assert!(matches!(together(MAX_ALL - 5, 5), Ok(MAX_ALL)));
    let refused = together(MAX_ALL, 1).unwrap_err().to_string();
    assert!(refused.starts_with("the documents have more than 2 GiB of text together"), "{refused}");
    assert!(together(1, usize::MAX).is_err());
}
