//! Evaluation, decision, swap and rollback with a real daemon behind them.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tunesmith::commands::evaluate::{EvalRequest, Outcome, alone};
use tunesmith::commands::votes::{Reply, Shown, Voter};
use tunesmith::commands::{Context, Failure};
use tunesmith::eval::Decision;
use tunesmith::events::{Reporter, Silent};
use tunesmith::input::Env;
use tunesmith::ollama::{Client, Create};
use tunesmith::promote::{PromoteError, Promotion, Rollback, Swapped};
use tunesmith::store::{Interrupt, LockWait};

use crate::daemon;

/// A folder with models.yaml, whose role `general` is served by `gate:v1`, and a suite of 40 general questions.
fn project() -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let questions: Vec<&str> = include_str!("../../../data/general/suite.jsonl").lines().step_by(3).take(40).collect();
    std::fs::write(dir.path().join("forty.jsonl"), questions.join("\n")).unwrap();
    let path = dir.path().join("models.yaml");
    let text = "models:\n  general: # kept\n    model_name: \"gate:v1\"\n    general: off\n    options: {num_predict: 16, num_ctx: 512}\n    \
                eval: {suite: forty.jsonl, goal: hold, margin: 0.1}\n";
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

fn judged(models_yaml: &Path, model: &str) -> Outcome {
    judged_also(models_yaml, Also { model, ..Also::default() }).unwrap()
}

/// What is asked for beside the verdict.
#[derive(Default)]
struct Also<'a> {
    model: &'a str,
    judge: Option<&'a str>,
    voter: Option<&'a mut dyn Voter>,
    limit: Option<usize>,
}

fn judged_also(models_yaml: &Path, also: Also<'_>) -> Result<Outcome, Failure> {
    let mut silent = Silent;
    let mut context = Context {
        env: Env::default(),
        ollama_host: Some(daemon::newest().host().to_string()),
        models_yaml: models_yaml.to_path_buf(),
        models_yaml_said: true,
        seed: Some(1),
        force: false,
        parallel: None,
        interrupt: Interrupt::default(),
        report: Reporter::new(&mut silent),
    };
    let request = EvalRequest {
        junit: None,
        role: Some("general".into()),
        suites: vec![],
        model: also.model.into(),
        embed: None,
        against: None,
        limit: also.limit,
        samples: None,
        no_cache: false,
        bert_score: None,
        judge: also.judge.map(str::to_owned),
        output: models_yaml.with_file_name("eval"),
        num_thread: Some(1),
        likelihood: false,
        control: false,
    };
    alone(&mut context, &request, also.voter)
}

/// `name`: `gate:v1`'s weights, with one parameter of its own.
fn derived(client: &Client, name: &str, parameters: &Value) {
    let create = Create {
        model: name.to_owned(),
        from: Some("gate:v1".to_owned()),
        parameters: parameters.as_object().unwrap().clone(),
        ..Create::default()
    };
    client.create(&create, &mut |_| {}).unwrap();
}

#[test]
fn equal_models_are_without_effect_and_a_damaged_one_fails() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "gate:v1");
    let (_dir, models_yaml) = project();
    // Other parameters, the same answers: as an adapter that is loaded and then ignored.
    derived(&client, "gate:same", &json!({"num_keep": 5}));
    let same = judged(&models_yaml, "gate:same");
    assert_eq!(same.decision, Decision::Fail, "{:?}", same.reasons);
    assert_eq!(same.reasons.len(), 1);
    assert!(same.reasons[0].contains("no effect") && same.suites[0].ends_with("PASS."), "{same:?}");
    // Every answer stops before its first `a`: most of what was known is gone.
    derived(&client, "gate:damaged", &json!({"stop": ["a", "<|im_end|>"]}));
    let damaged = judged(&models_yaml, "gate:damaged");
    assert_eq!(damaged.decision, Decision::Fail);
    assert!(damaged.reasons.iter().any(|r| r.contains("worse, and by more than the 10 points allowed")), "{damaged:?}");
    assert!(damaged.summary.starts_with("# FAIL: gate:v1 → gate:damaged for the role general"), "{}", damaged.summary);
    let mut written = std::fs::read_dir(models_yaml.with_file_name("eval")).unwrap().map(|e| e.unwrap().path());
    let document = written.find(|p| p.extension().is_some_and(|e| e == "json")).unwrap();
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    assert_eq!(document["statistics"]["total_tests"], 40);
    assert_eq!(document["statistics"]["avg_cosine_similarity"], Value::Null);
    assert!(document["metadata"]["cosine_signature"].as_str().unwrap().starts_with("null"));
    let rate = |arm: &str| document["statistics"][format!("avg_keyword_match_{arm}")].as_f64().unwrap();
    assert!(rate("base") > 0.4 && rate("finetuned") < rate("base") - 0.2, "{} {}", rate("base"), rate("finetuned"));
    assert!(document["results"][0]["tokens_base"].as_u64().unwrap() > 0);
}

/// Assertions whose outcome no answer changes: the reasons, names and reference scores of the results.
#[test]
fn the_results_say_what_an_answer_does_not_meet() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "gate:v1");
    derived(&client, "gate:same", &json!({"num_keep": 5}));
    let (dir, models_yaml) = project();
    let roles = std::fs::read_to_string(&models_yaml).unwrap();
    std::fs::write(&models_yaml, roles.replace("goal: hold,", "goal: hold, metric: assertion_score,")).unwrap();
    let suite = [
        json!({"id": "met", "prompt": "Write one sentence about the sea.", "reference": "The sea is deep and blue.", "assert": [
            {"type": "tokens", "threshold": 16, "metric": "size"}, {"type": "latency", "threshold": 6e5}, {"type": "regex", "value": "(?s)."}]}),
        json!({"id": "unmet", "prompt": "Write one sentence about the moon.", "assert": [
            {"type": "tokens", "threshold": 0, "metric": "size"}, {"type": "not-regex", "value": "(?s).", "weight": 0}]}),
    ];
    std::fs::write(dir.path().join("forty.jsonl"), suite.map(|line| line.to_string()).join("\n")).unwrap();
    judged(&models_yaml, "gate:same");
    let mut written = std::fs::read_dir(models_yaml.with_file_name("eval")).unwrap().map(|e| e.unwrap().path());
    let document = written.find(|p| p.extension().is_some_and(|e| e == "json")).unwrap();
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let [met, unmet] = document["results"].as_array().unwrap().as_slice() else { panic!("{document}") };
    assert_eq!(
        (&met["pass_base"], &met["unmet_base"], &met["score_finetuned"]),
        (&json!(true), &json!([]), &json!(1.0))
    );
    assert_eq!((&unmet["pass_base"], &unmet["unmet_finetuned"]), (&json!(false), &json!(["tokens (threshold 0)"])));
    assert_eq!(document["statistics"]["named_scores"]["size"]["avg_score_base"], 0.5);
    let chrf = &document["statistics"]["reference_scores"]["chrf"];
    assert!(chrf["prompts"] == 1 && chrf["base"].as_f64().unwrap() > 0.0, "{chrf}");
}

/// Prefers the longer text, wherever it stands.
struct PrefersLonger;

impl Voter for PrefersLonger {
    fn choose(&mut self, shown: &Shown<'_>) -> Result<Reply, Failure> {
        let (left, right) = (shown.pair.left(), shown.pair.right());
        assert_ne!(left, right);
        Ok(if left.len() > right.len() { Reply::Left } else { Reply::Right })
    }
}

/// Half answers against whole ones, by a person and by another real model; their own weights may not judge.
#[test]
fn a_person_and_a_judge_are_asked_which_answers_are_better() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "gate:v1");
    daemon::register_qwen(&client, "gate-judge");
    derived(&client, "gate:damaged", &json!({"stop": ["a", "<|im_end|>"]}));
    let (_dir, models_yaml) = project();
    let ask = |judge, is_voting: bool| {
        let mut person = PrefersLonger;
        let voter = is_voting.then_some(&mut person as &mut dyn Voter);
        judged_also(&models_yaml, Also { model: "gate:damaged", judge: Some(judge), voter, limit: Some(4) })
    };
    let refused = ask("gate:none", false).unwrap_err();
    assert!(refused.message().contains("gate:none"), "{}", refused.message());
    let refused = ask("gate:v1", false).unwrap_err();
    assert!(refused.message().contains("have the same weights or the same base"), "{}", refused.message());
    let outcome = ask("gate-judge", true).unwrap();
    let (votes, report) = (outcome.votes.unwrap(), outcome.judge.unwrap());
    let tally = votes.tally.as_ref().unwrap();
    // What stops before its first `a` is a beginning of the other.
    assert_eq!((votes.now, tally.losses, tally.wins), (votes.now, votes.now, 0));
    assert!(votes.now >= 3, "{votes:?}");
    assert_eq!(votes.file, models_yaml.with_file_name(".tunesmith").canonicalize().unwrap().join("votes.jsonl"));
    let judged = report.wins + report.losses + report.ties + report.inconsistent + report.judge_errors;
    assert_eq!((judged, report.calibration.votes), (votes.now, votes.now - report.judge_errors));
    assert!(report.judge_errors <= 1, "constrained output is read: {report:?}");
    assert!(report.calibration.lacks.unwrap().contains("of at least 20 pairs"));
    let written = std::fs::read_to_string(models_yaml.with_file_name("eval").join("judge.json")).unwrap();
    let written: Value = serde_json::from_str(&written).unwrap();
    assert!(written["pairs"][0]["reasons"][0].as_str().is_some_and(|reason| !reason.is_empty()), "{written}");
    // Nothing is asked again, and nothing is shown again.
    let again = ask("gate-judge", true).unwrap();
    assert_eq!((again.votes.unwrap().now, again.judge.unwrap().wins), (0, report.wins));
}

/// A role with an `embedding` model: the two answers' cosine by MiniLM through `/api/embed`.
#[test]
fn answers_are_compared_by_the_roles_embedding_model() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "gate:v1");
    daemon::register_minilm("gate-minilm");
    derived(&client, "gate:short", &json!({"stop": ["a", "<|im_end|>"]}));
    let (_dir, models_yaml) = project();
    let text = std::fs::read_to_string(&models_yaml).unwrap();
    std::fs::write(&models_yaml, text.replace("general: off", "general: off\n    embedding: gate-minilm")).unwrap();
    let judged = judged(&models_yaml, "gate:short");
    assert_eq!(judged.decision, Decision::Fail, "{judged:?}");
    let mut written = std::fs::read_dir(models_yaml.with_file_name("eval")).unwrap().map(|e| e.unwrap().path());
    let document = written.find(|p| p.extension().is_some_and(|e| e == "json")).unwrap();
    let document: Value = serde_json::from_slice(&std::fs::read(document).unwrap()).unwrap();
    let mean = document["statistics"]["avg_cosine_similarity"].as_f64().unwrap();
    assert!((0.05..0.95).contains(&mean), "{mean}");
    assert!(document["metadata"]["cosine_signature"].as_str().unwrap().contains("embed=gate-minilm"));
    // Equal answers are equal in meaning.
    for row in document["results"].as_array().unwrap() {
        let (base, tuned) = (&row["base_model_response"], &row["finetuned_response"]);
        if let Some(cosine) = row["cosine_similarity_score"].as_f64().filter(|_| base == tuned) {
            assert!((cosine - 1.0).abs() < 1e-4, "{row}");
        }
    }
}

fn promote(path: &Path, promotion: &Promotion<'_>, client: &Client) -> Result<Swapped, PromoteError> {
    tunesmith::promote::promote(path, promotion, client, &mut LockWait::none())
}

fn rollback(path: &Path, back: &Rollback<'_>, client: &Client) -> Result<Swapped, PromoteError> {
    tunesmith::promote::rollback(path, back, client, &mut LockWait::none())
}

#[test]
fn the_swap_watches_the_daemons_tags() {
    let daemon = daemon::newest();
    let _alone = daemon.alone();
    let client = daemon.client();
    daemon::register_smollm2(&client, "gate:v1");
    derived(&client, "gate:v2", &json!({"num_keep": 6}));
    let (_dir, models_yaml) = project();
    let text = std::fs::read_to_string(&models_yaml).unwrap();
    let evaluated = client.tag("gate:v2").unwrap().unwrap().digest;
    let promotion = |decision, digest| Promotion {
        role: "general",
        from: "gate:v1",
        to: "gate:v2",
        decision,
        allow_inconclusive: false,
        evaluated_file: None,
        evaluated_digest: digest,
        replace_read_only: false,
        evidence: serde_json::Map::new(),
    };
    let refused = promote(&models_yaml, &promotion(Decision::Fail, None), &client).unwrap_err();
    assert!(matches!(refused, PromoteError::NotPassed { .. }));
    derived(&client, "gate:v2", &json!({"num_keep": 7}));
    let moved = promote(&models_yaml, &promotion(Decision::Pass, Some(evaluated.as_str())), &client).unwrap_err();
    assert!(matches!(moved, PromoteError::TagChanged { .. }), "{moved}");
    assert_eq!(std::fs::read_to_string(&models_yaml).unwrap(), text);
    promote(&models_yaml, &promotion(Decision::Pass, None), &client).unwrap();
    assert_eq!(std::fs::read_to_string(&models_yaml).unwrap(), text.replace("gate:v1", "gate:v2"));
    // The old tag is gone: going back is refused, until it is there again as it was.
    client.copy("gate:v1", "gate:kept").unwrap();
    client.delete("gate:v1").unwrap();
    let back = Rollback { role: "general", to: None, force: false };
    assert!(matches!(rollback(&models_yaml, &back, &client), Err(PromoteError::TagGone { .. })));
    client.copy("gate:kept", "gate:v1").unwrap();
    client.delete("gate:kept").unwrap();
    rollback(&models_yaml, &back, &client).unwrap();
    assert_eq!(std::fs::read_to_string(&models_yaml).unwrap(), text);
}
