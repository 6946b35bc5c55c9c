//! Where each example comes from, in a form that somebody else can check: digests, spans, values.

use serde::{Deserialize, Serialize};

use crate::corpus::{Corpus, Fact, Span};
use crate::store::Digest;

use super::parts::Planned;
use super::parts_verify::SplitRecord;
use super::{Method, ModelRecord, Noise};

/// A fact and the place that states it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StatedFact {
    pub id: Digest,
    pub entity: String,
    pub attribute: String,
    /// Path of the document.
    pub document: String,
    /// Of the document's bytes.
    pub sha256: Digest,
    /// The unit that states it, in the document's text.
    pub unit: Span,
    pub values: Vec<String>,
    /// Of each value, in the document's text.
    pub spans: Vec<Span>,
}

/// A part of a unit that a model's question is about.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Quotation {
    /// Path of the document.
    pub document: String,
    /// Of the document's bytes.
    pub sha256: Digest,
    /// In the document's text.
    pub unit: Span,
    /// As the unit has it.
    pub text: String,
}

/// A line of `X.provenance.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    pub id: String,
    #[serde(flatten)]
    pub split: SplitRecord,
    /// Of the document that states the first fact, or holds the quotation; None where an example has neither.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub source_sha256: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub start: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub end: Option<usize>,
    /// Headings above the unit, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub path: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fact: Option<Digest>,
    pub facts: Vec<StatedFact>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub quotation: Option<Quotation>,
    pub method: Method,
    pub noise: Vec<Noise>,
    /// Of a model's wording.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub model: Option<ModelRecord>,
}

/// What facts lie in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stated<'a> {
    pub corpus: &'a Corpus,
    pub facts: &'a [Fact],
}

impl Provenance {
    pub(super) fn of(id: &str, example: &Planned, stated: Stated<'_>) -> Self {
        let draft = &example.draft;
        let facts: Vec<&Fact> = draft.facts.iter().filter_map(|fact| stated.facts.get(*fact)).collect();
        let record = draft.record.as_deref();
        let place = facts.first().map(|fact| fact.unit).or(record.map(|record| record.unit));
        let unit = place.and_then(|unit| stated.corpus.units.get(unit));
        let quotation = record.and_then(|record| quotation(record, stated.corpus));
        let facts: Vec<StatedFact> = facts.into_iter().filter_map(|fact| stated_fact(fact, stated.corpus)).collect();
        Self {
            id: id.to_owned(),
            split: SplitRecord::of(example),
            source_sha256: facts.first().map(|fact| fact.sha256).or(quotation.as_ref().map(|q| q.sha256)),
            start: unit.map(|unit| unit.span.start),
            end: unit.map(|unit| unit.span.end),
            path: unit.map(|unit| unit.path.clone()).unwrap_or_default(),
            fact: facts.first().map(|fact| fact.id),
            facts,
            quotation,
            method: draft.method,
            noise: draft.noise.clone(),
            model: record.cloned(),
        }
    }
}

fn quotation(record: &ModelRecord, corpus: &Corpus) -> Option<Quotation> {
    let unit = corpus.units.get(record.unit)?;
    let document = corpus.documents.get(unit.document)?;
    Some(Quotation {
        document: document.path.to_string(),
        sha256: document.digest,
        unit: unit.span,
        text: record.quotation.clone()?,
    })
}

fn stated_fact(fact: &Fact, corpus: &Corpus) -> Option<StatedFact> {
    let unit = corpus.units.get(fact.unit)?;
    let document = corpus.documents.get(unit.document)?;
    Some(StatedFact {
        id: fact.id,
        entity: fact.entity.clone(),
        attribute: fact.attribute.clone(),
        document: document.path.to_string(),
        sha256: document.digest,
        unit: unit.span,
        values: fact.values.clone(),
        spans: fact.spans.clone(),
    })
}

/// A line of `X.corpus.jsonl`: a unit, as `rag index` reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CorpusLine {
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub title: Option<String>,
    pub source: String,
    /// Headings above it, outermost first, with ` › ` between them.
    pub path: String,
    pub start: usize,
    pub end: usize,
    /// Path of the document.
    pub document: String,
    pub sha256: Digest,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub language: Option<crate::corpus::Language>,
    /// Keys and values that the unit has beside its text.
    #[serde(skip_serializing_if = "serde_json::Map::is_empty", default)]
    pub fields: serde_json::Map<String, serde_json::Value>,
}

/// The lines of all units, in the corpus' order.
pub(super) fn corpus_lines(corpus: &Corpus) -> impl Iterator<Item = CorpusLine> + '_ {
    corpus.units.iter().filter_map(|unit| {
        let document = corpus.documents.get(unit.document)?;
        let mut fields = serde_json::Map::new();
        // What the text does not hold: metadata of a record. Another entity's fields are in its own text.
        for field in unit.fields.iter().filter(|field| !field.values.iter().all(|value| unit.text.contains(value))) {
            let value = match field.values.as_slice() {
                [one] => one.clone().into(),
                all => all.to_vec().into(),
            };
            fields.entry(field.key.clone()).or_insert(value);
        }
        Some(CorpusLine {
            text: unit.text.clone(),
            title: unit.title.clone(),
            source: unit.source.to_string(),
            path: unit.path.join(" › "),
            start: unit.span.start,
            end: unit.span.end,
            document: document.path.to_string(),
            sha256: document.digest,
            language: unit.language,
            fields,
        })
    })
}
