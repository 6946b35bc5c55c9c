//! Whether a table's entities are the heads of its rows or of its columns.

use super::Kind;
use super::error::slice;
use super::kind::typed;
use super::markup::{plain, said};
use super::names::{Names, name_key};
use super::outline::Row;

/// Where the entities of a table are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entities {
    /// The first cell of each row is one.
    InRows,
    /// The head of each column is one, and the first cell of each row is an attribute: a comparison.
    InColumns,
    Unknown,
}

/// Folded heads of a column of attributes; a column of things is not called so.
const ATTRIBUTES: &[&str] = &[
    "property",
    "properties",
    "attribute",
    "attributes",
    "feature",
    "features",
    "characteristic",
    "characteristics",
    "criterion",
    "criteria",
    "critere",
    "criteres",
    "caracteristique",
    "caracteristiques",
    "propriete",
    "proprietes",
    "attribut",
    "attributs",
];
/// Attributes that [`Names::Attribute`] does not list, folded.
const KNOWN: &[&str] = &[
    "price", "prix", "cost", "cout", "budget", "year", "annee", "created", "released", "region", "runtime", "database",
];

/// Of a table with at least three columns.
///
/// 1. The heads of rows or those of columns are known attributes, not both.
/// 2. The first head says that attributes are below it, unless the values' kinds speak against it.
/// 3. The first head is empty or may be said of attributes and of things (`item`): by the kinds of the values.
/// 4. The first head is another word: things are below it, unless the values' kinds say otherwise.
pub(super) fn entities(text: &str, rows: &[Row]) -> Entities {
    let Some((head, body)) = rows.split_first() else { return Entities::Unknown };
    let first = head.cells.first().map(|cell| name_key(slice(text, *cell))).unwrap_or_default();
    let of_rows: Vec<&str> = body.iter().filter_map(|row| row.cells.first()).map(|cell| slice(text, *cell)).collect();
    let of_columns: Vec<&str> = head.cells.iter().skip(1).map(|cell| slice(text, *cell)).collect();
    match (are_attributes(&of_rows), are_attributes(&of_columns)) {
        (true, false) => return Entities::InColumns,
        (false, true) => return Entities::InRows,
        _ => {}
    }
    let by_kinds = by_kinds(text, body);
    if ATTRIBUTES.contains(&first.as_str()) {
        return if by_kinds == Entities::InRows { Entities::Unknown } else { Entities::InColumns };
    }
    if first.is_empty() || Names::Key.has(&first) {
        return by_kinds;
    }
    if by_kinds == Entities::InColumns { Entities::InColumns } else { Entities::InRows }
}

/// Whether at least half of the names are known attributes.
fn are_attributes(names: &[&str]) -> bool {
    let known = |name: &&&str| {
        let name = name_key(name);
        Names::Attribute.has(&name) || KNOWN.contains(&name.as_str())
    };
    !names.is_empty() && names.iter().filter(known).count() * 2 >= names.len()
}

/// The values of one attribute are of one kind, those of one thing of several.
fn by_kinds(text: &str, body: &[Row]) -> Entities {
    let kind = |row: &Row, column: usize| {
        let value = plain(text, *row.cells.get(column)?)?;
        let value = said(text, value);
        value.chars().any(char::is_alphanumeric).then(|| coarse(typed("", &value).kind))
    };
    let width = body.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let is_one = |kinds: Vec<Kind>| kinds.windows(2).all(|pair| pair[0] == pair[1]);
    let rows = body.iter().all(|row| is_one((1..width).filter_map(|column| kind(row, column)).collect()));
    let columns = (1..width).all(|column| is_one(body.iter().filter_map(|row| kind(row, column)).collect()));
    match (rows, columns) {
        (true, false) => Entities::InColumns,
        (false, true) => Entities::InRows,
        _ => Entities::Unknown,
    }
}

/// Kinds that one attribute's values may have side by side are one.
fn coarse(kind: Kind) -> Kind {
    match kind {
        Kind::Person | Kind::Organisation | Kind::Enumeration | Kind::List | Kind::Definition => Kind::Text,
        Kind::Version => Kind::Number,
        kind => kind,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::markdown::blocks;
    use crate::corpus::outline::BlockKind;

    fn of(table: &str) -> Entities {
        let lines: Vec<&str> = table.lines().map(str::trim).collect();
        let rule = "|-".repeat(lines[0].matches('|').count() - 1);
        let text = format!("{}\n{rule}|\n{}\n", lines[0], lines[1..].join("\n"));
        match &blocks(&text, 0)[0].kind {
            BlockKind::Table(rows) => entities(&text, rows),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_comparison_has_its_entities_in_columns() {
        for (table, expected) in [
            ("| Property | Pomona | Ceres |\n| Host | OVH | AWS |\n| Version | 1.0 | 2.0 |", Entities::InColumns),
            ("| Critère | Pomona | Ceres |\n| Port | haut | bas |\n| Feuilles | 3 | 4 |", Entities::InColumns),
            ("| | Pomona | Ceres |\n| Leaves | 3 | 4 |\n| Bark | grey | brown |", Entities::InColumns),
            ("| Spec | Pomona | Ceres |\n| Leaves | 3 | 4 |\n| Bark | grey | brown |", Entities::InColumns),
            ("| | Leaves | Bark |\n| Pomona | 3 | grey |\n| Ceres | 4 | brown |", Entities::InRows),
            ("| Item | Price | Stock |\n| Pear | 3 € | 12 |\n| Plum | 2 € | 40 |", Entities::InRows),
            ("| Property | Type | Description |\n| rows | text | of a table |", Entities::InRows),
            ("| Application | Host | Version |\n| GIDAF | DSI | 3 |\n| 6Tzen | Cloud | 2 |", Entities::InRows),
            ("| Application | Wood | Bark |\n| Pomona | oak | grey |\n| Ceres | elm | brown |", Entities::InRows),
            ("| | Pomona | Ceres |\n| Wood | oak | elm |\n| Bark | grey | brown |", Entities::Unknown),
            ("| Property | Leaves | Bark |\n| Pomona | 3 | grey |\n| Ceres | 4 | brown |", Entities::Unknown),
        ] {
            assert_eq!(of(table), expected, "{table}");
        }
    }
}
