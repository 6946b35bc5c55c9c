//! Why documents cannot be read.

use std::path::PathBuf;
use std::sync::Arc;

use super::Span;
use super::json_walk::JsonWhat;
use super::options::{Part, ReadOptions};
use super::pdf_limits::PdfExcess;
use crate::store::StoreError;

/// The file that a fault is in.
type File = Arc<str>;

#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("interrupted")]
    Interrupted,
    #[error("no document was named\nhint: name files or folders")]
    NoInput,
    #[error(
        "{0}: the folder holds no document that is read (JSONL, Markdown, text, CSV, HTML, DOCX, XLSX, PDF)\nhint: name a \
         folder with documents, or save them in one of these formats"
    )]
    NoDocument(String),
    #[error("{folder}: more than {most} files\nhint: name the files or a smaller folder")]
    TooManyFiles { folder: String, most: usize },
    #[error("{0}: folders lie too deep within each other\nhint: name a folder further down")]
    TooDeep(String),
    #[error("{}: the path is not UTF-8\nhint: rename it", .0.display())]
    Name(PathBuf),
    #[error("{0}: the file is empty\nhint: leave it out")]
    Empty(File),
    #[error("{0}: the file holds no text\nhint: leave it out; text in pictures has to be recognised first (OCR)")]
    NoText(File),
    #[error("{file}: the file is {what}, which is not read\nhint: {remedy}")]
    Format { file: File, what: &'static str, remedy: &'static str },
    #[error("{0}: the file is binary, not text\nhint: name JSONL, Markdown, text, CSV, HTML, DOCX, XLSX or PDF files")]
    Binary(File),
    #[error("{0}: the encoding is not UTF-8 and could not be told\nhint: iconv -f ENCODING -t UTF-8 IN > OUT")]
    Encoding(File),
    #[error(transparent)]
    Mojibake(Box<Mojibake>),
    #[error(
        "{file} line {line}: {count} characters are lost (U+FFFD)\nhint: read the original again in its own encoding"
    )]
    Lost { file: File, line: usize, count: usize },
    #[error(
        "{file} line {line}: {wrong:?} is still UTF-8 that was read in another encoding, after all repairs\nhint: read the \
         original again in its own encoding"
    )]
    StillMisread { file: File, line: usize, wrong: String },
    #[error("{file} line {line}: the line has {bytes} bytes, more than {most}\nhint: divide it")]
    LongLine { file: File, line: usize, bytes: usize, most: usize },
    #[error("{file} line {line} column {column}: {what}\nhint: correct it there; JSONL has one object a line")]
    Json { file: File, line: usize, column: usize, what: JsonWhat },
    #[error("{file}: a record is no JSON object\nhint: write one object a line: {{\"title\": …, \"text\": …}}")]
    NotAnObject { file: File },
    #[error("{file}: the records have more than {most} different fields\nhint: name the data's keys as values")]
    Fields { file: File, most: usize },
    #[error(
        "{file}: {first} and {second} could both be the text\nhint: choose one: --map text={first} or --map \
         text={second}"
    )]
    TwoTexts { file: File, first: String, second: String },
    #[error("{file}: no record has {path:?}, which is mapped to {part}\nhint: the paths are {known}")]
    NoSuchPath { file: File, part: Part, path: String, known: String },
    #[error(
        "{file}: this is already training data, or questions for an evaluation (it has {key:?})\nhint: `data split` makes the parts of training data, and `evaluate-finetuned` asks questions; documents are what both are made from"
    )]
    TrainingData { file: File, key: &'static str },
    #[error("{file} line {line}: {columns} columns, more than {most}\nhint: leave columns out")]
    Columns { file: File, line: usize, columns: usize, most: usize },
    #[error(
        "{file}: the tables have more than {most} cells, where each row has all columns of its table\nhint: divide the document"
    )]
    ManyCells { file: File, most: usize },
    #[error(
        "{file} line {line}: {found} cells, where the header has {expected}\nhint: correct the row, or name all columns in the header"
    )]
    Cells { file: File, line: usize, found: usize, expected: usize },
    #[error("{file} line {line}: a quotation mark is not closed\nhint: close it; within quotes it is written twice")]
    Quote { file: File, line: usize },
    #[error("{file}: the file has more than {most} bytes, the most that is read of this format\nhint: divide it")]
    TooLarge { file: File, most: usize },
    #[error("the documents have more than {} GiB of text together, which are kept in memory\nhint: name fewer of them, or make several sets", most >> 30)]
    TooMuch { most: usize },
    #[error("{0}: the HTML cannot be converted\nhint: save the page as text")]
    Html(File),
    #[error(
        "{file}: {what} needs a program that was built with the feature {feature}\nhint: build it with --features {feature}, or convert the file to text or CSV"
    )]
    Feature { file: File, what: &'static str, feature: &'static str },
    #[error("{file}: the archive is damaged: {reason}\nhint: save the document again")]
    Archive { file: File, reason: String },
    #[error(
        "{file}: unpacked the file has more than {most} bytes, or more than {ratio} times its own size\nhint: it may \
         be a zip bomb; divide the document if it is not"
    )]
    ZipBomb { file: File, most: u64, ratio: u64 },
    #[error("{file}: {part} declares XML entities, which are not expanded\nhint: save the document again")]
    Entities { file: File, part: String },
    #[error("{file}: the XML of {part} is damaged: {reason}\nhint: save the document again")]
    Xml { file: File, part: String, reason: String },
    #[error(
        "{file}: elements lie more than {most} deep within each other, or are not closed\nhint: close them, or save the page \
         as text"
    )]
    Nesting { file: File, most: usize },
    #[error(
        "{file}: a table takes more than {most} bytes once each cell is as wide as its column\nhint: shorten the longest cell, or \
         save the page as text"
    )]
    WideTable { file: File, most: usize },
    #[error("{file}: converting the HTML takes more than {seconds} s\nhint: divide the page, or save it as text")]
    Slow { file: File, seconds: u64 },
    #[error("{file}: the workbook cannot be read: {reason}\nhint: save the sheets as CSV")]
    Workbook { file: File, reason: String },
    #[error("{file}: the PDF cannot be read: {reason}\nhint: convert it: pdftotext IN OUT.txt")]
    Pdf { file: File, reason: String },
    #[error(
        "{file}: the PDF has {what}\nhint: it may be a bomb; if it is not, divide the document, or convert it: pdftotext IN OUT.txt"
    )]
    PdfExcess { file: File, what: PdfExcess },
    #[error(
        "{file}: page {page} is scanned: it has pictures and almost no letters\nhint: recognise its text: ocrmypdf IN OUT"
    )]
    Scanned { file: File, page: usize },
}

/// UTF-8 that was read in another encoding and stored so.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{file} line {line}: {wrong:?} is {right:?} in UTF-8 that was read as {codec} ({count} such characters)\nhint: \
     --fix-encoding undoes it; or: iconv -f UTF-8 -t {codec} IN > OUT"
)]
pub struct Mojibake {
    pub file: Arc<str>,
    pub line: usize,
    pub wrong: String,
    pub right: String,
    pub codec: &'static str,
    pub count: usize,
}

/// The line that a byte is in, from 1.
pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.as_bytes().iter().take(at).filter(|b| **b == b'\n').count() + 1
}

/// The column that a byte is in, in characters from 1.
pub(super) fn column_of(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or(text);
    before.rsplit('\n').next().unwrap_or_default().chars().count() + 1
}

/// What lies at `span`; nothing where it is not a text's.
pub(super) fn slice(text: &str, span: Span) -> &str {
    text.get(span.start..span.end).unwrap_or_default()
}

impl ReadOptions<'_> {
    /// An error once the reading is interrupted.
    pub(super) fn check_interrupt(&self) -> Result<(), CorpusError> {
        if self.interrupt.raised() { Err(CorpusError::Interrupted) } else { Ok(()) }
    }
}
