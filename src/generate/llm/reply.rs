//! A model's answer to the values of its schema.

use serde_json::Value;

use crate::eval::{Answered, Degenerate, Reply, degenerate};

use super::phrases::preamble;
use super::rejected::{Rejected, Rejection};
use super::text::shortened;
use super::writer::Written;

/// A key of a schema with the longest text that it allows, in characters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) limit: usize,
}

/// The texts of the keys, in their order.
pub(super) fn read(written: &Written, keys: &[Key]) -> Result<Vec<String>, Rejection> {
    let text = answer_text(written)?;
    let Ok(Value::Object(object)) = serde_json::from_str::<Value>(text) else {
        return Err(not_json(written, text));
    };
    if let Some(unknown) = object.keys().find(|k| keys.iter().all(|key| key.name != k.as_str())) {
        return Err(Rejection::new(Rejected::Keys, format!("unknown key {:?}", shortened(unknown))));
    }
    keys.iter().map(|key| value(object.get(key.name), key)).collect()
}

fn value(value: Option<&Value>, key: &Key) -> Result<String, Rejection> {
    let Some(Value::String(text)) = value else {
        return Err(Rejection::new(Rejected::Keys, format!("no text under {:?}", key.name)));
    };
    // The daemon cuts what would be longer.
    if text.chars().count() >= key.limit {
        return Err(Rejection::new(Rejected::LengthLimit, format!("{:?} has {} characters", key.name, key.limit)));
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return Err(Rejection::new(Rejected::TooShort, format!("{:?} is empty", key.name)));
    }
    Ok(text)
}

/// The answer without a fence around the whole of it; an error where it is none.
pub(super) fn answer_text(written: &Written) -> Result<&str, Rejection> {
    let answered = Answered { text: written.text.clone(), done: written.done, ..Answered::default() };
    let code = match degenerate(&Reply::Answer(answered)) {
        None => return Ok(unfenced(written.text.trim())),
        Some(Degenerate::Failed | Degenerate::NotDone) => Rejected::CallFailed,
        // White space alone is a loop that the token limit ended.
        Some(Degenerate::Loop) => Rejected::Loop,
        Some(Degenerate::Empty) if written.done_reason == "length" => Rejected::Loop,
        Some(Degenerate::Empty) => Rejected::TooShort,
        Some(Degenerate::UnclosedThought | Degenerate::Leak) => Rejected::NotJson,
    };
    Err(Rejection::new(code, format!("{} after {} tokens", written.done_reason, written.tokens)))
}

fn unfenced(text: &str) -> &str {
    let inside = text.strip_prefix("```json").or_else(|| text.strip_prefix("```")).and_then(|t| t.strip_suffix("```"));
    inside.map_or(text, str::trim)
}

fn not_json(written: &Written, text: &str) -> Rejection {
    if let Some(phrase) = preamble(text) {
        return Rejection::new(Rejected::Preamble, phrase);
    }
    // An object that white space fills up to the limit of tokens.
    let text = written.text.as_str();
    let padding = text.chars().filter(|c| c.is_whitespace()).count() * 2 > text.chars().count();
    let code = if written.done_reason == "length" && padding { Rejected::Loop } else { Rejected::NotJson };
    Rejection::new(code, shortened(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [Key; 2] = [Key { name: "question", limit: 20 }, Key { name: "reply", limit: 20 }];

    fn code(text: &str, reason: &str) -> Option<Rejected> {
        let written = Written { text: text.into(), done: true, done_reason: reason.into(), ..Written::default() };
        read(&written, &KEYS).err().map(|r| r.code)
    }

    #[test]
    fn only_an_object_with_all_its_keys_is_read() {
        let whole = r#"{"question": " Who\n is it? ", "reply": "X."}"#;
        let written = Written { text: whole.into(), done: true, ..Written::default() };
        assert_eq!(read(&written, &KEYS).unwrap(), ["Who is it?", "X."]);
        assert_eq!(code(&format!("```json\n{whole}\n```"), "stop"), None);
        for (text, reason, expected) in [
            (r#"{"question": "Who is"#, "length", Rejected::NotJson),
            (r#"Here is the question: {"question": "a", "reply": "b"}"#, "stop", Rejected::Preamble),
            (r#"{"question": "a"}"#, "stop", Rejected::Keys),
            (r#"{"question": "a", "reply": 4}"#, "stop", Rejected::Keys),
            (r#"{"question": "a", "reply": "b", "note": "c"}"#, "stop", Rejected::Keys),
            (r#"{"question": "01234567890123456789", "reply": "b"}"#, "stop", Rejected::LengthLimit),
            (r#"{"question": "  ", "reply": "b"}"#, "stop", Rejected::TooShort),
            ("\n\n\n \n", "length", Rejected::Loop),
            ("{\n \n \n \n \n \n \n \n \n", "length", Rejected::Loop),
            ("", "stop", Rejected::TooShort),
            ("HACKED", "stop", Rejected::NotJson),
            ("[1]", "stop", Rejected::NotJson),
        ] {
            assert_eq!(code(text, reason), Some(expected), "{text}");
        }
        let cut = Written { text: whole.into(), done: false, ..Written::default() };
        assert_eq!(read(&cut, &KEYS).unwrap_err().code, Rejected::CallFailed);
    }
}
