//! Tables of one document that name the same things and have a column in common with another meaning: what each says is told
//! apart by the heading above it.
//!
//! 1. Cells of one entity and attribute that stand below different headings are compared.
//! 2. Two headings whose cells mostly differ are apart. Where they mostly agree, a difference is a contradiction.
//! 3. An entity that has different values below two such headings has the heading behind its name in each.

use std::collections::{BTreeMap, BTreeSet};

use super::facts_entity::{label, qualified};
use super::facts_place::clean;
use super::facts_statement::Statement;
use super::kind_fold::folded;
use super::{Corpus, FieldForm};

/// Headings of one document below which an attribute of one entity stands; beyond, nothing is compared.
const MOST_COMPARED: usize = 16;

/// Headings above a table, outermost first.
type Above<'a> = &'a [String];

/// A cell of a table.
struct Cell<'a> {
    /// Index of its statement.
    at: usize,
    document: usize,
    above: Above<'a>,
    /// Of its entity.
    name: &'a str,
    statement: &'a Statement,
}

/// How the cells that two tables have in common compare.
#[derive(Default)]
struct Pair<'a> {
    equal: usize,
    different: usize,
    /// Whose cells differ.
    entities: BTreeSet<&'a str>,
}

/// Puts the heading of its table behind the name of an entity where that tells tables apart; `names`: of each statement.
pub(super) fn tell_apart(corpus: &Corpus, statements: &[Statement], names: &mut [String]) {
    let renamed = renamed(corpus, statements, names);
    for (at, label) in renamed {
        if let Some(name) = names.get_mut(at) {
            *name = qualified(name, &label);
        }
    }
}

/// Statements with what is put behind the names of their entities.
fn renamed(corpus: &Corpus, statements: &[Statement], names: &[String]) -> Vec<(usize, String)> {
    let cells: Vec<Cell<'_>> = statements
        .iter()
        .zip(names)
        .enumerate()
        .filter(|(_, (statement, _))| statement.form == FieldForm::Cell)
        .filter_map(|(at, (statement, name))| {
            let unit = corpus.units.get(statement.unit)?;
            Some(Cell { at, document: unit.document, above: &unit.path, name, statement })
        })
        .collect();
    let pairs = pairs(&cells);
    let mut tables: BTreeMap<(usize, &str), BTreeSet<Above<'_>>> = BTreeMap::new();
    for ((document, above, other), pair) in &pairs {
        for name in pair.entities.iter().filter(|_| pair.different > pair.equal) {
            tables.entry((*document, name)).or_default().extend([*above, *other]);
        }
    }
    let labels: BTreeMap<(usize, &str), BTreeMap<Above<'_>, String>> =
        tables.into_iter().map(|((document, name), tables)| ((document, name), labels(name, &tables))).collect();
    let label = |cell: &Cell<'_>| labels.get(&(cell.document, cell.name))?.get(cell.above).cloned();
    cells.iter().filter_map(|cell| Some((cell.at, label(cell)?))).collect()
}

/// Tables of one document, by the headings above each, with how the cells that both have compare.
fn pairs<'a>(cells: &'a [Cell<'a>]) -> BTreeMap<(usize, Above<'a>, Above<'a>), Pair<'a>> {
    let mut groups: BTreeMap<(usize, &str, &str), Vec<&Cell<'_>>> = BTreeMap::new();
    for cell in cells {
        groups.entry((cell.document, cell.name, &cell.statement.key)).or_default().push(cell);
    }
    let mut pairs: BTreeMap<(usize, Above<'_>, Above<'_>), Pair<'_>> = BTreeMap::new();
    for ((document, name, _), group) in &groups {
        let mut tables: BTreeMap<Above<'_>, BTreeSet<Vec<&str>>> = BTreeMap::new();
        for cell in group {
            tables.entry(cell.above).or_default().insert(cell.statement.sorted_normal());
        }
        if !(2..=MOST_COMPARED).contains(&tables.len()) {
            continue;
        }
        for (i, (above, values)) in tables.iter().enumerate() {
            for (other, others) in tables.iter().skip(i + 1) {
                let pair = pairs.entry((*document, above, other)).or_default();
                match values == others {
                    true => pair.equal += 1,
                    false => {
                        pair.different += 1;
                        pair.entities.insert(name);
                    }
                }
            }
        }
    }
    pairs
}

/// Of each table the last heading above it, or as many as tell the tables apart; a table below none, or below the name of the
/// entity, has none.
fn labels<'a>(name: &str, tables: &BTreeSet<Above<'a>>) -> BTreeMap<Above<'a>, String> {
    let label = |above: Above<'_>, depth: usize| {
        let nearest: Vec<String> = above.iter().skip(above.len().saturating_sub(depth)).map(|h| clean(h)).collect();
        label(&nearest)
    };
    let deepest = tables.iter().map(|above| above.len()).max().unwrap_or(0).max(1);
    let is_distinct = |depth: &usize| {
        tables.iter().map(|above| folded(&label(above, *depth))).collect::<BTreeSet<_>>().len() == tables.len()
    };
    let depth = (1..=deepest).find(is_distinct).unwrap_or(deepest);
    let all = tables.iter().map(|above| (*above, label(above, depth)));
    all.filter(|(_, label)| !label.is_empty() && folded(label) != folded(name)).collect()
}
