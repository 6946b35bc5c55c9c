//! Tables of records: sheets of workbooks, titles of records, rows that are none.

use super::*;

#[cfg(feature = "xlsx")]
#[test]
fn each_sheet_of_a_workbook_has_a_title_of_its_own() {
    use workbook::tests::{sheet_data, workbook_with};
    let boats = sheet_data("Boat|Stock|Shelf\nFjord 380|four|A1\nFjord 460|two|A2");
    let paddles = sheet_data("Paddle|Material\nPagaie Carbone|carbon\nPagaie Junior|wood");
    let bytes = workbook_with(&[("Boats", &boats), ("Paddles", &paddles), ("Notes", "<sheetData/>")], "");
    let found = read_one("stock.xlsx", &bytes).unwrap();
    assert_places(&found);
    let expected = [
        "Fjord 380 | Stock | four | Record",
        "Fjord 380 | Shelf | A1 | Record",
        "Fjord 460 | Stock | two | Record",
        "Fjord 460 | Shelf | A2 | Record",
        "Pagaie Carbone | Material | carbon | Record",
        "Pagaie Junior | Material | wood | Record",
    ];
    assert_eq!(fields(&found), expected);
    let said = "sheet \"Boats\": 2 records, no text, title = Boat (2), 2 fields; sheet \"Paddles\": 2 records, no text, title = \
                Paddle (2), 1 field";
    assert!(found.layouts[0].to_string().ends_with(said), "{}", found.layouts[0]);
}

#[test]
fn a_title_that_repeats_gives_way_to_what_tells_records_apart() {
    let title = |name: &str, text: &str| {
        let found = reading(name, text);
        let title = found.layouts[0].records[0].title.clone().map(|title| title.path);
        (title.unwrap_or_default(), found)
    };
    let tickets = "{\"id\": 5121, \"subject\": \"Valve leaks\", \"product\": \"Fjord 460\", \"status\": \"solved\"}\n\
                   {\"id\": 5122, \"subject\": \"Missing pump\", \"product\": \"Fjord 460\", \"status\": \"open\"}\n\
                   {\"id\": 5123, \"subject\": \"Wrong VAT\", \"product\": null, \"status\": \"open\"}\n";
    let (subject, found) = title("tickets.jsonl", tickets);
    assert_eq!(subject, "subject");
    assert!(fields(&found).contains(&"Wrong VAT | status | open | Record".to_owned()), "{:?}", fields(&found));
    // Records with a text too: a subject is of each, a reference may be a program's number of a chunk.
    let with_text = |key: &str| -> String {
        let record = |i: usize| {
            format!("{{\"{key}\": \"X {i}\", \"product\": \"Fjord {}\", \"text\": \"{LONG} {i}\"}}\n", i / 3)
        };
        (0..9).map(record).collect()
    };
    assert_eq!(title("a.jsonl", &with_text("subject")).0, "subject");
    assert_eq!(title("a.jsonl", &with_text("reference")).0, "product");
    let orders = "date,order no,product,customer\n2026-03-09,A-1,Fjord 380,Ann\n2026-03-10,A-2,Fjord 380,Bob\n2026-03-11,A-3,Pagaie,Ann\n";
    let (order, found) = title("orders.csv", orders);
    assert_eq!((order.as_str(), found.notes.as_slice()), ("order no", &[][..]));
    assert!(fields(&found).contains(&"A-3 | product | Pagaie | Record".to_owned()), "{:?}", fields(&found));
}

#[test]
fn what_is_a_part_of_a_columns_name_alone_is_no_reference() {
    let title = |text: &str| reading("a.csv", text).layouts[0].records[0].title.clone().map(|title| title.path);
    let people = "name,phone number,team\nAnn Smith,0470 12 34 56,Sales\nAnn Smith,0470 65 43 21,Support\nBob Lee,0471 11 22 33,Sales\n";
    assert_eq!(title(people).as_deref(), Some("name"));
    let orders = "product,order date,order no,customer\nFjord,2026-03-09,A-1,Ann\nFjord,2026-03-10,A-2,Bob\nPagaie,2026-03-11,A-3,Ann\n";
    assert_eq!(title(orders).as_deref(), Some("order no"));
    let priced = "product,ticket price,number of users\nFjord,9.5,12\nFjord,8.25,7\nPagaie,4,3\n";
    assert_eq!(title(priced).as_deref(), Some("product"));
}

#[test]
fn a_header_whose_first_column_has_no_name_is_no_title_above_a_table() {
    let found = reading("a.csv", ",host\nGIDAF,OVH\nAida,AWS\n");
    let all = fields(&found).join("; ");
    assert!(all.contains("host | OVH") && all.contains("host | AWS"), "{all}");
}

#[test]
fn records_that_share_a_title_are_said() {
    let orders = "product,customer\nFjord 380,Ann\nFjord 380,Bob\nPagaie,Ann\nSvalbard,Ann\n";
    let found = reading("orders.csv", orders);
    let [note] = found.notes.as_slice() else { panic!("{:?}", found.notes) };
    let said = "orders.csv: 2 records have a product that others have too, such as \"Fjord 380\", and are read as about one thing; \
                --map title=PATH names a path that tells them apart";
    assert!(note.to_string().ends_with(said), "{note}");
    // Rows that agree in what they both state are about one thing.
    let found = reading("apps.csv", "name,host,users\nGIDAF,OVH,\nGIDAF,OVH,5\nAida,AWS,3\n");
    assert_eq!(found.notes, []);
}

#[test]
fn a_record_without_a_title_among_others_is_not_called_as_the_file() {
    let found = reading("tickets.csv", "name,status\nA,open\nB,solved\nC,open\n,open\n");
    assert_eq!(found.corpus.units[3].title, None);
    let found = reading("tickets.csv", "host,status\nOVH,open\n");
    assert!(found.corpus.units[0].title.is_some());
}

#[test]
fn the_header_stands_below_a_title_and_totals_are_no_entities() {
    let expected = [
        "Fjord 380 | Stock | 4 | Record",
        "Fjord 380 | Shelf | A1 | Record",
        "Pagaie | Stock | 2 | Record",
        "Pagaie | Shelf | B2 | Record",
    ];
    let rows = "Boat;Stock;Shelf\nFjord 380;4;A1\nPagaie;2;B2\n";
    for title in
        ["", "Stock of May 2026\n", "Stock of May 2026\n\n", "Stock of May 2026;;\n;;\n", "Orla Boats\nStock, May\n"]
    {
        assert_eq!(fields(&reading("a.csv", &format!("{title}{rows}"))), expected, "{title:?}");
    }
    let found = reading("a.csv", &format!("{rows}Total;6;\n"));
    assert_eq!(fields(&found), expected);
    assert!(found.notes[0].to_string().ends_with("a.csv: 1 row with totals left out"), "{:?}", found.notes);
    // A name, not a sum.
    assert_eq!(fields(&reading("a.csv", "Firm,City\nTotal,Paris\nElf,Lyon\n")).len(), 2);
    // A column of texts is no title with a table of two columns below it.
    assert!(read_one("a.csv", b"texte\nBonjour, toi\nSalut, vous\n").is_err());
}

#[cfg(feature = "xlsx")]
#[test]
fn the_header_of_a_sheet_stands_below_its_title_and_a_fault_names_the_sheet() {
    use workbook::tests::{sheet_data, workbook_with};
    let of = |rows: &str| read_one("a.xlsx", &workbook_with(&[("May", &sheet_data(rows))], ""));
    let found = of("Stock of May 2026\n\nBoat|Stock\nFjord 380|4\nPagaie|2\nTotal|6").unwrap();
    assert_places(&found);
    assert_eq!(fields(&found), ["Fjord 380 | Stock | 4 | Record", "Pagaie | Stock | 2 | Record"]);
    let fault = of("Boat|Stock\nFjord 380|4\nPagaie|2|B2").unwrap_err().to_string();
    assert!(fault.contains("a.xlsx sheet \"May\" line 3: 3 cells, where the header has 2"), "{fault}");
}

#[test]
fn a_mapped_key_is_missing_only_where_no_file_has_it() {
    let files: [(&str, &[u8]); 3] = [
        ("a.csv", b"Subject line,Status\nValve,open\nPump,open\n"),
        ("b.csv", b"Dealer,City\nOban,Oban\nLac,Annecy\n"),
        ("c.md", b"# Notes\n\nSome text.\n"),
    ];
    let with = |title: &str| {
        let map = Map { title: Some(title.to_owned()), ..Map::default() };
        Folder::new(&files).read(&ReadOptions { map, ..ReadOptions::default() })
    };
    let found = with("Status").unwrap();
    let said: Vec<String> = found.layouts.iter().map(|layout| layout.to_string()).collect();
    assert!(said[0].contains("title = Status (1)"), "{said:?}");
    assert!(said[1].contains("title = Dealer (2), no Status (the title is guessed)"), "{said:?}");
    let fault = with("Nope").unwrap_err().to_string();
    assert!(fault.contains("a.csv: no record has \"Nope\"") && fault.contains("Subject line, Status"), "{fault}");
}

#[test]
fn a_table_of_questions_has_a_passage_for_each_answer() {
    let csv = "question,answer,category\nHow long is the warranty?,Three years.,service\n\
               Who repairs the pumps?,The Brandt company.,service\nWho paints the boats?,The Brandt company.,sales\n";
    let jsonl = "{\"Q\": \"Who repairs the pumps?\", \"A\": \"The Brandt company.\"}\n";
    let stated = |found: &Reading| -> Vec<(String, String)> {
        let units = found.corpus.units.iter();
        units.map(|unit| (unit.path.join("|"), unit.text.clone())).collect()
    };
    let pair = |question: &str, answer: &str| (question.to_owned(), answer.to_owned());
    let found = reading("faq.csv", csv);
    assert_places(&found);
    let expected = [
        pair("How long is the warranty?", "Three years."),
        pair("Who repairs the pumps?", "The Brandt company."),
        pair("Who paints the boats?", "The Brandt company."),
    ];
    assert_eq!(stated(&found), expected);
    let said = found.layouts[0].to_string();
    assert!(said.ends_with("question = question (3), 0 fields, not used: category (beside the questions)"), "{said}");
    assert_eq!(stated(&reading("faq.jsonl", jsonl)), expected[1..2]);
    // Columns of these names that ask nothing.
    let sizes = reading("sizes.csv", "Q,A\nlarge,12\nsmall,4\n");
    assert!(!sizes.layouts[0].to_string().contains("question"), "{}", sizes.layouts[0]);
}
