//! Question files: JSONL, a JSON list or a table of questions with known answers; every fault is listed with its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;

use serde_json::Value;

use super::fault::EvalError;
use super::question_record::{ASKED, EXPECTED, TestQuestion, is_known, question};
use super::text::fold;
use crate::dataset::{Fault, FaultList, ParsedJson, RecordPlace, read_values};
use crate::store::FileAction;

/// Different unknown keys that are counted.
const MAX_KEYS: usize = 100;

/// The questions of one file.
#[derive(Clone, Debug, PartialEq)]
pub struct Questions {
    pub file: String,
    /// SHA-256 of the file's bytes, as 64 hexadecimal digits: two results compare only where it is the same.
    pub questions_sha256: String,
    /// At least one, in the order of the file.
    pub questions: Vec<TestQuestion>,
    /// Keys that nothing reads, with the number of records that have them.
    pub ignored: Vec<(String, usize)>,
    /// Questions that an earlier one asks in the same words; they share its cluster.
    pub repeated: usize,
}

/// Reads a question file. A record has `question`, `prompt`, `instruction` or `messages`, and `answer`, `expected`, `output` or
/// `expected_answer`; of `messages` the last user turn asks, and an assistant turn after it is the expected answer.
pub fn read_questions(path: &Path) -> Result<Questions, EvalError> {
    let mut reader = Reader::default();
    let keys: Vec<&str> = ASKED.iter().chain(EXPECTED).copied().chain(["messages"]).collect();
    let digest = read_values(FileAction::Reading("the questions"), path, &keys, &mut |place, value| {
        reader.record(place, value);
    })?;
    let file = path.display().to_string();
    if !reader.faults.is_empty() {
        return Err(EvalError::Questions { file, faults: reader.faults });
    }
    if reader.questions.is_empty() {
        return Err(EvalError::NoQuestions { file });
    }
    let clusters = clusters(&reader.questions, &reader.first_asked);
    for (question, cluster) in reader.questions.iter_mut().zip(clusters) {
        question.cluster = cluster;
    }
    let repeated = reader.first_asked.iter().enumerate().filter(|(i, first)| i != *first).count();
    let ignored = reader.ignored.into_iter().collect();
    Ok(Questions { file, questions_sha256: digest.hex(), questions: reader.questions, ignored, repeated })
}

#[derive(Default)]
struct Reader {
    questions: Vec<TestQuestion>,
    places: Vec<RecordPlace>,
    faults: FaultList,
    ignored: BTreeMap<String, usize>,
    ids: HashMap<String, usize>,
    asked: HashMap<String, usize>,
    /// For each question the first one that asks the same, often itself.
    first_asked: Vec<usize>,
}

impl Reader {
    fn record(&mut self, place: RecordPlace, value: Result<ParsedJson, String>) {
        let read = value.map_err(|what| vec![what]).and_then(|parsed| self.question(&place, parsed));
        let found = read.and_then(|question| self.add(question, place.clone()));
        for what in found.err().into_iter().flatten() {
            self.faults.push(Fault { place: place.clone(), what });
        }
    }

    fn question(&mut self, place: &RecordPlace, parsed: ParsedJson) -> Result<TestQuestion, Vec<String>> {
        if !parsed.duplicates.is_empty() {
            return Err(parsed.duplicates);
        }
        let Value::Object(object) = parsed.value else {
            return Err(vec!["is no object; expected one like {\"question\": \"…\", \"answer\": \"…\"}".into()]);
        };
        for key in object.keys().filter(|key| !is_known(key)) {
            if self.ignored.len() < MAX_KEYS || self.ignored.contains_key(key) {
                *self.ignored.entry(key.clone()).or_default() += 1;
            }
        }
        question(&object, place.unit, place.to_string().replace(' ', "-"))
    }

    fn add(&mut self, question: TestQuestion, place: RecordPlace) -> Result<(), Vec<String>> {
        let number = self.questions.len();
        let place_of = |i: &usize| self.places.get(*i).map(ToString::to_string).unwrap_or_default();
        if let Some(first) = self.ids.get(&question.id) {
            return Err(vec![format!("has the id {:?} of {}; an id stands once", question.id, place_of(first))]);
        }
        let first = *self.asked.get(&asked(&question)).unwrap_or(&number);
        if let Some(other) = self.questions.get(first).filter(|other| wanted(other) != wanted(&question)) {
            let id = &other.id;
            return Err(vec![format!(
                "asks the same as {} ({id}) and expects another answer; name in the question what it is about",
                place_of(&first)
            )]);
        }
        self.ids.insert(question.id.clone(), number);
        self.asked.entry(asked(&question)).or_insert(number);
        self.first_asked.push(first);
        self.questions.push(question);
        self.places.push(place);
        Ok(())
    }
}

/// What is asked, as it is compared.
fn asked(question: &TestQuestion) -> String {
    let turns: Vec<String> =
        question.messages.iter().map(|m| format!("{} {}", m.role.as_str(), fold(&m.content))).collect();
    turns.join("\n")
}

/// What is expected, as it is compared.
fn wanted(question: &TestQuestion) -> BTreeSet<String> {
    let texts = question.expected.iter().chain(&question.keywords).map(|text| fold(text));
    texts.chain([question.answerable.to_string()]).collect()
}

/// What each question has in common with those that it depends on: the cluster that the file gives it, if that is not merely its
/// fact; else its source, where the questions ask several facts of it; else its fact; else nothing but itself. The source divides
/// nothing where all questions have the same.
fn clusters(questions: &[TestQuestion], first_asked: &[usize]) -> Vec<String> {
    let mut facts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (question, first) in questions.iter().zip(first_asked) {
        if let Some(source) = &question.source {
            let same = questions.get(*first).unwrap_or(question);
            facts.entry(source).or_default().insert(fact(question).unwrap_or(&same.id));
        }
    }
    let divides = facts.len() > 1 || questions.iter().any(|q| q.source.is_none());
    let cluster = |question: &TestQuestion| {
        let said = Some(&question.cluster).filter(|c| !c.is_empty() && question.fact.as_ref().is_some_and(|f| f != *c));
        let source = question.source.as_deref();
        let shared = source.filter(|source| divides && facts.get(source).is_some_and(|facts| facts.len() > 1));
        let cluster = said.map(String::as_str).or(shared).or(fact(question));
        cluster.map_or_else(|| format!("question:{}", question.id), str::to_owned)
    };
    questions.iter().zip(first_asked).map(|(q, first)| cluster(questions.get(*first).unwrap_or(q))).collect()
}

/// The fact that a question is about: a cluster that stands alone is one.
fn fact(question: &TestQuestion) -> Option<&str> {
    let cluster = Some(question.cluster.as_str()).filter(|c| !c.is_empty());
    question.fact.as_deref().or(cluster)
}

#[cfg(test)]
#[path = "questions_tests.rs"]
mod tests;
