//! Documents (JSONL chunks, Markdown, text, CSV, HTML, DOCX, XLSX, PDF, folders of them) to units with byte spans, and facts.
//!
//! The order of reading: a reader for each format makes [`Document`]s and [`Unit`]s; what the units' fields and sentences state
//! are [`Facts`].

mod archive;
mod boilerplate;
mod captions;
mod copies;
mod delimited;
mod docx;
mod docx_paragraph;
mod docx_styles;
mod docx_table;
mod encoding;
mod error;
mod fact;
mod facts;
mod facts_absent;
mod facts_answer;
mod facts_common;
mod facts_definition;
mod facts_entity;
mod facts_glossary;
mod facts_currency;
mod facts_merge;
mod facts_place;
mod facts_split;
mod facts_statement;
mod facts_table;
mod facts_unit;
mod fields;
mod fields_records;
mod fields_single;
mod files;
mod format;
mod front_matter;
mod header_row;
mod heading_parts;
mod html;
mod html_size;
mod html_table;
mod inline;
mod json_columns;
mod json_container;
mod json_grid;
mod json_records;
mod json_walk;
mod key_value;
mod key_value_single;
mod kind;
mod kind_contact;
mod kind_date;
mod kind_fold;
mod kind_name;
mod kind_number;
mod language;
mod layout;
mod markdown;
mod markup;
mod mojibake;
mod names;
mod names_of_languages;
mod names_of_parts;
mod options;
mod outline;
mod path_keys;
mod path_statistics;
mod pdf;
mod pdf_forms;
mod pdf_lengths;
mod pdf_limits;
mod pdf_streams;
mod pdf_tables;
mod piece;
mod plain_text;
mod read;
mod record;
mod record_pieces;
mod schema;
mod schema_questions;
mod table_form;
mod text_records;
mod text_split;
mod walk;
mod workbook;
mod workbook_format;
mod xml;

pub use error::{CorpusError, Mojibake};
pub use fact::{Conflict, Fact, Facts, Kind};
pub use facts::{FactOptions, facts};
pub use front_matter::is_of_publishing;
pub use json_walk::JsonWhat;
pub use kind::{LONGEST_VALUE, normalised};
pub use kind_date::{is_weekday, is_year, month_named};
pub use kind_fold::folded;
pub(crate) use kind_fold::written_out;
pub use kind_number::has_currency;
pub use language::{commonest_language, language_of_name, other_languages};
pub use layout::{
    Boilerplate, FieldPath, Format, Ignored, IgnoredPath, Layout, Note, PathUse, RecordLayout, SharedTitle, Skipped,
    Unmapped,
};
pub use mojibake::Codec;
pub use options::{Map, MapError, Part, ReadOptions, estimated_tokens};
pub use pdf_limits::PdfExcess;
pub use read::{Reading, read};
pub use text_split::split_text;
pub use walk::{NamedPath, named_files};

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::store::Digest;

/// A language that questions are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    Fr,
    En,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::Fr, Self::En];

    /// In English.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fr => "French",
            Self::En => "English",
        }
    }

    /// ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Self::Fr => "fr",
            Self::En => "en",
        }
    }
}

/// Bytes `start..end` of a [`Document::text`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

/// One file, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// As it was named, or below the folder that was named; `/` between its parts.
    pub path: Arc<str>,
    /// SHA-256 of the file's bytes.
    pub digest: Digest,
    /// What spans point into: the file's own text after its encoding is undone, or, of formats that are not text, the text
    /// that it was converted to.
    pub text: Arc<str>,
    /// Whether `text` is a conversion (HTML, DOCX, XLSX, PDF).
    pub converted: bool,
    /// Whether spans lie inside JSON strings: what they hold is the value as JSON writes it, escapes included.
    pub json: bool,
}

impl Document {
    /// The text at `span`, JSON escapes undone.
    pub fn slice(&self, span: Span) -> Option<String> {
        let raw = self.text.get(span.start..span.end)?;
        if self.json { serde_json::from_str(&format!("\"{raw}\"")).ok() } else { Some(raw.to_owned()) }
    }

    /// Whether the text at `span` is `value`, or says it with marks of emphasis, code or links within it.
    pub fn says(&self, span: Span, value: &str) -> bool {
        let Some(written) = self.slice(span) else { return false };
        let is_said = |said: &str| kind_fold::collapsed(said) == kind_fold::collapsed(value);
        written == value || inline::text(&written).is_some_and(|said| is_said(&said))
    }
}

/// How a field was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldForm {
    /// A field of a record: a JSON object's, a CSV row's, a paragraph of `Key: value` lines.
    Record,
    /// `**Key** : value` or `Key: value` in prose, or a definition list.
    KeyValue,
    /// A cell of a table whose row head is the entity.
    Cell,
    /// A list below a heading, which is the key.
    List,
}

/// A key with its value, as a document writes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// What the value belongs to; None: to the unit's title.
    pub entity: Option<String>,
    /// The parts of the key's path that say what it is, as written.
    pub key: String,
    /// One, or the items of a list.
    pub values: Vec<String>,
    /// Of each value.
    pub spans: Vec<Span>,
    pub form: FieldForm,
}

/// A piece of a document that is read, retrieved and cited as a whole.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// Of the document's path and the unit's text and place: stable as long as these are.
    pub id: Digest,
    /// Index into [`Corpus::documents`].
    pub document: usize,
    /// What it belongs to when sources are held out: the record's own source; else the document's path, of a record with its
    /// title or id after `#`.
    pub source: Arc<str>,
    /// The entity that it is about: a record's title, else the last heading, else the name of the source. None: a record
    /// without a title, in a source of several.
    pub title: Option<String>,
    /// Headings above it, outermost first.
    pub path: Vec<String>,
    pub span: Span,
    pub text: String,
    /// None: neither French nor English, or too short to tell.
    pub language: Option<Language>,
    pub fields: Vec<Field>,
}

/// What was read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Corpus {
    pub documents: Vec<Document>,
    pub units: Vec<Unit>,
}

#[cfg(test)]
mod facts_read_tests;
#[cfg(all(test, feature = "pdf"))]
mod pdf_recursion_tests;
#[cfg(test)]
mod read_tests;
