//! One JSON object to a record: which of the accepted shapes it has, and every fault in it.

use serde_json::{Map, Value};

use super::turns::{self, Faults};
use super::{Content, Record};
use crate::chat::{Message, Role};

/// The accepted shapes by the key that tells them apart.
const SHAPES: [&str; 5] = ["messages", "conversations", "instruction", "prompt", "text"];
const SHAPES_SAID: &str = "messages; conversations; instruction and output (and input); prompt and completion; text";

/// The record of a line, or all its faults.
pub fn record(line: usize, value: Value) -> Result<Record, Vec<String>> {
    let Value::Object(object) = value else {
        return Err(vec![format!("holds {}, not an object", turns::kind(&value))]);
    };
    let mut faults = Faults::default();
    let category = category(&object, &mut faults);
    let content = content(&object, &mut faults);
    match content {
        Some(content) if faults.0.is_empty() => Ok(Record { line, content, category }),
        _ => Err(faults.0),
    }
}

fn present<'a>(object: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    object.get(key).filter(|v| !v.is_null())
}

fn category(object: &Map<String, Value>, faults: &mut Faults) -> Option<String> {
    match present(object, "category") {
        None => None,
        Some(Value::String(text)) => Some(text.clone()),
        Some(other) => faults.none(format!("category is {}, not a text", turns::kind(other))),
    }
}

fn content(object: &Map<String, Value>, faults: &mut Faults) -> Option<Content> {
    let found: Vec<&str> = SHAPES.into_iter().filter(|key| present(object, key).is_some()).collect();
    let shape = match found.as_slice() {
        [one] => *one,
        [] => {
            let keys: Vec<&str> = object.keys().map(String::as_str).take(12).collect();
            let keys = if keys.is_empty() { "nothing".into() } else { keys.join(", ") };
            return faults.none(format!("has no known shape: it holds {keys}; known are {SHAPES_SAID}"));
        }
        several => {
            return faults.none(format!("holds several shapes at once, {}: keep one of them", several.join(" and ")));
        }
    };
    match present(object, "tools") {
        Some(Value::Array(tools)) if tools.is_empty() => {}
        Some(_) if shape != "text" => faults.push("has tools, which can't be trained on: the served prompt holds none"),
        _ => {}
    }
    let messages = match shape {
        "text" => return faults.text(&object["text"], "text").map(Content::Text),
        "messages" => turns::list(&object["messages"], "messages", &turns::MESSAGES, faults),
        "conversations" => turns::list(&object["conversations"], "conversations", &turns::SHAREGPT, faults),
        "instruction" => instruction(object, faults),
        _ => completion(object, faults),
    };
    let messages = with_system(object, messages?, faults)?;
    turns::check_order(&messages, faults);
    Some(Content::Chat(messages))
}

/// `instruction`, blank line, `input` are the user's turn, `output` the answer.
fn instruction(object: &Map<String, Value>, faults: &mut Faults) -> Option<Vec<Message>> {
    let instruction = faults.text(&object["instruction"], "instruction");
    let input = match present(object, "input") {
        Some(Value::String(text)) if text.trim().is_empty() => Some(String::new()),
        Some(input) => faults.text(input, "input").map(|text| format!("\n\n{text}")),
        None => Some(String::new()),
    };
    let output = required(object, "output", faults);
    Some(vec![Message::new(Role::User, instruction? + &input?), Message::new(Role::Assistant, output?)])
}

/// `prompt` and `completion`: two texts, or two lists of messages.
fn completion(object: &Map<String, Value>, faults: &mut Faults) -> Option<Vec<Message>> {
    if let (Some(prompt @ Value::Array(_)), Some(completion @ Value::Array(_))) =
        (present(object, "prompt"), present(object, "completion"))
    {
        let prompt = turns::list(prompt, "prompt", &turns::MESSAGES, faults);
        let completion = turns::list(completion, "completion", &turns::MESSAGES, faults);
        return Some([prompt?, completion?].concat());
    }
    let prompt = faults.text(&object["prompt"], "prompt");
    let completion = required(object, "completion", faults);
    Some(vec![Message::new(Role::User, prompt?), Message::new(Role::Assistant, completion?)])
}

fn required(object: &Map<String, Value>, key: &str, faults: &mut Faults) -> Option<String> {
    match present(object, key) {
        Some(value) => faults.text(value, key),
        None => faults.none(format!("has no {key}")),
    }
}

/// A `system` text beside the turns stands before them.
fn with_system(object: &Map<String, Value>, messages: Vec<Message>, faults: &mut Faults) -> Option<Vec<Message>> {
    let system = match present(object, "system") {
        None => return Some(messages),
        Some(Value::String(text)) if text.trim().is_empty() => return Some(messages),
        Some(system) => faults.text(system, "system")?,
    };
    if messages.first().is_some_and(|m| m.role == Role::System) {
        return faults.none("has a system text and a system message: keep one of them");
    }
    Some([vec![Message::new(Role::System, system)], messages].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(json: &str) -> Vec<(Role, String)> {
        match record(1, serde_json::from_str(json).unwrap()).unwrap().content {
            Content::Chat(messages) => messages.into_iter().map(|m| (m.role, m.content)).collect(),
            Content::Text(text) => panic!("{text}"),
        }
    }

    fn faults(json: &str) -> Vec<String> {
        record(1, serde_json::from_str(json).unwrap()).unwrap_err()
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
                said(&[(U, "caf\u{e9}"), (A, "a")]),
            ),
        ];
        for (json, expected) in cases {
            assert_eq!(messages(json), expected, "{json}");
        }
        let text = record(3, serde_json::json!({"text": "e\u{301}"})).unwrap();
        assert_eq!((text.line, text.content), (3, Content::Text("\u{e9}".into())));
    }

    #[test]
    fn every_fault_of_a_line_is_said() {
        let cases: [(&str, &[&str]); 16] = [
            (r#"{"question":"q","answer":"a"}"#, &["it holds question, answer"]),
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
                &["conversations[1].from is \"bot\""],
            ),
            (r#"{"instruction":"i"}"#, &["has no output"]),
            (r#"{"prompt":"p","completion":["x"]}"#, &["completion is a list"]),
            (r#"{"text":"a\u0000b"}"#, &["text holds a NUL"]),
            (
                r#"{"system":"s","category":4,"messages":[{"role":"system","content":"s"},{"role":"user","content":"u"},{"role":"assistant","content":"a"}]}"#,
                &["category is a number", "system text and a system message"],
            ),
        ];
        for (json, expected) in cases {
            let found = faults(json);
            for part in expected {
                assert!(found.iter().any(|f| f.contains(part)), "{json}: {part:?} not in {found:?}");
            }
            assert_eq!(found.len(), expected.len(), "{json}: {found:?}");
        }
    }
}
