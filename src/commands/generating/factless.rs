//! Files of which no fact was made, and why.

use std::collections::BTreeSet;

use crate::corpus::{Corpus, Facts, Layout, RecordLayout};

/// Files that are named one by one.
const MOST_FILES: usize = 5;
/// Columns that are named.
const MOST_COLUMNS: usize = 6;

/// What can be done about it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Remedies {
    /// A model reads what rules cannot.
    pub(super) has_writer: bool,
    pub(super) contacts: bool,
}

/// A line on each file without facts; `layouts`: of the corpus' documents.
pub(super) fn factless(corpus: &Corpus, facts: &Facts, layouts: &[Layout], remedies: Remedies) -> Vec<String> {
    let units = facts.facts.iter().filter_map(|fact| corpus.units.get(fact.unit));
    let stating: BTreeSet<usize> = units.map(|unit| unit.document).collect();
    let without = layouts.iter().enumerate().filter(|(document, _)| !stating.contains(document));
    let causes: Vec<String> = without.filter_map(|(_, layout)| cause(layout, remedies)).collect();
    let more = causes.len().checked_sub(MOST_FILES).filter(|more| *more > 0);
    let more = more.map(|more| format!("and {more} more files state no facts that rules can read"));
    causes.into_iter().take(MOST_FILES).chain(more).collect()
}

/// The columns of the first table whose records nothing names.
pub(super) fn untitled(layout: &Layout) -> Option<String> {
    let is_untitled = |table: &&RecordLayout| {
        table.title.is_none() && table.text.is_none() && table.records > 1 && !table.fields.is_empty()
    };
    let table = layout.records.iter().find(is_untitled)?;
    let columns = table.fields.iter().take(MOST_COLUMNS).map(|field| field.path.as_str());
    Some(columns.collect::<Vec<_>>().join(", "))
}

fn cause(layout: &Layout, remedies: Remedies) -> Option<String> {
    let file = &layout.path;
    match untitled(layout) {
        Some(columns) => Some(format!(
            "{file}: no facts, because nothing says what its records are about; --map title=PATH names the column that \
             does (of {columns})"
        )),
        None if remedies.has_writer => None,
        None if layout.fields > 0 && !remedies.contacts => Some(format!(
            "{file}: no facts are left of its {} fields: they contradict others, or are e-mail addresses and telephone numbers \
             (--contacts takes these in)",
            layout.fields
        )),
        None => Some(format!(
            "{file}: no facts that rules can read, which are fields of records, tables, lists, `key: value` lines and \
             definitions; --method llm-based asks on prose"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::{self, FactOptions, ReadOptions};

    #[test]
    fn a_file_without_facts_is_named_with_the_cause_and_the_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let files = [
            ("items.csv", "Item No.,Colour,Price\n17,red,4\n18,red,5\n19,blue,5\n"),
            ("notes.txt", "We met, talked a while about this and that, and went home.\n"),
            ("apps.csv", "name,host\nGIDAF,OVH\nAida,AWS\n"),
            ("people.csv", "name,phone\nAnn,0470112233\nBob,0470112234\n"),
        ];
        files.iter().for_each(|(name, text)| std::fs::write(folder.path().join(name), text).unwrap());
        let reading = corpus::read(&[folder.path().to_path_buf()], &ReadOptions::default()).unwrap();
        let facts = corpus::facts(&reading.corpus, &FactOptions::default());
        let said = |has_writer: bool| {
            factless(&reading.corpus, &facts, &reading.layouts, Remedies { has_writer, contacts: false })
        };
        let [items, notes, people] = said(false).try_into().unwrap();
        assert!(items.contains("items.csv: ") && items.contains("--map title=PATH"), "{items}");
        assert!(items.ends_with("(of Item No., Colour, Price)"), "{items}");
        assert!(notes.contains("notes.txt: ") && notes.contains("--method llm-based"), "{notes}");
        assert!(people.contains("people.csv: ") && people.contains("--contacts"), "{people}");
        assert_eq!(said(true).len(), 1);
    }
}
