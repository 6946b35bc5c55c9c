//! Lists of turns: their roles, their contents, their order.

use serde_json::{Map, Value};
use unicode_normalization::UnicodeNormalization;

use crate::chat::{Message, Role};

/// The faults of one line, as they are found.
#[derive(Debug, Default)]
pub struct Faults(pub Vec<String>);

impl Faults {
    pub fn push(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    /// Notes the fault; always None.
    pub fn none<T>(&mut self, what: impl Into<String>) -> Option<T> {
        self.push(what);
        None
    }

    /// A text that is not empty and holds no NUL, in composed form.
    pub fn text(&mut self, value: &Value, name: &str) -> Option<String> {
        let Value::String(text) = value else {
            return self.none(format!("{name} is {}, not a text", kind(value)));
        };
        if text.trim().is_empty() {
            return self.none(format!("{name} is empty"));
        }
        if text.contains('\0') {
            return self.none(format!("{name} holds a NUL character"));
        }
        Some(text.nfc().collect())
    }
}

/// A JSON value's kind, with its article.
pub fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The keys and role words of one way to write a turn.
#[derive(Debug)]
pub struct Words {
    role: &'static str,
    content: &'static str,
    roles: &'static [(&'static str, Role)],
}

/// `{"role": "user", "content": …}`.
pub const MESSAGES: Words = Words {
    role: "role",
    content: "content",
    roles: &[("system", Role::System), ("user", Role::User), ("assistant", Role::Assistant), ("tool", Role::Tool)],
};

/// sharegpt: `{"from": "human", "value": …}`.
pub const SHAREGPT: Words = Words {
    role: "from",
    content: "value",
    roles: &[
        ("system", Role::System),
        ("human", Role::User),
        ("user", Role::User),
        ("gpt", Role::Assistant),
        ("assistant", Role::Assistant),
        ("tool", Role::Tool),
        ("function_call", Role::Tool),
        ("observation", Role::Tool),
    ],
};

/// The turns of `value`, or None and their faults. Turns in a `conversations` list may be written as messages too.
pub fn list(value: &Value, name: &str, words: &Words, faults: &mut Faults) -> Option<Vec<Message>> {
    let Value::Array(items) = value else {
        return faults.none(format!("{name} is {}, not a list", kind(value)));
    };
    if items.is_empty() {
        return faults.none(format!("{name} is empty"));
    }
    let turns: Vec<Option<Message>> = items
        .iter()
        .enumerate()
        .map(|(i, item)| {
            let name = format!("{name}[{i}]");
            let Value::Object(object) = item else {
                return faults.none(format!("{name} is {}, not an object", kind(item)));
            };
            let words = if object.contains_key(words.role) { words } else { &MESSAGES };
            turn(object, &name, words, faults)
        })
        .collect();
    turns.into_iter().collect()
}

fn turn(object: &Map<String, Value>, name: &str, words: &Words, faults: &mut Faults) -> Option<Message> {
    // What the template would be given silently, or not at all, is not passed over.
    for key in ["tool_calls", "function_call", "reasoning_content", "thinking"] {
        let given = match object.get(key) {
            None | Some(Value::Null) => false,
            Some(Value::String(text)) => !text.is_empty(),
            Some(Value::Array(list)) => !list.is_empty(),
            Some(_) => true,
        };
        if given {
            faults.push(format!(
                "{name}.{key} can't be trained on: write what the model should say into {}",
                words.content
            ));
        }
    }
    if object.get("weight").is_some_and(|w| !w.is_null() && w.as_f64() != Some(1.0)) {
        faults.push(format!("{name}.weight can't be followed: every assistant message is trained"));
    }
    let role = match object.get(words.role) {
        None => faults.none(format!("{name} has no {}", words.role)),
        Some(Value::String(word)) => match words.roles.iter().find(|(known, _)| known == word) {
            Some((_, Role::Tool)) => faults.none(format!(
                "{name} is a tool message, which can't be trained on: the served prompt holds system, user and assistant turns"
            )),
            Some((_, role)) => Some(*role),
            None => {
                let known: Vec<&str> = words.roles.iter().map(|r| r.0).filter(|r| *r != "tool").collect();
                faults.none(format!("{name}.{} is {word:?}; known are {}", words.role, known.join(", ")))
            }
        },
        Some(other) => faults.none(format!("{name}.{} is {}, not a text", words.role, kind(other))),
    };
    let content = match object.get(words.content) {
        None => faults.none(format!("{name} has no {}", words.content)),
        Some(value) => faults.text(value, &format!("{name}.{}", words.content)),
    };
    Some(Message { role: role?, content: content? })
}

/// System messages first, then a user, an answer at the end.
pub fn check_order(messages: &[Message], faults: &mut Faults) {
    let first = messages.iter().position(|m| m.role != Role::System).unwrap_or(messages.len());
    for (i, message) in messages.iter().enumerate().skip(first) {
        if message.role == Role::System {
            faults.push(format!("messages[{i}] is a system message after the first turn: it can only stand first"));
        }
    }
    if !messages.iter().any(|m| m.role == Role::Assistant) {
        return faults.push("has no assistant message: nothing in it can be trained");
    }
    if messages.get(first).is_some_and(|m| m.role == Role::Assistant) {
        faults.push("begins with an assistant message: a user's must come before it");
    }
    if messages.last().is_some_and(|m| m.role == Role::User) {
        faults.push("ends with a user message: an answer must come last");
    }
}
