//! What a corpus states: an attribute of an entity has a value, at a place.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Language, Span};
use crate::store::Digest;

/// What a value is.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    Person,
    Organisation,
    Date,
    Version,
    Number,
    Money,
    Boolean,
    Url,
    /// E-mail address or telephone number: left out unless contacts are wanted.
    Contact,
    Identifier,
    /// One of few values that the attribute has.
    Enumeration,
    List,
    /// A sentence that says what the entity is.
    Definition,
    Text,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Fact {
    /// Of source, entity, attribute and normalised values.
    pub id: Digest,
    /// Unique in the corpus: the title, with headings above it before it where the title alone is not, or is no name.
    pub entity: String,
    /// As the document writes it, without the unit of its numbers.
    pub attribute: String,
    /// One, or the items of a list.
    pub values: Vec<String>,
    pub kind: Kind,
    /// Of a number, as its value or the attribute's name has it (`MiB`, `users`).
    pub measure: Option<String>,
    /// Of the document that states it; questions may be asked in another.
    pub language: Option<Language>,
    /// Index into the corpus' units.
    pub unit: usize,
    pub source: Arc<str>,
    /// Of each value, in the unit's document.
    pub spans: Vec<Span>,
    /// The attribute's commonest value covers most of its records, so that the answer can be guessed.
    pub low_information: bool,
}

/// Two sources that state different values of one attribute of one entity; neither is taught.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    pub entity: String,
    pub attribute: String,
    /// Each value with its source.
    pub stated: Vec<(Arc<str>, String)>,
}

/// What a corpus states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts {
    pub facts: Vec<Fact>,
    pub conflicts: Vec<Conflict>,
    /// Facts whose value is a [`Kind::Contact`], which were left out.
    pub contacts: usize,
    /// Spellings of one name, whose case or accents differ, that a document has side by side; they are read as one entity.
    pub spellings: Vec<Vec<String>>,
}
