use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::*;
use crate::eval::ToolCall;
use crate::eval::assertion::{Given, KEYWORDS};
use crate::eval::case::Case;
use crate::eval::score::{Metric, domain_share, keywords};
use crate::eval::text::fold;

fn suite(name: &str) -> Suite {
    Suite::builtin(&format!("builtin:{name}")).unwrap().unwrap()
}

fn categories(suite: &Suite) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    suite.cases.iter().for_each(|case| *counts.entry(case.category.as_str()).or_default() += 1);
    counts
}

fn passes(case: &Case, answer: &str) -> bool {
    Metric::Pass.score(case, &Given { tokens: Some(8), ..Given::text(answer) }) == Some(1.0)
}

#[test]
fn every_suite_is_sound_and_no_prompt_is_in_two() {
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for builtin in &BUILTINS {
        let suite = builtin.suite().unwrap();
        assert_eq!(suite.name, format!("builtin:{}", builtin.name));
        suite.check_metric(Metric::Pass).unwrap();
        assert_eq!(suite.natural_metric(), Metric::Pass, "{}", suite.name);
        for case in &suite.cases {
            let place = format!("{} {}", suite.name, case.id);
            if let Some(other) = seen.insert(fold(case.prompt()), place.clone()) {
                panic!("{place} asks what {other} asks");
            }
            assert_ne!(case.category, "uncategorised", "{place}");
        }
    }
    assert!(suite("general").cases.len() >= 100);
    assert_eq!(Suite::general().unwrap(), suite("general-v1"));
}

#[test]
fn the_benchmark_has_ten_prompts_of_each_kind_in_turn_and_a_right_answer_holds_every_keyword() {
    let jarvis = suite("jarvis");
    let kinds = ["commandes_vocales", "corrections_vocales", "tool_routing"];
    assert_eq!(categories(&jarvis), kinds.map(|kind| (kind, 10)).into());
    for (i, case) in jarvis.cases.iter().enumerate() {
        assert_eq!(case.category, kinds[i % 3], "a part of the prompts has some of every kind");
        let right = case.reference.as_deref().unwrap();
        let held = keywords(case, right).unwrap();
        assert_eq!(held.found, held.total, "{}: {right:?} lacks one of {:?}", case.id, case.texts(&KEYWORDS));
        assert_eq!(domain_share(case, right), Some(1.0), "{}: {right:?} {:?}", case.id, case.domain_terms);
        assert!(passes(case, right) && !passes(case, "Je ne sais pas."), "{}", case.id);
        assert!(held.total >= 2 && case.domain_terms.len() >= 2, "{}", case.id);
    }
    // What was heard wrongly is not what should be written.
    for case in jarvis.cases.iter().filter(|case| case.category == "corrections_vocales") {
        assert!(!passes(case, case.prompt()), "{}: an echo passes", case.id);
    }
}

#[test]
fn the_smoke_suite_is_met_by_plain_answers_in_both_languages() {
    let right: BTreeMap<&str, &str> = [
        ("en-sum", "4"),
        ("en-product", "42"),
        ("en-difference", "The answer is 99."),
        ("en-week", "7 days"),
        ("en-larger", "8"),
        ("en-echo", "Banana"),
        ("en-echo-code", "TK-0815"),
        ("en-capitals", "HELLO"),
        ("en-json", "{\"ok\": true}"),
        ("en-json-list", "```json\n[1, 2, 3]\n```"),
        ("en-language", "A cat says meow."),
        ("en-translate", "Hello"),
        ("en-yes", "Yes."),
        ("fr-somme", "8"),
        ("fr-produit", "18"),
        ("fr-difference", "30"),
        ("fr-mois", "12 mois"),
        ("fr-petit", "6"),
        ("fr-echo", "Orange"),
        ("fr-echo-code", "FR-2047"),
        ("fr-majuscules", "MERCI"),
        ("fr-json", "{\"etat\": \"ouvert\"}"),
        ("fr-json-list", "[4, 5, 6]"),
        ("fr-langue", "L'herbe est verte."),
        ("fr-traduction", "Chat"),
        ("fr-oui", "Oui !"),
    ]
    .into();
    let smoke = suite("smoke");
    let ids: BTreeSet<&str> = smoke.cases.iter().map(|case| case.id.as_str()).collect();
    assert_eq!(ids, right.keys().copied().collect());
    assert_eq!(categories(&smoke), [("arithmetic", 10), ("echo", 8), ("json", 4), ("language", 4)].into());
    for case in &smoke.cases {
        let answer = right[case.id.as_str()];
        assert!(passes(case, answer), "{}: {answer:?}", case.id);
        assert!(!passes(case, "Maybe 5, or not."), "{}", case.id);
    }
}

#[test]
fn what_can_be_answered_must_be_and_what_cannot_must_be_refused() {
    let refusals = suite("refusals");
    assert_eq!(categories(&refusals), [("answerable", 15), ("unanswerable", 15)].into());
    for case in &refusals.cases {
        let answerable = case.category == "answerable";
        for refusal in ["I'm sorry, I don't know that.", "Je ne dispose pas de cette information."] {
            assert_eq!(passes(case, refusal), !answerable, "{}: {refusal}", case.id);
        }
        for answer in ["Put it in boiling water for nine minutes.", "C'est le serveur de Lyon."] {
            assert_eq!(passes(case, answer), answerable, "{}: {answer}", case.id);
        }
        assert!(!passes(case, " "), "{}: silence", case.id);
    }
}

#[test]
fn each_call_that_is_wanted_fits_its_tool_and_no_other_answer_passes() {
    let tools = suite("tools");
    let kinds = ["single", "choice", "arguments", "no_call"];
    assert_eq!(categories(&tools), kinds.map(|kind| (kind, 12)).into());
    let mut called: BTreeMap<String, usize> = BTreeMap::new();
    for (i, case) in tools.cases.iter().enumerate() {
        let language = if i % 2 == 0 { "en-" } else { "fr-" };
        assert!(case.category == kinds[i / 2 % 4] && case.id.starts_with(language), "{}", case.id);
        assert_eq!(case.tools.len(), 10);
        let assertion = serde_json::to_value(case).unwrap()["assert"][0].clone();
        let met_by = |calls: &[ToolCall]| {
            let text = if calls.is_empty() { "Nothing to do." } else { "" };
            Metric::Pass.score(case, &Given { tool_calls: calls, ..Given::text(text) }) == Some(1.0)
        };
        let call = |name: &str, arguments: &Value| ToolCall {
            name: name.to_owned().into(),
            arguments: arguments.to_string().into(),
        };
        let timer = call("set_timer", &json!({"minutes": 7}));
        if case.category == "no_call" {
            assert_eq!(assertion, json!({"type": "not-tool-call"}), "{}", case.id);
            assert!(met_by(&[]) && !met_by(&[timer]), "{}", case.id);
            continue;
        }
        let name = assertion["value"]["name"].as_str().unwrap();
        let arguments = &assertion["value"]["arguments"];
        *called.entry(name.to_owned()).or_default() += 1;
        let tool = case.tools.iter().find(|tool| tool["function"]["name"] == name).unwrap();
        let schema = jsonschema::validator_for(&tool["function"]["parameters"]).unwrap();
        assert!(schema.is_valid(arguments), "{}: {arguments}", case.id);
        let right = call(name, arguments);
        assert!(met_by(std::slice::from_ref(&right)), "{}", case.id);
        for wrong in [vec![], vec![timer.clone()], vec![right.clone(), right], vec![call(name, &json!({}))]] {
            assert!(!met_by(&wrong), "{}: {wrong:?}", case.id);
        }
    }
    assert_eq!(called.len(), 10, "every tool is the right one for some prompt: {called:?}");
}

#[test]
fn a_wrong_name_gets_the_nearest_one() {
    let said = |name: &str| Suite::builtin(name).unwrap().unwrap_err().to_string();
    let known = "there are builtin:general, builtin:smoke, builtin:refusals, builtin:tools, builtin:jarvis";
    assert_eq!(
        said("builtin:jarvi"),
        format!("there is no suite \"builtin:jarvi\" in the program (did you mean builtin:jarvis?); {known}")
    );
    assert_eq!(said("builtin:x"), format!("there is no suite \"builtin:x\" in the program; {known}"));
    assert!(Suite::builtin("evals/x.jsonl").is_none());
    assert_eq!(
        (nearest_builtin("jarvs"), nearest_builtin("tool"), nearest_builtin("evals/x.jsonl")),
        (Some("jarvis"), Some("tools"), None)
    );
}
