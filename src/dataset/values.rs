//! A text divided into values: lines of JSONL, elements of a JSON list, rows of a table. Also for files that are no datasets but
//! are written alike (questions): [`read_values`].

use std::path::Path;

use super::container::MAX_LINE;
use super::json::{self, Parsed};
use super::{RecordPlace, Unit, container, table};
use crate::store::{Digest, FileAction, StoreError, read_regular};

/// A value, or what is wrong with it, and where it stands.
pub(super) struct Divided<'t> {
    pub unit: Unit,
    pub number: usize,
    pub value: Result<Parsed, String>,
    /// Its own text, where it is one line of JSONL.
    pub source: Option<&'t str>,
}

impl Divided<'_> {
    fn new(unit: Unit, number: usize, value: Result<Parsed, String>) -> Self {
        Self { unit, number, value, source: None }
    }
}

/// Reads a file of JSONL, a JSON list or a table (also compressed with gzip) and gives each value to `each`, with its place, in
/// their order. A table is known by its name, or by a header that has one of `keys`. The digest is that of the file's bytes.
pub fn read_values(
    action: FileAction,
    path: &Path,
    keys: &[&str],
    each: &mut dyn FnMut(RecordPlace, Result<Parsed, String>),
) -> Result<Digest, StoreError> {
    let bytes = read_regular(action, path, container::MAX_BYTES)?;
    let digest = Digest::of_bytes(&bytes);
    let place = |unit, number| RecordPlace { file: None, unit, number };
    match container::text(bytes) {
        Ok(text) => divide(&name_of(path), &text, keys, &mut |d| each(place(d.unit, d.number), d.value)),
        Err(what) => each(place(Unit::File, 0), Err(what)),
    }
    Ok(digest)
}

pub(super) fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Gives each value of a text to `each`; `name` tells a table, as does a header with one of `keys`.
pub(super) fn divide<'t>(name: &str, text: &'t [u8], keys: &[&str], each: &mut dyn FnMut(Divided<'t>)) {
    let lossy = String::from_utf8_lossy(&text[..text.len().min(1 << 16)]);
    if let Some(delimiter) = table::delimiter(name, &lossy, keys) {
        return table::rows(text, delimiter, &mut |row, value| each(Divided::new(Unit::Row, row, value)));
    }
    if !over_lines(text) {
        if let Some(what) = document(name, text) {
            return each(Divided::new(Unit::File, 0, Err(what)));
        }
        return lines(text, each);
    }
    match std::str::from_utf8(text) {
        Ok(text) => {
            let read = json::elements(text, &mut |n, parsed| each(Divided::new(Unit::Record, n, Ok(parsed))));
            if let Err(what) = read {
                each(Divided::new(Unit::File, 0, Err(what)));
            }
        }
        Err(e) => {
            let line = text[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
            each(Divided::new(Unit::Line, line, Err("is not UTF-8".into())));
        }
    }
}

/// Why a file is no data but a document: by its name, and because its first line is no JSON object.
fn document(name: &str, text: &[u8]) -> Option<String> {
    const DOCUMENTS: [&str; 8] = ["md", "markdown", "txt", "html", "htm", "pdf", "docx", "xlsx"];
    let kind = Path::new(name).extension()?.to_str()?.to_lowercase();
    let is_document = DOCUMENTS.contains(&kind.as_str()) && !text.trim_ascii_start().starts_with(b"{");
    is_document.then(|| {
        "is a document; expected JSONL, a JSON list or a table. `tunesmith data generate` makes examples of documents"
            .to_owned()
    })
}

fn lines<'t>(text: &'t [u8], each: &mut dyn FnMut(Divided<'t>)) {
    for (i, line) in text.split(|b| *b == b'\n').enumerate() {
        match one(line) {
            Ok(None) => {}
            Ok(Some((line, parsed))) => {
                each(Divided { source: Some(line), ..Divided::new(Unit::Line, i + 1, Ok(parsed)) });
            }
            Err(what) => each(Divided::new(Unit::Line, i + 1, Err(what))),
        }
    }
}

/// Whether the text is one JSON list, or JSON values written over several lines each.
fn over_lines(text: &[u8]) -> bool {
    let start = text.trim_ascii_start();
    let first = start.split(|b| *b == b'\n').next().unwrap_or_default().trim_ascii_end();
    let unfinished = || serde_json::from_slice::<serde::de::IgnoredAny>(first).is_err_and(|e| e.is_eof());
    start.starts_with(b"[")
        || (first.starts_with(b"{") && matches!(first.last(), Some(b'{' | b'[' | b',')) && unfinished())
}

fn one(bytes: &[u8]) -> Result<Option<(&str, Parsed)>, String> {
    if bytes.len() > MAX_LINE {
        return Err(format!("has {} bytes, more than {MAX_LINE}: divide the example", bytes.len()));
    }
    if let Some(at) = bytes.iter().position(|b| *b == 0) {
        return Err(format!("holds a NUL byte at column {}", at + 1));
    }
    let text =
        std::str::from_utf8(bytes).map_err(|e| format!("is not UTF-8 from column {} on", e.valid_up_to() + 1))?.trim();
    if text.is_empty() {
        return Ok(None);
    }
    Ok(Some((text, json::parse(text)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> Vec<String> {
        let mut faults = Vec::new();
        divide(name, text.as_bytes(), &["question"], &mut |d| faults.extend(d.value.err()));
        faults
    }

    #[test]
    fn a_document_is_refused_once_and_not_line_by_line() {
        let text = "# Applications\n\n- **Host**: one\n- **Version**: 2\n";
        for name in ["apps.md", "apps.TXT", "apps.html", "apps.pdf"] {
            let found = faults(name, text);
            assert!(found.len() == 1 && found[0].starts_with("is a document; expected JSONL"), "{name} {found:?}");
        }
        assert_eq!(faults("apps.jsonl", text).len(), 3, "each line of what is called data");
        assert!(faults("apps.txt", "{\"question\": \"q\"}\n").is_empty(), "JSONL by its text");
        assert!(faults("apps.txt", "[{\"question\": \"q\"}]").is_empty());
    }
}
