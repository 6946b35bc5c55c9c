//! The reference page of the assertion types, made from their table, and every row's own example.

use super::assertion_type::{AssertionType, Judgement};
use super::entry::Assertion;
use super::given::Given;
use super::types::{ASSERTION_TYPES, UNSUPPORTED};
use crate::config::generated_tests::check;
use crate::eval::ToolCall;
use crate::eval::text::Normaliser;

fn example(of_type: &AssertionType) -> Assertion {
    let entry = serde_json::from_str(of_type.example.assertion).unwrap();
    Assertion::read(&entry).unwrap_or_else(|faults| panic!("{}: {faults:?}", of_type.name))
}

fn threshold(judgement: Judgement) -> String {
    match judgement {
        Judgement::Holds(_) => "–".to_owned(),
        Judgement::AtLeast { default, .. } => format!("the least score, 0 to 1; {default} if not given"),
        Judgement::AtMost { default: Some(default), unit, .. } => format!("the largest {unit}; {default} if not given"),
        Judgement::AtMost { default: None, unit, .. } => format!("the largest {unit}; to be given"),
    }
}

fn shown(given: &Given<'_>) -> String {
    let quoted = serde_json::to_string(given.text).unwrap();
    let seconds = given.seconds.unwrap_or_default();
    let how = format!(
        "{}, {seconds} s, {} tokens",
        given.finish_reason.unwrap_or_default(),
        given.tokens.unwrap_or_default()
    );
    if let [call] = given.tool_calls {
        return format!("a call of `{call}`");
    }
    if let [similar] = given.similarities {
        return format!("`{quoted}`, with a cosine of {}", similar.cosine);
    }
    let is_of_text = given.finish_reason == Some("stop") && seconds == 0.5 && given.tokens == Some(6);
    if is_of_text { format!("`{quoted}`") } else { how }
}

#[test]
fn the_reference_of_the_assertion_types_is_made_from_their_table() {
    let mut page = "# Assertion types\n\n<!-- Made from the table of src/eval/assertion/types.rs. -->\n\nWhat an entry of a line's `assert` may be (see [suite format](suite-format.md#assert)). Every type can have `not-` before its\nname: then the answer must not meet it.\n\n| type | `value` | `threshold` | met when |\n|---|---|---|---|\n".to_owned();
    for AssertionType { name, value, judgement, meaning, .. } in ASSERTION_TYPES {
        page += &format!("| `{name}` | {} | {} | {meaning} |\n", value.described(), threshold(*judgement));
    }
    page += "\n## Examples\n\n| assertion | met by | not met by |\n|---|---|---|\n";
    for AssertionType { example, .. } in ASSERTION_TYPES {
        let cell = |text: &str| text.replace('|', "\\|");
        page += &format!(
            "| `{}` | {} | {} |\n",
            cell(example.assertion),
            cell(&shown(&example.meets)),
            cell(&shown(&example.fails))
        );
    }
    page += &format!(
        "\n## Types of promptfoo that do not exist here\n\nThey ask another model, run code, or look at what an answer of Ollama does not have; a suite with one of them is refused:\n{}.\n",
        UNSUPPORTED.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    );
    check("docs/reference/assertions.md", &page);
}

#[test]
fn every_example_is_met_and_failed_and_the_other_way_round_with_not() {
    for of_type in ASSERTION_TYPES {
        let assertion = example(of_type);
        let negated = of_type.example.assertion.replacen("{\"type\": \"", "{\"type\": \"not-", 1);
        let negated = Assertion::read(&serde_json::from_str(&negated).unwrap()).unwrap();
        for (given, met) in [(&of_type.example.meets, true), (&of_type.example.fails, false)] {
            let of = |assertion: &Assertion| assertion.outcome(given, Normaliser::default());
            assert_eq!((of(&assertion).met, of(&negated).met), (met, !met), "{} {:?}", of_type.name, given.text);
            assert!((of(&assertion).score + of(&negated).score - 1.0).abs() < 1e-12, "{}", of_type.name);
        }
    }
}

#[test]
fn names_are_told_apart() {
    let mut names: Vec<_> =
        ASSERTION_TYPES.iter().map(|of_type| of_type.name).chain(UNSUPPORTED.iter().copied()).collect();
    names.sort_unstable();
    let all = names.len();
    names.dedup();
    assert_eq!(names.len(), all);
    assert!(names.iter().all(|name| !name.starts_with("not-")));
}

#[test]
fn faults_name_the_type_the_fault_and_the_remedy() {
    for (entry, wanted) in [
        (r#"{"type": "containz", "value": "a"}"#, "did you mean \"contains\"?"),
        (r#"{"type": "llm-rubric", "value": "a"}"#, "of promptfoo does not exist here"),
        (r#"{"type": "not-llm-rubric", "value": "a"}"#, "of promptfoo does not exist here"),
        (r#"{"type": "not-not-contains", "value": "a"}"#, "unknown assertion type"),
        (r#"{"value": "a"}"#, "has no \"type\""),
        (r#""contains""#, "is an object"),
        (r#"{"type": "contains"}"#, "contains: \"value\" must be: text, not empty; for example {"),
        (r#"{"type": "contains-any", "value": ["a", 1]}"#, "text or list of texts, none empty"),
        (r#"{"type": "contains-any", "value": []}"#, "text or list of texts, none empty"),
        (r#"{"type": "contains", "value": "a", "treshold": 1}"#, "\"treshold\" is an unknown key"),
        (r#"{"type": "contains", "value": "a", "threshold": 1}"#, "it takes no \"threshold\""),
        (r#"{"type": "bleu", "value": "a", "threshold": 50}"#, "a score from 0 to 1"),
        (r#"{"type": "bleu", "value": "a", "weight": -1}"#, "\"weight\" must be a number, not below 0"),
        (r#"{"type": "bleu", "value": "a", "metric": " "}"#, "\"metric\" must be a text"),
        (r#"{"type": "regex", "value": "(a"}"#, "the regular expression: "),
        (r#"{"type": "is-json", "value": {"type": "objekt"}}"#, "the JSON Schema: "),
        (r#"{"type": "is-json", "value": {"$ref": "https://example.org/s.json"}}"#, "the JSON Schema: "),
        (r#"{"type": "is-json", "value": 3}"#, "must be: JSON Schema"),
        (r#"{"type": "json-equals", "value": "12"}"#, "must be: JSON object or list"),
        (r#"{"type": "number", "value": "1 or 2"}"#, "one number and its unit"),
        (r#"{"type": "tool-call", "value": "lamp"}"#, "must be: {\"name\": \"…\", \"arguments\": {…}}"),
        (r#"{"type": "tool-call", "value": []}"#, "write not-tool-call without a value"),
        (r#"{"type": "tool-call", "value": {"name": "a", "args": {}}}"#, "\"args\" is an unknown key of a call"),
        (r#"{"type": "tool-call", "value": {"name": "a", "arguments": [1]}}"#, "arguments of \"a\" must be an object"),
        (
            r#"{"type": "tool-call", "value": [{"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "a"}, {"name": "a"}]}"#,
            "lists 7 calls; at most 6",
        ),
        (r#"{"type": "similar", "value": []}"#, "text or list of texts, none empty"),
        (r#"{"type": "similar", "value": "a", "threshold": 2}"#, "a score from 0 to 1"),
        (r#"{"type": "is-refusal", "value": "a"}"#, "it takes no \"value\""),
        (r#"{"type": "finish-reason", "value": "end"}"#, "must be: `stop` or `length`"),
        (r#"{"type": "latency"}"#, "give the largest time in milliseconds that is allowed as \"threshold\""),
    ] {
        let faults = Assertion::read(&serde_json::from_str(entry).unwrap()).unwrap_err();
        assert!(faults.len() == 1 && faults[0].contains(wanted), "{entry}: {faults:?}");
    }
    let entry = serde_json::json!({"type": "bleu", "value": 1, "threshold": 2, "wait": 3});
    assert_eq!(Assertion::read(&entry).unwrap_err().len(), 3);
}

#[test]
fn calls_are_compared_in_any_order_and_each_counts_once() {
    let call =
        |name: &str, arguments: &str| ToolCall { name: name.to_owned().into(), arguments: arguments.to_owned().into() };
    let met = |value: &str, calls: &[ToolCall]| {
        let entry = format!("{{\"type\": \"tool-call\", \"value\": {value}, \"threshold\": 0.5}}");
        let assertion = Assertion::read(&serde_json::from_str(&entry).unwrap()).unwrap();
        assertion.outcome(&Given { tool_calls: calls, ..Given::text("") }, Normaliser::default()).met
    };
    let two = r#"[{"name": "a", "arguments": {"n": 1}}, {"name": "a", "arguments": {"n": 1.4}}]"#;
    // The first fits both, the second only one.
    assert!(met(two, &[call("a", "{\"n\": 1.2}"), call("a", "{\"n\": 0.6}")]));
    assert!(!met(two, &[call("a", "{\"n\": 0.6}"), call("a", "{\"n\": 0.6}")]));
    assert!(!met(two, &[call("a", "{\"n\": 1}")]));
    let one = r#"{"name": "a", "arguments": {}}"#;
    for arguments in ["{}", "", "null", "\"{}\""] {
        assert!(met(one, &[call("a", arguments)]), "{arguments:?}");
    }
    for (name, arguments) in [("a", "{\"n\": 1}"), ("b", "{}"), ("A", "{}"), ("a", "{"), ("a", "[]"), ("a", "\"x\"")] {
        assert!(!met(one, &[call(name, arguments)]), "{name} {arguments}");
    }
    assert!(met(r#"{"name": "a"}"#, &[call("a", "{\"n\": 1}")]) && !met(r#"{"name": "a"}"#, &[]));
}

#[test]
fn a_pattern_that_never_ends_does_not_match_and_ends() {
    let entry = serde_json::json!({"type": "regex", "value": "^(a|aa|(?=a)aaa)+$"});
    let assertion = Assertion::read(&entry).unwrap();
    let answer = "a".repeat(5000) + "b";
    assert!(!assertion.outcome(&Given::text(&answer), Normaliser::default()).met);
}
