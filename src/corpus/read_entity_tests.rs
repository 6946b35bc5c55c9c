//! What the fields of tables, records and lines belong to.

use super::*;

#[test]
fn a_comparison_is_read_by_columns() {
    let table =
        "# Trees\n\n| Property | Pomona | Ceres |\n|---|---|---|\n| Host | OVH | AWS |\n| Version | 1.0 | 2.0 |\n";
    let expected = [
        "Pomona | Host | OVH | Cell",
        "Ceres | Host | AWS | Cell",
        "Pomona | Version | 1.0 | Cell",
        "Ceres | Version | 2.0 | Cell",
    ];
    assert_eq!(fields(&reading("a.md", table)), expected);
    let html = "<h1>Trees</h1><table><tr><th>Property</th><th>Pomona</th><th>Ceres</th></tr><tr><td>Host</td><td>OVH</td>\
        <td>AWS</td></tr><tr><td>Version</td><td>1.0</td><td>2.0</td></tr></table>";
    assert_eq!(fields(&reading("a.html", html)), expected);
    let unknown = "# Trees\n\n| | Pomona | Ceres |\n|---|---|---|\n| Wood | oak | elm |\n| Bark | grey | brown |\n";
    assert_eq!(fields(&reading("a.md", unknown)), Vec::<String>::new());
}

#[test]
fn spans_of_html_tables_shift_no_cell() {
    let html = "<h1>Hosts</h1><table><tr><th>App</th><th>Host</th><th>Version</th></tr>\
        <tr><td>A</td><td rowspan=2>OVH</td><td>1</td></tr><tr><td>B</td><td>2</td></tr>\
        <tr><th>C</th><td></td><td>3</td></tr></table>";
    assert_eq!(
        fields(&reading("a.html", html)),
        [
            "A | Host | OVH | Cell",
            "A | Version | 1 | Cell",
            "B | Host | OVH | Cell",
            "B | Version | 2 | Cell",
            "C | Version | 3 | Cell"
        ]
    );
    let two = "<h1>Sizes</h1><table><tr><th rowspan=2>App</th><th colspan=2>Sizes</th></tr><tr><th>Min</th><th>Max</th></tr>\
        <tr><td>A</td><td>3</td><td>4</td></tr></table>";
    assert_eq!(fields(&reading("a.html", two)), Vec::<String>::new());
}

#[test]
fn paragraphs_that_repeat_keys_are_records() {
    let text = "Name: Falcon\nStatus: active\nCrew: 0\n\nName: Soyuz\nStatus: retired\nCrew: 3\n";
    let expected = [
        "Falcon | Status | active | KeyValue",
        "Falcon | Crew | 0 | KeyValue",
        "Soyuz | Status | retired | KeyValue",
        "Soyuz | Crew | 3 | KeyValue",
    ];
    assert_eq!(fields(&reading("rockets.txt", text)), expected);
    assert_eq!(fields(&reading("rockets.txt", &text.replace("\n\n", "\n"))), expected, "without an empty line");
    assert_eq!(fields(&reading("rockets.md", &format!("# Rockets\n\n{text}"))), expected);
    // Without a name the first key names them, where it tells them apart; else nothing does.
    let first = text.replace("Name", "Rocket");
    assert_eq!(fields(&reading("rockets.txt", &first)), expected);
    // What names records in JSON names them here.
    let product = "Status: active\nProduit: Falcon\nCrew: 0\n\nStatus: active\nProduit: Soyuz\nCrew: 3\n";
    assert_eq!(fields(&reading("rockets.txt", product))[1], "Falcon | Crew | 0 | KeyValue");
    let unnamed = "Status: active\nCrew: 0\n\nStatus: retired\nCrew: 3\n";
    assert_eq!(fields(&reading("rockets.txt", unnamed)), Vec::<String>::new());
    let one = "Status: active\nCrew: 0\n\nHeight: 70 m\nMass: 549 t\n";
    assert_eq!(fields(&reading("falcon.txt", one)).len(), 4, "other keys go on with the same thing");
    let remark = "Host: OVH\nTime: 12:30\nWarning: do not touch\n";
    assert_eq!(fields(&reading("a.txt", remark)), ["a | Host | OVH | KeyValue", "a | Time | 12:30 | KeyValue"]);
}

#[test]
fn single_lines_are_read_where_they_are_items_or_their_key_is_known() {
    let text = "# A\n\n- Host: OVH\n\n# B\n\nHost: AWS\n\n# C\n\nThe host is known.\n\n**Host** : DSI\n\n# D\n\nRemark on it: fine\n\n\
        # E\n\nHost: it is not known yet.\n\n# F\n\n- one\n- Step: two\n";
    let expected = ["A | Host | OVH | KeyValue", "B | Host | AWS | KeyValue", "C | Host | DSI | KeyValue"];
    assert_eq!(fields(&reading("a.md", text)), expected);
    let folder = Folder::new(&[("a.md", b"# A\n\nHost: OVH\n"), ("b.txt", b"Host: AWS\n"), ("c.txt", b"Zone: x\n")]);
    let found = folder.read(&ReadOptions::default()).unwrap();
    assert_places(&found);
    assert_eq!(fields(&found), ["A | Host | OVH | KeyValue", "b | Host | AWS | KeyValue"]);
}

#[test]
fn two_named_objects_and_tables_with_columns_are_records() {
    let two = r#"{"Alpha": {"host": "OVH", "price": 10}, "Beta": {"host": "AWS", "price": 20}}"#;
    let expected = [
        "Alpha | host | OVH | Record",
        "Alpha | price | 10 | Record",
        "Beta | host | AWS | Record",
        "Beta | price | 20 | Record",
    ];
    assert_eq!(fields(&reading("a.json", two)), expected);
    let rows = r#"{"columns": ["name", "host", "price"], "data": [["Alpha", "OVH", 10], ["Beta", "AWS", 20]]}"#;
    assert_eq!(fields(&reading("a.json", rows)), expected);
    assert_eq!(fields(&reading("a.json", &format!(r#"{{"result": {rows}, "status": "ok"}}"#))), expected);
    let index = r#"{"columns": ["host", "price"], "index": ["Alpha", "Beta"], "data": [["OVH", 10], ["AWS", 20]]}"#;
    assert_eq!(fields(&reading("a.json", index)), expected);
    let long = r#"{"columns": ["name", "host"], "data": [["Alpha", "OVH", 10]]}"#;
    assert!(matches!(read_one("a.json", long.as_bytes()), Err(CorpusError::Cells { found: 3, expected: 2, .. })));
    // The parts of one record are no records.
    let parts = r#"{"metadata": {"name": "Alpha", "host": "OVH"}, "details": {"name": "Alpha", "price": 10}}"#;
    assert!(reading("a.json", parts).corpus.units.len() == 1);
}

#[test]
fn what_is_struck_out_is_no_value() {
    let text = "# A\n\nVersion: ~~1.0~~ 2.0\nHost: ~~OVH~~\nZone: x\n\n| App | Host | Version |\n|---|---|---|\n| B | ~~OVH~~ AWS | ~~1~~ |\n";
    let expected = ["A | Version | 2.0 | KeyValue", "A | Zone | x | KeyValue", "B | Host | AWS | Cell"];
    assert_eq!(fields(&reading("a.md", text)), expected);
}

#[test]
fn items_above_pairs_name_what_the_pairs_are_about() {
    let expected = [
        "Pump P-101 | Location | Hall A | KeyValue",
        "Pump P-101 | Power | 15 kW | KeyValue",
        "Pump P-102 | Location | Hall B | KeyValue",
        "Pump P-102 | Power | 22 kW | KeyValue",
    ];
    let indented =
        "1. Pump P-101\n   Location: Hall A\n   Power: 15 kW\n2. Pump P-102\n   Location: Hall B\n   Power: 22 kW\n";
    let flat = indented.replace("   ", "");
    for list in [
        indented.to_owned(),
        flat.clone(),
        indented.replace("1\n", "1:\n").replace("2\n", "2:\n"),
        indented.replace("   ", "   - "),
        indented.replace("   Loc", "\n   Loc").replace("2. ", "\n2. "),
        indented.replace("1. ", "- ").replace("2. ", "- "),
        indented.replace("Pump P-101", "**Pump P-101**"),
    ] {
        assert_eq!(fields(&reading("a.md", &format!("# Pumps\n\n{list}"))), expected, "{list}");
        assert_eq!(fields(&reading("a.md", &format!("# Site\n\nThe pumps are:\n\n{list}"))), expected, "{list}");
    }
    // In plain text the items are headings.
    for list in [flat.clone(), indented.to_owned(), flat.replace("2. ", "\n2. ")] {
        let reading = reading("a.txt", &list);
        let titles: Vec<_> = reading.corpus.units.iter().map(|unit| unit.title.clone().unwrap()).collect();
        assert_eq!(titles, ["1. Pump P-101", "2. Pump P-102"], "{list}");
        let fields: Vec<_> = reading.corpus.units.iter().flat_map(|unit| &unit.fields).map(|f| &f.values[0]).collect();
        assert_eq!(fields, ["Hall A", "15 kW", "Hall B", "22 kW"], "{list}");
    }
    let one = "# Pumps\n\n1. Pump P-101\n   Location: Hall A\n   Power: 15 kW\n";
    assert_eq!(fields(&reading("a.md", one)), expected[..2]);
    let steps = "# Pump\n\n1. Open the valve, and wait.\n   Location: Hall A\n2. Close it.\n   Power: 15 kW\n";
    assert!(fields(&reading("a.md", steps)).iter().all(|field| field.starts_with("Pump |")), "sentences are no names");
}

#[test]
fn links_and_footnotes_leave_plain_values() {
    let text = "# Apps\n\n## GIDAF[^1]\n\n- Wiki: [wiki](https://wiki.example.org/x)\n- Host: [OVH](https://ovh.example)[^2]\n\n\
        | App | Server | Manual |\n|---|---|---|\n| Zora[^1] | srv-1[^2] | [here](https://m.example/z) |\n\n\
        [^1]: since 2020\n[^2]: in Roubaix\n";
    let expected = [
        "GIDAF | Wiki | https://wiki.example.org/x | KeyValue",
        "GIDAF | Host | OVH | KeyValue",
        "Zora | Server | srv-1 | Cell",
        "Zora | Manual | https://m.example/z | Cell",
    ];
    assert_eq!(fields(&reading("a.md", text)), expected);
    let html = "<h1>GIDAF</h1><ul><li>Wiki: <a href='https://wiki.example.org/x'>wiki</a></li>\
        <li>Host: <a href='https://ovh.example'>OVH</a></li></ul>";
    assert_eq!(fields(&reading("a.html", html)), expected[..2]);
}
