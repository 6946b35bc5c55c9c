//! The table of assertion types: a new one is a row here. The reader of suites, the scores and docs/reference/assertions.md are
//! made from it, and each row's example is a test.

use std::borrow::Cow;

use serde_json::Value;

use super::assertion_type::{AssertionType, Checked, Example, Judgement};
use super::given::{Given, TextSimilarity};
use super::texts::{Contained, equals, likeness, starts_with};
use super::tool_call;
use super::value::{ValueForm, pattern_matches, quantity_of, schema_of, structure_of, texts_of};
use crate::eval::answer_metrics::is_refusal;
use crate::eval::answerer::ToolCall;
use crate::eval::reference_scores::{BLEU, CHRF, LEVENSHTEIN, ROUGE_1_UNICODE, ROUGE_L_UNICODE};
use crate::eval::same_json;

/// How an answer of an example ended.
const STOPPED: Given<'static> =
    Given { finish_reason: Some("stop"), seconds: Some(0.5), tokens: Some(6), ..Given::text("It is 12 km.") };

/// How an answer of an example calls a tool.
const fn calling(calls: &'static [ToolCall]) -> Given<'static> {
    Given { tool_calls: calls, ..row("") }
}

const fn call(name: &'static str, arguments: &'static str) -> ToolCall {
    ToolCall { name: Cow::Borrowed(name), arguments: Cow::Borrowed(arguments) }
}

const LAMP_ON: &[ToolCall] = &[call("lamp", "{\"on\": true, \"level\": 80, \"room\": \"Kitchen\"}")];
const LAMP_AND_MORE: &[ToolCall] =
    &[call("lamp", "{\"on\": true, \"level\": 80, \"room\": \"kitchen\", \"colour\": \"red\"}")];

/// The type that compares the tools that are called.
pub(super) const TOOL_CALL: &str = "tool-call";

/// The type that compares the whole answer.
pub(super) const EQUALS: &str = "equals";

/// The type that compares vectors of an embedding model.
pub(super) const SIMILAR: &str = "similar";

const fn row(text: &'static str) -> Given<'static> {
    Given { text, ..STOPPED }
}

/// Types of promptfoo that do not exist here: they ask another model, run code, or look at what is not there.
pub(super) const UNSUPPORTED: &[&str] = &[
    "answer-relevance",
    "assert-set",
    "classifier",
    "contains-html",
    "contains-json",
    "contains-sql",
    "contains-xml",
    "context-faithfulness",
    "context-recall",
    "context-relevance",
    "conversation-relevance",
    "cost",
    "factuality",
    "g-eval",
    "gleu",
    "guardrails",
    "is-html",
    "is-sql",
    "is-valid-function-call",
    "is-valid-openai-function-call",
    "is-valid-openai-tools-call",
    "is-xml",
    "javascript",
    "llm-rubric",
    "max-score",
    "meteor",
    "model-graded-closedqa",
    "model-graded-factuality",
    "moderation",
    "perplexity",
    "perplexity-score",
    "pi",
    "python",
    "ruby",
    "search-rubric",
    "select-best",
    "tool-call-f1",
    "trace-error-spans",
    "trace-span-count",
    "trace-span-duration",
    "webhook",
    "word-count",
];

/// Every type, in the order of the documents.
pub(super) const ASSERTION_TYPES: &[AssertionType] = &[
    AssertionType {
        name: EQUALS,
        value: ValueForm::Texts,
        judgement: Judgement::Holds(equals),
        meaning: "the whole answer equals one of the texts, compared as the key `expected` is: by the line's `normalise`, numbers as numbers, JSON as JSON",
        example: Example {
            assertion: r#"{"type": "equals", "value": "Paris"}"#,
            meets: row(" paris\n"),
            fails: row("Paris, France"),
        },
    },
    AssertionType {
        name: "contains",
        value: ValueForm::Text,
        judgement: Judgement::Holds(|checked| Contained::exact(checked).any()),
        meaning: "the answer contains the text, letter by letter; unlike a keyword, also inside a word",
        example: Example {
            assertion: r#"{"type": "contains", "value": "volume_"}"#,
            meets: row("volume_up()"),
            fails: row("Volume_up()"),
        },
    },
    AssertionType {
        name: "contains-any",
        value: ValueForm::Texts,
        judgement: Judgement::Holds(|checked| Contained::exact(checked).any()),
        meaning: "the answer contains one of the texts, letter by letter",
        example: Example {
            assertion: r#"{"type": "contains-any", "value": ["Oui", "oui"]}"#,
            meets: row("Mais oui !"),
            fails: row("OUI"),
        },
    },
    AssertionType {
        name: "contains-all",
        value: ValueForm::Texts,
        judgement: Judgement::Holds(|checked| Contained::exact(checked).all()),
        meaning: "the answer contains each of the texts, letter by letter",
        example: Example {
            assertion: r#"{"type": "contains-all", "value": ["Lyon", "Nice"]}"#,
            meets: row("Nice, Lyon"),
            fails: row("Nice, Lille"),
        },
    },
    AssertionType {
        name: "icontains",
        value: ValueForm::Text,
        judgement: Judgement::Holds(|checked| Contained::folded(checked).any()),
        meaning: "as `contains`, without regard to case, white space and the form of quotes",
        example: Example {
            assertion: r#"{"type": "icontains", "value": "new york"}"#,
            meets: row("NEW\nYork City"),
            fails: row("Newark"),
        },
    },
    AssertionType {
        name: "icontains-any",
        value: ValueForm::Texts,
        judgement: Judgement::Holds(|checked| Contained::folded(checked).any()),
        meaning: "as `contains-any`, without regard to case, white space and the form of quotes",
        example: Example {
            assertion: r#"{"type": "icontains-any", "value": ["yes", "sure"]}"#,
            meets: row("SURE."),
            fails: row("No."),
        },
    },
    AssertionType {
        name: "icontains-all",
        value: ValueForm::Texts,
        judgement: Judgement::Holds(|checked| Contained::folded(checked).all()),
        meaning: "as `contains-all`, without regard to case, white space and the form of quotes",
        example: Example {
            assertion: r#"{"type": "icontains-all", "value": ["red", "blue"]}"#,
            meets: row("Blue and RED"),
            fails: row("Blue"),
        },
    },
    AssertionType {
        name: "starts-with",
        value: ValueForm::Texts,
        judgement: Judgement::Holds(starts_with),
        meaning: "the answer begins with one of the texts, letter by letter; white space before it does not count",
        example: Example {
            assertion: r#"{"type": "starts-with", "value": "SELECT"}"#,
            meets: row("\nSELECT 1"),
            fails: row("Here it is: SELECT 1"),
        },
    },
    AssertionType {
        name: "regex",
        value: ValueForm::Pattern,
        judgement: Judgement::Holds(|checked| pattern_matches(checked.value, checked.given.text)),
        meaning: "the regular expression matches somewhere in the answer; `^` and `$` are its ends, `(?i)` leaves case out. Look-around and back-references are known; an expression that takes too many steps does not match",
        example: Example {
            assertion: r#"{"type": "regex", "value": "^TK-\\d{4}$"}"#,
            meets: row("TK-0815"),
            fails: row("Ticket TK-0815"),
        },
    },
    AssertionType {
        name: "is-json",
        value: ValueForm::Schema,
        judgement: Judgement::Holds(is_json),
        meaning: "the whole answer is JSON, without any text or code fence around it, and is valid by the JSON Schema if one is given (2020-12, or what its `$schema` says; references to other documents are refused)",
        example: Example {
            assertion: r#"{"type": "is-json", "value": {"type": "object", "required": ["city"]}}"#,
            meets: row("{\"city\": \"Nice\"}"),
            fails: row("{\"town\": \"Nice\"}"),
        },
    },
    AssertionType {
        name: "json-equals",
        value: ValueForm::Structure,
        judgement: Judgement::AtMost { default: Some(0.0), unit: "difference of two numbers", measure: json_distance },
        meaning: "the answer, alone or in one code fence, is the same JSON: the order of keys does not matter, texts are compared by the line's `normalise`, and numbers may differ by the threshold",
        example: Example {
            assertion: r#"{"type": "json-equals", "value": {"km": 12, "to": "Nice"}, "threshold": 0.5}"#,
            meets: row("```json\n{\"to\": \"nice\", \"km\": 12.4}\n```"),
            fails: row("{\"to\": \"nice\", \"km\": 13}"),
        },
    },
    AssertionType {
        name: "number",
        value: ValueForm::Quantity,
        judgement: Judgement::AtMost { default: Some(0.0), unit: "difference", measure: number_distance },
        meaning: "a number of the answer, with the unit if the value has one, differs by no more than the threshold; thousands separators and decimal commas are read as in [Numbers](suite-format.md#numbers)",
        example: Example {
            assertion: r#"{"type": "number", "value": "1200 €", "threshold": 0.5}"#,
            meets: row("It costs €1,200.50."),
            fails: row("It costs 1,200 francs."),
        },
    },
    AssertionType {
        name: "levenshtein",
        value: ValueForm::Texts,
        judgement: Judgement::AtMost { default: Some(5.0), unit: "number of edits", measure: edits },
        meaning: "the answer becomes one of the texts by so many insertions, deletions and replacements of characters",
        example: Example {
            assertion: r#"{"type": "levenshtein", "value": "ouvre Chrome", "threshold": 2}"#,
            meets: row("ouvres chrome"),
            fails: row("ferme Chrome"),
        },
    },
    AssertionType {
        name: "rouge-n",
        value: ValueForm::Texts,
        judgement: Judgement::AtLeast { default: 0.75, score: |checked| likeness(checked, &ROUGE_1_UNICODE) },
        meaning: "ROUGE-1 with the best of the texts: F1 of the words that both have",
        example: Example {
            assertion: r#"{"type": "rouge-n", "value": "the cat sat on the mat"}"#,
            meets: row("The cat sat on a mat."),
            fails: row("A dog stood there."),
        },
    },
    AssertionType {
        name: "rouge-l",
        value: ValueForm::Texts,
        judgement: Judgement::AtLeast { default: 0.75, score: |checked| likeness(checked, &ROUGE_L_UNICODE) },
        meaning: "ROUGE-L with the best of the texts: F1 of the longest common sequence of words",
        example: Example {
            assertion: r#"{"type": "rouge-l", "value": "the cat sat on the mat"}"#,
            meets: row("The cat sat on a mat."),
            fails: row("On the mat sat the cat."),
        },
    },
    AssertionType {
        name: "bleu",
        value: ValueForm::Texts,
        judgement: Judgement::AtLeast { default: 0.5, score: |checked| likeness(checked, &BLEU) },
        meaning: "BLEU of the answer by all the texts as sacreBLEU computes it for one sentence, divided by 100. Not for answers of a few words: runs of four words count",
        example: Example {
            assertion: r#"{"type": "bleu", "value": "The meeting is on Monday at ten."}"#,
            meets: row("The meeting is on Monday at nine."),
            fails: row("We meet on Monday."),
        },
    },
    AssertionType {
        name: "chrf",
        value: ValueForm::Texts,
        judgement: Judgement::AtLeast { default: 0.5, score: |checked| likeness(checked, &CHRF) },
        meaning: "chrF2 of the answer by the texts as sacreBLEU computes it, divided by 100: runs of up to six characters, so that short answers and any language can be compared",
        example: Example {
            assertion: r#"{"type": "chrf", "value": "Besprechung am Montag"}"#,
            meets: row("Besprechungen am Montag"),
            fails: row("Termin am Freitag"),
        },
    },
    AssertionType {
        name: SIMILAR,
        value: ValueForm::Texts,
        judgement: Judgement::AtLeast { default: 0.75, score: similarity },
        meaning: "the cosine of the vectors of the answer and of the text, with the most similar of the texts; not below 0. The vectors are those of an embedding model of the daemon: `--embed MODEL`, or `embedding` of the role. Without one, a suite with this type is refused before anything is asked",
        example: Example {
            assertion: r#"{"type": "similar", "value": "It is going to rain.", "threshold": 0.6}"#,
            meets: Given {
                similarities: &[TextSimilarity { text: "It is going to rain.", cosine: 0.83 }],
                ..row("Rain is coming.")
            },
            fails: Given {
                similarities: &[TextSimilarity { text: "It is going to rain.", cosine: 0.12 }],
                ..row("My cat is asleep.")
            },
        },
    },
    AssertionType {
        name: TOOL_CALL,
        value: ValueForm::ToolCalls,
        judgement: Judgement::AtMost {
            default: Some(0.0),
            unit: "difference of two numbers",
            measure: tool_call::distance,
        },
        meaning: "the answer calls these tools of the line's `tools`, in any order, each once, and no other tool. The arguments are compared as JSON, like `json-equals`: every argument that is named must be there, and no other may be (as BFCL judges calls). Without `arguments` they do not matter. Without `value`, any call meets it, so `not-tool-call` without `value` demands that no tool is called",
        example: Example {
            assertion: r#"{"type": "tool-call", "value": {"name": "lamp", "arguments": {"room": "kitchen", "on": true, "level": 82}}, "threshold": 5}"#,
            meets: calling(LAMP_ON),
            fails: calling(LAMP_AND_MORE),
        },
    },
    AssertionType {
        name: "is-refusal",
        value: ValueForm::Nothing,
        judgement: Judgement::Holds(|checked| is_refusal(checked.given.text)),
        meaning: "the answer says that it cannot be given (English or French)",
        example: Example {
            assertion: r#"{"type": "is-refusal"}"#,
            meets: row("I'm sorry, I don't know that application."),
            fails: row("GIDAF is hosted at the OFB."),
        },
    },
    AssertionType {
        name: "finish-reason",
        value: ValueForm::Word(&["stop", "length"]),
        judgement: Judgement::Holds(|checked| checked.given.finish_reason == checked.value.as_str()),
        meaning: "the answer ended by itself (`stop`) or at the token limit (`length`), as Ollama's `done_reason` says",
        example: Example {
            assertion: r#"{"type": "finish-reason", "value": "stop"}"#,
            meets: STOPPED,
            fails: Given { finish_reason: Some("length"), ..STOPPED },
        },
    },
    AssertionType {
        name: "latency",
        value: ValueForm::Nothing,
        judgement: Judgement::AtMost {
            default: None,
            unit: "time in milliseconds",
            measure: |checked| checked.given.seconds.map(|seconds| seconds * 1000.0),
        },
        meaning: "the answer took no longer; the time to load the model does not count. A kept answer has the time that it took when it was asked",
        example: Example {
            assertion: r#"{"type": "latency", "threshold": 1000}"#,
            meets: STOPPED,
            fails: Given { seconds: Some(1.5), ..STOPPED },
        },
    },
    AssertionType {
        name: "tokens",
        value: ValueForm::Nothing,
        judgement: Judgement::AtMost {
            default: None,
            unit: "number of tokens",
            measure: |checked| checked.given.tokens.map(|tokens| tokens as f64),
        },
        meaning: "the answer has no more tokens, its thoughts included",
        example: Example {
            assertion: r#"{"type": "tokens", "threshold": 8}"#,
            meets: STOPPED,
            fails: Given { tokens: Some(9), ..STOPPED },
        },
    },
];

fn is_json(checked: &Checked<'_>) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(checked.given.text.trim()) else { return false };
    match schema_of(checked.value) {
        Ok(schema) => schema.is_none_or(|schema| schema.is_valid(&answer)),
        Err(_) => false,
    }
}

/// With the most similar text. An answer without vectors is empty, and no empty answer passes.
fn similarity(checked: &Checked<'_>) -> f64 {
    let wanted = texts_of(checked.value);
    let similar = checked.given.similarities.iter().filter(|similar| wanted.contains(&similar.text));
    similar.map(|similar| similar.cosine).reduce(f64::max).unwrap_or(0.0)
}

fn json_distance(checked: &Checked<'_>) -> Option<f64> {
    let wanted = structure_of(checked.value)?;
    let given = same_json::of_answer(checked.given.text)?;
    same_json::distance(&wanted, &given, &|text| checked.normaliser.apply(text))
}

fn number_distance(checked: &Checked<'_>) -> Option<f64> {
    quantity_of(checked.value)?.distance(checked.given.text)
}

fn edits(checked: &Checked<'_>) -> Option<f64> {
    Some(likeness(checked, &LEVENSHTEIN))
}
