//! Written files compared with the corpus that they say they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::corpus::Corpus;
use crate::store::{Digest, FileAction, read_text};

use super::dedupe_text::question_key;
use super::error::{GenerateError, LineCause, LineFault};
use super::parts::{Part, SplitBy};
use super::parts_verify::{SplitRecord, verify};
use super::provenance::{CorpusLine, Provenance, StatedFact};

/// Largest file that is read, in bytes.
const MAX_FILE: u64 = 4 << 30;

/// What an example says of its origin and the corpus does not bear out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProvenanceFault {
    #[error("{id}: the corpus has no document {document:?}")]
    NoDocument { id: String, document: String },
    #[error("{id}: the document {document:?} has another SHA-256 than the one that the example was made from")]
    Changed { id: String, document: String },
    #[error("{id}: the document {document:?} has no unit at the bytes {start} to {end}")]
    NoUnit { id: String, document: String, start: usize, end: usize },
    #[error("{id}: the value {value:?} is not where the example says it is, in {document:?}")]
    Value { id: String, document: String, value: String },
    #[error("{id}: the question is not the one that its provenance has: {question:?}")]
    Question { id: String, question: String },
}

/// What was checked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Checked {
    /// Of the dataset.
    pub examples: usize,
    /// Different facts that these state.
    pub facts: usize,
    /// Values that were found where their examples say they are.
    pub values: usize,
    pub faults: Vec<ProvenanceFault>,
}

#[derive(serde::Deserialize)]
struct Example {
    id: String,
    messages: Vec<crate::chat::Message>,
}

#[derive(serde::Deserialize)]
struct Settings {
    split_by: Option<SplitBy>,
}

/// Checks a generated dataset (`X_train.jsonl`, or another part) against the corpus file that was written with it
/// (`X.corpus.jsonl`): each example's provenance, and the invariants of the whole split.
pub fn check_provenance(dataset: &Path, corpus: &Path) -> Result<Checked, GenerateError> {
    let (records, examples) = read(dataset)?;
    let lines: Vec<CorpusLine> = read_lines(corpus)?;
    let mut units: HashMap<(&str, usize, usize), &CorpusLine> = HashMap::new();
    let mut documents: BTreeMap<&str, Digest> = BTreeMap::new();
    for line in &lines {
        units.insert((&line.document, line.start, line.end), line);
        documents.insert(&line.document, line.sha256);
    }
    let of_fact = |id: &str, fact: &StatedFact| -> Result<usize, ProvenanceFault> {
        document_fault(id, fact, documents.get(fact.document.as_str()).copied())?;
        let (start, end) = (fact.unit.start, fact.unit.end);
        let no_unit = || ProvenanceFault::NoUnit { id: id.into(), document: fact.document.clone(), start, end };
        let unit = units.get(&(fact.document.as_str(), start, end)).ok_or_else(no_unit)?;
        match fact.values.iter().find(|value| !holds(unit, value)) {
            Some(value) => Err(value_fault(id, fact, value)),
            None => Ok(fact.values.len()),
        }
    };
    Ok(checked(&records, &examples, of_fact))
}

/// As [`check_provenance`], against the documents themselves: each value is compared with the bytes of its span.
pub fn check_against_documents(dataset: &Path, corpus: &Corpus) -> Result<Checked, GenerateError> {
    let (records, examples) = read(dataset)?;
    let documents: BTreeMap<&str, _> = corpus.documents.iter().map(|document| (&*document.path, document)).collect();
    let of_fact = |id: &str, fact: &StatedFact| -> Result<usize, ProvenanceFault> {
        let document = documents.get(fact.document.as_str());
        document_fault(id, fact, document.map(|document| document.digest))?;
        let found = |(value, span): &(&String, _)| document.and_then(|d| d.slice(*span)).as_ref() == Some(*value);
        match fact.values.iter().zip(fact.spans.iter().copied()).find(|pair| !found(pair)) {
            Some((value, _)) => Err(value_fault(id, fact, value)),
            None => Ok(fact.spans.len().min(fact.values.len())),
        }
    };
    Ok(checked(&records, &examples, of_fact))
}

fn document_fault(id: &str, fact: &StatedFact, found: Option<Digest>) -> Result<(), ProvenanceFault> {
    let (id, document) = (id.to_owned(), fact.document.clone());
    match found {
        None => Err(ProvenanceFault::NoDocument { id, document }),
        Some(digest) if digest != fact.sha256 => Err(ProvenanceFault::Changed { id, document }),
        Some(_) => Ok(()),
    }
}

fn value_fault(id: &str, fact: &StatedFact, value: &str) -> ProvenanceFault {
    ProvenanceFault::Value { id: id.into(), document: fact.document.clone(), value: value.into() }
}

fn holds(unit: &CorpusLine, value: &str) -> bool {
    let is = |other: &serde_json::Value| other.as_str() == Some(value);
    let in_field = |field: &serde_json::Value| is(field) || field.as_array().is_some_and(|all| all.iter().any(is));
    unit.text.contains(value) || unit.title.as_deref() == Some(value) || unit.fields.values().any(in_field)
}

fn checked(
    records: &BTreeMap<String, Provenance>,
    examples: &[Example],
    of_fact: impl Fn(&str, &StatedFact) -> Result<usize, ProvenanceFault>,
) -> Checked {
    let mut out = Checked { examples: examples.len(), ..Checked::default() };
    let mut facts = BTreeSet::new();
    for example in examples {
        let Some(record) = records.get(&example.id) else { continue };
        let first = example.messages.iter().find(|message| message.role == crate::chat::Role::User);
        let question = first.map(|message| message.content.clone()).unwrap_or_default();
        if question_key(&question) != record.split.question {
            out.faults.push(ProvenanceFault::Question { id: example.id.clone(), question });
        }
        for fact in &record.facts {
            facts.insert(fact.id);
            match of_fact(&example.id, fact) {
                Ok(values) => out.values += values,
                Err(fault) => out.faults.push(fault),
            }
        }
    }
    out.facts = facts.len();
    out
}

/// The provenance of the whole set, whose split is verified, and the examples of one file of it.
/// The sources that were set aside when a set was generated, those included that no question is about; of any file of the set.
pub fn unseen_sources(dataset: &Path) -> Result<BTreeSet<String>, GenerateError> {
    #[derive(serde::Deserialize)]
    struct Aside {
        unseen_sources: BTreeSet<String>,
    }
    let path = with_suffix(&stem_of(dataset).0, ".report.json");
    let text = read_text(FileAction::READING, &path, MAX_FILE)?;
    let aside: Aside = serde_json::from_str(&text).map_err(|e| {
        let fault = LineFault { line: e.line(), cause: LineCause::Json(e.to_string()) };
        GenerateError::Line { path, fault }
    })?;
    Ok(aside.unseen_sources)
}

fn read(dataset: &Path) -> Result<(BTreeMap<String, Provenance>, Vec<Example>), GenerateError> {
    let (stem, part) = stem_of(dataset);
    let provenance = with_suffix(&stem, ".provenance.jsonl");
    let mut records = BTreeMap::new();
    for (record, line) in read_lines::<Provenance>(&provenance)?.into_iter().zip(1..) {
        if let Some(earlier) = records.insert(record.id.clone(), record) {
            let cause = LineCause::SameId(earlier.id);
            return Err(GenerateError::Line { path: provenance, fault: LineFault { line, cause } });
        }
    }
    let examples: Vec<Example> = read_lines(dataset)?;
    for (example, line) in examples.iter().zip(1..) {
        let cause = match (records.get(&example.id), part) {
            (None, _) => LineCause::NoProvenance(example.id.clone()),
            (Some(record), Some(part)) if record.split.part != part => {
                LineCause::Part { found: record.split.part.name(), expected: part.name() }
            }
            _ => continue,
        };
        return Err(GenerateError::Line { path: dataset.to_path_buf(), fault: LineFault { line, cause } });
    }
    let split: Vec<SplitRecord> = records.values().map(|record| record.split.clone()).collect();
    verify(&split, split_of(&stem)?.unwrap_or(SplitBy::Random))?;
    Ok((records, examples))
}

fn split_of(stem: &Path) -> Result<Option<SplitBy>, GenerateError> {
    let path = with_suffix(stem, ".report.json");
    let text = read_text(FileAction::Reading("the report"), &path, MAX_FILE)?;
    let settings: Result<Settings, _> = serde_json::from_str(&text);
    settings.map(|settings| settings.split_by).map_err(|e| {
        let fault = LineFault { line: e.line(), cause: LineCause::Json(e.to_string()) };
        GenerateError::Line { path, fault }
    })
}

fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, GenerateError> {
    let text = read_text(FileAction::READING, path, MAX_FILE)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    let parsed = lines.map(|(text, line)| {
        serde_json::from_str(text).map_err(|e| {
            let fault = LineFault { line, cause: LineCause::Json(e.to_string()) };
            GenerateError::Line { path: path.to_path_buf(), fault }
        })
    });
    parsed.collect()
}

/// `X` and the part, of `X_train.jsonl`; `X` alone, of `X.jsonl`.
pub(super) fn stem_of(path: &Path) -> (PathBuf, Option<Part>) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let whole = name.strip_suffix(".jsonl").unwrap_or(&name);
    let of_part = |part: &Part| whole.strip_suffix(part.name())?.strip_suffix('_').filter(|stem| !stem.is_empty());
    match Part::ALL.iter().find_map(|part| of_part(part).map(|stem| (stem, *part))) {
        Some((stem, part)) => (path.with_file_name(stem), Some(part)),
        None => (path.with_file_name(whole), None),
    }
}

pub(super) fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    stem.with_file_name(name)
}
