//! How files were read, for the reader of the report.

use std::fmt;
use std::sync::Arc;

use super::mojibake::Codec;
use super::options::Part;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Format {
    #[strum(to_string = "JSON")]
    Json,
    Markdown,
    #[strum(to_string = "text")]
    Text,
    #[strum(to_string = "text records")]
    TextRecords,
    #[strum(to_string = "CSV")]
    Csv,
    #[strum(to_string = "HTML")]
    Html,
    #[strum(to_string = "DOCX")]
    Docx,
    #[strum(to_string = "XLSX")]
    Xlsx,
    #[strum(to_string = "PDF")]
    Pdf,
}

/// A path that holds a record's text, title, source or id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathUse {
    pub path: String,
    /// Characters of its values.
    pub median: usize,
    /// Different values.
    pub distinct: usize,
}

/// A path whose values are fields of the units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPath {
    pub path: String,
    pub key: String,
    pub records: usize,
}

/// A path that is not read, with the reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IgnoredPath {
    pub path: String,
    pub why: Ignored,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
#[strum(serialize_all = "lowercase")]
pub enum Ignored {
    /// Numbers of an embedding.
    Embedding,
    /// Encoded bytes or a hash.
    Encoded,
    /// The same value in every record. It is no fact, but stays in the text of records that have no other.
    Constant,
    /// Bookkeeping of a program.
    Technical,
    /// The same values as another path.
    Copy,
    /// About the list of the records, beside it in the file.
    #[strum(to_string = "beside the records")]
    Beside,
    /// Beside a question and its answer, which are read.
    #[strum(to_string = "beside the questions")]
    BesideQuestion,
    /// An object within too many others.
    #[strum(to_string = "too deep")]
    Deep,
}

/// Paths that are not used and said by name.
const MOST_IGNORED: usize = 8;

/// A part that a map gives a path which no record has, so that it was guessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unmapped {
    pub part: Part,
    pub path: String,
    /// The paths that there are.
    pub known: String,
}

/// How the records of a file were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordLayout {
    /// Of a workbook.
    pub sheet: Option<String>,
    pub records: usize,
    /// The questions that the texts answer.
    pub question: Option<PathUse>,
    pub text: Option<PathUse>,
    pub title: Option<PathUse>,
    pub source: Option<PathUse>,
    pub id: Option<PathUse>,
    pub fields: Vec<FieldPath>,
    pub ignored: Vec<IgnoredPath>,
    pub unmapped: Vec<Unmapped>,
}

/// How a file was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    pub path: Arc<str>,
    pub format: Format,
    /// Of each table of records: a workbook has one for each sheet.
    pub records: Vec<RecordLayout>,
    pub units: usize,
    pub fields: usize,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.path)?;
        if self.records.is_empty() {
            let (units, fields) = (counted(self.units, "unit"), counted(self.fields, "field"));
            return write!(f, "{}, {units}, {fields}", self.format);
        }
        for (i, records) in self.records.iter().enumerate() {
            let before = if i == 0 { "" } else { "; " };
            match records.sheet.as_ref().filter(|_| self.records.len() > 1) {
                Some(sheet) => write!(f, "{before}sheet {sheet:?}: {records}")?,
                None => write!(f, "{before}{records}")?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for RecordLayout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.text {
            Some(text) => write!(f, "text = {} (median {} chars)", text.path, text.median)?,
            None => write!(f, "{}, no text", counted(self.records, "record"))?,
        }
        for (name, part) in
            [("question", &self.question), ("title", &self.title), ("source", &self.source), ("id", &self.id)]
        {
            if let Some(part) = part {
                write!(f, ", {name} = {} ({})", part.path, part.distinct)?;
            }
        }
        for Unmapped { part, path, .. } in &self.unmapped {
            write!(f, ", no {path} (the {part} is guessed)")?;
        }
        write!(f, ", {}", counted(self.fields.len(), "field"))?;
        self.write_ignored(f)
    }
}

impl RecordLayout {
    /// `, not used: score (technical), lang (constant)`
    fn write_ignored(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, IgnoredPath { path, why }) in self.ignored.iter().take(MOST_IGNORED).enumerate() {
            let before = if i == 0 { "not used: " } else { "" };
            match (why, &self.text) {
                (Ignored::Constant, None) => write!(f, ", {before}{path} (constant: in the text only)")?,
                _ => write!(f, ", {before}{path} ({why})")?,
            }
        }
        match self.ignored.len().saturating_sub(MOST_IGNORED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// A paragraph that many documents have, which was left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Boilerplate {
    pub text: String,
    pub documents: usize,
}

/// A path that is the title of several records which are not one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedTitle {
    pub path: String,
    /// That have such a title.
    pub records: usize,
    /// One of these titles.
    pub title: String,
}

/// What a user should know of a reading.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The encoding was guessed.
    Encoding { file: Arc<str>, encoding: &'static str },
    /// UTF-8 that was read in another encoding was undone.
    Undone { file: Arc<str>, codec: Codec, count: usize },
    /// Few characters are damaged, and were left so.
    Damaged { file: Arc<str>, count: usize },
    /// A file in a folder that was not read.
    Skipped { file: Arc<str>, why: Skipped },
    /// Records that say what another of their source says.
    Duplicates { file: Arc<str>, count: usize },
    /// Rows that sum others up, which are about nothing.
    Totals { file: Arc<str>, count: usize },
    /// Records that have a title which others have too, and values that differ from theirs.
    SharedTitle { file: Arc<str>, shared: SharedTitle },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display)]
pub enum Skipped {
    #[strum(to_string = "it is a symbolic link")]
    Link,
    #[strum(to_string = "it is not a document")]
    NotADocument,
    #[strum(to_string = "it is empty")]
    Empty,
    #[strum(to_string = "it holds no text")]
    NoText,
    #[strum(to_string = "its name is not UTF-8")]
    Name,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encoding { file, encoding } => write!(f, "{file}: read as {encoding}, which was guessed"),
            Self::Undone { file, codec, count } => {
                write!(f, "{file}: {count} characters were UTF-8 read as {codec}; they were corrected")
            }
            Self::Damaged { file, count } => write!(f, "{file}: {count} characters are damaged"),
            Self::Skipped { file, why } => write!(f, "{file}: skipped: {why}"),
            Self::SharedTitle { file, shared: SharedTitle { path, records, title } } => write!(
                f,
                "{file}: {records} records have a {path} that others have too, such as {title:?}, and are read as about one \
                 thing; --map title=PATH names a path that tells them apart"
            ),
            Self::Totals { file, count } => {
                write!(f, "{file}: {} with totals left out", counted(*count, "row"))
            }
            Self::Duplicates { file, count } => {
                write!(f, "{file}: {} left out, which repeat others of their source", counted(*count, "record"))
            }
        }
    }
}
