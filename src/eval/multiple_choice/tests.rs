use serde_json::{Value, json};

use super::*;
use crate::eval::suite::Suite;

fn line(id: usize, expected: &str) -> Value {
    json!({"id": id, "prompt": format!("prompt {id}"), "expected": expected})
}

fn suite(lines: impl IntoIterator<Item = Value>) -> Result<Suite, String> {
    let text: Vec<String> = lines.into_iter().map(|line| line.to_string()).collect();
    Suite::parse(&text.join("\n"), "s").map_err(|e| e.to_string())
}

#[test]
fn lines_say_their_choices() {
    let with = |choices: Value, expected: Value| {
        suite([json!({"prompt": "p", "expected": expected, "choices": choices}), line(2, "x")])
    };
    let found = with(json!(["no", "yes"]), json!(["yes", "yes!"])).unwrap();
    let set = found.choice_set().unwrap();
    // A line without choices has none where others say them.
    assert_eq!((set.source, set.cases.len()), (ChoiceSource::Given, 1));
    assert_eq!((set.cases[0].choices.as_slice(), set.cases[0].expected), (&["no", "yes"][..], 1));
    let many: Vec<String> = (0..101).map(|i| i.to_string()).collect();
    for (choices, expected, wanted) in [
        (json!(["yes"]), json!("yes"), "\"choices\" has 1 answer; give 2 to 100"),
        (json!("yes"), json!("yes"), "\"choices\" must be a list of 2 to 100 texts"),
        (json!([]), json!("yes"), "\"choices\" must be a list of 2 to 100 texts"),
        (json!(many), json!("1"), "\"choices\" has 101 answers"),
        (json!(["a", "b", "a"]), json!("b"), "\"choices\" has \"a\" twice"),
        (json!(["a", "b", " a\n"]), json!("b"), "\"choices\" has \"a\" twice; spaces around a text do not count"),
        (json!(["a", " "]), json!("a"), "\"choices\" must be a list of texts, none empty"),
        (json!(["a", 1]), json!("a"), "\"choices\" must be a list of texts, none empty"),
        (json!(["Yes", "no"]), json!("yes"), "none of \"choices\" is the expected answer"),
        (json!(["a", "b", "c"]), json!(["a", "b"]), "2 of \"choices\" are expected; exactly one must be"),
        (json!(["a", "x".repeat(1001)]), json!("a"), "an answer of \"choices\" has 1001 bytes, more than 1000"),
    ] {
        let e = with(choices, expected).unwrap_err();
        assert!(e.contains("line 1: ") && e.contains(wanted) && e.contains(": 1 fault\n"), "{wanted}: {e}");
    }
    // What nobody expects by its text has no choice that is right.
    let e = suite([json!({"prompt": "p", "keywords": ["a"], "choices": ["a", "b"]})]).unwrap_err();
    assert!(e.contains("none of \"choices\" is the expected answer"), "{e}");
    let equal = json!({"prompt": "p", "assert": [{"type": "equals", "value": "a"}], "choices": ["a", "b"]});
    assert_eq!(suite([equal]).unwrap().choice_set().unwrap().cases[0].expected, 0);
    let differs = json!({"prompt": "p", "assert": [{"type": "not-equals", "value": "a"}], "choices": ["a", "b"]});
    assert!(suite([differs]).is_err());
}

#[test]
fn a_classification_is_known_by_its_answers() {
    let labels = |counts: &[(&str, usize)]| {
        let answers: Vec<&str> = counts.iter().flat_map(|(label, count)| std::iter::repeat_n(*label, *count)).collect();
        suite(answers.into_iter().enumerate().map(|(i, label)| line(i, label))).unwrap()
    };
    let tickets = labels(&[("retour", 4), ("compte", 2), ("technique", 6)]);
    let set = tickets.choice_set().unwrap();
    assert_eq!((set.source, set.cases.len()), (ChoiceSource::Derived, 12));
    assert_eq!((set.cases[0].choices.as_slice(), set.cases[0].expected), (&["compte", "retour", "technique"][..], 1));
    for none in [
        &[("a", 40)][..],
        // An answer of one line may be a line among questions.
        &[("a", 20), ("b", 20), ("c", 1)],
        &[("a", 4), ("b", 3)],
        &[(&"x".repeat(101), 8), ("b", 8)],
    ] {
        assert!(labels(none).choice_set().is_none(), "{none:?}");
    }
    // What is asked first of it has the same answers.
    let limited = tickets.limited(3);
    let set = limited.choice_set().unwrap();
    assert_eq!((set.cases.len(), set.cases[0].choices.as_slice()), (3, &["compte", "retour", "technique"][..]));
    let open: Vec<Value> = (0..40).map(|i| json!({"prompt": format!("{i}"), "keywords": ["a"]})).collect();
    assert!(suite(open).unwrap().choice_set().is_none());
    assert!(Suite::builtin("builtin:refusals").unwrap().unwrap().choice_set().is_none());
}

/// Made by `tests/oracles/calibration.py` (numpy, scipy's softmax, scikit-learn's Brier score).
#[test]
fn calibration_is_that_of_the_oracle() {
    let vectors: Value = serde_json::from_str(include_str!("../../../tests/fixtures/calibration.json")).unwrap();
    let rows = vectors.as_array().unwrap();
    for row in rows {
        let numbers = |value: &Value| -> Vec<f64> { serde_json::from_value(value.clone()).unwrap() };
        let predictions: Vec<Prediction> = row["predictions"]
            .as_array()
            .unwrap()
            .iter()
            .map(|p| Prediction::of(&numbers(&p["log_likelihoods"]), p["expected"].as_u64().unwrap() as usize))
            .collect();
        let found = choice_calibration(&predictions);
        let near = |what: &str, ours: f64| {
            let theirs = row[what].as_f64().unwrap();
            assert!((ours - theirs).abs() < 1e-12, "{}: {what} is {ours}, not {theirs}", row["name"]);
        };
        near("ece", found.ece);
        near("brier", found.brier);
        near("mean_confidence", found.mean_confidence);
        near("acc", predictions.iter().filter(|p| p.is_right()).count() as f64 / predictions.len() as f64);
        let counts: Vec<usize> = found.bins.iter().map(|bin| bin.prompts).collect();
        assert_eq!(json!(counts), row["counts"], "{}", row["name"]);
        // The oracle's is a mean of drawn samples, ours that of a normal variable.
        let drawn = row["ece_if_calibrated"].as_f64().unwrap();
        assert!((found.ece_if_calibrated - drawn).abs() < 0.1 * drawn + 1e-3, "{}: {found:?} {drawn}", row["name"]);
    }
    assert_eq!(rows.len(), 5);
}

#[test]
fn numbers_of_a_suite_follow_from_its_log_likelihoods() {
    let lines = (0..4).map(|i| {
        let expected = ["a", "a long answer"][i % 2];
        json!({"id": i, "prompt": format!("p{i}"), "expected": expected, "choices": ["a", "a long answer"]})
    });
    let suite = suite(lines).unwrap();
    let set = suite.choice_set().unwrap();
    // v1 always finds the short one likelier; by bytes (1 and 13) always the long one.
    let v1 = |_: usize| vec![-1.0, -2.0];
    let v2 = |i: usize| if i == 3 { vec![-1.0, -20.0] } else { [vec![-1.0, -30.0], vec![-9.0, -2.0]][i % 2].clone() };
    let scored: Vec<_> =
        set.cases.into_iter().enumerate().map(|(i, case)| ScoredChoices { case, v1: v1(i), v2: v2(i) }).collect();
    let found = choice_suite("s", set.source, &scored, 2, 1);
    assert_eq!((found.prompts, found.left_out, found.fixed, found.broken), (4, 2, 1, 0));
    assert_eq!((found.v1.acc, found.v1.acc_norm, found.v2.acc, found.v2.acc_norm), (0.5, 0.5, 0.75, 0.75));
    assert_eq!((found.difference, found.interval.method, &found.capped), (0.25, "tango", &None));
    let last = &found.results[3];
    assert_eq!((last.expected.as_str(), last.chosen_v2.as_str()), ("a long answer", "a"));
    let confidence = 1.0 / (1.0 + (-1.0f64).exp());
    assert!((last.confidence_v1 - confidence).abs() < 1e-12);
    let model = |name: &str| ChoiceModel { model: name.to_owned(), digest: "d".to_owned() };
    let found = MultipleChoice {
        version: MultipleChoice::VERSION,
        v1: model("m1"),
        v2: model("m2"),
        timestamp: "2026-01-01T00:00:00Z".to_owned(),
        device: "cpu".to_owned(),
        suites: vec![ChoiceSuite { source: ChoiceSource::Derived, ..found }],
    };
    insta::assert_snapshot!(choices_markdown(&found));
    let json = serde_json::to_value(&found).unwrap();
    let v1 = &json["suites"][0]["v1"];
    assert!(v1["ece"].is_number() && v1["bins"][0]["confidence"].is_null() && json["suites"][0]["source"] == "derived");
}

/// Prompts of one cluster count as one.
#[test]
fn clusters_are_not_independent() {
    let text: Vec<String> = (0..40)
        .map(|i| {
            json!({"prompt": format!("p{i}"), "expected": "a", "choices": ["a", "b"], "cluster": format!("{}", i % 4)})
                .to_string()
        })
        .collect();
    let suite = Suite::parse(&text.join("\n"), "s").unwrap();
    let set = suite.choice_set().unwrap();
    let scored: Vec<_> =
        set.cases.into_iter().map(|case| ScoredChoices { case, v1: vec![-2.0, -1.0], v2: vec![-1.0, -2.0] }).collect();
    let found = choice_suite("s", set.source, &scored, 0, 1);
    assert!(found.capped.as_deref().is_some_and(|why| why.contains("4 clusters")), "{found:?}");
}

/// The guide's suite of choices is one.
#[test]
fn the_guide_shows_a_suite() {
    const GUIDE: &str = include_str!("../../../docs/guide/5-gate-and-suites.md");
    let section = GUIDE.split_once("### Routers and classifiers").unwrap().1;
    let shown = section.split_once("```json\n").unwrap().1.split_once("```").unwrap().0;
    let suite = Suite::parse(shown, "guide").unwrap();
    let set = suite.choice_set().unwrap();
    assert_eq!((set.source, set.cases.len(), set.cases[1].expected), (ChoiceSource::Given, 2, 1));
}

#[test]
fn tables_and_promptfoo_files_have_choices() {
    let dir = tempfile::tempdir().unwrap();
    let read = |name: &str, text: &str| {
        std::fs::write(dir.path().join(name), text).unwrap();
        Suite::read(&dir.path().join(name)).map_err(|e| e.to_string())
    };
    let cell = "\"[\"\"a\"\", \"\"b\"\"]\"";
    for (name, text) in [
        ("s.csv", format!("question,answer,choices\np,b,{cell}\n")),
        ("f.csv", format!("question,__expected,__metadata:choices\np,b,{cell}\n")),
        (
            "s.yaml",
            "prompts: p\ndefaultTest: {metadata: {choices: [a, b]}}\ntests: [{assert: [{type: equals, value: b}]}]"
                .to_owned(),
        ),
    ] {
        let suite = read(name, &text).unwrap();
        let set = suite.choice_set().unwrap_or_else(|| panic!("{name}"));
        assert_eq!((set.cases[0].choices.as_slice(), set.cases[0].expected), (&["a", "b"][..], 1), "{name}");
    }
    let e = read("s.csv", "question,answer,choices\np,b,a b\n").unwrap_err();
    assert!(e.contains("line 2: \"choices\" must be a list of 2 to 100 texts"), "{e}");
    let e = read("s.yaml", "prompts: p\ntests: [{metadata: {choices: 3}, assert: [{type: equals, value: b}]}]");
    assert!(e.as_ref().is_err_and(|e| e.contains("\"choices\" must be a list of 2 to 100 texts")), "{e:?}");
}
