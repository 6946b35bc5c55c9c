//! Files and folders to a corpus.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::boilerplate::{self, Owned};
use super::error::CorpusError;
use super::files::{FileReading, read_file};
use super::layout::{Boilerplate, Layout, Note};
use super::options::{Part, ReadOptions};
use super::piece::Piece;
use super::{Corpus, FieldForm, Unit, fields_single, language, walk};
use crate::store::Digest;

/// Bytes of the texts of all documents, at most.
pub(super) const MAX_ALL: usize = 2 << 30;

/// A corpus, and how it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    pub corpus: Corpus,
    /// Of each document.
    pub layouts: Vec<Layout>,
    /// Paragraphs that many documents have, which were left out.
    pub dropped: Vec<Boilerplate>,
    pub notes: Vec<Note>,
}

/// Reads files and folders; the first fault refuses all of it.
pub fn read(inputs: &[PathBuf], options: &ReadOptions<'_>) -> Result<Reading, CorpusError> {
    let walk::Found { files, mut notes } = walk::files(inputs)?;
    let mut readings = Vec::with_capacity(files.len());
    let mut bytes = 0;
    for file in &files {
        options.check_interrupt()?;
        let mut reading = read_file(file, options)?;
        notes.append(&mut reading.notes);
        bytes = together(bytes, reading.file.as_ref().map_or(0, |file| file.document.text.len()))?;
        readings.extend(reading.file);
    }
    // A reader that an interruption ends early may give a part of a file.
    options.check_interrupt()?;
    if readings.is_empty() {
        let named: Vec<String> = inputs.iter().map(|input| input.display().to_string()).collect();
        return Err(CorpusError::NoDocument(named.join(", ")));
    }
    check_map(&readings, options)?;
    let reading = assembled(readings, options, notes);
    options.check_interrupt()?;
    Ok(reading)
}

/// The bytes of the texts that were read, and of one more.
pub(super) fn together(bytes: usize, more: usize) -> Result<usize, CorpusError> {
    let all = bytes.saturating_add(more);
    if all > MAX_ALL { Err(CorpusError::TooMuch { most: MAX_ALL }) } else { Ok(all) }
}

/// Files of a folder have keys of their own: a mapped path is missing only where no table of records has it.
fn check_map(readings: &[FileReading], options: &ReadOptions<'_>) -> Result<(), CorpusError> {
    let tables = || readings.iter().flat_map(|file| file.layout.records.iter().map(move |table| (file, table)));
    for part in Part::ALL.into_iter().filter(|part| options.map.get(*part).is_some()) {
        let unmapped: Vec<_> = tables()
            .filter_map(|(file, table)| Some((file, table.unmapped.iter().find(|unmapped| unmapped.part == part)?)))
            .collect();
        if let Some((file, first)) = unmapped.first().filter(|_| unmapped.len() == tables().count()) {
            let (path, known) = (first.path.clone(), first.known.clone());
            return Err(CorpusError::NoSuchPath { file: file.document.path.clone(), part, path, known });
        }
    }
    Ok(())
}

fn assembled(mut readings: Vec<FileReading>, options: &ReadOptions<'_>, notes: Vec<Note>) -> Reading {
    let pieces: Vec<_> = readings.iter_mut().map(|file| std::mem::take(&mut file.pieces)).collect();
    let owned = pieces.into_iter().zip(&readings).enumerate().flat_map(|(file, (pieces, of))| {
        let document = &of.document;
        pieces.into_iter().map(move |piece| Owned { file, text: &document.text, json: document.json, piece })
    });
    let (kept, dropped) = boilerplate::drop(owned.collect());
    let kept = fields_single::decided(kept);
    let untitled = untitled(&readings, &kept);
    let units: Vec<Unit> = kept.into_iter().map(|owned| unit(&readings, owned, &untitled)).collect();
    let mut layouts: Vec<Layout> = readings.iter().map(|file| file.layout.clone()).collect();
    for unit in &units {
        if let Some(layout) = layouts.get_mut(unit.document) {
            layout.units += 1;
            layout.fields += unit.fields.len();
        }
    }
    let documents = readings.into_iter().map(|file| file.document).collect();
    let mut corpus = Corpus { documents, units };
    language::assign(&mut corpus, &options.languages, &options.interrupt);
    Reading { corpus, layouts, dropped, notes }
}

/// How many records without a title, which have fields of their own, each source has; one of several records counts as several. The texts of a source are about the
/// source, however many there are.
fn untitled(readings: &[FileReading], pieces: &[Owned<'_>]) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for Owned { file, piece, .. } in pieces.iter().filter(|owned| owned.piece.title.is_none()) {
        let Some(file) = readings.get(*file) else { continue };
        let (source, records) = (named_source(file, piece), &file.layout.records);
        let is_text = source != &*file.document.path && records.iter().any(|records| records.text.is_some());
        if !is_text && piece.fields.iter().any(|field| field.form == FieldForm::Record) {
            // One of several records is not what the file is about.
            let of_several = source == &*file.document.path && records.iter().any(|table| table.records > 1);
            *counts.entry(source.to_owned()).or_insert(0) += if of_several { 2 } else { 1 };
        }
    }
    counts
}

/// A record's own source, else the file; nothing is named by a record's id.
fn named_source<'a>(file: &'a FileReading, piece: &'a Piece) -> &'a str {
    let path = &*file.document.path;
    match &piece.source {
        Some(source) if !source.strip_prefix(path).is_some_and(|rest| rest.starts_with('#')) => source,
        _ => path,
    }
}

fn unit(readings: &[FileReading], owned: Owned<'_>, untitled: &HashMap<String, usize>) -> Unit {
    let file = readings.get(owned.file);
    let path: Arc<str> = file.map_or_else(|| "".into(), |file| file.document.path.clone());
    let piece = owned.piece;
    let place = format!("{path}\n{}..{}\n{}", piece.span.start, piece.span.end, piece.text);
    // The name of a source stands for the title that is missing, but not for those of several records.
    let named = file.and_then(|file| {
        let source = named_source(file, &piece);
        untitled.get(source).is_none_or(|records| *records == 1).then(|| stem(source).to_owned())
    });
    Unit {
        id: Digest::of_bytes(place.as_bytes()),
        document: owned.file,
        title: piece.title.clone().or(named),
        source: piece.source.unwrap_or_else(|| path.clone()),
        path: piece.path,
        span: piece.span,
        text: piece.text,
        language: None,
        fields: piece.fields,
    }
}

/// `docs/gidaf.txt` → `gidaf`; what follows the full stop of `Guide 2.0` is no ending.
pub(super) fn stem(source: &str) -> &str {
    let source = source.trim_end_matches('/');
    let name = source.rsplit(['/', '\\']).next().unwrap_or(source);
    let is_ending = |end: &str| end.chars().all(char::is_alphanumeric) && end.contains(char::is_alphabetic);
    match name.rsplit_once('.') {
        Some((stem, end)) if !stem.is_empty() && is_ending(end) => stem,
        _ => name,
    }
}
