//! How cells of a workbook show their numbers: as percents and amounts of money, which the reader of cells does not tell.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::archive::Archive;
use super::kind_number::has_currency;
use super::xml::{XmlPart, XmlToken, attribute, each_token};

/// Digits behind the point that a workbook can show, at most.
const MAX_DIGITS: usize = 30;

/// Of each sheet, by row and column, the formats of cells that are percents or amounts of money.
#[derive(Default)]
pub(super) struct Formats {
    sheets: BTreeMap<String, BTreeMap<(u32, u32), Arc<NumberFormat>>>,
}

impl Formats {
    /// What the parts of a workbook say; nothing where they are of another form.
    pub(super) fn read(file: &Arc<str>, archive: &mut Archive<'_>) -> Self {
        let mut text = |name: &str| archive.text(name).ok().flatten();
        let mut styles = Styles::default();
        if let Some(xml) = text("xl/styles.xml") {
            each_token(XmlPart { file, name: "xl/styles.xml" }, &xml, &mut |token| styles.token(&token)).ok();
        }
        let formats = styles.formats();
        if formats.is_empty() {
            return Self::default();
        }
        let mut targets = BTreeMap::new();
        if let Some(xml) = text("xl/_rels/workbook.xml.rels") {
            let mut each = |token: XmlToken<'_>| targets.extend(named(&token, "Relationship", "Id", "Target"));
            each_token(XmlPart { file, name: "xl/_rels/workbook.xml.rels" }, &xml, &mut each).ok();
        }
        let mut sheets = BTreeMap::new();
        if let Some(xml) = text("xl/workbook.xml") {
            let mut each = |token: XmlToken<'_>| sheets.extend(named(&token, "sheet", "name", "id"));
            each_token(XmlPart { file, name: "xl/workbook.xml" }, &xml, &mut each).ok();
        }
        let mut found = Self::default();
        for (name, id) in sheets {
            let Some(target) = targets.get(&id) else { continue };
            let path = target.strip_prefix('/').map_or_else(|| format!("xl/{target}"), str::to_owned);
            let Some(xml) = text(&path) else { continue };
            let mut cells = BTreeMap::new();
            let mut each = |token: XmlToken<'_>| cells.extend(cell(&token, &formats));
            each_token(XmlPart { file, name: "a sheet" }, &xml, &mut each).ok();
            found.sheets.insert(name, cells);
        }
        found
    }

    /// The number as the cell shows it; None: its format is another.
    pub(super) fn shown(&self, sheet: &str, row: u32, column: u32, number: f64) -> Option<String> {
        Some(self.sheets.get(sheet)?.get(&(row, column))?.shown(number))
    }
}

/// Two attributes of an element.
fn named(token: &XmlToken<'_>, element: &str, key: &str, value: &str) -> Option<(String, String)> {
    let (XmlToken::Start(start) | XmlToken::Empty(start)) = token else { return None };
    (start.local_name().as_ref() == element).then(|| Some((attribute(start, key)?, attribute(start, value)?)))?
}

/// The place of a cell that has one of the formats.
fn cell(token: &XmlToken<'_>, formats: &BTreeMap<usize, Arc<NumberFormat>>) -> Option<((u32, u32), Arc<NumberFormat>)> {
    let (XmlToken::Start(start) | XmlToken::Empty(start)) = token else { return None };
    if start.local_name().as_ref() != "c" {
        return None;
    }
    let format = formats.get(&attribute(start, "s")?.parse().ok()?)?;
    Some((place(&attribute(start, "r")?)?, format.clone()))
}

/// Row and column of `AB12`, from 0.
fn place(reference: &str) -> Option<(u32, u32)> {
    let digits = reference.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = reference.split_at_checked(digits)?;
    let mut column = 0_u32;
    for letter in letters.bytes() {
        let value = letter.to_ascii_uppercase().checked_sub(b'A').filter(|value| *value < 26)?;
        column = column.checked_mul(26)?.checked_add(u32::from(value) + 1)?;
    }
    Some((row.parse::<u32>().ok()?.checked_sub(1)?, column.checked_sub(1)?))
}

#[derive(Default)]
struct Styles {
    codes: BTreeMap<usize, String>,
    /// The number format of each style of cells.
    of_cells: Vec<usize>,
    in_cells: bool,
}

impl Styles {
    fn token(&mut self, token: &XmlToken<'_>) {
        match token {
            XmlToken::End("cellXfs") => self.in_cells = false,
            XmlToken::Start(start) | XmlToken::Empty(start) => {
                let id = || attribute(start, "numFmtId").and_then(|id| id.parse().ok());
                match start.local_name().as_ref() {
                    "cellXfs" => self.in_cells = true,
                    "numFmt" => self.codes.extend(id().zip(attribute(start, "formatCode"))),
                    "xf" if self.in_cells => self.of_cells.push(id().unwrap_or_default()),
                    _ => {}
                }
            }
            XmlToken::End(_) | XmlToken::Text(_) => {}
        }
    }

    /// Of each style that shows percents or money.
    fn formats(&self) -> BTreeMap<usize, Arc<NumberFormat>> {
        let code = |id: &usize| match id {
            9 => Some("0%"),
            10 => Some("0.00%"),
            _ => self.codes.get(id).map(String::as_str),
        };
        let format = |id: &usize| NumberFormat::of(code(id)?).map(Arc::new);
        self.of_cells.iter().enumerate().filter_map(|(style, id)| Some((style, format(id)?))).collect()
    }
}

/// A format of percents or amounts of money.
#[derive(Debug, Default, PartialEq, Eq)]
struct NumberFormat {
    percent: bool,
    /// Digits behind the point, at least and at most.
    least: usize,
    most: usize,
    before: String,
    after: String,
}

impl NumberFormat {
    /// None: it shows something else.
    fn of(code: &str) -> Option<Self> {
        let mut format = Self::default();
        let (mut has_digits, mut has_point) = (false, false);
        let mut chars = code.chars();
        while let Some(c) = chars.next() {
            let literal: String = match c {
                // What follows is for negative numbers.
                ';' => break,
                '"' => chars.by_ref().take_while(|c| *c != '"').collect(),
                '\\' => chars.next().into_iter().collect(),
                '_' | '*' => {
                    chars.next();
                    String::new()
                }
                '[' => {
                    let inner: String = chars.by_ref().take_while(|c| *c != ']').collect();
                    let symbol = inner.strip_prefix('$').map(|rest| rest.split('-').next().unwrap_or_default());
                    symbol.unwrap_or_default().to_owned()
                }
                '0' | '#' | '?' => {
                    has_digits = true;
                    format.least += usize::from(has_point && c == '0');
                    format.most += usize::from(has_point);
                    String::new()
                }
                '.' => {
                    has_point = true;
                    String::new()
                }
                // Digits stay together: a comma between them is read in two senses.
                ',' => String::new(),
                '%' => {
                    format.percent = true;
                    c.to_string()
                }
                // Dates, exponents, texts, fractions.
                _ if c.is_ascii_alphabetic() || matches!(c, '@' | '/') => return None,
                _ => c.to_string(),
            };
            if has_digits { &mut format.after } else { &mut format.before }.push_str(&literal);
        }
        let is_shown = has_digits && format.most <= MAX_DIGITS && (format.percent || has_currency(&format.shown(1.0)));
        is_shown.then_some(format)
    }

    fn shown(&self, number: f64) -> String {
        let size = if self.percent { number.abs() * 100.0 } else { number.abs() };
        let mut digits = format!("{size:.most$}", most = self.most);
        for _ in self.least..self.most {
            match digits.strip_suffix('0') {
                Some(shorter) => digits.truncate(shorter.len()),
                None => break,
            }
        }
        let digits = digits.trim_end_matches('.');
        let sign = if number < 0.0 { "-" } else { "" };
        format!("{sign}{}{digits}{}", self.before, self.after).trim().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percents_and_money_are_written_as_they_are_shown() {
        let shown = |code: &str, number: f64| NumberFormat::of(code).map(|format| format.shown(number));
        for (code, number, expected) in [
            ("0%", 0.15, "15%"),
            ("0.00\\ %", 0.1234, "12.34 %"),
            ("0.#%", 0.15, "15%"),
            ("#,##0\\ \"€\"", 1200.0, "1200 €"),
            ("#,##0.00\\ [$€-407];[Red]\\-#,##0.00\\ [$€-407]", -1200.5, "-1200.50 €"),
            ("\"$\"#,##0_);[Red](\"$\"#,##0)", 1200.0, "$1200"),
            ("_-* #,##0.00\\ [$€-1]_-", 3.5, "3.50 €"),
        ] {
            assert_eq!(shown(code, number).as_deref(), Some(expected), "{code}");
        }
        // More digits than a number can be formatted with.
        assert_eq!(shown(&format!("0.{}%", "0".repeat(100_000)), 1.0), None);
        for code in ["General", "0.00", "dd/mm/yyyy", "0.00E+00", "@", "# ?/?", "0\"h\"", ""] {
            assert_eq!(shown(code, 1.0), None, "{code}");
        }
        assert_eq!((place("A1"), place("AB12"), place("12")), (Some((0, 0)), Some((11, 27)), None));
    }
}
