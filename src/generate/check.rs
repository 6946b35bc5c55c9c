//! Written files compared with the corpus that they say they come from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::chat::{Message, Role};
use crate::corpus::{Corpus, Document, Span};
use crate::store::{Digest, FileAction, is_inner, read_text};

use super::error::{GenerateError, LineCause, LineFault};
use super::identity_key::identity_key;
use super::parts::{Part, SplitBy};
use super::parts_verify::{SplitRecord, verify};
use super::provenance::{CorpusLine, Provenance, Quotation, StatedFact};
use super::replacement;

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
    #[error("{id}: the text that it asks about is not where the example says it is, in {document:?}: {text:?}")]
    Quotation { id: String, document: String, text: String },
    #[error("{id}: an answer is not the one that was generated: {answer:?}")]
    Answer { id: String, answer: String },
    #[error("{id}: the question is not the one that its provenance has: {question:?}")]
    Question { id: String, question: String },
    #[error("{file} is not what was generated: its SHA-256 is not the one in {report}")]
    File { file: String, report: String },
    #[error(
        "{report} has no digests of the files, as an earlier version wrote it: whether they have changed is not known"
    )]
    NoDigests { report: String },
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
    /// Examples of a model whose quotation was found where they say it is.
    pub quotations: usize,
    pub faults: Vec<ProvenanceFault>,
}

#[derive(serde::Deserialize)]
struct Example {
    id: String,
    messages: Vec<Message>,
}

/// What is compared with the report of a set.
#[derive(serde::Deserialize)]
struct ReportedSet {
    split_by: Option<SplitBy>,
    /// By name; an earlier version wrote none.
    files: Option<BTreeMap<String, Digest>>,
}

impl ReportedSet {
    /// The files of the set `X` that are there and do not have the digests of the report.
    fn changed(&self, stem: &Path) -> Result<Vec<ProvenanceFault>, GenerateError> {
        let path = with_suffix(stem, ".report.json");
        let report = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(files) = &self.files else { return Ok(vec![ProvenanceFault::NoDigests { report }]) };
        let mut faults = Vec::new();
        for (file, digest) in files.iter().filter(|(file, _)| is_inner(Path::new(file))) {
            match Digest::of_file(path.with_file_name(file)) {
                Ok(found) if found == *digest => {}
                // A set may be moved without all of its files; those that are needed were read.
                Err(e) if e.source.kind() == ErrorKind::NotFound => {}
                Ok(_) => faults.push(ProvenanceFault::File { file: file.clone(), report: report.clone() }),
                Err(fault) => return Err(fault.into()),
            }
        }
        Ok(faults)
    }
}

/// A file of a set, with what is needed to check it.
struct ReadSet {
    /// Of the whole set, by example.
    records: BTreeMap<String, Provenance>,
    /// Of the one file.
    examples: Vec<Example>,
    /// Files of the set that are not as they were written.
    changed: Vec<ProvenanceFault>,
}

/// Checks a generated dataset (`X_train.jsonl`, or another part) against the corpus file that was written with it
/// (`X.corpus.jsonl`): each example's provenance, and the invariants of the whole split.
pub fn check_provenance(dataset: &Path, corpus: &Path) -> Result<Checked, GenerateError> {
    let set = read(dataset)?;
    let lines: Vec<CorpusLine> = read_lines(corpus)?;
    let mut origin = CorpusFile { units: HashMap::new(), documents: BTreeMap::new() };
    for line in &lines {
        origin.units.insert(PlaceOfUnit { document: &line.document, unit: [line.start, line.end] }, line);
        origin.documents.insert(&line.document, line.sha256);
    }
    Ok(checked(set, &origin))
}

/// As [`check_provenance`], against the documents themselves: each value is compared with the bytes of its span.
pub fn check_against_documents(dataset: &Path, corpus: &Corpus) -> Result<Checked, GenerateError> {
    let set = read(dataset)?;
    let documents = corpus.documents.iter().map(|document| (&*document.path, document)).collect();
    let mut units: HashMap<PlaceOfUnit<'_>, Vec<&str>> = HashMap::new();
    for unit in &corpus.units {
        let Some(document) = corpus.documents.get(unit.document) else { continue };
        let place = PlaceOfUnit { document: &document.path, unit: [unit.span.start, unit.span.end] };
        units.entry(place).or_default().push(&unit.text);
    }
    Ok(checked(set, &Documents { documents, units }))
}

/// What says whether an example's origin is as the example has it.
trait Origin {
    /// The digest of a document that is there.
    fn digest(&self, document: &str) -> Option<Digest>;
    /// The values that are found where `fact` says they are; the first that is not.
    fn fact(&self, id: &str, fact: &StatedFact) -> Result<usize, ProvenanceFault>;
    /// Whether the quotation is in its unit.
    fn quotation(&self, id: &str, quotation: &Quotation) -> Result<(), ProvenanceFault>;

    fn check_document(&self, id: &str, document: &str, expected: Digest) -> Result<(), ProvenanceFault> {
        let (id, name) = (id.to_owned(), document.to_owned());
        match self.digest(document) {
            None => Err(ProvenanceFault::NoDocument { id, document: name }),
            Some(digest) if digest != expected => Err(ProvenanceFault::Changed { id, document: name }),
            Some(_) => Ok(()),
        }
    }
}

#[derive(PartialEq, Eq, Hash)]
struct PlaceOfUnit<'a> {
    document: &'a str,
    /// First and last byte.
    unit: [usize; 2],
}

/// `X.corpus.jsonl`.
struct CorpusFile<'a> {
    units: HashMap<PlaceOfUnit<'a>, &'a CorpusLine>,
    documents: BTreeMap<&'a str, Digest>,
}

impl CorpusFile<'_> {
    fn unit(&self, id: &str, document: &str, unit: Span) -> Result<&CorpusLine, ProvenanceFault> {
        let Span { start, end } = unit;
        let missing = || ProvenanceFault::NoUnit { id: id.into(), document: document.to_owned(), start, end };
        self.units.get(&PlaceOfUnit { document, unit: [start, end] }).copied().ok_or_else(missing)
    }
}

impl Origin for CorpusFile<'_> {
    fn digest(&self, document: &str) -> Option<Digest> {
        self.documents.get(document).copied()
    }

    fn fact(&self, id: &str, fact: &StatedFact) -> Result<usize, ProvenanceFault> {
        let unit = self.unit(id, &fact.document, fact.unit)?;
        match fact.values.iter().find(|value| !holds(unit, value)) {
            Some(value) => Err(value_fault(id, fact, value)),
            None => Ok(fact.values.len()),
        }
    }

    fn quotation(&self, id: &str, quotation: &Quotation) -> Result<(), ProvenanceFault> {
        match self.unit(id, &quotation.document, quotation.unit)?.text.contains(&quotation.text) {
            true => Ok(()),
            false => Err(quotation_fault(id, quotation)),
        }
    }
}

/// The documents, read again.
struct Documents<'a> {
    documents: BTreeMap<&'a str, &'a Document>,
    /// Texts of the units at each place.
    units: HashMap<PlaceOfUnit<'a>, Vec<&'a str>>,
}

impl Origin for Documents<'_> {
    fn digest(&self, document: &str) -> Option<Digest> {
        self.documents.get(document).map(|document| document.digest)
    }

    fn fact(&self, id: &str, fact: &StatedFact) -> Result<usize, ProvenanceFault> {
        let document = self.documents.get(fact.document.as_str());
        let is_there = |value: &str, span: Span| document.is_some_and(|document| document.says(span, value));
        let mut pairs = fact.values.iter().zip(fact.spans.iter().copied());
        match pairs.find(|(value, span)| !is_there(value, *span)) {
            Some((value, _)) => Err(value_fault(id, fact, value)),
            None => Ok(fact.spans.len().min(fact.values.len())),
        }
    }

    fn quotation(&self, id: &str, quotation: &Quotation) -> Result<(), ProvenanceFault> {
        let Span { start, end } = quotation.unit;
        let place = PlaceOfUnit { document: &quotation.document, unit: [start, end] };
        let mut texts = self.units.get(&place).into_iter().flatten();
        match texts.any(|text| text.contains(&quotation.text)) {
            true => Ok(()),
            false => Err(quotation_fault(id, quotation)),
        }
    }
}

fn value_fault(id: &str, fact: &StatedFact, value: &str) -> ProvenanceFault {
    ProvenanceFault::Value { id: id.into(), document: fact.document.clone(), value: value.into() }
}

fn quotation_fault(id: &str, quotation: &Quotation) -> ProvenanceFault {
    let Quotation { document, text, .. } = quotation.clone();
    ProvenanceFault::Quotation { id: id.into(), document, text }
}

fn holds(unit: &CorpusLine, value: &str) -> bool {
    let is = |other: &serde_json::Value| other.as_str() == Some(value);
    let in_field = |field: &serde_json::Value| is(field) || field.as_array().is_some_and(|all| all.iter().any(is));
    unit.text.contains(value) || unit.title.as_deref() == Some(value) || unit.fields.values().any(in_field)
}

fn checked(set: ReadSet, origin: &dyn Origin) -> Checked {
    let ReadSet { records, examples, changed } = set;
    let mut out = Checked { examples: examples.len(), faults: changed, ..Checked::default() };
    let mut facts = BTreeSet::new();
    for example in &examples {
        let Some(record) = records.get(&example.id) else { continue };
        let id = &example.id;
        let first = example.messages.iter().find(|message| message.role == Role::User);
        let question = first.map(|message| message.content.clone()).unwrap_or_default();
        if identity_key(&question) != record.split.question {
            out.faults.push(ProvenanceFault::Question { id: id.clone(), question });
        } else if let Some(answer) = other_answer(example, record) {
            out.faults.push(ProvenanceFault::Answer { id: id.clone(), answer });
        }
        for fact in &record.facts {
            facts.insert(fact.id);
            match origin.check_document(id, &fact.document, fact.sha256).and_then(|()| origin.fact(id, fact)) {
                Ok(values) => out.values += values,
                Err(fault) => out.faults.push(fault),
            }
        }
        let of_quotation = |quotation: &Quotation| {
            origin.check_document(id, &quotation.document, quotation.sha256)?;
            origin.quotation(id, quotation)
        };
        match record.quotation.as_ref().map(of_quotation) {
            Some(Ok(())) => out.quotations += 1,
            Some(Err(fault)) => out.faults.push(fault),
            None => {}
        }
    }
    out.facts = facts.len();
    out
}

/// The last answer of an example whose turns are not those that its id was made of.
fn other_answer(example: &Example, record: &Provenance) -> Option<String> {
    let name = text_id(record.split.group, &example.messages);
    let same = example.id == name || example.id.strip_prefix(&name).is_some_and(|rest| rest.starts_with('-'));
    let answer = example.messages.last().map(|turn| turn.content.clone()).unwrap_or_default();
    (!same).then_some(answer)
}

/// Of the question's group and the text of all turns, system turns left out: copies of one get a number behind it.
pub(super) fn text_id(group: Digest, turns: &[Message]) -> String {
    let said = turns.iter().filter(|turn| turn.role != Role::System);
    let texts: String = said.map(|turn| format!("\0{}", turn.content)).collect();
    Digest::of_bytes(format!("{group}{texts}").as_bytes()).hex()[..16].to_owned()
}

/// The sources that were set aside when a set was generated, those included that no question is about; of any file of the set.
pub fn unseen_sources(dataset: &Path) -> Result<BTreeSet<String>, GenerateError> {
    #[derive(serde::Deserialize)]
    struct Aside {
        unseen_sources: BTreeSet<String>,
    }
    let aside: Aside = read_report(&stem_of(dataset).0)?;
    Ok(aside.unseen_sources)
}

/// What `T` wants to know of the report of the set `X`.
pub(super) fn read_report<T: DeserializeOwned>(stem: &Path) -> Result<T, GenerateError> {
    let path = with_suffix(stem, ".report.json");
    let text = read_text(FileAction::Reading("the report"), &path, MAX_FILE)?;
    serde_json::from_str(&text).map_err(|e| json_fault(&path, e.line(), &e))
}

fn json_fault(path: &Path, line: usize, fault: &serde_json::Error) -> GenerateError {
    let fault = LineFault { line, cause: LineCause::Json(fault.to_string()) };
    GenerateError::Line { path: path.to_path_buf(), fault }
}

/// The provenance of the whole set, whose split is verified, and the examples of one file of it.
fn read(dataset: &Path) -> Result<ReadSet, GenerateError> {
    let (stem, part) = stem_of(dataset);
    let record = with_suffix(&stem, replacement::SUFFIX);
    let files = replacement::unfinished(&record)?;
    if !files.is_empty() {
        return Err(GenerateError::Unfinished { record, files });
    }
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
    let report: ReportedSet = read_report(&stem)?;
    verify(&split, report.split_by.unwrap_or(SplitBy::Random))?;
    let changed = report.changed(&stem)?;
    Ok(ReadSet { records, examples, changed })
}

pub(super) fn read_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, GenerateError> {
    let text = read_text(FileAction::READING, path, MAX_FILE)?;
    let lines = text.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty());
    lines.map(|(text, line)| serde_json::from_str(text).map_err(|e| json_fault(path, line, &e))).collect()
}

/// `X` and the part, of `X_train.jsonl`; `X` alone, of `X.jsonl`, which may end like the name of a part.
pub(super) fn stem_of(path: &Path) -> (PathBuf, Option<Part>) {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let whole = name.strip_suffix(".jsonl").unwrap_or(&name);
    let of_part = |part: &Part| whole.strip_suffix(part.name())?.strip_suffix('_').filter(|stem| !stem.is_empty());
    let alone = path.with_file_name(whole);
    if with_suffix(&alone, ".provenance.jsonl").exists() {
        return (alone, None);
    }
    match Part::ALL.iter().find_map(|part| of_part(part).map(|stem| (stem, *part))) {
        Some((stem, part)) => (path.with_file_name(stem), Some(part)),
        None => (alone, None),
    }
}

pub(super) fn with_suffix(stem: &Path, suffix: &str) -> PathBuf {
    let mut name = stem.file_name().unwrap_or_default().to_os_string();
    name.push(suffix);
    stem.with_file_name(name)
}
