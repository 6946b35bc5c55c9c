//! One file to its document and pieces.

use std::sync::Arc;

use super::error::CorpusError;
use super::format::{Container, container, is_code, of_text};
use super::layout::{Format, Layout, Note, Skipped};
use super::options::ReadOptions;
use super::piece::{Input, Piece, Pieces};
use super::record_pieces::RecordForm;
use super::schema::Texts;
use super::walk::Named;
use super::{
    Document, delimited, docx, encoding, html, json_records, markdown, plain_text, record_pieces, text_records,
};
use crate::store::{Digest, FileAction, read_regular};

/// Bytes of a file, at most.
const MAX_FILE: u64 = 1 << 30;
/// Bytes of a document that is not text, at most.
const MAX_BINARY: usize = 64 << 20;
/// Bytes of a line, at most.
const MAX_LINE: usize = 16 << 20;

pub(super) struct FileReading {
    pub(super) document: Document,
    pub(super) pieces: Vec<Piece>,
    pub(super) layout: Layout,
}

#[derive(Default)]
pub(super) struct Outcome {
    /// None: the file was left out, which a note says.
    pub(super) file: Option<FileReading>,
    pub(super) notes: Vec<Note>,
}

/// Reads a file; what is no document is left out where it was found in a folder, and refused where it was named.
pub(super) fn read_file(file: &Named, options: &ReadOptions<'_>) -> Result<Outcome, CorpusError> {
    let skipped = |why| Outcome { file: None, notes: vec![Note::Skipped { file: file.shown.clone(), why }] };
    if file.in_folder && is_code(&file.shown) {
        return Ok(skipped(Skipped::NotADocument));
    }
    let bytes = read_regular(FileAction::Reading("the document"), &file.path, MAX_FILE)?;
    match of_bytes(&file.shown, bytes, options) {
        Err(CorpusError::Format { .. } | CorpusError::Binary(_)) if file.in_folder => {
            Ok(skipped(Skipped::NotADocument))
        }
        Err(CorpusError::Empty(_)) if file.in_folder => Ok(skipped(Skipped::Empty)),
        Err(CorpusError::NoText(_)) if file.in_folder => Ok(skipped(Skipped::NoText)),
        read => read,
    }
}

fn of_bytes(file: &Arc<str>, bytes: Vec<u8>, options: &ReadOptions<'_>) -> Result<Outcome, CorpusError> {
    let digest = Digest::of_bytes(&bytes);
    let mut notes = Vec::new();
    let (format, text, found) = contents(file, bytes, Wanted { options, notes: &mut notes })?;
    if found.pieces.is_empty() {
        return Err(CorpusError::NoText(file.clone()));
    }
    if found.duplicates > 0 {
        notes.push(Note::Duplicates { file: file.clone(), count: found.duplicates });
    }
    if found.totals > 0 {
        notes.push(Note::Totals { file: file.clone(), count: found.totals });
    }
    let shared = found.shared.into_iter().map(|shared| Note::SharedTitle { file: file.clone(), shared });
    notes.extend(shared);
    let layout = Layout { path: file.clone(), format, records: found.records, units: 0, fields: 0 };
    let converted =
        found.converted.is_some() || matches!(format, Format::Html | Format::Docx | Format::Xlsx | Format::Pdf);
    let text: Arc<str> = found.converted.unwrap_or(text).into();
    let document = Document { path: file.clone(), digest, text, converted, json: found.json };
    Ok(Outcome { file: Some(FileReading { document, pieces: found.pieces, layout }), notes })
}

struct Wanted<'a> {
    options: &'a ReadOptions<'a>,
    notes: &'a mut Vec<Note>,
}

/// A file's format, its text, and the pieces of that.
fn contents(file: &Arc<str>, bytes: Vec<u8>, wanted: Wanted<'_>) -> Result<(Format, String, Pieces), CorpusError> {
    let kind = container(&bytes);
    let options = wanted.options;
    if bytes.len() > MAX_BINARY && matches!(kind, Container::Docx | Container::Xlsx | Container::Pdf) {
        return Err(CorpusError::TooLarge { file: file.clone(), most: MAX_BINARY });
    }
    let (format, text) = match kind {
        Container::Foreign(foreign) => {
            return Err(CorpusError::Format { file: file.clone(), what: foreign.what, remedy: foreign.remedy });
        }
        Container::Xlsx => return workbook_contents(Input { file, text: "", options }, &bytes),
        Container::Docx => (Format::Docx, docx::markdown(file, &bytes)?),
        Container::Pdf => (Format::Pdf, pdf_text(file, bytes)?),
        Container::Text => {
            let decoded = encoding::decode(file, bytes, options.fix_encoding)?;
            wanted.notes.extend(decoded.notes);
            match of_text(file, &decoded.text) {
                Format::Html => (Format::Html, html::markdown(file, &decoded.text)?),
                Format::Text if text_records::are_records(&decoded.text) => (Format::TextRecords, decoded.text),
                format => (format, decoded.text),
            }
        }
    };
    let input = Input { file, text: &text, options };
    let found = pieces(input, format)?;
    Ok((format, text, found))
}

fn pieces(input: Input<'_>, format: Format) -> Result<Pieces, CorpusError> {
    if format != Format::Json {
        refuse_long_lines(input)?;
    }
    let plain = |pieces| Pieces { pieces, ..Pieces::default() };
    match format {
        Format::Json => {
            let read = json_records::read(input)?;
            let text = read.opened.as_deref().unwrap_or(input.text);
            let form = RecordForm { json: true, texts: Texts::Guessed };
            let found = record_pieces::pieces(Input { text, ..input }, &read.table, form)?;
            Ok(Pieces { converted: read.opened, ..found })
        }
        Format::Csv => {
            let read = delimited::read(input)?;
            let text = read.converted.as_deref().unwrap_or(input.text);
            let found = record_pieces::pieces(Input { text, ..input }, &read.table, ROWS)?;
            Ok(Pieces { converted: read.converted, ..found })
        }
        Format::TextRecords => {
            let form = RecordForm { json: false, texts: Texts::Guessed };
            record_pieces::pieces(input, &text_records::read(input)?, form)
        }
        Format::Markdown | Format::Html | Format::Docx => Ok(plain(markdown::pieces(input))),
        Format::Pdf => Ok(plain(markdown::packed(input, &plain_text::without_lists(input.text), None))),
        Format::Text | Format::Xlsx => Ok(plain(markdown::packed(input, &plain_text::titled(input.text), None))),
    }
}

const ROWS: RecordForm = RecordForm { json: false, texts: Texts::Named };

fn refuse_long_lines(input: Input<'_>) -> Result<(), CorpusError> {
    let long = input.text.split('\n').enumerate().find(|(_, line)| line.len() > MAX_LINE);
    match long {
        Some((i, line)) => {
            let (line, bytes) = (i + 1, line.len());
            Err(CorpusError::LongLine { file: input.file.clone(), line, bytes, most: MAX_LINE })
        }
        None => Ok(()),
    }
}

#[cfg(feature = "xlsx")]
fn workbook_contents(input: Input<'_>, bytes: &[u8]) -> Result<(Format, String, Pieces), CorpusError> {
    use super::workbook::Sheet;
    let read = super::workbook::read(input, bytes)?;
    let mut all = Pieces::default();
    // Each sheet has columns of its own, and so a title of its own.
    for Sheet { name, table } in &read.sheets {
        let mut found = record_pieces::pieces(Input { text: &read.text, ..input }, table, ROWS)?;
        found.records.iter_mut().for_each(|records| records.sheet = Some(name.clone()));
        all.records.append(&mut found.records);
        all.pieces.append(&mut found.pieces);
        all.duplicates += found.duplicates;
        all.totals += found.totals;
        all.shared.append(&mut found.shared);
    }
    Ok((Format::Xlsx, read.text, all))
}

#[cfg(not(feature = "xlsx"))]
fn workbook_contents(input: Input<'_>, _: &[u8]) -> Result<(Format, String, Pieces), CorpusError> {
    Err(CorpusError::Feature { file: input.file.clone(), what: "XLSX", feature: "xlsx" })
}

#[cfg(feature = "pdf")]
fn pdf_text(file: &Arc<str>, bytes: Vec<u8>) -> Result<String, CorpusError> {
    super::pdf::text(file, bytes)
}

#[cfg(not(feature = "pdf"))]
fn pdf_text(file: &Arc<str>, _: Vec<u8>) -> Result<String, CorpusError> {
    Err(CorpusError::Feature { file: file.clone(), what: "PDF", feature: "pdf" })
}
