//! Paragraphs of `Key: value` lines, as Debian's package lists are written: each is a record.

use super::Span;
use super::error::{CorpusError, slice};
use super::outline::trimmed;
use super::piece::Input;
use super::record::{MAX_PATHS, Record, Slot, Table, Value};

/// Fewer paragraphs are read as text.
const MIN_RECORDS: usize = 3;

/// Whether nearly all paragraphs are records that begin with the same key, and all begin with some key: what stands before a
/// paragraph's first key would belong to no value.
pub(super) fn are_records(text: &str) -> bool {
    let first = paragraphs(text).next().and_then(|span| first_key(slice(text, span)));
    let Some(first) = first else { return false };
    let (mut all, mut equal) = (0, 0);
    for paragraph in paragraphs(text).map(|span| slice(text, span)) {
        if paragraph.lines().next().and_then(key).is_none() {
            return false;
        }
        all += 1;
        equal += usize::from(first_key(paragraph) == Some(first));
    }
    all >= MIN_RECORDS && equal * 10 >= all * 9
}

pub(super) fn read(input: Input<'_>) -> Result<Table, CorpusError> {
    let mut table = Table::default();
    for span in paragraphs(input.text) {
        let mut record = Record { span, slots: Vec::new() };
        let mut at = span.start;
        for line in slice(input.text, span).split_inclusive('\n') {
            let end = at + line.len();
            match key(line) {
                Some(key) => {
                    let many = || CorpusError::Fields { file: input.file.clone(), most: MAX_PATHS };
                    let path = table.path(key).ok_or_else(many)?;
                    let value =
                        Value { text: String::new(), span: Span { start: at + key.len() + 1, end }, is_text: true };
                    record.slots.push(Slot { path, values: vec![value] });
                }
                None => {
                    let open = record.slots.last_mut().and_then(|slot| slot.values.last_mut());
                    open.into_iter().for_each(|value| value.span.end = end);
                }
            }
            at = end;
        }
        for value in record.slots.iter_mut().flat_map(|slot| &mut slot.values) {
            value.span = trimmed(input.text, value.span);
            slice(input.text, value.span).clone_into(&mut value.text);
            value.is_text = value.text.parse::<f64>().is_err();
        }
        record.slots.retain(|slot| slot.values.iter().all(|value| !value.text.is_empty()));
        table.records.push(record);
    }
    Ok(table)
}

/// Runs of lines that are not empty.
fn paragraphs(text: &str) -> impl Iterator<Item = Span> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let mut start = None;
        for line in text.get(at..)?.split_inclusive('\n') {
            let empty = line.trim().is_empty();
            if let (true, Some(start)) = (empty, start) {
                return Some(Span { start, end: at });
            }
            if !empty {
                start.get_or_insert(at);
            }
            at += line.len();
        }
        start.map(|start| Span { start, end: at })
    })
}

/// The key of a paragraph's first line, where all of its lines are pairs or go on with one.
fn first_key(paragraph: &str) -> Option<&str> {
    let continued = |line: &str| line.starts_with([' ', '\t']);
    let all = paragraph.lines().all(|line| key(line).is_some() || continued(line));
    let pairs = paragraph.lines().filter(|line| key(line).is_some()).count();
    paragraph.lines().next().and_then(key).filter(|_| all && pairs >= 2)
}

/// `Installed-Size` of `Installed-Size: 12`; a key may hold single spaces.
fn key(line: &str) -> Option<&str> {
    let (key, rest) = line.split_once(':')?;
    let named = key.starts_with(char::is_alphabetic)
        && key.len() <= 60
        && key.split(' ').count() <= 4
        && key.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' ' | '\'' | '’'));
    let value = rest.trim_end().is_empty() || rest.starts_with([' ', '\t']);
    (named && value).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_with_a_paragraph_of_prose_is_no_table() {
        let records: String = (0..150).map(|i| format!("Package: p{i}\nVersion: {i}\nNotes:\n  of it\n\n")).collect();
        assert!(are_records(&records));
        assert!(are_records(&format!("{records}Package: last\n\n{records}")), "a record with one key");
        for prose in ["Prose without a key.\n\n", "# A remark\nPackage: p\nVersion: 1\n\n", "- an item\n\n"] {
            assert!(!are_records(&format!("{prose}{records}")), "{prose}");
            assert!(!are_records(&format!("{records}{prose}{records}")), "{prose}");
            assert!(!are_records(&format!("{records}{prose}")), "{prose}");
        }
    }
}
