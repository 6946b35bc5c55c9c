use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::*;
use crate::corpus::{Document, Field, FieldForm, Kind, Language, Span, Unit};
use crate::eval;
use crate::generate::check::{ProvenanceFault, check_against_documents, check_provenance, stem_of};
use crate::generate::plan::{PlanInput, plan};
use crate::generate::plan_options::{ExampleCount, PlanOptions};
use crate::generate::{Family, Item, Method, Wording};
use crate::store::{Digest, Interrupt};

#[path = "check_tests.rs"]
mod check_tests;

struct Made {
    corpus: Corpus,
    facts: Vec<Fact>,
    items: Vec<Item>,
}

const KEYS: [&str; 5] = ["host", "owner", "version", "licence", "tags"];

/// One document of each application, `Key: value` on its lines; the licence is metadata, beside the text.
fn made(sources: usize) -> Made {
    let mut made = Made { corpus: Corpus::default(), facts: Vec::new(), items: Vec::new() };
    for s in 0..sources {
        let (entity, mut text, mut places) = (format!("App{s:03}"), format!("# App{s:03}\n"), Vec::new());
        for key in KEYS {
            let values = match key {
                "tags" => vec![format!("t{s}"), "été|x".to_owned()],
                key => vec![format!("{key} value {}", s % 40)],
            };
            text.push_str(&format!("{key}: "));
            let mut spans = Vec::new();
            for value in &values {
                spans.push(Span { start: text.len(), end: text.len() + value.len() });
                text.push_str(&format!("{value} "));
            }
            text.push('\n');
            places.push((key, values, spans));
        }
        let source: Arc<str> = format!("docs/app{s:03}.md").into();
        let document = Document {
            path: source.clone(),
            digest: Digest::of_bytes(text.as_bytes()),
            text: text.clone().into(),
            converted: false,
            json: false,
        };
        made.corpus.documents.push(document);
        let field = |(key, values, spans): &(&str, Vec<String>, Vec<Span>)| Field {
            entity: None,
            key: (*key).into(),
            values: values.clone(),
            spans: spans.clone(),
            form: FieldForm::KeyValue,
        };
        made.corpus.units.push(Unit {
            id: Digest::of_bytes(source.as_bytes()),
            document: s,
            source: source.clone(),
            title: Some(entity.clone()),
            path: vec!["Catalogue".into(), entity.clone()],
            span: Span { start: 0, end: text.len() },
            text: text.lines().filter(|line| !line.starts_with("licence")).collect::<Vec<_>>().join("\n"),
            language: Some(Language::En),
            fields: places.iter().map(field).collect(),
        });
        for (key, values, spans) in places {
            made.add(&entity, s, Row { key, values, spans });
        }
    }
    made
}

struct Row {
    key: &'static str,
    values: Vec<String>,
    spans: Vec<Span>,
}

impl Made {
    fn add(&mut self, entity: &str, unit: usize, of: Row) {
        let Row { key, values, spans } = of;
        let source: Arc<str> = self.corpus.units[unit].source.clone();
        let id = Digest::of_bytes(format!("{entity}{key}").as_bytes());
        let questions = [
            (Family::Direct, format!("Which {key} has {entity}?")),
            (Family::Direct, format!("{entity}: what {key} does it have?")),
            (Family::Polite, format!("Please tell me about the {key} of {entity}")),
            (Family::Search, format!("{entity} {key}")),
            (Family::Indirect, format!("I want to know the {key} that {entity} has.")),
        ];
        let wording = |(i, (family, question)): (usize, (Family, String))| Wording {
            family,
            template: format!("{key}/en/{family:?}/{i}").into(),
            question,
            answer: format!("The {key} of {entity} is {}.", values.join(", ")).into(),
            method: Method::RuleBased,
            record: None,
        };
        self.items.push(Item {
            id,
            shape: if values.len() > 1 { Shape::List } else { Shape::Value },
            facts: vec![self.facts.len()],
            entity: entity.into(),
            attribute: key.into(),
            source: source.clone(),
            language: Language::En,
            values: values.clone(),
            wordings: questions.into_iter().enumerate().map(wording).collect(),
            low_information: false,
        });
        self.facts.push(Fact {
            id,
            entity: entity.into(),
            attribute: key.into(),
            values,
            kind: Kind::Text,
            measure: None,
            language: Some(Language::En),
            unit,
            source,
            spans,
            low_information: false,
        });
    }

    fn plan(&self, count: usize, split_by: Option<SplitBy>) -> Plan {
        let (items, facts, units) = (&self.items, &self.facts, &self.corpus.units);
        let input = PlanInput { items, facts, units, asked: &[], interrupt: &Interrupt::default() };
        let parts = split_by.map(|_| [80, 10, 10]);
        let split_by = split_by.unwrap_or_default();
        plan(input, &PlanOptions { count: ExampleCount::Number(count), split_by, parts, ..PlanOptions::default() })
            .unwrap()
    }

    fn write(&self, output: &Path, plan: &Plan, split_by: Option<SplitBy>) -> Result<Written, GenerateError> {
        let settings = json!({"seed": 42});
        let set = GeneratedSet {
            plan,
            corpus: &self.corpus,
            facts: &self.facts,
            conflicts: &[],
            system: Some("You are an assistant."),
            split_by,
            settings: &settings,
        };
        write(output, set, &Inputs::default())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn lines(path: &Path) -> Vec<Value> {
    std::fs::read_to_string(path).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The sentence of the file is one way to say it.
#[test]
fn an_answer_to_a_test_question_is_judged_by_its_values() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(60);
    let plan = made.plan(300, Some(SplitBy::Wording));
    made.write(&dir.path().join("apps.jsonl"), &plan, Some(SplitBy::Wording)).unwrap();
    let questions = eval::read_questions(&dir.path().join("apps_test.jsonl")).unwrap().questions;
    let tests = plan.examples.iter().filter(|example| example.part == Part::Test);
    assert_eq!(questions.len(), 30);
    for (question, test) in questions.iter().zip(tests) {
        assert_eq!(question.expected, test.draft.expected);
        let (_, values) = test.draft.expected.split_last().unwrap();
        let answer = |text: String| {
            let answered = eval::Answered { text, done: true, done_reason: "stop".into(), ..eval::Answered::default() };
            eval::score_answer(question, &eval::Reply::Answer(answered)).pass
        };
        assert_eq!(
            answer(format!("The documents say: {}, of course.", values.join(" and "))),
            Some(true),
            "{values:?}"
        );
        assert_eq!(answer("The documents say something else.".to_owned()), Some(false));
    }
    // Two questions on one fact are in one cluster, in this file as in the suite.
    let suite = lines(&dir.path().join("apps_suite.jsonl"));
    let clusters = |of: &[Value]| of.iter().map(|line| line["cluster"].clone()).collect::<Vec<_>>();
    assert_eq!(clusters(&lines(&dir.path().join("apps_test.jsonl"))), clusters(&suite));
    assert!(clusters(&suite).iter().all(Value::is_string));
    // A set split by wording tests what it teaches.
    let taught = crate::generate::taught_questions(&dir.path().join("apps_test.jsonl")).unwrap();
    assert!(questions.iter().all(|question| taught.ids.contains(&question.id)) && taught.refusals == 0.0);
    let provenance = dir.path().join("apps.provenance.jsonl");
    let untrained: Vec<String> = std::fs::read_to_string(&provenance)
        .unwrap()
        .lines()
        .filter(|line| !line.contains(r#""part":"train""#))
        .map(|line| line.to_owned() + "\n")
        .collect();
    std::fs::write(&provenance, untrained.concat()).unwrap();
    assert!(crate::generate::taught_questions(&dir.path().join("apps_test.jsonl")).unwrap().ids.is_empty());
    // A training example has its answer alone.
    let train = lines(&dir.path().join("apps_train.jsonl"));
    assert!(train.iter().all(|line| line["expected"].is_null() && line["cluster"].is_null()));
}

#[test]
fn every_file_is_there_and_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(60);
    let plan = made.plan(300, Some(SplitBy::Wording));
    let output = dir.path().join("apps.jsonl");
    let written = made.write(&output, &plan, Some(SplitBy::Wording)).unwrap();
    let expected = [
        "apps.corpus.jsonl",
        "apps.provenance.jsonl",
        "apps.rejected.jsonl",
        "apps.report.json",
        "apps.report.md",
        "apps_suite.jsonl",
        "apps_test.jsonl",
        "apps_train.jsonl",
        "apps_unseen.jsonl",
        "apps_val.jsonl",
    ];
    assert_eq!(names(dir.path()), expected);
    let at = |name: &str| dir.path().join(name);
    for (name, n) in
        [("apps_train.jsonl", 240), ("apps_val.jsonl", 30), ("apps_test.jsonl", 30), ("apps_unseen.jsonl", 30)]
    {
        let text = std::fs::read_to_string(at(name)).unwrap();
        let records = crate::dataset::parse(&text).unwrap();
        assert_eq!(records.len(), n, "{name}");
        assert!(records.iter().all(|record| record.category.is_some() && record.texts().count() == 3));
    }
    assert_eq!(lines(&at("apps.provenance.jsonl")).len(), 330);
    let suite = Suite::read(&at("apps_suite.jsonl")).unwrap();
    assert_eq!((suite.cases.len(), suite.cases[0].messages.len()), (30, 2));
    assert!(suite.cases.iter().all(|case| case.cluster.is_some()));
    assert!(lines(&at("apps_suite.jsonl")).iter().all(|line| line["source"].is_string() && line["fact"].is_string()));
    // The passages that state the answers, as an index of the documents names them.
    let ids: BTreeSet<_> = made.corpus.units.iter().map(|unit| unit.id).collect();
    for name in ["apps_test.jsonl", "apps_suite.jsonl"] {
        let asked = crate::eval::read_questions(&at(name)).unwrap();
        assert!(
            asked.questions.iter().all(|q| q.units.len() == 1 && q.units.iter().all(|id| ids.contains(id))),
            "{name}"
        );
    }
    assert!(lines(&at("apps_train.jsonl")).iter().all(|line| line["units"].is_null()));
    let report: Value = serde_json::from_str(&std::fs::read_to_string(at("apps.report.json")).unwrap()).unwrap();
    assert_eq!((&report["parts"]["train"], &report["settings"]["seed"]), (&json!(240), &json!(42)));
    assert_eq!(report["unseen_sources"].as_array().unwrap().len(), 6);
    assert_eq!(report["samples"].as_array().unwrap().len(), 20);
    assert_eq!(written.report.attributes["host"].facts, 60);
    let baseline = written.report.commonest_answer.unwrap();
    assert!((0.0..0.4).contains(&baseline), "{baseline}");
    let markdown = std::fs::read_to_string(at("apps.report.md")).unwrap();
    assert!(markdown.contains("300 examples teach") && markdown.contains("| host | 60 |"), "{markdown}");
}

#[test]
fn the_same_run_writes_the_same_bytes_and_no_others_file_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(30);
    let output = dir.path().join("a.jsonl");
    let plan = made.plan(100, Some(SplitBy::Wording));
    let first = made.write(&output, &plan, Some(SplitBy::Wording)).unwrap();
    assert_eq!(made.write(&output, &plan, Some(SplitBy::Wording)).unwrap(), first);
    // Another run of the same output replaces its own files, and removes those that it does not have.
    let whole = made.plan(50, None);
    let second = made.write(&output, &whole, None).unwrap();
    assert_eq!(second.removed.len(), 5);
    assert!(names(dir.path()).contains(&"a.jsonl".to_owned()) && !dir.path().join("a_train.jsonl").exists());
    // A file that somebody changed stays, and so does every other file.
    std::fs::write(&output, "mine\n").unwrap();
    let before = names(dir.path());
    let e = made.write(&output, &plan, None).unwrap_err().to_string();
    assert!(e.contains("a.jsonl exists and is not what an earlier run"), "{e}");
    assert_eq!((names(dir.path()), std::fs::read_to_string(&output).unwrap()), (before, "mine\n".to_owned()));
    let other = dir.path().join("b.jsonl");
    std::fs::write(dir.path().join("b_train.jsonl"), "x").unwrap();
    assert!(matches!(made.write(&other, &plan, Some(SplitBy::Wording)), Err(GenerateError::Exists { .. })));
    assert!(!dir.path().join("b_test.jsonl").exists());
}

#[test]
fn an_input_is_never_an_output() {
    let dir = tempfile::tempdir().unwrap();
    let made = made(30);
    let input = dir.path().join("c.corpus.jsonl");
    std::fs::write(&input, "{}\n").unwrap();
    let mut inputs = Inputs::default();
    inputs.add("the corpus", &input);
    let plan = made.plan(20, None);
    let settings = Value::Null;
    let (corpus, facts) = (&made.corpus, made.facts.as_slice());
    let set =
        GeneratedSet { plan: &plan, corpus, facts, conflicts: &[], system: None, split_by: None, settings: &settings };
    let e = write(&dir.path().join("c.jsonl"), set, &inputs).unwrap_err().to_string();
    assert!(e.contains("which this command reads"), "{e}");
    assert_eq!(names(dir.path()), ["c.corpus.jsonl"]);
}

#[test]
fn the_name_of_a_set_is_that_of_its_files() {
    let of = |name: &str| {
        let (stem, part) = stem_of(Path::new(name));
        (stem.display().to_string(), part.map(Part::name))
    };
    assert_eq!(of("d/x_train.jsonl"), ("d/x".into(), Some("train")));
    assert_eq!(of("x.jsonl"), ("x".into(), None));
    assert_eq!(of("_test.jsonl"), ("_test".into(), None));
    assert_eq!(output_stem(Path::new("d/x.jsonl")), Path::new("d/x"));
    assert_eq!(output_stem(Path::new("d/x.json")), Path::new("d/x.json"));
}
