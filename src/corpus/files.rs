//! One file to its document and pieces.

use std::sync::Arc;

use super::error::CorpusError;
use super::format::{Container, container, is_code, of_text};
use super::layout::{Format, Layout, Note, Skipped};
use super::options::ReadOptions;
use super::piece::{Input, Piece, Pieces};
use super::record_pieces::Kind;
use super::schema::Texts;
use super::walk::Named;
use super::{Document, delimited, encoding, html, json_records, markdown, plain_text, record_pieces, text_records};
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
        Err(CorpusError::Format { .. } | CorpusError::Binary(_)) if file.in_folder => Ok(skipped(Skipped::NotADocument)),
        Err(CorpusError::Empty(_)) if file.in_folder => Ok(skipped(Skipped::Empty)),
        Err(CorpusError::NoText(_)) if file.in_folder => Ok(skipped(Skipped::NoText)),
        read => read,
    }
}

fn of_bytes(file: &Arc<str>, bytes: Vec<u8>, options: &ReadOptions<'_>) -> Result<Outcome, CorpusError> {
    let digest = Digest::of_bytes(&bytes);
    let kind = container(&bytes);
    if bytes.len() > MAX_BINARY && matches!(kind, Container::Docx | Container::Xlsx | Container::Pdf) {
        return Err(CorpusError::TooLarge { file: file.clone(), most: MAX_BINARY });
    }
    let mut notes = Vec::new();
    let (format, text) = match kind {
        Container::Foreign(foreign) => {
            return Err(CorpusError::Format { file: file.clone(), what: foreign.what, remedy: foreign.remedy });
        }
        Container::Text => {
            let decoded = encoding::decode(file, bytes, options.fix_encoding)?;
            notes.extend(decoded.notes);
            (of_text(file, &decoded.text), decoded.text)
        }
    };
    let input = Input { file, text: &text, options };
    let found = pieces(input, format)?;
    if found.pieces.is_empty() {
        return Err(CorpusError::NoText(file.clone()));
    }
    if found.duplicates > 0 {
        notes.push(Note::Duplicates { file: file.clone(), count: found.duplicates });
    }
    let format = found.format.unwrap_or(format);
    let layout = Layout { path: file.clone(), format, records: found.records, units: 0, fields: 0 };
    let converted = found.converted.is_some();
    let text: Arc<str> = found.converted.unwrap_or(text).into();
    let document = Document { path: file.clone(), digest, text, converted, json: found.json };
    Ok(Outcome { file: Some(FileReading { document, pieces: found.pieces, layout }), notes })
}

fn pieces(input: Input<'_>, format: Format) -> Result<Pieces, CorpusError> {
    todo!()
}
