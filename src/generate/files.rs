//! The files of a generated set: `X_train.jsonl` and the other parts (or `X.jsonl`), `X_suite.jsonl`, `X.provenance.jsonl`,
//! `X.rejected.jsonl`, `X.corpus.jsonl`, `X.report.md` and `X.report.json`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::chat::{Message, Role};
use crate::corpus::{Conflict, Corpus, Fact};
use crate::eval::{Suite, fold};
use crate::store::{Digest, Inputs};

use super::check::{text_id, with_suffix};
use super::dedupe::Rejected;
use super::error::GenerateError;
use super::files_write::{FileSet, Finished, Manifest, WrittenFile};
use super::parts::{Part, Planned, SplitBy};
use super::parts_verify::{SplitRecord, verify};
use super::plan::Plan;
use super::provenance::{Provenance, Stated, corpus_lines};
use super::report::{Report, Reported};
use super::{Draft, Shape};

/// What is written.
#[derive(Clone, Copy, Debug)]
pub struct GeneratedSet<'a> {
    /// Its examples may have been changed (noise, turns) since they were planned; their order is that of the files.
    pub plan: &'a Plan,
    pub corpus: &'a Corpus,
    pub facts: &'a [Fact],
    /// What the documents do not agree on.
    pub conflicts: &'a [Conflict],
    /// The system turn of every example.
    pub system: Option<&'a str>,
    /// None: one file.
    pub split_by: Option<SplitBy>,
    /// What the command was asked for, as the report keeps it.
    pub settings: &'a Value,
}

/// What was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub files: Vec<WrittenFile>,
    /// Files of an earlier run of the same output that this run does not have.
    pub removed: Vec<PathBuf>,
    pub report: Report,
}

/// A line of a dataset.
#[derive(Serialize)]
struct ExampleLine<'a> {
    id: &'a str,
    messages: Vec<Message>,
    category: &'static str,
    /// False of unseen sources: a model that was not taught them is right to refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    answerable: Option<bool>,
    /// The values and then the sentence, so that an answer in other words than the file's is judged by its values. None: a
    /// training example, which nothing is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<&'a [String]>,
    /// Answers to questions on one fact are not independent. None as above.
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<String>,
    /// Of the passages that state the answer. Empty as above, and where nothing is stated.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    units: Vec<Digest>,
}

/// Writes the files of `output` (`X.jsonl`). A file of that name is replaced only where it has the same bytes, or is as an
/// earlier run left it, whose report lists it.
pub fn write(output: &Path, set: GeneratedSet<'_>, inputs: &Inputs) -> Result<Written, GenerateError> {
    let examples = &set.plan.examples;
    let records: Vec<SplitRecord> = examples.iter().map(SplitRecord::of).collect();
    verify(&records, set.split_by.unwrap_or(SplitBy::Random))?;
    drop(records);
    let stem = output_stem(output);
    let mut files = FileSet::open(&stem, inputs)?;
    let ids = ids(examples);
    add_examples(&mut files, &stem, set, &ids)?;
    let stated = Stated { corpus: set.corpus, facts: set.facts };
    let provenance = ids.iter().zip(examples).map(|(id, e)| serde_json::to_string(&Provenance::of(id, e, stated)));
    files.add(with_suffix(&stem, ".provenance.jsonl"), provenance)?;
    let rejected = set.plan.rejected.iter().map(|rejected| {
        let Rejected { code, item, source, question, answer, detail } = rejected;
        let mut line = json!({"code": code, "item": item, "source": &**source, "question": question, "answer": answer});
        if let (Some(line), false) = (line.as_object_mut(), detail.is_empty()) {
            line.insert("detail".to_owned(), json!(detail));
        }
        Ok(line.to_string())
    });
    files.add(with_suffix(&stem, ".rejected.jsonl"), rejected)?;
    let corpus = corpus_lines(set.corpus).map(|line| serde_json::to_string(&line));
    files.add(with_suffix(&stem, ".corpus.jsonl"), corpus)?;
    let report = report_of(set);
    files.add(with_suffix(&stem, ".report.md"), std::iter::once(Ok(report.markdown())))?;
    let text = report_json(&report, set.settings, &files.manifest());
    files.add(with_suffix(&stem, ".report.json"), std::iter::once(text))?;
    let Finished { files, removed } = files.finish()?;
    Ok(Written { files, removed, report })
}

fn add_examples(
    files: &mut FileSet<'_>,
    stem: &Path,
    set: GeneratedSet<'_>,
    ids: &[String],
) -> Result<(), GenerateError> {
    let line = |id: &'_ String, example: &'_ Planned| {
        let messages = messages(set.system, &example.draft.turns);
        let answerable = (example.part == Part::Unseen).then_some(false);
        let is_asked = example.part != Part::Train;
        let expected = is_asked.then_some(example.draft.expected.as_slice());
        let cluster = is_asked.then(|| cluster(&example.draft, set.facts));
        let category = example.category();
        let units = if is_asked { units(&example.draft, set) } else { Vec::new() };
        serde_json::to_string(&ExampleLine { id, messages, category, answerable, expected, cluster, units })
    };
    let all = || ids.iter().zip(&set.plan.examples);
    let present: BTreeSet<Part> = set.plan.examples.iter().map(|example| example.part).collect();
    for part in Part::ALL.into_iter().filter(|part| present.contains(part)) {
        let name = match (set.split_by, part) {
            (None, Part::Train) => ".jsonl".to_owned(),
            _ => format!("_{}.jsonl", part.name()),
        };
        let lines = all().filter(|(_, example)| example.part == part).map(|(id, example)| line(id, example));
        files.add(with_suffix(stem, &name), lines)?;
    }
    if !present.contains(&Part::Test) {
        return Ok(());
    }
    let tests = all().filter(|(_, example)| example.part == Part::Test);
    let lines: Vec<String> = tests.map(|(id, example)| suite_line(id, example, set)).collect();
    // The reader of suites refuses what it would not judge: then nothing is written.
    let path = with_suffix(stem, "_suite.jsonl");
    Suite::parse(&lines.join("\n"), &path.display().to_string())?;
    files.add(path, lines.into_iter().map(Ok))
}

/// The turns with the set's system turn; an example's own one follows it in the same turn.
fn messages(system: Option<&str>, turns: &[Message]) -> Vec<Message> {
    match (system, turns) {
        (Some(system), [own, rest @ ..]) if own.role == Role::System => {
            let text = format!("{}\n\n{}", system.trim_end(), own.content);
            std::iter::once(Message::new(Role::System, text)).chain(rest.iter().cloned()).collect()
        }
        (Some(system), turns) => {
            std::iter::once(Message::new(Role::System, system)).chain(turns.iter().cloned()).collect()
        }
        (None, turns) => turns.to_vec(),
    }
}

/// The test question as a line of a suite.
fn suite_line(id: &str, example: &Planned, set: GeneratedSet<'_>) -> String {
    let draft = &example.draft;
    let mut line = Map::new();
    line.insert("id".into(), id.into());
    let asked = draft.turns.iter().rposition(|turn| turn.role == Role::User).map_or(&[][..], |at| &draft.turns[..=at]);
    match (asked, set.system) {
        ([question], None) => line.insert("prompt".into(), question.content.clone().into()),
        (_, system) => {
            let system = system.map(|text| Message::new(Role::System, text));
            line.insert("messages".into(), json!(system.iter().chain(asked).collect::<Vec<_>>()))
        }
    };
    let (sentence, values) = draft.expected.split_last().map_or((None, &[][..]), |(last, rest)| (Some(last), rest));
    let whole = (!values.is_empty()).then(|| values.join(", "));
    let mut expected: Vec<&String> = whole.iter().chain(sentence).filter(|text| !fold(text).is_empty()).collect();
    expected.dedup();
    line.insert("expected".into(), json!(expected));
    // An answer to an unanswerable question holds no value.
    let keywords: Vec<&String> = values.iter().filter(|value| is_keyword(value)).collect();
    if draft.shape != Shape::Unanswerable && !keywords.is_empty() {
        line.insert("keywords".into(), json!(keywords));
    }
    line.insert("category".into(), example.category().into());
    let fact = draft.facts.first().and_then(|fact| set.facts.get(*fact));
    line.insert("cluster".into(), cluster(draft, set.facts).into());
    line.insert("source".into(), draft.source.to_string().into());
    if let Some(fact) = fact {
        line.insert("fact".into(), fact.id.to_string().into());
    }
    let units = units(draft, set);
    if !units.is_empty() {
        line.insert("units".into(), json!(units));
    }
    Value::Object(line).to_string()
}

/// Ids of the units that state what is asked, each once; none of what the documents do not answer.
fn units(draft: &Draft, set: GeneratedSet<'_>) -> Vec<Digest> {
    if draft.shape == Shape::Unanswerable {
        return Vec::new();
    }
    let of_facts = draft.facts.iter().filter_map(|fact| Some(set.facts.get(*fact)?.unit));
    let places: BTreeSet<usize> = of_facts.chain(draft.record.as_ref().map(|record| record.unit)).collect();
    places.into_iter().filter_map(|unit| Some(set.corpus.units.get(unit)?.id)).collect()
}

/// What questions have in common whose answers are not independent: the fact that they ask for; of questions on several facts
/// or none, what is asked.
fn cluster(draft: &Draft, facts: &[Fact]) -> String {
    let fact = match draft.facts[..] {
        [fact] => facts.get(fact),
        _ => None,
    };
    fact.map_or(draft.item, |fact| fact.id).to_string()
}

/// `|` would separate alternatives, and signs alone are no word.
fn is_keyword(value: &str) -> bool {
    !value.contains('|') && value.chars().any(char::is_alphanumeric)
}

fn report_of(set: GeneratedSet<'_>) -> Report {
    let plan = set.plan;
    let reported = Reported {
        examples: &plan.examples,
        facts: set.facts,
        rejected: &plan.rejected,
        coverage: &plan.coverage(),
        conflicts: set.conflicts,
        split_by: set.split_by,
    };
    let unseen = plan.unseen_sources.iter().map(|source| source.to_string()).collect();
    Report::new(reported, unseen, plan.taught_test_share())
}

fn report_json(report: &Report, settings: &Value, files: &Manifest) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(report)?;
    if let Value::Object(map) = &mut value {
        map.insert("settings".into(), settings.clone());
        map.insert("files".into(), serde_json::to_value(&files.files)?);
    }
    serde_json::to_string_pretty(&value)
}

/// Of the question's group and all turns: an example keeps its id when others are added.
fn ids(examples: &[Planned]) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(examples.len());
    for example in examples {
        let name = text_id(example.draft.group, &example.draft.turns);
        let mut id = name.clone();
        for copy in 2.. {
            if seen.insert(id.clone()) {
                break;
            }
            id = format!("{name}-{copy}");
        }
        out.push(id);
    }
    out
}

/// `X.journal.jsonl` of `X.jsonl`: every call of a model with its answer, so that none is made twice.
pub fn journal_path(output: &Path) -> PathBuf {
    with_suffix(&output_stem(output), ".journal.jsonl")
}

/// `X` of `X.jsonl`; another name stays whole.
fn output_stem(output: &Path) -> PathBuf {
    match output.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".jsonl")) {
        Some(stem) if !stem.is_empty() => output.with_file_name(stem),
        _ => output.to_path_buf(),
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
