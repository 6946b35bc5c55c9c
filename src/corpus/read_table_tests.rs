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
