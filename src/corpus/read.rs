//! Files and folders to a corpus.

use std::path::PathBuf;
use std::sync::Arc;

use super::boilerplate::{self, Owned};
use super::error::CorpusError;
use super::files::{FileReading, read_file};
use super::layout::{Boilerplate, Layout, Note};
use super::options::ReadOptions;
use super::{Corpus, Unit, fields_single, language, walk};
use crate::store::Digest;

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
    for file in &files {
        let mut reading = read_file(file, options)?;
        notes.append(&mut reading.notes);
        readings.extend(reading.file);
    }
    if readings.is_empty() {
        let named: Vec<String> = inputs.iter().map(|input| input.display().to_string()).collect();
        return Err(CorpusError::NoDocument(named.join(", ")));
    }
    Ok(assembled(readings, options, notes))
}

fn assembled(mut readings: Vec<FileReading>, options: &ReadOptions<'_>, notes: Vec<Note>) -> Reading {
    let pieces: Vec<_> = readings.iter_mut().map(|file| std::mem::take(&mut file.pieces)).collect();
    let owned = pieces.into_iter().zip(&readings).enumerate().flat_map(|(file, (pieces, of))| {
        let document = &of.document;
        pieces.into_iter().map(move |piece| Owned { file, text: &document.text, json: document.json, piece })
    });
    let (kept, dropped) = boilerplate::drop(owned.collect());
    let kept = fields_single::decided(kept);
    let units: Vec<Unit> = kept.into_iter().map(|owned| unit(&readings, owned)).collect();
    let mut layouts: Vec<Layout> = readings.iter().map(|file| file.layout.clone()).collect();
    for unit in &units {
        if let Some(layout) = layouts.get_mut(unit.document) {
            layout.units += 1;
            layout.fields += unit.fields.len();
        }
    }
    let documents = readings.into_iter().map(|file| file.document).collect();
    let mut corpus = Corpus { documents, units };
    language::assign(&mut corpus, &options.languages);
    Reading { corpus, layouts, dropped, notes }
}

fn unit(readings: &[FileReading], owned: Owned<'_>) -> Unit {
    let path: Arc<str> = readings.get(owned.file).map_or_else(|| "".into(), |file| file.document.path.clone());
    let piece = owned.piece;
    let place = format!("{path}\n{}..{}\n{}", piece.span.start, piece.span.end, piece.text);
    Unit {
        id: Digest::of_bytes(place.as_bytes()),
        document: owned.file,
        source: piece.source.unwrap_or_else(|| path.clone()),
        title: piece.title.or_else(|| stem(&path)),
        path: piece.path,
        span: piece.span,
        text: piece.text,
        language: None,
        fields: piece.fields,
    }
}

/// The name of a file without folders and ending.
fn stem(path: &str) -> Option<String> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    (!stem.is_empty()).then(|| stem.to_owned())
}
