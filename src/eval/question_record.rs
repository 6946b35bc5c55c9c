//! One record of a question file: what is asked and what is expected.

use serde_json::{Map, Value};

use super::answer_metrics::is_refusal;
use super::assertion::spoken;
use crate::chat::{Message, Role};
use crate::dataset::Unit;
use crate::store::Digest;

/// Keys of the question; a record has one of them, or `messages`.
pub(super) const ASKED: &[&str] = &["question", "prompt", "instruction"];
/// Keys of the expected answer; a record has at most one of them.
pub(super) const EXPECTED: &[&str] = &["answer", "expected", "output", "expected_answer"];
/// The category of questions that the documents do not answer.
pub const UNANSWERABLE: &str = "unanswerable";

/// A question with what is known of its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct TestQuestion {
    pub id: String,
    /// The conversation up to the answer; the last turn is the user's.
    pub messages: Vec<Message>,
    /// Values, and perhaps a sentence that holds them. The answer is compared with each.
    pub expected: Vec<String>,
    /// What an answer has to hold, where the file says so; `a|b` are alternatives.
    pub keywords: Vec<String>,
    pub category: String,
    /// What questions that are not independent have in common.
    pub cluster: String,
    pub source: Option<String>,
    pub fact: Option<String>,
    /// Ids of the passages of the documents that state the answer, where the file has them.
    pub units: Vec<Digest>,
    /// Whether the documents answer it; if not, a refusal is right.
    pub answerable: bool,
}

impl TestQuestion {
    /// An answerable question of one turn.
    #[cfg(test)]
    pub(crate) fn for_test(asked: &str, expected: &[&str]) -> Self {
        Self {
            id: "q".into(),
            messages: vec![Message::new(Role::User, asked)],
            expected: expected.iter().map(|text| (*text).to_owned()).collect(),
            keywords: Vec::new(),
            category: "c".into(),
            cluster: "c".into(),
            source: None,
            fact: None,
            units: Vec::new(),
            answerable: true,
        }
    }

    /// The last turn.
    pub fn asked(&self) -> &str {
        self.messages.last().map_or("", |m| &m.content)
    }
}

/// The question of an object, or all its faults. `cluster` is what the record says, or empty.
pub(super) fn question(object: &Map<String, Value>, unit: Unit, id: String) -> Result<TestQuestion, Vec<String>> {
    let mut record = Record { object, unit, faults: Vec::new() };
    let mut messages = record.messages();
    let mut expected = record.expected();
    if messages.last().is_some_and(|m| m.role == Role::Assistant) {
        let answer = messages.pop().map(|m| spoken(&m.content)).unwrap_or_default();
        if !answer.trim().is_empty() && !expected.contains(&answer) {
            expected.push(answer);
        }
    }
    match messages.last() {
        Some(last) if last.role == Role::User && !last.content.trim().is_empty() => {}
        Some(last) if last.role == Role::User => record.fault("the question is empty"),
        None if !record.faults.is_empty() => {}
        _ => record.fault("no user's turn before the answer: the last turn of the user is the question"),
    }
    let keywords = record.texts("keywords");
    let category = record.text("category").unwrap_or_else(|| "uncategorised".into());
    let refused = !expected.is_empty() && expected.iter().all(|text| is_refusal(text));
    let answerable = record.flag("answerable").unwrap_or(category != UNANSWERABLE && !refused);
    if record.faults.is_empty() && answerable && expected.is_empty() && keywords.is_empty() {
        record.fault(format!(
            "has nothing to compare an answer with: give one of {}, or keywords, or the category {UNANSWERABLE}",
            EXPECTED.join(", ")
        ));
    }
    let question = TestQuestion {
        id: record.text("id").unwrap_or(id),
        messages,
        expected,
        keywords,
        category,
        cluster: record.text("cluster").unwrap_or_default(),
        source: record.text("source"),
        fact: record.text("fact"),
        units: record.digests(UNITS),
        answerable,
    };
    if record.faults.is_empty() { Ok(question) } else { Err(record.faults) }
}

/// The key of the ids of the passages that state the answer.
pub(super) const UNITS: &str = "units";

/// Ids of passages, or what one of them is instead.
pub(super) fn digests(texts: &[String]) -> Result<Vec<Digest>, String> {
    let digest = |text: &String| text.parse::<Digest>().map_err(|e| format!("{e}"));
    texts.iter().map(digest).collect()
}

/// Whether something here reads the key.
pub(super) fn is_known(key: &str) -> bool {
    const OTHER: &[&str] = &[
        "messages",
        "system",
        "input",
        "keywords",
        "category",
        "cluster",
        "source",
        "fact",
        UNITS,
        "answerable",
        "id",
    ];
    [ASKED, EXPECTED, OTHER].iter().any(|list| list.contains(&key))
}

struct Record<'a> {
    object: &'a Map<String, Value>,
    unit: Unit,
    faults: Vec<String>,
}

impl<'a> Record<'a> {
    fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    fn present(&self, key: &str) -> Option<&'a Value> {
        self.object.get(key).filter(|value| !value.is_null())
    }

    /// The one key of the list that the record has.
    fn one_of(&mut self, keys: &[&'static str]) -> Option<&'static str> {
        let found: Vec<&str> = keys.iter().copied().filter(|key| self.present(key).is_some()).collect();
        if let [_, _, ..] = found.as_slice() {
            self.fault(format!("has {}; keep one of them", found.join(" and ")));
        }
        found.first().copied()
    }

    fn messages(&mut self) -> Vec<Message> {
        let asked = self.one_of(ASKED);
        let mut messages = match (asked, self.present("messages")) {
            (Some(key), Some(_)) => {
                self.fault(format!("has {key} and messages; keep one of them"));
                return Vec::new();
            }
            // Conversations stand under "prompt", too.
            (Some(key), None) => match self.present(key) {
                Some(list @ Value::Array(_)) => self.turns(key, list),
                _ => self.asked(key),
            },
            (None, Some(list)) => self.turns("messages", list),
            (None, None) => {
                self.fault(format!("has no question: give one of {}, or messages", ASKED.join(", ")));
                return Vec::new();
            }
        };
        if let Some(system) = self.text("system") {
            messages.insert(0, Message::new(Role::System, system));
        }
        messages
    }

    fn turns(&mut self, key: &str, list: &Value) -> Vec<Message> {
        match serde_json::from_value::<Vec<Message>>(list.clone()) {
            Ok(messages) if messages.is_empty() => self.fault(format!("{key} is an empty list")),
            Ok(messages) => return messages,
            Err(e) => self.fault(format!("{key}: {e}")),
        }
        Vec::new()
    }

    fn asked(&mut self, key: &str) -> Vec<Message> {
        let Some(text) = self.text(key) else { return Vec::new() };
        // The notation of alpaca: the instruction, and what it is about.
        let input = if key == "instruction" { self.filled("input") } else { None };
        let content = input.map_or_else(|| text.clone(), |input| with_input(&text, &input));
        vec![Message::new(Role::User, content)]
    }

    fn expected(&mut self) -> Vec<String> {
        self.one_of(EXPECTED).map(|key| self.texts(key)).unwrap_or_default()
    }

    /// As [`Self::text`], but an empty text is none.
    fn filled(&mut self, key: &str) -> Option<String> {
        match self.present(key) {
            Some(Value::String(text)) if text.trim().is_empty() => None,
            _ => self.text(key),
        }
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let value = self.present(key)?;
        match scalar(value) {
            Some(text) if text.trim().is_empty() => self.fault(format!("{key} is empty")),
            Some(text) if text.contains('\0') => self.fault(format!("{key} holds a NUL character")),
            Some(text) => return Some(text),
            None => self.fault(format!("{key} must be a text")),
        }
        None
    }

    /// A text, or a list of texts; in a cell of a table the list is written as JSON.
    fn texts(&mut self, key: &str) -> Vec<String> {
        let items = match self.present(key) {
            Some(Value::Array(items)) => items.clone(),
            Some(Value::String(cell)) if self.unit == Unit::Row && cell.trim_start().starts_with('[') => {
                match serde_json::from_str(cell) {
                    Ok(items) => items,
                    Err(_) => return self.text(key).into_iter().collect(),
                }
            }
            _ => return self.text(key).into_iter().collect(),
        };
        let texts: Vec<String> = items.iter().filter_map(scalar).filter(|text| !text.trim().is_empty()).collect();
        if texts.len() != items.len() || texts.is_empty() {
            self.fault(format!("{key} must be a list of texts, none of them empty"));
        }
        texts
    }

    fn digests(&mut self, key: &str) -> Vec<Digest> {
        if self.present(key).is_none() {
            return Vec::new();
        }
        match digests(&self.texts(key)) {
            Ok(digests) => return digests,
            Err(what) => self.fault(format!("{key}: {what}")),
        }
        Vec::new()
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        match scalar(self.present(key)?).as_deref() {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => {
                self.fault(format!("{key} must be true or false"));
                None
            }
        }
    }
}

/// An instruction and what it is about, in one turn.
pub(super) fn with_input(instruction: &str, input: &str) -> String {
    format!("{instruction}\n\n{input}")
}

/// A text, a number or a truth value, as text.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
