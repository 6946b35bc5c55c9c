//! One JSON object to a record: which of the accepted shapes it has, and every fault in it.

use serde_json::{Map, Value};
use strum::VariantArray as _;

use super::findings::Findings;
use super::json::{kind, plain, shown};
use super::turns::{self, Turn};
use super::{Content, Record, RecordPlace, mask, refused};
use crate::chat::{Message, Role};

const SHAPES_SAID: &str =
    "messages; conversations; instruction and output (and input, history); prompt and completion; text";

/// The notation of a record, by the key that it has.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    serde::Serialize,
    strum::Display,
    strum::EnumString,
    strum::IntoStaticStr,
    strum::VariantArray,
    strum::VariantNames,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Shape {
    Messages,
    Conversations,
    Instruction,
    Prompt,
    Text,
}

impl Shape {
    fn key(self) -> &'static str {
        self.into()
    }
}

/// The record of an object (None where nothing in it is trained), or all its faults.
pub(super) fn record(
    place: RecordPlace,
    value: &Value,
    shape: Option<Shape>,
    findings: &mut Findings,
) -> Option<Record> {
    let Value::Object(object) = value else {
        return findings.none(format!("is {}, not an object", kind(value)));
    };
    let category = category(object, findings);
    let (content, untrained) = content(object, shape, findings)?;
    let answers = match &content {
        Content::Chat(messages) => messages.iter().filter(|m| m.role == Role::Assistant).count(),
        Content::Text(_) => 1,
    };
    (findings.faults.is_empty() && untrained.len() < answers).then_some(Record { place, content, category, untrained })
}

fn present<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|v| !v.is_null())
}

fn category(object: &Map<String, Value>, findings: &mut Findings) -> Option<String> {
    match present(object, "category") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => findings.none(format!("category is {}, not a text", kind(other))),
    }
}

/// The one shape that the object has, or the one that was asked for.
fn shape_of(object: &Map<String, Value>, wanted: Option<Shape>, findings: &mut Findings) -> Option<Shape> {
    let found: Vec<Shape> =
        Shape::VARIANTS.iter().copied().filter(|shape| present(object, shape.key()).is_some()).collect();
    match (found.as_slice(), wanted) {
        ([one], _) => Some(*one),
        // What the record is instead has been said.
        ([], _) if !findings.faults.is_empty() => None,
        ([], _) => {
            let keys: Vec<String> = object.keys().take(12).map(|k| plain(k)).collect();
            let lists =
                object.iter().find(|(_, v)| matches!(v, Value::Array(items) if items.iter().any(Value::is_object)));
            let nested = match lists {
                Some((key, _)) if !refused::known(key) => {
                    format!("; to read the list in it: jq -c '.[{}][]'", shown(key))
                }
                _ => String::new(),
            };
            let keys = if keys.is_empty() { "nothing".into() } else { keys.join(", ") };
            findings.none(format!("has no known shape: it holds {keys}; known are {SHAPES_SAID}{nested}"))
        }
        (several, Some(wanted)) if several.contains(&wanted) => Some(wanted),
        (several, _) => {
            let keys: Vec<&str> = several.iter().map(|s| s.key()).collect();
            let flags: Vec<String> = keys.iter().map(|k| format!("--shape {k}")).collect();
            findings.none(format!(
                "has several shapes, {}: choose one with {} (or `shape` in the config)",
                keys.join(" and "),
                flags.join(" or ")
            ))
        }
    }
}

fn known(key: &str, shape: Shape) -> bool {
    let own: &[&str] = match shape {
        Shape::Messages => &["system"],
        Shape::Conversations => &["system"],
        Shape::Instruction => &["input", "output", "system", "history"],
        Shape::Prompt => &["completion", "system", "history"],
        Shape::Text => &[],
    };
    key == shape.key() || key == "category" || own.contains(&key) || mask::known(key) || refused::known(key)
}

fn content(
    object: &Map<String, Value>,
    wanted: Option<Shape>,
    findings: &mut Findings,
) -> Option<(Content, Vec<usize>)> {
    refused::check(object, findings);
    let shape = shape_of(object, wanted, findings)?;
    findings.ignore(object, "", |key| known(key, shape));
    if shape != Shape::Text {
        refused::tools(object, findings);
    }
    mask::switches(object, findings);
    let whole = mask::of_object(object, "", findings);
    if matches!(shape, Shape::Messages | Shape::Conversations | Shape::Text) && refused::given(object.get("history")) {
        findings.push(format!("has history beside {}: write the earlier turns into it", shape.key()));
    }
    let turns = match shape {
        Shape::Text => {
            mask::of_list(object, 1, findings);
            let text = findings.text(&object["text"], "text")?;
            return Some((Content::Text(text), if whole == Some(false) { vec![0] } else { Vec::new() }));
        }
        Shape::Messages => turns::list(&object["messages"], "messages", &turns::MESSAGES, findings),
        Shape::Conversations => turns::list(&object["conversations"], "conversations", &turns::SHAREGPT, findings),
        Shape::Instruction => instruction(object, findings),
        Shape::Prompt => completion(object, findings),
    };
    let mut turns = turns?;
    if let Some(list) = mask::of_list(object, turns.len(), findings) {
        for (turn, trained) in turns.iter_mut().zip(list) {
            turn.trained = turn.trained.or(Some(trained));
        }
    }
    turns.iter_mut().for_each(|turn| turn.trained = turn.trained.or(whole));
    let name = if shape == Shape::Conversations { "conversations" } else { "messages" };
    turns::check_order(&turns, name, findings);
    let turns = with_system(object, turns, findings)?;
    let answers = turns.iter().filter(|t| t.role == Role::Assistant).enumerate();
    let untrained = answers.filter(|(_, t)| t.trained == Some(false)).map(|(i, _)| i).collect();
    let messages = turns.into_iter().map(|t| Message::new(t.role, t.content)).collect();
    Some((Content::Chat(messages), untrained))
}

/// `history` are earlier turns; `instruction`, a blank line and `input` are the user's turn, `output` the answer.
fn instruction(object: &Map<String, Value>, findings: &mut Findings) -> Option<Vec<Turn>> {
    let history = history(object, findings);
    let instruction = findings.text(&object["instruction"], "instruction");
    let input = match present(object, "input") {
        Some(Value::String(text)) if text.trim().is_empty() => Some(String::new()),
        Some(input) => findings.text(input, "input").map(|text| format!("\n\n{text}")),
        None => Some(String::new()),
    };
    let output = required(object, "output", findings);
    let last = [Turn::new(Role::User, instruction? + &input?), Turn::new(Role::Assistant, output?)];
    Some(history?.into_iter().chain(last).collect())
}

/// alpaca's earlier turns: a list of pairs of a question and its answer.
fn history(object: &Map<String, Value>, findings: &mut Findings) -> Option<Vec<Turn>> {
    let items = match present(object, "history") {
        None => return Some(Vec::new()),
        Some(Value::String(text)) if text.trim().is_empty() => return Some(Vec::new()),
        Some(Value::Array(items)) => items,
        Some(other) => return findings.none(format!("history is {}, not a list of pairs", kind(other))),
    };
    let mut turns = Vec::with_capacity(2 * items.len());
    for (i, item) in items.iter().enumerate() {
        let Value::Array(pair) = item else {
            return findings.none(format!("history[{i}] is {}, not a pair of texts", kind(item)));
        };
        let [question, answer] = pair.as_slice() else {
            return findings.none(format!("history[{i}] has {} texts, not a question and its answer", pair.len()));
        };
        let question = findings.text(question, &format!("history[{i}][0]"));
        let answer = findings.text(answer, &format!("history[{i}][1]"));
        turns.push(Turn::new(Role::User, question?));
        turns.push(Turn::new(Role::Assistant, answer?));
    }
    Some(turns)
}

/// `prompt` and `completion`: two texts, or two lists of messages.
fn completion(object: &Map<String, Value>, findings: &mut Findings) -> Option<Vec<Turn>> {
    let history = history(object, findings);
    if let (Some(prompt @ Value::Array(_)), Some(completion @ Value::Array(_))) =
        (present(object, "prompt"), present(object, "completion"))
    {
        let prompt = turns::list(prompt, "prompt", &turns::MESSAGES, findings);
        let completion = turns::list(completion, "completion", &turns::MESSAGES, findings);
        return Some([history?, prompt?, completion?].concat());
    }
    let prompt = findings.text(&object["prompt"], "prompt");
    let completion = required(object, "completion", findings);
    let last = [Turn::new(Role::User, prompt?), Turn::new(Role::Assistant, completion?)];
    Some(history?.into_iter().chain(last).collect())
}

fn required(object: &Map<String, Value>, key: &str, findings: &mut Findings) -> Option<String> {
    match present(object, key) {
        Some(value) => findings.text(value, key),
        None => findings.none(format!("has no {key}")),
    }
}

/// A `system` text beside the turns comes before them; empty system turns stand for none.
fn with_system(object: &Map<String, Value>, mut turns: Vec<Turn>, findings: &mut Findings) -> Option<Vec<Turn>> {
    turns.retain(|turn| turn.role != Role::System || !turn.content.is_empty());
    let system = match present(object, "system") {
        None => return Some(turns),
        Some(Value::String(text)) if text.trim().is_empty() => return Some(turns),
        Some(system) => findings.text(system, "system")?,
    };
    if turns.first().is_some_and(|m| m.role == Role::System) {
        return findings.none("has a system text and a system message: keep one of them");
    }
    turns.insert(0, Turn::new(Role::System, system));
    Some(turns)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str, shape: Option<Shape>) -> Result<Option<Record>, Vec<String>> {
        let mut findings = Findings::default();
        let record = record(RecordPlace::line(1), &serde_json::from_str(json).unwrap(), shape, &mut findings);
        if findings.faults.is_empty() { Ok(record) } else { Err(findings.faults) }
    }

    fn chat(record: Record) -> Vec<(Role, String)> {
        match record.content {
            Content::Chat(messages) => messages.into_iter().map(|m| (m.role, m.content)).collect(),
            Content::Text(text) => panic!("{text}"),
        }
    }

    fn messages(json: &str) -> Vec<(Role, String)> {
        chat(read(json, None).unwrap().unwrap())
    }

    fn faults(json: &str) -> Vec<String> {
        read(json, None).unwrap_err()
    }

    #[test]
    fn every_shape_is_read() {
        use Role::{Assistant as A, System as S, User as U};
        let said = |turns: &[(Role, &str)]| turns.iter().map(|(r, t)| (*r, t.to_string())).collect::<Vec<_>>();
        let cases = [
            (
                r#"{"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"category":"c"}"#,
                said(&[(S, "s"), (U, "u"), (A, "a")]),
            ),
            (
                r#"{"conversations":[{"from":"system","value":"s"},{"from":"human","value":"u"},{"from":"gpt","value":"a"}]}"#,
                said(&[(S, "s"), (U, "u"), (A, "a")]),
            ),
            (
                r#"{"conversations":[{"from":"user","value":"u"},{"from":"assistant","value":"a"}],"system":"s","tools":[]}"#,
                said(&[(S, "s"), (U, "u"), (A, "a")]),
            ),
            (r#"{"instruction":"i","input":"x","output":"o"}"#, said(&[(U, "i\n\nx"), (A, "o")])),
            (r#"{"instruction":"i","input":"","output":"o","id":7}"#, said(&[(U, "i"), (A, "o")])),
            (r#"{"prompt":"p","completion":"c"}"#, said(&[(U, "p"), (A, "c")])),
            (
                r#"{"prompt":[{"role":"user","content":"p"}],"completion":[{"role":"assistant","content":"c"}]}"#,
                said(&[(U, "p"), (A, "c")]),
            ),
            (
                r#"{"messages":[{"role":"user","content":"cafe\u0301"},{"role":"assistant","content":"a"}],"text":null}"#,
                said(&[(U, "cafe\u{301}"), (A, "a")]),
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"text","text":"u"},{"type":"text","text":"v"}]},{"role":"assistant","content":[{"type":"output_text","text":"a"}]}]}"#,
                said(&[(U, "uv"), (A, "a")]),
            ),
            (
                r#"{"instruction":"i","output":"o","system":"s","history":[["q","r"]]}"#,
                said(&[(S, "s"), (U, "q"), (A, "r"), (U, "i"), (A, "o")]),
            ),
            (r#"{"prompt":"p","completion":"c","history":[]}"#, said(&[(U, "p"), (A, "c")])),
            (
                r#"{"messages":[{"role":"system","content":" "},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"tools":"[]"}"#,
                said(&[(U, "u"), (A, "a")]),
            ),
            (
                r#"{"messages":[{"role":"system","content":""},{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"system":"s","tools":""}"#,
                said(&[(S, "s"), (U, "u"), (A, "a")]),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(messages(json), expected, "{json}");
        }
        let text = read(r#"{"text":"e\u0301","tools":[{}]}"#, None).unwrap().unwrap();
        assert_eq!(text.content, Content::Text("e\u{301}".into()));
    }

    #[test]
    fn every_fault_of_a_line_is_said() {
        let cases: &[(&str, &[&str])] = &[
            (r#"{"question":"q","answer":"a"}"#, &["it holds question, answer"]),
            (r#"{"\u001b[2Ja":1}"#, &["it holds \\u{1b}[2Ja;"]),
            (r#"{"text":"t","messages":[]}"#, &["messages and text"]),
            (r#"{"messages":[]}"#, &["messages is empty"]),
            (r#"{"messages":[{"role":"user","content":"u"}]}"#, &["no assistant message"]),
            (r#"{"messages":[{"role":"assistant","content":"a"}]}"#, &["begins with an assistant"]),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"},{"role":"user","content":"v"}]}"#,
                &["ends with a user"],
            ),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"system","content":"s"},{"role":"assistant","content":"a"}]}"#,
                &["messages[1] is a system message"],
            ),
            (
                r#"{"messages":[{"role":"user","content":5},{"role":"robot","content":"a"},{"content":"x"}]}"#,
                &["messages[0].content is a number", "messages[1].role is \"robot\"", "messages[2] has no role"],
            ),
            (
                r#"{"messages":[{"role":"user","content":" "},{"role":"assistant","content":""}]}"#,
                &["messages[0].content is empty", "messages[1].content is empty"],
            ),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"tool","content":"a"}]}"#,
                &["messages[1] is a tool message"],
            ),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a","tool_calls":[1]}]}"#,
                &["messages[1].tool_calls"],
            ),
            (
                r#"{"conversations":[{"from":"human","value":"u"},{"from":"bot","value":"a"}]}"#,
                &["conversations[1].from is \"bot\"; expected system, human, user, gpt, assistant"],
            ),
            (
                r#"{"conversations":[{"from":"human","value":"u"},{"from":"function_call","value":"f"},{"from":"observation","value":"o"},{"from":"gpt","value":"a"}]}"#,
                &[
                    "from is \"function_call\"), which cannot be trained",
                    "from is \"observation\"), which cannot be trained",
                ],
            ),
            (
                r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"x"}},{"type":"text","text":"u"}]},{"role":"assistant","content":"a"}]}"#,
                &["messages[0].content[0] is a part of type \"image_url\""],
            ),
            (
                r#"{"messages":[{"role":"user","content":"<image>u"},{"role":"assistant","content":"a"}],"images":["x.png"]}"#,
                &["has images: only text is trained"],
            ),
            (
                r#"{"messages":[{"role":"user","content":"u","images":["x"]},{"role":"assistant","content":"a"}]}"#,
                &["messages[0] has images"],
            ),
            (
                r#"{"prompt":"p","chosen":"a","rejected":"b"}"#,
                &["has chosen and rejected: preference", "has no completion"],
            ),
            (r#"{"prompt":"p","completion":"c","label":false}"#, &["has label: preference data"]),
            (r#"{"prompt":"p","completion":"c","train_on_input":true}"#, &["train_on_input is true"]),
            (
                r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}],"history":[["q","r"]]}"#,
                &["has history beside messages"],
            ),
            (r#"{"instruction":"i","output":"o","history":[["q"]]}"#, &["history[0] has 1 texts"]),
            (r#"{"instruction":"i"}"#, &["has no output"]),
            (r#"{"prompt":"p","completion":["x"]}"#, &["completion is a list"]),
            (r#"{"text":"a\u0000b"}"#, &["text holds a NUL"]),
            (
                r#"{"system":"s","category":4,"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}"#,
                &["category is a number", "system text and a system message"],
            ),
        ];
        for (json, expected) in cases.iter().copied() {
            let found = faults(json);
            for part in expected {
                assert!(found.iter().any(|f| f.contains(part)), "{json}: {part:?} not in {found:?}");
            }
            assert_eq!(found.len(), expected.len(), "{json}: {found:?}");
        }
    }

    #[test]
    fn masks_of_turns_lists_and_records_are_followed() {
        let talk = |first: &str, beside: &str| {
            format!(
                r#"{{"messages":[{{"role":"system","content":""}},{{"role":"user","content":"u"}},{{"role":"assistant","content":"a"{first}}},{{"role":"user","content":"v"}},{{"role":"assistant","content":"b"}}]{beside}}}"#
            )
        };
        for (first, beside, untrained) in [
            ("", "", Some(&[][..])),
            (r#","train":false"#, "", Some(&[0])),
            (r#","weight":0"#, "", Some(&[0])),
            ("", r#","loss_mask":[0,1,0,1,1]"#, Some(&[0])),
            (r#","loss":true"#, r#","loss":0"#, Some(&[1])),
            ("", r#","weight":0"#, None),
        ] {
            let found = read(&talk(first, beside), None).unwrap();
            assert_eq!(found.as_ref().map(|r| r.untrained.as_slice()), untrained, "{first} {beside}");
        }
        for (first, beside, part) in [
            ("", r#","loss_mask":[0,1]"#, "loss_mask has 2 values for 5 messages"),
            ("", r#","loss_mask":[0,1,0.5,1,1]"#, "neither 0 nor 1"),
            (r#","weight":0.3"#, "", "messages[2].weight is 0.3"),
            (r#","train_detail":[{"begin_offset":0}]"#, "", "messages[2].train_detail"),
        ] {
            let found = read(&talk(first, beside), None).unwrap_err();
            assert!(found.len() == 1 && found[0].contains(part), "{found:?}");
        }
        let joined = r#"{"messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a","train":false},{"role":"assistant","content":"b"}]}"#;
        assert!(faults(joined)[0].contains("messages[1] and messages[2] are one turn"));
        assert_eq!(read(r#"{"text":"t","weight":0}"#, None).unwrap(), None);
    }

    #[test]
    fn one_of_several_shapes_is_chosen() {
        let json = r#"{"prompt":"p","completion":"c","messages":[{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}"#;
        let said = faults(json).join("");
        assert!(
            said.contains("--shape messages or --shape prompt") && said.contains("`shape` in the config"),
            "{said}"
        );
        assert_eq!(chat(read(json, Some(Shape::Messages)).unwrap().unwrap())[0].1, "u");
        assert_eq!(chat(read(json, Some(Shape::Prompt)).unwrap().unwrap())[0].1, "p");
        assert!(read(json, Some(Shape::Text)).is_err());
        // Where there is one only, it is taken.
        assert!(read(r#"{"text":"t"}"#, Some(Shape::Messages)).unwrap().is_some());
    }
}
