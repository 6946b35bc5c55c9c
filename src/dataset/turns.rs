//! Lists of turns: their roles, their contents, their masks, their order.

use serde_json::{Map, Value};

use super::findings::Findings;
use super::json::{kind, shown};
use super::{mask, refused};
use crate::chat::Role;

/// One turn as it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Turn {
    pub role: Role,
    /// Empty only in a system turn, which then stands for none.
    pub content: String,
    /// None: the turn says nothing of it.
    pub trained: Option<bool>,
}

impl Turn {
    pub(super) fn new(role: Role, content: String) -> Self {
        Self { role, content, trained: None }
    }
}

/// The keys and role names of one notation for turns.
#[derive(Debug)]
pub(super) struct Words {
    role: &'static str,
    content: &'static str,
    roles: &'static [(&'static str, Role)],
}

/// `{"role": "user", "content": …}`.
pub(super) const MESSAGES: Words = Words {
    role: "role",
    content: "content",
    roles: &[
        ("system", Role::System),
        ("user", Role::User),
        ("assistant", Role::Assistant),
        ("tool", Role::Tool),
        ("function", Role::Tool),
    ],
};

/// ShareGPT: `{"from": "human", "value": …}`.
pub(super) const SHAREGPT: Words = Words {
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
pub(super) fn list(value: &Value, name: &str, words: &Words, findings: &mut Findings) -> Option<Vec<Turn>> {
    let Value::Array(items) = value else {
        return findings.none(format!("{name} is {}, not a list", kind(value)));
    };
    if items.is_empty() {
        return findings.none(format!("{name} is empty"));
    }
    let turns: Vec<Option<Turn>> = items
        .iter()
        .enumerate()
        .map(|(i, item)| {
            let place = format!("{name}[{i}]");
            let Value::Object(object) = item else {
                return findings.none(format!("{place} is {}, not an object", kind(item)));
            };
            let words = if object.contains_key(words.role) { words } else { &MESSAGES };
            findings.ignore(object, &format!("{name}[]."), |key| known(key, words));
            turn(object, &place, words, findings)
        })
        .collect();
    turns.into_iter().collect()
}

/// What a template would be given silently, or not at all.
const NOT_TRAINED: [&str; 6] =
    ["tool_calls", "function_call", "reasoning_content", "reasoning", "thinking", "audio_transcript"];

fn known(key: &str, words: &Words) -> bool {
    key == words.role
        || key == words.content
        || NOT_TRAINED.contains(&key)
        || mask::known(key)
        || refused::known(key)
        // Only a tool's turn needs them.
        || key == "tool_call_id"
}

fn turn(object: &Map<String, Value>, name: &str, words: &Words, findings: &mut Findings) -> Option<Turn> {
    for key in NOT_TRAINED {
        if refused::given(object.get(key)) {
            findings.push(format!(
                "{name}.{key} cannot be trained on: write what the model should say into {}",
                words.content
            ));
        }
    }
    refused::media(object, name, findings);
    let trained = mask::of_object(object, name, findings);
    let role = role(object, name, words, findings);
    let content = match object.get(words.content) {
        None => findings.none(format!("{name} has no {}", words.content)),
        Some(value) => content(value, &format!("{name}.{}", words.content), role, findings),
    };
    if trained == Some(true) && role != Some(Role::Assistant) {
        findings.asks_for_prompt = true;
    }
    Some(Turn { role: role?, content: content?, trained })
}

fn role(object: &Map<String, Value>, name: &str, words: &Words, findings: &mut Findings) -> Option<Role> {
    let word = match object.get(words.role) {
        None => return findings.none(format!("{name} has no {}", words.role)),
        Some(Value::String(word)) => word,
        Some(other) => return findings.none(format!("{name}.{} is {}, not a text", words.role, kind(other))),
    };
    match words.roles.iter().find(|(known, _)| known == word) {
        Some((word, Role::Tool)) => findings.none(format!(
            "{name} is a tool message ({} is {word:?}), which cannot be trained on: the served prompt has system, user \
             and assistant turns",
            words.role
        )),
        Some((_, role)) => Some(*role),
        None => {
            let known: Vec<&str> = words.roles.iter().filter(|(_, r)| *r != Role::Tool).map(|(w, _)| *w).collect();
            findings.none(format!("{name}.{} is {}; expected {}", words.role, shown(word), known.join(", ")))
        }
    }
}

/// A text, or a list of parts whose texts are joined. An empty system text stands for none.
fn content(value: &Value, name: &str, role: Option<Role>, findings: &mut Findings) -> Option<String> {
    let text = match value {
        Value::Null if role == Some(Role::System) => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(parts) => joined(parts, name, findings)?,
        other => return findings.none(format!("{name} is {}, not a text", kind(other))),
    };
    match role {
        Some(Role::System) if text.trim().is_empty() => Some(String::new()),
        _ => findings.checked(text, name),
    }
}

/// The texts of parts as `{"type": "text", "text": …}` one after another, as chat templates write them.
fn joined(parts: &[Value], name: &str, findings: &mut Findings) -> Option<String> {
    let texts: Vec<Option<&str>> = parts
        .iter()
        .enumerate()
        .map(|(i, part)| {
            let part = match part {
                Value::Object(part) => part,
                other => return findings.none(format!("{name}[{i}] is {}, not a part with a type", kind(other))),
            };
            match (part.get("type").and_then(Value::as_str), part.get("text")) {
                (Some("text" | "input_text" | "output_text"), Some(Value::String(text))) => Some(text.as_str()),
                (Some("text" | "input_text" | "output_text"), _) => {
                    findings.none(format!("{name}[{i}] is a text part without a text"))
                }
                (Some(other), _) => {
                    findings.none(format!("{name}[{i}] is a part of type {}: only text is trained", shown(other)))
                }
                (None, _) => findings.none(format!("{name}[{i}] is a part without a type")),
            }
        })
        .collect();
    texts.into_iter().collect()
}

/// System messages first, then a user, an answer at the end.
pub(super) fn check_order(turns: &[Turn], name: &str, findings: &mut Findings) {
    let first = turns.iter().position(|m| m.role != Role::System).unwrap_or(turns.len());
    for (i, turn) in turns.iter().enumerate().skip(first) {
        if turn.role == Role::System {
            findings.push(format!("{name}[{i}] is a system message after the first turn: it can only stand first"));
        }
    }
    if !turns.iter().any(|m| m.role == Role::Assistant) {
        return findings.push("has no assistant message: nothing in it can be trained");
    }
    if turns.get(first).is_some_and(|m| m.role == Role::Assistant) {
        findings.push("begins with an assistant message: a user message must come before it");
    }
    if turns.last().is_some_and(|m| m.role == Role::User) {
        findings.push("ends with a user message: an answer must come last");
    }
    for (i, pair) in turns.windows(2).enumerate() {
        // The daemon joins neighbours of one role to one turn.
        let both = pair.iter().all(|t| t.role == Role::Assistant);
        if both && pair[0].trained.unwrap_or(true) != pair[1].trained.unwrap_or(true) {
            findings.push(format!(
                "{name}[{i}] and {name}[{}] are one turn for the model, and only one of them is trained: join them",
                i + 1
            ));
        }
    }
}
