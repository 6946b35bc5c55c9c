//! Records to examples: check, preview, split, and the training set of a run with its replay.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::documents::{self, DocumentsRequest};
use super::{Context, Failure};
use crate::base::Base;
use crate::batch::{self, Encoded, Example};
use crate::chat::Message;
use crate::config::RunConfig;
use crate::dataset::{self, Content, Dataset, ReadOptions, Record, RecordPlace, Shape};
use crate::events::Note;
use crate::generate::{self, ProvenanceFault};
use crate::store::{Inputs, write_whole};

/// What is read as one dataset.
#[derive(Clone, Debug)]
pub struct Source {
    /// Paths and globs.
    pub files: Vec<PathBuf>,
    /// Which shape to take where records have several.
    pub shape: Option<Shape>,
}

impl Source {
    fn read(&self) -> Result<Dataset, Failure> {
        Ok(dataset::read(&self.files, ReadOptions { shape: self.shape, keep_sources: false })?)
    }
}

/// The dataset of a config, whose every file is read once.
pub fn read(config: &RunConfig) -> Result<Dataset, Failure> {
    Source { files: config.dataset_path.0.clone(), shape: config.shape }.read()
}

/// Says once what nothing reads and what is left out.
pub fn say_notes(context: &mut Context<'_>, dataset: &Dataset) {
    dataset.notes.iter().for_each(|note| context.report.note(Note::Dataset { text: note.to_string() }));
}

/// What `data check` found.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Checked {
    pub records: usize,
    pub chat: usize,
    pub text: usize,
    /// SHA-256 of the file, or of the list of several files' digests.
    pub digest: String,
    /// Ignored keys and records that are left out.
    pub notes: Vec<String>,
    /// Duplicates, contradictions, broken characters, each with its place.
    pub warnings: Vec<String>,
    /// With a base: tokens of all, trained tokens, longest.
    pub tokens: Option<Tokens>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Tokens {
    pub all: usize,
    pub trained: usize,
    pub longest: usize,
    pub examples_cut: usize,
    pub tokens_cut: usize,
}

impl Tokens {
    pub fn of(examples: &[Example]) -> Self {
        let mut t = Self::default();
        for e in examples {
            t.all += e.ids.len();
            t.trained += e.mask.iter().filter(|m| **m).count();
            t.longest = t.longest.max(e.ids.len());
            t.tokens_cut += e.cut;
            t.examples_cut += usize::from(e.cut > 0);
        }
        t
    }
}

pub fn check(context: &mut Context<'_>, source: &Source, base: Option<&str>) -> Result<Checked, Failure> {
    let Dataset { records, digest, notes, .. } = source.read()?;
    let text = records.iter().filter(|r| matches!(r.content, Content::Text(_))).count();
    let tokens = match base {
        None => None,
        Some(name) => {
            let base = context.open_base_to_ask(name)?;
            let (records, _) = as_served(records.clone(), &base, None);
            Some(Tokens::of(&encode(&records, &base, usize::MAX)?.examples))
        }
    };
    let warnings = dataset::warnings(&records).iter().map(ToString::to_string).collect();
    let notes = notes.iter().map(ToString::to_string).collect();
    let (all, digest) = (records.len(), digest.to_string());
    Ok(Checked { records: all, chat: all - text, text, digest, notes, warnings, tokens })
}

/// One example as its tokens: (text, trained).
#[derive(Clone, Debug, serde::Serialize)]
pub struct Previewed {
    /// The number of its line, record or row.
    pub line: usize,
    pub place: String,
    pub tokens: Vec<(String, bool)>,
}

/// What was compared with the passages that examples were made from.
#[derive(Clone, Copy, Debug, Default, serde::Serialize)]
pub struct CheckedOrigin {
    pub examples: usize,
    /// Different facts that these state.
    pub facts: usize,
    /// Found where their examples say they are.
    pub values: usize,
    /// Texts that a model asked about, found where their examples say they are.
    pub quotations: usize,
}

/// Faults that are listed, at most.
const MAX_FAULTS: usize = 20;

/// The end of the name of the corpus file that `data generate` writes.
const CORPUS_FILE: &str = ".corpus.jsonl";

/// Compares files of `data generate` with the corpus file that was written with them, or with the documents themselves.
pub fn check_origin(context: &mut Context<'_>, files: &[PathBuf], against: &Path) -> Result<CheckedOrigin, Failure> {
    let is_corpus_file = against.to_string_lossy().ends_with(CORPUS_FILE);
    let read = (!is_corpus_file).then(|| {
        // Examples are made of documents whose encoding is right or was made so.
        let inputs = vec![against.to_path_buf()];
        documents::read(context, &DocumentsRequest { inputs, fix_encoding: true, ..DocumentsRequest::default() })
    });
    let reading = read.transpose()?;
    let (mut checked, mut faults) = (CheckedOrigin::default(), Vec::<String>::new());
    for file in dataset::expand(files)? {
        let found = match &reading {
            Some(reading) => generate::check_against_documents(&file, &reading.corpus)?,
            None => generate::check_provenance(&file, against)?,
        };
        checked.examples += found.examples;
        checked.facts += found.facts;
        checked.values += found.values;
        checked.quotations += found.quotations;
        faults.extend(in_words(&found.faults).iter().map(|fault| format!("{}: {fault}", file.display())));
    }
    if faults.is_empty() {
        return Ok(checked);
    }
    let more = faults.len().saturating_sub(MAX_FAULTS);
    let rest = if more > 0 { format!("\n  and {more} more") } else { String::new() };
    let shown: String = faults.iter().take(MAX_FAULTS).map(|fault| format!("\n  {fault}")).collect();
    Err(Failure::input(format!("the examples are not what {} says:{shown}{rest}", against.display()))
        .hint("generate them again, or leave --against out to check the notation alone"))
}

/// What concerns a whole document is said once, with the number of examples that are made of it.
fn in_words(faults: &[ProvenanceFault]) -> Vec<String> {
    let (mut changed, mut missing) = (BTreeMap::<&str, BTreeSet<&str>>::new(), BTreeMap::<&str, BTreeSet<&str>>::new());
    let mut others = Vec::new();
    for fault in faults {
        match fault {
            ProvenanceFault::Changed { id, document } => {
                changed.entry(document).or_default().insert(id);
            }
            ProvenanceFault::NoDocument { id, document } => {
                missing.entry(document).or_default().insert(id);
            }
            other => others.push(other.to_string()),
        }
    }
    let changed = changed.iter().map(|(document, ids)| {
        let n = ids.len();
        format!("the document {document:?} has another SHA-256 than the one that {n} of the examples were made from")
    });
    let missing = missing.iter().map(|(document, ids)| {
        let n = ids.len();
        format!("the document {document:?} is not in the corpus, and {n} of the examples were made from it")
    });
    changed.chain(missing).chain(others).collect()
}

pub fn preview(
    context: &mut Context<'_>,
    source: &Source,
    base: &str,
    limit: usize,
) -> Result<Vec<Previewed>, Failure> {
    let records = source.read()?.records;
    let base = context.open_base_to_ask(base)?;
    let first = served(context, records.into_iter().take(limit).collect(), &base, None);
    let mut out = Vec::new();
    for record in &first {
        let encoded = encode(std::slice::from_ref(record), &base, usize::MAX)?;
        out.extend(encoded.examples.iter().map(|e| Previewed {
            line: e.line,
            place: record.place.to_string(),
            tokens: batch::preview(e, &base.tokenizer).into_iter().map(|p| (p.text, p.trained)).collect(),
        }));
    }
    Ok(out)
}

/// The records of a training: those that are trained on, and those that are held out for evaluation.
#[derive(Clone, Copy, Debug)]
pub struct Split<'a> {
    pub train: &'a [Record],
    pub held_out: &'a [Record],
}

/// The two parts of a dataset, as they were written.
#[derive(Debug)]
pub struct SplitFiles {
    /// Number of training records.
    pub train: usize,
    /// Number of held-out records.
    pub held_out: usize,
    /// `train.jsonl` and `held_out.jsonl`.
    pub paths: [PathBuf; 2],
}

/// Writes `train.jsonl` and `held_out.jsonl`; the lines of JSONL are the file's own, records of other formats are
/// written as one JSON object a line.
pub fn split(source: &Source, share: f64, seed: u64, output: &Path) -> Result<SplitFiles, Failure> {
    if !(0.0..1.0).contains(&share) || share == 0.0 {
        return Err(Failure::input(format!("--share {share}: give a number between 0 and 1")));
    }
    let read = dataset::read(&source.files, ReadOptions { shape: source.shape, keep_sources: true })?;
    let lines: HashMap<RecordPlace, String> = read.records.iter().map(|r| r.place.clone()).zip(read.sources).collect();
    let (train, held) = dataset::split(read.records, share, seed);
    let paths = [output.join("train.jsonl"), output.join("held_out.jsonl")];
    let body = |part: &[Record]| -> String {
        part.iter().filter_map(|r| lines.get(&r.place)).map(|l| format!("{l}\n")).collect()
    };
    let bodies = [body(&train), body(&held)];
    let mut inputs = Inputs::default();
    dataset::expand(&source.files)?.iter().for_each(|file| {
        inputs.add("the dataset itself", file);
    });
    for (path, body) in paths.iter().zip(&bodies) {
        check_free(path, &inputs, body)?;
    }
    for (path, body) in paths.iter().zip(&bodies) {
        write_whole(path, body.as_bytes())?;
    }
    Ok(SplitFiles { train: train.len(), held_out: held.len(), paths })
}

/// Nothing is written over, least of all the dataset itself; the very same part may be written again.
fn check_free(path: &Path, dataset: &Inputs, body: &str) -> Result<(), Failure> {
    dataset
        .refuse_overwrite(path)
        .map_err(|e| Failure::from(e).hint("give the parts a folder of their own: --output FOLDER"))?;
    let Ok(there) = std::fs::canonicalize(path) else { return Ok(()) };
    let place = path.display();
    match std::fs::read(&there) {
        Ok(bytes) if bytes == body.as_bytes() => Ok(()),
        _ => Err(Failure::input(format!("{place} is there already, and is not this part"))
            .hint("move it away, or give another folder: --output FOLDER")),
    }
}

/// The records as the daemon will show them to the model: where a conversation has no system turn, the SYSTEM that the
/// model is served with (`wished`, else the base's own) comes first. And how many got it.
pub fn as_served(mut records: Vec<Record>, base: &Base, wished: Option<&str>) -> (Vec<Record>, usize) {
    let system = wished.or(base.system.as_deref());
    let mut given = 0;
    for record in &mut records {
        if let Content::Chat(messages) = &mut record.content {
            let served = base.template.as_served(messages, system);
            given += usize::from(served.len() > messages.len());
            *messages = served;
        }
    }
    (records, given)
}

/// As [`as_served`]; says what was done.
pub fn served(context: &mut Context<'_>, records: Vec<Record>, base: &Base, wished: Option<&str>) -> Vec<Record> {
    let all = records.len();
    let (records, given) = as_served(records, base, wished);
    if given > 0 {
        let base = wished.is_none().then(|| base.name.clone());
        context.report.note(Note::SystemAdded { examples: given, of: all, base });
    }
    records
}

/// (trained, held out) of a dataset as it is served: the eval file, or `eval_split` of the dataset, or else `share`.
pub fn held_out(
    config: &RunConfig,
    all: Vec<Record>,
    base: &Base,
    share: Option<f64>,
) -> Result<(Vec<Record>, Vec<Record>), Failure> {
    if let Some(path) = &config.eval_dataset {
        let read = dataset::read(&path.0, ReadOptions { shape: config.shape, keep_sources: false })?;
        return Ok((all, as_served(read.records, base, config.system.as_deref()).0));
    }
    let Some(share) = config.eval_split.or(share) else { return Ok((all, Vec::new())) };
    let (train, held) = dataset::split(all, share, config.seed);
    if held.is_empty() && config.eval_split.is_some() {
        return Err(Failure::input("the dataset asks one question only: nothing of it can be held out")
            .hint("leave eval_split out, or give eval_dataset a file of its own"));
    }
    Ok((train, held))
}

/// Tokens of a sequence at most: `max_seq_len`, else 2048, and never more than the base's context.
pub fn limit(config: &RunConfig, base: &Base) -> usize {
    config.max_seq_len.unwrap_or(2048).min(base.weights.config().context)
}

/// Ids and mask of every record; on a base that normalises nothing the text is what the daemon would be fed.
pub fn encode(records: &[Record], base: &Base, max_seq_len: usize) -> Result<Encoded, Failure> {
    let limit = max_seq_len.min(base.weights.config().context);
    Ok(batch::encode(records, Some(&base.template), &base.tokenizer, limit)?)
}

/// What is held out, which may be nothing.
pub fn encode_held_out(records: &[Record], base: &Base, max_seq_len: usize) -> Result<Encoded, Failure> {
    match records {
        [] => Ok(Encoded::default()),
        records => encode(records, base, max_seq_len).map_err(|e| e.about("what is held out")),
    }
}

/// The conversations among the records, for proof and suites.
pub fn conversations(records: &[Record]) -> Vec<Vec<Message>> {
    records
        .iter()
        .filter_map(|r| match &r.content {
            Content::Chat(messages) => Some(messages.clone()),
            Content::Text(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Kind;

    #[test]
    fn a_changed_document_is_said_once() {
        let changed = |id: &str, document: &str| ProvenanceFault::Changed { id: id.into(), document: document.into() };
        let value = ProvenanceFault::Value { id: "c".into(), document: "b.md".into(), value: "v".into() };
        let faults =
            [changed("a", "a.md"), changed("b", "a.md"), value.clone(), changed("b", "a.md"), changed("a", "b.md")];
        assert_eq!(
            in_words(&faults),
            [
                "the document \"a.md\" has another SHA-256 than the one that 2 of the examples were made from"
                    .to_owned(),
                "the document \"b.md\" has another SHA-256 than the one that 1 of the examples were made from"
                    .to_owned(),
                value.to_string(),
            ]
        );
        let gone = ProvenanceFault::NoDocument { id: "a".into(), document: "x.md".into() };
        assert_eq!(
            in_words(&[gone]),
            ["the document \"x.md\" is not in the corpus, and 1 of the examples were made from it"]
        );
    }

    #[test]
    fn a_split_writes_over_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let text: String = (0..20).map(|i| format!("{{\"prompt\": \"p{i}\", \"completion\": \"c{i}\"}}\n")).collect();
        std::fs::write(at("all.jsonl"), &text).unwrap();
        std::fs::write(at("train.jsonl"), &text).unwrap();
        // The dataset's own name, by whatever way.
        let input = dir.path().join(".").join("train.jsonl");
        let source = |path: &Path| Source { files: vec![path.to_path_buf()], shape: None };
        let e = split(&source(&input), 0.2, 1, dir.path()).unwrap_err();
        assert!(e.kind == Kind::Input && e.to_string().contains("the dataset itself"), "{e}");
        let e = split(&source(&at("all.jsonl")), 0.2, 1, dir.path()).unwrap_err();
        assert!(e.kind == Kind::Input && e.to_string().contains("--output"), "{e}");
        assert_eq!(std::fs::read_to_string(at("train.jsonl")).unwrap(), text);
        assert!(!at("held_out.jsonl").exists(), "both or none");
        // Elsewhere it goes, and goes again as long as it says the same.
        for _ in 0..2 {
            let parts = split(&source(&at("all.jsonl")), 0.2, 1, &at("parts")).unwrap();
            assert_eq!(parts.train + parts.held_out, 20);
        }
        assert_eq!(split(&source(&at("all.jsonl")), 0.5, 1, &at("parts")).unwrap_err().kind, Kind::Input);
    }
}
