//! Documents as every command reads them: what was found is said, faults are input faults.

use std::path::{Path, PathBuf};

use super::{Context, Failure};
use crate::corpus::{self, Language, Layout, Map, ReadOptions, Reading, RecordLayout};
use crate::events::{Note, Warning};

/// What is read, and how.
#[derive(Clone, Debug, Default)]
pub struct DocumentsRequest {
    /// Files and folders.
    pub inputs: Vec<PathBuf>,
    /// Which keys of records hold what; the rest is guessed.
    pub map: Map,
    /// Undo UTF-8 that was read in another encoding.
    pub fix_encoding: bool,
    /// None: French and English, whichever the documents are written in.
    pub languages: Option<Vec<Language>>,
}

/// `fr`, `en`, `fr,en` or `auto`.
pub fn languages(said: &str) -> Result<Option<Vec<Language>>, String> {
    if said.trim().eq_ignore_ascii_case("auto") {
        return Ok(None);
    }
    let mut found = Vec::new();
    for word in said.split(',') {
        let word = word.trim().to_ascii_lowercase();
        let language = Language::ALL.into_iter().find(|l| l.code() == word);
        let language = language.ok_or_else(|| format!("{word:?} is no language here; expected fr, en or auto"))?;
        if !found.contains(&language) {
            found.push(language);
        }
    }
    Ok(Some(found))
}

/// Refuses an output inside a folder of documents, where the next run would read it as one of them.
pub(super) fn refuse_among(request: &DocumentsRequest, output: &Path) -> Result<(), Failure> {
    match request.inputs.iter().find(|input| input.is_dir() && is_inside(output, input)) {
        None => Ok(()),
        Some(input) => {
            let what = format!("{} lies in {}, whose files are read as documents", output.display(), input.display());
            Err(Failure::input(what).hint("write to another folder, or name the folders and files that hold documents"))
        }
    }
}

/// Whether a file that may not be there yet lies in a folder, links followed as far as there are any.
pub(super) fn is_inside(file: &Path, folder: &Path) -> bool {
    let whole = |path: &Path| std::path::absolute(path).ok().map(|path| std::fs::canonicalize(&path).unwrap_or(path));
    let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    matches!((whole(parent), whole(folder)), (Some(parent), Some(folder)) if parent.starts_with(&folder))
}

/// Reads the documents; says how each was read.
pub(super) fn read(context: &mut Context<'_>, request: &DocumentsRequest) -> Result<Reading, Failure> {
    let options = ReadOptions {
        map: request.map.clone(),
        fix_encoding: request.fix_encoding,
        languages: request.languages.clone().unwrap_or_default(),
        interrupt: context.interrupt.clone(),
        ..ReadOptions::default()
    };
    let reading = corpus::read(&request.inputs, &options)?;
    let mut said = said(&reading.layouts);
    let texts = said.split_off(said.len().min(MOST_SAID));
    said.into_iter().for_each(|text| context.report.note(Note::Documents { text }));
    if !texts.is_empty() {
        context.report.note(Note::DocumentsMore { texts });
    }
    for note in &reading.notes {
        context.report.warn(Warning::Documents { text: note.to_string() });
    }
    for dropped in reading.dropped.iter().take(MOST_SAID) {
        context.report.note(Note::Documents {
            text: format!("{} documents have this paragraph, which is left out: {}", dropped.documents, dropped.text),
        });
    }
    Ok(reading)
}

/// A line on each file; where not all are said, those that need a look are first.
fn said(layouts: &[Layout]) -> Vec<String> {
    let mut layouts: Vec<&Layout> = layouts.iter().collect();
    if layouts.len() > MOST_SAID {
        layouts.sort_by_key(|layout| !needs_a_look(layout));
    }
    layouts.into_iter().map(Layout::to_string).collect()
}

/// Whether a file states nothing, or its records are not read as the map says, or by a title of theirs.
fn needs_a_look(layout: &Layout) -> bool {
    let is_odd = |table: &RecordLayout| {
        !table.unmapped.is_empty()
            || (table.title.as_ref().is_none_or(|title| title.distinct < table.records) && table.text.is_none())
    };
    layout.fields == 0 || layout.records.iter().any(is_odd)
}

/// Files whose layout is said.
const MOST_SAID: usize = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_need_a_look_are_said_first_where_not_all_are() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let names = || {
            let reading = corpus::read(&[folder.path().to_path_buf()], &ReadOptions::default()).unwrap();
            let name =
                |line: String| line.split(": ").next().unwrap_or_default().rsplit('/').next().unwrap().to_owned();
            said(&reading.layouts).into_iter().map(name).collect::<Vec<_>>()
        };
        (0..8).for_each(|i| write(&format!("{i}.csv"), "name,host\nA,x\nB,y\n"));
        write("y.csv", "product,host\nA,x\nA,y\nB,z\n");
        write("z.txt", "We met and went home.\n");
        assert_eq!(names()[8..], ["y.csv", "z.txt"]);
        write("8.csv", "name,host\nA,x\nB,y\n");
        assert_eq!(names()[..3], ["y.csv", "z.txt", "0.csv"]);
    }

    #[test]
    fn languages_are_named_by_their_codes() {
        assert_eq!(languages("auto"), Ok(None));
        assert_eq!(languages("FR, en,fr"), Ok(Some(vec![Language::Fr, Language::En])));
        assert!(languages("de").is_err_and(|e| e.contains("\"de\"")));
    }
}
