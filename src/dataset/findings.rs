//! What is found in one record: its faults, and the keys that nothing reads.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::json::{kind, plain};

/// Distinct unknown keys that are kept of one record.
const MAX_IGNORED: usize = 100;

#[derive(Debug, Default)]
pub(super) struct Findings {
    pub faults: Vec<String>,
    /// Unknown keys, those of turns as `messages[].name`.
    pub ignored: BTreeSet<String>,
    /// A turn of the user or the system asks to be trained.
    pub asks_for_prompt: bool,
}

impl Findings {
    pub(super) fn push(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    /// Notes the fault; always None.
    pub(super) fn none<T>(&mut self, what: impl Into<String>) -> Option<T> {
        self.push(what);
        None
    }

    /// Notes the keys of `object` that are not `known`.
    pub(super) fn ignore(&mut self, object: &Map<String, Value>, prefix: &str, known: impl Fn(&str) -> bool) {
        for (key, value) in object {
            if !known(key) && !value.is_null() && self.ignored.len() < MAX_IGNORED {
                self.ignored.insert(format!("{prefix}{}", plain(key)));
            }
        }
    }

    /// A text that is not empty and holds no NUL, exactly as it is written.
    pub(super) fn text(&mut self, value: &Value, name: &str) -> Option<String> {
        match value {
            Value::String(text) => self.checked(text.clone(), name),
            other => self.none(format!("{name} is {}, not a text", kind(other))),
        }
    }

    pub(super) fn checked(&mut self, text: String, name: &str) -> Option<String> {
        if text.trim().is_empty() {
            return self.none(format!("{name} is empty"));
        }
        if text.contains('\0') {
            return self.none(format!("{name} holds a NUL character"));
        }
        Some(text)
    }
}
